/* Expressions: each becomes a Value; scalars become IR. */
#include "lower/internal.h"

IrOp lower_op(Op op)
{
    switch (op) {
#define UNARY(id, text, name)
#define BINARY(id, text, name, precedence, result, flags)                                          \
    case OP_##id:                                                                                  \
        return IR_##id;
#include "vocab/operators.def"
#undef UNARY
#undef BINARY
    case OP_NONE:
    case OP_NEG:
    case OP_NOT:
    case OP_BITNOT:
    case OP_COUNT:
        break;
    }
    return IR_ADD;
}

const IrExpr *lower_zero(Lower *l, const Type *type)
{
    IrType ir = lower_ir_type(l, type);
    Scalar zero = vocab_elem_is_float(ir.elem) ? scalar_float(ir.elem, 0) : scalar_int(ir.elem, 0);
    const IrExpr *e = ir_const(l->k, zero);
    return ir.lanes > 1 ? ir_splat(l->k, ir.lanes, e) : e;
}

static Value literal(Lower *l, const Ast *node)
{
    IrType type = node->type ? lower_ir_type(l, node->type) : (IrType){ELEM_INDEX, 1};
    Scalar value = node->kind == AST_Float          ? scalar_float(type.elem, node->value.f)
                   : vocab_elem_is_float(type.elem) ? scalar_float(type.elem, (double)node->value.i)
                                                    : scalar_int(type.elem, node->value.i);
    const IrExpr *e = ir_const(l->k, value);
    return value_expr(type.lanes > 1 ? ir_splat(l->k, type.lanes, e) : e);
}

static Value special(Lower *l, const Ast *node)
{
    const IrExpr *thread = l->group.thread;
    int64_t unit = 1;
    switch (node->symbol->special) {
    case SPECIAL_THREAD:
        return value_expr(thread);
    case SPECIAL_LANE:
        return value_expr(ir_binary(l->k, IR_MOD, thread, ir_index(l->k, WARP_THREADS)));
    case SPECIAL_WARP:
        unit = WARP_THREADS;
        break;
    case SPECIAL_WARPGROUP:
        unit = WARPGROUP_THREADS;
        break;
    case SPECIAL_BLOCK_SIZE:
        return value_expr(ir_index(l->k, l->group.size));
    case SPECIAL_ARCH:
        return value_expr(ir_index(l->k, l->options->arch));
    case SPECIAL_TARGET_CPU:
        return value_expr(ir_bool(l->k, l->options->cpu));
    case SPECIAL_FAST:
        return value_expr(ir_bool(l->k, l->k->fast && !l->options->cpu));
    case SPECIAL_BLOCK:
    case SPECIAL_GRID:
    case SPECIAL_CLUSTER:
        return (Value){0}; /* only their members are values */
    }
    return value_expr(ir_binary(l->k, IR_DIV, thread, ir_index(l->k, unit)));
}

static Value constant(Lower *l, const Symbol *symbol)
{
    if (symbol->type && symbol->type->kind == TYPE_TENSOR)
        return value_view(lower_table(l, symbol));
    Value value = lower_value(l, KID(symbol->decl, Const, value));
    lower_bind(l, symbol, value);
    return value;
}

/* The element of a tile at the indices of the lazy expression around; a tile of lower rank
 * (row statistics) takes the leading ones. */
