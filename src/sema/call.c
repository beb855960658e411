/* Calls: what the callee is, arguments against parameters, conversions. */
#include "sema/internal.h"

CallInfo *sema_call_info(Sema *s, Ast *call, CallKind kind)
{
    CallInfo *info = NEW(s->arena, CallInfo);
    info->kind = kind;
    call->call = info;
    return info;
}

const char *sema_plural(Sema *s, size_t count, const char *noun)
{
    if (count == 0) return base_format(s->arena, "no %s", noun);
    return base_format(s->arena, "%zu %s%s", count, noun, count == 1 ? "" : "s");
}

bool sema_arity(Sema *s, Ast *call, const char *name, size_t min, size_t max)
{
    size_t count = KID(call, Call, args)->count;
    if (count >= min && count <= max) return true;
    const char *takes = sema_plural(s, min, "argument");
    if (max == SIZE_MAX)
        takes = base_format(s->arena, "at least %s", takes);
    else if (max > min)
        takes = base_format(s->arena, "%zu to %zu arguments", min, max);
    Diag *diag = diag_report(s->diags, DIAG_ARGUMENT_COUNT, call->span, name, takes,
                             count ? base_format(s->arena, "%zu", count) : "none");
    if (call->call && call->call->callee && call->call->callee->decl)
        diag_label(s->diags, diag, call->call->callee->span, "declared here");
    return false;
}

/* Looks at the arguments of a call that is already wrong. */
void sema_poison_args(Sema *s, Ast *call)
{
    Ast *args = KID(call, Call, args);
    for (uint32_t i = 0; i < args->count; i++) {
        Ast *arg = args->kid[i];
        if (arg->kind == AST_NamedArg) arg = KID(arg, NamedArg, value);
        if (arg->kind != AST_Hole && !sema_fn_named(s, arg))
            sema_settle(s, arg, sema_infer(s, arg));
    }
}

/* Functions, mappings and conversions take their arguments by position. */
static bool positional(Sema *s, Ast *call, const char *name)
{
    Ast *args = KID(call, Call, args);
    for (uint32_t i = 0; i < args->count; i++) {
        if (args->kid[i]->kind != AST_NamedArg) continue;
        diag_report(s->diags, DIAG_NAMED_ARGUMENT, args->kid[i]->name_span, name,
                    args->kid[i]->name->text, "it takes its arguments by position");
        return false;
    }
    return true;
}

/* ---- arguments ----------------------------------------------------------------------------- */

static const Symbol *root_symbol(const Ast *e)
{
    for (;;) {
        switch ((int)e->kind) {
        case AST_Index:
            e = KID(e, Index, base);
            break;
        case AST_Member:
            e = KID(e, Member, base);
            break;
        case AST_At:
            e = KID(e, At, window);
            break;
        case AST_Call:
            e = KID(e, Call, callee);
            break;
        case AST_Name:
            return e->symbol;
        default:
            return NULL;
        }
    }
}

static void read_only(Sema *s, Ast *e)
{
    const Symbol *symbol = root_symbol(e);
    const char *why = "it is a value computed here, not storage";
    if (e->kind == AST_Else) why = "`else` makes a view that can only be read";
    if (symbol && symbol->kind == SYMBOL_CONST) why = "it is a constant";
    if (symbol && symbol->kind == SYMBOL_LET) why = "the tensor it is a view of is";
    if (symbol && symbol->kind == SYMBOL_PARAM)
        why =
            base_format(s->arena, "declare parameter `%s` as `out` or `inout`", symbol->name->text);
    Diag *diag = diag_report(s->diags, DIAG_READ_ONLY, e->span, why);
    if (symbol && symbol->decl) diag_label(s->diags, diag, symbol->span, "declared here");
}

bool sema_writable(Sema *s, Ast *e, const Type *type)
{
    if (type->kind != TYPE_TENSOR || type->writable) return true;
    read_only(s, e);
    return false;
}

static void argument_mismatch(Sema *s, Ast *arg, const Type *have, const Type *want,
                              const Symbol *param)
{
    size_t before = s->diags->list.len;
    sema_mismatch(s, arg, have, want);
    if (s->diags->list.len > before && param)
        diag_label(s->diags, VEC_LAST(s->diags->list), param->span, "parameter `%s`",
                   param->name->text);
}

static bool awaited(const Inference *inference, const Type *type)
{
    for (int i = 0; i < inference->count; i++)
        if (type->kind == TYPE_VAR && inference->bindings[i].generic == type->symbol) return true;
    return false;
}

