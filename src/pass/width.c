/* Widths of expressions, by their form; of variables, as found so far. */
#include "pass/width.h"

enum { WARP = 32 };

/* (thread + offset) / scale % modulus, the `%` absent if modulus is 0. */
typedef struct ThreadLike {
    bool is;
    int64_t scale, offset, modulus;
} ThreadLike;

void width_begin(Widths *w, IrKernel *k)
{
    *w = (Widths){.k = k};
    w->vars = NEW_ARRAY(k->arena, int64_t, k->vars.len + 1);
    w->tensors = NEW_ARRAY(k->arena, int64_t, k->tensors.len + 1);
    w->atomic = NEW_ARRAY(k->arena, bool, k->tensors.len + 1);
    w->memo_count = k->expr_count;
    w->memo = NEW_ARRAY(k->arena, int64_t, (size_t)k->expr_count + 1);
    width_forget(w);
}

void width_forget(Widths *w)
{
    for (uint32_t i = 0; i < w->memo_count; i++) w->memo[i] = -1;
}

int64_t width_join(const Widths *w, int64_t a, int64_t b)
{
    int64_t block = w->k->block_size;
    if (a == 0 || b == 0) return a + b;
    if (a >= block || b >= block) return a < b ? a : b;
    return base_gcd(a, b);
}

int64_t width_cluster(const IrKernel *k)
{
    return k->cluster ? k->cluster * k->block_size : k->block_size;
}

/* The number of a cluster, or what else of the block's coordinates its blocks have in common. */
static bool is_of_cluster(const IrKernel *k, const IrExpr *e)
{
    if (!k->cluster) return false;
    if (e->op == IR_BID) return e->imm != 0;
    return e->op == IR_DIV && e->args[0]->op == IR_BID && ir_is_const(e->args[1]) &&
           e->args[1]->value.i > 0 && e->args[1]->value.i % k->cluster == 0;
}

void width_lower(Widths *w, int64_t *slot, int64_t to)
{
    int64_t joined = width_join(w, *slot, to);
    w->changed = w->changed || joined != *slot;
    *slot = joined;
}

bool width_covers(const Widths *w, int64_t width, int64_t group)
{
    if (width == 0) return true;
    if (group == 0) return false;
    return group > w->k->block_size || width >= w->k->block_size ? width >= group
                                                                 : width % group == 0;
}

bool width_spans(const Widths *w, int64_t width, int64_t first, int64_t count)
{
    if (width == 0 || width >= w->k->block_size) return true;
    return first / width == (first + count - 1) / width;
}

static int64_t constant_or(const IrExpr *e, int64_t otherwise)
{
    return ir_is_const(e) && vocab_elem_is_int(e->type.elem) ? e->value.i : otherwise;
}

static ThreadLike thread_divided(ThreadLike t, int64_t by)
{
    if (t.modulus && t.modulus % by) return (ThreadLike){0};
    t.scale *= by;
    t.modulus /= by;
    return t;
}

static ThreadLike thread_wrapped(ThreadLike t, int64_t by)
{
    if (t.modulus && t.modulus % by) return (ThreadLike){0};
    t.modulus = by;
    return t;
}

static ThreadLike thread_like(const IrExpr *e)
{
    ThreadLike no = {0};
    if (e->op == IR_TID) return (ThreadLike){true, 1, 0, 0};
    if (e->count == 0) return no;
    ThreadLike t = thread_like(e->args[0]);
    int64_t c = e->count == 2 ? constant_or(e->args[1], -1) : -1;
    if (!t.is) return no;
    if (e->op == IR_CAST && vocab_elem_is_int(e->type.elem)) return t;
    if (e->op == IR_DIV && c > 0) return thread_divided(t, c);
    if (e->op == IR_SHR && c >= 0 && c < 31) return thread_divided(t, (int64_t)1 << c);
    if (e->op == IR_MOD && c > 0) return thread_wrapped(t, c);
    if (e->op == IR_BITAND && c > 0 && (c & (c + 1)) == 0) return thread_wrapped(t, c + 1);
    bool sum = e->op == IR_ADD || e->op == IR_SUB;
    if (sum && ir_is_const(e->args[1]) && t.modulus == 0) {
        int64_t offset = e->args[1]->value.i * t.scale;
        t.offset += e->op == IR_ADD ? offset : -offset;
        return t;
    }
    return no;
}

