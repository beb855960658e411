/* Kernels, origins, variables, tensors and statements. */
#include "ir/nodes.h"

IrKernel *ir_kernel_create(Arena *arena, Diags *diags, const Name *name)
{
    IrKernel *k = NEW(arena, IrKernel);
    k->arena = arena;
    k->diags = diags;
    k->name = name;
    k->instance = "";
    k->table = NEW(arena, IrTable);
    VEC_PUSH(arena, k->origins, (Origin){0});
    k->body = ir_new_block(k);
    for (int i = 0; i < 3; i++) {
        k->grid[i] = ir_index(k, 1);
        k->block_dims[i] = 1;
    }
    return k;
}

static bool is_zero(const IrExpr *e)
{
    if (e->op == IR_SPLAT) return is_zero(e->args[0]);
    return ir_is_const(e) && scalar_bits(e->value) == 0;
}

int ir_async_bytes(const IrStmt *store)
{
    if (store->kind != IR_STMT_STORE || !(store->flags & IR_ASYNC)) return 0;
    const IrExpr *value = store->args[store->flags & IR_LINEAR ? 1 : store->tensor->rank];
    if (value->op != IR_LOAD || value->tensor->space != IR_PARAM) return 0;
    if (value->flags & IR_GUARDED && !is_zero(value->args[value->count - 1])) return 0;
    int bits = vocab_elem(value->type.elem)->bits * value->type.lanes;
    return bits == 32 || bits == 64 || bits == 128 ? bits / 8 : 0;
}

const char *ir_print_piece(Arena *arena, const char **text)
{
    Sb piece = base_sb(arena);
    const char *at = *text;
    for (; *at && strncmp(at, "{}", 2) != 0; at++) {
        at += strncmp(at, "{{", 2) == 0;
        base_sb_char(&piece, *at);
    }
    *text = *at ? at + 2 : NULL;
    return base_sb_text(&piece);
}

uint32_t ir_origin(IrKernel *k, OriginKind kind, Span span, uint32_t parent, const char *pass)
{
    VEC_PUSH(k->arena, k->origins, (Origin){span, parent, kind, pass});
    return (uint32_t)(k->origins.len - 1);
}

IrVar *ir_new_var(IrKernel *k, const Name *name, IrType type, bool mutable)
{
    IrVar *var = NEW(k->arena, IrVar);
    *var = (IrVar){.name = name,
                   .id = (uint32_t)k->vars.len,
                   .type = type,
                   .mutable = mutable,
                   .lo = INT64_MIN,
                   .hi = INT64_MAX,
                   .multiple = 1};
    VEC_PUSH(k->arena, k->vars, var);
    return var;
}

IrTensor *ir_new_tensor(IrKernel *k, const Name *name, IrSpace space, Elem elem, int rank,
                        const IrExpr *const *extents)
{
    IrTensor *t = NEW(k->arena, IrTensor);
    t->name = name;
    t->id = (uint32_t)k->tensors.len;
    t->space = space;
    t->elem = elem;
    t->rank = rank;
    t->origin = k->table->origin;
    t->extents = base_copy(k->arena, (const void *)extents, (size_t)rank * sizeof *extents);
    VEC_PUSH(k->arena, k->tensors, t);
    return t;
}

int ir_new_size(IrKernel *k, const Name *name)
{
    VEC_PUSH(k->arena, k->sizes, name);
    return (int)k->sizes.len - 1;
}

/* ---- statements ------------------------------------------------------------------------------ */

IrBlock *ir_new_block(IrKernel *k)
{
    return NEW(k->arena, IrBlock);
}

static IrStmt *new_stmt(IrKernel *k, IrStmtKind kind)
{
    IrStmt *s = NEW(k->arena, IrStmt);
    s->kind = kind;
    s->origin = k->table->origin;
    return s;
}

void ir_splice(IrKernel *k, IrBlock *to, const IrBlock *from)
{
    for (size_t i = 0; from && i < from->stmts.len; i++)
        VEC_PUSH(k->arena, to->stmts, from->stmts.data[i]);
}

IrStmt *ir_append(IrKernel *k, IrBlock *b, IrStmtKind kind)
{
    IrStmt *s = new_stmt(k, kind);
    VEC_PUSH(k->arena, b->stmts, s);
    return s;
}

static void set_args(IrKernel *k, IrStmt *s, int count, const IrExpr *const *args)
{
    s->count = count;
    s->args = base_copy(k->arena, (const void *)args, (size_t)count * sizeof *args);
}

