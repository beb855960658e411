/* Slots of accesses to distributed tiles.
 *
 * An index of a tile, with the variables in scope written out, is a function of the thread and of
 * loop counters of constant range. The digits of the tile's mapping that belong to one dimension
 * form a mixed radix of that dimension, so dimensions are judged one by one: for every thread and
 * every value of the counters in that index, the worker digits must be those of the thread and
 * the time digits the same for all threads.
 */
#include "pass/internal.h"

enum { MAX_COUNTERS = 16, MAX_COMBINATIONS = 1 << 16 };

/* The counters that occur in an index, and their values during an enumeration. */
typedef struct Counters {
    PassScope *s;
    int count;
    const PassCounter *list[MAX_COUNTERS];
    int64_t value[MAX_COUNTERS];
    int64_t thread;
    const IrExpr *culprit; /* a leaf that is neither thread nor counter */
} Counters;

static bool gather_leaf(void *user, const IrExpr *e)
{
    Counters *c = user;
    if (e->op == IR_CONST || e->op == IR_TID) return false;
    if (e->op == IR_VAR) {
        const PassCounter *counter = base_map_get(&c->s->counters, (uint64_t)e->var->id + 1);
        for (int i = 0; i < c->count; i++)
            if (c->list[i] == counter) return false;
        if (counter && c->count < MAX_COUNTERS) {
            c->list[c->count++] = counter;
            return false;
        }
    } else if (e->count > 0 && e->op != IR_LOAD) {
        return false;
    }
    c->culprit = e;
    return true;
}

static bool gather(Counters *c, const IrExpr *e)
{
    return !ir_any(e, gather_leaf, c);
}

static bool leaf_value(void *user, const IrExpr *e, int64_t *value)
{
    const Counters *c = user;
    if (e->op == IR_TID) {
        *value = c->thread;
        return true;
    }
    for (int i = 0; i < c->count; i++) {
        if (c->list[i]->var != e) continue;
        *value = c->value[i];
        return true;
    }
    return false;
}

static int64_t value_at(Counters *c, const IrExpr *e)
{
    int64_t value = 0;
    if (!ir_eval_int(e, leaf_value, c, &value)) c->culprit = e;
    return value;
}

static void first_combination(Counters *c)
{
    for (int i = 0; i < c->count; i++) c->value[i] = c->list[i]->lo;
}

/* The next values of the counters, the last one fastest; false after the last combination. */
static bool next_combination(Counters *c)
{
    for (int i = c->count - 1; i >= 0; i--) {
        const PassCounter *counter = c->list[i];
        c->value[i] += counter->step;
        if (c->value[i] < counter->lo + counter->step * counter->trip) return true;
        c->value[i] = counter->lo;
    }
    return false;
}

static bool any_combination(const Counters *c, int64_t *count)
{
    *count = 1;
    for (int i = 0; i < c->count; i++)
        if (!base_mul(*count, c->list[i]->trip, count)) return false;
    return *count > 0;
}

/* The tile's worker index of the running thread, resolved. */
static const IrExpr *tile_worker(PassScope *s, const IrTensor *tile)
{
    for (const PassWorkers *w = s->workers; w; w = w->outer) {
        const IrTasks *tasks = w->tasks->tasks;
        if (tasks->level == 1 && tasks->mapping->workers == tile->over->workers &&
            pass_scope_threads(s, w->worker))
            return w->worker;
    }
    IrKernel *k = s->k;
    const IrExpr *member = ir_binary(k, IR_SUB, ir_tid(k), ir_index(k, tile->first));
    return ir_binary(k, IR_MOD, member, ir_index(k, tile->over->workers));
}

/* Worker part of `coord` along `dim` against the worker's own digits. */
static bool owns_digits(const Mapping *m, int dim, int64_t worker, int64_t coord)
{
    if (coord < 0 || coord >= m->shape[dim]) return false;
    for (int i = 0; i < m->worker_count; i++) {
        const MappingDigit *d = &m->worker[i];
        if (d->dim == dim && coord / d->stride % d->extent != worker / d->place % d->extent)
            return false;
    }
    return true;
}

