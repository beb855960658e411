/* Modules: loading imports, binding what they bring; the entry point. */
#include "sema/internal.h"

#include <stdlib.h>
#include <sys/stat.h>

/* ---- where a module lies ------------------------------------------------------------------- */

/* One name for one file, however it is reached. */
static const Name *identity(Sema *s, const char *path)
{
    char *real = realpath(path, NULL);
    const Name *name = base_intern_cstr(s->program.interner, real ? real : path);
    free(real);
    return name;
}

static Source *no_module(Sema *s, Ast *import, const char *why)
{
    diag_report(s->diags, DIAG_NO_MODULE, import->name_span, import->name->text, why);
    return NULL;
}

static Source *open_library(Sema *s, Ast *import)
{
    size_t len = 0;
    const char *path = import->name->text;
    const char *text = s->library ? s->library(s->library_user, path, &len) : NULL;
    if (!text && strncmp(path, "std.", 4) != 0)
        return no_module(s, import, "library modules begin with `std.`, others are quoted paths");
    if (!text) return no_module(s, import, "the standard library has none of that name");
    char *shown = base_format(s->arena, "%s.hd", path);
    for (char *c = shown; *c && strcmp(c, ".hd") != 0; c++)
        if (*c == '.') *c = '/';
    return diag_add_source(s->diags, shown, text, len);
}

static Source *open_file(Sema *s, Ast *import, const char *path)
{
    char *text;
    size_t len;
    struct stat info;
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode)) /* a device may never end */
        return no_module(s, import, base_format(s->arena, "%s is not a file", path));
    int error = base_file_read_most(s->arena, path, SYNTAX_MAX_BYTES + 1, &text, &len);
    if (error) return no_module(s, import, base_format(s->arena, "%s: %s", path, strerror(error)));
    return diag_add_source(s->diags, path, text, len);
}

static const char *import_path(Sema *s, const Ast *import, const ModuleState *importer)
{
    const char *name = import->name->text;
    if (name[0] == '/') return name;
    const char *dir = base_path_dir(s->arena, importer->module.source->path);
    return strcmp(dir, ".") == 0 ? name : base_path_join(s->arena, dir, name);
}

/* ---- imports ------------------------------------------------------------------------------- */

static void bind_import(Sema *s, ModuleState *state, Ast *node, const Name *name, Symbol *symbol)
{
    const Imported *first = base_map_get(&state->imported, base_key(name));
    if (first) {
        Diag *diag = diag_report(s->diags, DIAG_DUPLICATE_NAME, node->span, name->text);
        diag_label(s->diags, diag, first->node->span, "first imported here");
        return;
    }
    Imported *imported = NEW(s->arena, Imported);
    *imported = (Imported){node, symbol, false};
    base_map_put(&state->imported, base_key(name), imported);
    base_map_put(state->module.scope, base_key(name), symbol);
}

static Symbol *poison_symbol(Sema *s, Ast *node)
{
    return sema_symbol_new(s, SYMBOL_LET, NULL, node->name, node->span, s->poison);
}

static Symbol *find_public(Sema *s, Ast *name, ModuleState *from)
{
    Symbol *symbol = base_map_get(from->module.scope, base_key(name->name));
    if (symbol && symbol->module == &from->module && symbol->kind != SYMBOL_MODULE) {
        if (symbol->is_public) return symbol;
        Diag *diag = diag_report(s->diags, DIAG_PRIVATE_NAME, name->span, name->name->text,
                                 from->module.path->text);
        diag_label(s->diags, diag, symbol->span, "declared here");
    } else if (!from->broken) {
        Diag *diag = diag_report(s->diags, DIAG_NOT_IN_MODULE, name->span, from->module.path->text,
                                 name->name->text);
        sema_suggest_public(s, diag, name->name, &from->module);
    }
    return NULL;
}

/* The name of a module imported whole: its last component, or its file's. */
static const Name *module_name(Sema *s, const Ast *import)
{
    if (KID(import, Import, alias)) return KID(import, Import, alias)->name;
    const char *path = import->name->text;
    if (import->flags & AST_QUOTED)
        return base_intern_cstr(s->program.interner, base_path_stem(s->arena, path));
    const char *dot = strrchr(path, '.');
    return base_intern_cstr(s->program.interner, dot ? dot + 1 : path);
}

