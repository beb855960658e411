/* Generics: inferring type arguments by unification, bracket arguments, bounds, function values. */
#include "sema/internal.h"

Inference sema_inference(Sema *s, Ast *generics)
{
    Inference inference = {NEW_ARRAY(s->arena, Binding, generics->count), 0};
    for (uint32_t i = 0; i < generics->count; i++)
        if (generics->kid[i]->symbol)
            inference.bindings[inference.count++].generic = generics->kid[i]->symbol;
    return inference;
}

static Binding *binding_of(const Inference *inference, const Symbol *generic)
{
    for (int i = 0; i < inference->count; i++)
        if (inference->bindings[i].generic == generic) return &inference->bindings[i];
    return NULL;
}

/* ---- unification --------------------------------------------------------------------------- */

static bool spaces_agree(const Sema *s, Space pattern, Space actual)
{
    return pattern == actual ||
           (s->place == PLACE_TEST && pattern == SPACE_GLOBAL && actual == SPACE_HOST);
}

static bool unify_items(Sema *s, Inference *inference, const Type *pattern, const Type *actual)
{
    if (pattern->count != actual->count) return false;
    for (int i = 0; i < pattern->count; i++)
        if (!sema_unify(s, inference, pattern->items[i], actual->items[i])) return false;
    return !pattern->of || sema_unify(s, inference, pattern->of, actual->of);
}

bool sema_unify(Sema *s, Inference *inference, const Type *pattern, const Type *actual)
{
    if (pattern->kind == TYPE_POISON || actual->kind == TYPE_POISON) return true;
    if (pattern->kind == TYPE_VAR) {
        Binding *binding = binding_of(inference, pattern->symbol);
        if (!binding) return pattern == actual;
        if (!binding->type && sema_type_mask(actual)) binding->type = actual;
        return binding->type && sema_same(binding->type, actual);
    }
    if (pattern == actual) return true;
    if (pattern->kind != actual->kind) return false;
    switch ((int)pattern->kind) {
    case TYPE_VECTOR:
        return pattern->lanes == actual->lanes && sema_unify(s, inference, pattern->of, actual->of);
    case TYPE_TENSOR:
        return pattern->rank == actual->rank && spaces_agree(s, pattern->space, actual->space) &&
               sema_unify(s, inference, pattern->of, actual->of);
    case TYPE_TUPLE:
    case TYPE_FN:
        return unify_items(s, inference, pattern, actual);
    default:
        return false;
    }
}

static const Type *bound_type(void *user, const Symbol *generic)
{
    const Binding *binding = binding_of(user, generic);
    return binding ? binding->type : NULL;
}

/* `type` with what is known so far. */
const Type *sema_inferred(Sema *s, const Inference *inference, const Type *type)
{
    if (!inference->count) return type;
    Inference copy = *inference;
    return sema_substitute(&s->program, type, bound_type, &copy);
}

/* ---- bounds -------------------------------------------------------------------------------- */

static bool bound_ok(Sema *s, const Binding *binding, Span span)
{
    unsigned mask = ((const GenericSymbol *)binding->generic)->mask;
    if (sema_type_within(binding->type, mask)) return true;
    const char *found = sema_text(s, binding->type);
    if (binding->type->kind == TYPE_VAR)
        found = base_format(s->arena, "%s, which stands for %s", found,
                            sema_mask_text(sema_type_mask(binding->type)));
    Diag *diag = diag_report(s->diags, DIAG_BOUND, span, binding->generic->name->text,
                             sema_mask_text(mask), found);
    diag_label(s->diags, diag, binding->generic->span, "its bound stands here");
    return false;
}

bool sema_admits(const Symbol *generic, Elem elem)
{
    return ((const GenericSymbol *)generic)->mask & 1u << vocab_elem(elem)->cls;
}

static bool is_known(const Binding *binding)
{
    const GenericSymbol *generic = (const GenericSymbol *)binding->generic;
    switch ((int)binding->generic->kind) {
    case SYMBOL_GENERIC_TYPE:
        return binding->type;
    case SYMBOL_GENERIC_FN:
        return binding->value;
    default:
        return binding->value || generic->inferable;
    }
}

