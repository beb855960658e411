/* Calls of functions: generics bound, body inlined, `return` resolved. */
#include "lower/internal.h"

/* ---- binding what a parameter's type names --------------------------------------------------- */

static bool unbound(const Lower *l, const Ast *node, SymbolKind kind)
{
    return node && node->kind == AST_Name && node->symbol && node->symbol->kind == kind &&
           lower_slot(l, node->symbol)->kind == VALUE_NONE;
}

/* An extent of a parameter's type either names a size or generic integer, which it binds, or must
 * agree with the argument's. */
static bool match_extent(Lower *l, const Ast *extent, const IrExpr *actual, const Ast *arg)
{
    if (unbound(l, extent, SYMBOL_SIZE) || unbound(l, extent, SYMBOL_GENERIC_INT)) {
        lower_bind(l, extent->symbol, value_expr(actual));
        return true;
    }
    const IrExpr *wanted = lower_index(l, extent);
    if (wanted == actual || !ir_is_const(wanted) || !ir_is_const(actual)) return true;
    lower_error(l, SHAPE_MISMATCH, arg->span, lower_expr_text(l, actual),
                lower_expr_text(l, wanted));
    return false;
}

static const char *task_text(Lower *l, const Mapping *m, int64_t worker, int64_t step)
{
    int64_t coords[MAX_RANK];
    Sb out = base_sb(l->arena);
    if (step >= m->steps) return "nothing";
    mapping_eval(m, worker, step, coords);
    for (int d = 0; d < m->rank; d++)
        base_sb_printf(&out, "%s%lld", d ? ", " : "(", (long long)coords[d]);
    base_sb_char(&out, ')');
    return base_sb_text(&out);
}

/* Both mappings, and the first worker and element in which they differ. */
static void mapping_differs(Lower *l, const Mapping *actual, const Mapping *wanted, const Ast *over,
                            const Ast *arg)
{
    Diag *diag = lower_error(l, MAPPING_DIFFERS, arg->span, lower_mapping_text(l, actual),
                             lower_mapping_text(l, wanted));
    diag_label(l->diags, diag, over->span, "wanted here");
    int64_t worker, step;
    if (actual->workers != wanted->workers)
        diag_note(l->diags, diag, "the tile lies over %lld workers, and %lld are wanted",
                  (long long)actual->workers, (long long)wanted->workers);
    else if (actual->steps >= 0 && wanted->steps >= 0 && actual->rank == wanted->rank &&
             mapping_first_difference(actual, wanted, &worker, &step))
        diag_note(l->diags, diag, "element %lld of %s %lld is %s, where %s is wanted",
                  (long long)step, actual->workers == WARP_THREADS ? "lane" : "worker",
                  (long long)worker, task_text(l, actual, worker, step),
                  task_text(l, wanted, worker, step));
}

static void match_over(Lower *l, const Ast *over, const View *view, const Ast *arg)
{
    if (!over) return;
    const Mapping *actual = lower_over(l, view, arg);
    if (!actual && view->tensor->over) return;
    if (!actual) {
        lower_error(l, NOT_A_TILE, arg->span);
        return;
    }
    if (unbound(l, over, SYMBOL_GENERIC_MAPPING)) {
        lower_bind(l, over->symbol, value_mapping(actual));
        return;
    }
    const Mapping *wanted =
        lower_mapping_solved(l, over, actual->rank, actual->shape, actual->workers);
    if (wanted && !mapping_equal(wanted, actual)) mapping_differs(l, actual, wanted, over, arg);
}

static void match_tensor(Lower *l, const Ast *param, const Value *value, const Ast *arg)
{
    const Ast *type = KID(param, Param, type);
    if (value->kind != VALUE_VIEW || type->kind != AST_TypeTensor) return;
    const Ast *extents = KID(type, TypeTensor, extents);
    if ((int)extents->count != value->view->rank) return; /* reported by sema */
    bool same = true;
    for (uint32_t d = 0; d < extents->count; d++)
        same &= match_extent(l, extents->kid[d], value->view->extents[d], arg);
    if (same) match_over(l, KID(type, TypeTensor, over), value->view, arg);
}

/* Bindings that were written or inferred by sema, evaluated in the caller's environment before
 * any is set (a generic may be bound to itself in a nested call of another instance). */
