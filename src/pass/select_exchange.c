/* Copies from register tiles to global memory whose lanes exchange words first.
 *
 * As an instruction leaves its sums, four lanes hold 16 bytes of a line: half a sector of those
 * that memory is written in, and the other half in another slot. Where one bit of a lane's number
 * says which of two neighbouring pieces of a line it has, and one bit of the slot which of two
 * pieces further along, lanes that differ in that bit exchange: each keeps the piece at one slot
 * and gives away the other, and has two neighbouring pieces then. In terms of the mapping, the two
 * bits change places. That is done until the sectors of a store are whole; each step takes, for
 * every two words, a shuffle and three selections.
 *
 * Nothing is exchanged where the stores would not become wider, since alignment is not known or an
 * edge may cut through, or where the steps take longer than the sectors that they save.
 */
#include "pass/select.h"

enum { MAX_STEPS = 4, SECTOR = 32, WIDEST = 16, WORD = 4 };

/* For a warp, in sectors on their way out of a multiprocessor, of which it passes two in a clock:
 * so are selections (64 lanes in a clock); shuffles are half as fast. */
enum { SELECT_COST = 1, SHUFFLE_COST = 2 };

enum { MAX_DIGITS = MAPPING_MAX_DIGITS + MAX_STEPS + 1 }; /* every step splits one */

typedef struct Digits {
    int count;
    MappingDigit list[MAX_DIGITS];
} Digits;

typedef struct Exchange {
    Select *s;
    IrKernel *k;
    const IrStmt *tasks, *store;
    int fast; /* the dimension of the tasks that is contiguous in memory */
    int64_t bytes;
    /* Of the tile, at first; then of what is stored. `time`: what neither the piece nor the steps
     * have taken. */
    Digits worker, time;
    Digits own;          /* time digits of the elements that lie together, fastest last */
    int64_t first;       /* elements that lie together in a lane, */
    int64_t run;         /* and after the steps */
    MappingDigit packed; /* pieces exchanged in one word; extent 1: one */
    int steps;
    int64_t lanes[MAX_STEPS], slots[MAX_STEPS]; /* that are exchanged: so far apart */
} Exchange;

/* ---- is it such a copy? ---------------------------------------------------------------------- */
static bool is_task_var(const IrStmt *tasks, const IrExpr *e)
{
    for (int d = 0; d < tasks->tasks->mapping->rank; d++)
        if (select_is_var(e, tasks->tasks->vars[d])) return true;
    return false;
}

/* Is a value made of the task's own elements of tiles, and of what is the same for all tasks? */
static bool is_own(const Exchange *x, const IrExpr *e)
{
    if (is_task_var(x->tasks, e)) return false;
    if (e->op == IR_LOAD) {
        bool plain = e->type.lanes == 1 && !(e->flags & (IR_GUARDED | IR_LINEAR));
        return plain && select_own_slot(x->k, x->tasks, e->tensor, e->args);
    }
    for (uint32_t i = 0; i < e->count; i++)
        if (!is_own(x, e->args[i])) return false;
    return true;
}

static bool match(Exchange *x)
{
    const IrTasks *tasks = x->tasks->tasks;
    if (x->tasks->flags & (IR_ASYNC | IR_FORCED) || tasks->level != 1 || tasks->mapping->rank != 2)
        return false;
    if (tasks->mapping->steps < 0 || x->tasks->body->stmts.len != 1) return false;
    x->store = x->tasks->body->stmts.data[0];
    if (x->store->kind != IR_STMT_STORE || x->store->tensor->space != IR_PARAM) return false;
    x->bytes = vocab_elem(x->store->tensor->elem)->bits / 8;
    return x->bytes > 0 && is_own(x, pass_store_value(x->store)) &&
           select_has_units(x->s, x->tasks, SELECT_WARP);
}

