/* Fragments out of shared memory, and into it.
 *
 * `ldmatrix` reads 8 by 8 matrices of 16-bit elements, or of pairs of 8-bit ones, …: a row is 16
 * bytes, whose address one lane gives; lane l gets the word of row l / 4, column l % 4, or with
 * .trans the two elements of column l / 4, rows l % 4 * 2 and the next. Up to four matrices are
 * read at once; lanes 8 m to 8 m + 7 give the rows of matrix m. `stmatrix` is its inverse. It fits
 * where a fragment's elements lie so in the lanes, and 16 bytes of the tensor are consecutive along
 * one dimension or the other.
 *
 * An offset in the tensor is a sum of what the thread, the loops' counters and the rest contribute.
 * Under a swizzle it is so arranged that the counters do not enter the swizzle: (x ^ y) stands for
 * x + y where they have no bit in common.
 */
#include "pass/select.h"

enum { MAX_WORDS = 256, MAX_COUNTERS = 4 };

typedef struct Matrices {
    int row;       /* elements of 16 bytes */
    int word;      /* elements of a lane's word */
    int words;     /* of a lane, in a fragment: one a matrix */
    int fast;      /* the dimension along which the elements of a word lie */
    int along;     /* the dimension along which memory is read */
    int fragments; /* read at once */
} Matrices;

/* ---- does a fragment consist of matrices? ---------------------------------------------------- */
static bool runs_along(const Mapping *f, const Matrices *m)
{
    int64_t first[2], at[2];
    for (int64_t step = 0; step < f->steps; step++) {
        mapping_eval(f, 0, step / m->word * m->word, first);
        for (int64_t lane = 0; lane < SELECT_WARP; lane++) {
            mapping_eval(f, lane, step, at);
            int64_t fast = first[m->fast] + lane % 4 * m->word + step % m->word;
            int64_t slow = first[1 - m->fast] + lane / 4;
            if (at[m->fast] != fast || at[1 - m->fast] != slow) return false;
        }
    }
    return true;
}

static bool has_matrices(const Mapping *f, Elem elem, Matrices *m)
{
    int bits = vocab_elem(elem)->bits;
    if (bits > 32 || f->workers % SELECT_WARP || f->rank != 2) return false;
    m->word = 32 / bits;
    m->row = 128 / bits;
    if (f->steps % m->word || f->steps / m->word > MAX_WORDS) return false;
    m->words = (int)f->steps / m->word;
    for (m->fast = 0; m->fast < 2; m->fast++)
        if (runs_along(f, m)) return true;
    return false;
}

/* ---- where a lane's row is ------------------------------------------------------------------- */
/* The first element of matrix `number` among those of the first fragments. */
static void corner(const SelectOperand *o, const Matrices *m, int number, int64_t at[2])
{
    mapping_eval(o->fragment, 0, number % m->words * m->word, at);
    for (int d = 0; d < 2; d++) at[d] += number / m->words * o->tile_step[d];
}

/* Of the row that this lane gives, relative to the warp's; matrices from `from` on. */
static bool lane_row(IrKernel *k, const SelectOperand *o, const Matrices *m, int from, int count,
                     const IrExpr *at[2])
{
    int64_t c[4][2];
    const IrExpr *lane = ir_binary(k, IR_MOD, ir_tid(k), ir_index(k, SELECT_WARP));
    const IrExpr *odd =
        ir_binary(k, IR_MOD, ir_binary(k, IR_DIV, lane, ir_index(k, 8)), ir_index(k, 2));
    const IrExpr *high = ir_binary(k, IR_DIV, lane, ir_index(k, 16));
    for (int i = 0; i < 4; i++) corner(o, m, from + i % count, c[i]);
    for (int d = 0; d < 2; d++) {
        if (c[3][d] - c[2][d] != c[1][d] - c[0][d]) return false;
        at[d] = select_sum(k, ir_index(k, c[0][d]), select_times(k, odd, c[1][d] - c[0][d]));
        at[d] = select_sum(k, at[d], select_times(k, high, c[2][d] - c[0][d]));
    }
    const IrExpr *row = ir_binary(k, IR_MOD, lane, ir_index(k, 8));
    at[1 - m->along] = select_sum(k, at[1 - m->along], row);
    return true;
}

/* ---- offsets --------------------------------------------------------------------------------- */
typedef struct Counter {
    const IrExpr *value;
    int64_t coef;
} Counter;

/* An offset before the swizzle, taken apart. */
typedef struct Parts {
    PassAffine thread, rest;
    int64_t constant;
    int count;
    Counter counters[MAX_COUNTERS];
    bool runs; /* one place further along the row is one element further */
} Parts;

