/* Signatures: generics, tuning parameters, parameters and the sizes their extents declare. */
#include "sema/internal.h"

static Symbol *declare(Sema *s, Item *item, SymbolKind kind, Ast *node, const Type *type)
{
    Symbol *symbol = sema_declare(s, kind, node, node->name, node->name_span, type);
    node->symbol = symbol;
    VEC_PUSH(s->arena, item->locals, symbol);
    return symbol;
}

/* ---- generics ------------------------------------------------------------------------------ */

static unsigned bound_mask(const Ast *bound)
{
    static const struct {
        const char *text;
        unsigned mask;
    } bounds[] = {{"any", MASK_ANY}, {"num", MASK_NUM},   {"float", MASK_FLOAT},
                  {"int", MASK_INT}, {"uint", MASK_UINT}, {"sint", MASK_SINT}};
    if (!bound) return MASK_ANY;
    for (size_t i = 0; bound->kind == AST_TypeName && i < BASE_LEN(bounds); i++)
        if (strcmp(bound->name->text, bounds[i].text) == 0) return bounds[i].mask;
    return 0;
}

static void declare_type_generic(Sema *s, Item *item, Ast *node, unsigned mask)
{
    Symbol *symbol = declare(s, item, SYMBOL_GENERIC_TYPE, node, NULL);
    ((GenericSymbol *)symbol)->mask = mask;
    symbol->type = sema_type_var(s, symbol);
}

static void bad_bound(Sema *s, const Ast *bound)
{
    static const char *const bounds[] = {"num",  "float", "int",   "uint",
                                         "sint", "any",   "index", "mapping"};
    const char *text = bound->kind == AST_TypeName ? bound->name->text : "this type";
    Diag *diag =
        diag_report(s->diags, DIAG_BAD_TYPE_HERE, bound->span, base_format(s->arena, "`%s`", text),
                    "the bound of a generic parameter",
                    "use num, float, int, uint, sint, any, index, mapping or fn(…)");
    if (bound->kind == AST_TypeName) diag_suggest(s->diags, diag, text, BASE_LEN(bounds), bounds);
}

static void declare_value_generic(Sema *s, Item *item, Ast *node)
{
    Ast *bound = KID(node, Generic, bound);
    if (bound->kind == AST_TypeFn) {
        declare(s, item, SYMBOL_GENERIC_FN, node, sema_type_node(s, bound));
    } else if (bound->kind == AST_TypeName && strcmp(bound->name->text, "index") == 0) {
        declare(s, item, SYMBOL_GENERIC_INT, node, s->index);
    } else if (bound->kind == AST_TypeName && strcmp(bound->name->text, "mapping") == 0) {
        declare(s, item, SYMBOL_GENERIC_MAPPING, node, s->mapping);
    } else {
        declare(s, item, SYMBOL_GENERIC_TYPE, node, s->poison);
        if (bound->kind != AST_Error) bad_bound(s, bound);
    }
}

/* Types first: the function types of others mention them. */
static void declare_generics(Sema *s, Item *item, Ast *generics)
{
    for (uint32_t i = 0; i < generics->count; i++) {
        Ast *node = generics->kid[i];
        unsigned mask = node->kind == AST_Generic ? bound_mask(KID(node, Generic, bound)) : 0;
        if (mask) declare_type_generic(s, item, node, mask);
    }
    for (uint32_t i = 0; i < generics->count; i++)
        if (generics->kid[i]->kind == AST_Generic && !generics->kid[i]->symbol)
            declare_value_generic(s, item, generics->kid[i]);
}

/* ---- tuning parameters --------------------------------------------------------------------- */

static const Type *tune_type(Sema *s, Ast *tune)
{
    Ast *values = KID(tune, Tune, values);
    const Type *type = values->count ? sema_value(s, values->kid[0]) : s->poison;
    for (uint32_t i = 1; i < values->count; i++) {
        const Type *other = sema_value(s, values->kid[i]);
        if (sema_same(type, other)) continue;
        Diag *diag = diag_report(s->diags, DIAG_TUNE_VALUES, values->kid[i]->span, tune->name->text,
                                 sema_text(s, type), sema_text(s, other));
        diag_label(s->diags, diag, values->kid[0]->span, "%s", sema_text(s, type));
        return s->poison;
    }
    if (sema_type_within(type, MASK_SCALAR) || type->kind == TYPE_MAPPING) return type;
    sema_mismatch(s, values->kid[0], type, s->index);
    return s->poison;
}

static void declare_tunes(Sema *s, Item *item, Ast *tunes)
{
    for (uint32_t i = 0; i < tunes->count; i++)
        if (tunes->kid[i]->kind == AST_Tune)
            declare(s, item, SYMBOL_TUNE, tunes->kid[i], tune_type(s, tunes->kid[i]));
}

/* ---- parameters ---------------------------------------------------------------------------- */

