/* Checked kernels: every access asks before it touches. An access becomes a statement expression
 * that tests each index against its extent, then the element's shadow (watch.h); what is wrong
 * claims the trap and leaves the kernel. */
#include "target/cpu/cpu.h"

typedef struct Access {
    const IrTensor *tensor;
    uint32_t flags;
    const IrExpr *const *index;
    const IrExpr *offset;
} Access;

static void put(CWriter *w, const char *text)
{
    base_sb_str(w->out, text);
}

static int site(CWriter *w, const char *text)
{
    Cpu *cpu = w->user;
    return target_site(w->kernel->arena, cpu->instance, w->kernel, cpu->origin, text);
}

static const char *who(CWriter *w)
{
    Cpu *cpu = w->user;
    return w->kernel->waits ? "hd_thread" : cpu->who ? w->var_names[cpu->who->id] : "0";
}

/* In messages: among the threads of its block. */
static const char *own(CWriter *w)
{
    return w->kernel->waits ? "thread" : who(w);
}

int target_cpu_line(const IrKernel *k, uint32_t origin)
{
    bool known = origin < k->origins.len;
    return known ? (int)diag_position(k->diags, k->origins.data[origin].span.begin).line : 0;
}

/* Storage that fission made is of one thread or of one collective; only what stands for a tile or
 * a private array can be read too early. What is only read cannot race. */
static bool is_watched(const IrTensor *t)
{
    bool seen = t->space == IR_SHARED || (t->space == IR_PARAM && t->written);
    return seen && !t->made && !cfamily_is_packed(t->elem);
}

static bool must_be_ready(const IrTensor *t)
{
    bool block = t->space == IR_SHARED || t->space == IR_PRIVATE;
    return block && t->made != IR_MADE_VALUE && !cfamily_is_packed(t->elem);
}

/* Which block's element it is; 0 where it is the own one's. */
static void block_of(CWriter *w, const Access *a)
{
    if (a->tensor->of)
        cfamily_expr(w, a->index[0], C_SELECT);
    else
        put(w, "0");
}

static void check_bounds(CWriter *w, const Access *a)
{
    if (a->tensor->made || (a->flags & (IR_LINEAR | IR_PROVED))) return;
    for (int d = 0; d < a->tensor->rank; ++d) {
        const IrExpr *index = a->index[d], *extent = a->tensor->extents[d];
        if (ir_is_const(extent) && index->lo >= 0 && index->hi < extent->value.i) continue;
        put(w, "{ const int64_t hd_i = ");
        cfamily_expr(w, index, C_ANY);
        put(w, ", hd_n = ");
        cfamily_expr(w, extent, C_ANY);
        base_sb_printf(w->out,
                       "; if (hd_i < 0 || hd_i >= hd_n) { hd_trap(args->trap, %d, hd_i, hd_n, %s, ",
                       site(w, ir_bounds_text(w->kernel, a->tensor, d)), own(w));
        block_of(w, a);
        put(w, "); goto hd_stop; } } ");
    }
}

/* Where only one block can be meant, the last value is free for a line. */
static void trap_with(CWriter *w, const Access *a, const char *text, const char *other,
                      const char *line)
{
    IrKernel *k = w->kernel;
    const IrTensor *t = a->tensor;
    const IrExpr *offset = a->offset;
    if (t->of) cfamily_block_of(w, &offset);
    text = base_format(k->arena, text, ir_element_text(k, t));
    if (other && k->cluster)
        text = base_format(k->arena, "%s; threads are counted through the cluster", text);
    base_sb_printf(w->out, " { hd_trap(args->trap, %d, ", site(w, text));
    cfamily_expr(w, offset, C_SELECT);
    base_sb_printf(w->out, ", %s, %s, ", other ? who(w) : own(w), other ? other : "0");
    if (line && !t->of)
        put(w, line);
    else
        block_of(w, a);
    put(w, "); goto hd_stop; } ");
}

static void trap_element(CWriter *w, const Access *a, const char *text, const char *other)
{
    trap_with(w, a, text, other, NULL);
}

static void trap_race(CWriter *w, const Access *a, const char *what)
{
    const char *text = base_format(w->kernel->arena,
                                   "threads {1} and {2} race for element {0} of `%%s`: nothing "
                                   "orders %s%s",
                                   what, a->tensor->of ? "" : " in line {3}");
    trap_with(w, a, text, "hd_watch.other", "hd_watch.line");
}

static void put_line(CWriter *w)
{
    const Cpu *cpu = w->user;
    base_sb_printf(w->out, ", %d))", target_cpu_line(w->kernel, cpu->origin));
}

static void address(CWriter *w, const Access *a)
{
    put(w, "&");
    cfamily_element(w, a->tensor, a->offset);
}

/* Nobody touches what a copy under way is about to change. Elements of less than a byte have no
 * address of their own: those of a whole tensor would be taken for its neighbours'. */
