/* Which task loops may run over task space: the block comes to them together, nothing in them
 * depends on the thread, and no task sees what another does. Then each task runs once, in any
 * order, and each element still gets its own operations in their order. */
#include "pass/logical.h"

enum { MAX_RADIX = 16 };

typedef struct Check {
    IrKernel *k;
    const IrStmt *tasks;
    bool replicas;
} Check;

/* ---- definitions ----------------------------------------------------------------------------- */

static bool block_defines(const IrBlock *block, const IrVar *var)
{
    for (size_t i = 0; block && i < block->stmts.len; i++)
        if (logical_defines(block->stmts.data[i], var)) return true;
    return false;
}

bool logical_defines(const IrStmt *s, const IrVar *var)
{
    if (s->var == var && s->kind != IR_STMT_SET && s->kind != IR_STMT_LEAVE) return true;
    for (int d = 0; s->tasks && d < s->tasks->mapping->rank; d++)
        if (s->tasks->vars[d] == var) return true;
    return block_defines(s->body, var) || block_defines(s->other, var);
}

/* ---- operands -------------------------------------------------------------------------------- */

static bool bad_operand(void *user, const IrExpr *e)
{
    const Check *c = user;
    if (e->op == IR_TID) return true;
    if (e->op == IR_LOAD) return e->tensor->space == IR_PRIVATE;
    return e->op == IR_VAR && !e->var->uniform && !logical_defines(c->tasks, e->var);
}

/* ---- stores: distinct tasks write distinct elements -------------------------------------------
 */

typedef struct Radix {
    int64_t coef, extent; /* extent 0: run-time, fits only as the slowest */
    const IrVar *var;
} Radix;

static int64_t extent_of(const Check *c, const IrVar *var)
{
    for (int d = 0; d < c->tasks->tasks->mapping->rank; d++)
        if (c->tasks->tasks->vars[d] == var) {
            int64_t extent = c->tasks->tasks->mapping->shape[d];
            return MAPPING_IS_RUNTIME(extent) ? 0 : extent;
        }
    if (var->lo == INT64_MIN || var->hi == INT64_MAX) return 0;
    return var->hi - var->lo + 1;
}

/* The variables of this loop in an index, with their coefficients; -1 if it is not so simple. */
static int radix_of(const Check *c, const IrExpr *index, Radix *out)
{
    PassAffine a = pass_affine(c->k, index);
    int n = 0;
    for (int i = 0; i < a.count; i++) {
        const IrExpr *atom = a.terms[i].atom;
        if (atom->op == IR_VAR && logical_defines(c->tasks, atom->var)) {
            int64_t coef = a.terms[i].coef < 0 ? -a.terms[i].coef : a.terms[i].coef;
            if (n == MAX_RADIX) return -1;
            out[n++] = (Radix){coef, extent_of(c, atom->var), atom->var};
        } else if (ir_any(atom, bad_operand, (void *)(uintptr_t)c)) {
            return -1;
        }
    }
    return n;
}

static bool names_inside(void *user, const IrExpr *e)
{
    const Check *c = user;
    return e->op == IR_VAR && logical_defines(c->tasks, e->var);
}

/* Mixed radix: each coefficient reaches past all that the smaller ones can make. */
static bool is_injective(Radix *r, int n)
{
    for (int i = 1; i < n; i++)
        for (int j = i; j > 0 && r[j].coef < r[j - 1].coef; j--) {
            Radix t = r[j];
            r[j] = r[j - 1];
            r[j - 1] = t;
        }
    int64_t reach = 1; /* one past the largest sum of the smaller terms */
    for (int i = 0; i < n; i++) {
        int64_t span;
        if (r[i].coef < reach) return false;
        if (r[i].extent == 0) return i + 1 == n;
        if (!base_mul(r[i].coef, r[i].extent - 1, &span) || !base_add(reach, span, &reach))
            return false;
    }
    return true;
}

/* Only sums of this loop's variables and of what is fixed: no variable hides in an atom. */
static bool is_plain(const Check *c, const IrExpr *index)
{
    PassAffine a = pass_affine(c->k, index);
    for (int i = 0; i < a.count; i++)
        if (a.terms[i].atom->op != IR_VAR &&
            ir_any(a.terms[i].atom, names_inside, (void *)(uintptr_t)c))
            return false;
    return true;
}

static bool covers_tasks(const Check *c, const IrVar *const *seen, int count)
{
    const IrTasks *t = c->tasks->tasks;
    for (int d = 0; d < t->mapping->rank; d++) {
        bool found = t->mapping->shape[d] == 1;
        for (int i = 0; i < count; i++) found |= seen[i] == t->vars[d];
        if (!found) return false;
    }
    return true;
}

