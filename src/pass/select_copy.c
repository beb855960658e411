/* Copies between shared memory and register tiles, by ldmatrix and stmatrix.
 *
 * Here the fragment is the whole part that a warp has of the tile. ldmatrix is taken wherever it
 * fits; where it was asked for and does not, that is an error. What is stored may first be computed
 * from the elements of tiles: it goes through a tile of its own.
 */
#include "pass/select.h"

enum { STMATRIX_ARCH = 90 };

typedef struct Copy {
    const IrStmt *tasks, *store;
    const IrTensor *tile;
    const IrExpr *memory; /* a load of what is copied from, or to */
    bool computed;        /* what is stored; `tile` is to be made */
    SelectOperand operand;
    const char *reason;
} Copy;

static bool is_plain_load(const IrExpr *e)
{
    return e->op == IR_LOAD && e->type.lanes == 1 && !(e->flags & (IR_GUARDED | IR_LINEAR));
}

static bool match_load(Select *s, Copy *c)
{
    const IrExpr *value = pass_store_value(c->store);
    if (!is_plain_load(value) || value->tensor->space != IR_SHARED || value->tensor->of)
        return false;
    c->tile = c->store->tensor;
    c->memory = value;
    c->operand.first = select_own_slot(s->k, c->tasks, c->tile, c->store->args);
    return c->operand.first != NULL;
}

/* Is a value made of the task's own elements of tiles, and of nothing else that varies? */
static bool is_own(Select *s, const Copy *c, const IrExpr *e)
{
    if (e->op == IR_LOAD)
        return is_plain_load(e) && select_own_slot(s->k, c->tasks, e->tensor, e->args);
    if (e->count == 0) return e->op == IR_CONST;
    for (uint32_t i = 0; i < e->count; i++)
        if (!is_own(s, c, e->args[i])) return false;
    return true;
}

static bool match_store(Select *s, Copy *c)
{
    const IrExpr *value = pass_store_value(c->store);
    if (c->store->tensor->space != IR_SHARED || c->store->tensor->of || !is_own(s, c, value))
        return false;
    c->memory = ir_load(s->k, c->store->tensor, 1, c->store->args, NULL, NULL);
    c->operand.stores = true;
    c->computed = !is_plain_load(value);
    c->operand.first = ir_index(s->k, 0);
    if (c->computed) return true;
    c->tile = value->tensor;
    c->operand.first = select_own_slot(s->k, c->tasks, c->tile, value->args);
    return true;
}

/* A tile for what is stored. */
static void make_tile(Select *s, Copy *c)
{
    IrKernel *k = s->k;
    const Mapping *m = c->tasks->tasks->mapping;
    const IrExpr *shape[2] = {ir_index(k, m->shape[0]), ir_index(k, m->shape[1])};
    const IrTensor *memory = c->store->tensor;
    const Name *name = pass_make_name(k, "%s_tile", memory->name->text);
    IrTensor *tile = ir_new_tensor(k, name, IR_TILE, memory->elem, 2, shape);
    tile->over = m;
    tile->read = tile->written = true;
    tile->origin = c->tasks->origin;
    c->tile = tile;
}

/* Before it is stored, the tile is computed. */
static void fill_tile(Select *s, const Copy *c, IrBlock *to)
{
    IrKernel *k = s->k;
    PassClone clone = pass_clone_begin(k);
    IrBlock *made = ir_new_block(k);
    const IrExpr *index[2];
    pass_clone_one(&clone, made, (IrStmt *)(uintptr_t)c->tasks);
    IrStmt *tasks = made->stmts.data[0];
    const IrExpr *value = pass_store_value(tasks->body->stmts.data[0]);
    for (int d = 0; d < 2; d++) index[d] = ir_var(k, tasks->tasks->vars[d]);
    tasks->body = ir_new_block(k);
    ir_store(k, tasks->body, c->tile, index, value, NULL);
    tasks->flags &= ~(uint32_t)(IR_COPY | IR_FORCED);
    tasks->text = NULL;
    VEC_PUSH(k->arena, to->stmts, tasks);
}

static bool match(Select *s, Copy *c)
{
    const IrBlock *body = c->tasks->body;
    if (c->tasks->flags & IR_ASYNC || c->tasks->tasks->level != 1 || body->stmts.len != 1)
        return false;
    c->store = body->stmts.data[0];
    if (c->store->kind != IR_STMT_STORE || c->store->flags & IR_GUARDED) return false;
    return c->tasks->tasks->mapping->rank == 2 && (match_load(s, c) || match_store(s, c));
}

/* Does the architecture have the instruction? */
static bool exists(Select *s, const Copy *c)
{
    int arch = s->ctx->options->arch;
    if (!c->operand.stores || arch >= STMATRIX_ARCH) return true;
    if (c->tasks->flags & IR_FORCED)
        diag_report(s->ctx->diags, DIAG_ARCH, pass_span(s->k, c->tasks->origin), c->tasks->text,
                    base_format(s->k->arena, "%d", STMATRIX_ARCH),
                    base_format(s->k->arena, "%d", arch));
    return false;
}

static bool move(Select *s, Copy *c, IrBlock *to)
{
    const Mapping *m = c->tasks->tasks->mapping;
    SelectOperand *o = &c->operand;
    c->reason = "the group is not made of whole warps";
    if (!select_has_units(s, c->tasks, SELECT_WARP)) return false;
    c->reason = "the lanes of two warps lie differently";
    if (!mapping_units_agree(m, m, SELECT_WARP)) return false;
    o->fragment = m;
    o->load = c->memory;
    o->tiles = 1;
    for (int d = 0; d < 2; d++) {
        o->vars[d] = c->tasks->tasks->vars[d];
        o->origin[d] = select_unit_part(s->k, c->tasks, SELECT_WARP, d);
    }
    ir_set_origin(s->k, c->tasks->origin);
    IrBlock *made = ir_new_block(s->k);
    size_t tensors = s->k->tensors.len;
    if (c->computed) make_tile(s, c);
    o->array = c->tile;
    bool done = select_matrices(s, o, made);
    c->reason = o->reason;
    if (!done) s->k->tensors.len = tensors;
    if (!done) return false;
    if (c->computed) fill_tile(s, c, to);
    ir_splice(s->k, to, made);
    return true;
}

/* Does it go the way that was asked for? */
static bool is_asked(const Copy *c)
{
    if (!(c->tasks->flags & IR_FORCED)) return true;
    return strcmp(c->tasks->text, c->operand.stores ? "stmatrix" : "ldmatrix") == 0;
}

bool select_copy(Select *s, const IrStmt *tasks, IrBlock *to)
{
    Copy c = {.tasks = tasks, .reason = "it copies between shared memory and a register tile"};
    if (match(s, &c) && is_asked(&c)) {
        if (!exists(s, &c)) return false;
        if (move(s, &c, to)) return true;
    }
    if (tasks->flags & IR_FORCED) select_refuse(s, tasks, c.computed ? NULL : c.tile, c.reason);
    return false;
}