static void check_landed(CWriter *w, const Access *a, const char *done)
{
    const Cpu *cpu = w->user;
    if (!cpu->async[a->tensor->id] || cfamily_is_packed(a->tensor->elem)) return;
    put(w, "if (!hd_watch_landed(&hd_watch, ");
    address(w, a);
    put(w, "))");
    trap_element(w, a,
                 base_format(w->kernel->arena,
                             "element {0} of `%%s` is %s by thread {1} while thread {2}'s copy to "
                             "it is under way: nothing has waited for it",
                             done),
                 "hd_watch.other");
}

static void check_read(CWriter *w, const Access *a)
{
    check_landed(w, a, "read");
    if (must_be_ready(a->tensor)) {
        put(w, "if (!hd_watch_ready(&hd_watch, ");
        address(w, a);
        put(w, "))");
        trap_element(w, a, "element {0} of `%s` is read before it has a value (thread {1})", NULL);
    }
    if (is_watched(a->tensor)) {
        base_sb_printf(w->out, "if (!hd_watch_read(&hd_watch, ");
        address(w, a);
        base_sb_printf(w->out, ", %s", who(w));
        put_line(w);
        trap_race(w, a, "this read after the write");
    }
}

static Access access_of(CWriter *w, const IrTensor *t, uint32_t flags, const IrExpr *const *index)
{
    return (Access){t, flags, index, cfamily_offset(w, t, flags, index)};
}

static void checked_load(CWriter *w, const IrExpr *e, CPrec prec)
{
    int count = cfamily_index_count(e->tensor, e->flags);
    bool guarded = e->flags & IR_GUARDED, paren = guarded && prec > C_SELECT;
    Access a = access_of(w, e->tensor, e->flags, e->args);
    if (paren) put(w, "(");
    if (guarded) {
        cfamily_expr(w, e->args[count], C_OR);
        put(w, " ? ");
    }
    put(w, "({ ");
    check_bounds(w, &a);
    check_read(w, &a);
    if (cfamily_is_packed(e->tensor->elem)) {
        base_sb_printf(w->out, "hd_load_%s(%s, ", vocab_elem(e->tensor->elem)->text,
                       cfamily_tensor(w, e->tensor, &a.offset));
        cfamily_expr(w, a.offset, C_ANY);
        put(w, ")");
    } else {
        cfamily_element(w, e->tensor, a.offset);
    }
    put(w, "; })");
    if (guarded) {
        put(w, " : ");
        cfamily_expr(w, e->args[count + 1], C_SELECT);
    }
    if (paren) put(w, ")");
}

bool target_cpu_checked_expr(CWriter *w, const IrExpr *e, CPrec prec)
{
    if (e->op == IR_LOAD && e->type.lanes == 1 && e->tensor->space != IR_TABLE) {
        checked_load(w, e, prec);
        return true;
    }
    return target_cpu_vector(w, e, prec);
}

/* ---- statements ------------------------------------------------------------------------------ */

static void note_write(CWriter *w, const Access *a)
{
    check_landed(w, a, "written");
    if (is_watched(a->tensor)) {
        put(w, "if (!hd_watch_write(&hd_watch, ");
        address(w, a);
        base_sb_printf(w->out, ", %s, memcmp(", who(w));
        address(w, a);
        put(w, ", &hd_value, sizeof hd_value) == 0");
        put_line(w);
        trap_race(w, a, "this write after the access");
    } else if (must_be_ready(a->tensor)) {
        put(w, "hd_watch_set(&hd_watch, ");
        address(w, a);
        put(w, "); ");
    }
}

static void checked_store(CWriter *w, const IrStmt *s)
{
    int count = cfamily_index_count(s->tensor, s->flags);
    Access a = access_of(w, s->tensor, s->flags, s->args);
    bool packed = cfamily_is_packed(s->tensor->elem);
    cfamily_open(w);
    if (s->flags & IR_GUARDED) {
        put(w, "if (");
        cfamily_expr(w, s->args[count + 1], C_ANY);
        put(w, ") ");
    }
    base_sb_printf(w->out, "{ const %s hd_value = ", cfamily_elem_type(w, s->tensor->elem));
    cfamily_expr(w, s->args[count], C_ANY);
    put(w, "; ");
    check_bounds(w, &a);
    note_write(w, &a);
    if (packed) {
        base_sb_printf(w->out, "hd_store_%s(%s, ", vocab_elem(s->tensor->elem)->text,
                       cfamily_tensor(w, s->tensor, &a.offset));
        cfamily_expr(w, a.offset, C_ANY);
        put(w, ", hd_value)");
    } else {
        cfamily_element(w, s->tensor, a.offset);
        put(w, " = hd_value");
    }
    cfamily_close(w, "; }");
}