/* ---- alignment ------------------------------------------------------------------------------- */
/* e = `var` + rest, rest a multiple of the run whatever else it names. */
static bool is_aligned(const Exchange *x, const IrExpr *e, const IrVar *var)
{
    PassAffine rest = pass_affine(x->k, e);
    bool found = false;
    for (int i = 0; i < rest.count; i++) {
        PassTerm *term = &rest.terms[i];
        bool is_var = select_is_var(term->atom, var);
        if (is_var ? term->coef != 1 : pass_uses_var(term->atom, var)) return false;
        found |= is_var;
        if (is_var) term->coef = 0;
    }
    return found && pass_multiple(&x->s->facts, pass_affine_build(x->k, &rest)) % x->run == 0;
}

/* Does the guard decide all elements of a run alike? */
static bool is_together(const Exchange *x, const IrExpr *e, const IrVar *var)
{
    if (!pass_uses_var(e, var)) return true;
    if (e->op == IR_AND) return is_together(x, e->args[0], var) && is_together(x, e->args[1], var);
    bool compares = (e->op == IR_LT || e->op == IR_GE) && e->args[0]->type.elem == ELEM_INDEX;
    return compares && is_aligned(x, ir_binary(x->k, IR_SUB, e->args[0], e->args[1]), var);
}

/* Are whole runs of the tensor aligned, and inside or outside as a whole? */
static bool fits_memory(const Exchange *x)
{
    const IrStmt *s = x->store;
    IrVar *var[2]; /* in place of the tasks' own, which the scope may know as something else */
    PassClone c = pass_clone_begin(x->k);
    for (int d = 0; d < 2; d++) {
        const IrVar *own = x->tasks->tasks->vars[d];
        var[d] = ir_new_var(x->k, own->name, own->type, false);
        var[d]->lo = own->lo;
        var[d]->hi = own->hi;
        pass_clone_bind(&c, own, ir_var(x->k, var[d]));
    }
    const IrExpr *offset = pass_clone_expr(&c, ir_offset(x->k, s->tensor, s->args));
    const IrExpr *guard = ir_bool(x->k, true);
    if (s->flags & IR_GUARDED) guard = pass_clone_expr(&c, s->args[pass_store_indices(s) + 1]);
    return pass_base_multiple(&x->s->facts, s->tensor) % x->run == 0 &&
           is_aligned(x, pass_resolve(&x->s->scope, offset), var[x->fast]) &&
           is_together(x, pass_resolve(&x->s->scope, guard), var[x->fast]);
}

/* ---- digits ---------------------------------------------------------------------------------- */
static void take(Digits *from, int at, MappingDigit *digit)
{
    *digit = from->list[at];
    from->count--;
    for (int i = at; i < from->count; i++) from->list[i] = from->list[i + 1];
}

/* Makes the fastest part, of `extent` values, a digit of its own, at the place returned. */
static int split(Digits *digits, int at, int64_t extent)
{
    MappingDigit *digit = &digits->list[at];
    if (digit->extent == extent) return at;
    for (int i = digits->count++; i > at; i--) digits->list[i] = digits->list[i - 1];
    digit[1].extent = extent;
    digit->extent /= extent;
    digit->stride *= extent;
    digit->place *= extent;
    return at + 1;
}

static int find_stride(const Exchange *x, const Digits *digits, int64_t stride)
{
    for (int i = 0; i < digits->count; i++)
        if (digits->list[i].dim == x->fast && digits->list[i].stride == stride) return i;
    return -1;
}

static void begin(Exchange *x)
{
    const Mapping *m = x->tasks->tasks->mapping;
    x->worker.count = m->worker_count;
    x->time.count = m->time_count;
    for (int i = 0; i < m->worker_count; i++) x->worker.list[i] = m->worker[i];
    for (int i = 0; i < m->time_count; i++) x->time.list[i] = m->time[i];
    x->own.count = 0;
    x->first = 1;
    for (int at; (at = find_stride(x, &x->time, x->first)) >= 0;) {
        MappingDigit *digit = &x->own.list[x->own.count++];
        take(&x->time, at, digit);
        x->first *= digit->extent;
    }
    x->run = x->first;
    x->packed = (MappingDigit){.extent = 1};
    x->steps = 0;
}

