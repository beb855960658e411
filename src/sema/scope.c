/* Names: local scopes, lookup in locals, module and prelude, near names. */
#include "sema/internal.h"

#include <stdlib.h>

/* ---- the table of local names -------------------------------------------------------------- */

static struct ScopeSlot *find_slot(Scope *scope, const Name *name)
{
    uint32_t mask = scope->slot_count - 1;
    for (uint32_t i = name->hash & mask;; i = (i + 1) & mask)
        if (!scope->slots[i].name || scope->slots[i].name == name) return &scope->slots[i];
}

static void grow_slots(Sema *s, Scope *scope)
{
    struct ScopeSlot *old = scope->slots;
    size_t used = scope->used_slots.len;
    scope->slot_count = scope->slot_count ? scope->slot_count * 2 : 64;
    scope->slots = NEW_ARRAY(s->arena, struct ScopeSlot, scope->slot_count);
    for (size_t i = 0; i < used; i++) {
        struct ScopeSlot *from = &old[scope->used_slots.data[i]];
        struct ScopeSlot *to = find_slot(scope, from->name);
        *to = *from;
        scope->used_slots.data[i] = (uint32_t)(to - scope->slots);
    }
}

static struct ScopeSlot *slot_of(Sema *s, const Name *name)
{
    Scope *scope = &s->scope;
    if ((scope->used_slots.len + 1) * 2 > scope->slot_count) grow_slots(s, scope);
    struct ScopeSlot *slot = find_slot(scope, name);
    if (!slot->name) {
        slot->name = name;
        VEC_PUSH(s->arena, scope->used_slots, (uint32_t)(slot - scope->slots));
    }
    return slot;
}

void sema_scope_open(Sema *s)
{
    VEC_PUSH(s->arena, s->scope.marks, (uint32_t)s->scope.trail.len);
}

void sema_scope_close(Sema *s)
{
    Scope *scope = &s->scope;
    uint32_t mark = scope->marks.data[--scope->marks.len];
    while (scope->trail.len > mark) {
        struct ScopeSlot *slot = find_slot(scope, scope->trail.data[--scope->trail.len]);
        slot->local = slot->local->outer;
    }
}

void sema_scope_clear(Sema *s)
{
    Scope *scope = &s->scope;
    for (size_t i = 0; i < scope->used_slots.len; i++)
        scope->slots[scope->used_slots.data[i]] = (struct ScopeSlot){0};
    scope->used_slots.len = scope->trail.len = scope->marks.len = 0;
}

/* ---- symbols ------------------------------------------------------------------------------- */

static Symbol *init_symbol(Sema *s, Symbol *symbol, SymbolKind kind, Ast *decl, const Name *name)
{
    symbol->kind = kind;
    symbol->name = name;
    symbol->decl = decl;
    symbol->module = s->module ? &s->module->module : NULL;
    symbol->owner = s->owner;
    symbol->id = s->program.symbol_count++;
    return symbol;
}

Symbol *sema_symbol_new(Sema *s, SymbolKind kind, Ast *decl, const Name *name, Span span,
                        const Type *type)
{
    bool item = kind == SYMBOL_FN || kind == SYMBOL_KERNEL || kind == SYMBOL_CONST ||
                kind == SYMBOL_MAPPING || kind == SYMBOL_TEST;
    bool generic = kind >= SYMBOL_GENERIC_TYPE && kind <= SYMBOL_GENERIC_FN;
    Symbol *symbol = item      ? &NEW(s->arena, Item)->symbol
                     : generic ? &NEW(s->arena, GenericSymbol)->symbol
                               : NEW(s->arena, Symbol);
    init_symbol(s, symbol, kind, decl, name);
    symbol->span = span;
    symbol->type = type;
    return symbol;
}

void sema_bind(Sema *s, Symbol *symbol)
{
    if (symbol->name->len == 1 && symbol->name->text[0] == '_') return; /* names nothing */
    struct ScopeSlot *slot = slot_of(s, symbol->name);
    uint32_t depth = (uint32_t)s->scope.marks.len;
    if (slot->local && slot->local->depth == depth) {
        Diag *diag = diag_report(s->diags, DIAG_DUPLICATE_NAME, symbol->span, symbol->name->text);
        diag_label(s->diags, diag, slot->local->symbol->span, "first declared here");
    }
    Local *local = NEW(s->arena, Local);
    *local = (Local){symbol, slot->local, depth};
    slot->local = local;
    VEC_PUSH(s->arena, s->scope.trail, symbol->name);
}