/* An asynchronous copy: where it comes from, or the value where its guard is false. */
static void async_store(CWriter *w, const IrStmt *s)
{
    int count = cfamily_index_count(s->tensor, s->flags);
    const IrExpr *load = s->args[count];
    bool guarded = load->flags & IR_GUARDED;
    Access to = access_of(w, s->tensor, s->flags, s->args);
    Access from = access_of(w, load->tensor, load->flags, load->args);
    cfamily_open(w);
    if (s->flags & IR_GUARDED) {
        put(w, "if (");
        cfamily_expr(w, s->args[count + 1], C_ANY);
        put(w, ") ");
    }
    base_sb_printf(w->out, "{ %s hd_value = {0}; const void *hd_from = 0; if (",
                   cfamily_elem_type(w, s->tensor->elem));
    if (guarded)
        cfamily_expr(w, load->args[load->count - 2], C_ANY);
    else
        put(w, "1");
    put(w, ") { ");
    check_bounds(w, &from);
    put(w, "hd_from = ");
    address(w, &from);
    put(w, "; }");
    if (guarded) {
        put(w, " else { hd_value = ");
        cfamily_expr(w, load->args[load->count - 1], C_ANY);
        put(w, "; }");
    }
    put(w, " ");
    check_bounds(w, &to);
    check_landed(w, &to, "written again");
    base_sb_printf(w->out, "if (!hd_watch_copy(&hd_watch, %s, ", who(w));
    address(w, &to);
    put(w, ", hd_from, &hd_value, sizeof hd_value");
    put_line(w);
    trap_race(w, &to, "this copy after the access");
    cfamily_close(w, "}");
}

static bool is_async(const CWriter *w, const IrStmt *s)
{
    if (s->kind != IR_STMT_STORE || !(s->flags & IR_ASYNC)) return false;
    const IrExpr *value = s->args[cfamily_index_count(s->tensor, s->flags)];
    if (w->kernel->waits) return false;
    return value->op == IR_LOAD && value->type.lanes == 1 && !cfamily_is_packed(s->tensor->elem);
}

/* Atomics, and what is done with mbarriers, are ordered by themselves; their indices can still be
 * wrong. */
static void check_atomic(CWriter *w, const IrStmt *s)
{
    Access a = access_of(w, s->tensor, s->flags, s->args);
    cfamily_open(w);
    put(w, "{ ");
    check_bounds(w, &a);
    if (must_be_ready(s->tensor) && !s->tensor->arrivals) {
        put(w, "hd_watch_set(&hd_watch, ");
        address(w, &a);
        put(w, "); ");
    }
    cfamily_close(w, "}");
    bool acquires = s->order == IR_ACQUIRE || s->order == IR_ACQ_REL;
    bool releases = s->order == IR_RELEASE || s->order == IR_ACQ_REL;
    if (w->kernel->waits && (acquires || releases))
        cfamily_line(w, "hd_threads_atomic(hd_t, %d, %d);", acquires, releases);
}

static void thread_loop(CWriter *w, const IrStmt *s)
{
    const char *var = w->var_names[s->var->id];
    const char *n = cfamily_fresh(w, "n");
    cfamily_open(w);
    base_sb_printf(w->out, "for (hd_index %s = 0; %s < ", n, n);
    cfamily_expr(w, s->args[1], C_SHIFT);
    base_sb_printf(w->out, "; ++%s) {", n);
    cfamily_close(w, "");
    ++w->depth;
    cfamily_open(w);
    base_sb_printf(w->out, "const hd_index %s = (hd_index)hd_watch_order(&hd_watch, %s, ", var, n);
    cfamily_expr(w, s->args[1], C_ANY);
    cfamily_close(w, ");");
    cfamily_block(w, s->body);
    --w->depth;
    cfamily_line(w, "}");
}

static void barrier(CWriter *w, const IrStmt *s)
{
    long long count = (long long)s->imm, block = (long long)w->kernel->block_size;
    if (s->scope == IR_SCOPE_BLOCK || s->scope == IR_SCOPE_GRID) count = block;
    if (s->scope == IR_SCOPE_WARP) count = 32;
    if (s->imm2 >= 0)
        cfamily_line(w, "hd_watch_barrier(&hd_watch, %lld, %lld, %lld);", (long long)s->imm2, count,
                     block);
    else
        cfamily_line(w, "hd_watch_barrier(&hd_watch, %s / %lld * %lld, %lld, %lld);", who(w), count,
                     count, count, block);
}

bool target_cpu_checked_stmt(CWriter *w, const IrStmt *s)
{
    Cpu *cpu = w->user;
    cpu->origin = s->origin;
    if (is_async(w, s)) {
        async_store(w, s);
        return true;
    }
    if (s->kind == IR_STMT_COMMIT || s->kind == IR_STMT_WAIT) {
        if (w->kernel->waits) return true;
        if (s->kind == IR_STMT_WAIT)
            cfamily_line(w, "hd_watch_wait(&hd_watch, %s, %lld);", who(w), (long long)s->imm);
        else
            cfamily_line(w, "hd_watch_commit(&hd_watch, %s);", who(w));
        return true;
    }
    if (s->kind == IR_STMT_STORE &&
        s->args[cfamily_index_count(s->tensor, s->flags)]->type.lanes == 1) {
        checked_store(w, s);
        return true;
    }
    if (s->kind == IR_STMT_FOR && (s->flags & IR_THREADS) && ir_is_int(s->args[0], 0)) {
        thread_loop(w, s);
        return true;
    }
    if (s->kind == IR_STMT_BARRIER && !w->kernel->waits) barrier(w, s);
    if (s->kind == IR_STMT_ATOMIC || s->kind == IR_STMT_MBARRIER) check_atomic(w, s);
    return target_cpu_stmt(w, s);
}
