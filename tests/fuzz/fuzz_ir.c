/* Any bytes as kernel IR: the reader neither crashes nor hangs nor leaks; what it reads prints to
 * text that reads back to the same text; and of what the verifier accepts, each expression goes
 * through the simplifier. */
#include <stdio.h>
#include <stdlib.h>

#include "ir/build.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition, const char *what)
{
    if (condition) return;
    fprintf(stderr, "fuzz_ir: %s\n", what);
    abort();
}

static char *text_of(Arena *arena, const IrKernel *kernel)
{
    Sb sb = base_sb(arena);
    ir_print(kernel, &sb);
    return base_sb_text(&sb);
}

static void check_text(Arena *arena, Interner *names, const IrKernel *kernel)
{
    const char *error = NULL, *once = text_of(arena, kernel);
    IrKernel *again = ir_read(arena, names, NULL, once, strlen(once), &error);
    if (!again) fprintf(stderr, "%s\n%s", error, once);
    require(again != NULL, "what was printed does not read");
    const char *twice = text_of(arena, again);
    if (strcmp(once, twice) != 0) fprintf(stderr, "%s\n%s", once, twice);
    require(strcmp(once, twice) == 0, "printed, read and printed again differs");
}

static const IrExpr *simplified(IrKernel *k, const IrExpr *e, int depth)
{
    const IrExpr *args[16];
    if (e->count > 16 || depth == 0) return e;
    for (uint32_t i = 0; i < e->count; i++) args[i] = simplified(k, e->args[i], depth - 1);
    return ir_rebuild(k, e, args);
}

static bool simplify_stmt(void *user, IrStmt *s)
{
    for (int i = 0; i < s->count; i++) {
        s->args[i] = simplified(user, s->args[i], 8);
        ir_multiple(s->args[i]);
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    Escape escape = {0};
    if (setjmp(escape.env)) {
        require(false, escape.message);
        return 0;
    }
    Arena *arena = base_arena_create(&escape);
    Interner *names = base_interner_create(arena);
    const char *error = NULL;
    IrKernel *kernel = ir_read(arena, names, NULL, (const char *)data, size, &error);
    require((kernel == NULL) == (error != NULL), "no kernel and no error, or both");
    if (kernel) {
        check_text(arena, names, kernel);
        if (!ir_verify(kernel)) {
            ir_walk(kernel->body, simplify_stmt, kernel);
            check_text(arena, names, kernel);
        }
    }
    base_arena_destroy(arena);
    return 0;
}
