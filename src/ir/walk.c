/* Walking statements, rewriting, searching and evaluating expressions. Expressions share operands,
 * so each of these remembers the nodes it has seen. */
#include "ir/nodes.h"

bool ir_walk(IrBlock *block, IrVisit visit, void *user)
{
    for (size_t i = 0; block && i < block->stmts.len; i++) {
        IrStmt *s = block->stmts.data[i];
        if (!visit(user, s) || !ir_walk(s->body, visit, user) || !ir_walk(s->other, visit, user))
            return false;
    }
    return true;
}

/* ---- rewriting ------------------------------------------------------------------------------- */

/* Results by the id of the old node; valid where stamped with the current use. */
typedef struct IrMemo {
    struct IrMemo *next;
    uint32_t cap, stamp;
    uint32_t *stamps;
    const IrExpr **results;
} IrMemo;

static IrMemo *take_memo(IrKernel *k)
{
    IrMemo *memo = k->table->memos;
    if (memo) {
        k->table->memos = memo->next;
    } else {
        memo = NEW(k->arena, IrMemo);
    }
    if (memo->cap < k->expr_count) {
        memo->cap = k->expr_count * 2;
        memo->stamps = NEW_ARRAY(k->arena, uint32_t, memo->cap);
        memo->results = NEW_ARRAY(k->arena, const IrExpr *, memo->cap);
    }
    memo->stamp++;
    return memo;
}

static const IrExpr *rewrite(IrKernel *k, const IrExpr *e, IrReplace replace, void *user,
                             IrMemo *memo)
{
    enum { INLINE_ARGS = 16 };
    const IrExpr *small[INLINE_ARGS], **args = small;
    if (memo->stamps[e->id] == memo->stamp) return memo->results[e->id];
    const IrExpr *result = e;
    if (e->count > INLINE_ARGS)
        args = (const IrExpr **)NEW_ARRAY(k->arena, const IrExpr *, e->count);
    bool changed = false;
    for (uint32_t i = 0; i < e->count; i++) {
        args[i] = rewrite(k, e->args[i], replace, user, memo);
        changed |= args[i] != e->args[i];
    }
    if (changed) result = ir_rebuild(k, e, args);
    const IrExpr *other = replace(user, result);
    if (other) result = other;
    memo->stamps[e->id] = memo->stamp;
    memo->results[e->id] = result;
    return result;
}

const IrExpr *ir_rewrite(IrKernel *k, const IrExpr *e, IrReplace replace, void *user)
{
    /* Only nodes below e are looked up, and those exist now: the memo is large enough. */
    IrMemo *memo = take_memo(k);
    const IrExpr *result = rewrite(k, e, replace, user, memo);
    memo->next = k->table->memos;
    k->table->memos = memo;
    return result;
}

/* ---- searching, evaluating ------------------------------------------------------------------- */

/* A cache of the last nodes met, by id: enough that shared operands are not walked again and
 * again, without memory from anywhere. */
enum { SEEN = 256 };

typedef struct Search {
    bool (*test)(void *user, const IrExpr *e);
    void *user;
    const IrExpr *seen[SEEN];
} Search;

static bool search(Search *s, const IrExpr *e)
{
    if (s->seen[e->id % SEEN] == e) return false;
    if (s->test(s->user, e)) return true;
    for (uint32_t i = 0; i < e->count; i++)
        if (search(s, e->args[i])) return true;
    s->seen[e->id % SEEN] = e;
    return false;
}

bool ir_any(const IrExpr *e, bool (*test)(void *user, const IrExpr *e), void *user)
{
    if (e->count == 0) return test(user, e);
    Search s = {.test = test, .user = user};
    return search(&s, e);
}

typedef struct Evaluation {
    IrLeaf leaf;
    void *user;
    struct {
        const IrExpr *expr;
        int64_t value;
    } seen[SEEN];
} Evaluation;

static bool evaluate(Evaluation *v, const IrExpr *e, int64_t *value);

static bool evaluate_operator(Evaluation *v, const IrExpr *e, int64_t *value)
{
    Scalar args[4], r;
    Elem elem = e->args[0]->type.elem;
    if (e->count > BASE_LEN(args)) return false;
    for (uint32_t i = 0; i < e->count; i++) {
        if (vocab_elem_is_float(e->args[i]->type.elem) || e->args[i]->type.lanes != 1) return false;
        args[i].elem = i ? e->args[i]->type.elem : elem;
        if (!evaluate(v, e->args[i], &args[i].i)) return false;
    }
    bool ok = e->op == IR_CAST         ? (r = scalar_cast(e->type.elem, args[0]), true)
              : ir_op_builtin(e->op)   ? scalar_math(ir_op_builtin(e->op), args, (int)e->count, &r)
              : !ir_op_operator(e->op) ? false
              : e->count == 1          ? scalar_unary(ir_op_operator(e->op), args[0], &r)
                                       : scalar_binary(ir_op_operator(e->op), args[0], args[1], &r);
    if (!ok || vocab_elem_is_float(r.elem)) return false;
    *value = r.i;
    return true;
}

static bool evaluate_node(Evaluation *v, const IrExpr *e, int64_t *value)
{
    if (e->op == IR_CONST) {
        *value = e->value.i;
        return !vocab_elem_is_float(e->type.elem);
    }
    if (e->count == 0 || e->op == IR_LOAD) return v->leaf && v->leaf(v->user, e, value);
    if (e->op == IR_SELECT)
        return evaluate(v, e->args[0], value) && evaluate(v, e->args[*value ? 1 : 2], value);
    if (e->op == IR_AND || e->op == IR_OR) {
        if (!evaluate(v, e->args[0], value)) return false;
        return *value == (e->op == IR_OR) || evaluate(v, e->args[1], value);
    }
    return evaluate_operator(v, e, value);
}

static bool evaluate(Evaluation *v, const IrExpr *e, int64_t *value)
{
    uint32_t slot = e->id % SEEN;
    if (v->seen[slot].expr == e) {
        *value = v->seen[slot].value;
        return true;
    }
    if (!evaluate_node(v, e, value)) return false;
    v->seen[slot].expr = e;
    v->seen[slot].value = *value;
    return true;
}

bool ir_eval_int(const IrExpr *e, IrLeaf leaf, void *user, int64_t *value)
{
    Evaluation v = {.leaf = leaf, .user = user};
    return evaluate(&v, e, value);
}

bool ir_for_host(const IrExpr *e)
{
    static const bool ops[IR_OP_COUNT] = {
        [IR_CONST] = true, [IR_SIZE] = true,   [IR_ARG] = true,    [IR_CAST] = true,
        [IR_NEG] = true,   [IR_NOT] = true,    [IR_ADD] = true,    [IR_SUB] = true,
        [IR_MUL] = true,   [IR_DIV] = true,    [IR_MOD] = true,    [IR_MIN] = true,
        [IR_MAX] = true,   [IR_BITAND] = true, [IR_AND] = true,    [IR_BITOR] = true,
        [IR_OR] = true,    [IR_BITXOR] = true, [IR_SHL] = true,    [IR_SHR] = true,
        [IR_EQ] = true,    [IR_NE] = true,     [IR_LT] = true,     [IR_LE] = true,
        [IR_GT] = true,    [IR_GE] = true,     [IR_SELECT] = true,
    };
    if (!ops[e->op] || vocab_elem_is_float(e->type.elem) || e->type.lanes > 1) return false;
    for (uint32_t i = 0; i < e->count; i++)
        if (!ir_for_host(e->args[i])) return false;
    return true;
}
