/* Access: indices, slices, windows, guarded reads, members, methods. */
#include "sema/internal.h"

/* ---- x[…] ---------------------------------------------------------------------------------- */

static void index_range(Sema *s, Ast *range)
{
    if (KID(range, Range, lo)) sema_index(s, KID(range, Range, lo));
    if (KID(range, Range, hi)) sema_index(s, KID(range, Range, hi));
    range->type = s->range;
}

/* Checks the indices; gives the number of dimensions they keep. */
static int index_args(Sema *s, Ast *args)
{
    int kept = 0;
    for (uint32_t i = 0; i < args->count; i++) {
        Ast *arg = args->kid[i];
        if (arg->kind == AST_Range) {
            index_range(s, arg);
            kept++;
        } else if (arg->kind == AST_Hole) {
            arg->type = s->range;
            kept++;
        } else {
            sema_index(s, arg);
        }
    }
    return kept;
}

static const Type *index_tensor(Sema *s, Ast *e, const Type *base)
{
    Ast *args = KID(e, Index, args);
    int kept = index_args(s, args), count = (int)args->count;
    if (count > base->rank) {
        Diag *diag = diag_report(s->diags, DIAG_TOO_MANY_INDICES, args->kid[base->rank]->span,
                                 sema_plural(s, (size_t)base->rank, "dimension"),
                                 base_format(s->arena, "%d indices are", count));
        const Ast *name = KID(e, Index, base);
        if (name->symbol) diag_label(s->diags, diag, name->symbol->span, "declared here");
        return s->poison;
    }
    int rank = base->rank - count + kept;
    if (rank == 0) return base->of;
    for (uint32_t i = 0; i < args->count; i++)
        if (args->kid[i]->type->kind == TYPE_POISON) return s->poison;
    return sema_type_tensor(s, base->of, rank, base->space, base->writable);
}

const Type *sema_infer_index(Sema *s, Ast *e)
{
    Ast *base = KID(e, Index, base), *args = KID(e, Index, args);
    const Type *type = sema_infer(s, base);
    if (type->kind == TYPE_TENSOR) return index_tensor(s, e, type);
    int kept = index_args(s, args);
    if (type->kind == TYPE_VECTOR && args->count == 1 && !kept) return type->of;
    const char *what = sema_text(s, type);
    if (type->kind == TYPE_VECTOR) what = "a vector with more than one index";
    if (type->kind == TYPE_POISON) return type;
    Diag *diag = diag_report(s->diags, DIAG_NOT_INDEXABLE, base->span, what);
    if (type->kind == TYPE_VOID)
        diag_note(s->diags, diag, "a call of a kernel gives its outputs where none is passed");
    return s->poison;
}

/* ---- windows and guarded reads ------------------------------------------------------------- */

const Type *sema_infer_at(Sema *s, Ast *e)
{
    Ast *window = KID(e, At, window), *offset = KID(e, At, offset);
    const Type *type = sema_infer(s, window);
    sema_index_list(s, offset);
    if (type->kind == TYPE_POISON) return type;
    if (type->kind != TYPE_WINDOW) {
        diag_report(s->diags, DIAG_WINDOW, e->span,
                    "`at (…)` places a window; write `x.tile(…)` before it");
        return s->poison;
    }
    if ((int)offset->count == type->of->rank) return type->of;
    diag_report(s->diags, DIAG_WINDOW, offset->span,
                base_format(s->arena, "the tensor has %s, so `at` takes as many offsets, not %u",
                            sema_plural(s, (size_t)type->of->rank, "dimension"), offset->count));
    return s->poison;
}

const Type *sema_infer_else(Sema *s, Ast *e)
{
    Ast *read = KID(e, Else, read), *otherwise = KID(e, Else, otherwise);
    const Type *type = sema_infer(s, read);
    const Type *value = sema_infer(s, otherwise);
    if (type->kind == TYPE_POISON) {
        sema_settle(s, otherwise, value);
        return type;
    }
    if (read->kind != AST_Index && read->kind != AST_At) {
        diag_report(s->diags, DIAG_BAD_ELSE, read->span,
                    sema_is_value(type) ? "a value computed otherwise" : sema_text(s, type));
        return s->poison;
    }
    const Type *element = type->kind == TYPE_TENSOR ? type->of : type;
    if (!sema_adapt(s, otherwise, value, element)) return s->poison;
    return sema_type_readonly(s, type);
}

/* ---- x.name -------------------------------------------------------------------------------- */

