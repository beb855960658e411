/* Top-level declarations: declaring them, constants, mappings, bodies. */
#include "sema/internal.h"

/* ---- what did not parse ---------------------------------------------------------------------- */

/* The first fault of the module inside `span`; 0. */
static uint32_t first_fault(const ModuleState *state, Span span)
{
    size_t low = 0, high = state->faults.len;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (state->faults.data[middle] < span.begin)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == state->faults.len || state->faults.data[low] >= span.end) return 0;
    return state->faults.data[low];
}

static const Ast *item_body(const Ast *decl)
{
    switch ((int)decl->kind) {
    case AST_Fn:
        return KID(decl, Fn, body);
    case AST_Kernel:
        return KID(decl, Kernel, body);
    case AST_Test:
        return KID(decl, Test, body);
    case AST_Bench:
        return KID(decl, Bench, body);
    default:
        return NULL;
    }
}

/* Did the declaration parse but for its body? */
static bool header_parsed(const Item *item)
{
    const Ast *body = item_body(item->symbol.decl);
    return !item->fault || (body && item->fault >= body->span.begin);
}

/* From the line of the first fault on, what an item says may be caused by it. */
static void mute_after_fault(Sema *s, const Item *item)
{
    s->diags->muted = (Span){0, 0};
    if (!item->fault) return;
    const Source *source = s->module->module.source;
    uint32_t line = item->fault;
    while (line > source->base && source->text[line - source->base - 1] != '\n') line--;
    s->diags->muted = (Span){line, item->symbol.decl->span.end + 1};
}

/* ---- declaring ----------------------------------------------------------------------------- */

static SymbolKind item_kind(const Ast *node)
{
    switch ((int)node->kind) {
    case AST_Const:
        return SYMBOL_CONST;
    case AST_MappingDecl:
        return SYMBOL_MAPPING;
    case AST_Fn:
        return SYMBOL_FN;
    case AST_Kernel:
        return SYMBOL_KERNEL;
    default:
        return SYMBOL_TEST;
    }
}

static void declare(Sema *s, ModuleState *state, Ast *node)
{
    SymbolKind kind = item_kind(node);
    const Type *type = kind == SYMBOL_MAPPING ? s->mapping : NULL;
    Symbol *symbol = sema_symbol_new(s, kind, node, node->name, node->name_span, type);
    symbol->is_public = node->flags & AST_PUB;
    node->symbol = symbol;
    ((Item *)symbol)->fault = first_fault(state, node->span);
    VEC_PUSH(s->arena, s->items, (Item *)symbol);
    if (kind == SYMBOL_TEST) return;
    const Symbol *first = base_map_get(state->module.scope, base_key(node->name));
    bool failed_import = first && first->type && first->type->kind == TYPE_POISON;
    if (!first || failed_import) {
        base_map_put(state->module.scope, base_key(node->name), symbol);
        return;
    }
    Diag *diag = diag_report(s->diags, DIAG_DUPLICATE_NAME, node->name_span, node->name->text);
    Imported *imported = base_map_get(&state->imported, base_key(node->name));
    diag_label(s->diags, diag, imported ? imported->node->span : first->span,
               imported ? "imported here" : "first declared here");
}

void sema_items_declare(Sema *s, ModuleState *state)
{
    Ast *items = KID(state->module.file, File, items);
    for (uint32_t i = 0; i < items->count; i++) {
        if (items->kid[i]->kind == AST_Error)
            state->broken = true;
        else if (items->kid[i]->kind != AST_Import)
            declare(s, state, items->kid[i]);
    }
}

/* ---- constants ----------------------------------------------------------------------------- */

static void table_count(Sema *s, const Ast *array, const Ast *extent)
{
    uint32_t count = KID(array, Array, items)->count;
    if (extent->kind != AST_Int || extent->value.i == count) return;
    diag_report(s->diags, DIAG_TABLE_COUNT, array->span, sema_plural(s, count, "element"),
                base_format(s->arena, "its type says %lld", (long long)extent->value.i));
}

