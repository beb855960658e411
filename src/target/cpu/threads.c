/* Kernels whose threads are coroutines: those that wait for one another at barriers with arrivals.
 * A variant becomes a function for one thread, and the one that the module's table names, which
 * runs the threads of each block (threads.h). */
#include "target/cpu/cpu.h"
#include "target/shared.h"

enum { STACK = 48 << 10 }; /* bytes, beyond a thread's own arrays: for prints, and spilled values */

static void put(CWriter *w, const char *text)
{
    base_sb_str(w->out, text);
}

/* ---- statements ------------------------------------------------------------------------------ */

static void barrier(Cpu *cpu, const IrStmt *s)
{
    CWriter *w = &cpu->w;
    long long n = (long long)s->imm, first = (long long)cpu->role_begin;
    if (s->scope == IR_SCOPE_CLUSTER)
        cfamily_line(w, "hd_threads_cluster_sync(hd_t);");
    else if (s->scope == IR_SCOPE_GRID)
        cfamily_line(w, "hd_threads_grid_sync(hd_t);");
    else if (s->scope == IR_SCOPE_WARP)
        cfamily_line(w, "hd_threads_sync(hd_t, thread / 32 * 32, 32);");
    else if (s->scope == IR_SCOPE_BLOCK || n >= cpu->kernel->block_size)
        cfamily_line(w, "hd_threads_sync(hd_t, 0, %lld);", (long long)cpu->kernel->block_size);
    else if (s->imm2 >= 0)
        cfamily_line(w, "hd_threads_sync(hd_t, %lld, %lld);", (long long)s->imm2, n);
    else
        cfamily_line(w, "hd_threads_sync(hd_t, %lld + (thread - %lld) / %lld * %lld, %lld);", first,
                     first, n, n, n);
}

static void open_result(CWriter *w, const IrStmt *s)
{
    cfamily_open(w);
    put(w, s->var->mutable ? "" : "const ");
    cfamily_type(w, s->var->type);
    base_sb_printf(w->out, " %s = ", w->var_names[s->var->id]);
}

static void shuffle(CWriter *w, const IrStmt *s)
{
    put(w, "({ const ");
    cfamily_type(w, s->args[0]->type);
    put(w, " hd_own = ");
    cfamily_expr(w, s->args[0], C_ANY);
    put(w, s->builtin == BUILTIN_SHUFFLE        ? "; const int64_t hd_lane = 31 & "
           : s->builtin == BUILTIN_SHUFFLE_XOR  ? "; const int64_t hd_lane = thread % 32 ^ "
           : s->builtin == BUILTIN_SHUFFLE_DOWN ? "; const int64_t hd_lane = thread % 32 + "
                                                : "; const int64_t hd_lane = thread % 32 - ");
    cfamily_expr(w, s->args[1], C_POSTFIX);
    put(w, "; const ");
    cfamily_type(w, s->args[0]->type);
    put(w, " *hd_all = hd_threads_meet(hd_t, &hd_own, sizeof hd_own); "
           "hd_all[hd_threads_lane(hd_t, hd_lane)]; })");
}

/* A checked kernel compares the values of each warp. */
static void uniform(CWriter *w, const IrStmt *s)
{
    Cpu *cpu = w->user;
    if (!cpu->check || s->imm % 32) {
        cfamily_expr(w, s->args[0], C_ANY);
        return;
    }
    int site =
        target_site(w->kernel->arena, cpu->instance, w->kernel, s->origin, IR_UNIFORM_DIFFERS);
    put(w, "({ const ");
    cfamily_type(w, s->args[0]->type);
    put(w, " hd_own = ");
    cfamily_expr(w, s->args[0], C_ANY);
    put(w, "; const ");
    cfamily_type(w, s->args[0]->type);
    base_sb_printf(w->out,
                   " *hd_all = hd_threads_meet(hd_t, &hd_own, sizeof hd_own); "
                   "if (hd_all[0] != hd_own && hd_own == hd_own) "
                   "{ hd_trap(args->trap, %d, thread, thread / 32 * 32, 0, 0); goto hd_stop; } "
                   "hd_own; })",
                   site);
}

static void collective(CWriter *w, const IrStmt *s)
{
    static const char *const votes[BUILTIN_COUNT] = {
        [BUILTIN_VOTE_ANY] = "hd_threads_any(hd_t, ",
        [BUILTIN_VOTE_ALL] = "hd_threads_all(hd_t, ",
        [BUILTIN_BALLOT] = "hd_threads_ballot(hd_t, ",
    };
    open_result(w, s);
    if (s->builtin == BUILTIN_UNIFORM) {
        uniform(w, s);
    } else if (votes[s->builtin]) {
        put(w, votes[s->builtin]);
        cfamily_expr(w, s->args[0], C_ANY);
        put(w, ")");
    } else {
        shuffle(w, s);
    }
    cfamily_close(w, ";");
}