Symbol *sema_declare(Sema *s, SymbolKind kind, Ast *decl, const Name *name, Span span,
                     const Type *type)
{
    Symbol *symbol = sema_symbol_new(s, kind, decl, name, span, type);
    sema_bind(s, symbol);
    return symbol;
}

Symbol *sema_lookup_local(Sema *s, const Name *name)
{
    if (!s->scope.slot_count) return NULL;
    const struct ScopeSlot *slot = find_slot(&s->scope, name);
    return slot->local ? slot->local->symbol : NULL;
}

Symbol *sema_lookup(Sema *s, const Name *name)
{
    Symbol *symbol = sema_lookup_local(s, name);
    if (symbol) return symbol;
    symbol = base_map_get(s->module->module.scope, base_key(name));
    if (!symbol) return base_map_get(&s->prelude, base_key(name));
    if (symbol->module != &s->module->module || symbol->kind == SYMBOL_MODULE) {
        Imported *imported = base_map_get(&s->module->imported, base_key(name));
        if (imported) imported->used = true;
    }
    return symbol;
}

void sema_mention(Sema *s, Symbol *symbol, Span span)
{
    bool item = symbol->kind == SYMBOL_FN || symbol->kind == SYMBOL_CONST ||
                (symbol->kind == SYMBOL_MAPPING && !symbol->owner);
    Item *to = (Item *)symbol;
    if (item && s->item && s->item != to) symbol->used = true;
    if (!item) symbol->used = true;
    if (item && s->item) VEC_PUSH(s->arena, s->item->edges, (Edge){to, span});
}

/* `f32x4`, `Tx2`: a scalar type, "x" and lanes. */
static const Type *vector_type(Sema *s, const Name *name)
{
    static const int allowed[] = {2, 3, 4, 8, 16};
    const char *x = strrchr(name->text, 'x');
    if (!x || x == name->text || x[1] < '1' || x[1] > '9') return NULL;
    int lanes = atoi(x + 1);
    bool good = false;
    for (size_t i = 0; i < BASE_LEN(allowed); i++) good |= allowed[i] == lanes;
    if (!good || (lanes < 10 ? x[2] : x[3])) return NULL;
    const Name *of = base_intern(s->program.interner, name->text, (size_t)(x - name->text));
    const Type *element = sema_lookup_type(s, of);
    if (!element || element->kind == TYPE_VECTOR || element == s->index) return NULL;
    if (element->kind == TYPE_VAR && !sema_type_within(element, MASK_SCALAR)) return NULL;
    return sema_type_vector(s, element, lanes);
}

const Type *sema_lookup_type(Sema *s, const Name *name)
{
    Symbol *symbol = sema_lookup_local(s, name);
    if (symbol && symbol->kind == SYMBOL_GENERIC_TYPE) {
        symbol->used = true;
        return symbol->type;
    }
    if (symbol) return NULL;
    const Type *type = base_map_get(&s->prelude_types, base_key(name));
    return type ? type : vector_type(s, name);
}

/* ---- near names ---------------------------------------------------------------------------- */

typedef VEC(const char *) Candidates;

static void add_map(Sema *s, Candidates *out, const Map *map)
{
    for (size_t i = 0; i < map->len; i++) {
        const Name *name = (const Name *)(uintptr_t)map->entries[i].key;
        if (map->entries[i].value) VEC_PUSH(s->arena, *out, name->text);
    }
}

/* Looks through every visible name, so only for the first few errors of a run. */
static void suggest(Sema *s, Diag *diag, const Name *name, bool types)
{
    if (++s->suggestions > 64) return;
    Candidates out = {0};
    for (size_t i = 0; i < s->scope.trail.len; i++)
        VEC_PUSH(s->arena, out, s->scope.trail.data[i]->text);
    if (!types && s->module) add_map(s, &out, s->module->module.scope);
    if (!types) add_map(s, &out, &s->prelude);
    add_map(s, &out, &s->prelude_types);
    diag_suggest(s->diags, diag, name->text, out.len, out.data);
}

void sema_suggest_public(Sema *s, Diag *diag, const Name *name, const Module *module)
{
    if (++s->suggestions > 64) return;
    Candidates out = {0};
    for (size_t i = 0; i < module->scope->len; i++) {
        const Symbol *symbol = module->scope->entries[i].value;
        if (symbol->is_public && symbol->module == module)
            VEC_PUSH(s->arena, out, symbol->name->text);
    }
    diag_suggest(s->diags, diag, name->text, out.len, out.data);
}

