/* Values of index expressions for each thread.
 *
 * What only a launch knows, but all threads of a block agree on, gets an example: sizes are large
 * and multiples of everything that matters, blocks lie inside, loops are in their first rounds. Two
 * examples differ in all of these, so that a caller can see what depends on them. What differs from
 * thread to thread and is no function of the thread's number has no value. */
#include "pass/lanes.h"

typedef struct Leaf {
    Lanes *l;
    const LanesCase *c;
    int64_t thread;
    int depth;
    bool examples; /* may stand for what is not known */
} Leaf;

enum { DEPTH = 8 };

static uint64_t key(const IrVar *var)
{
    return (uint64_t)var->id + 1;
}

Lanes lanes_begin(IrKernel *k)
{
    return (Lanes){.k = k,
                   .scope = pass_scope_begin(k),
                   .loops = base_map(k->arena),
                   .agreed = base_map(k->arena)};
}

void lanes_enter_for(Lanes *l, IrStmt *loop)
{
    int64_t lo, step, trip;
    if (pass_const_loop(loop, &lo, &step, &trip))
        pass_scope_for(&l->scope, loop);
    else
        base_map_put(&l->loops, key(loop->var), loop);
}

/* ---- counters that matter -------------------------------------------------------------------- */
static bool add_counter(Lanes *l, LanesCase *c, const IrVar *var)
{
    const PassCounter *counter = base_map_get(&l->scope.counters, key(var));
    for (int i = 0; i < c->count; i++)
        if (c->counters[i] == counter) return true;
    if (!counter || counter->trip < 2) return true;
    if (c->count == LANES_COUNTERS) return false;
    c->counters[c->count++] = counter;
    return true;
}

static bool add_all(Lanes *l, LanesCase *c, const IrExpr *e)
{
    if (e->op == IR_VAR) return add_counter(l, c, e->var);
    if (e->op == IR_LOAD) return true;
    for (uint32_t i = 0; i < e->count; i++)
        if (!add_all(l, c, e->args[i])) return false;
    return true;
}

bool lanes_add_counters(Lanes *l, LanesCase *c, const IrExpr *e, bool affine, int64_t unit)
{
    if (!affine) return add_all(l, c, e);
    PassAffine a = pass_affine(l->k, e);
    for (int i = 0; i < a.count; i++) {
        bool shifts = a.terms[i].atom->op == IR_VAR && a.terms[i].coef % unit == 0;
        if (!shifts && !add_all(l, c, a.terms[i].atom)) return false;
    }
    return true;
}

int64_t lanes_case_count(const LanesCase *c)
{
    int64_t count = 1;
    for (int i = 0; i < c->count; i++)
        if (!base_mul(count, c->counters[i]->trip, &count)) return INT64_MAX;
    return count;
}

void lanes_choose(LanesCase *c, int64_t n)
{
    for (int i = 0; i < c->count; i++) {
        const PassCounter *counter = c->counters[i];
        c->values[i] = counter->lo + n % counter->trip * counter->step;
        n /= counter->trip;
    }
}

/* ---- values ---------------------------------------------------------------------------------- */
static bool differs(void *user, const IrExpr *e)
{
    Lanes *l = user;
    if (e->op != IR_VAR) return e->op == IR_TID;
    bool counts =
        base_map_get(&l->scope.counters, key(e->var)) || base_map_get(&l->loops, key(e->var));
    return !e->var->uniform && !counts && !base_map_get(&l->agreed, key(e->var));
}

static bool is_momentary(void *user, const IrExpr *e)
{
    (void)user;
    return e->op == IR_LOAD || (e->op == IR_VAR && e->var->mutable);
}

void lanes_enter_let(Lanes *l, const IrStmt *let)
{
    const IrExpr *value = let->args[0];
    pass_scope_let(&l->scope, let);
    if (!let->var->mutable && value->type.elem == ELEM_BOOL && value->type.lanes == 1 &&
        !ir_any(value, is_momentary, NULL))
        base_map_put(&l->scope.values, key(let->var),
                     (void *)(uintptr_t)pass_resolve(&l->scope, value));
    if (!let->var->mutable && !ir_any(let->args[0], differs, l))
        base_map_put(&l->agreed, key(let->var), l);
}