static bool is_thread(void *user, const IrExpr *e)
{
    (void)user;
    return e->op == IR_TID;
}

typedef struct Vars {
    Select *s;
    const IrVar *element;
} Vars;

static bool is_counter(const Vars *v, const IrExpr *e)
{
    PassCounter *c =
        e->op == IR_VAR ? base_map_get(&v->s->scope.counters, (uint64_t)e->var->id + 1) : NULL;
    return c && c->loop->flags & IR_UNROLL;
}

static bool names_own(void *user, const IrExpr *e)
{
    const Vars *v = user;
    return e->op == IR_VAR && (e->var == v->element || is_counter(v, e));
}

static bool is_other_leaf(void *user, const IrExpr *e)
{
    return e->count == 0 && e->op != IR_CONST && !is_counter(user, e);
}

/* Of counters of unrolled loops alone: a constant, then. */
static bool is_counted(Vars *v, const IrExpr *e)
{
    return e->op != IR_LOAD && !ir_any(e, is_other_leaf, v);
}

static bool take_apart(Vars *v, const IrExpr *sum, Parts *p)
{
    IrKernel *k = v->s->k;
    PassAffine all = pass_affine(k, sum);
    *p = (Parts){.constant = all.constant};
    p->thread.terms = NEW_ARRAY(k->arena, PassTerm, (size_t)all.count + 1);
    p->rest.terms = NEW_ARRAY(k->arena, PassTerm, (size_t)all.count + 1);
    for (int i = 0; i < all.count; i++) {
        const IrExpr *atom = all.terms[i].atom;
        if (atom->op == IR_VAR && atom->var == v->element) {
            p->runs = all.terms[i].coef == 1;
        } else if (is_counted(v, atom)) {
            if (p->count == MAX_COUNTERS) return false;
            p->counters[p->count++] = (Counter){atom, all.terms[i].coef};
        } else if (ir_any(atom, names_own, v)) {
            return false;
        } else {
            PassAffine *part = ir_any(atom, is_thread, NULL) ? &p->thread : &p->rest;
            part->terms[part->count++] = all.terms[i];
        }
    }
    if (p->constant < 0) { /* a role's threads are counted from its first */
        p->thread.constant = p->constant;
        p->constant = 0;
    }
    return p->runs;
}

/* The offset of each thread's row begins at 16 bytes. */
static bool is_aligned(Select *s, const Parts *p, const int64_t *threads, int64_t row)
{
    IrKernel *k = s->k;
    for (int i = 0; i < p->count; i++)
        if (p->counters[i].coef % row) return false;
    for (int64_t t = s->scope.first; t < s->scope.first + s->scope.count; t++)
        if (threads[t] < 0 || threads[t] % row) return false;
    return p->constant >= 0 && p->constant % row == 0 &&
           pass_multiple(&s->facts, pass_affine_build(k, &p->rest)) % row == 0;
}

static const IrExpr *swizzled(IrKernel *k, const IrLayout *l, const IrExpr *x)
{
    const IrExpr *bits = ir_binary(k, IR_SHR, x, ir_index(k, l->swizzle_from));
    bits = ir_binary(k, IR_BITAND, bits, ir_index(k, ((int64_t)1 << l->swizzle_bits) - 1));
    bits = ir_binary(k, IR_SHL, bits, ir_index(k, l->swizzle_to));
    return ir_binary(k, IR_BITXOR, x, bits);
}

/* Counters and constants below the bits that the swizzle looks at are put in by ^, those above by
 * +. NULL if some are neither. */
static const IrExpr *swizzled_apart(Select *s, const IrLayout *l, const Parts *p,
                                    const int64_t *threads)
{
    IrKernel *k = s->k;
    int64_t line = (int64_t)1 << l->swizzle_from, period = line << l->swizzle_bits;
    int64_t used = p->constant % period;
    const IrExpr *low = ir_index(k, used), *high = pass_affine_build(k, &p->rest);
    if (used >= line || pass_multiple(&s->facts, high) % period) return NULL;
    high = select_sum(k, high, ir_index(k, p->constant - used));
    for (int i = 0; i < p->count; i++) {
        const IrExpr *value = p->counters[i].value;
        const IrExpr *term = select_times(k, value, p->counters[i].coef);
        int64_t mask = 0;
        if (p->counters[i].coef % period == 0) {
            high = select_sum(k, high, term);
            continue;
        }
        if (value->lo < 0 || value->hi >= line) return NULL;
        for (int64_t v = value->lo; v <= value->hi; v++) mask |= v * p->counters[i].coef;
        if (mask < 0 || mask >= line || used & mask) return NULL;
        used |= mask;
        low = select_sum(k, low, term);
    }
    for (int64_t t = s->scope.first; t < s->scope.first + s->scope.count; t++)
        if (threads[t] & used) return NULL;
    const IrExpr *x = swizzled(k, l, pass_affine_build(k, &p->thread));
    return select_sum(k, high, ir_binary(k, IR_BITXOR, x, low));
}