static bool writes_apart(const Check *c, const IrStmt *store)
{
    const IrVar *seen[MAX_RADIX * MAPPING_MAX_RANK];
    int count = 0;
    for (int q = 0; q < pass_store_indices(store); q++) {
        Radix r[MAX_RADIX];
        if (!is_plain(c, store->args[q])) continue;
        int n = radix_of(c, store->args[q], r);
        if (n <= 0 || !is_injective(r, n)) continue;
        for (int i = 0; i < n; i++) seen[count++] = r[i].var;
    }
    return covers_tasks(c, seen, count);
}

/* ---- reads of what is written: only the task's own element --------------------------------------
 */

static bool same_element(const IrExpr *load, const IrStmt *store)
{
    int n = pass_load_indices(load);
    if (n != pass_store_indices(store)) return false;
    for (int i = 0; i < n; i++)
        if (load->args[i] != store->args[i]) return false;
    return true;
}

static bool reads_other(void *user, const IrExpr *e)
{
    const IrStmt *store = user;
    return e->op == IR_LOAD && e->tensor == store->tensor && !same_element(e, store);
}

static bool stores_clash(const IrBlock *block, const IrStmt *store)
{
    for (size_t i = 0; block && i < block->stmts.len; i++) {
        const IrStmt *s = block->stmts.data[i];
        if (s->kind == IR_STMT_STORE && s->tensor == store->tensor)
            for (int j = 0; j < pass_store_indices(s); j++)
                if (s->args[j] != store->args[j]) return true;
        if (s->kind == IR_STMT_ATOMIC && s->tensor == store->tensor) return true;
        if (stores_clash(s->body, store) || stores_clash(s->other, store)) return true;
    }
    return false;
}

static bool good_store(const Check *c, const IrStmt *s)
{
    if (s->tensor->space == IR_PRIVATE || (s->flags & IR_LINEAR)) return false;
    void *store = (void *)(uintptr_t)s;
    return writes_apart(c, s) && !pass_any_below(c->tasks->body, reads_other, store) &&
           !stores_clash(c->tasks->body, s);
}

/* ---- statements ------------------------------------------------------------------------------ */

static bool good_block(const Check *c, const IrBlock *block, bool in_loop);

static bool good_stmt(const Check *c, const IrStmt *s, bool in_loop)
{
    if (pass_any_operand(s, bad_operand, (void *)(uintptr_t)c)) return false;
    switch (s->kind) {
    case IR_STMT_LET:
    case IR_STMT_PRINT:
    case IR_STMT_TRAP:
        return true;
    case IR_STMT_SET:
    case IR_STMT_LEAVE:
        return logical_defines(c->tasks, s->var);
    case IR_STMT_STORE:
        return good_store(c, s);
    case IR_STMT_ATOMIC:
        return !c->replicas && s->tensor->space != IR_PRIVATE;
    case IR_STMT_BREAK:
    case IR_STMT_CONTINUE:
        return in_loop;
    case IR_STMT_FOR:
    case IR_STMT_WHILE:
        return good_block(c, s->body, true);
    case IR_STMT_IF:
    case IR_STMT_REGION:
    case IR_STMT_SCOPE:
        return good_block(c, s->body, in_loop) && good_block(c, s->other, in_loop);
    case IR_STMT_TASKS:
    case IR_STMT_ROLE:
    case IR_STMT_BARRIER:
    case IR_STMT_COLLECTIVE:
    case IR_STMT_AWAIT:
    case IR_STMT_COMMIT:
    case IR_STMT_WAIT:
    case IR_STMT_MACHINE:
    case IR_STMT_ORDER:
    case IR_STMT_MBARRIER:
    case IR_STMT_BULK:
    case IR_STMT_BULK_COMMIT:
    case IR_STMT_BULK_WAIT:
    case IR_STMT_COUNT:
        return false;
    }
    return false;
}

static bool good_block(const Check *c, const IrBlock *block, bool in_loop)
{
    for (size_t i = 0; block && i < block->stmts.len; i++)
        if (!good_stmt(c, block->stmts.data[i], in_loop)) return false;
    return true;
}

bool logical_is_candidate(IrKernel *k, const IrStmt *tasks)
{
    if (!(tasks->flags & IR_TOGETHER) || tasks->tasks->level != 1) return false;
    if (tasks->args[0] != ir_tid(k)) return false;
    Check c = {k, tasks, mapping_has_replicas(tasks->tasks->mapping)};
    return good_block(&c, tasks->body, false);
}
