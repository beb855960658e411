/* Homes: what lives across the pieces of a split block gets a place that all of them see, and TID
 * becomes the counter of the loop around it.
 *
 * A pure value is computed again where its variable is out of sight; other variables become arrays
 * over the threads of the innermost group around all their uses. A tile or private array that only
 * one loop over threads touches stays private to an iteration; else it is stored [slot][thread].
 */
#include "pass/fission.h"

enum { INLINE_NODES = 16 };

static bool is_thread_loop(const Container *c)
{
    return c && c->group.count == 1;
}

static bool sees(const Container *inner, const Container *outer)
{
    while (inner && (!outer || inner->depth > outer->depth)) inner = inner->outer;
    return inner == outer;
}

static Container *common(Container *a, Container *b)
{
    while (a != b) {
        if (!a || !b) return NULL;
        if (a->depth > b->depth)
            a = a->outer;
        else
            b = b->outer;
    }
    return a;
}

static Container *container_of(const Fission *f, const IrStmt *s)
{
    return base_map_get(&f->containers, base_key(s));
}

/* ---- first walk: who is seen from where ------------------------------------------------------ */

/* Nodes that computing a value again would take, those of the variables in it included. */
typedef struct Weight {
    const Fission *f;
    int nodes;
    bool impure;
} Weight;

static bool weigh(void *user, const IrExpr *e)
{
    Weight *w = user;
    w->impure |= e->op == IR_LOAD || (e->op == IR_VAR && e->var->mutable);
    if (e->op == IR_VAR) w->nodes += w->f->vars[e->var->id].weight;
    return ++w->nodes > INLINE_NODES || w->impure;
}

static bool note_use(void *user, const IrExpr *e);

static void use_var(Fission *f, const IrVar *var)
{
    Home *h = &f->vars[var->id];
    if (!h->seen) return;
    h->common = common(h->common, f->current);
    if (sees(f->current, h->defined)) return;
    h->crosses = true;
    if (h->value) ir_any(h->value, note_use, f);
}

static void use_tensor(Fission *f, const IrTensor *t)
{
    if (t->space != IR_TILE && t->space != IR_PRIVATE) return;
    Home *h = &f->tensors[t->id];
    h->common = h->seen ? common(h->common, f->current) : f->current;
    h->seen = true;
    h->repeated |= f->loops > 0;
}

static bool note_use(void *user, const IrExpr *e)
{
    if (e->op == IR_VAR) use_var(user, e->var);
    if (e->op == IR_LOAD) use_tensor(user, e->tensor);
    return false;
}

static void define(Fission *f, const IrStmt *s)
{
    Home *h = &f->vars[s->var->id];
    *h = (Home){.defined = f->current, .common = f->current, .seen = true};
    if (s->kind != IR_STMT_LET || s->var->mutable) return;
    if (vocab_elem_is_float(s->var->type.elem)) return; /* cheaper to keep than to repeat */
    Weight w = {.f = f};
    if (ir_any(s->args[0], weigh, &w)) return;
    h->value = s->args[0];
    h->weight = w.nodes;
}

static void survey(Fission *f, const IrBlock *block)
{
    for (size_t i = 0; block && i < block->stmts.len; i++) {
        const IrStmt *s = block->stmts.data[i];
        for (int j = 0; j < s->count; j++) ir_any(s->args[j], note_use, f);
        if (s->tensor) use_tensor(f, s->tensor);
        if (s->kind == IR_STMT_SET)
            use_var(f, s->var);
        else if (s->var && s->kind != IR_STMT_REGION && s->kind != IR_STMT_LEAVE)
            define(f, s);
        Container *before = f->current, *inside = container_of(f, s);
        bool loop = (s->kind == IR_STMT_FOR || s->kind == IR_STMT_WHILE) && !inside &&
                    !is_thread_loop(before);
        if (inside) {
            f->current = inside;
            if (s->kind == IR_STMT_FOR) f->vars[s->var->id].defined = inside;
        }
        f->loops += loop;
        survey(f, s->body);
        survey(f, s->other);
        f->loops -= loop;
        f->current = before;
    }
}

/* ---- arrays ---------------------------------------------------------------------------------- */

static IrTensor *thread_array(Fission *f, const Name *name, Elem elem, int64_t slots,
                              const Container *home)
{
    const IrExpr *extents[2] = {ir_index(f->k, slots),
                                ir_index(f->k, home ? home->group.count : f->k->block_size)};
    bool flat = slots < 0;
    IrTensor *t =
        ir_new_tensor(f->k, name, IR_SHARED, elem, flat ? 1 : 2, flat ? extents + 1 : extents);
    t->made = flat ? IR_MADE_VALUE : IR_MADE_TILE;
    return t;
}