static Value name_value(Lower *l, const Ast *node)
{
    const Symbol *symbol = node->symbol;
    if (!symbol) return value_poison();
    Value value = *lower_slot(l, symbol);
    if (value.kind == VALUE_NONE) {
        switch (symbol->kind) {
        case SYMBOL_CONST:
            return constant(l, symbol);
        case SYMBOL_SPECIAL:
            return special(l, node);
        case SYMBOL_MAPPING:
            return lower_mapping_decl(l, symbol, 0, NULL);
        case SYMBOL_FN:
        case SYMBOL_FN_OP:
        case SYMBOL_BUILTIN:
            return (Value){.kind = VALUE_FN, .fn = symbol};
        case SYMBOL_MAPPING_PARAM:
        case SYMBOL_KERNEL:
        case SYMBOL_MODULE:
        case SYMBOL_GENERIC_TYPE:
        case SYMBOL_GENERIC_INT:
        case SYMBOL_GENERIC_MAPPING:
        case SYMBOL_GENERIC_FN:
        case SYMBOL_PARAM:
        case SYMBOL_SIZE:
        case SYMBOL_TUNE:
        case SYMBOL_LET:
        case SYMBOL_VAR:
        case SYMBOL_SHARED:
        case SYMBOL_REG:
        case SYMBOL_TEST:
            return value_poison();
        }
    }
    if (value.kind == VALUE_VIEW && l->lazy_index && value.view->tensor->space == IR_TILE)
        return value_expr(lower_load(l, value.view, l->lazy_index, NULL));
    return value;
}

/* `a && b`, `a || b`, `c ? a : b`: the lazy operand's own statements must not run when it does
 * not count. Pure lets may; anything else goes under an IF. */
static bool hoistable(const IrBlock *block)
{
    for (size_t i = 0; i < block->stmts.len; i++) {
        const IrStmt *s = block->stmts.data[i];
        if (s->kind != IR_STMT_LET || s->var->mutable) return false;
        const IrExpr *e = s->args[0];
        if (e->op == IR_LOAD || ((e->op == IR_DIV || e->op == IR_MOD) &&
                                 !vocab_elem_is_float(e->type.elem) && !ir_is_const(e->args[1])))
            return false;
    }
    return true;
}

static const IrExpr *branch(Lower *l, const Ast *node, IrBlock **block)
{
    IrBlock *saved = l->block;
    *block = l->block = ir_new_block(l->k);
    l->depth++;
    const IrExpr *e = lower_expr(l, node);
    l->depth--;
    l->block = saved;
    return e;
}

static const IrExpr *choose(Lower *l, const IrExpr *cond, const IrExpr *a, IrBlock *a_block,
                            const IrExpr *b, IrBlock *b_block)
{
    if (hoistable(a_block) && hoistable(b_block)) {
        ir_splice(l->k, l->block, a_block);
        ir_splice(l->k, l->block, b_block);
        return ir_select(l->k, cond, a, b);
    }
    IrVar *var = ir_new_var(l->k, lower_name(l, "chosen"), a->type, true);
    const IrExpr *start =
        ir_const(l->k, vocab_elem_is_float(a->type.elem) ? scalar_float(a->type.elem, 0)
                                                         : scalar_int(a->type.elem, 0));
    ir_let(l->k, l->block, var, a->type.lanes > 1 ? ir_splat(l->k, a->type.lanes, start) : start);
    IrStmt *split = ir_if(l->k, l->block, cond, true);
    ir_splice(l->k, split->body, a_block);
    ir_set(l->k, split->body, var, a);
    ir_splice(l->k, split->other, b_block);
    ir_set(l->k, split->other, var, b);
    return ir_var(l->k, var);
}

static const IrExpr *logical(Lower *l, const Ast *node, const IrExpr *left)
{
    bool is_and = node->op == OP_AND;
    if (ir_is_const(left) && (left->value.i != 0) != is_and) return left;
    IrBlock *block, *none = ir_new_block(l->k);
    const IrExpr *right = branch(l, KID(node, Binary, right), &block);
    if (block->stmts.len == 0 || ir_is_const(left)) {
        ir_splice(l->k, l->block, block);
        return ir_binary(l->k, is_and ? IR_AND : IR_OR, left, right);
    }
    return is_and ? choose(l, left, right, block, ir_bool(l->k, false), none)
                  : choose(l, left, ir_bool(l->k, true), none, right, block);
}

static Value conditional(Lower *l, const Ast *node)
{
    const IrExpr *cond = lower_expr(l, KID(node, Cond, cond));
    if (ir_is_const(cond))
        return lower_value(l, cond->value.i ? KID(node, Cond, then) : KID(node, Cond, otherwise));
    IrBlock *a_block, *b_block;
    const IrExpr *a = branch(l, KID(node, Cond, then), &a_block);
    const IrExpr *b = branch(l, KID(node, Cond, otherwise), &b_block);
    return value_expr(choose(l, cond, a, a_block, b, b_block));
}

