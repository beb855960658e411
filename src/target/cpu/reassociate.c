/* Sums of @fast kernels: a loop that does nothing but add to variables may add in any order, so
 * the C compiler is told that it may keep a partial sum in each lane. */
#include "target/cpu/cpu.h"

typedef struct Sums {
    const IrStmt *loop;
    const IrVar *vars[8];
    int count;
} Sums;

static bool is_var(void *user, const IrExpr *e)
{
    return e->op == IR_VAR && e->var == user;
}

static bool mentions(const IrExpr *e, const IrVar *var)
{
    return ir_any(e, is_var, (void *)(uintptr_t)var);
}

static bool may_change(void *user, const IrExpr *e)
{
    (void)user;
    return e->op == IR_LOAD || (e->op == IR_VAR && e->var->mutable);
}

/* var + e, or e * f + var, where nothing else is var. */
static bool is_sum(const IrVar *var, const IrExpr *value)
{
    if (value->op != IR_ADD && value->op != IR_FMA) return false;
    int found = 0, plain = 0;
    for (uint32_t i = 0; i < value->count; ++i) {
        bool term = value->op == IR_ADD || i == 2;
        if (!mentions(value->args[i], var)) continue;
        ++found;
        plain += term && value->args[i]->op == IR_VAR;
    }
    return found == 1 && plain == 1;
}

static bool collect(Sums *sums)
{
    const IrBlock *body = sums->loop->body;
    for (size_t i = 0; i < body->stmts.len; ++i) {
        const IrStmt *s = body->stmts.data[i];
        if (s->kind == IR_STMT_LET && !s->var->mutable) continue;
        if (s->kind != IR_STMT_SET || sums->count == BASE_LEN(sums->vars)) return false;
        if (!vocab_elem_is_float(s->var->type.elem) || s->var->type.lanes != 1) return false;
        if (cfamily_is_narrow(s->var->type.elem) || !is_sum(s->var, s->args[0])) return false;
        sums->vars[sums->count++] = s->var;
    }
    return sums->count > 0;
}

/* Each variable is read and set once, by its own sum. */
static bool apart(const Sums *sums)
{
    const IrBlock *body = sums->loop->body;
    for (int v = 0; v < sums->count; ++v) {
        int uses = 0;
        for (size_t i = 0; i < body->stmts.len; ++i)
            uses += mentions(body->stmts.data[i]->args[0], sums->vars[v]);
        for (int other = 0; other < v; ++other) uses += sums->vars[other] == sums->vars[v];
        if (uses != 1) return false;
    }
    return true;
}

void target_cpu_free_sums(CWriter *w, const IrStmt *s)
{
    const Cpu *cpu = w->user;
    if (!w->kernel->fast || cpu->check || s->kind != IR_STMT_FOR || (s->flags & IR_UNROLL)) return;
    Sums sums = {.loop = s};
    bool counted = ir_is_const(s->args[2]) && !ir_any(s->args[1], may_change, NULL);
    if (!counted || !collect(&sums) || !apart(&sums)) return;
    cfamily_open(w);
    base_sb_str(w->out, "_Pragma(\"omp simd reduction(+ : ");
    for (int v = 0; v < sums.count; ++v)
        base_sb_printf(w->out, "%s%s", v ? ", " : "", w->var_names[sums.vars[v]->id]);
    cfamily_close(w, ")\")");
}
