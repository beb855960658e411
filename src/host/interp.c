/* Values, expressions, statements. */
#include "host/interp.h"

#include <math.h>

void interp_stop(Interp *in, Span where, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    in->message = base_vformat(in->arena, fmt, args);
    va_end(args);
    in->where = where;
    base_escape(&in->stop, ESCAPE_STOP);
}

static const Type *bound_type(void *user, const Symbol *symbol)
{
    const Interp *in = user;
    const IValue *v = &in->env[symbol->id];
    return v->kind == IV_TYPE ? v->type : NULL;
}

const Type *interp_resolve(Interp *in, const Type *type)
{
    return sema_substitute(in->session->program, type, bound_type, in);
}

Elem interp_elem(Interp *in, const Type *type)
{
    type = interp_resolve(in, type);
    if (type->kind == TYPE_TENSOR || type->kind == TYPE_VECTOR) type = type->of;
    return type->kind == TYPE_SCALAR ? type->elem : ELEM_INDEX;
}

HostTensor *interp_new_tensor(Interp *in, Span span, Elem elem, int rank, const int64_t *shape)
{
    HdFailure failure = {0};
    HostTensor *t = host_tensor_create(elem, rank, shape, &failure);
    if (!t) interp_stop(in, span, "%s", failure.text);
    VEC_PUSH(in->arena, in->tensors, t);
    return t;
}

Scalar interp_scalar(Interp *in, const Ast *node)
{
    IValue v = interp_expr(in, node);
    if (v.kind != IV_SCALAR) interp_stop(in, node->span, "this is not a number here");
    return v.scalar;
}

int64_t interp_int(Interp *in, const Ast *node)
{
    Scalar s = interp_scalar(in, node);
    return vocab_elem_is_float(s.elem) ? (int64_t)s.f : s.i;
}

/* ---- tensors ------------------------------------------------------------------------------------
 */

static int64_t element(Interp *in, const HostTensor *t, const Ast *args)
{
    int64_t at = 0;
    for (uint32_t d = 0; d < args->count; d++) {
        const Ast *arg = args->kid[d];
        if (arg->kind == AST_Range || arg->kind == AST_Hole)
            interp_stop(in, arg->span, "tests read tensors element by element");
        int64_t i = interp_int(in, arg);
        if (i < 0 || i >= t->shape[d])
            interp_stop(in, arg->span, "index %lld is out of bounds for the extent %lld",
                        (long long)i, (long long)t->shape[d]);
        at = at * t->shape[d] + i;
    }
    return at;
}

/* A table of constants, copied into a tensor on first use. */
static void fill_table(Interp *in, const Ast *array, HostTensor *t, int64_t *at)
{
    const Ast *items = KID(array, Array, items);
    for (uint32_t i = 0; i < items->count; i++)
        if (items->kid[i]->kind == AST_Array)
            fill_table(in, items->kid[i], t, at);
        else
            host_tensor_set(t, (*at)++, scalar_cast(t->elem, interp_scalar(in, items->kid[i])));
}

static IValue table(Interp *in, const Ast *array, const Type *type)
{
    int64_t shape[HOST_MAX_RANK], at = 0;
    const Ast *inner = array;
    for (int d = 0; d < type->rank; d++) {
        shape[d] = KID(inner, Array, items)->count;
        if (d + 1 < type->rank && shape[d]) inner = KID(inner, Array, items)->kid[0];
    }
    HostTensor *t = interp_new_tensor(in, array->span, interp_elem(in, type), type->rank, shape);
    fill_table(in, array, t, &at);
    return ivalue_tensor(t);
}

static IValue random_tensor(Interp *in, const Ast *node)
{
    const Ast *type = KID(node, Random, type), *args = KID(node, Random, args);
    int64_t shape[HOST_MAX_RANK];
    double bounds[2];
    const double *lo = NULL, *hi = NULL;
    for (uint32_t i = 0; i < args->count && i < 2; i++) {
        const Ast *arg = args->kid[i];
        bool named = arg->kind == AST_NamedArg, upper = named ? arg->name->text[0] == 'h' : i == 1;
        bounds[upper] =
            scalar_to_double(interp_scalar(in, named ? KID(arg, NamedArg, value) : arg));
        if (upper)
            hi = &bounds[1];
        else
            lo = &bounds[0];
    }
    const Ast *extents = type->kind == AST_TypeTensor ? KID(type, TypeTensor, extents) : NULL;
    int rank = extents ? (int)extents->count : 0;
    for (int d = 0; d < rank; d++) {
        shape[d] = interp_int(in, extents->kid[d]);
        if (shape[d] < 0)
            interp_stop(in, extents->kid[d]->span, "an extent cannot be %lld", (long long)shape[d]);
    }
    HostTensor *t = interp_new_tensor(in, node->span, interp_elem(in, node->type), rank, shape);
    if (strcmp(node->name->text, "random") == 0) host_tensor_random(t, &in->random, lo, hi);
    return extents ? ivalue_tensor(t) : ivalue_scalar(host_tensor_get(t, 0));
}