/* Both sides of one type: an index beside a vector or a scalar beside a vector is spread. */
static void match_lanes(Lower *l, const IrExpr **a, const IrExpr **b)
{
    if ((*a)->type.lanes == (*b)->type.lanes) return;
    if ((*a)->type.lanes == 1)
        *a = ir_splat(l->k, (*b)->type.lanes, *a);
    else
        *b = ir_splat(l->k, (*a)->type.lanes, *b);
}

static Value mapping_compare(Lower *l, const Ast *node, const Value *a, const Value *b)
{
    if (a->kind != VALUE_MAPPING || b->kind != VALUE_MAPPING) return value_poison();
    return value_expr(ir_bool(l->k, mapping_equal(a->mapping, b->mapping) == (node->op == OP_EQ)));
}

static Value binary(Lower *l, const Ast *node)
{
    const Ast *left = KID(node, Binary, left), *right = KID(node, Binary, right);
    if (node->type && node->type->kind == TYPE_MAPPING) return lower_mapping(l, node);
    if (left->type && left->type->kind == TYPE_TYPE) {
        const Type *a = lower_resolve(l, left->type->of), *b = lower_resolve(l, right->type->of);
        return value_expr(ir_bool(l->k, (a == b) == (node->op == OP_EQ)));
    }
    Value first = lower_value(l, left);
    if (first.kind == VALUE_MAPPING) {
        Value second = lower_value(l, right);
        return mapping_compare(l, node, &first, &second);
    }
    if (first.kind != VALUE_EXPR) return value_poison();
    if (vocab_op(node->op)->flags & OP_LOGICAL) return value_expr(logical(l, node, first.expr));
    const IrExpr *a = first.expr, *b = lower_expr(l, right);
    bool is_shift = node->op == OP_SHL || node->op == OP_SHR;
    match_lanes(l, &a, &b);
    if (a->type.elem != b->type.elem && !is_shift) {
        if (l->failed) return value_poison();
        base_internal(base_arena_escape(l->arena), "operands of `%s` have types %s and %s",
                      vocab_op(node->op)->text, vocab_elem(a->type.elem)->text,
                      vocab_elem(b->type.elem)->text);
    }
    lower_at(l, node);
    if ((node->op == OP_DIV || node->op == OP_MOD) && ir_is_int(b, 0)) {
        lower_error(l, DIVISION_BY_ZERO, node->span);
        return value_poison();
    }
    return value_expr(ir_binary(l->k, lower_op(node->op), a, b));
}

static Value unary(Lower *l, const Ast *node)
{
    const IrExpr *a = lower_expr(l, KID(node, Unary, operand));
    IrOp op = node->op == OP_NEG ? IR_NEG : node->op == OP_NOT ? IR_NOT : IR_BITNOT;
    lower_at(l, node);
    return value_expr(ir_unary(l->k, op, a));
}

static Value member(Lower *l, const Ast *node)
{
    const Ast *base = KID(node, Member, base);
    const char *name = node->name->text;
    if (node->symbol && node->symbol->kind != SYMBOL_SPECIAL) return name_value(l, node);
    if (base->symbol && base->symbol->kind == SYMBOL_SPECIAL) {
        if (base->symbol->special == SPECIAL_CLUSTER) return lower_cluster_member(l, node);
        int dim = name[0] - 'x';
        return value_expr(base->symbol->special == SPECIAL_GRID ? ir_gdim(l->k, dim)
                                                                : ir_bid(l->k, dim));
    }
    Value value = lower_value(l, base);
    if (value.kind == VALUE_VIEW && strcmp(name, "mapping") == 0 && value.view->tensor->over)
        return value_mapping(value.view->tensor->over);
    if (value.kind == VALUE_MAPPING) return value_expr(ir_index(l->k, value.mapping->workers));
    if (value.kind == VALUE_EXPR && value.expr->type.lanes > 1) {
        static const char lanes[] = "xyzw";
        const char *at = strchr(lanes, name[0]);
        if (at && !name[1]) return value_expr(ir_lane(l->k, value.expr, (int)(at - lanes)));
    }
    return value_poison();
}