static bool argument(Sema *s, Inference *inference, Ast *arg, const Type *have, const Type *want,
                     const Symbol *param)
{
    bool literal = sema_type_literal(s, have);
    if (literal) {
        want = sema_inferred(s, inference, want);
        if (awaited(inference, want)) /* nothing else told its type: what it is by itself */
            return sema_unify(s, inference, want, sema_settle(s, arg, have));
        if (sema_adapts(s, have, want)) return sema_adapt(s, arg, have, want);
    } else if (sema_unify(s, inference, want, have)) {
        return !want->writable || sema_writable(s, arg, have);
    }
    argument_mismatch(s, arg, have, sema_inferred(s, inference, want), param);
    return false;
}

/* Literals last: they adapt to what the others tell. */
static bool arguments(Sema *s, Inference *inference, Ast *args, const Type *fn, const Ast *params)
{
    bool ok = true;
    for (uint32_t i = 0; i < args->count; i++) sema_infer(s, args->kid[i]);
    for (int literals = 0; literals < 2; literals++) {
        for (uint32_t i = 0; i < args->count; i++) {
            Ast *arg = args->kid[i];
            const Type *have = arg->type;
            if (sema_type_literal(s, have) != (literals == 1)) continue;
            const Symbol *param = params ? params->kid[i]->symbol : NULL;
            ok &= argument(s, inference, arg, have, fn->items[i], param);
            ok &= have->kind != TYPE_POISON;
        }
    }
    return ok;
}

/* ---- functions ----------------------------------------------------------------------------- */

const Type *sema_call_fn(Sema *s, Ast *call, Symbol *fn, Ast *brackets)
{
    const char *name = fn->name->text;
    Ast *args = KID(call, Call, args);
    CallInfo *info = sema_call_info(s, call, CALL_FN);
    info->callee = fn;
    Inference inference = sema_inference(s, KID(fn->decl, Fn, generics));
    bool known = sema_bind_brackets(s, &inference, brackets, name);
    info->bindings = inference.bindings;
    info->binding_count = inference.count;
    const Type *type = fn->type;
    if (type->kind == TYPE_POISON || !positional(s, call, name) ||
        !sema_arity(s, call, name, (size_t)type->count, (size_t)type->count)) {
        sema_poison_args(s, call);
        return s->poison;
    }
    size_t errors = s->diags->errors;
    bool ok = arguments(s, &inference, args, type, KID(fn->decl, Fn, params));
    if (known && ok && sema_type_sound(type) && s->diags->errors == errors)
        sema_generics_known(s, &inference, call, name);
    if (inference.count && !sema_type_sound(type)) return s->poison;
    const Type *result = sema_inferred(s, &inference, type->of);
    if (!(ok && known) && result != type->of) return s->poison;
    for (int i = 0; i < inference.count; i++)
        if (inference.bindings[i].generic->kind == SYMBOL_GENERIC_TYPE &&
            !inference.bindings[i].type)
            return s->poison;
    return result;
}

/* `f(a, b)` where f is a generic function parameter. */
const Type *sema_call_fn_value(Sema *s, Ast *call, Symbol *fn)
{
    CallInfo *info = sema_call_info(s, call, CALL_FN_VALUE);
    info->callee = fn;
    const char *name = fn->name->text;
    const Type *type = sema_resolve(s, fn->type);
    if (type->kind != TYPE_FN || !positional(s, call, name) ||
        !sema_arity(s, call, name, (size_t)type->count, (size_t)type->count)) {
        sema_poison_args(s, call);
        return type->kind == TYPE_FN ? type->of : s->poison;
    }
    Inference none = {NULL, 0};
    arguments(s, &none, KID(call, Call, args), type, NULL);
    return type->of;
}

/* `add(a, b)`: as `a + b`. */
const Type *sema_call_operator(Sema *s, Ast *call, Symbol *fn)
{
    sema_call_info(s, call, CALL_FN_VALUE)->callee = fn;
    Ast *args = KID(call, Call, args);
    if (!positional(s, call, fn->name->text) || !sema_arity(s, call, fn->name->text, 2, 2)) {
        sema_poison_args(s, call);
        return s->poison;
    }
    Ast *a = args->kid[0], *b = args->kid[1];
    const Type *lt = sema_infer(s, a), *rt = sema_infer(s, b);
    if (sema_type_literal(s, lt) && sema_type_literal(s, rt)) {
        lt = rt = sema_settle_pair(s, a, b);
        if (lt->kind == TYPE_POISON) return lt;
    }
    return sema_operate(s, call, fn->op, a, lt, b, rt);
}

const Type *sema_call_mapping(Sema *s, Ast *call, Symbol *mapping)
{
    sema_call_info(s, call, CALL_MAPPING)->callee = mapping;
    size_t count = KID(mapping->decl, MappingDecl, params)->count;
    if (!positional(s, call, mapping->name->text) ||
        !sema_arity(s, call, mapping->name->text, count, count))
        sema_poison_args(s, call);
    else
        sema_index_list(s, KID(call, Call, args));
    return s->mapping;
}

/* ---- kernels, in tests --------------------------------------------------------------------- */