static void role(Cpu *cpu, const IrStmt *s)
{
    CWriter *w = &cpu->w;
    int64_t begin = cpu->role_begin;
    cfamily_line(w, "if (thread >= %lld && thread < %lld) {", (long long)s->imm,
                 (long long)(s->imm + s->imm2));
    cpu->role_begin = s->imm;
    ++w->depth;
    cfamily_block(w, s->body);
    --w->depth;
    cpu->role_begin = begin;
    cfamily_line(w, "}");
}

/* A barrier of the hardware is one whose phases nobody counts. */
static void mbarrier(Cpu *cpu, const IrStmt *s)
{
    CWriter *w = &cpu->w;
    const char *name = s->tensor->name->text;
    bool wait = s->builtin == BUILTIN_MBARRIER_WAIT, sync = s->builtin == BUILTIN_BARRIER_SYNC;
    int count = cfamily_index_count(s->tensor, s->flags);
    const char *text = sync   ? "thread {0} waits for ever at a barrier of `%s`: {1} threads have "
                                "not arrived"
                       : wait ? "thread {0} waits for ever at an mbarrier of `%s`: its phase lacks "
                                "{1} arrivals and {2} bytes"
                              : "thread {0} arrives at an mbarrier of `%s` after all that its "
                                "phase expects";
    cfamily_open(w);
    base_sb_printf(w->out, "hd_mbarrier_%s(hd_t, &", sync ? "sync" : wait ? "wait" : "expect");
    cfamily_element(w, s->tensor, cfamily_offset(w, s->tensor, s->flags, s->args));
    put(w, ", ");
    if (count < s->count)
        cfamily_expr(w, s->args[count], C_ANY);
    else
        put(w, "0");
    base_sb_printf(w->out, ", %d",
                   target_site(w->kernel->arena, cpu->instance, w->kernel, s->origin,
                               base_format(w->kernel->arena, text, name)));
    cfamily_close(w, ");");
}

static void list(CWriter *w, const char *name, int rank, const IrExpr *const *values)
{
    base_sb_printf(w->out, ", .%s = {", name);
    for (int d = 0; d < rank; ++d) {
        if (d) put(w, ", ");
        cfamily_expr(w, values[d], C_ANY);
    }
    put(w, "}");
}

static void address(CWriter *w, const char *name, const IrExpr *load)
{
    base_sb_printf(w->out, ", .%s = (char *)&", name);
    cfamily_element(w, load->tensor, cfamily_offset(w, load->tensor, load->flags, load->args));
}

static void strides_of(IrKernel *k, const IrTensor *t, const IrExpr **strides)
{
    const IrExpr *place = ir_index(k, 1);
    for (int d = t->rank - 1; d >= 0; --d) {
        strides[d] = t->strides ? t->strides[d] : place;
        place = ir_binary(k, IR_MUL, place, t->extents[d]);
    }
}

static void check_mask(Cpu *cpu, const IrStmt *s, const IrExpr *mask)
{
    CWriter *w = &cpu->w;
    const IrKernel *k = cpu->kernel;
    if (mask->lo >= 0 && mask->hi < (int64_t)1 << k->cluster) return;
    cfamily_open(w);
    put(w, "if ((uint64_t)");
    cfamily_expr(w, mask, C_UNARY);
    base_sb_printf(w->out, " >> %lld) hd_threads_trap(hd_t, %d, thread, ", (long long)k->cluster,
                   target_site(w->kernel->arena, cpu->instance, k, s->origin,
                               "the mask {1} of thread {0} names blocks that the cluster of {2} "
                               "does not have"));
    cfamily_expr(w, mask, C_SELECT);
    base_sb_printf(w->out, ", %lld", (long long)k->cluster);
    cfamily_close(w, ");");
}