/* Elements in a row that lanes of a warp have at one step. */
static int64_t span_of(const Exchange *x)
{
    int64_t span = x->run;
    for (int at; (at = find_stride(x, &x->worker, span)) >= 0;) {
        const MappingDigit *digit = &x->worker.list[at];
        int64_t lanes = digit->extent;
        while (lanes * digit->place > SELECT_WARP) lanes /= 2;
        if (lanes > 1) span *= lanes;
        if (lanes < digit->extent) break;
    }
    return span;
}

/* Another step: the lane's bit that has the next piece, and the slot's bit nearest to it. */
static bool add_step(Exchange *x)
{
    int at = find_stride(x, &x->worker, x->run), best = -1;
    if (at < 0) return false;
    const MappingDigit *lane = &x->worker.list[at];
    bool power = !(lane->place & (lane->place - 1));
    if (!power || lane->place >= SELECT_WARP || lane->extent % 2) return false;
    for (int i = 0; i < x->time.count; i++) {
        const MappingDigit *d = &x->time.list[i];
        bool bit = d->dim == x->fast && d->extent % 2 == 0;
        if (bit && (best < 0 || d->stride < x->time.list[best].stride)) best = i;
    }
    if (best < 0) return false;
    MappingDigit slot, *low = &x->worker.list[split(&x->worker, at, 2)];
    take(&x->time, split(&x->time, best, 2), &slot);
    x->lanes[x->steps] = low->place;
    x->slots[x->steps++] = slot.place;
    low->stride = slot.stride;
    x->run *= 2;
    return true;
}

/* Pieces smaller than a word share one. */
static void pack(Exchange *x)
{
    int64_t most = WORD / (x->first * x->bytes);
    for (int i = x->time.count; most > 1 && i-- > 0;) {
        if (x->time.list[i].extent % most) continue;
        take(&x->time, split(&x->time, i, most), &x->packed);
        return;
    }
}

/* ---- does it pay? ---------------------------------------------------------------------------- */
/* Sectors of all stores of a warp. */
static int64_t sectors(const Exchange *x)
{
    int64_t span = span_of(x), lines = SELECT_WARP * x->run / span;
    int64_t stores = x->tasks->tasks->mapping->steps / x->run;
    return stores * lines * ((span * x->bytes + SECTOR - 1) / SECTOR);
}

static bool choose(Exchange *x)
{
    begin(x);
    int64_t direct = sectors(x);
    while (2 * x->run * x->bytes <= WIDEST && span_of(x) * x->bytes < SECTOR)
        if (!add_step(x)) break;
    if (x->steps == 0 || x->run * x->bytes < WORD) return false;
    pack(x);
    int64_t piece = x->first * x->packed.extent;
    int64_t words = (piece * x->bytes + WORD - 1) / WORD;
    int64_t shuffles = x->steps * (x->tasks->tasks->mapping->steps / piece / 2) * words;
    return sectors(x) + shuffles * (SHUFFLE_COST + 3 * SELECT_COST) < direct && fits_memory(x);
}

/* ---- making ---------------------------------------------------------------------------------- */
/* Where an element of the nest's innermost body is: its slot, and its coordinates. */
typedef struct Place {
    const IrExpr *slot, *at[2];
} Place;

static void move(const Exchange *x, Place *p, const MappingDigit *digit, const IrExpr *value)
{
    p->slot = select_sum(x->k, p->slot, select_times(x->k, value, digit->place));
    p->at[digit->dim] =
        select_sum(x->k, p->at[digit->dim], select_times(x->k, value, digit->stride));
}

/* Lanes as they have them after the exchange. */
static Place origin(const Exchange *x)
{
    Mapping m = *x->tasks->tasks->mapping;
    m.worker = x->worker.list;
    m.worker_count = x->worker.count;
    Place p = {.slot = ir_index(x->k, 0)};
    for (int d = 0; d < 2; d++) p.at[d] = select_worker_part(x->k, &m, x->tasks->args[0], d);
    return p;
}

typedef struct Own {
    const Exchange *x;
    const IrExpr *slot;
} Own;