/* After the arguments: is every generic bound, within its bound, every function of its type? */
bool sema_generics_known(Sema *s, Inference *inference, Ast *call, const char *callee)
{
    for (int i = 0; i < inference->count; i++) {
        Binding *binding = &inference->bindings[i];
        if (binding->value && binding->generic->kind == SYMBOL_GENERIC_FN) {
            const Type *fixed = sema_fn_type_of(s, (Symbol *)(uintptr_t)binding->value->symbol);
            if (fixed) sema_unify(s, inference, binding->generic->type, fixed);
        }
    }
    for (int i = 0; i < inference->count; i++) {
        Binding *binding = &inference->bindings[i];
        if (!is_known(binding)) {
            Diag *diag = diag_report(s->diags, DIAG_NOT_INFERRED, call->span,
                                     binding->generic->name->text, callee);
            diag_label(s->diags, diag, binding->generic->span, "declared here");
            return false;
        }
        if (binding->type && !bound_ok(s, binding, call->span)) return false;
    }
    for (int i = 0; i < inference->count; i++) {
        Binding *binding = &inference->bindings[i];
        if (binding->value && binding->generic->kind == SYMBOL_GENERIC_FN &&
            !sema_fn_value(s, binding->value, sema_inferred(s, inference, binding->generic->type)))
            return false;
    }
    return true;
}

/* ---- bracket arguments --------------------------------------------------------------------- */

static Binding *next_of(Inference *inference, SymbolKind kind)
{
    for (int i = 0; i < inference->count; i++) {
        Binding *binding = &inference->bindings[i];
        if (binding->generic->kind == kind && !binding->value && !binding->type) return binding;
    }
    return NULL;
}

static const char *kind_text(SymbolKind kind)
{
    switch ((int)kind) {
    case SYMBOL_GENERIC_TYPE:
        return "type";
    case SYMBOL_GENERIC_FN:
        return "function";
    case SYMBOL_GENERIC_MAPPING:
        return "mapping";
    default:
        return "integer";
    }
}

static bool bracket_kind(Sema *s, Ast *arg, SymbolKind *kind)
{
    if (sema_fn_named(s, arg)) {
        *kind = SYMBOL_GENERIC_FN;
        return true;
    }
    const Type *type = sema_infer(s, arg);
    if (type->kind == TYPE_POISON) return false;
    if (type->kind == TYPE_TYPE)
        *kind = SYMBOL_GENERIC_TYPE;
    else if (type->kind == TYPE_MAPPING)
        *kind = SYMBOL_GENERIC_MAPPING;
    else if (type == s->literal_int && sema_adapt(s, arg, type, s->index))
        *kind = SYMBOL_GENERIC_INT;
    else if (sema_type_within(type, MASK_INT))
        *kind = SYMBOL_GENERIC_INT;
    else
        sema_mismatch(s, arg, type, s->index);
    return arg->type->kind == TYPE_TYPE || sema_is_value(arg->type);
}

static bool bind_bracket(Sema *s, Inference *inference, Ast *arg, const char *callee)
{
    SymbolKind kind = SYMBOL_GENERIC_INT;
    if (arg->kind == AST_Hole || arg->kind == AST_Range) {
        diag_report(s->diags, DIAG_HOLE, arg->span);
        return false;
    }
    if (!bracket_kind(s, arg, &kind)) return false;
    Binding *binding = next_of(inference, kind);
    if (!binding) {
        diag_report(s->diags, DIAG_BRACKET_ARGUMENT, arg->span, callee,
                    base_format(s->arena, "it has no %s parameter left to bind", kind_text(kind)));
        return false;
    }
    if (kind == SYMBOL_GENERIC_TYPE)
        binding->type = arg->type->of;
    else
        binding->value = arg;
    return arg->type->kind != TYPE_TYPE || arg->type->of->kind != TYPE_POISON;
}

/* Bracket arguments bind by kind, in order. False after reporting. */
bool sema_bind_brackets(Sema *s, Inference *inference, Ast *brackets, const char *callee)
{
    bool ok = true;
    for (uint32_t i = 0; brackets && i < brackets->count; i++)
        ok &= bind_bracket(s, inference, brackets->kid[i], callee);
    return ok;
}

