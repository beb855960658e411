/* Statements of CPU kernels: atomics, traps, prints, waiting, the grid's barrier. */
#include "target/cpu/cpu.h"

static void put(CWriter *w, const char *text)
{
    base_sb_str(w->out, text);
}

/* ---- atomics --------------------------------------------------------------------------------- */

static const char *order_name(IrOrder order)
{
    static const char *const names[] = {
        [IR_RELAXED] = "__ATOMIC_RELAXED",
        [IR_ACQUIRE] = "__ATOMIC_ACQUIRE",
        [IR_RELEASE] = "__ATOMIC_RELEASE",
        [IR_ACQ_REL] = "__ATOMIC_ACQ_REL",
    };
    return names[order];
}

static void atomic(CWriter *w, const IrStmt *s)
{
    int count = cfamily_index_count(s->tensor, s->flags);
    const char *dot = strchr(vocab_builtin(s->builtin)->text, '.');
    cfamily_open(w);
    if (s->var) {
        put(w, s->var->mutable ? "" : "const ");
        cfamily_type(w, s->var->type);
        base_sb_printf(w->out, " %s = ", w->var_names[s->var->id]);
    }
    base_sb_printf(w->out, "hd_atomic_%s_%s(&", dot + 1, vocab_elem(s->tensor->elem)->text);
    cfamily_element(w, s->tensor, cfamily_offset(w, s->tensor, s->flags, s->args));
    for (int i = count; i < s->count; ++i) {
        put(w, ", ");
        cfamily_expr(w, s->args[i], C_ANY);
    }
    base_sb_printf(w->out, ", %s", order_name(s->order));
    cfamily_close(w, ");");
}

/* ---- traps ----------------------------------------------------------------------------------- */

static const char *leaving(CWriter *w)
{
    const Cpu *cpu = w->user;
    return cpu->check ? "goto hd_stop;" : w->kernel->waits ? "hd_threads_stop(hd_t);" : "return;";
}

static void trap(CWriter *w, const IrStmt *s)
{
    Cpu *cpu = w->user;
    int site = target_site(w->kernel->arena, cpu->instance, w->kernel, s->origin,
                           s->text ? s->text : "assertion failed");
    cfamily_open(w);
    put(w, "if (!");
    cfamily_expr(w, s->args[0], C_POSTFIX);
    base_sb_printf(w->out, ") { hd_trap(args->trap, %d", site);
    for (int i = 1; i <= 4; ++i) {
        put(w, ", ");
        if (i < s->count) {
            put(w, "(int64_t)");
            cfamily_expr(w, s->args[i], C_UNARY);
        } else {
            put(w, "0");
        }
    }
    base_sb_printf(w->out, "); %s }", leaving(w));
    cfamily_close(w, "");
}

/* ---- print ----------------------------------------------------------------------------------- */

static void print_operand(CWriter *w, const IrExpr *e)
{
    Elem elem = e->type.elem;
    ElemClass cls = vocab_elem(elem)->cls;
    const char *what = cls == CLASS_BOOL    ? "bool"
                       : cls == CLASS_FLOAT ? "f64"
                       : elem == ELEM_U64   ? "u64"
                                            : "int";
    base_sb_printf(w->out, " hd_put_%s(&hd_line, ", what);
    cfamily_wide(w, e, C_ANY);
    put(w, cls == CLASS_FLOAT ? elem == ELEM_F64 ? ", false);" : ", true);" : ");");
}

static void print(CWriter *w, const IrStmt *s)
{
    cfamily_open(w);
    put(w, "{ HdLine hd_line = {0};");
    const char *text = s->text;
    for (int i = 0; text; ++i) {
        const char *piece = ir_print_piece(w->kernel->arena, &text);
        if (*piece) {
            put(w, " hd_put_text(&hd_line, ");
            cfamily_string(w->out, piece);
            put(w, ");");
        }
        if (text) print_operand(w, s->args[i]);
    }
    cfamily_close(w, " args->print(args->print_state, hd_line.text); }");
}

/* ---- stores of several lanes ------------------------------------------------------------------
 */

