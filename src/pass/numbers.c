/* numbers - the hardware has a barrier for all that meet at one.
 *
 * A block has sixteen: the first is its own, the last are those that the program declares, and the
 * target takes one for each group of more than a warp that has barriers of its own. */
#include "pass/internal.h"

typedef struct Meeting {
    int64_t begin, size, threads; /* groups of so many threads among those of a role */
} Meeting;

typedef struct Numbers {
    PassContext *ctx;
    int64_t declared, groups;
    VEC(Meeting) seen;
    bool failed;
} Numbers;

static void meet(Numbers *n, const IrStmt *s, Meeting m)
{
    for (size_t i = 0; i < n->seen.len; i++) {
        const Meeting *other = &n->seen.data[i];
        if (other->begin == m.begin && other->size == m.size && other->threads == m.threads) return;
    }
    VEC_PUSH(n->ctx->k->arena, n->seen, m);
    n->groups += (m.size + m.threads - 1) / m.threads;
    if (n->failed || n->declared + n->groups < IR_BARRIERS) return;
    n->failed = true;
    diag_report(n->ctx->diags, DIAG_BARRIERS, pass_span(n->ctx->k, s->origin),
                base_format(n->ctx->k->arena,
                            "a block has %d, one of them is its own, %lld are declared, and groups "
                            "that meet up to here take %lld",
                            IR_BARRIERS, (long long)n->declared, (long long)n->groups));
}

static void walk(Numbers *n, const IrBlock *block, int64_t begin, int64_t size)
{
    for (size_t i = 0; block && i < block->stmts.len; i++) {
        const IrStmt *s = block->stmts.data[i];
        bool role = s->kind == IR_STMT_ROLE;
        if (s->kind == IR_STMT_BARRIER && s->scope == IR_SCOPE_GROUP && s->imm > 32 &&
            s->imm < n->ctx->k->block_size)
            meet(n, s, (Meeting){begin, size, s->imm});
        walk(n, s->body, role ? s->imm : begin, role ? s->imm2 : size);
        walk(n, s->other, begin, size);
    }
}

bool pass_numbers(PassContext *ctx)
{
    Numbers n = {.ctx = ctx};
    for (size_t i = 0; i < ctx->k->tensors.len; i++) {
        const IrTensor *t = ctx->k->tensors.data[i];
        if (t->barrier) n.declared += ir_tensor_size(t);
    }
    walk(&n, ctx->k->body, 0, ctx->k->block_size);
    return !n.failed;
}
