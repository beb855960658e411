/* Register blocking of inner products: `for p { for each element of a tile { t[i, j] op= … } }`.
 *
 * The order of p is each element's own, and elements know nothing of one another, so p may go
 * inside: a few rows by a few vectors of the tile are loaded into variables, all of p is run over
 * them, and they are stored again. Without this the tile goes through memory once for every p.
 */
#include "pass/logical.h"

enum { MAX_STORES = 4, MAX_ROWS = 8, MAX_VECTORS = 2 };

typedef struct Blocking {
    IrKernel *k;
    const IrStmt *loop, *tasks;
    int row, fast; /* dimensions that are blocked; row -1: none */
    int lanes, vectors, rows;
    Elem elem;
    int stores;
    const IrStmt *store[MAX_STORES];
    IrVar *regs[MAX_STORES][MAX_ROWS][MAX_VECTORS];
    Map values;          /* LETs of the bodies, by variable id + 1: what they stand for */
    const IrExpr *i, *j; /* the blocked coordinates at the place being written */
    int at_row, at_vector;
} Blocking;

/* Bytes of the vectors that the machine at hand has; the text stays right on any other. */
static int vector_bytes(void)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f")) return 64;
    if (__builtin_cpu_supports("avx2")) return 32;
#endif
    return 16;
}

/* ---- is it one? ------------------------------------------------------------------------------ */

static bool impure(void *user, const IrExpr *e)
{
    (void)user;
    return e->op == IR_LOAD || (e->op == IR_VAR && e->var->mutable);
}

static bool note_let(Blocking *b, const IrStmt *s)
{
    if (s->var->mutable || s->var->type.lanes != 1) return false;
    base_map_put(&b->values, (uint64_t)s->var->id + 1, (void *)(uintptr_t)s->args[0]);
    return true;
}

static bool is_own_element(const Blocking *b, const IrStmt *s)
{
    const IrTasks *t = b->tasks->tasks;
    if (s->tensor->rank != t->mapping->rank || s->tensor->space == IR_PARAM) return false;
    for (int d = 0; d < t->mapping->rank; d++)
        if (s->args[d] != ir_var(b->k, t->vars[d])) return false;
    return true;
}

static bool note_store(Blocking *b, const IrStmt *s)
{
    if ((s->flags & (IR_GUARDED | IR_LINEAR)) || b->stores == MAX_STORES) return false;
    for (int i = 0; i < b->stores; i++)
        if (b->store[i]->tensor == s->tensor) return false;
    if (!is_own_element(b, s) || (b->stores && s->tensor->elem != b->elem)) return false;
    b->elem = s->tensor->elem;
    b->store[b->stores++] = s;
    return true;
}

static bool read_bodies(Blocking *b)
{
    const IrBlock *body = b->loop->body;
    for (size_t i = 0; i + 1 < body->stmts.len; i++) {
        const IrStmt *s = body->stmts.data[i];
        if (s->kind != IR_STMT_LET || ir_any(s->args[0], impure, NULL) || !note_let(b, s))
            return false;
    }
    body = b->tasks->body;
    for (size_t i = 0; i < body->stmts.len; i++) {
        const IrStmt *s = body->stmts.data[i];
        if (s->kind == IR_STMT_LET ? !note_let(b, s)
                                   : s->kind != IR_STMT_STORE || !note_store(b, s))
            return false;
    }
    return b->stores > 0 && (b->elem == ELEM_F32 || b->elem == ELEM_F64);
}

static bool divides(int64_t step, int64_t extent)
{
    return extent > 0 && extent % step == 0;
}

static bool choose_sizes(Blocking *b)
{
    const Mapping *m = b->tasks->tasks->mapping;
    int bytes = vector_bytes(), size = vocab_elem_bytes(b->elem);
    b->fast = m->rank - 1;
    b->row = m->rank - 2;
    for (int d = 0; d < m->rank; d++)
        if (MAPPING_IS_RUNTIME(m->shape[d])) return false;
    b->lanes = bytes / size;
    while (b->lanes > 2 && !divides(b->lanes, m->shape[b->fast])) b->lanes /= 2;
    if (!divides(b->lanes, m->shape[b->fast])) return false;
    b->vectors = divides((int64_t)2 * b->lanes, m->shape[b->fast]) ? 2 : 1;
    b->rows = bytes == 64 ? MAX_ROWS : 4;
    if (b->row < 0) b->rows = 1;
    while (b->rows > 1 && !divides(b->rows, m->shape[b->row])) b->rows /= 2;
    return b->rows * b->vectors > 1;
}

/* ---- vectors of an expression ---------------------------------------------------------------- */

static const IrExpr *vectorize(Blocking *b, const IrExpr *e);