static void do_import(Sema *s, ModuleState *state, Ast *import)
{
    Ast *names = KID(import, Import, names);
    ModuleState *from = sema_module_load(s, import, state);
    s->module = state;
    for (uint32_t i = 0; i < names->count; i++) {
        Ast *name = names->kid[i];
        if (name->kind != AST_Name) continue;
        Symbol *symbol = from ? find_public(s, name, from) : NULL;
        name->symbol = symbol;
        bind_import(s, state, name, name->name, symbol ? symbol : poison_symbol(s, name));
    }
    if (names->count && !KID(import, Import, alias)) return;
    const Name *name = module_name(s, import);
    Symbol *symbol =
        from ? sema_symbol_new(s, SYMBOL_MODULE, import, name, import->name_span, s->module_type)
             : poison_symbol(s, import);
    if (from) symbol->module = &from->module;
    import->symbol = from ? symbol : NULL;
    bind_import(s, state, import, name, symbol);
}

/* ---- loading ------------------------------------------------------------------------------- */

static ModuleState *new_module(Sema *s, const Name *id, const Name *path, const Source *source)
{
    ModuleState *state = NEW(s->arena, ModuleState);
    state->module.path = path;
    state->module.source = source;
    state->module.scope = NEW(s->arena, Map);
    *state->module.scope = base_map(s->arena);
    state->imported = base_map(s->arena);
    base_map_put(&s->modules, base_key(id), state);
    return state;
}

static int ascending(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void collect_faults(Sema *s, ModuleState *state, size_t before)
{
    for (size_t i = before; i < s->diags->list.len; i++)
        VEC_PUSH(s->arena, state->faults, s->diags->list.data[i]->span.begin);
    if (state->faults.len)
        qsort(state->faults.data, state->faults.len, sizeof *state->faults.data, ascending);
}

static void check_module(Sema *s, ModuleState *state)
{
    state->loading = true;
    size_t before = s->diags->list.len;
    state->module.file =
        syntax_parse(s->arena, s->program.interner, s->diags, state->module.source);
    collect_faults(s, state, before);
    Ast *items = KID(state->module.file, File, items);
    for (uint32_t i = 0; i < items->count; i++)
        if (items->kid[i]->kind == AST_Import) do_import(s, state, items->kid[i]);
    s->module = state;
    sema_items_declare(s, state);
    sema_items_check(s, state);
    state->loading = false;
    VEC_PUSH(s->arena, s->program.modules, &state->module);
}

static ModuleState *import_cycle(Sema *s, Ast *import, ModuleState *first, ModuleState *importer)
{
    Diag *diag =
        diag_report(s->diags, DIAG_IMPORT_CYCLE, import->name_span, first->module.path->text);
    for (const ModuleState *m = importer; m && m != first; m = m->importer)
        diag_note(s->diags, diag, "`%s` is imported by `%s`", m->module.path->text,
                  m->importer ? m->importer->module.path->text : "");
    return NULL;
}

ModuleState *sema_module_load(Sema *s, Ast *import, ModuleState *importer)
{
    bool quoted = import->flags & AST_QUOTED;
    const char *path = quoted ? import_path(s, import, importer) : NULL;
    const Name *id = quoted ? identity(s, path) : import->name;
    ModuleState *known = base_map_get(&s->modules, base_key(id));
    if (known && known->loading) return import_cycle(s, import, known, importer);
    if (known) return known->module.file ? known : NULL;
    Source *source = quoted ? open_file(s, import, path) : open_library(s, import);
    if (!source) return NULL;
    const Name *name = quoted ? base_intern_cstr(s->program.interner, path) : import->name;
    ModuleState *state = new_module(s, id, name, source);
    state->importer = importer;
    state->module.is_std = !quoted;
    check_module(s, state);
    return state;
}

/* The verb `mma` chooses among what these modules declare, imported or not. The main module stays
 * the last. */
static void load_instructions(Sema *s)
{
    Ast *import = NEW(s->arena, Ast);
    *import = *s->program.main->file;
    import->kind = AST_Import;
    import->flags = 0;
    import->name = base_intern_cstr(s->program.interner, "std.mma");
    s->program.modules.len--;
    sema_module_load(s, import, NULL);
    VEC_PUSH(s->arena, s->program.modules, s->program.main);
}

Program *sema_check(Arena *arena, Interner *interner, Diags *diags, Source *main,
                    SemaLibrary library, void *user)
{
    Sema *s = NEW(arena, Sema);
    s->program.arena = s->arena = arena;
    s->program.interner = interner;
    s->program.diags = s->diags = diags;
    s->library = library;
    s->library_user = user;
    s->modules = base_map(arena);
    sema_types_init(s);
    sema_prelude_init(s);
    s->program.prelude_count = s->program.symbol_count;
    const Name *path = base_intern_cstr(interner, main->path);
    ModuleState *state = new_module(s, identity(s, main->path), path, main);
    s->program.main = &state->module;
    check_module(s, state);
    if (s->wants_instructions) load_instructions(s);
    sema_cycles(s);
    sema_unused(s);
    return &s->program;
}