/* ---- expressions
 * --------------------------------------------------------------------------------- */

static IValue literal(Interp *in, const Ast *node)
{
    Elem elem = interp_elem(in, node->type);
    if (node->kind == AST_Float) return ivalue_scalar(scalar_float(elem, node->value.f));
    if (vocab_elem_is_float(elem)) return ivalue_scalar(scalar_float(elem, (double)node->value.i));
    return ivalue_scalar(scalar_int(elem, node->value.i));
}

static IValue name_value(Interp *in, const Ast *node)
{
    const Symbol *symbol = node->symbol;
    if (!symbol) interp_stop(in, node->span, "`%s` has no value here", node->name->text);
    IValue *v = &in->env[symbol->id];
    if (v->kind != IV_NONE) return *v;
    if (symbol->kind == SYMBOL_CONST) {
        const Ast *value = KID(symbol->decl, Const, value);
        *v = value->kind == AST_Array ? table(in, value, symbol->type) : interp_expr(in, value);
        return *v;
    }
    if (symbol->kind == SYMBOL_SPECIAL && symbol->special == SPECIAL_FAST) /* a test is strict */
        return ivalue_scalar((Scalar){.elem = ELEM_BOOL});
    interp_stop(in, node->span, "`%s` has no value in a test", node->name->text);
}

static IValue binary(Interp *in, const Ast *node)
{
    const Ast *left = KID(node, Binary, left), *right = KID(node, Binary, right);
    if (left->type && left->type->kind == TYPE_TYPE) {
        bool same = interp_resolve(in, left->type->of) == interp_resolve(in, right->type->of);
        return ivalue_scalar(scalar_int(ELEM_BOOL, same == (node->op == OP_EQ)));
    }
    Scalar a = interp_scalar(in, left), out;
    if (node->op == OP_AND && !scalar_true(a)) return ivalue_scalar(a);
    if (node->op == OP_OR && scalar_true(a)) return ivalue_scalar(a);
    Scalar b = interp_scalar(in, right);
    if (a.elem != b.elem) b = scalar_cast(a.elem, b);
    if (!scalar_binary(node->op, a, b, &out))
        interp_stop(in, node->span, "`%s %s %s` has no value", scalar_text(in->arena, a),
                    vocab_op(node->op)->text, scalar_text(in->arena, b));
    return ivalue_scalar(out);
}

static IValue tuple(Interp *in, const Ast *list)
{
    IValue *items = NEW_ARRAY(in->arena, IValue, (size_t)list->count + 1);
    for (uint32_t i = 0; i < list->count; i++) items[i] = interp_expr(in, list->kid[i]);
    return (IValue){.kind = IV_TUPLE, .count = (int)list->count, .items = items};
}

static IValue index_value(Interp *in, const Ast *node)
{
    IValue base = interp_expr(in, KID(node, Index, base));
    const Ast *args = KID(node, Index, args);
    if (base.kind != IV_TENSOR || (int)args->count != base.tensor->dl.ndim)
        interp_stop(in, node->span, "tests read tensors element by element");
    return ivalue_scalar(host_tensor_get(base.tensor, element(in, base.tensor, args)));
}

static IValue unary(Interp *in, const Ast *node)
{
    Scalar out, a = interp_scalar(in, KID(node, Unary, operand));
    if (!scalar_unary(node->op, a, &out)) interp_stop(in, node->span, "this has no value");
    return ivalue_scalar(out);
}

