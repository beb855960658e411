/* From IR expressions to host code; what a variant demands of a call. */
#include "target/hostcode.h"
#include "target/shared.h"

/* HD_X_CONST is no operator of the IR, so 0 marks what the host cannot compute. */
static const uint8_t HOST_OPS[IR_OP_COUNT] = {
    [IR_NEG] = HD_X_NEG, [IR_NOT] = HD_X_NOT,    [IR_ADD] = HD_X_ADD,       [IR_SUB] = HD_X_SUB,
    [IR_MUL] = HD_X_MUL, [IR_DIV] = HD_X_DIV,    [IR_MOD] = HD_X_MOD,       [IR_MIN] = HD_X_MIN,
    [IR_MAX] = HD_X_MAX, [IR_BITAND] = HD_X_AND, [IR_AND] = HD_X_AND,       [IR_BITOR] = HD_X_OR,
    [IR_OR] = HD_X_OR,   [IR_BITXOR] = HD_X_XOR, [IR_SHL] = HD_X_SHL,       [IR_SHR] = HD_X_SHR,
    [IR_EQ] = HD_X_EQ,   [IR_NE] = HD_X_NE,      [IR_LT] = HD_X_LT,         [IR_LE] = HD_X_LE,
    [IR_GT] = HD_X_GT,   [IR_GE] = HD_X_GE,      [IR_SELECT] = HD_X_SELECT,
};

static void push(Arena *arena, HostCode *code, int64_t value)
{
    VEC_PUSH(arena, *code, value);
}

static void push_leaf(Arena *arena, HostCode *code, HdHostOp op, int64_t value)
{
    push(arena, code, op);
    push(arena, code, value);
}

void host_code_add(Arena *arena, HostCode *code, const IrExpr *e)
{
    bool is_float = vocab_elem_is_float(e->type.elem);
    if (e->op == IR_CONST && !is_float) {
        push_leaf(arena, code, HD_X_CONST, e->value.i);
    } else if (e->op == IR_SIZE) {
        push_leaf(arena, code, HD_X_SIZE, e->imm);
    } else if (e->op == IR_ARG) {
        push_leaf(arena, code, HD_X_ARG, e->imm);
    } else if (e->op == IR_CAST && !vocab_elem_is_float(e->args[0]->type.elem)) {
        host_code_add(arena, code, e->args[0]);
    } else if (HOST_OPS[e->op] && !is_float) {
        for (uint32_t i = 0; i < e->count; ++i) host_code_add(arena, code, e->args[i]);
        push(arena, code, HOST_OPS[e->op]);
    } else {
        base_internal(base_arena_escape(arena), "the host cannot compute the op %s",
                      ir_op_info(e->op)->text);
    }
}

/* ---- guards ---------------------------------------------------------------------------------- */

typedef struct Guard {
    Arena *arena;
    const IrKernel *kernel;
    HostGuard terms;
} Guard;

/* The term `code OP limit`. */
static void demand(Guard *g, HostCode code, HdHostOp op, int64_t limit)
{
    push_leaf(g->arena, &code, HD_X_CONST, limit);
    push(g->arena, &code, op);
    VEC_PUSH(g->arena, g->terms, code);
}

static void demand_leaf(Guard *g, HdHostOp leaf, size_t number, HdHostOp op, int64_t limit)
{
    HostCode code = {0};
    push_leaf(g->arena, &code, leaf, (int64_t)number);
    demand(g, code, op, limit);
}

/* A block's number fits 31 bits. Each extent is known to be small, so the products below, asked for
 * one after another, cannot overflow. */
static void few_blocks(Guard *g)
{
    const IrExpr *const *grid = g->kernel->grid;
    for (int count = 2; count <= 3; ++count) {
        if (!grid[count - 1] || ir_is_int(grid[count - 1], 1)) continue;
        HostCode code = {0};
        for (int d = 0; d < count; ++d) {
            if (grid[d])
                host_code_add(g->arena, &code, grid[d]);
            else
                push_leaf(g->arena, &code, HD_X_CONST, 1);
            if (d) push(g->arena, &code, HD_X_MUL);
        }
        demand(g, code, HD_X_LE, INT32_MAX);
    }
}