typedef struct KernelArgs {
    Ast **args;
    uint32_t count;
} KernelArgs;

/* Named arguments choose `tune` values; the others are the kernel's. */
static KernelArgs kernel_args(Sema *s, Ast *call, Symbol *kernel, Inference *inference)
{
    Ast *list = KID(call, Call, args), *tunes = KID(kernel->decl, Kernel, tunes);
    KernelArgs out = {NEW_ARRAY(s->arena, Ast *, list->count), 0};
    Binding *bindings = NEW_ARRAY(s->arena, Binding, (size_t)inference->count + list->count);
    memcpy(bindings, inference->bindings, (size_t)inference->count * sizeof *bindings);
    for (uint32_t i = 0; i < list->count; i++) {
        Ast *arg = list->kid[i];
        if (arg->kind != AST_NamedArg) {
            out.args[out.count++] = arg;
            continue;
        }
        Ast *value = KID(arg, NamedArg, value);
        const Symbol *tune = NULL;
        for (uint32_t k = 0; k < tunes->count; k++)
            if (tunes->kid[k]->name == arg->name) tune = tunes->kid[k]->symbol;
        if (tune) {
            arg->type = tune->type;
            sema_expect(s, value, arg->type);
            bindings[inference->count++] = (Binding){.generic = tune, .value = value};
        } else {
            sema_value(s, value);
            diag_report(s->diags, DIAG_NAMED_ARGUMENT, arg->name_span, kernel->name->text,
                        arg->name->text, "names before `:` choose values of `tune`");
        }
    }
    inference->bindings = bindings;
    return out;
}

/* The parameters that the call gives: all, or those that are not `out`. */
static const Type *kernel_result(Sema *s, Symbol *kernel, const Inference *inference, bool all)
{
    Ast *params = KID(kernel->decl, Kernel, params);
    const Type **outs = NEW_ARRAY(s->arena, const Type *, params->count);
    int count = 0;
    for (uint32_t i = 0; i < params->count && !all; i++) {
        if (!(params->kid[i]->flags & AST_OUT)) continue;
        const Type *type = sema_inferred(s, inference, kernel->type->items[i]);
        if (type->kind != TYPE_TENSOR) return s->poison;
        outs[count++] = sema_type_tensor(s, type->of, type->rank, SPACE_HOST, true);
    }
    if (count == 0) return s->none;
    return count == 1 ? outs[0] : sema_type_list(s, TYPE_TUPLE, NULL, count, outs);
}

static const Type *kernel_mismatch(Sema *s, Ast *call, Symbol *kernel, size_t inputs, size_t all,
                                   size_t found)
{
    const char *takes = sema_plural(s, inputs, "input");
    if (all > inputs)
        takes = base_format(s->arena, "%s, or %s with its outputs", takes,
                            sema_plural(s, all, "argument"));
    Diag *diag = diag_report(s->diags, DIAG_ARGUMENT_COUNT, call->span, kernel->name->text, takes,
                             found ? base_format(s->arena, "%zu", found) : "none");
    diag_label(s->diags, diag, kernel->span, "declared here");
    return s->poison;
}

const Type *sema_call_kernel(Sema *s, Ast *call, Symbol *kernel, Ast *brackets)
{
    const char *name = kernel->name->text;
    CallInfo *info = sema_call_info(s, call, CALL_KERNEL);
    info->callee = kernel;
    const Type *type = kernel->type;
    if (s->place != PLACE_TEST) diag_report(s->diags, DIAG_KERNEL_CALL, call->span, name);
    if (s->place != PLACE_TEST || type->kind == TYPE_POISON) {
        sema_poison_args(s, call);
        return s->poison;
    }
    Inference inference = sema_inference(s, KID(kernel->decl, Kernel, generics));
    bool known = sema_bind_brackets(s, &inference, brackets, name);
    KernelArgs given = kernel_args(s, call, kernel, &inference);
    info->bindings = inference.bindings;
    info->binding_count = inference.count;
    Ast *params = KID(kernel->decl, Kernel, params);
    uint32_t inputs = 0;
    for (uint32_t i = 0; i < params->count; i++) inputs += !(params->kid[i]->flags & AST_OUT);
    bool all = given.count == params->count;
    if (!all && given.count != inputs) {
        sema_poison_args(s, call);
        return kernel_mismatch(s, call, kernel, inputs, params->count, given.count);
    }
    size_t errors = s->diags->errors;
    for (uint32_t i = 0, at = 0; i < params->count; i++) {
        if (!all && params->kid[i]->flags & AST_OUT) continue;
        Ast *arg = given.args[at++];
        argument(s, &inference, arg, sema_infer(s, arg), type->items[i], params->kid[i]->symbol);
    }
    if (known && sema_type_sound(type) && s->diags->errors == errors)
        sema_generics_known(s, &inference, call, name);
    return kernel_result(s, kernel, &inference, all);
}
