/* Mapping expressions: composition, names, parameters, holes, and the IR of their arithmetic. */
#include "lower/internal.h"

#include "mapping/index.h"

typedef struct Factors {
    VEC(MappingFactor) list;
    VEC(Span) spans;
    bool holes, failed;
} Factors;

static const char *runtime_name(void *user, int id)
{
    Lower *l = user;
    return (size_t)id < l->runtime.len ? lower_expr_text(l, l->runtime.data[id]) : "?";
}

const char *lower_mapping_text(Lower *l, const Mapping *m)
{
    return mapping_text(l->arena, m, runtime_name, l);
}

static void push_factor(Lower *l, Factors *out, MappingFactor factor, Span span)
{
    VEC_PUSH(l->arena, out->list, factor);
    VEC_PUSH(l->arena, out->spans, span);
}

/* An extent: a number, a hole, or (in a repeat) a value known only at launch. */
static int64_t extent_of(Lower *l, const Ast *node, bool may_run, Factors *out)
{
    if (node->kind == AST_Hole) {
        out->holes = true;
        return MAPPING_HOLE;
    }
    const IrExpr *e = lower_index(l, node);
    if (ir_is_const(e)) {
        if (e->value.i < 1) {
            lower_error(l, BAD_EXTENT, node->span, lower_number(l, e->value.i));
            out->failed = true;
            return 1;
        }
        return e->value.i;
    }
    if (!may_run) {
        lower_error(l, NOT_CONSTANT, node->span);
        out->failed = true;
        return 1;
    }
    VEC_PUSH(l->arena, l->runtime, e);
    return MAPPING_RUNTIME(l->runtime.len - 1);
}

static void builtin_factor(Lower *l, const Ast *node, Factors *out)
{
    Builtin builtin = node->call->builtin;
    const Ast *args = KID(node, Call, args);
    bool repeats = builtin == BUILTIN_REPEAT || builtin == BUILTIN_COL_REPEAT;
    bool column = builtin == BUILTIN_COL_SPATIAL || builtin == BUILTIN_COL_REPEAT;
    MappingFactor factor = {.kind = builtin == BUILTIN_REPLICATE ? MAPPING_REPLICATE
                                    : repeats                    ? MAPPING_REPEAT
                                                                 : MAPPING_SPATIAL,
                            .rank = (int)args->count};
    if (args->count < 1 || args->count > MAX_RANK) {
        lower_error(
            l, MAPPING_INVALID, node->span,
            lower_text(l, "a mapping has 1 to %d dimensions, not %u", MAX_RANK, args->count));
        out->failed = true;
        return;
    }
    for (uint32_t i = 0; i < args->count; i++) {
        factor.extents[i] = extent_of(l, args->kid[i], repeats || l->grid_domain, out);
        factor.order[i] = column ? (int)(args->count - 1 - i) : (int)i;
    }
    push_factor(l, out, factor, node->span);
}

static void push_mapping(Lower *l, const Mapping *m, Span span, Factors *out)
{
    for (int i = 0; i < m->factors->count; i++) push_factor(l, out, m->factors->factors[i], span);
}

static void collect(Lower *l, const Ast *node, Factors *out);

static void collect_order(Lower *l, const Ast *node, Factors *out)
{
    const Ast *dims = KID(node, Order, dims);
    size_t first = out->list.len;
    collect(l, KID(node, Order, factor), out);
    if (out->failed || out->list.len != first + 1) {
        if (!out->failed)
            lower_error(l, MAPPING_INVALID, node->span, "`order` belongs to one factor");
        out->failed = true;
        return;
    }
    MappingFactor *factor = &out->list.data[first];
    if ((int)dims->count != factor->rank) {
        lower_error(l, MAPPING_INVALID, node->span,
                    lower_text(l, "`order` names %u dimensions, but the factor has %d", dims->count,
                               factor->rank));
        out->failed = true;
        return;
    }
    for (uint32_t i = 0; i < dims->count; i++) {
        int64_t dim = -1;
        if (!lower_int(l, dims->kid[i], &dim)) out->failed = true;
        factor->order[i] = (int)dim;
    }
}

static void collect(Lower *l, const Ast *node, Factors *out)
{
    if (node->kind == AST_Binary && node->op == OP_MUL) {
        collect(l, KID(node, Binary, left), out);
        collect(l, KID(node, Binary, right), out);
        return;
    }
    if (node->kind == AST_Order) {
        collect_order(l, node, out);
        return;
    }
    if (node->kind == AST_Call && node->call && node->call->kind == CALL_BUILTIN &&
        vocab_builtin(node->call->builtin)->cls == BUILTIN_MAPPING &&
        node->call->builtin != BUILTIN_AUTO) {
        builtin_factor(l, node, out);
        return;
    }
    Value value = node->kind == AST_Binary ? value_poison() : lower_value(l, node);
    if (value.kind == VALUE_MAPPING) {
        push_mapping(l, value.mapping, node->span, out);
        return;
    }
    if (value.kind == VALUE_AUTO)
        lower_error(l, MAPPING_AUTO, node->span, "it stands alone, as the domain of a task loop");
    else if (value.kind != VALUE_POISON || !l->failed)
        lower_error(l, NOT_A_MAPPING, node->span);
    out->failed = true;
}

static Diag *report(Lower *l, const Factors *factors, const MappingError *error, Span span)
{
    Span at = error->factor >= 0 && (size_t)error->factor < factors->spans.len
                  ? factors->spans.data[error->factor]
                  : span;
    return lower_error(l, MAPPING_INVALID, at, error->message);
}

