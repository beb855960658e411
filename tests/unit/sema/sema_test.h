/* Checks a program from a string, with a small standard library. */
#ifndef SEMA_TEST_H
#define SEMA_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>

#include "sema/sema.h"

typedef struct Checked {
    Escape escape;
    Arena *arena;
    Diags *diags;
    Program *program;
    char *messages;
} Checked;

static const char *test_library(void *user, const char *path, size_t *len)
{
    (void)user;
    const char *text = NULL;
    if (strcmp(path, "std.warp") == 0)
        text = "pub fn warp_reduce[T: num, f: fn(T, T) -> T](x: T) -> T {\n"
               "    return f(x, shuffle_xor(x, 16))\n}\n"
               "fn scan_step[T: num, f: fn(T, T) -> T](r: T, d: i32) -> T {\n"
               "    return f(shuffle_up(r, d), r)\n}\n"
               "pub fn warp_scan[T: num, f: fn(T, T) -> T](x: T) -> T {\n"
               "    return scan_step[f](x, 1)\n}\n"
               "pub mapping C = repeat(2, 1) * spatial(8, 4) * repeat(1, 2)\n"
               "pub const WIDTH = 32\n";
    if (text) *len = strlen(text);
    return text;
}

/* `path` matters to relative imports. */
static Checked check_at(const char *path, const char *text, size_t len)
{
    Checked c = {0};
    static Escape escape; /* outlives the arenas of one program at a time */
    escape = (Escape){0};
    if (setjmp(escape.env)) fail_msg("escaped: %s", escape.message);
    Arena *arena = base_arena_create(&escape);
    Diags *diags = diag_create(arena);
    Source *source = diag_add_source(diags, path, text, len);
    Program *program =
        sema_check(arena, base_interner_create(arena), diags, source, test_library, NULL);
    Sb out = base_sb(arena);
    diag_render_text(diags, &out, false);
    c.arena = arena;
    c.diags = diags;
    c.program = program;
    c.messages = base_sb_text(&out);
    return c;
}

static inline Checked check_text(const char *text)
{
    return check_at("example.hd", text, strlen(text));
}

static inline void done(Checked *c)
{
    base_arena_destroy(c->arena);
}

/* Every expression has a type, and none is left undecided. */
static inline void all_typed(const Ast *node, const char *text)
{
    bool expr = ast_info(node->kind)->cls == AST_CLASS_EXPR;
    if (node->kind == AST_Import) return;
    if (expr && (!node->type || (node->type->kind == TYPE_SCALAR && !node->type->elem)))
        fail_msg("%s at %u is without a type:\n%s", ast_info(node->kind)->text, node->span.begin,
                 text);
    for (uint32_t i = 0; i < node->count; i++)
        if (node->kid[i]) all_typed(node->kid[i], text);
}

/* The program has no error; warnings do not count. */
static inline Checked good(const char *text)
{
    Checked c = check_text(text);
    if (c.diags->errors) fail_msg("%s\n%s", text, c.messages);
    all_typed(c.program->main->file, text);
    return c;
}

/* Exactly one diagnostic, of `code`. */
static inline void only(const char *text, const char *code)
{
    Checked c = check_text(text);
    if (c.diags->list.len != 1 || strcmp(diag_code_text(c.diags->list.data[0]->code), code) != 0)
        fail_msg("wanted one %s:\n%s\n%s", code, text, c.messages);
    done(&c);
}

#endif
