/* One variant of a kernel: lowered, with the swizzles that cost least, and through all passes. */
#include "compile/internal.h"

/* What a multiprocessor has (CUDA C++ Programming Guide, "Compute Capabilities"), by architecture;
 * those that are not named are like the last. */
typedef struct Multiprocessor {
    int arch;
    int shared_kib, reserved_kib; /* that a block may use, and that it takes beside */
    int threads;
} Multiprocessor;

static Multiprocessor multiprocessor(int arch)
{
    static const Multiprocessor known[] = {
        {75, 64, 0, 1024},   {80, 163, 1, 2048},  {87, 163, 1, 1536}, {90, 227, 1, 2048},
        {100, 227, 1, 2048}, {103, 227, 1, 2048}, {0, 99, 1, 1536}};
    size_t i = 0;
    while (known[i].arch && known[i].arch != arch) i++;
    return known[i];
}

int compile_shared_limit(int arch)
{
    return multiprocessor(arch).shared_kib * 1024;
}

LowerStatus compile_lower(Compile *s, const CompileVariant *v, const CompileSwizzles *swizzles,
                          IrKernel **out)
{
    const CompileOptions *o = v->options;
    Multiprocessor machine = multiprocessor(o->arch);
    LowerOptions lower = {.cpu = v->cpu,
                          .check = o->check,
                          .arch = v->cpu ? 0 : o->arch,
                          .alignment = v->cpu ? 0 : v->alignment,
                          .shared_limit = v->cpu ? 0 : machine.shared_kib * 1024,
                          .shared_reserved = machine.reserved_kib * 1024,
                          .threads_limit = machine.threads,
                          .swizzle_bytes = swizzles->bytes,
                          .swizzle_count = swizzles->count,
                          .define_count = o->define_count,
                          .defines = o->defines};
    s->escape.pass = "lower";
    LowerStatus status = lower_kernel(v->arena, s->program, v->kernel, &lower, v->point, out);
    s->escape.pass = NULL;
    return status;
}

static bool run_passes(Compile *s, const CompileVariant *v, IrKernel *kernel)
{
    const CompileOptions *o = v->options;
    PassOptions pass = {.target = v->cpu ? PASS_FOR_CPU : PASS_FOR_CUDA,
                        .arch = v->cpu ? 0 : o->arch,
                        .check = o->check,
                        .shuffle_threads = o->shuffle_threads,
                        .verify = o->verify,
                        .performance = o->performance && !v->cpu && v->alignment == COMPILE_ALIGNED,
                        .accesses = o->accesses,
                        .index_bits = v->index_bits,
                        .alignment = v->alignment,
                        .print_after = o->print_after,
                        .stop_after = o->stop_after,
                        .print_to = o->print_to,
                        .seconds = o->seconds};
    return pass_run(kernel, s->diags, &pass);
}

/* ---- the width of the index ------------------------------------------------------------------ */

/* May its value lie outside of 32 bits? */
static bool is_large(const IrExpr *e)
{
    return e->lo < INT32_MIN || e->hi > INT32_MAX;
}

static bool is_large_product(void *user, const IrExpr *e)
{
    (void)user;
    return (e->op == IR_MUL || e->op == IR_SHL) && e->type.elem == ELEM_INDEX && is_large(e);
}

static bool is_variable(void *user, const IrExpr *e)
{
    return e->op == IR_VAR && e->var == user;
}

/* Index arithmetic on sizes and coordinates is bounded by the guards of a narrow variant. These
 * values are not: what comes from wide types, products that leave for them, and counts of bits. */
static bool needs_wide(void *user, const IrExpr *e)
{
    const IrExpr *a = e->count ? e->args[0] : NULL;
    Elem elem = e->type.elem, from = a ? a->type.elem : elem;
    if (elem != ELEM_INDEX)
        return e->op == IR_CAST && from == ELEM_INDEX &&
               (vocab_elem_is_float(elem) || vocab_elem(elem)->bits == 64) &&
               ir_any(a, is_large_product, user);
    if (e->op == IR_POPCOUNT || e->op == IR_CLZ || e->op == IR_CTZ || e->op == IR_MULHI)
        return true;
    if (e->op == IR_CONST) return is_large(e);
    return e->op == IR_CAST &&
           (vocab_elem_is_float(from) || from == ELEM_U32 || vocab_elem(from)->bits == 64) &&
           is_large(e);
}

