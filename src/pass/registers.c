/* How many registers a thread has. */
#include "pass/internal.h"

enum { FILE_REGISTERS = 65536, MOST_REGISTERS = 255 };
enum { ROUND_REGISTERS = 30, WIDE_ROUND_REGISTERS = 80 }; /* for addresses, guards and counters */

/* Where tensors are named: the first and the last of the statements, numbered from 1. */
typedef struct Places {
    const IrStmt *around;
    int *first, *last; /* by tensor */
    int at, begin, end;
} Places;

static void note(Places *p, const IrTensor *t)
{
    if (p->first[t->id] == 0) p->first[t->id] = p->at;
    p->last[t->id] = p->at;
}

static bool note_load(void *user, const IrExpr *e)
{
    if (e->op == IR_LOAD) note(user, e->tensor);
    return false;
}

static void number(Places *p, const IrBlock *block)
{
    for (size_t i = 0; block && i < block->stmts.len; i++) {
        const IrStmt *s = block->stmts.data[i];
        ++p->at;
        if (s == p->around) p->begin = p->at;
        if (s->tensor) note(p, s->tensor);
        pass_any_operand(s, note_load, p);
        number(p, s->body);
        number(p, s->other);
        if (s == p->around) p->end = p->at;
    }
}

static int64_t held(const IrTensor *t)
{
    int64_t count = t->space == IR_TILE      ? ir_tile_slots(t)
                    : t->space == IR_PRIVATE ? ir_tensor_size(t)
                                             : 0;
    return count * vocab_elem(t->elem)->bits / 32;
}

static int64_t most_registers(const IrKernel *k)
{
    int64_t threads = k->block_size * (k->occupancy > 0 ? k->occupancy : 1);
    int64_t most = FILE_REGISTERS / (threads > 0 ? threads : 1);
    return most < MOST_REGISTERS ? most : MOST_REGISTERS;
}

int64_t pass_registers_left(const PassContext *ctx)
{
    const IrKernel *k = ctx->k;
    int64_t left = most_registers(k);
    for (size_t i = 0; i < k->tensors.len; i++) left -= held(k->tensors.data[i]);
    return left;
}

int64_t pass_registers_in(const PassContext *ctx, const IrStmt *loop)
{
    const IrKernel *k = ctx->k;
    int64_t left = most_registers(k);
    left -= ctx->options->index_bits > 32 ? WIDE_ROUND_REGISTERS : ROUND_REGISTERS;
    Places p = {.around = loop,
                .first = NEW_ARRAY(k->arena, int, k->tensors.len + 1),
                .last = NEW_ARRAY(k->arena, int, k->tensors.len + 1)};
    number(&p, k->body);
    for (size_t i = 0; i < k->tensors.len; i++)
        if (p.first[i] && p.first[i] <= p.end && p.last[i] >= p.begin)
            left -= held(k->tensors.data[i]);
    return left;
}