static bool vector_store(CWriter *w, const IrStmt *s)
{
    if (s->kind != IR_STMT_STORE) return false;
    int count = cfamily_index_count(s->tensor, s->flags);
    IrType type = s->args[count]->type;
    if (type.lanes == 1) return false;
    cfamily_open(w);
    if (s->flags & IR_GUARDED) {
        put(w, "if (");
        cfamily_expr(w, s->args[count + 1], C_ANY);
        put(w, ") ");
    }
    put(w, "*(");
    target_cpu_vector_type(w, type);
    put(w, "_at *)&");
    cfamily_element(w, s->tensor, cfamily_offset(w, s->tensor, s->flags, s->args));
    put(w, " = ");
    cfamily_expr(w, s->args[count], C_ANY);
    cfamily_close(w, ";");
    return true;
}

/* ---- waiting --------------------------------------------------------------------------------- */

void target_cpu_await(CWriter *w, const IrStmt *s)
{
    if (ir_is_const(s->args[0])) return; /* others are let on once: the loop is around it */
    put(w, "while (!");
    cfamily_expr(w, s->args[0], C_POSTFIX);
    put(w, ") ");
}

static void await(CWriter *w, const IrStmt *s)
{
    cfamily_open(w);
    target_cpu_await(w, s);
    put(w, "if (!args->yield(args->grid_state)) ");
    cfamily_close(w, leaving(w));
}

/* ---- rows past the cache, or into it --------------------------------------------------------- */

static const IrExpr *at_start(void *user, const IrExpr *e)
{
    const IrStmt *loop = user;
    return e->op == IR_VAR && e->var == loop->var ? loop->args[0] : NULL;
}

static void first_element(CWriter *w, const IrStmt *loop, const IrTensor *t, uint32_t flags,
                          const IrExpr *const *index)
{
    const IrExpr *offset = cfamily_offset(w, t, flags, index);
    offset = ir_rewrite(w->kernel, offset, at_start, (void *)(uintptr_t)loop);
    put(w, "&");
    cfamily_element(w, t, offset);
    put(w, ", ");
}

static bool stream(CWriter *w, const IrStmt *s)
{
    if (s->kind != IR_STMT_FOR || !(s->flags & IR_STREAM)) return false;
    const IrStmt *store = s->body->stmts.data[0];
    const IrTensor *t = store->tensor;
    const IrExpr *load = store->args[cfamily_index_count(t, store->flags)];
    const IrExpr *all = ir_index(w->kernel, 1);
    for (int d = 0; d < t->rank; d++) all = ir_binary(w->kernel, IR_MUL, all, t->extents[d]);
    cfamily_open(w);
    put(w, "hd_stream(");
    first_element(w, s, t, store->flags, store->args);
    first_element(w, s, load->tensor, load->flags, load->args);
    base_sb_printf(w->out, "%d * (int64_t)", vocab_elem_bytes(t->elem));
    cfamily_expr(w, ir_binary(w->kernel, IR_SUB, s->args[1], s->args[0]), C_UNARY);
    base_sb_printf(w->out, ", %d * (int64_t)", vocab_elem_bytes(t->elem));
    cfamily_expr(w, all, C_UNARY);
    cfamily_close(w, ");");
    return true;
}

static bool prefetch(CWriter *w, const IrStmt *s)
{
    if (s->kind != IR_STMT_FOR || !(s->flags & IR_PREFETCH)) return false;
    const IrExpr *load = s->body->stmts.data[0]->args[0];
    cfamily_open(w);
    put(w, "hd_prefetch(");
    first_element(w, s, load->tensor, load->flags, load->args);
    base_sb_printf(w->out, "%d * (int64_t)", vocab_elem_bytes(load->tensor->elem));
    cfamily_expr(w, ir_binary(w->kernel, IR_SUB, s->args[1], s->args[0]), C_UNARY);
    cfamily_close(w, ");");
    return true;
}

bool target_cpu_stmt(CWriter *w, const IrStmt *s)
{
    if (vector_store(w, s) || stream(w, s) || prefetch(w, s)) return true;
    if (w->kernel->waits && target_cpu_threads_stmt(w, s)) return true;
    target_cpu_free_sums(w, s);
    if (s->kind == IR_STMT_ATOMIC)
        atomic(w, s);
    else if (s->kind == IR_STMT_TRAP)
        trap(w, s);
    else if (s->kind == IR_STMT_PRINT)
        print(w, s);
    else if (s->kind == IR_STMT_AWAIT)
        await(w, s);
    else if (s->kind == IR_STMT_BARRIER && s->scope == IR_SCOPE_GRID)
        cfamily_line(w, "if (!args->grid_sync(args->grid_state)) %s", leaving(w));
    else
        return s->kind == IR_STMT_BARRIER; /* of a block: its regions are in order already */
    return true;
}
