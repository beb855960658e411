/* Nodes: hash-consing, leaves, and the facts of op rows. */
#include "ir/nodes.h"

static const IrOpInfo infos[IR_OP_COUNT] = {
#define IR(id, text, arity, result, flags) [IR_##id] = {text, arity, flags},
#include "ir/ops.def"
#undef IR
};

typedef enum { RULE_SAME, RULE_BOOL, RULE_SECOND, RULE_INDEX, RULE_GIVEN } Rule;

static const Rule rules[IR_OP_COUNT] = {
#define IR(id, text, arity, result, flags) [IR_##id] = RULE_##result,
#include "ir/ops.def"
#undef IR
};

static const char *const stmt_texts[IR_STMT_COUNT] = {
#define STMT(id, text, var, tensor, args, body, other) [IR_STMT_##id] = text,
#include "ir/stmts.def"
#undef STMT
};

static const Op operators[IR_OP_COUNT] = {
#define UNARY(id, text, name) [IR_##id] = OP_##id,
#define BINARY(id, text, name, precedence, result, flags) [IR_##id] = OP_##id,
#include "vocab/operators.def"
#undef UNARY
#undef BINARY
};

static const Builtin builtins[IR_OP_COUNT] = {
    [IR_FMA] = BUILTIN_FMA,
    [IR_SQRT] = BUILTIN_SQRT,
    [IR_ABS] = BUILTIN_ABS,
    [IR_FLOOR] = BUILTIN_FLOOR,
    [IR_CEIL] = BUILTIN_CEIL,
    [IR_TRUNC] = BUILTIN_TRUNC,
    [IR_RINT] = BUILTIN_RINT,
    [IR_ISNAN] = BUILTIN_ISNAN,
    [IR_COPYSIGN] = BUILTIN_COPYSIGN,
    [IR_ISINF] = BUILTIN_ISINF,
    [IR_CLZ] = BUILTIN_CLZ,
    [IR_CTZ] = BUILTIN_CTZ,
    [IR_POPCOUNT] = BUILTIN_POPCOUNT,
    [IR_MULHI] = BUILTIN_MULHI,
    [IR_PRMT] = BUILTIN_PRMT,
    [IR_LOP3] = BUILTIN_LOP3,
    [IR_DOT4] = BUILTIN_DOT4,
    [IR_APPROX_EXP2] = BUILTIN_APPROX_EXP2,
    [IR_APPROX_LOG2] = BUILTIN_APPROX_LOG2,
    [IR_APPROX_RCP] = BUILTIN_APPROX_RCP,
    [IR_APPROX_RSQRT] = BUILTIN_APPROX_RSQRT,
    [IR_APPROX_SQRT] = BUILTIN_APPROX_SQRT,
    [IR_APPROX_SIN] = BUILTIN_APPROX_SIN,
    [IR_APPROX_COS] = BUILTIN_APPROX_COS,
    [IR_APPROX_TANH] = BUILTIN_APPROX_TANH,
};

const IrOpInfo *ir_op_info(IrOp op)
{
    return &infos[op];
}

const char *ir_stmt_text(IrStmtKind kind)
{
    return stmt_texts[kind];
}

Op ir_op_operator(IrOp op)
{
    return operators[op];
}

Builtin ir_op_builtin(IrOp op)
{
    return builtins[op];
}

IrOp ir_builtin_op(Builtin builtin)
{
    IrOp op = IR_FMA;
    while (op < IR_OP_COUNT && builtins[op] != builtin) op++;
    return op;
}

IrOp ir_op_find(const char *text, size_t len)
{
    for (int i = 0; i < IR_OP_COUNT; i++)
        if (strlen(infos[i].text) == len && memcmp(infos[i].text, text, len) == 0) return (IrOp)i;
    return IR_OP_COUNT;
}

IrType ir_result_type(IrOp op, int count, const IrExpr *const *args)
{
    Rule rule = rules[op];
    if (rule == RULE_INDEX) return (IrType){ELEM_INDEX, 1};
    if (rule == RULE_SAME) return args[0]->type;
    if (rule == RULE_SECOND) return args[1]->type;
    if (rule == RULE_BOOL) return (IrType){ELEM_BOOL, args[0]->type.lanes};
    return args[count - 1]->type; /* DOT4; others state their type */
}

/* ---- hash-consing ---------------------------------------------------------------------------- */

