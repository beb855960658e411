/* Any bytes through the checker: it neither crashes nor hangs nor leaks; in a program without
 * errors every expression has a type; and the typed tree prints. */
#include <stdio.h>
#include <stdlib.h>

#include "sema/sema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition, const char *what)
{
    if (condition) return;
    fprintf(stderr, "fuzz_sema: %s\n", what);
    abort();
}

static void all_typed(const Ast *node)
{
    bool expr = ast_info(node->kind)->cls == AST_CLASS_EXPR;
    if (node->kind == AST_Import) return;
    require(!expr || node->type, "an expression has no type");
    require(!expr || node->type->kind != TYPE_SCALAR || node->type->elem, "a literal is undecided");
    for (uint32_t i = 0; i < node->count; i++)
        if (node->kid[i]) all_typed(node->kid[i]);
}

static const char *library(void *user, const char *path, size_t *len)
{
    static const char text[] = "pub fn f[T: num](x: T) -> T { return x }\npub const N = 2\n";
    (void)user;
    if (strcmp(path, "std.f") != 0) return NULL;
    *len = sizeof text - 1;
    return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Escape escape = {0};
    if (setjmp(escape.env)) {
        require(false, escape.message);
        return 0;
    }
    Arena *arena = base_arena_create(&escape);
    Diags *diags = diag_create(arena);
    const char *text = base_strndup(arena, (const char *)data, size);
    Source *source = diag_add_source(diags, "fuzz.hd", text, size);
    Program *program = sema_check(arena, base_interner_create(arena), diags, source, library, NULL);
    if (diags->errors == 0) all_typed(program->main->file);
    Sb sb = base_sb(arena);
    sema_print(program, &sb);
    diag_render_text(diags, &sb, true);
    base_arena_destroy(arena);
    return 0;
}