/* tma.load and tma.store: what is to be copied, for later. */
static void bulk(Cpu *cpu, const IrStmt *s)
{
    CWriter *w = &cpu->w;
    IrKernel *k = w->kernel;
    const IrTensor *t = s->tensor;
    const IrExpr *strides[MAPPING_MAX_RANK];
    const IrExpr *mask = ir_bulk_mask(s);
    if (mask) check_mask(cpu, s, mask);
    strides_of(k, t, strides);
    cfamily_open(w);
    base_sb_printf(w->out,
                   "hd_bulk(hd_t, &(HdBulk){.load = %s, .rank = %d, .bytes = %d, .swizzle = %d",
                   s->builtin == BUILTIN_TMA_LOAD ? "true" : "false", t->rank,
                   vocab_elem_bytes(t->elem), (int)s->imm);
    base_sb_printf(w->out, ", .tensor = args->tensors[%d]", t->param);
    list(w, "extents", t->rank, (const IrExpr *const *)t->extents);
    list(w, "strides", t->rank, strides);
    list(w, "at", t->rank, s->args);
    list(w, "box", t->rank, s->args + t->rank);
    address(w, "tile", s->args[2 * t->rank]);
    if (s->builtin == BUILTIN_TMA_LOAD) address(w, "mbarrier", s->args[2 * t->rank + 1]);
    if (mask) list(w, "blocks", 1, &mask);
    base_sb_printf(w->out, ", .site = %d",
                   target_site(k->arena, cpu->instance, k, s->origin,
                               "the copy that thread {0} has asked for is still under way where "
                               "the block ends: nothing has waited for it"));
    if (cpu->check)
        base_sb_printf(w->out, ", .line = %d, .race = %d", target_cpu_line(k, s->origin),
                       target_site(k->arena, cpu->instance, k, s->origin,
                                   base_format(k->arena,
                                               "threads {1} and {2} race for element {0} of the "
                                               "tile `%s`: nothing orders this copy after the "
                                               "access in line {3}",
                                               s->args[2 * t->rank]->tensor->name->text)));
    cfamily_close(w, "});");
}

static void await(CWriter *w, const IrStmt *s)
{
    cfamily_open(w);
    target_cpu_await(w, s);
    cfamily_close(w, "hd_threads_pause(hd_t);");
}

bool target_cpu_threads_stmt(CWriter *w, const IrStmt *s)
{
    Cpu *cpu = w->user;
    if (s->kind == IR_STMT_BARRIER)
        barrier(cpu, s);
    else if (s->kind == IR_STMT_COLLECTIVE)
        collective(w, s);
    else if (s->kind == IR_STMT_ROLE)
        role(cpu, s);
    else if (s->kind == IR_STMT_MBARRIER)
        mbarrier(cpu, s);
    else if (s->kind == IR_STMT_AWAIT)
        await(w, s);
    else if (s->kind == IR_STMT_BULK)
        bulk(cpu, s);
    else if (s->kind == IR_STMT_BULK_COMMIT)
        cfamily_line(w, "hd_bulk_commit(hd_t);");
    else if (s->kind == IR_STMT_BULK_WAIT)
        cfamily_line(w, "hd_bulk_wait(hd_t, %lld);", (long long)s->imm);
    else
        return false;
    return true;
}

/* ---- functions ------------------------------------------------------------------------------- */

static bool is_own(const IrTensor *t)
{
    return t->space == IR_PRIVATE || t->space == IR_TILE;
}

static int64_t own_bytes(const IrTensor *t)
{
    int64_t count = t->space == IR_TILE ? ir_tile_slots(t) : ir_tensor_size(t);
    return (count * vocab_elem(t->elem)->bits + 7) / 8;
}

/* Where each tensor of a thread is. */
static void tensors(Cpu *cpu, const bool *used, const IrExpr *const *at)
{
    CWriter *w = &cpu->w;
    for (size_t i = 0; i < cpu->kernel->tensors.len; ++i) {
        const IrTensor *t = cpu->kernel->tensors.data[i];
        const char *type = target_cpu_memory_type(w, t->elem), *name = w->tensor_names[i];
        if (!used[i] || t->of) continue;
        if (t->space == IR_TABLE)
            target_cpu_table(w, t);
        else if (t->space == IR_PARAM)
            cfamily_line(w, "%s%s *const %s = args->tensors[%d];", t->written ? "" : "const ", type,
                         name, t->param);
        else if (is_own(t))
            cfamily_line(w, "%s %s[%lld] __attribute__((aligned(64)));", type, name,
                         (long long)((own_bytes(t) + vocab_elem_bytes(t->elem) - 1) /
                                     vocab_elem_bytes(t->elem)));
        else
            cfamily_line(w, "%s *const %s = (%s *)(hd_memory + %s);", type, name, type,
                         target_cpu_expr_text(w, at[i]));
    }
}