static uint32_t hash_node(IrOp op, IrType type, uint32_t flags, uint64_t payload, int count,
                          const IrExpr *const *args)
{
    uint64_t h = payload * 0x9e3779b97f4a7c15u;
    h ^= (uint64_t)op | (uint64_t)type.elem << 8 | (uint64_t)type.lanes << 16 |
         (uint64_t)flags << 32;
    for (int i = 0; i < count; i++) {
        h = (h ^ (h >> 29)) * 0xbf58476d1ce4e5b9u;
        h ^= args[i]->id;
    }
    h = (h ^ (h >> 30)) * 0x94d049bb133111ebu;
    return (uint32_t)(h >> 32);
}

static uint64_t payload_of(const IrExpr *e)
{
    return e->op == IR_CONST ? (uint64_t)e->value.i : (uint64_t)e->imm;
}

static bool same_node(const IrExpr *e, IrOp op, IrType type, uint32_t flags, uint64_t payload,
                      int count, const IrExpr *const *args)
{
    if (e->op != op || e->flags != flags || e->type.elem != type.elem ||
        e->type.lanes != type.lanes || e->count != (uint32_t)count || payload_of(e) != payload)
        return false;
    for (int i = 0; i < count; i++)
        if (e->args[i] != args[i]) return false;
    return true;
}

static void grow_table(IrKernel *k)
{
    IrTable *t = k->table;
    const IrExpr **old = t->slots;
    uint32_t *old_hashes = t->hashes;
    size_t old_count = t->slot_count;
    t->slot_count = old_count ? old_count * 4 : 1024;
    t->slots = NEW_ARRAY(k->arena, const IrExpr *, t->slot_count);
    t->hashes = NEW_ARRAY(k->arena, uint32_t, t->slot_count);
    for (size_t i = 0; i < old_count; i++) {
        if (!old[i]) continue;
        size_t at = old_hashes[i] & (t->slot_count - 1);
        while (t->slots[at]) at = (at + 1) & (t->slot_count - 1);
        t->slots[at] = old[i];
        t->hashes[at] = old_hashes[i];
    }
}

static IrExpr *new_node(IrKernel *k, IrOp op, IrType type, uint32_t flags, uint64_t payload,
                        int count, const IrExpr *const *args)
{
    IrExpr *e = base_alloc(k->arena, sizeof(IrExpr) + (size_t)count * sizeof *args);
    e->op = op;
    e->flags = flags;
    e->id = k->expr_count++;
    e->type = type;
    e->origin = k->table->origin;
    e->count = (uint32_t)count;
    if (op == IR_CONST) {
        e->value.elem = type.elem;
        e->value.i = (int64_t)payload;
    } else {
        e->imm = (int64_t)payload;
    }
    if (count) memcpy((void *)e->args, (const void *)args, (size_t)count * sizeof *args);
    return e;
}

/* The slot of the node: its place in the table, or where it belongs. */
static size_t find_node(IrKernel *k, uint32_t hash, IrOp op, IrType type, uint32_t flags,
                        uint64_t payload, int count, const IrExpr *const *args)
{
    IrTable *t = k->table;
    if ((size_t)k->expr_count * 2 >= t->slot_count) grow_table(k);
    size_t mask = t->slot_count - 1, at = hash & mask;
    while (t->slots[at] && (t->hashes[at] != hash ||
                            !same_node(t->slots[at], op, type, flags, payload, count, args)))
        at = (at + 1) & mask;
    return at;
}

const IrExpr *ir_node(IrKernel *k, IrOp op, IrType type, uint32_t flags, uint64_t payload,
                      int count, const IrExpr *const *args)
{
    uint32_t hash = hash_node(op, type, flags, payload, count, args);
    size_t at = find_node(k, hash, op, type, flags, payload, count, args);
    if (k->table->slots[at]) return k->table->slots[at];
    IrExpr *e = new_node(k, op, type, flags, payload, count, args);
    Interval range = ir_interval(op, type, payload, count, args);
    e->lo = range.lo;
    e->hi = range.hi;
    k->table->slots[at] = e;
    k->table->hashes[at] = hash;
    return e;
}