/* Is the name near that of an import that failed? Then that one was misspelt, and is reported. */
static bool failed_import(Sema *s, const Name *name)
{
    const Map *imported = &s->module->imported;
    if (s->suggestions > 64) return false;
    for (size_t i = 0; i < imported->len; i++) {
        const Symbol *symbol = ((const Imported *)imported->entries[i].value)->symbol;
        if (symbol->type && symbol->type->kind == TYPE_POISON &&
            base_edit_distance(symbol->name->text, name->text, 2) <= 2)
            return true;
    }
    return false;
}

/* One report of a name in each item; none where something that did not parse may be the cause. */
void sema_unknown(Sema *s, DiagCode code, const Name *name, Span span)
{
    if (s->broken || s->module->broken) return;
    const void *here = s->item ? (const void *)s->item : (const void *)s->module;
    if (base_map_get(&s->unknown, base_key(name)) == here) return;
    union {
        const void *in;
        void *out;
    } cast = {.in = here};
    base_map_put(&s->unknown, base_key(name), cast.out);
    if (failed_import(s, name)) return;
    Diag *diag = diag_report(s->diags, code, span, name->text);
    bool type = code == DIAG_UNKNOWN_TYPE;
    if (!sema_hint(s, diag, name, type)) suggest(s, diag, name, type);
}

/* ---- the prelude --------------------------------------------------------------------------- */

static Symbol *prelude_symbol(Sema *s, SymbolKind kind, const char *text, const Type *type)
{
    const Name *name = base_intern_cstr(s->program.interner, text);
    Symbol *symbol = sema_symbol_new(s, kind, NULL, name, (Span){0}, type);
    base_map_put(&s->prelude, base_key(name), symbol);
    return symbol;
}

static void add_specials(Sema *s)
{
    static const char *const specials[] = {
        [SPECIAL_THREAD] = "thread",   [SPECIAL_LANE] = "lane",
        [SPECIAL_WARP] = "warp",       [SPECIAL_WARPGROUP] = "warpgroup",
        [SPECIAL_BLOCK] = "block",     [SPECIAL_GRID] = "grid",
        [SPECIAL_CLUSTER] = "cluster", [SPECIAL_BLOCK_SIZE] = "block_size",
        [SPECIAL_ARCH] = "arch",       [SPECIAL_TARGET_CPU] = "target_cpu",
        [SPECIAL_FAST] = "fast_math",
    };
    for (size_t i = 0; i < BASE_LEN(specials); i++) {
        bool group = i == SPECIAL_BLOCK || i == SPECIAL_GRID || i == SPECIAL_CLUSTER;
        bool yes_no = i == SPECIAL_TARGET_CPU || i == SPECIAL_FAST;
        const Type *type = group ? s->group : yes_no ? s->boolean : s->index;
        prelude_symbol(s, SYMBOL_SPECIAL, specials[i], type)->special = (Special)i;
    }
}

static void add_operators(Sema *s)
{
    for (int op = OP_NONE + 1; op < OP_COUNT; op++) {
        const OpInfo *info = vocab_op((Op)op);
        if (!info->precedence) continue; /* unary, and min and max, which are built-ins */
        prelude_symbol(s, SYMBOL_FN_OP, info->name, NULL)->op = (Op)op;
    }
}

static void add_type(Sema *s, const char *text, const Type *type)
{
    const Name *name = base_intern_cstr(s->program.interner, text);
    union {
        const Type *in;
        void *out;
    } cast = {.in = type};
    base_map_put(&s->prelude_types, base_key(name), cast.out);
}

/* `atomic.add` is a member of `atomic`, a module without a file. */
static void add_builtin(Sema *s, Builtin builtin)
{
    const char *text = vocab_builtin(builtin)->text, *dot = strchr(text, '.');
    if (!dot) {
        prelude_symbol(s, SYMBOL_BUILTIN, text, NULL)->builtin = builtin;
        return;
    }
    const char *space = base_strndup(s->arena, text, (size_t)(dot - text));
    const Name *name = base_intern_cstr(s->program.interner, space);
    if (!base_map_get(&s->prelude, base_key(name)))
        prelude_symbol(s, SYMBOL_MODULE, space, s->module_type);
}

void sema_prelude_init(Sema *s)
{
    s->prelude = base_map(s->arena);
    s->prelude_types = base_map(s->arena);
    s->unknown = base_map(s->arena);
    for (int elem = ELEM_NONE + 1; elem < ELEM_COUNT; elem++)
        add_type(s, vocab_elem((Elem)elem)->text, s->scalar[elem]);
    add_type(s, "mbarrier", s->mbarrier);
    add_type(s, "barrier", s->barrier);
    for (int builtin = BUILTIN_NONE + 1; builtin < BUILTIN_COUNT; builtin++)
        add_builtin(s, (Builtin)builtin);
    add_specials(s);
    add_operators(s);
}