/* An example of a value in [lo, hi], a multiple of `multiple`. */
static int64_t example_of(int64_t lo, int64_t hi, int64_t multiple, int64_t number, int example)
{
    int64_t m = multiple > 0 && multiple < 1 << 20 ? multiple : 1, value = 0;
    if (lo > 0 || hi < 0) value = lo == INT64_MIN ? hi : lo;
    int64_t up = base_floor_mod(-value, m), step = m * (number % 5 + 1) * example;
    if (value + up <= hi) value += up;
    return hi - value >= step ? value + step : value;
}

static bool eval(Leaf *leaf, const IrExpr *e, int64_t *value);

static bool value_of_var(Leaf *leaf, const IrVar *var, int64_t *value)
{
    const LanesCase *c = leaf->c;
    const PassCounter *counter = base_map_get(&leaf->l->scope.counters, key(var));
    for (int i = 0; i < c->count && counter; i++)
        if (c->counters[i] == counter) {
            *value = c->values[i];
            return true;
        }
    if (counter) {
        *value = counter->lo;
        return true;
    }
    const IrStmt *loop = base_map_get(&leaf->l->loops, key(var));
    int64_t step;
    if (loop) {
        if (!eval(leaf, loop->args[0], value) || !eval(leaf, loop->args[2], &step)) return false;
        *value += step * c->example;
        return true;
    }
    const IrExpr *known = base_map_get(&leaf->l->scope.values, key(var)); /* in a loop's bounds */
    if (known) return eval(leaf, known, value);
    bool same = var->uniform || base_map_get(&leaf->l->agreed, key(var));
    if (!same || !leaf->examples) return false;
    *value = example_of(var->lo, var->hi, var->multiple, var->id, c->example);
    return true;
}

static bool value_of_leaf(void *user, const IrExpr *e, int64_t *value)
{
    Leaf *leaf = user;
    int example = leaf->c->example;
    switch (e->op) {
    case IR_TID:
        *value = leaf->thread;
        return true;
    case IR_VAR:
        return value_of_var(leaf, e->var, value);
    case IR_SIZE:
        *value = example ? 9 * 4096 + 48 : 32768; /* all alike: a quotient of two is not 0 */
        return true;
    case IR_BID:
        *value = example;
        return true;
    case IR_GDIM:
        *value = 64 + example;
        return true;
    case IR_ARG:
        *value = example_of(e->lo, e->hi, 1, e->imm, example);
        return leaf->examples && vocab_elem_is_int(e->type.elem);
    case IR_LOAD:
        for (uint32_t i = 0; i < e->count; i++)
            if (ir_any(e->args[i], differs, leaf->l)) return false;
        *value = example_of(e->lo, e->hi, 1, e->id, example);
        return leaf->examples && vocab_elem_is_int(e->type.elem);
    default: /* no integer */
        return false;
    }
}

static bool eval(Leaf *leaf, const IrExpr *e, int64_t *value)
{
    if (leaf->depth == DEPTH) return false;
    leaf->depth++;
    bool known = ir_eval_int(e, value_of_leaf, leaf, value);
    leaf->depth--;
    return known;
}

bool lanes_eval(Lanes *l, const LanesCase *c, const IrExpr *e, int64_t thread, int64_t *value)
{
    Leaf leaf = {l, c, thread, 0, true};
    return eval(&leaf, e, value);
}

/* Is the condition, on what is known, other than it should be? */
static bool fails(Lanes *l, const LanesCase *c, const IrExpr *cond, bool holds, int64_t thread)
{
    Leaf leaf = {l, c, thread, 0, false};
    int64_t value;
    return eval(&leaf, cond, &value) && (value != 0) != holds;
}

bool lanes_active(Lanes *l, const LanesCase *c, const IrExpr *guard, int64_t thread)
{
    if (thread < l->scope.first || thread >= l->scope.first + l->scope.count) return false;
    if (guard && fails(l, c, guard, true, thread)) return false;
    for (size_t i = 0; i < l->conds.len; i++) {
        if (fails(l, c, l->conds.data[i].cond, l->conds.data[i].holds, thread)) return false;
    }
    return true;
}