static void bind_written(Lower *l, const CallInfo *call)
{
    Value values[16];
    int count = call->binding_count < 16 ? call->binding_count : 16;
    for (int i = 0; i < count; i++) {
        const Binding *b = &call->bindings[i];
        values[i] = b->type    ? (Value){.kind = VALUE_TYPE, .type = lower_resolve(l, b->type)}
                    : b->value ? lower_value(l, b->value)
                               : (Value){0};
    }
    for (int i = 0; i < count; i++) lower_bind(l, call->bindings[i].generic, values[i]);
}

static void clear_sizes(Lower *l, const Ast *params)
{
    for (uint32_t i = 0; i < params->count; i++) {
        const Ast *type =
            params->kid[i]->kind == AST_Param ? KID(params->kid[i], Param, type) : NULL;
        if (!type || type->kind != AST_TypeTensor) continue;
        const Ast *extents = KID(type, TypeTensor, extents);
        for (uint32_t d = 0; d < extents->count; d++)
            if (extents->kid[d]->kind == AST_Name && extents->kid[d]->symbol &&
                extents->kid[d]->symbol->kind == SYMBOL_SIZE)
                *lower_slot(l, extents->kid[d]->symbol) = (Value){0};
    }
}

/* ---- return ---------------------------------------------------------------------------------- */

static int scalar_count(const Type *type)
{
    if (!type || type->kind == TYPE_VOID) return 0;
    return type->kind == TYPE_TUPLE ? type->count : 1;
}

static void make_label(Lower *l, Return *ret)
{
    if (ret->label) return;
    ret->label = ir_new_var(l->k, lower_name(l, "done"), (IrType){ELEM_BOOL, 1}, false);
    const Type *type = ret->type ? lower_resolve(l, ret->type) : NULL;
    ret->var_count = scalar_count(type);
    ret->vars = NEW_ARRAY(l->arena, IrVar *, (size_t)ret->var_count + 1);
    for (int i = 0; i < ret->var_count; i++) {
        IrType ir = lower_ir_type(l, type->kind == TYPE_TUPLE ? type->items[i] : type);
        ret->vars[i] = ir_new_var(l->k, lower_name(l, "result"), ir, true);
    }
}

static void set_result(Lower *l, Return *ret, const Value *value)
{
    for (int i = 0; i < ret->var_count; i++) {
        const Value *item = value->kind == VALUE_TUPLE ? &value->items[i] : value;
        if (item->kind == VALUE_EXPR) ir_set(l->k, l->block, ret->vars[i], item->expr);
    }
}

void lower_return(Lower *l, const Ast *node)
{
    Return *ret = l->ret;
    const Ast *result = KID(node, Return, value);
    Value value = result ? lower_value(l, result) : (Value){0};
    if (!ret) { /* of a kernel's body: handled as a region around it */
        lower_error(l, SYNTAX, node->span, "`return` stands outside of a function");
        return;
    }
    if (l->depth == ret->depth) {
        ret->done = true;
        ret->value = value;
        if (ret->label) set_result(l, ret, &value);
        return;
    }
    make_label(l, ret);
    set_result(l, ret, &value);
    lower_at(l, node);
    if (l->pipelines) lower_drain(l);
    IrStmt *leave = ir_append(l->k, l->block, IR_STMT_LEAVE);
    leave->var = ret->label;
}

static Value region_result(Lower *l, const Return *ret)
{
    Value *items = NEW_ARRAY(l->arena, Value, (size_t)ret->var_count + 1);
    for (int i = 0; i < ret->var_count; i++) items[i] = value_expr(ir_var(l->k, ret->vars[i]));
    if (ret->var_count == 1) return items[0];
    return (Value){
        .kind = ret->var_count ? VALUE_TUPLE : VALUE_NONE, .count = ret->var_count, .items = items};
}

/* Runs `body` with its own `return`; an early return makes a REGION around what was built. */
Value lower_inline(Lower *l, const Ast *body, const Type *result)
{
    Return ret = {.type = result, .depth = l->depth}, *outer_ret = l->ret;
    IrBlock *outer = l->block, *inner = ir_new_block(l->k);
    int pipelines = l->pipelines;
    bool in_pipeline = l->in_pipeline;
    l->ret = &ret;
    l->block = inner;
    l->pipelines = 0;
    l->in_pipeline = false;
    lower_block(l, body);
    l->ret = outer_ret;
    l->block = outer;
    l->pipelines = pipelines;
    l->in_pipeline = in_pipeline;
    if (!ret.label) {
        ir_splice(l->k, outer, inner);
        return ret.value;
    }
    for (int i = 0; i < ret.var_count; i++) {
        IrType t = ret.vars[i]->type;
        Scalar zero = vocab_elem_is_float(t.elem) ? scalar_float(t.elem, 0) : scalar_int(t.elem, 0);
        const IrExpr *start = ir_const(l->k, zero);
        ir_let(l->k, outer, ret.vars[i], t.lanes > 1 ? ir_splat(l->k, t.lanes, start) : start);
    }
    IrStmt *region = ir_append(l->k, outer, IR_STMT_REGION);
    region->var = ret.label;
    region->body = inner;
    return region_result(l, &ret);
}