/* The part of the slot that dimension `dim` decides. */
static int64_t partial_slot(const Mapping *m, int dim, int64_t coord)
{
    int64_t slot = 0;
    for (int i = 0; i < m->time_count; i++) {
        const MappingDigit *d = &m->time[i];
        if (d->dim == dim) slot += coord / d->stride % d->extent * d->place;
    }
    return slot;
}

typedef struct Check {
    PassScope *s;
    const IrTensor *tile;
    const IrExpr **index;   /* resolved */
    const int64_t *workers; /* by thread */
    Counters counters;
    const int64_t *by_thread; /* of the index in hand: its thread's part, or NULL */
    const IrExpr *rest;       /* and what is to be added; without by_thread, all of it */
    PassSlot *why;
} Check;

static PassSlotKind refuse(Check *c, PassSlotKind kind, int dim)
{
    PassSlot *why = c->why;
    why->kind = kind;
    why->dim = dim;
    why->worker = c->workers[c->counters.thread];
    Counters all = c->counters;
    for (int i = 0; i < c->tile->rank; i++) {
        int known = all.count;
        gather(&all, c->index[i]);
        for (; known < all.count; known++) all.value[known] = all.list[known]->lo;
        why->coords[i] = value_at(&all, c->index[i]);
    }
    return kind;
}

/* All threads at the counters' present values: `*slot` is the first thread's part of the slot. */
static PassSlotKind check_threads(Check *c, int dim)
{
    const Mapping *m = c->tile->over;
    int lead = c->tile->rank - m->rank;
    int64_t slot = -1, shared = c->by_thread ? value_at(&c->counters, c->rest) : 0;
    for (int64_t t = c->s->first; t < c->s->first + c->s->count; t++) {
        int64_t worker = c->workers[t];
        if (worker < 0 || worker >= m->workers) continue;
        c->counters.thread = t;
        int64_t coord =
            c->by_thread ? c->by_thread[t] + shared : value_at(&c->counters, c->index[dim]);
        int64_t part = coord;
        if (dim >= lead) {
            if (!owns_digits(m, dim - lead, worker, coord)) return refuse(c, SLOT_NOT_OWNED, dim);
            part = partial_slot(m, dim - lead, coord);
        } else if (coord < 0 || coord >= c->tile->extents[dim]->value.i) {
            return refuse(c, SLOT_NOT_OWNED, dim);
        }
        if (slot >= 0 && part != slot) return refuse(c, SLOT_VARIES, dim);
        slot = part;
    }
    return SLOT_OK;
}

static bool is_counter(void *user, const IrExpr *e)
{
    (void)user;
    return e->op == IR_VAR;
}

static bool is_thread(void *user, const IrExpr *e)
{
    (void)user;
    return e->op == IR_TID;
}

/* index = thread's part + counters' part, where it is such a sum: then the first is evaluated only
 * once for each thread. */
static void split_index(Check *c, const IrExpr *index)
{
    IrKernel *k = c->s->k;
    PassAffine all = pass_affine(k, index), thread = {0}, rest = {.constant = all.constant};
    thread.terms = NEW_ARRAY(c->s->arena, PassTerm, (size_t)all.count + 1);
    rest.terms = NEW_ARRAY(c->s->arena, PassTerm, (size_t)all.count + 1);
    c->by_thread = NULL;
    c->rest = index;
    for (int i = 0; i < all.count; i++) {
        bool counts = ir_any(all.terms[i].atom, is_counter, NULL);
        if (counts && ir_any(all.terms[i].atom, is_thread, NULL)) return;
        PassAffine *part = counts ? &rest : &thread;
        part->terms[part->count++] = all.terms[i];
    }
    c->by_thread = pass_scope_threads(c->s, pass_affine_build(k, &thread));
    if (c->by_thread) c->rest = pass_affine_build(k, &rest);
}