static int64_t thread_width(ThreadLike t)
{
    return base_gcd(t.scale, t.offset < 0 ? -t.offset : t.offset);
}

/* `thread < 64` is decided alike for 64 threads. */
static int64_t compare_width(const IrExpr *e)
{
    ThreadLike t = thread_like(e->args[0]);
    if (!t.is || t.modulus || !ir_is_const(e->args[1])) return 1;
    int64_t bound = e->args[1]->value.i;
    if (e->op == IR_LE || e->op == IR_GT) bound++;
    int64_t at = bound * t.scale - t.offset;
    return at < 0 ? -at : at;
}

static int64_t load_width(Widths *w, const IrExpr *e)
{
    int64_t width = width_of_all(w, (int)e->count, e->args);
    const IrTensor *t = e->tensor;
    if (t->space == IR_SHARED) return width_join(w, width, w->k->block_size);
    if (t->space == IR_PARAM && t->written)
        return w->atomic[t->id] ? 1 : width_join(w, width, w->k->block_size);
    if (t->space == IR_TILE || t->space == IR_PRIVATE)
        return width_join(w, width, w->tensors[t->id]);
    return width;
}

static int64_t find_width(Widths *w, const IrExpr *e)
{
    if (e->op == IR_VAR) return e->var->id < w->k->vars.len ? w->vars[e->var->id] : 1;
    if (is_of_cluster(w->k, e)) return width_cluster(w->k);
    if (e->op == IR_BID) return w->k->block_size;
    if (e->op == IR_LOAD) return load_width(w, e);
    ThreadLike t = thread_like(e);
    if (t.is) return thread_width(t);
    int64_t width = width_of_all(w, (int)e->count, e->args);
    bool ordered = e->op == IR_LT || e->op == IR_LE || e->op == IR_GT || e->op == IR_GE;
    if (!ordered) return width;
    int64_t better = compare_width(e);
    return better > width && width ? better : width;
}

int64_t width_of(Widths *w, const IrExpr *e)
{
    if (e->id >= w->memo_count) return find_width(w, e);
    int64_t *memo = &w->memo[e->id];
    if (*memo < 0) *memo = find_width(w, e);
    return *memo;
}

int64_t width_of_all(Widths *w, int count, const IrExpr *const *args)
{
    int64_t width = 0;
    for (int i = 0; i < count; i++) width = width_join(w, width, width_of(w, args[i]));
    return width;
}

int64_t width_of_task(Widths *w, const IrStmt *tasks, int dim)
{
    const Mapping *m = tasks->tasks->mapping;
    int64_t worker = width_of(w, tasks->args[0]), place = 0;
    int64_t extents = width_of_all(w, tasks->count - 1, tasks->args + 1);
    bool moves = false;
    for (int i = 0; i < m->worker_count; i++) {
        if (m->worker[i].dim != dim) continue;
        moves = true;
        place = base_gcd(place, m->worker[i].place);
    }
    if (!moves) return extents;
    ThreadLike t = thread_like(tasks->args[0]);
    if (t.is && t.offset == 0 && t.modulus == 0 && place > 0) worker = t.scale * place;
    return width_join(w, extents, worker);
}

int64_t width_of_collective(Widths *w, const IrStmt *s)
{
    int64_t value = width_of(w, s->args[0]);
    if (width_covers(w, value, WARP)) return value;
    switch (s->builtin) {
    case BUILTIN_VOTE_ANY:
    case BUILTIN_VOTE_ALL:
    case BUILTIN_BALLOT:
        return WARP;
    case BUILTIN_SHUFFLE:
        return width_covers(w, width_of(w, s->args[1]), WARP) ? WARP : 1;
    case BUILTIN_UNIFORM: /* asserted of the group */
        if (s->scope == IR_SCOPE_BLOCK) return w->k->block_size;
        return s->scope == IR_SCOPE_GROUP ? s->imm : WARP;
    default:
        return 1;
    }
}