/* ---- inlining -------------------------------------------------------------------------------- */

static bool names_arch(const Ast *e)
{
    const Symbol *symbol = e->symbol;
    if (symbol && symbol->kind == SYMBOL_SPECIAL && symbol->special == SPECIAL_ARCH) return true;
    for (uint32_t i = 0; i < e->count; i++)
        if (e->kid[i] && names_arch(e->kid[i])) return true;
    return false;
}

/* The CPU computes what any architecture's `instruction` does. */
static bool constraints_hold(Lower *l, const Ast *wheres, const Ast *at, bool instruction)
{
    for (uint32_t i = 0; i < wheres->count; i++) {
        if (instruction && l->options->cpu && names_arch(wheres->kid[i])) continue;
        const IrExpr *cond = lower_expr(l, wheres->kid[i]);
        if (ir_is_const(cond) && cond->value.i) continue;
        Diag *diag = lower_error(l, WHERE_FAILED, at->span,
                                 diag_text(l->arena, l->diags, wheres->kid[i]->span));
        if (names_arch(wheres->kid[i]) && !l->options->cpu)
            diag_note(l->diags, diag, "the code is for sm_%d; `--arch` gives another",
                      l->options->arch);
        return false;
    }
    return true;
}

/* `args` become what the parameters are bound to: values that stay. */
static void bind_params(Lower *l, const Ast *params, Value *args, const Ast *call_args)
{
    for (uint32_t i = 0; i < params->count && i < call_args->count; i++) {
        const Ast *param = params->kid[i];
        if (param->kind != AST_Param || !param->symbol) continue;
        args[i] = lower_materialise(l, call_args->kid[i], param->name, args[i]);
        match_tensor(l, param, &args[i], call_args->kid[i]);
        if (args[i].kind == VALUE_EXPR)
            args[i] = value_expr(lower_pin(l, param->name, args[i].expr));
        lower_bind(l, param->symbol, args[i]);
    }
}

static Value inline_call(Lower *l, const Ast *node, const Symbol *fn, int count, Value *args,
                         const Ast *call_args)
{
    const Ast *decl = fn->decl, *params = KID(decl, Fn, params);
    uint32_t outer_origin = l->call_origin;
    l->call_origin = ir_origin(l->k, ORIGIN_INLINED, node->span, outer_origin, "lower");
    if (l->depth > 10000 || count > (int)params->count) return value_poison();
    clear_sizes(l, params);
    bool before = l->failed;
    l->failed = false;
    bind_params(l, params, args, call_args);
    bool good = !l->failed; /* else the body would only repeat what is wrong with the call */
    l->failed |= before;
    Value result = value_poison();
    const Ast *generics = KID(decl, Fn, generics);
    for (uint32_t i = 0; i < generics->count && good; i++) {
        const Ast *g = generics->kid[i];
        if (!g->symbol || lower_slot(l, g->symbol)->kind != VALUE_NONE) continue;
        lower_error(l, CANNOT_INFER, node->span, g->name->text, decl->name->text);
        good = false;
    }
    const Ast *body = KID(decl, Fn, body);
    bool instruction = body->kind == AST_Str;
    if (good && constraints_hold(l, KID(decl, Fn, wheres), node, instruction)) {
        const Type *type = fn->type && fn->type->kind == TYPE_FN ? fn->type->of : NULL;
        if (instruction)
            lower_instruction(l, node, decl, args);
        else
            result = lower_inline(l, body, type);
    }
    l->call_origin = outer_origin;
    lower_at(l, node);
    return result;
}

static Value call_fn(Lower *l, const Ast *node)
{
    const Ast *args = KID(node, Call, args);
    Value *values = NEW_ARRAY(l->arena, Value, (size_t)args->count + 1);
    for (uint32_t i = 0; i < args->count; i++) values[i] = lower_value(l, args->kid[i]);
    bind_written(l, node->call);
    return inline_call(l, node, node->call->callee, (int)args->count, values, args);
}