/* Everything an index can reach stays far enough below 2^31 that overhanging tiles do too. */
static void narrow_index(Guard *g)
{
    const int64_t limit = (int64_t)1 << 30;
    for (size_t i = 0; i < g->kernel->sizes.len; ++i) demand_leaf(g, HD_X_SIZE, i, HD_X_LE, limit);
    for (size_t i = 0; i < g->kernel->params.len; ++i) {
        const IrParam *p = &g->kernel->params.data[i];
        if (p->is_tensor) {
            demand_leaf(g, HD_X_BYTES, i, HD_X_LE, limit / 8 * vocab_elem(p->tensor->elem)->bits);
        } else if (p->elem == ELEM_INDEX) {
            demand_leaf(g, HD_X_ARG, i, HD_X_GE, -limit);
            demand_leaf(g, HD_X_ARG, i, HD_X_LE, limit);
        }
    }
    for (int d = 0; d < 3; ++d) {
        const IrExpr *grid = g->kernel->grid[d];
        if (!grid || ir_is_const(grid)) continue;
        HostCode code = {0};
        host_code_add(g->arena, &code, grid);
        demand(g, code, HD_X_LE, limit);
    }
    few_blocks(g);
}

static void small_parts(Guard *g, const IrExpr *e)
{
    for (uint32_t i = 0; i < e->count; ++i) small_parts(g, e->args[i]);
    if (e->count == 0) return;
    HostCode code = {0};
    host_code_add(g->arena, &code, e);
    demand(g, code, HD_X_LE, (int64_t)1 << 30);
}

/* Where shared tensors lie is computed by the kernel too: no step of it overflows. */
static void narrow_shared(Guard *g, const TargetVariant *variant)
{
    if (!variant->cuda) return;
    TargetShared shared = target_place_shared(variant->cuda);
    if (shared.at_launch) small_parts(g, shared.total);
}

static void row_aligned(Guard *g, const IrExpr *step, int bits, int bytes)
{
    HostCode code = {0};
    host_code_add(g->arena, &code, step);
    push_leaf(g->arena, &code, HD_X_CONST, bits);
    push(g->arena, &code, HD_X_MUL);
    push_leaf(g->arena, &code, HD_X_CONST, (int64_t)bytes * 8);
    push(g->arena, &code, HD_X_MOD);
    demand(g, code, HD_X_EQ, 0);
}

static void aligned(Guard *g, int bytes)
{
    for (size_t i = 0; i < g->kernel->params.len; ++i) {
        const IrParam *p = &g->kernel->params.data[i];
        if (!p->is_tensor || vocab_elem_bytes(p->tensor->elem) >= bytes) continue;
        const IrTensor *x = p->tensor;
        int bits = vocab_elem(x->elem)->bits;
        demand_leaf(g, HD_X_ALIGN, i, HD_X_GE, bytes);
        if (!x->strides && x->rank > 1) row_aligned(g, x->extents[x->rank - 1], bits, bytes);
        for (int d = 0; x->strides && d + 1 < x->rank; ++d)
            row_aligned(g, x->strides[d], bits, bytes);
    }
}

/* Of a tensor without elements there is no tensor map. */
static void filled(Guard *g, const TargetVariant *variant)
{
    for (size_t i = 0; i < variant->maps.len; ++i)
        demand_leaf(g, HD_X_BYTES, (size_t)variant->maps.data[i].tensor->param, HD_X_GE, 1);
}

HostGuard host_code_guard(Arena *arena, const IrKernel *kernel, const TargetVariant *variant)
{
    Guard g = {.arena = arena, .kernel = kernel};
    if (variant->index_bits == 32) {
        narrow_index(&g);
        narrow_shared(&g, variant);
    }
    if (variant->alignment > 1) {
        aligned(&g, variant->alignment);
        filled(&g, variant);
    }
    return g.terms;
}
