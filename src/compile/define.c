/* `-D NAME=VALUE`: what can be given, and what must be. */
#include "compile/internal.h"

#include <errno.h>
#include <stdlib.h>

static bool parse_number(const char *text, int64_t *number)
{
    char *end;
    errno = 0;
    *number = strtoll(text, &end, 0);
    return !errno && end != text && !*end;
}

bool compile_parse_define(Arena *arena, const char *text, LowerDefine *define)
{
    const char *equals = strchr(text, '=');
    if (!equals || equals == text) return false;
    *define = (LowerDefine){.text = equals + 1};
    define->name = base_strndup(arena, text, (size_t)(equals - text));
    define->elem = vocab_elem_find(define->text, strlen(define->text));
    parse_number(define->text, &define->number);
    return true;
}

/* ---- what can be given ---------------------------------------------------------------------- */

static bool can_be_given(const Symbol *symbol)
{
    return symbol->kind == SYMBOL_SIZE || symbol->kind == SYMBOL_TUNE ||
           symbol->kind == SYMBOL_GENERIC_INT || symbol->kind == SYMBOL_GENERIC_TYPE;
}

/* From *at on, which moves past it; NULL: no more. */
static const Symbol *find_named(const Ast *node, const char *name)
{
    if (!node) return NULL;
    const Symbol *symbol = node->symbol;
    if (symbol && can_be_given(symbol) && strcmp(symbol->name->text, name) == 0) return symbol;
    for (uint32_t i = 0; i < node->count; i++)
        if ((symbol = find_named(node->kid[i], name))) return symbol;
    return NULL;
}

bool compile_takes_define(const Compile *s, const char *name)
{
    uint32_t at = 0;
    for (const Symbol *k; (k = compile_next_kernel(s, &at, false));)
        if (find_named(k->decl, name)) return true;
    return false;
}

static const char *list_candidates(Compile *s, const Ast *tune)
{
    const Ast *values = KID(tune, Tune, values);
    Sb list = base_sb(s->arena);
    for (uint32_t i = 0; i < values->count; i++)
        base_sb_printf(&list, "%s%s", i ? ", " : "",
                       diag_text(s->arena, s->diags, values->kid[i]->span));
    return base_sb_text(&list);
}

static const char *list_elems(Compile *s, const Symbol *generic)
{
    Sb list = base_sb(s->arena);
    for (int e = ELEM_NONE + 1; e < ELEM_COUNT; e++)
        if (sema_admits(generic, (Elem)e))
            base_sb_printf(&list, "%s%s", list.len ? ", " : "", vocab_elem((Elem)e)->text);
    return base_sb_text(&list);
}

/* An index has any number, not only those that are candidates. */
static bool fits_tune(Compile *s, const Symbol *tune, const LowerDefine *d)
{
    int64_t number;
    bool is_index = tune->type->kind == TYPE_SCALAR && tune->type->elem == ELEM_INDEX;
    return (is_index && parse_number(d->text, &number)) ||
           lower_candidate(s->arena, s->program, tune->decl, d->text) >= 0;
}

static const char *refuse(Compile *s, const Symbol *symbol, const LowerDefine *d)
{
    int64_t number;
    const char *what = symbol->kind == SYMBOL_SIZE ? "a number, not negative" : "a number";
    if (symbol->kind == SYMBOL_GENERIC_TYPE) {
        if (d->elem != ELEM_NONE && sema_admits(symbol, d->elem)) return NULL;
        return base_format(s->arena, "`%s` is one of %s", d->name, list_elems(s, symbol));
    }
    if (symbol->kind == SYMBOL_TUNE) {
        if (fits_tune(s, symbol, d)) return NULL;
        return base_format(s->arena, "`%s` is one of %s", d->name,
                           list_candidates(s, symbol->decl));
    }
    if (parse_number(d->text, &number) && (number >= 0 || symbol->kind != SYMBOL_SIZE)) return NULL;
    return base_format(s->arena, "`%s` is %s", d->name, what);
}

const char *compile_refuse_define(Compile *s, const LowerDefine *define)
{
    uint32_t at = 0;
    for (const Symbol *k; (k = compile_next_kernel(s, &at, false));) {
        const Symbol *symbol = find_named(k->decl, define->name);
        const char *why = symbol ? refuse(s, symbol, define) : NULL;
        if (why) return why;
    }
    return NULL;
}

/* ---- what must be given --------------------------------------------------------------------- */

static bool is_given(const CompileOptions *o, const Name *name)
{
    for (int i = 0; i < o->define_count; i++)
        if (strcmp(o->defines[i].name, name->text) == 0) return true;
    return false;
}

bool compile_is_complete(const CompileOptions *o, const Symbol *kernel)
{
    const Ast *generics = KID(kernel->decl, Kernel, generics);
    for (uint32_t i = 0; i < generics->count; i++)
        if (o->every_kernel || !is_given(o, generics->kid[i]->name)) return false;
    return true;
}

/* A type for an example: the first of these that the bound admits. */
static const char *example(const Symbol *generic)
{
    static const Elem likely[] = {ELEM_F16, ELEM_I32, ELEM_U32};
    if (generic->kind != SYMBOL_GENERIC_TYPE) return "64";
    for (size_t i = 0; i < BASE_LEN(likely); i++)
        if (sema_admits(generic, likely[i])) return vocab_elem(likely[i])->text;
    return "bool";
}

void compile_example(const CompileOptions *o, const Symbol *kernel, Sb *out)
{
    const Ast *generics = KID(kernel->decl, Kernel, generics);
    for (uint32_t i = 0; i < generics->count; i++) {
        const Symbol *generic = generics->kid[i]->symbol;
        if (!can_be_given(generic) || is_given(o, generic->name)) continue;
        const char *text =
            base_format(out->arena, " -D %s=%s", generic->name->text, example(generic));
        if (!strstr(base_sb_text(out), text)) base_sb_str(out, text);
    }
}

static void describe_generic(Compile *s, const CompileOptions *o, const Symbol *kernel, Sb *out)
{
    const Ast *generics = KID(kernel->decl, Kernel, generics);
    Sb wanted = base_sb(s->arena);
    base_sb_printf(out, "%s%s[", out->len ? ", " : "", kernel->name->text);
    for (uint32_t i = 0; i < generics->count; i++)
        base_sb_printf(out, "%s%s", i ? ", " : "",
                       diag_text(s->arena, s->diags, generics->kid[i]->span));
    compile_example(o, kernel, &wanted);
    base_sb_char(out, ']');
    if (wanted.len) base_sb_printf(out, " (%s)", base_sb_text(&wanted) + 1);
}

const char *compile_left_out(Compile *s, const CompileOptions *o)
{
    Sb list = base_sb(s->arena);
    uint32_t at = 0;
    bool only_public = compile_has_public(s);
    for (const Symbol *k; (k = compile_next_kernel(s, &at, only_public));)
        if (!compile_is_complete(o, k)) describe_generic(s, o, k, &list);
    return base_sb_text(&list);
}