static const IrExpr *replace_coordinates(void *user, const IrExpr *e)
{
    Blocking *b = user;
    const IrTasks *t = b->tasks->tasks;
    if (e->op != IR_VAR) return NULL;
    if (e->var == t->vars[b->fast]) return b->j;
    if (b->row >= 0 && e->var == t->vars[b->row]) return b->i;
    const IrExpr *value = base_map_get(&b->values, (uint64_t)e->var->id + 1);
    return value ? ir_rewrite(b->k, value, replace_coordinates, b) : NULL;
}

static bool names_fast(void *user, const IrExpr *e)
{
    const Blocking *b = user;
    if (e->op != IR_VAR) return false;
    if (e->var == b->tasks->tasks->vars[b->fast]) return true;
    const IrExpr *value = base_map_get(&b->values, (uint64_t)e->var->id + 1);
    return value && ir_any(value, names_fast, user);
}

static bool is_var(void *user, const IrExpr *e)
{
    return e->op == IR_VAR && e->var == user;
}

/* Do the lanes lie side by side? Decided on j = lanes * q + lane. */
static bool is_contiguous(Blocking *b, const IrExpr *load)
{
    IrKernel *k = b->k;
    const IrExpr *saved = b->j, *index[MAPPING_MAX_RANK + 1];
    IrVar *q = ir_new_var(k, pass_make_name(k, "q"), (IrType){ELEM_INDEX, 1}, false);
    IrVar *lane = ir_new_var(k, pass_make_name(k, "lane"), (IrType){ELEM_INDEX, 1}, false);
    q->lo = lane->lo = 0;
    q->hi = ((int64_t)1 << 31) - 1;
    lane->hi = b->lanes - 1;
    b->j = ir_binary(k, IR_MUL, ir_var(k, q), ir_index(k, b->lanes));
    b->j = ir_binary(k, IR_ADD, b->j, ir_var(k, lane));
    for (int d = 0; d < load->tensor->rank; d++)
        index[d] = ir_rewrite(k, load->args[d], replace_coordinates, b);
    b->j = saved;
    PassAffine a = pass_affine(k, ir_offset(k, load->tensor, index));
    for (int i = 0; i < a.count; i++) {
        const IrExpr *atom = a.terms[i].atom;
        if (atom->op != IR_VAR && ir_any(atom, is_var, lane)) return false;
    }
    return pass_affine_coef(&a, ir_var(k, lane)) == 1;
}

static const IrExpr *vector_load(Blocking *b, const IrExpr *e)
{
    for (int i = 0; i < b->stores; i++)
        if (e->tensor == b->store[i]->tensor)
            return ir_var(b->k, b->regs[i][b->at_row][b->at_vector]);
    if ((e->flags & (IR_GUARDED | IR_LINEAR)) || e->type.lanes != 1) return NULL;
    if (e->tensor->space == IR_TABLE || !is_contiguous(b, e)) return NULL;
    const IrExpr *index[MAPPING_MAX_RANK + 1];
    for (int d = 0; d < e->tensor->rank; d++)
        index[d] = ir_rewrite(b->k, e->args[d], replace_coordinates, b);
    return ir_load_with(b->k, e->tensor, b->lanes, e->flags, index, NULL, NULL);
}

static const IrExpr *vector_op(Blocking *b, const IrExpr *e)
{
    const IrExpr *args[3];
    bool known = e->op == IR_ADD || e->op == IR_SUB || e->op == IR_MUL || e->op == IR_FMA ||
                 e->op == IR_MIN || e->op == IR_MAX || e->op == IR_NEG;
    if (!known || e->type.elem != b->elem) return NULL;
    for (uint32_t i = 0; i < e->count; i++)
        if (!(args[i] = vectorize(b, e->args[i]))) return NULL;
    if (e->count == 1) return ir_unary(b->k, e->op, args[0]);
    return e->count == 2 ? ir_binary(b->k, e->op, args[0], args[1]) : ir_math(b->k, e->op, 3, args);
}

static bool touches_store(void *user, const IrExpr *e)
{
    const Blocking *b = user;
    if (e->op == IR_VAR) {
        const IrExpr *value = base_map_get(&b->values, (uint64_t)e->var->id + 1);
        return value && ir_any(value, touches_store, user);
    }
    for (int i = 0; e->op == IR_LOAD && i < b->stores; i++)
        if (e->tensor == b->store[i]->tensor) return true;
    return false;
}

static const IrExpr *vectorize(Blocking *b, const IrExpr *e)
{
    if (e->op == IR_VAR) {
        const IrExpr *value = base_map_get(&b->values, (uint64_t)e->var->id + 1);
        if (value) return vectorize(b, value);
    }
    if (!ir_any(e, names_fast, b) && !ir_any(e, touches_store, b)) {
        if (e->type.elem != b->elem) return NULL;
        return ir_splat(b->k, b->lanes, ir_rewrite(b->k, e, replace_coordinates, b));
    }
    return e->op == IR_LOAD ? vector_load(b, e) : vector_op(b, e);
}