static bool statement_needs_wide(void *user, IrStmt *s)
{
    bool *found = user;
    for (int i = 0; i < s->count; i++) {
        if (!s->args[i]) continue;
        *found |= ir_any(s->args[i], needs_wide, NULL);
        *found |= s->kind == IR_STMT_SET && s->var->type.elem == ELEM_INDEX &&
                  ir_any(s->args[i], is_large_product, NULL) &&
                  ir_any(s->args[i], is_variable, s->var);
    }
    return !*found;
}

bool compile_needs_wide(const IrKernel *kernel)
{
    bool found = false;
    ir_walk(kernel->body, statement_needs_wide, &found);
    return found;
}

/* ---- swizzles -------------------------------------------------------------------------------- */

/* What the accesses would come to if all swizzles kept `bytes` together; false if that is wrong. */
static bool try_swizzles(Compile *s, const CompileVariant *v, int bytes, int count, int64_t *cost)
{
    size_t before = s->diags->list.len;
    CompileOptions quiet = *v->options;
    quiet.performance = false;
    quiet.print_after = NULL;
    CompileVariant tried = *v;
    tried.options = &quiet;
    CompileSwizzles swizzles = {.count = count};
    for (int i = 0; i < count; i++) swizzles.bytes[i] = bytes;
    IrKernel *k;
    bool ok = compile_lower(s, &tried, &swizzles, &k) == LOWER_OK && run_passes(s, &tried, k);
    if (ok) pass_swizzle_cost(k, cost, count);
    diag_forget(s->diags, before);
    return ok;
}

static int count_chosen(const IrKernel *k)
{
    int count = 0, most = (int)BASE_LEN(((CompileSwizzles *)NULL)->bytes);
    for (size_t i = 0; i < k->tensors.len; i++) {
        const IrTensor *t = k->tensors.data[i];
        if (t->space == IR_SHARED && t->layout && t->layout->chosen > count)
            count = t->layout->chosen;
    }
    return count < most ? count : most;
}

/* Where 16 bytes, which vectors and matrix instructions want, leave conflicts, smaller units may be
 * better. True if *swizzles is to be tried on the kernel made again. */
static bool choose_swizzles(Compile *s, const CompileVariant *v, IrKernel *k,
                            CompileSwizzles *swizzles)
{
    int64_t least[BASE_LEN(swizzles->bytes)] = {0};
    int count = v->options->stop_after ? 0 : count_chosen(k);
    if (count == 0 || !pass_swizzle_cost(k, least, count)) return false;
    bool changed = false;
    *swizzles = (CompileSwizzles){.count = count};
    for (int bytes = 8; bytes >= 4; bytes /= 2) {
        int64_t cost[BASE_LEN(swizzles->bytes)] = {0};
        if (!try_swizzles(s, v, bytes, count, cost)) continue;
        for (int i = 0; i < count; i++) {
            if (cost[i] < 0 || cost[i] >= least[i]) continue;
            least[i] = cost[i];
            swizzles->bytes[i] = bytes;
            changed = true;
        }
    }
    return changed;
}

LowerStatus compile_variant(Compile *s, const CompileVariant *v, CompileSwizzles *swizzles,
                            IrKernel **k)
{
    PassAccesses *accesses = v->options->accesses;
    size_t before = s->diags->list.len, rows = accesses ? accesses->list.len : 0;
    for (;;) {
        LowerStatus status = compile_lower(s, v, swizzles, k);
        if (status != LOWER_OK) return status;
        if (!run_passes(s, v, *k)) return LOWER_ERROR;
        bool first = !v->cpu && v->alignment == COMPILE_ALIGNED && swizzles->count == 0;
        if (!first || !choose_swizzles(s, v, *k, swizzles)) return LOWER_OK;
        diag_forget(s->diags, before);
        if (accesses) accesses->list.len = rows;
    }
}
