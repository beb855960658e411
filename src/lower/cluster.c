/* Clusters: `cluster(n)` of a launch, `cluster.rank` and its like, and the shared tensors of a
 * cluster's other blocks. */
#include "lower/internal.h"

enum { MOST_BLOCKS = 8 }; /* that every architecture with clusters runs together */

void lower_launch_cluster(Lower *l, const Ast *launch)
{
    const Ast *node = KID(launch, Launch, cluster);
    IrKernel *k = l->k;
    int64_t blocks;
    if (!node || !lower_int(l, node, &blocks)) return;
    if (blocks < 1 || blocks > MOST_BLOCKS) {
        lower_error(l, LAUNCH, node->span,
                    lower_text(l, "a cluster has 1 to %d blocks, not %lld", (int)MOST_BLOCKS,
                               (long long)blocks));
        return;
    }
    if (k->resident) {
        lower_error(l, LAUNCH, node->span, "a resident grid has no clusters");
        return;
    }
    l->cluster = blocks;
    if (blocks == 1 || !lower_needs_arch(l, node, "cluster", 90)) return;
    k->cluster = blocks;
    k->waits = true;
    const IrExpr *rest = ir_binary(k, IR_MOD, k->grid[0], ir_index(k, blocks));
    IrRequire require = {
        .cond = ir_binary(k, IR_EQ, rest, ir_index(k, 0)),
        .text =
            lower_text(l, "the grid's first extent is a multiple of the %lld blocks of a cluster",
                       (long long)blocks),
        .origin = ir_origin(k, ORIGIN_SOURCE, node->span, 0, "lower")};
    if (!ir_is_const(require.cond)) {
        VEC_PUSH(l->arena, k->requires, require);
    } else if (!require.cond->value.i) {
        lower_error(l, LAUNCH, KID(launch, Launch, grid)->kid[0]->span,
                    lower_text(l, "%lld blocks are no multiple of the %lld of a cluster",
                               (long long)k->grid[0]->value.i, (long long)blocks));
    }
}

bool lower_has_cluster(Lower *l, const Ast *node, const char *what)
{
    if (l->cluster) return true;
    lower_error(l, NO_CLUSTER, node->span, what);
    return false;
}

/* The blocks of a cluster follow one another along the grid's first dimension. */
Value lower_cluster_member(Lower *l, const Ast *node)
{
    const char *name = node->name->text;
    if (!lower_has_cluster(l, node, lower_text(l, "cluster.%s", name))) return value_poison();
    const IrExpr *blocks = ir_index(l->k, l->cluster);
    if (strcmp(name, "size") == 0) return value_expr(blocks);
    IrOp op = strcmp(name, "rank") == 0 ? IR_MOD : IR_DIV;
    return value_expr(ir_binary(l->k, op, ir_bid(l->k, 0), blocks));
}

/* ---- shared tensors of other blocks ---------------------------------------------------------- */

/* The tensor as all blocks of the cluster have it. It lives as long as they: what a block has left
 * behind in a scope, others may still be reading. */
static const IrTensor *of_blocks(Lower *l, const IrTensor *tensor)
{
    const IrExpr *extents[MAX_RANK] = {ir_index(l->k, l->k->cluster)};
    for (size_t i = 0; i < l->k->tensors.len; i++)
        if (l->k->tensors.data[i]->of == tensor) return l->k->tensors.data[i];
    for (int d = 0; d < tensor->rank; d++) extents[d + 1] = tensor->extents[d];
    IrTensor *all =
        ir_new_tensor(l->k, tensor->name, IR_SHARED, tensor->elem, tensor->rank + 1, extents);
    all->of = tensor;
    all->arrivals = tensor->arrivals;
    l->k->tensors.data[tensor->id]->scope = NULL;
    return all;
}

Value lower_of_block(Lower *l, const Ast *node, const View *view)
{
    const Ast *block = KID(node, Call, args)->kid[0];
    const IrTensor *tensor = view->tensor;
    if (!lower_has_cluster(l, node, "of_block")) return value_poison();
    if (tensor->of || tensor->stages || tensor->rank == MAX_RANK) {
        lower_error(l, OF_BLOCK, node->span,
                    tensor->of ? "this one is of another block already"
                    : tensor->stages
                        ? "this one is filled by a pipeline"
                        : lower_text(l, "this one has %d dimensions, one too many", tensor->rank));
        return value_poison();
    }
    const IrExpr *rank = lower_index(l, block);
    lower_check_index(l, block, rank, ir_index(l->k, l->cluster));
    if (!l->k->cluster) return value_view(view);
    View *result = base_copy(l->arena, view, sizeof *view);
    result->tensor = of_blocks(l, tensor);
    for (int d = tensor->rank; d > 0; d--) {
        result->offset[d] = result->offset[d - 1];
        result->dim[d] = result->dim[d - 1];
    }
    result->offset[0] = lower_pin(l, lower_name(l, "of_block"), rank);
    result->dim[0] = -1;
    return value_view(result);
}

/* ---- where a kernel begins and ends ---------------------------------------------------------- */

static bool is_of_block(void *user, const IrExpr *e)
{
    (void)user;
    return e->op == IR_LOAD && e->tensor->of;
}

static bool find_use(void *user, IrStmt *s)
{
    bool *found = user;
    *found |= s->tensor && (s->tensor->of || ir_bulk_mask(s));
    for (int i = 0; i < s->count; i++) *found |= ir_any(s->args[i], is_of_block, NULL);
    return true;
}

/* Does the statement, or one inside of it, reach into other blocks? */
static bool reaches(Lower *l, IrStmt *s)
{
    IrBlock *only = ir_new_block(l->k);
    bool found = false;
    VEC_PUSH(l->arena, only->stmts, s);
    ir_walk(only, find_use, &found);
    return found;
}

typedef enum { NOTHING, MEETING, REACHING } Found;

/* What all threads come to first (`step` 1) or last (-1): a barrier of the cluster, or a statement
 * that reaches into other blocks. */
static Found outermost(Lower *l, const IrBlock *block, int step)
{
    size_t count = block->stmts.len;
    for (size_t n = 0; n < count; n++) {
        IrStmt *s = block->stmts.data[step > 0 ? n : count - 1 - n];
        Found inside = s->kind == IR_STMT_SCOPE ? outermost(l, s->body, step) : NOTHING;
        if (s->kind == IR_STMT_BARRIER && s->scope == IR_SCOPE_CLUSTER) return MEETING;
        if (inside != NOTHING) return inside;
        if (reaches(l, s)) return REACHING;
    }
    return NOTHING;
}

/* No block may reach into one that has not begun, or has ended: where the kernel does not say so
 * itself, all wait for the others. */
void lower_bound_cluster(Lower *l, const Ast *decl)
{
    IrBlock *body = l->k->body, *whole = ir_new_block(l->k);
    Found first = outermost(l, body, 1), last = outermost(l, body, -1);
    lower_at(l, decl);
    if (first == REACHING) ir_barrier(l->k, whole, IR_SCOPE_CLUSTER, 0);
    ir_splice(l->k, whole, body);
    if (last == REACHING) ir_barrier(l->k, whole, IR_SCOPE_CLUSTER, 0);
    *body = *whole;
}