/* Of `atomic` and the like, whose members are built in. */
static const char *builtin_members(Sema *s, const char *space)
{
    size_t len = strlen(space);
    Sb out = base_sb(s->arena);
    for (int b = BUILTIN_NONE + 1; b < BUILTIN_COUNT; b++) {
        const char *text = vocab_builtin((Builtin)b)->text;
        if (strncmp(text, space, len) != 0 || text[len] != '.') continue;
        base_sb_printf(&out, "%s, ", text + len + 1);
    }
    base_sb_str(&out, "all to be called");
    return base_sb_text(&out);
}

bool sema_module_member(Sema *s, Ast *member, Symbol **out)
{
    Ast *base = KID(member, Member, base);
    if (base->kind != AST_Name) return false;
    Symbol *of = sema_lookup(s, base->name);
    if (!of || of->kind != SYMBOL_MODULE) return false;
    base->symbol = of;
    base->type = s->module_type;
    of->used = true;
    *out = NULL;
    const Module *module = of->module;
    if (!module) {
        diag_report(s->diags, DIAG_UNKNOWN_MEMBER, member->name_span,
                    base_format(s->arena, "`%s`", of->name->text), member->name->text,
                    builtin_members(s, of->name->text));
        return true;
    }
    Symbol *symbol = base_map_get(module->scope, base_key(member->name));
    if (!symbol || symbol->module != module || symbol->kind == SYMBOL_MODULE) {
        if (((const ModuleState *)module)->broken) return true;
        Diag *diag = diag_report(s->diags, DIAG_NOT_IN_MODULE, member->name_span,
                                 module->path->text, member->name->text);
        sema_suggest_public(s, diag, member->name, module);
        return true;
    }
    if (!symbol->is_public) {
        Diag *diag = diag_report(s->diags, DIAG_PRIVATE_NAME, member->name_span, member->name->text,
                                 module->path->text);
        diag_label(s->diags, diag, symbol->span, "declared here");
        return true;
    }
    member->symbol = *out = symbol;
    sema_mention(s, symbol, member->span);
    return true;
}

static const Type *no_member(Sema *s, Ast *e, const Type *type, const char *has)
{
    diag_report(s->diags, DIAG_UNKNOWN_MEMBER, e->name_span, sema_text(s, type), e->name->text,
                has);
    return s->poison;
}

/* 0 for x … 3 for w; -1. */
static int coordinate(const Name *name)
{
    static const char letters[] = "xyzw";
    const char *found = name->len == 1 ? strchr(letters, name->text[0]) : NULL;
    return found ? (int)(found - letters) : -1;
}

static const Type *group_member(Sema *s, Ast *e, const Type *type)
{
    const Symbol *group = KID(e, Member, base)->symbol;
    const char *name = e->name->text;
    int at = coordinate(e->name);
    if (!group || group->special != SPECIAL_CLUSTER)
        return at >= 0 && at < 3 ? s->index : no_member(s, e, type, "`x`, `y`, `z`");
    bool has = at == 0 || strcmp(name, "rank") == 0 || strcmp(name, "size") == 0;
    return has ? s->index : no_member(s, e, type, "`x`, `rank`, `size`");
}

const Type *sema_infer_member(Sema *s, Ast *e)
{
    Symbol *symbol;
    if (sema_module_member(s, e, &symbol))
        return symbol ? sema_symbol_type(s, e, symbol) : s->poison;
    const Type *type = sema_infer(s, KID(e, Member, base));
    int at = coordinate(e->name);
    switch ((int)type->kind) {
    case TYPE_POISON:
        return type;
    case TYPE_GROUP:
        return group_member(s, e, type);
    case TYPE_VECTOR:
        if (at >= 0 && at < type->lanes) return type->of;
        return no_member(s, e, type,
                         type->lanes == 2   ? "`x`, `y`"
                         : type->lanes == 3 ? "`x`, `y`, `z`"
                                            : "`x`, `y`, `z`, `w`, and lanes `[i]`");
    case TYPE_TENSOR:
        if (type->space == SPACE_REG && strcmp(e->name->text, "mapping") == 0) return s->mapping;
        return no_member(s, e, type,
                         type->space == SPACE_REG
                             ? "`mapping`, and methods `tile`, `transpose`, `reshape`"
                             : "the methods `tile`, `transpose`, `reshape`, `cache`, `of_block`; "
                               "`dim(x, k)` is an extent");
    case TYPE_MAPPING:
        if (strcmp(e->name->text, "workers") == 0) return s->index;
        return no_member(s, e, type, "`workers`, and the method `drop`");
    default:
        return no_member(s, e, sema_settle(s, KID(e, Member, base), type), "none");
    }
}

/* ---- x.method(…) --------------------------------------------------------------------------- */

static CallInfo *method_info(Sema *s, Ast *call, Method method)
{
    CallInfo *info = sema_call_info(s, call, CALL_METHOD);
    info->method = method;
    return info;
}