static const Type *bad_param(Sema *s, Ast *param, const Type *type, bool kernel, const char *advice)
{
    if (kernel)
        diag_report(s->diags, DIAG_KERNEL_PARAMETER, param->span, param->name->text,
                    sema_text(s, type), advice);
    else
        diag_report(s->diags, DIAG_BAD_TYPE_HERE, param->span, sema_text(s, type),
                    param->flags & (AST_OUT | AST_INOUT) ? "an `out` or `inout` parameter"
                                                         : "a parameter",
                    advice);
    return s->poison;
}

static const Type *param_type(Sema *s, Ast *param, bool kernel)
{
    const Type *type = sema_type_node(s, KID(param, Param, type));
    bool written = param->flags & (AST_OUT | AST_INOUT);
    if (type->kind == TYPE_POISON) return type;
    if (type->kind == TYPE_TENSOR) {
        if (kernel && type->space != SPACE_GLOBAL)
            return bad_param(s, param, type, true, "its tensors lie in global memory");
        if (kernel && sema_type_element(type->of) == s->index)
            return bad_param(s, param, type, true, "index has no fixed size; use i32 or i64");
        return sema_type_tensor(s, type->of, type->rank, type->space, written);
    }
    if (written) return bad_param(s, param, type, kernel, "only a tensor is written in place");
    if (sema_type_mask(type) || (type->kind == TYPE_TUPLE && !kernel)) return type;
    return bad_param(s, param, type, kernel,
                     kernel ? "use scalars and tensors"
                            : "make it a generic parameter in brackets");
}

static const Type *result_type(Sema *s, Ast *result)
{
    if (!result) return s->none;
    const Type *type = sema_type_node(s, result);
    bool tile = type->kind == TYPE_TENSOR && type->space == SPACE_REG;
    if (type->kind == TYPE_POISON || type->kind == TYPE_TUPLE || sema_type_mask(type) || tile)
        return type;
    diag_report(s->diags, DIAG_BAD_TYPE_HERE, result->span, sema_text(s, type),
                "the result of a function",
                type->kind == TYPE_TENSOR ? "give it an `out` parameter to write to"
                                          : "use a scalar, a vector, a tuple or a register tile");
    return s->poison;
}

/* ---- sizes --------------------------------------------------------------------------------- */

static bool means_something_else(Sema *s, const Name *name)
{
    if (sema_lookup_local(s, name)) return true;
    const Symbol *symbol = base_map_get(s->module->module.scope, base_key(name));
    if (!symbol) symbol = base_map_get(&s->prelude, base_key(name));
    return symbol &&
           (symbol->kind == SYMBOL_CONST || symbol->special == SPECIAL_BLOCK_SIZE ||
            symbol->special == SPECIAL_ARCH || (symbol->type && symbol->type->kind == TYPE_POISON));
}

static void declare_sizes(Sema *s, Item *item, Ast *e)
{
    if (e->kind == AST_Name) {
        if (means_something_else(s, e->name)) return;
        Symbol *symbol = sema_declare(s, SYMBOL_SIZE, e, e->name, e->span, s->index);
        VEC_PUSH(s->arena, item->locals, symbol);
        return;
    }
    bool called = e->kind == AST_Call || e->kind == AST_Member;
    for (uint32_t i = called; i < e->count; i++)
        if (e->kid[i]) declare_sizes(s, item, e->kid[i]);
}

/* Generic integers and mappings that stand alone in a parameter's type follow from its argument. */
static void mark_inferable(Sema *s, Ast *e)
{
    Symbol *symbol = e && e->kind == AST_Name ? sema_lookup_local(s, e->name) : NULL;
    if (symbol && (symbol->kind == SYMBOL_GENERIC_INT || symbol->kind == SYMBOL_GENERIC_MAPPING))
        ((GenericSymbol *)symbol)->inferable = true;
}

static void param_sizes(Sema *s, Item *item, Ast *type)
{
    if (type->kind != AST_TypeTensor) return;
    Ast *extents = KID(type, TypeTensor, extents);
    for (uint32_t i = 0; i < extents->count; i++) {
        declare_sizes(s, item, extents->kid[i]);
        mark_inferable(s, extents->kid[i]);
    }
    mark_inferable(s, KID(type, TypeTensor, over));
}

static bool stands_alone(const Ast *params, const Name *size)
{
    for (uint32_t i = 0; i < params->count; i++) {
        const Ast *type =
            params->kid[i]->kind == AST_Param ? KID(params->kid[i], Param, type) : NULL;
        if (!type || type->kind != AST_TypeTensor) continue;
        const Ast *extents = KID(type, TypeTensor, extents);
        for (uint32_t k = 0; k < extents->count; k++)
            if (extents->kid[k]->kind == AST_Name && extents->kid[k]->name == size) return true;
    }
    return false;
}