static const IrExpr *at_slot(void *user, const IrExpr *e)
{
    const Own *own = user;
    IrKernel *k = own->x->k;
    if (e->op != IR_LOAD) return NULL;
    const IrExpr *slot = select_own_slot(k, own->x->tasks, e->tensor, e->args);
    slot = select_sum(k, slot, own->slot);
    return ir_load_with(k, e->tensor, 1, e->flags | IR_LINEAR | IR_PROVED, &slot, NULL, NULL);
}

/* What pieces are moved as. */
static IrType word_type(const Exchange *x)
{
    int64_t count = x->first * x->packed.extent, bytes = count * x->bytes;
    if (x->bytes >= WORD || count == 1) return (IrType){x->store->tensor->elem, (uint8_t)count};
    if (bytes % WORD) return (IrType){ELEM_U16, (uint8_t)(bytes / 2)};
    return (IrType){ELEM_U32, (uint8_t)(bytes / WORD)};
}

static const IrExpr *vector(IrKernel *k, Elem elem, int64_t count, const IrExpr *const *lanes)
{
    return count == 1 ? lanes[0] : ir_vector(k, (IrType){elem, (uint8_t)count}, lanes);
}

static const IrExpr *lane_of(IrKernel *k, const IrExpr *e, int64_t lane)
{
    return e->type.lanes == 1 ? e : ir_lane(k, e, (int)lane);
}

/* The lane's own piece at a slot. */
static const IrExpr *piece_at(const Exchange *x, const IrExpr *slot)
{
    IrKernel *k = x->k;
    const IrExpr *lanes[WIDEST];
    int64_t count = x->first * x->packed.extent;
    for (int64_t n = 0; n < count; n++) {
        int64_t at = n / x->first * x->packed.place, stride = 1;
        for (int i = 0; i < x->own.count; i++) {
            at += n / stride % x->own.list[i].extent * x->own.list[i].place;
            stride *= x->own.list[i].extent;
        }
        Own own = {x, select_sum(k, slot, ir_index(k, at))};
        lanes[n] = ir_rewrite(k, pass_store_value(x->store), at_slot, &own);
    }
    return ir_bitcast(k, word_type(x), vector(k, x->store->tensor->elem, count, lanes));
}

static const IrExpr *named(IrKernel *k, IrBlock *to, const char *name, const IrExpr *value)
{
    return ir_var(k, pass_new_let(k, to, pass_make_name(k, "%s", name), value));
}

static const IrExpr *shuffle(IrKernel *k, IrBlock *to, const IrExpr *value, int64_t lanes)
{
    const IrExpr *operands[2] = {value, ir_int(k, ELEM_I32, lanes)};
    IrStmt *stmt = ir_append(k, to, IR_STMT_COLLECTIVE);
    stmt->var = ir_new_var(k, pass_make_name(k, "got"), value->type, false);
    stmt->builtin = BUILTIN_SHUFFLE_XOR;
    stmt->scope = IR_SCOPE_WARP;
    stmt->count = 2;
    stmt->args = base_copy(k->arena, operands, sizeof operands);
    return ir_var(k, stmt->var);
}

/* Lanes of which the bit is set give the first and get the second. */
static void exchange(const Exchange *x, IrBlock *to, int step, const IrExpr *set,
                     const IrExpr **low, const IrExpr **high)
{
    IrKernel *k = x->k;
    const IrExpr *got = shuffle(k, to, ir_select(k, set, *low, *high), x->lanes[step]);
    *low = named(k, to, "low", ir_select(k, set, got, *low));
    *high = named(k, to, "high", ir_select(k, set, *high, got));
}

/* All pieces of a run: those of the lane, then those that it has after the exchange. */
static void make_run(const Exchange *x, IrBlock *to, const Place *p, const IrExpr *const *set,
                     const IrExpr **piece)
{
    IrKernel *k = x->k;
    int pieces = 1 << x->steps;
    for (int n = 0; n < pieces; n++) {
        int64_t apart = 0;
        for (int i = 0; i < x->steps; i++) apart += (n >> i & 1) * x->slots[i];
        piece[n] = named(k, to, "piece", piece_at(x, select_sum(k, p->slot, ir_index(k, apart))));
    }
    for (int i = 0; i < x->steps; i++)
        for (int n = 0; n < pieces; n++)
            if (!(n >> i & 1)) exchange(x, to, i, set[i], &piece[n], &piece[n | 1 << i]);
}

