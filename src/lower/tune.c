/* The tune space of a kernel: its points, what `-D` fixes, the values of one point. */
#include "lower/internal.h"

#include <ctype.h>

static const Ast *tunes_of(const Symbol *kernel)
{
    return KID(kernel->decl, Kernel, tunes);
}

const LowerDefine *lower_find_define(const LowerOptions *options, const Name *name)
{
    for (int i = 0; i < options->define_count; i++)
        if (strcmp(options->defines[i].name, name->text) == 0) return &options->defines[i];
    return NULL;
}

/* ---- points --------------------------------------------------------------------------------- */

LowerPoint lower_first_point(Arena *arena, const Symbol *kernel)
{
    int count = (int)tunes_of(kernel)->count;
    return (LowerPoint){count, NEW_ARRAY(arena, int, (size_t)count + 1)};
}

bool lower_next_point(const Symbol *kernel, const LowerOptions *options, LowerPoint *point)
{
    const Ast *tunes = tunes_of(kernel);
    for (int i = point->count - 1; i >= 0; i--) {
        const Ast *tune = tunes->kid[i];
        if (tune->kind != AST_Tune || lower_find_define(options, tune->name)) continue;
        if (++point->choice[i] < (int)KID(tune, Tune, values)->count) return true;
        point->choice[i] = 0;
    }
    return false;
}

/* ---- candidates by their text --------------------------------------------------------------- */

static bool same_text(const char *a, const char *b)
{
    for (;; a++, b++) {
        while (isspace((unsigned char)*a)) a++;
        while (isspace((unsigned char)*b)) b++;
        if (*a != *b) return false;
        if (!*a) return true;
    }
}

/* `rows(bm, bn)` begins with `rows`. */
static bool begins_with_name(const char *candidate, const char *name)
{
    size_t len = 0;
    while (isalnum((unsigned char)candidate[len]) || candidate[len] == '_') len++;
    return isalpha((unsigned char)*name) && strlen(name) == len &&
           strncmp(candidate, name, len) == 0;
}

int lower_candidate(Arena *arena, const Program *program, const Ast *tune, const char *text)
{
    const Ast *values = KID(tune, Tune, values);
    int named = -1, count = 0;
    for (uint32_t i = 0; i < values->count; i++) {
        const char *candidate = diag_text(arena, program->diags, values->kid[i]->span);
        if (same_text(candidate, text)) return (int)i;
        if (!begins_with_name(candidate, text)) continue;
        named = (int)i;
        count++;
    }
    return count == 1 ? named : -1;
}

/* ---- a point's values ----------------------------------------------------------------------- */

static Value tune_value(Lower *l, const Ast *tune, int choice)
{
    const LowerDefine *define = lower_find_define(l->options, tune->name);
    if (define && define->value) return lower_value(l, define->value);
    if (define)
        choice = define->text ? lower_candidate(l->arena, l->program, tune, define->text) : -1;
    return choice >= 0 ? lower_value(l, KID(tune, Tune, values)->kid[choice])
                       : value_expr(ir_index(l->k, define->number));
}

void lower_tunes(Lower *l, const Ast *decl, const LowerPoint *point)
{
    const Ast *tunes = KID(decl, Kernel, tunes);
    Sb label = base_sb(l->arena);
    for (uint32_t i = 0; i < tunes->count; i++) {
        const Ast *tune = tunes->kid[i];
        if (tune->kind != AST_Tune || !tune->symbol) continue;
        Value value = tune_value(l, tune, point->choice[i]);
        if (value.kind == VALUE_EXPR && !ir_is_const(value.expr)) {
            lower_error(l, NOT_CONSTANT, KID(tune, Tune, values)->kid[point->choice[i]]->span);
            value = value_poison();
        }
        lower_bind(l, tune->symbol, value);
        const char *text = value.kind == VALUE_EXPR      ? scalar_text(l->arena, value.expr->value)
                           : value.kind == VALUE_MAPPING ? lower_mapping_text(l, value.mapping)
                                                         : "?";
        base_sb_printf(&label, "%s%s=%s", label.len ? "," : "", tune->name->text, text);
    }
    l->k->instance = base_sb_text(&label);
}