/* A table of a written type: its literals adapt to the element type. */
static void table(Sema *s, Ast *e, const Type *type, const Ast *extents, uint32_t level)
{
    if (e->kind != AST_Array) {
        const Type *have = sema_value(s, e);
        if (have->kind != TYPE_POISON) sema_mismatch(s, e, have, type);
        return;
    }
    Ast *items = KID(e, Array, items);
    e->type = type;
    table_count(s, e, extents->kid[level]);
    const Type *inner =
        type->rank > 1 ? sema_type_tensor(s, type->of, type->rank - 1, SPACE_TABLE, false) : NULL;
    for (uint32_t i = 0; i < items->count; i++) {
        if (inner)
            table(s, items->kid[i], inner, extents, level + 1);
        else
            sema_expect(s, items->kid[i], type->of);
    }
}

static const Type *const_type(Sema *s, Ast *decl)
{
    Ast *node = KID(decl, Const, type), *value = KID(decl, Const, value);
    if (!node) {
        const Type *type = sema_value(s, value);
        if (type->kind != TYPE_STRING && type->kind != TYPE_MAPPING) return type;
        diag_report(s->diags, DIAG_BAD_TYPE_HERE, value->span, sema_text(s, type),
                    "the value of a `const`",
                    type->kind == TYPE_MAPPING ? "declare it with `mapping`" : "use numbers");
        return s->poison;
    }
    const Type *type = sema_type_node(s, node);
    sema_type_parts(s, node);
    if (type->kind != TYPE_TENSOR) {
        sema_expect(s, value, type);
        return type;
    }
    type = sema_type_tensor(s, type->of, type->rank, SPACE_TABLE, false);
    table(s, value, type, KID(node, TypeTensor, extents), 0);
    return type;
}

/* On demand, because constants may stand in any order; so it keeps what is being checked. */
void sema_const_resolve(Sema *s, Item *item)
{
    if (item->state == ITEM_DONE) return;
    if (item->state == ITEM_BUSY) {
        diag_report(s->diags, DIAG_DEFINITION_CYCLE, item->symbol.span, item->symbol.name->text);
        item->symbol.type = s->poison;
        return;
    }
    item->state = ITEM_BUSY;
    if (!header_parsed(item)) {
        item->symbol.type = s->poison;
        item->state = ITEM_DONE;
        return;
    }
    Scope scope = s->scope;
    Item *outer = s->item;
    Ast *owner = s->owner;
    Place place = s->place;
    if (scope.trail.len) s->scope = (Scope){0};
    s->item = item;
    s->owner = NULL;
    s->place = PLACE_CONST;
    const Type *type = const_type(s, item->symbol.decl);
    if (!item->symbol.type) item->symbol.type = type;
    item->symbol.decl->type = item->symbol.type;
    if (scope.trail.len) s->scope = scope;
    s->item = outer;
    s->owner = owner;
    s->place = place;
    item->state = ITEM_DONE;
}

/* ---- mappings ------------------------------------------------------------------------------ */

/* Of a declaration at top level or in a body: parameters, shape, value. */
void sema_mapping_decl(Sema *s, Ast *decl)
{
    Ast *params = KID(decl, MappingDecl, params);
    sema_scope_open(s);
    for (uint32_t i = 0; i < params->count; i++) {
        Ast *name = params->kid[i];
        name->type = s->index;
        name->symbol =
            sema_declare(s, SYMBOL_MAPPING_PARAM, name, name->name, name->span, s->index);
    }
    if (KID(decl, MappingDecl, shape)) sema_index_list(s, KID(decl, MappingDecl, shape));
    sema_mapping_expr(s, KID(decl, MappingDecl, value));
    sema_scope_close(s);
    decl->type = s->mapping;
}

/* ---- bodies -------------------------------------------------------------------------------- */

static void check_fn(Sema *s, Item *item, Ast *decl)
{
    s->place = PLACE_CLAUSE;
    sema_signature_check(s, item);
    s->place = PLACE_FN;
    s->result = item->symbol.type->of;
    Ast *body = KID(decl, Fn, body);
    if (body->kind == AST_Str) {
        sema_instruction(s, decl);
        return;
    }
    sema_block(s, body);
    bool gives = s->result->kind != TYPE_VOID && s->result->kind != TYPE_POISON;
    if (gives && !s->broken && !sema_returns(body))
        diag_report(s->diags, DIAG_MISSING_RETURN, decl->name_span, decl->name->text,
                    sema_text(s, s->result));
}