static void thread_function(Cpu *cpu, const bool *used, const IrExpr *const *at)
{
    CWriter *w = &cpu->w;
    if (cpu->check) cfamily_line(w, "#define hd_watch (*(HdWatch *)hd_t->watch)");
    cfamily_line(w, "static void %s_thread(HdThreads *hd_t, int64_t hd_thread)", cpu->symbol);
    cfamily_line(w, "{");
    ++w->depth;
    cfamily_line(w, "typedef int%d_t hd_index;", w->index_bits);
    cfamily_line(w, "const HdCpuArgs *const args = hd_t->args;");
    cfamily_line(w, "const hd_index thread = (hd_index)(hd_thread %% hd_t->stride);");
    cfamily_line(w, "const int64_t hd_rank = hd_thread / hd_t->stride;");
    cfamily_line(w, "const int64_t hd_block = hd_t->block + hd_rank;");
    cfamily_line(w, "char *const hd_memory __attribute__((unused)) = "
                    "hd_t->memory + hd_rank * (int64_t)hd_t->shared;");
    target_cpu_sizes(cpu);
    target_cpu_coordinates(w);
    tensors(cpu, used, at);
    cfamily_block(w, cpu->kernel->body);
    --w->depth;
    if (cpu->check) {
        cfamily_line(w, "    return;");
        cfamily_line(w, "hd_stop: __attribute__((unused));");
        cfamily_line(w, "    hd_threads_stop(hd_t);");
    }
    cfamily_line(w, "}");
    if (cpu->check) cfamily_line(w, "#undef hd_watch");
    base_sb_char(w->out, '\n');
}

static void mbarriers(Cpu *cpu, const bool *used, const IrExpr *const *at)
{
    CWriter *w = &cpu->w;
    for (size_t i = 0; i < cpu->kernel->tensors.len; ++i) {
        const IrTensor *t = cpu->kernel->tensors.data[i];
        if (used[i] && t->arrivals && !t->of)
            cfamily_line(w, "hd_mbarrier_init(hd_t, (uint64_t)%s, %lld, %lld);",
                         target_cpu_expr_text(w, at[i]), (long long)ir_tensor_size(t),
                         (long long)t->arrivals);
    }
}

static void entry_function(Cpu *cpu, const bool *used, const IrExpr *const *at, const IrExpr *total,
                           int64_t own)
{
    CWriter *w = &cpu->w;
    const IrKernel *k = cpu->kernel;
    long long blocks = k->cluster ? (long long)k->cluster : 1;
    long long stack = (long long)((own + 4095) & -4096);
    cfamily_line(w, "static void %s(const HdCpuArgs *args, int64_t begin, int64_t end)",
                 cpu->symbol);
    cfamily_line(w, "{");
    ++w->depth;
    cfamily_line(w, "typedef int%d_t hd_index;", w->index_bits);
    target_cpu_sizes(cpu);
    cfamily_line(w, "const uint64_t hd_bytes = (uint64_t)%s;", target_cpu_expr_text(w, total));
    cfamily_line(w, "HdThreads *hd_t = hd_threads_begin(args, hd_bytes, %lld, %lld, %lld);", blocks,
                 (long long)k->block_size, stack);
    cfamily_line(w, "if (!hd_t) return;");
    if (cpu->check) cfamily_line(w, "HdWatch hd_watch = {.seed = args->seed};");
    if (cpu->check) cfamily_line(w, "hd_t->watch = &hd_watch;");
    if (cpu->check && cpu->trades) cfamily_line(w, "hd_t->trades = true;");
    cfamily_line(w, "for (int64_t hd_block = begin; hd_block < end; hd_block += %lld) {", blocks);
    cfamily_line(w, "    if (hd_trapped(args->trap)) break;");
    ++w->depth;
    if (cpu->check) cfamily_line(w, "hd_watch_begin(&hd_watch, hd_t->count);");
    cfamily_line(w, "hd_threads_block(hd_t, hd_block);");
    mbarriers(cpu, used, at);
    cfamily_line(w, "hd_threads_run(hd_t, %s_thread);", cpu->symbol);
    --w->depth;
    cfamily_line(w, "}");
    if (cpu->check) cfamily_line(w, "hd_watch_end(&hd_watch);");
    --w->depth;
    cfamily_line(w, "}");
    base_sb_char(w->out, '\n');
}

void target_cpu_threads(Cpu *cpu, const bool *used)
{
    IrKernel *k = cpu->w.kernel;
    const IrExpr **at = NEW_ARRAY(k->arena, const IrExpr *, k->tensors.len + 1);
    const IrExpr *total = ir_index(k, 0);
    int64_t own = STACK;
    for (size_t i = 0; i < k->tensors.len; ++i) {
        const IrTensor *t = k->tensors.data[i];
        if (!used[i]) continue;
        if (is_own(t)) own += own_bytes(t) + 64;
        if (t->space != IR_SHARED || t->of) continue;
        at[i] = total;
        total = ir_binary(k, IR_ADD, total, target_cpu_room(k, t));
    }
    thread_function(cpu, used, at);
    cpu->w.lines = false;
    entry_function(cpu, used, at, total, own);
}