static const Type *tile_method(Sema *s, Ast *call, const Type *base)
{
    Ast *args = KID(call, Call, args);
    method_info(s, call, METHOD_TILE);
    sema_index_list(s, args);
    if ((int)args->count == base->rank) return sema_type_of(s, TYPE_WINDOW, base);
    diag_report(s->diags, DIAG_WINDOW, args->span,
                base_format(s->arena, "the tensor has %s, so `tile` takes as many extents, not %u",
                            sema_plural(s, (size_t)base->rank, "dimension"), args->count));
    return s->poison;
}

static const Type *transpose_method(Sema *s, Ast *call, const Type *base)
{
    Ast *args = KID(call, Call, args);
    method_info(s, call, METHOD_TRANSPOSE);
    sema_index_list(s, args);
    if (args->count && (int)args->count != base->rank) {
        sema_arity(s, call, "transpose", (size_t)base->rank, (size_t)base->rank);
        return s->poison;
    }
    return base;
}

static const Type *reshape_method(Sema *s, Ast *call, const Type *base)
{
    Ast *args = KID(call, Call, args);
    method_info(s, call, METHOD_RESHAPE);
    sema_index_list(s, args);
    if (!sema_arity(s, call, "reshape", 1, SIZE_MAX)) return s->poison;
    return sema_type_tensor(s, base->of, (int)args->count, base->space, base->writable);
}

static const char *cache_hints(Sema *s)
{
    Sb out = base_sb(s->arena);
    for (int c = CACHE_NONE + 1; c < CACHE_COUNT; c++)
        base_sb_printf(&out, "%s`%s`", c > 1 ? ", " : "", vocab_cache((Cache)c)->text);
    return base_sb_text(&out);
}

/* The hint is a word that means something only here. */
static const Type *cache_method(Sema *s, Ast *call, const Type *base)
{
    Ast *args = KID(call, Call, args);
    method_info(s, call, METHOD_CACHE);
    if (!sema_arity(s, call, "cache", 1, 1)) return sema_poison_args(s, call), s->poison;
    Ast *hint = args->kid[0];
    hint->type = s->none;
    const char *text = hint->kind == AST_Name ? hint->name->text : "this expression";
    if (base->space != SPACE_GLOBAL) {
        sema_operand_error(s, KID(call, Call, callee), "cache", "a tensor in global memory", base);
        return s->poison;
    }
    if (hint->kind == AST_Name && vocab_cache_find(text, hint->name->len)) return base;
    diag_report(s->diags, DIAG_CACHE, hint->span, text,
                base_format(s->arena, "the hints are %s", cache_hints(s)));
    return s->poison;
}

static const Type *of_block_method(Sema *s, Ast *call, const Type *base)
{
    Ast *args = KID(call, Call, args);
    method_info(s, call, METHOD_OF_BLOCK);
    sema_index_list(s, args);
    if (!sema_arity(s, call, "of_block", 1, 1)) return s->poison;
    bool hardware = base->of == s->barrier;
    if (base->space == SPACE_SHARED && !hardware) return base;
    diag_report(s->diags, DIAG_OF_BLOCK, call->span,
                hardware ? "barriers of the hardware are the block's own"
                         : base_format(s->arena, "%s lies elsewhere", sema_text(s, base)));
    return s->poison;
}

static const Type *drop_method(Sema *s, Ast *call)
{
    method_info(s, call, METHOD_DROP);
    sema_index_list(s, KID(call, Call, args));
    sema_arity(s, call, "drop", 1, 1);
    return s->mapping;
}

const Type *sema_method(Sema *s, Ast *call, Ast *member)
{
    const Type *base = sema_infer(s, KID(member, Member, base));
    const char *name = member->name->text;
    member->type = s->poison;
    if (base->kind == TYPE_MAPPING && strcmp(name, "drop") == 0) return drop_method(s, call);
    if (base->kind == TYPE_TENSOR) {
        if (strcmp(name, "tile") == 0) return tile_method(s, call, base);
        if (strcmp(name, "transpose") == 0) return transpose_method(s, call, base);
        if (strcmp(name, "reshape") == 0) return reshape_method(s, call, base);
        if (strcmp(name, "cache") == 0) return cache_method(s, call, base);
        if (strcmp(name, "of_block") == 0) return of_block_method(s, call, base);
    }
    sema_poison_args(s, call);
    if (base->kind == TYPE_POISON) return base;
    const char *has = base->kind == TYPE_TENSOR
                          ? "the methods `tile`, `transpose`, `reshape`, `cache`, `of_block`"
                      : base->kind == TYPE_MAPPING ? "the method `drop`"
                                                   : "none that can be called";
    return no_member(s, member, sema_settle(s, KID(member, Member, base), base), has);
}
