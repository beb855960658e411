/* Any bytes through the front end: it neither crashes nor hangs nor leaks, diagnostics lie inside
 * the source, and a program that parses has a canonical layout which parses to the same tree and
 * which the formatter leaves alone. */
#include <stdio.h>
#include <stdlib.h>

#include "syntax/ast.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition, const char *what)
{
    if (condition) return;
    fprintf(stderr, "fuzz_syntax: %s\n", what);
    abort();
}

static char *tree_of(Arena *arena, const Ast *file)
{
    Sb sb = base_sb(arena);
    syntax_print_ast(file, &sb);
    return base_sb_text(&sb);
}

static void check_layout(Arena *arena, Interner *interner, Diags *diags, const Source *source,
                         const Ast *file)
{
    const char *once = syntax_format(arena, interner, source);
    require(once != NULL, "a program that parses is not formatted");
    Source *again = diag_add_source(diags, "again.hd", once, strlen(once));
    const Ast *same = syntax_parse(arena, interner, diags, again);
    require(diags->errors == 0, "the formatted program does not parse");
    require(strcmp(tree_of(arena, file), tree_of(arena, same)) == 0, "formatting changed the tree");
    const char *twice = syntax_format(arena, interner, again);
    require(twice && strcmp(once, twice) == 0, "formatting twice differs from once");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Escape escape = {0};
    if (setjmp(escape.env)) {
        require(false, escape.message);
        return 0;
    }
    Arena *arena = base_arena_create(&escape);
    Interner *interner = base_interner_create(arena);
    Diags *diags = diag_create(arena);
    const char *text = base_strndup(arena, (const char *)data, size);
    Source *source = diag_add_source(diags, "fuzz.hd", text, size);
    const Ast *file = syntax_parse(arena, interner, diags, source);
    for (size_t i = 0; i < diags->list.len; i++) {
        Span span = diags->list.data[i]->span;
        require(span.begin >= source->base && span.begin <= span.end &&
                    span.end <= source->base + source->len,
                "a diagnostic lies outside the source");
    }
    Sb sb = base_sb(arena);
    diag_render_text(diags, &sb, true);
    diag_render_json(diags, &sb);
    if (diags->errors == 0) check_layout(arena, interner, diags, source, file);
    syntax_parse_expr(arena, interner, diags, source);
    base_arena_destroy(arena);
    return 0;
}