static IrOp op_of_symbol(const Symbol *fn)
{
    if (fn->kind == SYMBOL_FN_OP) return lower_op(fn->op);
    return fn->builtin == BUILTIN_MIN ? IR_MIN : IR_MAX;
}

/* Applies a function value: an operator, a two-argument built-in, or a function. Its generics, if
 * any, are bound to the argument's type. */
Value lower_apply(Lower *l, const Value *fn, int count, Value *args, const Ast *node)
{
    if (fn->kind != VALUE_FN) return value_poison();
    const Symbol *symbol = fn->fn;
    if (symbol->kind != SYMBOL_FN) {
        if (count != 2 || args[0].kind != VALUE_EXPR || args[1].kind != VALUE_EXPR)
            return value_poison();
        return value_expr(ir_binary(l->k, op_of_symbol(symbol), args[0].expr, args[1].expr));
    }
    const Ast *generics = KID(symbol->decl, Fn, generics);
    for (uint32_t i = 0; i < generics->count; i++)
        if (generics->kid[i]->symbol && generics->kid[i]->symbol->kind == SYMBOL_GENERIC_TYPE &&
            args[0].kind == VALUE_EXPR)
            lower_bind(l, generics->kid[i]->symbol,
                       (Value){.kind = VALUE_TYPE,
                               .type = sema_scalar(l->program, args[0].expr->type.elem)});
    Ast list = {.kind = AST_List, .count = (uint32_t)count};
    Ast *kids[8];
    if (count > 8) return value_poison();
    for (int i = 0; i < count; i++) {
        kids[i] = NEW(l->arena, Ast);
        *kids[i] = (Ast){.kind = AST_Error, .span = node->span};
    }
    list.kid = kids;
    return inline_call(l, node, symbol, count, args, &list);
}

static Value call_fn_value(Lower *l, const Ast *node)
{
    const Ast *args = KID(node, Call, args);
    Value values[8];
    if (args->count > 8) return value_poison();
    for (uint32_t i = 0; i < args->count; i++) values[i] = lower_value(l, args->kid[i]);
    const Symbol *callee = node->call->callee;
    Value fn = callee->kind == SYMBOL_GENERIC_FN ? *lower_slot(l, callee)
                                                 : (Value){.kind = VALUE_FN, .fn = callee};
    return lower_apply(l, &fn, (int)args->count, values, node);
}

static Value call_cast(Lower *l, const Ast *node)
{
    const IrExpr *e = lower_expr(l, KID(node, Call, args)->kid[0]);
    IrType to = lower_ir_type(l, node->type);
    if (node->type->kind == TYPE_TENSOR) /* inside a lazy tile expression */
        to = lower_ir_type(l, lower_resolve(l, node->type)->of);
    lower_at(l, node);
    const Ast *args = KID(node, Call, args);
    if (to.lanes > 1 && (int)args->count == to.lanes) { /* f32x4(a, b, c, d) */
        const IrExpr *lanes[16];
        for (int i = 0; i < to.lanes && i < 16; i++) {
            lanes[i] = ir_cast(l->k, (IrType){to.elem, 1}, lower_expr(l, args->kid[i]));
        }
        return value_expr(ir_vector(l->k, to, lanes));
    }
    if (to.lanes > 1 && e->type.lanes == 1)
        return value_expr(ir_splat(l->k, to.lanes, ir_cast(l->k, (IrType){to.elem, 1}, e)));
    return value_expr(ir_cast(l->k, to, e));
}

static bool is_whole(const View *view)
{
    const IrTensor *t = view->tensor;
    bool whole = view->rank == t->rank && t->space == IR_PARAM && !t->strides &&
                 !view->bound_count && !view->reshaped;
    for (int d = 0; whole && d < t->rank; d++)
        whole =
            view->dim[d] == d && ir_is_int(view->offset[d], 0) && view->extents[d] == t->extents[d];
    return whole;
}

/* The elements must be as many as before: checked here if constant, else at launch. */
static bool same_count(Lower *l, const Ast *node, const View *view, int rank,
                       const IrExpr *const *extents)
{
    const IrExpr *before = ir_index(l->k, 1), *after = before;
    for (int d = 0; d < view->rank; d++) before = ir_binary(l->k, IR_MUL, before, view->extents[d]);
    for (int d = 0; d < rank; d++) after = ir_binary(l->k, IR_MUL, after, extents[d]);
    if (before == after) return true;
    if (ir_is_const(before) && ir_is_const(after)) {
        lower_error(l, SHAPE_MISMATCH, node->span,
                    lower_text(l, "%lld elements before", (long long)before->value.i),
                    lower_text(l, "%lld after", (long long)after->value.i));
        return false;
    }
    const IrExpr *same = lower_at_launch(l, ir_binary(l->k, IR_EQ, before, after));
    if (!same) {
        lower_error(l, RESHAPE, node->span);
        return false;
    }
    IrRequire require = {.cond = same,
                         .text = "a reshaped tensor keeps its number of elements",
                         .origin = ir_origin(l->k, ORIGIN_SOURCE, node->span, 0, "lower")};
    VEC_PUSH(l->arena, l->k->requires, require);
    return true;
}