/* Where the tensor's row of 16 bytes begins whose first element has these coordinates; NULL if
 * there is none. */
static const IrExpr *row_offset(Select *s, const SelectOperand *o, const Matrices *m,
                                const IrExpr *const at[2])
{
    IrKernel *k = s->k;
    const IrTensor *t = o->load->tensor;
    IrTensor plain = *t;
    IrLayout straight = {0};
    Parts p;
    IrVar *element = ir_new_var(k, t->name, (IrType){ELEM_INDEX, 1}, false);
    element->lo = 0;
    element->hi = m->row - 1;
    PassClone here = pass_clone_begin(k), beside = pass_clone_begin(k);
    for (int d = 0; d < 2; d++) {
        const IrExpr *further = d == m->along ? select_sum(k, at[d], ir_var(k, element)) : at[d];
        pass_clone_bind(&here, o->vars[d], at[d]);
        pass_clone_bind(&beside, o->vars[d], further);
    }
    const IrExpr *index[MAPPING_MAX_RANK], *index_beside[MAPPING_MAX_RANK];
    for (int d = 0; d < t->rank; d++) {
        index[d] = pass_clone_expr(&here, o->load->args[d]);
        index_beside[d] = pass_clone_expr(&beside, o->load->args[d]);
    }
    if (t->layout) {
        straight = *t->layout;
        straight.swizzle_bits = 0;
        plain.layout = &straight;
    }
    const IrExpr *sum = pass_resolve(&s->scope, ir_offset(k, &plain, index_beside));
    Vars vars = {s, element};
    if (!take_apart(&vars, sum, &p)) return NULL;
    const int64_t *threads = pass_scope_threads(&s->scope, pass_affine_build(k, &p.thread));
    if (!threads || !is_aligned(s, &p, threads, m->row)) return NULL;
    if (!t->layout || !t->layout->swizzle_bits) return ir_offset(k, t, index);
    int64_t chunk = (int64_t)1 << t->layout->swizzle_to,
            line = (int64_t)1 << t->layout->swizzle_from;
    if (chunk % m->row || line % m->row) return NULL;
    const IrExpr *apart = swizzled_apart(s, t->layout, &p, threads);
    return apart ? apart : ir_offset(k, t, index);
}

/* ---- the statements -------------------------------------------------------------------------- */
static const IrTensor *make_array(Select *s, SelectOperand *o)
{
    IrKernel *k = s->k;
    if (o->array) return o->array;
    const IrExpr *extent = ir_index(k, o->tiles * o->fragment->steps);
    const Name *name = pass_make_name(k, "%s_frag", o->load->tensor->name->text);
    IrTensor *t = ir_new_tensor(k, name, IR_PRIVATE, o->load->type.elem, 1, &extent);
    t->origin = o->load->origin;
    o->array = t;
    o->first = ir_index(k, 0);
    o->apart = o->fragment->steps;
    return t;
}

/* One instruction: `count` matrices at a time, from number `from` on. */
typedef struct Call {
    int from, count;
    const IrExpr *at[2]; /* where a lane's row begins */
    const IrExpr *offset;
} Call;

/* As many matrices at once as have a row for each lane. */
static bool plan_call(Select *s, const SelectOperand *o, const Matrices *m, const IrExpr *tile,
                      Call *call)
{
    IrKernel *k = s->k;
    const IrExpr *place[2];
    int left = m->words * m->fragments - call->from;
    call->count = left >= 4 ? 4 : left >= 2 ? 2 : 1;
    while (!lane_row(k, o, m, call->from, call->count, place)) call->count /= 2;
    for (int d = 0; d < 2; d++) {
        const IrExpr *first = select_times(k, tile, o->tile_step[d] * m->fragments);
        call->at[d] = select_sum(k, select_sum(k, o->origin[d], first), place[d]);
    }
    call->offset = row_offset(s, o, m, call->at);
    return call->offset != NULL;
}

/* Under --check: both ends of each lane's row lie in the tensor. */
static void check_row(Select *s, const SelectOperand *o, const Matrices *m, const Call *call,
                      IrBlock *to)
{
    IrKernel *k = s->k;
    const IrExpr *ends[2][2];
    for (int d = 0; d < 2; d++) {
        ends[0][d] = call->at[d];
        ends[1][d] = select_sum(k, call->at[d], ir_index(k, d == m->along ? m->row - 1 : 0));
    }
    select_check_ends(s, o, ends, to);
}