/* ---- the blocked nest ------------------------------------------------------------------------ */

static void place(Blocking *b, const IrExpr *i0, const IrExpr *j0, int row, int vector)
{
    b->at_row = row;
    b->at_vector = vector;
    b->i = i0 ? ir_binary(b->k, IR_ADD, i0, ir_index(b->k, row)) : NULL;
    b->j = ir_binary(b->k, IR_ADD, j0, ir_index(b->k, (int64_t)vector * b->lanes));
}

static int element_index(Blocking *b, int store, const IrExpr **index)
{
    const IrStmt *s = b->store[store];
    for (int d = 0; d < s->tensor->rank; d++)
        index[d] = ir_rewrite(b->k, s->args[d], replace_coordinates, b);
    return s->tensor->rank;
}

static void load_registers(Blocking *b, const IrExpr *i0, const IrExpr *j0, IrBlock *to)
{
    const IrExpr *index[MAPPING_MAX_RANK + 1];
    for (int s = 0; s < b->stores; s++)
        for (int r = 0; r < b->rows; r++)
            for (int v = 0; v < b->vectors; v++) {
                const IrTensor *t = b->store[s]->tensor;
                place(b, i0, j0, r, v);
                element_index(b, s, index);
                IrVar *reg = ir_new_var(b->k, pass_make_name(b->k, "%s_%d_%d", t->name->text, r, v),
                                        (IrType){b->elem, b->lanes}, true);
                b->regs[s][r][v] = reg;
                ir_let(b->k, to, reg, ir_load(b->k, t, b->lanes, index, NULL, NULL));
            }
}

static bool update_registers(Blocking *b, const IrExpr *i0, const IrExpr *j0, IrBlock *to)
{
    for (int s = 0; s < b->stores; s++)
        for (int r = 0; r < b->rows; r++)
            for (int v = 0; v < b->vectors; v++) {
                const IrStmt *store = b->store[s];
                place(b, i0, j0, r, v);
                const IrExpr *value = vectorize(b, store->args[store->tensor->rank]);
                if (!value) return false;
                ir_set(b->k, to, b->regs[s][r][v], value);
            }
    return true;
}

static void store_registers(Blocking *b, const IrExpr *i0, const IrExpr *j0, IrBlock *to)
{
    const IrExpr *index[MAPPING_MAX_RANK + 1];
    for (int s = 0; s < b->stores; s++)
        for (int r = 0; r < b->rows; r++)
            for (int v = 0; v < b->vectors; v++) {
                place(b, i0, j0, r, v);
                element_index(b, s, index);
                ir_store(b->k, to, b->store[s]->tensor, index, ir_var(b->k, b->regs[s][r][v]),
                         NULL);
            }
}

static IrStmt *space_loop(Blocking *b, IrBlock *to, int dim, int64_t step)
{
    IrKernel *k = b->k;
    const IrTasks *t = b->tasks->tasks;
    IrVar *var = ir_new_var(k, t->vars[dim]->name, (IrType){ELEM_INDEX, 1}, false);
    return ir_for(k, to, var, ir_index(k, 0), ir_index(k, t->mapping->shape[dim]),
                  ir_index(k, step));
}

/* Stores of one task see each other's results only through registers that were set before; with
 * one store that is so. */
bool logical_block(IrKernel *k, const IrStmt *loop, const IrStmt *tasks, IrBlock *to)
{
    Blocking b = {.k = k, .loop = loop, .tasks = tasks, .values = base_map(k->arena)};
    if (tasks->tasks->mapping->rank > 2 || !read_bodies(&b) || b.stores != 1 || !choose_sizes(&b))
        return false;
    IrBlock *made = ir_new_block(k);
    IrStmt *columns = space_loop(&b, made, b.fast, (int64_t)b.lanes * b.vectors);
    IrStmt *inner = b.row < 0 ? columns : space_loop(&b, columns->body, b.row, b.rows);
    const IrExpr *j0 = ir_var(k, columns->var), *i0 = b.row < 0 ? NULL : ir_var(k, inner->var);
    columns->flags |= IR_ONCE;
    load_registers(&b, i0, j0, inner->body);
    IrStmt *sum = ir_for(k, inner->body, loop->var, loop->args[0], loop->args[1], loop->args[2]);
    if (!update_registers(&b, i0, j0, sum->body)) return false;
    store_registers(&b, i0, j0, inner->body);
    VEC_PUSH(k->arena, to->stmts, columns);
    return true;
}