static Value index_value(Lower *l, const Ast *node)
{
    Value base = lower_value(l, KID(node, Index, base));
    const Ast *args = KID(node, Index, args);
    if (base.kind == VALUE_FN) return base;
    if (base.kind == VALUE_VIEW) return lower_index_view(l, base.view, args);
    if (base.kind == VALUE_EXPR && base.expr->type.lanes > 1 && args->count == 1) {
        int64_t lane;
        if (!lower_int(l, args->kid[0], &lane)) return value_poison();
        if (lane >= 0 && lane < base.expr->type.lanes)
            return value_expr(ir_lane(l->k, base.expr, (int)lane));
        lower_error(l, OUT_OF_BOUNDS, args->kid[0]->span, lower_number(l, lane),
                    lower_number(l, base.expr->type.lanes));
    }
    if (base.kind == VALUE_TUPLE && args->count == 1) {
        int64_t item;
        if (lower_int(l, args->kid[0], &item) && item >= 0 && item < base.count)
            return base.items[item];
    }
    return value_poison();
}

/* `x[i] else v`, or a padded view. */
static Value else_value(Lower *l, const Ast *node)
{
    const Ast *read = KID(node, Else, read);
    const IrExpr *otherwise = lower_expr(l, KID(node, Else, otherwise));
    if (read->kind == AST_Index) {
        Value base = lower_value(l, KID(read, Index, base));
        const Ast *args = KID(read, Index, args);
        bool element = base.kind == VALUE_VIEW && (int)args->count == base.view->rank;
        for (uint32_t i = 0; element && i < args->count; i++)
            element = args->kid[i]->kind != AST_Range && args->kid[i]->kind != AST_Hole;
        if (element) {
            const IrExpr *index[MAX_RANK];
            for (uint32_t i = 0; i < args->count; i++) index[i] = lower_index(l, args->kid[i]);
            lower_at(l, node);
            return value_expr(lower_load(l, base.view, index, otherwise));
        }
    }
    Value value = lower_value(l, read);
    if (value.kind != VALUE_VIEW) return value_poison();
    View *view = base_copy(l->arena, value.view, sizeof *view);
    view->otherwise = otherwise;
    return value_view(view);
}

static Value at_value(Lower *l, const Ast *node)
{
    Value window = lower_value(l, KID(node, At, window));
    if (window.kind != VALUE_WINDOW) return value_poison();
    const Ast *offset = KID(node, At, offset);
    const View *view = window.items[0].view;
    if ((int)offset->count != view->rank || window.count - 1 != view->rank) {
        lower_error(l, SHAPE_MISMATCH, node->span,
                    lower_text(l, "a window of %d dimensions at %d offsets", window.count - 1,
                               (int)offset->count),
                    lower_text(l, "a tensor of %d dimensions", view->rank));
        return value_poison();
    }
    const IrExpr *extents[MAX_RANK], *offsets[MAX_RANK];
    for (int d = 0; d < view->rank; d++) {
        extents[d] = window.items[d + 1].expr;
        offsets[d] = lower_index(l, offset->kid[d]);
    }
    return value_view(lower_window(l, view, extents, offsets));
}

static Value tuple(Lower *l, const Ast *list)
{
    Value *items = NEW_ARRAY(l->arena, Value, (size_t)list->count + 1);
    for (uint32_t i = 0; i < list->count; i++) items[i] = lower_value(l, list->kid[i]);
    return (Value){.kind = VALUE_TUPLE, .count = (int)list->count, .items = items};
}

static bool is_lazy(const Lower *l, const Ast *node)
{
    return !l->lazy_index && node->type && node->type->kind == TYPE_TENSOR &&
           node->type->space == SPACE_REG &&
           (node->kind == AST_Binary || node->kind == AST_Unary || node->kind == AST_Cond ||
            (node->kind == AST_Call && node->call && node->call->kind != CALL_METHOD));
}

