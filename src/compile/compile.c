/* Sessions, loading, kernels, mappings. */
#include "compile/compile.h"

#include "compile/internal.h"

#include <errno.h>
#include <stdlib.h>

/* Every public call runs its work inside `compile_guarded`, where escapes land; outside it they
 * land where the caller says. */
CompileStatus compile_guarded(Compile *s, CompileStatus (*work)(Compile *, void *), void *data)
{
    jmp_buf outer;
    CompileStatus status;
    memcpy(outer, s->escape.env, sizeof outer);
    s->escape.kind = ESCAPE_NONE;
    s->escape.pass = NULL;
    if (setjmp(s->escape.env) == 0) {
        status = work(s, data);
    } else if (s->escape.kind == ESCAPE_MEMORY) {
        s->message = "out of memory";
        status = COMPILE_MEMORY;
    } else {
        s->message = s->escape.message;
        status = COMPILE_INTERNAL;
    }
    memcpy(s->escape.env, outer, sizeof outer);
    return status;
}

static CompileStatus start(Compile *s, void *data)
{
    (void)data;
    s->arena = base_arena_create(&s->escape);
    s->interner = base_interner_create(s->arena);
    s->diags = diag_create(s->arena);
    return COMPILE_OK;
}

Compile *compile_create(void)
{
    Compile *s = calloc(1, sizeof *s);
    if (s && compile_guarded(s, start, NULL) != COMPILE_OK) {
        compile_destroy(s);
        return NULL;
    }
    return s;
}

void compile_destroy(Compile *s)
{
    if (!s) return;
    base_arena_destroy(s->scratch);
    base_arena_destroy(s->arena);
    free(s);
}

/* ---- loading ----------------------------------------------------------------------------------
 */

typedef struct Load {
    const char *path, *text;
    size_t len;
    char *formatted;
} Load;

static CompileStatus read_source(Compile *s, Load *load, Source **source)
{
    char *text = NULL;
    if (load->text) {
        text = base_strndup(s->arena, load->text, load->len);
    } else {
        int error =
            base_file_read_most(s->arena, load->path, SYNTAX_MAX_BYTES + 1, &text, &load->len);
        if (error) {
            s->message = base_format(s->arena, "cannot read %s: %s", load->path, strerror(error));
            return COMPILE_IO;
        }
    }
    *source = diag_add_source(s->diags, strcmp(load->path, "-") == 0 ? "<stdin>" : load->path, text,
                              load->len);
    if (*source) return COMPILE_OK;
    s->message = base_format(s->arena, "cannot read %s: %s", load->path, strerror(EFBIG));
    return COMPILE_IO;
}

static CompileStatus load_work(Compile *s, void *data)
{
    Source *source;
    CompileStatus status = read_source(s, data, &source);
    if (status != COMPILE_OK) return status;
    s->program = sema_check(s->arena, s->interner, s->diags, source, compile_library, NULL);
    return s->diags->errors ? COMPILE_WRONG : COMPILE_OK;
}

CompileStatus compile_load(Compile *s, const char *path, const char *text, size_t len)
{
    Load load = {path, text, len, NULL};
    return compile_guarded(s, load_work, &load);
}

static CompileStatus format_work(Compile *s, void *data)
{
    Load *load = data;
    Source *source;
    CompileStatus status = read_source(s, load, &source);
    if (status != COMPILE_OK) return status;
    syntax_parse(s->arena, s->interner, s->diags, source);
    if (s->diags->errors) return COMPILE_WRONG;
    load->formatted = syntax_format(s->arena, s->interner, source);
    return COMPILE_OK;
}

CompileStatus compile_format(Compile *s, const char *path, const char *text, size_t len,
                             char **formatted)
{
    Load load = {path, text, len, NULL};
    CompileStatus status = compile_guarded(s, format_work, &load);
    *formatted = load.formatted;
    return status;
}

/* ---- kernels ----------------------------------------------------------------------------------
 */

const Symbol *compile_next_kernel(const Compile *s, uint32_t *at, bool only_public)
{
    const Ast *items = KID(s->program->main->file, File, items);
    while (*at < items->count) {
        const Ast *item = items->kid[(*at)++];
        if (item->kind != AST_Kernel || !item->symbol) continue;
        if (!only_public || (item->flags & AST_PUB)) return item->symbol;
    }
    return NULL;
}

bool compile_has_public(const Compile *s)
{
    uint32_t at = 0;
    return compile_next_kernel(s, &at, true) != NULL;
}

int compile_kernel_count(const Compile *s)
{
    bool only = compile_has_public(s);
    int count = 0;
    for (uint32_t at = 0; compile_next_kernel(s, &at, only);) count++;
    return count;
}

const Symbol *compile_kernel(const Compile *s, int index)
{
    bool only = compile_has_public(s);
    uint32_t at = 0;
    const Symbol *kernel = NULL;
    for (int i = 0; i <= index; i++) kernel = compile_next_kernel(s, &at, only);
    return kernel;
}

const Symbol *compile_find_kernel(const Compile *s, const char *name)
{
    uint32_t at = 0;
    for (const Symbol *k; (k = compile_next_kernel(s, &at, false));)
        if (strcmp(k->name->text, name) == 0) return k;
    return NULL;
}

/* ---- mappings
 * ------------------------------------------------------------------------------------ */

typedef struct MapRequest {
    const char *name;
    int rank;
    const int64_t *shape;
    int64_t workers;
    const Mapping *mapping;
} MapRequest;

static CompileStatus mapping_work(Compile *s, void *data)
{
    MapRequest *r = data;
    const Ast *items = KID(s->program->main->file, File, items);
    for (uint32_t i = 0; i < items->count; i++) {
        const Ast *item = items->kid[i];
        if (item->kind != AST_MappingDecl || strcmp(item->name->text, r->name) != 0) continue;
        int64_t shape[MAPPING_MAX_RANK];
        const Ast *declared = KID(item, MappingDecl, shape);
        int rank = r->rank;
        if (rank) memcpy(shape, r->shape, (size_t)rank * sizeof *shape);
        if (!rank && declared)
            for (; rank < (int)declared->count; rank++) shape[rank] = declared->kid[rank]->value.i;
        r->mapping = lower_mapping_expr(s->arena, s->program, KID(item, MappingDecl, value), rank,
                                        rank ? shape : NULL, r->workers);
    }
    if (!r->mapping && !s->diags->errors)
        diag_report(s->diags, DIAG_NO_SUCH_MAPPING, s->program->main->file->span, r->name);
    return s->diags->errors ? COMPILE_WRONG : COMPILE_OK;
}

const Mapping *compile_mapping(Compile *s, const char *name, int rank, const int64_t *shape,
                               int64_t workers, CompileStatus *status)
{
    MapRequest request = {name, rank, shape, workers, NULL};
    *status = compile_guarded(s, mapping_work, &request);
    return *status == COMPILE_OK ? request.mapping : NULL;
}