const Mapping *lower_mapping_solved(Lower *l, const Ast *node, int rank, const int64_t *shape,
                                    int64_t workers)
{
    Factors factors = {0};
    collect(l, node, &factors);
    if (factors.failed) return NULL;
    MappingFactors list = {(int)factors.list.len, factors.list.data};
    MappingError error = {0};
    const Mapping *m = factors.holes ? mapping_solve(l->arena, &list, rank, shape, workers, &error)
                                     : mapping_build(l->arena, &list, &error);
    if (!m) report(l, &factors, &error, node->span);
    return m;
}

static Value drop(Lower *l, const Ast *node)
{
    Value base = lower_value(l, KID(KID(node, Call, callee), Member, base));
    const Ast *args = KID(node, Call, args);
    int64_t dim;
    if (base.kind == VALUE_VIEW && base.view->tensor->over)
        base = value_mapping(base.view->tensor->over);
    if (base.kind != VALUE_MAPPING || args->count != 1 || !lower_int(l, args->kid[0], &dim))
        return value_poison();
    MappingError error = {0};
    const Mapping *m = mapping_drop(l->arena, base.mapping, (int)dim, &error);
    if (m) return value_mapping(m);
    lower_error(l, MAPPING_INVALID, node->span, error.message);
    return value_poison();
}

Value lower_mapping(Lower *l, const Ast *node)
{
    if (node->kind == AST_Call && node->call->kind == CALL_METHOD) return drop(l, node);
    if (node->kind == AST_Call && node->call->kind == CALL_MAPPING) {
        const Ast *args = KID(node, Call, args);
        Value values[MAX_RANK];
        if (args->count > MAX_RANK) return value_poison();
        for (uint32_t i = 0; i < args->count; i++) values[i] = lower_value(l, args->kid[i]);
        return lower_mapping_decl(l, node->call->callee, (int)args->count, values);
    }
    if (node->kind == AST_Call && node->call->builtin == BUILTIN_AUTO) {
        const Ast *args = KID(node, Call, args);
        Value *items = NEW_ARRAY(l->arena, Value, (size_t)args->count + 1);
        for (uint32_t i = 0; i < args->count; i++)
            items[i] = value_expr(lower_index(l, args->kid[i]));
        return (Value){.kind = VALUE_AUTO, .count = (int)args->count, .items = items};
    }
    const Mapping *m = lower_mapping_solved(l, node, 0, NULL, 0);
    return m ? value_mapping(m) : value_poison();
}

/* `mapping m(a, b): (64, 8) = …` with its parameters bound. */
Value lower_mapping_decl(Lower *l, const Symbol *symbol, int count, const Value *args)
{
    const Ast *decl = symbol->decl;
    const Ast *params = KID(decl, MappingDecl, params), *shape_node = KID(decl, MappingDecl, shape);
    for (int i = 0; i < count && i < (int)params->count; i++)
        if (params->kid[i]->symbol) lower_bind(l, params->kid[i]->symbol, args[i]);
    const Ast *value = KID(decl, MappingDecl, value);
    if (!shape_node) {
        Value result = lower_value(l, value);
        if (result.kind == VALUE_VIEW && result.view->tensor->over)
            result = value_mapping(result.view->tensor->over);
        return result;
    }
    int64_t shape[MAX_RANK];
    int rank = (int)shape_node->count;
    for (int d = 0; d < rank && d < MAX_RANK; d++)
        if (!lower_int(l, shape_node->kid[d], &shape[d])) return value_poison();
    int64_t workers = l->group.size;
    const Mapping *m = lower_mapping_solved(l, value, rank, shape, workers);
    if (!m) return value_poison();
    bool same = m->rank == rank;
    for (int d = 0; same && d < rank; d++) same = m->shape[d] == shape[d];
    if (!same)
        lower_error(l, MAPPING_SHAPE, value->span, lower_mapping_text(l, m), "another",
                    symbol->name->text, "the one declared");
    return same ? value_mapping(m) : value_poison();
}

/* ---- index arithmetic as IR ------------------------------------------------------------------ */

static void *ir_of(const IrExpr *e)
{
    void *p;
    memcpy(&p, &e, sizeof p); /* the callbacks of mapping/ carry expressions without const */
    return p;
}

static void *op_constant(void *user, int64_t value)
{
    return ir_of(ir_index(((Lower *)user)->k, value));
}

static void *op_add(void *user, void *a, void *b)
{
    return ir_of(ir_binary(((Lower *)user)->k, IR_ADD, a, b));
}

static void *op_mul(void *user, void *a, void *b)
{
    return ir_of(ir_binary(((Lower *)user)->k, IR_MUL, a, b));
}

static void *op_div(void *user, void *a, void *b)
{
    return ir_of(ir_binary(((Lower *)user)->k, IR_DIV, a, b));
}

static void *op_mod(void *user, void *a, void *b)
{
    return ir_of(ir_binary(((Lower *)user)->k, IR_MOD, a, b));
}

static void *op_runtime(void *user, int id)
{
    return ir_of(((Lower *)user)->runtime.data[id]);
}

MappingIndexOps lower_mapping_ops(Lower *l)
{
    return (MappingIndexOps){l, op_constant, op_add, op_mul, op_div, op_mod, op_runtime};
}

void lower_coords(Lower *l, const Mapping *m, const IrExpr *worker, int64_t step,
                  const IrExpr **coords)
{
    MappingIndexOps ops = lower_mapping_ops(l);
    int64_t time[MAX_RANK];
    mapping_eval_time(m, step, time);
    for (int d = 0; d < m->rank; d++) {
        const IrExpr *part = mapping_index_worker_part(m, d, &ops, ir_of(worker));
        coords[d] = ir_binary(l->k, IR_ADD, part, ir_index(l->k, time[d]));
    }
}