const IrExpr *ir_leaf(IrKernel *k, IrOp op, IrType type, uint64_t payload, Interval range)
{
    uint32_t hash = hash_node(op, type, 0, payload, 0, NULL);
    size_t at = find_node(k, hash, op, type, 0, payload, 0, NULL);
    IrExpr *e = (IrExpr *)(uintptr_t)k->table->slots[at];
    if (!e) {
        e = new_node(k, op, type, 0, payload, 0, NULL);
        k->table->slots[at] = e;
        k->table->hashes[at] = hash;
    }
    e->lo = range.lo;
    e->hi = range.hi;
    return e;
}

const IrExpr *ir_operator(IrKernel *k, IrOp op, int count, const IrExpr *const *args)
{
    return ir_node(k, op, ir_result_type(op, count, args), 0, 0, count, args);
}

const IrExpr *ir_operator2(IrKernel *k, IrOp op, const IrExpr *a, const IrExpr *b)
{
    const IrExpr *args[] = {a, b};
    return ir_operator(k, op, 2, args);
}

/* ---- leaves ---------------------------------------------------------------------------------- */

void ir_set_origin(IrKernel *k, uint32_t origin)
{
    k->table->origin = origin;
}

const IrExpr *ir_const(IrKernel *k, Scalar value)
{
    uint64_t bits = (uint64_t)value.i;
    return ir_node(k, IR_CONST, (IrType){value.elem, 1}, 0, bits, 0, NULL);
}

const IrExpr *ir_int(IrKernel *k, Elem elem, int64_t value)
{
    return ir_const(k, scalar_int(elem, value));
}

const IrExpr *ir_index(IrKernel *k, int64_t value)
{
    return ir_node(k, IR_CONST, (IrType){ELEM_INDEX, 1}, 0, (uint64_t)value, 0, NULL);
}

const IrExpr *ir_bool(IrKernel *k, bool value)
{
    return ir_node(k, IR_CONST, (IrType){ELEM_BOOL, 1}, 0, value, 0, NULL);
}

static const IrType index_type = {ELEM_INDEX, 1};
static const int64_t LARGEST_SIZE = (int64_t)1 << 62;

const IrExpr *ir_size(IrKernel *k, int number)
{
    return ir_leaf(k, IR_SIZE, index_type, (uint64_t)number, (Interval){0, LARGEST_SIZE});
}

const IrExpr *ir_arg(IrKernel *k, int number, Elem elem)
{
    IrType type = {elem, 1};
    return ir_node(k, IR_ARG, type, 0, (uint64_t)number, 0, NULL);
}

const IrExpr *ir_var_node(IrKernel *k, IrVar *var)
{
    Interval range = ir_type_range(var->type);
    if (var->lo > range.lo) range.lo = var->lo;
    if (var->hi < range.hi) range.hi = var->hi;
    if (range.lo > range.hi) range = ir_type_range(var->type);
    return ir_leaf(k, IR_VAR, var->type, (uint64_t)(uintptr_t)var, range);
}

const IrExpr *ir_var(IrKernel *k, IrVar *var)
{
    const IrExpr *e = ir_var_node(k, var);
    return e->lo == e->hi && ir_is_integer(e) ? ir_int(k, var->type.elem, e->lo) : e;
}

/* The largest value of TID, BID or GDIM. */
static int64_t counter_top(const IrKernel *k, IrOp op, int dim)
{
    if (op == IR_TID) return k->block_size > 0 ? k->block_size - 1 : INT64_MAX;
    int64_t extent = k->grid[dim] ? k->grid[dim]->hi : LARGEST_SIZE;
    if (extent > LARGEST_SIZE) extent = LARGEST_SIZE;
    if (op == IR_BID) extent--;
    return extent > 0 ? extent : 0;
}

const IrExpr *ir_counter_node(IrKernel *k, IrOp op, int dim)
{
    Interval range = {0, counter_top(k, op, dim)};
    return ir_leaf(k, op, index_type, (uint64_t)dim, range);
}

static const IrExpr *counter(IrKernel *k, IrOp op, int dim)
{
    if (counter_top(k, op, dim) == 0) return ir_index(k, 0);
    return ir_counter_node(k, op, dim);
}

const IrExpr *ir_tid(IrKernel *k)
{
    return counter(k, IR_TID, 0);
}

const IrExpr *ir_bid(IrKernel *k, int dim)
{
    return counter(k, IR_BID, dim);
}

const IrExpr *ir_gdim(IrKernel *k, int dim)
{
    const IrExpr *extent = k->grid[dim];
    return extent && ir_is_const(extent) ? extent : counter(k, IR_GDIM, dim);
}
