/* Calls in tests: kernels, functions, built-ins, comparisons of tensors. */
#include "host/interp.h"

#include <math.h>

/* ---- close, equal ------------------------------------------------------------------------------
 */

static double named(Interp *in, const Ast *args, const char *name, double otherwise)
{
    for (uint32_t i = 0; i < args->count; i++)
        if (args->kid[i]->kind == AST_NamedArg && strcmp(args->kid[i]->name->text, name) == 0)
            return scalar_to_double(interp_scalar(in, KID(args->kid[i], NamedArg, value)));
    return otherwise;
}

/* |a - b| <= atol + rtol * |b|; equal infinities and two NaNs are close. */
static bool near(double a, double b, double rtol, double atol)
{
    if (isnan(a) || isnan(b)) return isnan(a) && isnan(b);
    return a == b || fabs(a - b) <= atol + rtol * fabs(b);
}

typedef struct Comparison {
    bool exact;
    double rtol, atol;
} Comparison;

static bool agree(const Comparison *c, Scalar a, Scalar b)
{
    if (c->exact) return scalar_same(a, b);
    return near(scalar_to_double(a), scalar_to_double(b), c->rtol, c->atol);
}

static const char *place(Interp *in, const HostTensor *t, int64_t at)
{
    int64_t index[HOST_MAX_RANK];
    for (int d = t->dl.ndim - 1; d >= 0; d--) {
        index[d] = at % t->shape[d];
        at /= t->shape[d];
    }
    Sb sb = base_sb(in->arena);
    for (int d = 0; d < t->dl.ndim; d++)
        base_sb_printf(&sb, "%s%lld", d ? ", " : "", (long long)index[d]);
    return base_sb_text(&sb);
}

static bool same_shape(const HostTensor *a, const HostTensor *b)
{
    bool same = a->dl.ndim == b->dl.ndim;
    for (int d = 0; same && d < a->dl.ndim; d++) same = a->shape[d] == b->shape[d];
    return same;
}

/* Leaves in->message for `check` where they differ. */
static bool compare_tensors(Interp *in, const Comparison *c, const HostTensor *a,
                            const HostTensor *b)
{
    if (!same_shape(a, b)) {
        in->message = "the shapes differ";
        return false;
    }
    int64_t wrong = 0, first = -1;
    for (int64_t i = 0; i < a->count; i++)
        if (!agree(c, host_tensor_get(a, i), host_tensor_get(b, i))) {
            if (first < 0) first = i;
            wrong++;
        }
    if (wrong == 0) return true;
    in->message = base_format(
        in->arena, "%lld of %lld elements differ, first at [%s]: %s against %s", (long long)wrong,
        (long long)a->count, place(in, a, first), scalar_text(in->arena, host_tensor_get(a, first)),
        scalar_text(in->arena, host_tensor_get(b, first)));
    return false;
}

static IValue compare(Interp *in, const Ast *node)
{
    const Ast *args = KID(node, Call, args), *pair[2] = {NULL, NULL};
    for (uint32_t i = 0, at = 0; i < args->count; i++)
        if (args->kid[i]->kind != AST_NamedArg && at < 2) pair[at++] = args->kid[i];
    IValue a = interp_expr(in, pair[0]), b = interp_expr(in, pair[1]);
    Comparison c = {.exact = node->call->builtin == BUILTIN_EQUAL,
                    .rtol = named(in, args, "rtol", 1e-5),
                    .atol = named(in, args, "atol", 1e-6)};
    bool good;
    if (a.kind == IV_TENSOR && b.kind == IV_TENSOR) {
        good = compare_tensors(in, &c, a.tensor, b.tensor);
    } else if (a.kind == IV_SCALAR && b.kind == IV_SCALAR) {
        good = agree(&c, a.scalar, b.scalar);
        if (!good)
            in->message = base_format(in->arena, "%s against %s", scalar_text(in->arena, a.scalar),
                                      scalar_text(in->arena, b.scalar));
    } else {
        interp_stop(in, node->span, "a tensor cannot be compared with a number");
    }
    return ivalue_scalar(scalar_int(ELEM_BOOL, good));
}

/* ---- functions
 * ------------------------------------------------------------------------------------ */

static void bind_types(Interp *in, const CallInfo *call)
{
    for (int i = 0; i < call->binding_count; i++) {
        const Binding *b = &call->bindings[i];
        IValue v = {0};
        if (b->type)
            v = (IValue){.kind = IV_TYPE, .type = interp_resolve(in, b->type)};
        else if (b->value)
            v = interp_expr(in, b->value);
        in->env[b->generic->id] = v;
    }
}

static IValue call_function(Interp *in, const Ast *node)
{
    const Ast *decl = node->call->callee->decl, *params = KID(decl, Fn, params),
              *args = KID(node, Call, args);
    IValue *values = NEW_ARRAY(in->arena, IValue, (size_t)args->count + 1);
    for (uint32_t i = 0; i < args->count; i++) values[i] = interp_expr(in, args->kid[i]);
    bind_types(in, node->call);
    for (uint32_t i = 0; i < args->count && i < params->count; i++)
        if (params->kid[i]->symbol) in->env[params->kid[i]->symbol->id] = values[i];
    in->result = (IValue){0};
    interp_block(in, KID(decl, Fn, body));
    return in->result;
}

static IValue call_builtin(Interp *in, const Ast *node)
{
    Builtin builtin = node->call->builtin;
    const Ast *args = KID(node, Call, args);
    if (vocab_builtin(builtin)->cls == BUILTIN_TEST) return compare(in, node);
    if (builtin == BUILTIN_DIM) {
        IValue t = interp_expr(in, args->kid[0]);
        int64_t d = interp_int(in, args->kid[1]);
        if (t.kind != IV_TENSOR || d < 0 || d >= t.tensor->dl.ndim)
            interp_stop(in, node->span, "the tensor has no dimension %lld", (long long)d);
        return ivalue_scalar(scalar_int(ELEM_INDEX, t.tensor->shape[d]));
    }
    Scalar values[4], out;
    if (args->count > BASE_LEN(values) || vocab_builtin(builtin)->cls != BUILTIN_MATH)
        interp_stop(in, node->span, "`%s` cannot stand in a test", vocab_builtin(builtin)->text);
    for (uint32_t i = 0; i < args->count; i++) values[i] = interp_scalar(in, args->kid[i]);
    bool good = builtin == BUILTIN_BITCAST
                    ? scalar_bitcast(interp_elem(in, node->type), values[0], &out)
                    : scalar_math(builtin, values, (int)args->count, &out);
    if (!good) interp_stop(in, node->span, "this has no value");
    return ivalue_scalar(out);
}

IValue interp_call(Interp *in, const Ast *node)
{
    if (!node->call) interp_stop(in, node->span, "this cannot be called");
    switch (node->call->kind) {
    case CALL_KERNEL:
        return interp_kernel(in, node);
    case CALL_FN:
        return call_function(in, node);
    case CALL_BUILTIN:
        return call_builtin(in, node);
    case CALL_CAST:
        return ivalue_scalar(scalar_cast(interp_elem(in, node->type),
                                         interp_scalar(in, KID(node, Call, args)->kid[0])));
    case CALL_FN_VALUE:
    case CALL_MAPPING:
    case CALL_METHOD:
        break;
    }
    interp_stop(in, node->span, "this call cannot stand in a test");
}