IValue interp_expr(Interp *in, const Ast *node)
{
    switch (node->kind) {
    case AST_Int:
    case AST_Float:
        return literal(in, node);
    case AST_Bool:
        return ivalue_scalar(scalar_int(ELEM_BOOL, node->value.i));
    case AST_Str:
        return (IValue){.kind = IV_STRING, .string = node->name};
    case AST_Name:
        return name_value(in, node);
    case AST_Unary:
        return unary(in, node);
    case AST_Binary:
        return binary(in, node);
    case AST_Cond:
        return interp_expr(in, scalar_true(interp_scalar(in, KID(node, Cond, cond)))
                                   ? KID(node, Cond, then)
                                   : KID(node, Cond, otherwise));
    case AST_Index:
        return index_value(in, node);
    case AST_Call:
        return interp_call(in, node);
    case AST_Tuple:
        return tuple(in, KID(node, Tuple, items));
    case AST_Array:
        return table(in, node, node->type);
    case AST_Random:
        return random_tensor(in, node);
    default:
        interp_stop(in, node->span, "this cannot stand in a test");
    }
}

/* ---- statements
 * ----------------------------------------------------------------------------------- */

static void bind_names(Interp *in, const Ast *names, const IValue *value, const Ast *at)
{
    if (names->count == 1) {
        if (names->kid[0]->symbol) in->env[names->kid[0]->symbol->id] = *value;
        return;
    }
    if (value->kind != IV_TUPLE || value->count != (int)names->count)
        interp_stop(in, at->span, "%u names for %d values", names->count, value->count);
    for (uint32_t i = 0; i < names->count; i++)
        if (names->kid[i]->symbol) in->env[names->kid[i]->symbol->id] = value->items[i];
}

static void declare_var(Interp *in, const Ast *node)
{
    const Ast *names = KID(node, Var, names), *source = KID(node, Var, value);
    IValue value;
    if (source) {
        value = interp_expr(in, source);
    } else {
        Elem elem = interp_elem(in, names->kid[0]->symbol->type);
        value =
            ivalue_scalar(vocab_elem_is_float(elem) ? scalar_float(elem, 0) : scalar_int(elem, 0));
    }
    bind_names(in, names, &value, node);
}

static Scalar combine(Interp *in, const Ast *node, Scalar old, Scalar value)
{
    Scalar out = value;
    if (value.elem != old.elem) value = out = scalar_cast(old.elem, value);
    if (node->op != OP_NONE && !scalar_binary(node->op, old, value, &out))
        interp_stop(in, node->span, "this has no value");
    return out;
}

static void assign(Interp *in, const Ast *node)
{
    const Ast *target = KID(node, Assign, target), *source = KID(node, Assign, value);
    if (target->kind == AST_Index) {
        IValue base = interp_expr(in, KID(target, Index, base));
        const Ast *args = KID(target, Index, args);
        if (base.kind != IV_TENSOR || (int)args->count != base.tensor->dl.ndim)
            interp_stop(in, target->span, "tests write tensors element by element");
        int64_t at = element(in, base.tensor, args);
        Scalar value = interp_scalar(in, source);
        host_tensor_set(base.tensor, at,
                        combine(in, node, host_tensor_get(base.tensor, at), value));
        return;
    }
    IValue value = interp_expr(in, source), *place = &in->env[target->symbol->id];
    if (place->kind == IV_SCALAR && value.kind == IV_SCALAR)
        value.scalar = combine(in, node, place->scalar, value.scalar);
    *place = value;
}

static Flow loop(Interp *in, const Ast *node)
{
    const Ast *domain = KID(node, For, domain), *names = KID(node, For, vars);
    bool range = domain->kind == AST_Call && domain->call && domain->call->builtin == BUILTIN_RANGE;
    if (!range) interp_stop(in, domain->span, "loops of tests run over `range`");
    const Ast *args = KID(domain, Call, args);
    int64_t bounds[3] = {0, 0, 1};
    for (uint32_t i = 0; i < args->count && i < 3; i++)
        bounds[args->count == 1 ? 1 : i] = interp_int(in, args->kid[i]);
    if (bounds[2] < 1) interp_stop(in, domain->span, "a loop's step must be at least 1");
    for (int64_t i = bounds[0]; i < bounds[1]; i += bounds[2]) {
        if (names->kid[0]->symbol)
            in->env[names->kid[0]->symbol->id] = ivalue_scalar(scalar_int(ELEM_INDEX, i));
        Flow flow = interp_block(in, KID(node, For, body));
        if (flow == FLOW_BREAK) break;
        if (flow == FLOW_RETURN) return flow;
    }
    return FLOW_NEXT;
}