/* Indices of a thread's element: [slot,] thread - first thread of the home. */
static int thread_index(Fission *f, const Home *h, const IrExpr *slot, const IrExpr **index)
{
    const IrExpr *thread = ir_tid(f->k);
    if (h->common) thread = ir_binary(f->k, IR_SUB, thread, h->common->group.base);
    int n = 0;
    if (slot) index[n++] = slot;
    index[n++] = thread;
    return n;
}

static bool needs_array(const Home *h)
{
    return h->crosses && !h->value;
}

static void settle_var(Fission *f, const IrVar *var)
{
    Home *h = &f->vars[var->id];
    if (needs_array(h)) h->array = thread_array(f, var->name, var->type.elem, -1, h->common);
}

static void settle_tensor(Fission *f, IrTensor *t)
{
    Home *h = &f->tensors[t->id];
    if (!h->seen) return;
    int64_t slots = t->space == IR_TILE ? ir_tile_slots(t) : ir_tensor_size(t);
    if (h->repeated || f->who) h->common = NULL;
    /* Watched tiles have a place for each thread: what one wrote is not there for the next. */
    if (!is_thread_loop(h->common) || f->who) {
        h->array = thread_array(f, t->name, t->elem, slots, h->common);
    } else if (t->space == IR_TILE) {
        const IrExpr *extent = ir_index(f->k, slots);
        IrTensor *array = ir_new_tensor(f->k, t->name, IR_PRIVATE, t->elem, 1, &extent);
        array->made = IR_MADE_TILE;
        h->array = array;
    }
}

/* ---- second walk: replacing ------------------------------------------------------------------ */

static const IrExpr *replace(void *user, const IrExpr *e);

static const IrExpr *replace_var(Fission *f, const IrExpr *e)
{
    Home *h = e->var->id < f->var_count ? &f->vars[e->var->id] : NULL;
    if (!h || !h->seen || !h->crosses) return NULL;
    if (!e->var->mutable && sees(f->current, h->defined)) return NULL;
    if (h->value) return ir_rewrite(f->k, h->value, replace, f);
    const IrExpr *index[2];
    thread_index(f, h, NULL, index);
    return ir_load(f->k, h->array, 1, index, NULL, NULL);
}

/* Indices into what replaces a tile or private array. */
static int tensor_index(Fission *f, const IrTensor *t, uint32_t flags, const IrExpr *const *from,
                        const IrExpr **index)
{
    const Home *h = &f->tensors[t->id];
    const IrExpr *slot = flags & IR_LINEAR ? from[0] : ir_offset(f->k, t, from);
    if (h->array->space != IR_PRIVATE) return thread_index(f, h, slot, index);
    index[0] = slot;
    return 1;
}

static const IrExpr *replace_load(Fission *f, const IrExpr *e)
{
    const IrTensor *t = e->tensor;
    const IrTensor *array = t->id < f->tensor_count ? f->tensors[t->id].array : NULL;
    if (!array) return NULL;
    const IrExpr *index[2];
    int n = pass_load_indices(e);
    bool guarded = e->flags & IR_GUARDED;
    tensor_index(f, t, e->flags, e->args, index);
    return ir_load_with(f->k, array, e->type.lanes, e->flags & (uint32_t)~IR_LINEAR, index,
                        guarded ? e->args[n] : NULL, guarded ? e->args[n + 1] : NULL);
}

static const IrExpr *replace(void *user, const IrExpr *e)
{
    if (e->op == IR_VAR) return replace_var(user, e);
    if (e->op == IR_LOAD) return replace_load(user, e);
    return NULL;
}

static const IrExpr *replace_tid(void *user, const IrExpr *e)
{
    Fission *f = user;
    return e->op == IR_TID ? f->thread : NULL;
}

static const IrExpr *settled(Fission *f, const IrExpr *e)
{
    e = ir_rewrite(f->k, e, replace, f);
    return ir_rewrite(f->k, e, replace_tid, f);
}