/* Part `number` of all pieces, in words: bytes of two at a time. Returns how many. */
static int64_t unpack(const Exchange *x, const IrExpr *const *piece, int64_t number,
                      const IrExpr **words)
{
    int64_t count = INT64_C(1) << x->steps, size = x->first * x->bytes, from = number * size;
    for (int64_t n = 0; n < count; n++) words[n] = piece[n];
    for (; size < WORD; size *= 2, from = 0) {
        int64_t bytes = 0;
        for (int64_t i = 0; i < 2 * size; i++)
            bytes |= (i / size * WORD + from + i % size) << 4 * i;
        count /= 2;
        for (int64_t n = 0; n < count; n++) {
            const IrExpr *args[3] = {words[2 * n], words[2 * n + 1], ir_int(x->k, ELEM_U32, bytes)};
            words[n] = ir_math(x->k, IR_PRMT, 3, args);
        }
    }
    return count;
}

/* Run `number` of those that pieces are packed of, as a vector. */
static const IrExpr *run_of(const Exchange *x, const IrExpr *const *piece, int64_t number)
{
    IrKernel *k = x->k;
    const IrExpr *lanes[WIDEST];
    int64_t count = 0;
    if (x->packed.extent > 1) count = unpack(x, piece, number, lanes);
    for (int n = 0; n < 1 << x->steps && x->packed.extent == 1; n++)
        for (int i = 0; i < piece[n]->type.lanes; i++) lanes[count++] = lane_of(k, piece[n], i);
    const IrExpr *run = vector(k, lanes[0]->type.elem, count, lanes);
    return ir_bitcast(k, (IrType){x->store->tensor->elem, (uint8_t)x->run}, run);
}

static void store_run(const Exchange *x, IrBlock *to, const IrExpr *value, const Place *p)
{
    IrKernel *k = x->k;
    PassClone c = pass_clone_begin(k);
    for (int d = 0; d < 2; d++) pass_clone_bind(&c, x->tasks->tasks->vars[d], p->at[d]);
    pass_clone_one(&c, to, (IrStmt *)(uintptr_t)x->store);
    IrStmt *store = to->stmts.data[to->stmts.len - 1];
    store->args[pass_store_indices(store)] = value;
}

static void make(const Exchange *x, IrBlock *to)
{
    IrKernel *k = x->k;
    const IrExpr *set[MAX_STEPS], *piece[1 << MAX_STEPS] = {NULL}, *counter;
    for (int i = 0; i < x->steps; i++) {
        const IrExpr *bit = ir_binary(k, IR_DIV, x->tasks->args[0], ir_index(k, x->lanes[i]));
        bit = ir_binary(k, IR_MOD, bit, ir_index(k, 2));
        set[i] = named(k, to, "upper", ir_binary(k, IR_EQ, bit, ir_index(k, 1)));
    }
    Place p = origin(x);
    for (int i = 0; i < x->time.count; i++) {
        const MappingDigit *digit = &x->time.list[i];
        const IrVar *var = x->tasks->tasks->vars[digit->dim];
        to = select_loop(k, to, var->name->text, digit->extent, &counter);
        move(x, &p, digit, counter);
    }
    make_run(x, to, &p, set, piece);
    for (int64_t n = 0; n < x->packed.extent; n++) {
        Place at = p;
        if (n) move(x, &at, &x->packed, ir_index(k, n));
        store_run(x, to, run_of(x, piece, n), &at);
    }
}

bool select_exchange(Select *s, const IrStmt *tasks, IrBlock *to)
{
    Exchange x = {.s = s, .k = s->k, .tasks = tasks};
    if (!match(&x)) return false;
    ir_set_origin(s->k, tasks->origin);
    for (x.fast = 0; x.fast < 2; x.fast++) {
        if (!choose(&x)) continue;
        make(&x, to);
        return true;
    }
    return false;
}