static Flow while_loop(Interp *in, const Ast *node)
{
    while (scalar_true(interp_scalar(in, KID(node, While, cond)))) {
        Flow flow = interp_block(in, KID(node, While, body));
        if (flow == FLOW_BREAK) break;
        if (flow == FLOW_RETURN) return flow;
    }
    return FLOW_NEXT;
}

/* A comparison that fails shows both sides. NULL: nothing is known but that it failed. */
static const char *why_false(Interp *in, const Ast *cond)
{
    if (in->message) return in->message; /* left by close, equal */
    if (cond->kind == AST_Binary && (vocab_op(cond->op)->flags & OP_COMPARES)) {
        IValue a = interp_expr(in, KID(cond, Binary, left)),
               b = interp_expr(in, KID(cond, Binary, right));
        if (a.kind == IV_SCALAR && b.kind == IV_SCALAR)
            return base_format(in->arena, "it is not true that %s %s %s",
                               scalar_text(in->arena, a.scalar), vocab_op(cond->op)->text,
                               scalar_text(in->arena, b.scalar));
    }
    return NULL;
}

static void check(Interp *in, const Ast *cond, const Ast *message, const Ast *at)
{
    in->message = NULL;
    if (scalar_true(interp_scalar(in, cond))) return;
    const char *why = why_false(in, cond);
    if (!message || !message->name) interp_stop(in, at->span, "%s", why ? why : "the check failed");
    const char *text = message->name->text;
    interp_stop(in, at->span, "%s%s%s", text, why ? ": " : "", why ? why : "");
}

static void print(Interp *in, const Ast *args)
{
    for (uint32_t i = 0; i < args->count; i++) {
        IValue v = interp_expr(in, args->kid[i]);
        fputs(i ? " " : "", in->host->print);
        if (v.kind == IV_STRING)
            fputs(v.string->text, in->host->print);
        else if (v.kind == IV_SCALAR)
            fputs(scalar_text(in->arena, v.scalar), in->host->print);
        else
            fputs("…", in->host->print);
    }
    fputc('\n', in->host->print);
}

static Flow branch(Interp *in, const Ast *node)
{
    bool taken = scalar_true(interp_scalar(in, KID(node, If, cond)));
    const Ast *next = taken ? KID(node, If, then) : KID(node, If, otherwise);
    if (!next) return FLOW_NEXT;
    return next->kind == AST_If ? branch(in, next) : interp_block(in, next);
}

static Flow statement(Interp *in, const Ast *node)
{
    IValue value;
    switch (node->kind) {
    case AST_Block:
        return interp_block(in, node);
    case AST_Let:
        value = interp_expr(in, KID(node, Let, value));
        bind_names(in, KID(node, Let, names), &value, node);
        break;
    case AST_Var:
        declare_var(in, node);
        break;
    case AST_Assign:
        assign(in, node);
        break;
    case AST_ExprStmt:
        interp_expr(in, KID(node, ExprStmt, expr));
        break;
    case AST_For:
        return loop(in, node);
    case AST_While:
        return while_loop(in, node);
    case AST_If:
        return branch(in, node);
    case AST_Break:
        return FLOW_BREAK;
    case AST_Continue:
        return FLOW_CONTINUE;
    case AST_Return:
        in->result =
            KID(node, Return, value) ? interp_expr(in, KID(node, Return, value)) : (IValue){0};
        return FLOW_RETURN;
    case AST_Check:
        check(in, KID(node, Check, cond), KID(node, Check, message), node);
        break;
    case AST_Assert:
        check(in, KID(node, Assert, cond), KID(node, Assert, message), node);
        break;
    case AST_Print:
        print(in, KID(node, Print, args));
        break;
    default:
        interp_stop(in, node->span, "this cannot stand in a test");
    }
    return FLOW_NEXT;
}

Flow interp_block(Interp *in, const Ast *block)
{
    const Ast *stmts = KID(block, Block, stmts);
    for (uint32_t i = 0; i < stmts->count; i++) {
        Flow flow = statement(in, stmts->kid[i]);
        if (flow != FLOW_NEXT) return flow;
    }
    return FLOW_NEXT;
}