static PassSlotKind check_dim(Check *c, int dim)
{
    int64_t combinations;
    c->counters = (Counters){.s = c->s};
    bool known = gather(&c->counters, c->index[dim]);
    if (known && !any_combination(&c->counters, &combinations)) return SLOT_OK;
    if (!known || combinations > MAX_COMBINATIONS) {
        c->why->kind = SLOT_RUNTIME;
        c->why->dim = dim;
        c->why->culprit = known ? c->index[dim] : c->counters.culprit;
        return SLOT_RUNTIME;
    }
    split_index(c, c->index[dim]);
    first_combination(&c->counters);
    do {
        PassSlotKind kind = check_threads(c, dim);
        if (kind != SLOT_OK) return kind;
    } while (next_combination(&c->counters));
    return SLOT_OK;
}

/* The common case, decided at a glance: in a loop over the tile's own mapping, its coordinates. */
static bool is_own_task(PassScope *s, const IrTensor *tile, const IrExpr *const *index)
{
    const PassWorkers *w = s->workers;
    if (!w || tile->rank != tile->over->rank || w->tasks->tasks->level != 1) return false;
    const IrTasks *tasks = w->tasks->tasks;
    if (tasks->mapping != tile->over && !mapping_equal(tasks->mapping, tile->over)) return false;
    for (int i = 0; i < tile->rank; i++)
        if (index[i]->op != IR_VAR || index[i]->var != tasks->vars[i]) return false;
    return true;
}

PassSlotKind pass_slot_check(PassScope *s, const IrTensor *tile, const IrExpr *const *index,
                             PassSlot *why)
{
    *why = (PassSlot){.kind = SLOT_OK};
    if (is_own_task(s, tile, index)) return SLOT_OK;
    Check c = {.s = s, .tile = tile, .why = why};
    c.workers = pass_scope_threads(s, tile_worker(s, tile));
    c.index = NEW_ARRAY(s->arena, const IrExpr *, (size_t)tile->rank);
    for (int i = 0; i < tile->rank; i++) c.index[i] = pass_resolve(s, index[i]);
    for (int i = 0; i < tile->rank; i++) {
        PassSlotKind kind = check_dim(&c, i);
        if (kind != SLOT_OK) return kind;
    }
    return SLOT_OK;
}

/* ---- the slot as an expression --------------------------------------------------------------- */
static int64_t slot_at(Counters *c, const IrTensor *tile, const IrExpr *const *index)
{
    const Mapping *m = tile->over;
    int lead = tile->rank - m->rank;
    int64_t slot = 0, own = 0;
    for (int i = 0; i < lead; i++) slot = slot * tile->extents[i]->value.i + value_at(c, index[i]);
    for (int i = 0; i < m->rank; i++) own += partial_slot(m, i, value_at(c, index[lead + i]));
    return slot * m->steps + own;
}

static int64_t affine_at(const Counters *c, const int64_t *coef, int64_t base)
{
    for (int i = 0; i < c->count; i++)
        base += coef[i] * ((c->value[i] - c->list[i]->lo) / c->list[i]->step);
    return base;
}

/* A loop to unroll, so that its counter becomes a constant: the outermost one. */
static IrStmt *loop_to_unroll(const Counters *c)
{
    const PassCounter *best = NULL;
    for (int i = 0; i < c->count; i++)
        if (!best || c->list[i]->var->var->id < best->var->var->id) best = c->list[i];
    return best ? best->loop : NULL;
}