static void check_sizes(Sema *s, Item *item, const Ast *params)
{
    for (size_t i = 0; i < item->locals.len; i++) {
        const Symbol *symbol = item->locals.data[i];
        if (symbol->kind == SYMBOL_SIZE && !stands_alone(params, symbol->name))
            diag_report(s->diags, DIAG_SIZE_UNBOUND, symbol->span, symbol->name->text);
    }
}

/* ---- whole --------------------------------------------------------------------------------- */

static void declare_params(Sema *s, Item *item, Ast *params, Ast *result)
{
    bool kernel = item->symbol.kind == SYMBOL_KERNEL;
    const Type **types = NEW_ARRAY(s->arena, const Type *, params->count);
    for (uint32_t i = 0; i < params->count; i++) {
        Ast *param = params->kid[i];
        types[i] = s->poison;
        if (param->kind != AST_Param) {
            s->module->broken = true;
            continue;
        }
        types[i] = param->type = param_type(s, param, kernel);
        declare(s, item, SYMBOL_PARAM, param, types[i]);
    }
    for (uint32_t i = 0; i < params->count; i++)
        if (params->kid[i]->kind == AST_Param)
            param_sizes(s, item, KID(params->kid[i], Param, type));
    check_sizes(s, item, params);
    const Type *of = kernel ? s->none : result_type(s, result);
    item->symbol.type = sema_type_list(s, TYPE_FN, of, (int)params->count, types);
}

/* Gives a function or kernel its type and collects the names that its body sees. */
void sema_signature(Sema *s, Item *item)
{
    Ast *decl = item->symbol.decl;
    s->item = item;
    s->owner = decl;
    s->place = PLACE_CLAUSE;
    sema_scope_open(s);
    if (decl->kind == AST_Fn) {
        declare_generics(s, item, KID(decl, Fn, generics));
        declare_params(s, item, KID(decl, Fn, params), KID(decl, Fn, result));
    } else {
        declare_generics(s, item, KID(decl, Kernel, generics));
        declare_tunes(s, item, KID(decl, Kernel, tunes));
        declare_params(s, item, KID(decl, Kernel, params), NULL);
    }
    sema_scope_close(s);
    sema_scope_clear(s);
    s->item = NULL;
    s->owner = NULL;
}

/* What the first pass left: extents, mappings and layouts of parameters, as expressions. */
void sema_signature_check(Sema *s, Item *item)
{
    Ast *decl = item->symbol.decl;
    bool fn = decl->kind == AST_Fn;
    Ast *params = fn ? KID(decl, Fn, params) : KID(decl, Kernel, params);
    Ast *wheres = fn ? KID(decl, Fn, wheres) : KID(decl, Kernel, wheres);
    for (size_t i = 0; i < item->locals.len; i++) sema_bind(s, item->locals.data[i]);
    for (uint32_t i = 0; i < params->count; i++)
        if (params->kid[i]->kind == AST_Param) sema_type_parts(s, KID(params->kid[i], Param, type));
    if (fn && KID(decl, Fn, result)) sema_type_parts(s, KID(decl, Fn, result));
    for (uint32_t i = 0; i < wheres->count; i++)
        sema_condition(s, wheres->kid[i], "the condition of `where`");
}

/* ---- machine instructions ------------------------------------------------------------------ */

static const char *fault_of(const Ast *fn)
{
    const Ast *params = KID(fn, Fn, params);
    const Ast *generics = KID(fn, Fn, generics);
    if (generics->count > 1 || (generics->count == 1 && generics->kid[0]->symbol &&
                                generics->kid[0]->symbol->kind != SYMBOL_GENERIC_INT))
        return "it has at most one generic parameter, a number of columns";
    if (KID(fn, Fn, result)) return "it has no result";
    if (params->count != 3) return "its parameters are the sums, then the two factors";
    for (uint32_t i = 0; i < 3; i++) {
        const Ast *param = params->kid[i];
        const Type *type = param->type;
        if (type->kind != TYPE_TENSOR || type->rank != 2)
            return "its parameters are tiles of two dimensions";
        bool sums = i == 0;
        if (sums != ((param->flags & AST_INOUT) != 0) || param->flags & AST_OUT)
            return "the sums, and they alone, are `inout`";
        bool reg = type->space == SPACE_REG && KID(KID(param, Param, type), TypeTensor, over);
        if (!reg && (sums || type->space != SPACE_SHARED))
            return "the sums are registers `over` a mapping, the factors that or `shared`";
    }
    return NULL;
}

void sema_instruction(Sema *s, const Ast *fn)
{
    const Ast *params = KID(fn, Fn, params);
    for (uint32_t i = 0; i < params->count; i++)
        if (!params->kid[i]->type || params->kid[i]->type->kind == TYPE_POISON) return;
    const char *fault = fault_of(fn);
    if (fault) diag_report(s->diags, DIAG_INSTRUCTION, fn->name_span, fn->name->text, fault);
}
