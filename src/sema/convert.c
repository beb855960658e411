/* Conversions `f16(x)`, and finding what a callee is. */
#include "sema/internal.h"

/* ---- conversions --------------------------------------------------------------------------- */

static bool scalar_converts(const Type *have, const Type *want)
{
    if (have->kind == TYPE_POISON || want->kind == TYPE_POISON || have == want) return true;
    return sema_type_within(have, MASK_SCALAR) && sema_type_within(want, MASK_NUM);
}

static const Type *no_conversion(Sema *s, Ast *e, const Type *have, const Type *want)
{
    if (!sema_is_value(have)) return sema_not_a_value(s, e, have);
    const char *why = "only numbers and bool convert";
    if (want->kind == TYPE_SCALAR && want->elem == ELEM_BOOL)
        why = "compare it, as in `x != 0`";
    else if (have->kind == TYPE_VAR || want->kind == TYPE_VAR)
        why = "bound the type parameter by `num`, `int` or `float`";
    else if (have->kind == TYPE_TENSOR)
        why = have->space == SPACE_REG ? "only tiles of numbers convert"
                                       : "convert its elements, or a register tile of them";
    diag_report(s->diags, DIAG_NO_CONVERSION, e->span, sema_text(s, have), sema_text(s, want), why);
    return s->poison;
}

static const Type *convert(Sema *s, Ast *arg, const Type *want)
{
    const Type *have = sema_infer(s, arg);
    const Type *element = want->kind == TYPE_VECTOR ? want->of : want;
    if (sema_type_literal(s, have)) {
        bool float_of_integer =
            !sema_type_within(element, MASK_INT) && sema_literal_is_integer(arg);
        if (sema_adapts(s, have, element) && !float_of_integer)
            return sema_adapt(s, arg, have, element) ? want : s->poison;
        have = sema_settle(s, arg, have);
    }
    if (have->kind == TYPE_POISON) return want;
    if (want->kind == TYPE_VECTOR) {
        if (have->kind == TYPE_VECTOR && have->lanes == want->lanes &&
            scalar_converts(have->of, want->of))
            return want;
        return sema_same(have, want->of) ? want : no_conversion(s, arg, have, want);
    }
    if (have->kind == TYPE_TENSOR && have->space == SPACE_REG && scalar_converts(have->of, want))
        return sema_type_tensor(s, want, have->rank, SPACE_REG, false);
    return scalar_converts(have, want) ? want : no_conversion(s, arg, have, want);
}

static const Type *call_cast(Sema *s, Ast *call, const Type *want, Ast *brackets)
{
    Ast *args = KID(call, Call, args);
    const char *name = sema_text(s, want);
    sema_call_info(s, call, CALL_CAST);
    if (brackets)
        diag_report(s->diags, DIAG_BRACKET_ARGUMENT, brackets->span, name, "a conversion has none");
    if (!sema_type_mask(want) && want->kind != TYPE_POISON) {
        sema_poison_args(s, call);
        diag_report(s->diags, DIAG_NOT_CALLABLE, call->span, name,
                    "only scalar and vector types convert values");
        return s->poison;
    }
    if (want->kind == TYPE_VECTOR && args->count == (uint32_t)want->lanes) {
        for (uint32_t i = 0; i < args->count; i++) sema_expect(s, args->kid[i], want->of);
        return want;
    }
    if (args->count == 1) return convert(s, args->kid[0], want);
    sema_poison_args(s, call);
    if (want->kind == TYPE_VECTOR)
        diag_report(s->diags, DIAG_ARGUMENT_COUNT, call->span, name,
                    base_format(s->arena, "1 or %d arguments", want->lanes),
                    base_format(s->arena, "%u", args->count));
    else
        sema_arity(s, call, name, 1, 1);
    return want;
}

/* ---- callees ------------------------------------------------------------------------------- */

static const Type *not_callable(Sema *s, Ast *call, const char *what, const Type *type)
{
    sema_poison_args(s, call);
    if (type && type->kind == TYPE_POISON) return type;
    const char *advice = "functions, kernels (in tests) and types can";
    if (type && type->kind == TYPE_TENSOR) advice = "index it with brackets: `x[…]`";
    diag_report(s->diags, DIAG_NOT_CALLABLE, KID(call, Call, callee)->span, what, advice);
    return s->poison;
}