const IrExpr *pass_slot_fit(PassScope *s, const IrTensor *tile, const IrExpr *const *index,
                            IrStmt **culprit)
{
    IrKernel *k = s->k;
    *culprit = NULL;
    Counters c = {.s = s, .thread = s->first};
    const IrExpr **resolved = NEW_ARRAY(s->arena, const IrExpr *, (size_t)tile->rank);
    for (int i = 0; i < tile->rank; i++) {
        resolved[i] = pass_resolve(s, index[i]);
        if (!gather(&c, resolved[i])) return NULL;
    }
    first_combination(&c);
    int64_t base = slot_at(&c, tile, resolved), coef[MAX_COUNTERS] = {0};
    bool fits = true;
    for (int i = 0; i < c.count; i++) {
        if (c.list[i]->trip < 2) continue;
        c.value[i] += c.list[i]->step;
        coef[i] = slot_at(&c, tile, resolved) - base;
        c.value[i] -= c.list[i]->step;
        fits = fits && coef[i] % c.list[i]->step == 0;
    }
    first_combination(&c);
    do fits = fits && slot_at(&c, tile, resolved) == affine_at(&c, coef, base);
    while (fits && next_combination(&c));
    *culprit = fits ? NULL : loop_to_unroll(&c);
    if (!fits) return NULL;
    const IrExpr *slot = ir_index(k, base);
    for (int i = 0; i < c.count; i++) {
        int64_t scale = coef[i] / c.list[i]->step;
        const IrExpr *term = ir_binary(k, IR_MUL, c.list[i]->var, ir_index(k, scale));
        term = ir_binary(k, IR_SUB, term, ir_index(k, scale * c.list[i]->lo));
        slot = ir_binary(k, IR_ADD, slot, term);
    }
    return slot;
}

/* ---- replicas -------------------------------------------------------------------------------- */
/* The worker that is `worker` with all replicate digits zero. */
static int64_t first_replica(const Mapping *m, int64_t worker)
{
    for (int i = 0; i < m->worker_count; i++) {
        const MappingDigit *d = &m->worker[i];
        if (d->dim < 0) worker -= worker / d->place % d->extent * d->place;
    }
    return worker;
}

bool pass_slot_excludes(PassScope *s, const IrTensor *tile, PassSlot *why)
{
    const int64_t *workers = pass_scope_threads(s, tile_worker(s, tile));
    const Mapping *m = tile->over;
    if (s->count % m->workers == 0 && (s->first - tile->first) % m->workers == 0) return false;
    for (int64_t t = s->first; t < s->first + s->count; t++)
        for (int64_t w = 0; w < m->workers; w++) {
            int64_t u = t - workers[t] + w;
            if (u >= s->first && u < s->first + s->count) continue;
            if (first_replica(m, w) != first_replica(m, workers[t])) continue;
            *why = (PassSlot){.kind = SLOT_REPLICA, .worker = workers[t], .other = w};
            return true;
        }
    return false;
}

bool pass_slot_differs(PassScope *s, const IrTensor *tile, const IrExpr *e, PassSlot *why)
{
    Counters c = {.s = s};
    const IrExpr *resolved = pass_resolve(s, e);
    if (!gather(&c, resolved)) return false;
    first_combination(&c);
    const int64_t *workers = pass_scope_threads(s, tile_worker(s, tile));
    int64_t end = s->first + s->count;
    for (int64_t t = s->first; t < end; t++) {
        /* of the same group: where each warp has its own tile, others count the same workers */
        int64_t replica = first_replica(tile->over, workers[t]), u = t - workers[t] + replica;
        if (replica == workers[t] || u < s->first || u >= end || workers[u] != replica) continue;
        c.thread = t;
        int64_t mine = value_at(&c, resolved);
        c.thread = u;
        if (mine == value_at(&c, resolved)) continue;
        *why = (PassSlot){.kind = SLOT_REPLICA, .culprit = e};
        why->worker = workers[t];
        why->other = replica;
        return true;
    }
    return false;
}

bool pass_slot_known(PassScope *s, const IrExpr *e)
{
    Counters c = {.s = s};
    bool whole =
        e->type.lanes == 1 && (e->type.elem == ELEM_BOOL || vocab_elem_is_int(e->type.elem));
    return whole && gather(&c, pass_resolve(s, e));
}
