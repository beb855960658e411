/* Places shared tensors: those of the kernel first, then those of its scopes, where scopes that
 * exclude one another begin at the same byte. */
#include "target/shared.h"

typedef struct Placing {
    IrKernel *k;
    TargetShared *shared;
} Placing;

static const IrExpr *quotient(IrKernel *k, const IrExpr *e, int64_t up, int64_t by)
{
    return ir_binary(k, IR_DIV, ir_binary(k, IR_ADD, e, ir_index(k, up)), ir_index(k, by));
}

const IrExpr *target_tensor_bytes(IrKernel *k, const IrTensor *t)
{
    int bits = vocab_elem(t->elem)->bits;
    const IrExpr *count = ir_tensor_elements(k, t);
    if (bits >= 8) return ir_binary(k, IR_MUL, count, ir_index(k, bits / 8));
    return quotient(k, ir_binary(k, IR_MUL, count, ir_index(k, bits)), 7, 8);
}

int64_t target_shared_align(const IrTensor *t)
{
    int bits = t->layout ? t->layout->swizzle_bits : 0;
    if (bits >= 1 && bits <= 3) return (int64_t)TARGET_BULK_ALIGN << bits;
    return t->bulk ? TARGET_BULK_ALIGN : TARGET_SHARED_ALIGN;
}

static const IrExpr *rounded(IrKernel *k, const IrExpr *bytes, int64_t align)
{
    return ir_binary(k, IR_MUL, quotient(k, bytes, align - 1, align), ir_index(k, align));
}

static const IrExpr *place(const Placing *p, const IrTensor *t, const IrExpr *base)
{
    int64_t align = target_shared_align(t);
    const IrExpr *bytes = rounded(p->k, target_tensor_bytes(p->k, t), align);
    const IrExpr *at = rounded(p->k, base, align), *end = ir_binary(p->k, IR_ADD, at, bytes);
    p->shared->at[t->id] = at;
    const IrExpr *apart = rounded(p->k, p->shared->apart, align);
    p->shared->apart = ir_binary(p->k, IR_ADD, apart, bytes);
    return end;
}

static bool takes_room(const IrTensor *t)
{
    return t->space == IR_SHARED && !t->of && !t->barrier;
}

/* Those of one scope, or (NULL) of the kernel: first the ones of constant size. */
static const IrExpr *place_tensors(const Placing *p, const IrStmt *scope, const IrExpr *base)
{
    for (int constant = 1; constant >= 0; --constant)
        for (size_t i = 0; i < p->k->tensors.len; ++i) {
            const IrTensor *t = p->k->tensors.data[i];
            if (!takes_room(t) || t->scope != scope || p->shared->at[i]) continue;
            if ((ir_tensor_size(t) >= 0) == constant) base = place(p, t, base);
        }
    return base;
}

/* Places what the scopes inside `block` hold from `base` on; where the highest of them ends. */
static const IrExpr *place_scopes(const Placing *p, const IrBlock *block, const IrExpr *base)
{
    const IrExpr *end = base;
    for (size_t i = 0; block && i < block->stmts.len; ++i) {
        const IrStmt *s = block->stmts.data[i];
        const IrExpr *inner = s->kind == IR_STMT_SCOPE ? place_tensors(p, s, base) : base;
        const IrExpr *ends[] = {place_scopes(p, s->body, inner), place_scopes(p, s->other, inner)};
        for (int j = 0; j < 2; ++j)
            if (ends[j] != base)
                end = end == base ? ends[j] : ir_binary(p->k, IR_MAX, end, ends[j]);
        /* Roles run at the same time: theirs must not share. */
        if (s->kind == IR_STMT_ROLE) base = end;
    }
    return end;
}

/* Those of scopes that are gone. */
static const IrExpr *place_rest(const Placing *p, const IrExpr *base)
{
    for (size_t i = 0; i < p->k->tensors.len; ++i) {
        const IrTensor *t = p->k->tensors.data[i];
        if (takes_room(t) && !p->shared->at[i]) base = place(p, t, base);
    }
    return base;
}

TargetShared target_place_shared(IrKernel *k)
{
    TargetShared shared = {.at = NEW_ARRAY(k->arena, const IrExpr *, k->tensors.len + 1),
                           .apart = ir_index(k, 0)};
    Placing p = {k, &shared};
    const IrExpr *end = place_tensors(&p, NULL, ir_index(k, 0));
    shared.total = place_rest(&p, place_scopes(&p, k->body, end));
    shared.at_launch = !ir_is_const(shared.total);
    return shared;
}

IrKernel *target_shared_kernel(const TargetInstance *instance)
{
    for (int i = 0; i < instance->variant_count; ++i)
        if (instance->variants[i].cuda) return instance->variants[i].cuda;
    return instance->kernel;
}
