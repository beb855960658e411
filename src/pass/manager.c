/* The pass manager: runs the rows of passes.def for one target, in order. */
#include "pass/internal.h"

#include <time.h>

typedef struct PassRow {
    const char *name;
    PassTarget target;
    bool (*run)(PassContext *ctx);
} PassRow;

static const PassRow rows[] = {
#define PASS(id, name, target, function, requires, ensures) {name, PASS_FOR_##target, function},
#include "pass/passes.def"
#undef PASS
};

int pass_count(void)
{
    return (int)BASE_LEN(rows);
}
const char *pass_name(int index)
{
    return rows[index].name;
}
PassTarget pass_target(int index)
{
    return rows[index].target;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static bool named(const char *wanted, const char *name)
{
    return wanted && strcmp(wanted, name) == 0;
}

static bool run_row(PassContext *ctx, int index)
{
    const PassRow *row = &rows[index];
    const PassOptions *o = ctx->options;
    Escape *escape = base_arena_escape(ctx->k->arena);
    escape->pass = row->name;
    double start = now();
    bool ok = row->run(ctx);
    if (o->seconds) o->seconds[index] += now() - start;
    const char *broken = ok && o->verify ? ir_verify(ctx->k) : NULL;
    if (broken) base_internal(escape, "after pass %s: %s", row->name, broken);
    if (ok && o->print_to && (named(o->print_after, row->name) || named(o->print_after, "all"))) {
        base_sb_printf(o->print_to, "// after %s\n", row->name);
        ir_print(ctx->k, o->print_to);
    }
    escape->pass = NULL;
    return ok;
}

bool pass_run(IrKernel *kernel, Diags *diags, const PassOptions *options)
{
    PassContext ctx = {kernel, diags, options, base_map(kernel->arena)};
    for (int i = 0; i < pass_count(); i++) {
        if (rows[i].target != PASS_FOR_ALL && rows[i].target != options->target) continue;
        if (!run_row(&ctx, i)) return false;
        if (named(options->stop_after, rows[i].name)) break;
    }
    return true;
}

bool pass_run_one(IrKernel *kernel, Diags *diags, const PassOptions *options, const char *name)
{
    PassContext ctx = {kernel, diags, options, base_map(kernel->arena)};
    for (int i = 0; i < pass_count(); i++)
        if (named(name, rows[i].name)) return run_row(&ctx, i);
    return false;
}