/* `array[…] = value`, by each thread of the current group. */
static void store_value(Fission *f, const Home *h, const IrExpr *value, IrBlock *out)
{
    IrKernel *k = f->k;
    const Container *c = f->current;
    bool one = is_thread_loop(c) || (c ? c->group.count : k->block_size) == 1;
    const IrExpr *index[2], *first = f->thread;
    IrBlock *to = out;
    if (!one) {
        IrVar *t = ir_new_var(k, pass_make_name(k, "t"), (IrType){ELEM_INDEX, 1}, false);
        const IrExpr *limit = c ? c->group.limit : ir_index(k, k->block_size);
        IrStmt *loop = ir_for(k, out, t, ir_index(k, 0), limit, ir_index(k, 1));
        loop->flags |= IR_THREADS;
        f->thread = ir_binary(k, IR_ADD, first, ir_var(k, t));
        to = loop->body;
    }
    thread_index(f, h, NULL, index);
    index[0] = ir_rewrite(k, index[0], replace_tid, f);
    ir_store(k, to, h->array, index, value, NULL);
    f->thread = first;
}

static void rewrite_stmt(Fission *f, IrStmt *s)
{
    const IrTensor *array = NULL;
    if (s->tensor && s->tensor->id < f->tensor_count) array = f->tensors[s->tensor->id].array;
    if (array) {
        const IrExpr *index[2], **args;
        int old = pass_store_indices(s), n = tensor_index(f, s->tensor, s->flags, s->args, index);
        args = NEW_ARRAY(f->k->arena, const IrExpr *, (size_t)(s->count - old + n));
        for (int i = 0; i < n; i++) args[i] = index[i];
        for (int i = old; i < s->count; i++) args[n + i - old] = s->args[i];
        s->args = args;
        s->count += n - old;
        s->flags &= (uint32_t)~IR_LINEAR;
        s->tensor = array;
    }
    const IrExpr **args = NEW_ARRAY(f->k->arena, const IrExpr *, (size_t)s->count + 1);
    for (int i = 0; i < s->count; i++) args[i] = settled(f, s->args[i]);
    s->args = args;
}

/* A role that runs inside of a loop over threads is a condition. */
static void role_to_if(Fission *f, IrStmt *s)
{
    IrKernel *k = f->k;
    const IrExpr *from = ir_index(k, s->imm), *to = ir_index(k, s->imm + s->imm2);
    const IrExpr *cond = ir_binary(k, IR_AND, ir_binary(k, IR_GE, f->thread, from),
                                   ir_binary(k, IR_LT, f->thread, to));
    s->kind = IR_STMT_IF;
    s->count = 1;
    s->args = base_copy(k->arena, (const void *)&cond, sizeof cond);
}

static void replace_block(Fission *f, IrBlock *block);

static void replace_bodies(Fission *f, IrStmt *s)
{
    Container *before = f->current, *inside = container_of(f, s);
    const IrExpr *thread = f->thread;
    if (s->kind == IR_STMT_ROLE && !inside) role_to_if(f, s);
    if (s->kind == IR_STMT_ROLE) s->kind = IR_STMT_SCOPE;
    if (inside) {
        f->current = inside;
        f->thread = inside->group.base;
    }
    replace_block(f, s->body);
    replace_block(f, s->other);
    f->current = before;
    f->thread = thread;
}

static void replace_block(Fission *f, IrBlock *block)
{
    if (!block) return;
    IrBlock old = pass_take(block);
    for (size_t i = 0; i < old.stmts.len; i++) {
        IrStmt *s = old.stmts.data[i];
        ir_set_origin(f->k, s->origin);
        rewrite_stmt(f, s);
        const Home *h = s->var ? &f->vars[s->var->id] : NULL;
        bool array = h && h->array;
        bool assigns = s->kind == IR_STMT_SET || (s->kind == IR_STMT_LET && s->var->mutable);
        if (array && assigns) {
            store_value(f, h, s->args[0], block);
            continue;
        }
        VEC_PUSH(f->k->arena, block->stmts, s);
        if (array) store_value(f, h, ir_var(f->k, s->var), block);
        replace_bodies(f, s);
    }
}

void fission_settle(Fission *f, IrBlock *block)
{
    IrKernel *k = f->k;
    size_t vars = f->var_count = k->vars.len, tensors = f->tensor_count = k->tensors.len;
    f->vars = NEW_ARRAY(k->arena, Home, vars + 1);
    f->tensors = NEW_ARRAY(k->arena, Home, tensors + 1);
    f->current = NULL;
    survey(f, block);
    for (size_t i = 0; i < vars; i++) settle_var(f, k->vars.data[i]);
    for (size_t i = 0; i < tensors; i++) settle_tensor(f, k->tensors.data[i]);
    f->thread = ir_index(k, 0);
    replace_block(f, block);
}