static void check_launch(Sema *s, Ast *decl)
{
    Ast *launch = KID(decl, Kernel, launch);
    if (!launch) {
        diag_report(s->diags, DIAG_NO_LAUNCH, decl->name_span, decl->name->text);
        return;
    }
    Ast *grid = KID(launch, Launch, grid);
    sema_index_list(s, grid);
    if (KID(launch, Launch, cluster)) sema_index(s, KID(launch, Launch, cluster));
    sema_index(s, KID(launch, Launch, block));
    if (KID(launch, Launch, occupancy)) sema_index(s, KID(launch, Launch, occupancy));
    if (grid->count < 1 || grid->count > 3)
        diag_report(s->diags, DIAG_GRID_RANK, grid->span, base_format(s->arena, "%u", grid->count));
}

static void check_attributes(Sema *s, const Ast *attributes)
{
    static const char *const known[] = {"fast"};
    for (uint32_t i = 0; attributes && i < attributes->count; i++) {
        const Ast *a = attributes->kid[i];
        bool is_known = strcmp(a->name->text, known[0]) == 0;
        if (is_known && i == 0) continue;
        Diag *diag = diag_report(s->diags, DIAG_ATTRIBUTE, a->span, a->name->text,
                                 is_known ? "stands there once" : "is no attribute");
        if (!is_known) diag_suggest(s->diags, diag, a->name->text, BASE_LEN(known), known);
    }
}

static void check_kernel(Sema *s, Item *item, Ast *decl)
{
    check_attributes(s, KID(decl, Kernel, attributes));
    Ast *requires = KID(decl, Kernel, requires);
    s->place = PLACE_CLAUSE;
    sema_signature_check(s, item);
    for (uint32_t i = 0; i < requires->count; i++) sema_stmt(s, requires->kid[i]);
    check_launch(s, decl);
    s->place = PLACE_KERNEL;
    sema_block(s, KID(decl, Kernel, body));
}

static const Type *bench_type(Sema *s, Ast *values)
{
    Ast *list = values->kind == AST_Set ? KID(values, Set, items) : values;
    const Type *type = list->count ? sema_value(s, list->kid[0]) : s->poison;
    for (uint32_t i = 1; i < list->count; i++) sema_expect(s, list->kid[i], type);
    return values->type = type;
}

static void check_bench(Sema *s, Ast *decl)
{
    Ast *name = KID(decl, Bench, var);
    if (name) {
        name->type = bench_type(s, KID(decl, Bench, values));
        name->symbol = sema_declare(s, SYMBOL_LET, name, name->name, name->span, name->type);
    }
    sema_block(s, KID(decl, Bench, body));
}

static void check_item(Sema *s, Item *item)
{
    if (!header_parsed(item)) return;
    mute_after_fault(s, item);
    Ast *decl = item->symbol.decl;
    s->item = item;
    s->owner = decl;
    s->loops = 0;
    s->broken = false;
    s->narrowings.len = 0;
    s->place = PLACE_TEST;
    sema_scope_open(s);
    switch ((int)decl->kind) {
    case AST_MappingDecl:
        s->place = PLACE_CONST;
        sema_mapping_decl(s, decl);
        break;
    case AST_Fn:
        check_fn(s, item, decl);
        break;
    case AST_Kernel:
        check_kernel(s, item, decl);
        break;
    case AST_Test:
        sema_block(s, KID(decl, Test, body));
        break;
    case AST_Bench:
        check_bench(s, decl);
        break;
    default:
        break;
    }
    sema_scope_close(s);
    sema_scope_clear(s);
    s->item = NULL;
    s->owner = NULL;
}

static void signature(Sema *s, Item *item)
{
    if (header_parsed(item))
        sema_signature(s, item);
    else
        item->symbol.type = s->poison;
}

/* Signatures, then constants, then bodies: each may use any of the earlier. */
void sema_items_check(Sema *s, ModuleState *state)
{
    Ast *items = KID(state->module.file, File, items);
    for (uint32_t i = 0; i < items->count; i++)
        if (items->kid[i]->kind == AST_Fn || items->kid[i]->kind == AST_Kernel)
            signature(s, (Item *)(uintptr_t)items->kid[i]->symbol);
    for (uint32_t i = 0; i < items->count; i++)
        if (items->kid[i]->kind == AST_Const)
            sema_const_resolve(s, (Item *)(uintptr_t)items->kid[i]->symbol);
    for (uint32_t i = 0; i < items->count; i++)
        if (items->kid[i]->symbol && items->kid[i]->kind != AST_Import)
            check_item(s, (Item *)(uintptr_t)items->kid[i]->symbol);
    s->diags->muted = (Span){0, 0};
}