static const Type *call_symbol(Sema *s, Ast *call, Ast *callee, Symbol *symbol, Ast *brackets)
{
    if (symbol->type && symbol->type->kind == TYPE_POISON) {
        sema_poison_args(s, call);
        return s->poison;
    }
    bool generic = symbol->kind == SYMBOL_FN || symbol->kind == SYMBOL_KERNEL ||
                   symbol->kind == SYMBOL_BUILTIN;
    if (brackets && !generic && symbol->kind != SYMBOL_GENERIC_TYPE) {
        const Type *type = sema_value(s, KID(call, Call, callee));
        return not_callable(s, call, "an element", type);
    }
    switch ((int)symbol->kind) {
    case SYMBOL_FN:
        return sema_call_fn(s, call, symbol, brackets);
    case SYMBOL_KERNEL:
        return sema_call_kernel(s, call, symbol, brackets);
    case SYMBOL_BUILTIN:
        return sema_call_builtin(s, call, symbol->builtin, brackets);
    case SYMBOL_GENERIC_FN:
        return sema_call_fn_value(s, call, symbol);
    case SYMBOL_FN_OP:
        return sema_call_operator(s, call, symbol);
    case SYMBOL_GENERIC_TYPE:
        return call_cast(s, call, sema_resolve(s, symbol->type), brackets);
    case SYMBOL_MAPPING:
        if (KID(symbol->decl, MappingDecl, params)->count)
            return sema_call_mapping(s, call, symbol);
        return not_callable(s, call, "a mapping without parameters", s->mapping);
    default:
        break;
    }
    const Type *type = sema_symbol_type(s, callee, symbol);
    callee->type = type;
    return not_callable(s, call, base_format(s->arena, "`%s`", callee->name->text), type);
}

static const Type *call_name(Sema *s, Ast *call, Ast *callee, Ast *brackets)
{
    Symbol *symbol = sema_lookup(s, callee->name);
    if (symbol) {
        callee->symbol = symbol;
        callee->type = s->poison;
        sema_mention(s, symbol, callee->span);
        return call_symbol(s, call, callee, symbol, brackets);
    }
    const Type *type = sema_lookup_type(s, callee->name);
    if (type) {
        callee->type = sema_type_of(s, TYPE_TYPE, type);
        return call_cast(s, call, type, brackets);
    }
    callee->type = s->poison;
    sema_unknown(s, DIAG_UNKNOWN_NAME, callee->name, callee->span);
    sema_poison_args(s, call);
    return s->poison;
}

/* `atomic.add`: a member of a namespace of built-ins, which is a module without a file. */
static Builtin builtin_member(Sema *s, const Ast *member)
{
    const Ast *base = KID(member, Member, base);
    const Symbol *symbol = base->kind == AST_Name ? sema_lookup(s, base->name) : NULL;
    if (!symbol || symbol->kind != SYMBOL_MODULE || symbol->module) return BUILTIN_NONE;
    const char *text = base_format(s->arena, "%s.%s", symbol->name->text, member->name->text);
    return vocab_builtin_find(text, strlen(text));
}

static const Type *call_member(Sema *s, Ast *call, Ast *member, Ast *brackets)
{
    Builtin builtin = builtin_member(s, member);
    if (builtin) {
        member->type = KID(member, Member, base)->type = s->poison;
        return vocab_builtin(builtin)->cls == BUILTIN_ATOMIC
                   ? sema_call_atomic(s, call, builtin)
                   : sema_call_builtin(s, call, builtin, brackets);
    }
    Symbol *symbol;
    if (sema_module_member(s, member, &symbol)) {
        member->type = s->poison;
        if (symbol) return call_symbol(s, call, member, symbol, brackets);
        sema_poison_args(s, call);
        return s->poison;
    }
    if (brackets)
        return not_callable(s, call, "an element", sema_value(s, KID(call, Call, callee)));
    return sema_method(s, call, member);
}

const Type *sema_infer_call(Sema *s, Ast *e)
{
    Ast *callee = KID(e, Call, callee), *brackets = NULL;
    if (callee->kind == AST_Index) {
        brackets = KID(callee, Index, args);
        callee->type = s->poison;
        callee = KID(callee, Index, base);
    }
    if (callee->kind == AST_Name) return call_name(s, e, callee, brackets);
    if (callee->kind == AST_Member) return call_member(s, e, callee, brackets);
    const Type *type = sema_value(s, KID(e, Call, callee));
    return not_callable(s, e, "the value of an expression", type);
}