Value lower_value(Lower *l, const Ast *node)
{
    if (is_lazy(l, node)) return (Value){.kind = VALUE_LAZY, .lazy = node};
    switch (node->kind) {
    case AST_Int:
    case AST_Float:
    case AST_Bool:
        return literal(l, node);
    case AST_Name:
        return name_value(l, node);
    case AST_Unary:
        return unary(l, node);
    case AST_Binary:
        return binary(l, node);
    case AST_Cond:
        return conditional(l, node);
    case AST_Index:
        return index_value(l, node);
    case AST_Call:
        return lower_call(l, node);
    case AST_Member:
        return member(l, node);
    case AST_At:
        return at_value(l, node);
    case AST_Else:
        return else_value(l, node);
    case AST_Order:
        return lower_mapping(l, node);
    case AST_Tuple:
        return tuple(l, KID(node, Tuple, items));
    case AST_TypeName:
        return (Value){.kind = VALUE_TYPE, .type = lower_resolve(l, node->type->of)};
    default:
        return value_poison(); /* not an expression, or reported by sema */
    }
}

const IrExpr *lower_expr(Lower *l, const Ast *node)
{
    Value value = lower_value(l, node);
    if (value.kind == VALUE_EXPR) return value.expr;
    if (value.kind == VALUE_VIEW && value.view->rank == 0)
        return lower_load(l, value.view, NULL, NULL);
    if (value.kind != VALUE_POISON) lower_error(l, NOT_A_NUMBER, node->span);
    l->failed = true;
    return node->type ? lower_zero(l, node->type) : ir_index(l->k, 0);
}

const IrExpr *lower_index(Lower *l, const Ast *node)
{
    const IrExpr *e = lower_expr(l, node);
    if (e->type.elem == ELEM_INDEX) return e;
    return ir_cast(l->k, (IrType){ELEM_INDEX, 1}, e);
}

bool lower_int(Lower *l, const Ast *node, int64_t *value)
{
    bool failed = l->failed;
    l->failed = false;
    const IrExpr *e = lower_expr(l, node);
    bool bad = l->failed;
    l->failed |= failed;
    if (bad) return false;
    if (!ir_is_const(e) || vocab_elem_is_float(e->type.elem)) {
        lower_error(l, NOT_CONSTANT, node->span);
        return false;
    }
    *value = e->value.i;
    return true;
}

static bool moves(void *user, const IrExpr *e)
{
    (void)user;
    return e->op == IR_LOAD || (e->op == IR_VAR && e->var->mutable);
}

static bool varies(void *user, const IrExpr *e)
{
    (void)user;
    return e->op == IR_VAR || e->op == IR_TID;
}

/* Index arithmetic over threads and loop variables stays in sight of the slot rule; what is the
 * same for the whole block gets its name. */
const IrExpr *lower_pin(Lower *l, const Name *name, const IrExpr *e)
{
    bool leaf = e->count == 0 && !(e->op == IR_VAR && e->var->mutable);
    if (leaf) return e;
    if (e->type.elem == ELEM_INDEX && !ir_any(e, moves, NULL) && ir_any(e, varies, NULL)) return e;
    IrVar *var = ir_new_var(l->k, name, e->type, false);
    var->lo = e->lo;
    var->hi = e->hi;
    var->multiple = vocab_elem_is_float(e->type.elem) ? 1 : ir_multiple(e);
    ir_let(l->k, l->block, var, e);
    base_map_put(&l->pinned, (uint64_t)var->id + 1, (void *)(uintptr_t)e);
    return ir_var(l->k, var);
}

static const IrExpr *unpinned(void *user, const IrExpr *e)
{
    Lower *l = user;
    const IrExpr *value =
        e->op == IR_VAR ? base_map_get(&l->pinned, (uint64_t)e->var->id + 1) : NULL;
    return value ? ir_rewrite(l->k, value, unpinned, l) : NULL;
}

const IrExpr *lower_at_launch(Lower *l, const IrExpr *e)
{
    e = ir_rewrite(l->k, e, unpinned, l);
    return ir_for_host(e) ? e : NULL;
}