static Value reshape(Lower *l, const Ast *node, const View *view)
{
    const Ast *args = KID(node, Call, args);
    if (!is_whole(view) || args->count > MAX_RANK) {
        lower_error(l, RESHAPE, node->span);
        return value_poison();
    }
    const IrExpr *extents[MAX_RANK];
    for (uint32_t d = 0; d < args->count; d++) extents[d] = lower_index(l, args->kid[d]);
    if (!same_count(l, node, view, (int)args->count, extents)) return value_poison();
    return value_view(lower_reshape(l, view, (int)args->count, extents));
}

/* Without arguments the last two dimensions change places. */
static Value transpose(Lower *l, const Ast *node, const View *view)
{
    const Ast *args = KID(node, Call, args);
    int order[MAX_RANK];
    bool seen[MAX_RANK] = {false};
    for (int i = 0; i < view->rank; i++) {
        int64_t dim = i < view->rank - 2 ? i : 2 * view->rank - 3 - i;
        if (view->rank == 1) dim = 0;
        if (args->count && !lower_int(l, args->kid[i], &dim)) return value_poison();
        if (dim < 0 || dim >= view->rank || seen[dim]) {
            lower_error(l, OUT_OF_BOUNDS, args->kid[i]->span, lower_number(l, dim),
                        lower_text(l, "%d: each dimension is named once", view->rank));
            return value_poison();
        }
        seen[dim] = true;
        order[i] = (int)dim;
    }
    return value_view(lower_transpose(l, view, order));
}

/* Values of less than a byte are stored by exchanging the byte, which is an atomic. */
static Value cached(Lower *l, const Ast *node, const View *view)
{
    const Name *hint = KID(node, Call, args)->kid[0]->name;
    if (vocab_elem(view->tensor->elem)->bits < 8 && view->tensor->written) {
        lower_error(l, CACHE, node->span, hint->text,
                    lower_text(l, "two elements of %s share a byte, which is written as a whole",
                               vocab_elem(view->tensor->elem)->text));
        return value_poison();
    }
    View *result = base_copy(l->arena, view, sizeof *view);
    result->cache = vocab_cache_find(hint->text, hint->len);
    return value_view(result);
}

static Value call_method(Lower *l, const Ast *node)
{
    if (node->call->method == METHOD_DROP) return lower_mapping(l, node);
    Value base = lower_value(l, KID(KID(node, Call, callee), Member, base));
    if (base.kind != VALUE_VIEW) return value_poison();
    if (node->call->method == METHOD_TRANSPOSE) return transpose(l, node, base.view);
    if (node->call->method == METHOD_OF_BLOCK) return lower_of_block(l, node, base.view);
    if (node->call->method == METHOD_RESHAPE) return reshape(l, node, base.view);
    if (node->call->method == METHOD_CACHE) return cached(l, node, base.view);
    const Ast *args = KID(node, Call, args);
    Value *items = NEW_ARRAY(l->arena, Value, (size_t)args->count + 1);
    items[0] = base;
    for (uint32_t i = 0; i < args->count; i++)
        items[i + 1] = value_expr(lower_index(l, args->kid[i]));
    return (Value){.kind = VALUE_WINDOW, .count = (int)args->count + 1, .items = items};
}

Value lower_call(Lower *l, const Ast *node)
{
    if (!node->call) return value_poison();
    lower_at(l, node);
    switch (node->call->kind) {
    case CALL_FN:
        return call_fn(l, node);
    case CALL_FN_VALUE:
        return call_fn_value(l, node);
    case CALL_KERNEL:
        return value_poison(); /* sema allows it in tests only */
    case CALL_BUILTIN:
        return lower_builtin(l, node);
    case CALL_CAST:
        return call_cast(l, node);
    case CALL_MAPPING:
        return lower_mapping(l, node);
    case CALL_METHOD:
        return call_method(l, node);
    }
    return value_poison();
}