IrStmt *ir_set(IrKernel *k, IrBlock *b, IrVar *var, const IrExpr *value)
{
    IrStmt *s = ir_append(k, b, IR_STMT_SET);
    s->var = var;
    set_args(k, s, 1, &value);
    return s;
}

void ir_let_facts(IrVar *var, const IrExpr *value)
{
    if (var->mutable || !ir_is_integer(value)) return;
    if (value->lo > var->lo) var->lo = value->lo;
    if (value->hi < var->hi) var->hi = value->hi;
    if (var->multiple == 1) var->multiple = ir_multiple(value);
}

IrStmt *ir_let(IrKernel *k, IrBlock *b, IrVar *var, const IrExpr *value)
{
    IrStmt *s = ir_append(k, b, IR_STMT_LET);
    s->var = var;
    set_args(k, s, 1, &value);
    ir_let_facts(var, value);
    return s;
}

IrStmt *ir_store(IrKernel *k, IrBlock *b, const IrTensor *t, const IrExpr *const *index,
                 const IrExpr *value, const IrExpr *guard)
{
    bool never = guard && ir_is_const(guard) && !guard->value.i;
    IrStmt *s = never ? new_stmt(k, IR_STMT_STORE) : ir_append(k, b, IR_STMT_STORE);
    if (guard && ir_is_const(guard)) guard = NULL;
    s->tensor = t;
    s->flags = guard ? IR_GUARDED : 0;
    s->args = (const IrExpr **)NEW_ARRAY(k->arena, const IrExpr *, (size_t)t->rank + 2);
    for (int i = 0; i < t->rank; i++) s->args[s->count++] = index[i];
    s->args[s->count++] = value;
    if (guard) s->args[s->count++] = guard;
    return s;
}

void ir_for_facts(IrVar *var, const IrExpr *lo, const IrExpr *hi, const IrExpr *step)
{
    if (lo->lo > var->lo) var->lo = lo->lo;
    int64_t last = hi->hi == INT64_MAX || hi->hi == INT64_MIN ? hi->hi : hi->hi - 1;
    if (ir_is_const(lo) && ir_is_const(hi) && ir_is_const(step) && step->value.i > 0 &&
        hi->value.i > lo->value.i && lo->value.i >= 0)
        last = lo->value.i + (hi->value.i - 1 - lo->value.i) / step->value.i * step->value.i;
    if (last < var->hi) var->hi = last;
    if (var->hi < var->lo) var->hi = var->lo; /* the body never runs */
    if (var->multiple == 1) var->multiple = base_gcd(ir_multiple(lo), ir_multiple(step));
}

IrStmt *ir_for(IrKernel *k, IrBlock *b, IrVar *var, const IrExpr *lo, const IrExpr *hi,
               const IrExpr *step)
{
    IrStmt *s = ir_append(k, b, IR_STMT_FOR);
    const IrExpr *args[] = {lo, hi, step};
    s->var = var;
    set_args(k, s, 3, args);
    s->body = ir_new_block(k);
    ir_for_facts(var, lo, hi, step);
    return s;
}

IrStmt *ir_if(IrKernel *k, IrBlock *b, const IrExpr *cond, bool with_else)
{
    IrStmt *s = ir_append(k, b, IR_STMT_IF);
    set_args(k, s, 1, &cond);
    s->body = ir_new_block(k);
    if (with_else) s->other = ir_new_block(k);
    return s;
}

IrStmt *ir_barrier(IrKernel *k, IrBlock *b, IrScope scope, int64_t threads)
{
    IrStmt *s = ir_append(k, b, IR_STMT_BARRIER);
    s->scope = scope;
    s->imm = threads;
    return s;
}

const IrExpr *ir_bulk_mask(const IrStmt *s)
{
    int at = s->kind == IR_STMT_BULK ? 2 * s->tensor->rank + 2 : s->count;
    return at < s->count ? s->args[at] : NULL;
}

/* ---- messages -------------------------------------------------------------------------------- */

const char *ir_element_text(IrKernel *k, const IrTensor *t)
{
    return t->of ? base_format(k->arena, "%s.of_block({3})", t->name->text) : t->name->text;
}

const char *ir_bounds_text(IrKernel *k, const IrTensor *t, int d)
{
    if (t->of && d == 0)
        return base_format(k->arena,
                           "`%s` is asked of block {0} of the cluster, which has {1} (thread {2})",
                           t->name->text);
    return base_format(k->arena,
                       "index {0} of dimension %d of `%s` is out of bounds: the extent is {1} "
                       "(thread {2})",
                       d - (t->of ? 1 : 0), ir_element_text(k, t));
}
