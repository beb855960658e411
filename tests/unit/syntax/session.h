/* A compiler session for the tests of the syntax floor. */
#ifndef TESTS_SYNTAX_SESSION_H
#define TESTS_SYNTAX_SESSION_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#include "syntax/ast.h"

typedef struct Session {
    Escape escape;
    Arena *arena;
    Interner *interner;
    Diags *diags;
} Session;

static inline Session *session_open(void)
{
    Session *s = calloc(1, sizeof *s);
    s->arena = base_arena_create(&s->escape);
    s->interner = base_interner_create(s->arena);
    s->diags = diag_create(s->arena);
    return s;
}

static inline void session_close(Session *s)
{
    base_arena_destroy(s->arena);
    free(s);
}

static inline Ast *session_parse_n(Session *s, const char *text, size_t len)
{
    const char *copy = base_strndup(s->arena, text, len);
    return syntax_parse(s->arena, s->interner, s->diags,
                        diag_add_source(s->diags, "t.hd", copy, len));
}

static inline Ast *session_parse(Session *s, const char *text)
{
    return session_parse_n(s, text, strlen(text));
}

static inline char *session_print(Session *s, const Ast *node)
{
    Sb sb = base_sb(s->arena);
    syntax_print_ast(node, &sb);
    return base_sb_text(&sb);
}

static inline char *session_format(Session *s, const char *text)
{
    return syntax_format(s->arena, s->interner,
                         diag_add_source(s->diags, "t.hd", text, strlen(text)));
}

static inline char *session_diags(Session *s)
{
    Sb sb = base_sb(s->arena);
    diag_render_text(s->diags, &sb, false);
    return base_sb_text(&sb);
}

/* Calls `visit` with the text of every .hd file of `folder`, which is relative to this header. */
static inline int session_each_file(Session *s, const char *folder,
                                    void (*visit)(Session *, const char *path, const char *text))
{
    char *here = base_path_dir(s->arena, __FILE__);
    char *dir = base_path_join(s->arena, here, folder);
    DIR *handle = opendir(dir);
    int count = 0;
    if (!handle) return 0;
    for (struct dirent *entry; (entry = readdir(handle));) {
        size_t len = strlen(entry->d_name), size;
        if (len < 4 || strcmp(entry->d_name + len - 3, ".hd") != 0) continue;
        char *path = base_path_join(s->arena, dir, entry->d_name), *text;
        assert_int_equal(base_file_read(s->arena, path, &text, &size), 0);
        visit(s, path, text);
        count++;
    }
    closedir(handle);
    return count;
}

#endif