static void append_call(Select *s, const SelectOperand *o, const Matrices *m, const Call *call,
                        const IrExpr *slot, IrBlock *to)
{
    IrKernel *k = s->k;
    slot = select_sum(k, slot, ir_index(k, call->from * m->word));
    const char *text =
        base_format(k->arena, "%smatrix.sync.aligned.m8n8.x%d%s.shared.b16",
                    o->stores ? "st" : "ld", call->count, m->along != m->fast ? ".trans" : "");
    const IrTensor *memory = o->load->tensor;
    const IrExpr *offset = o->stores ? call->offset : slot;
    const IrExpr *from = o->stores ? slot : call->offset;
    IrStmt *made = select_machine(k, to, o->stores ? BUILTIN_STMATRIX : BUILTIN_LDMATRIX,
                                  o->stores ? memory : o->array, offset, text);
    made->args[1] =
        ir_load_with(k, o->stores ? o->array : memory, 1, IR_LINEAR | IR_PROVED, &from, NULL, NULL);
    made->count = 2;
}

/* Fragments `m->fragments` at a time. */
static bool move_matrices(Select *s, SelectOperand *o, const Matrices *m, IrBlock *to)
{
    IrKernel *k = s->k;
    IrBlock *made = ir_new_block(k);
    const IrExpr *tile;
    Call calls[MAX_WORDS];
    int count = 0, all = m->words * m->fragments;
    IrBlock *body = select_loop(k, made, "t", o->tiles / m->fragments, &tile);
    if (body != made) pass_scope_for(&s->scope, made->stmts.data[0]);
    for (int from = 0; from < all; from += calls[count++].count) {
        calls[count].from = from;
        if (!plan_call(s, o, m, tile, &calls[count])) return false;
    }
    make_array(s, o);
    const IrExpr *slot = select_sum(k, o->first, select_times(k, tile, o->apart * m->fragments));
    for (int i = 0; i < count; i++) {
        if (s->ctx->options->check) check_row(s, o, m, &calls[i], body);
        append_call(s, o, m, &calls[i], slot, body);
    }
    ir_splice(k, to, made);
    return true;
}

bool select_matrices(Select *s, SelectOperand *o, IrBlock *to)
{
    Matrices m;
    const IrTensor *t = o->load->tensor;
    o->reason = "the fragment's elements do not lie in the lanes as in its matrices";
    if (!has_matrices(o->fragment, o->load->type.elem, &m)) return false;
    o->reason = "no 16 aligned bytes of the shared tensor hold elements in a row";
    if (t->space != IR_SHARED || t->of || t->strides) return false;
    int most = m.words < 4 ? 4 / m.words : 1;
    for (m.along = 0; m.along < 2; m.along++) {
        if (m.along != m.fast && m.word != 2) continue;
        for (m.fragments = most; m.fragments; m.fragments /= 2)
            if (o->tiles % m.fragments == 0 && move_matrices(s, o, &m, to)) return true;
    }
    return false;
}

/* ---- element by element ---------------------------------------------------------------------- */
static void load_elements(Select *s, SelectOperand *o, IrBlock *to)
{
    IrKernel *k = s->k;
    const Mapping *f = o->fragment;
    const IrExpr *lane = ir_binary(k, IR_MOD, ir_tid(k), ir_index(k, SELECT_WARP)), *tile, *at[2];
    const IrTensor *array = make_array(s, o);
    to = select_loop(k, to, "t", o->tiles, &tile);
    const IrExpr *slot = select_sum(k, o->first, select_times(k, tile, o->apart));
    for (int d = 0; d < 2; d++) {
        at[d] = select_sum(k, o->origin[d], select_times(k, tile, o->tile_step[d]));
        at[d] = select_sum(k, at[d], select_worker_part(k, f, lane, d));
    }
    for (int i = 0; i < f->time_count; i++) {
        const MappingDigit *digit = &f->time[i];
        const IrExpr *counter;
        to = select_loop(k, to, "e", digit->extent, &counter);
        at[digit->dim] = select_sum(k, at[digit->dim], select_times(k, counter, digit->stride));
        slot = select_sum(k, slot, select_times(k, counter, digit->place));
    }
    PassClone c = pass_clone_begin(k);
    for (int d = 0; d < 2; d++) pass_clone_bind(&c, o->vars[d], at[d]);
    ir_store(k, to, array, &slot, pass_clone_expr(&c, o->load), NULL)->flags |= IR_LINEAR;
}

void select_load(Select *s, SelectOperand *o, IrBlock *to)
{
    if (!select_matrices(s, o, to)) load_elements(s, o, to);
}