/* ---- functions as values ------------------------------------------------------------------- */

static Symbol *operator_symbol(Sema *s, const Name *text)
{
    for (size_t i = 0; i < s->prelude.len; i++) {
        Symbol *symbol = s->prelude.entries[i].value;
        if (symbol->kind == SYMBOL_FN_OP && strcmp(vocab_op(symbol->op)->text, text->text) == 0)
            return symbol;
    }
    return NULL;
}

Symbol *sema_fn_named(Sema *s, Ast *e)
{
    Symbol *symbol = NULL;
    if (e->kind == AST_Name)
        symbol = sema_lookup(s, e->name);
    else if (e->kind == AST_FnRef)
        symbol = operator_symbol(s, e->name);
    else if (e->kind == AST_Member)
        sema_module_member(s, e, &symbol);
    if (!symbol) return NULL;
    if (symbol->kind != SYMBOL_FN && symbol->kind != SYMBOL_GENERIC_FN &&
        symbol->kind != SYMBOL_FN_OP && symbol->kind != SYMBOL_BUILTIN)
        return NULL;
    if (e->kind != AST_Member) sema_mention(s, symbol, e->span);
    e->symbol = symbol;
    e->type = s->poison; /* until it meets a function type */
    return symbol;
}

const Type *sema_fn_type_of(Sema *s, Symbol *symbol)
{
    if (!symbol || !symbol->type || symbol->type->kind != TYPE_FN) return NULL;
    if (symbol->kind == SYMBOL_GENERIC_FN) return sema_resolve(s, symbol->type);
    if (symbol->kind != SYMBOL_FN || KID(symbol->decl, Fn, generics)->count) return NULL;
    return symbol->type;
}

/* A generic function as a value: its own generics follow from the type it must have. */
static bool generic_value(Sema *s, Ast *value, const Type *want)
{
    const Symbol *symbol = value->symbol;
    Inference inference = sema_inference(s, KID(symbol->decl, Fn, generics));
    if (!sema_unify(s, &inference, symbol->type, want)) return false;
    for (int i = 0; i < inference.count; i++) {
        const Binding *binding = &inference.bindings[i];
        if (!is_known(binding)) return false;
        if (binding->type &&
            !sema_type_within(binding->type, ((const GenericSymbol *)binding->generic)->mask))
            return false;
    }
    CallInfo *info = NEW(s->arena, CallInfo);
    *info = (CallInfo){.kind = CALL_FN,
                       .callee = symbol,
                       .binding_count = inference.count,
                       .bindings = inference.bindings};
    value->call = info;
    return true;
}

static bool value_fits(Sema *s, Ast *value, const Type *want)
{
    const Symbol *symbol = value->symbol;
    const Type *result = NULL;
    const Type *fixed = sema_fn_type_of(s, (Symbol *)(uintptr_t)symbol);
    if (symbol->kind == SYMBOL_FN && !sema_type_sound(symbol->type)) return true;
    if (fixed) return fixed == want || !sema_type_sound(fixed);
    if (symbol->kind == SYMBOL_FN) return generic_value(s, value, want);
    if (symbol->kind == SYMBOL_BUILTIN)
        result = sema_builtin_on(s, symbol->builtin, want->count, want->items);
    else if (want->count == 2 && want->items[0] == want->items[1])
        result = sema_operator_on(s, symbol->op, want->items[0]);
    return result && sema_same(result, want->of);
}

bool sema_fn_value(Sema *s, Ast *value, const Type *want)
{
    const Symbol *symbol = value->symbol;
    value->type = want;
    if (!sema_type_sound(want) || value_fits(s, value, want)) return true;
    const char *why = symbol->type && symbol->type->kind == TYPE_FN
                          ? base_format(s->arena, "it is %s", sema_text(s, symbol->type))
                          : "it is not defined for these types";
    Diag *diag = diag_report(s->diags, DIAG_FUNCTION_VALUE, value->span, symbol->name->text,
                             sema_text(s, want), why);
    if (symbol->decl) diag_label(s->diags, diag, symbol->span, "declared here");
    return false;
}
