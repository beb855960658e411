/* Warnings about what the main module declares and never uses; silent where there are errors. */
#include "sema/internal.h"

static void variables(Sema *s)
{
    for (size_t i = 0; i < s->watched.len; i++) {
        const Symbol *symbol = s->watched.data[i];
        if (symbol->used || symbol->module != s->program.main || symbol->name->text[0] == '_')
            continue;
        diag_report(s->diags, DIAG_UNUSED_VARIABLE, symbol->span, symbol->name->text);
    }
}

/* A module of imports alone is there to bring them. */
static bool is_index(const Module *module)
{
    const Ast *items = KID(module->file, File, items);
    for (uint32_t i = 0; i < items->count; i++)
        if (items->kid[i]->kind != AST_Import) return false;
    return true;
}

static void imports(Sema *s, const ModuleState *main)
{
    if (is_index(&main->module)) return;
    for (size_t i = 0; i < main->imported.len; i++) {
        const Imported *imported = main->imported.entries[i].value;
        if (imported->used) continue;
        const Ast *node = imported->node;
        diag_report(s->diags, DIAG_UNUSED_IMPORT,
                    node->kind == AST_Import ? node->name_span : node->span,
                    imported->symbol->name->text);
    }
}

static void functions(Sema *s)
{
    for (size_t i = 0; i < s->items.len; i++) {
        const Symbol *symbol = &s->items.data[i]->symbol;
        if (symbol->kind == SYMBOL_FN && symbol->module == s->program.main && !symbol->used &&
            !symbol->is_public && symbol->name->text[0] != '_')
            diag_report(s->diags, DIAG_UNUSED_FUNCTION, symbol->span, symbol->name->text);
    }
}

void sema_unused(Sema *s)
{
    if (s->diags->errors) return;
    variables(s);
    imports(s, (const ModuleState *)s->program.main);
    functions(s);
}
