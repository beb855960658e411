/* mbarriers and barriers of the hardware: what `mbarrier.wait(full[s], parity)` and the like
 * become. */
#include "lower/tma.h"

enum { MAX_ARRIVALS = (1 << 20) - 1 }; /* of a phase, by the PTX manual */

static bool no_barriers(Lower *l, const Ast *node, const char *why)
{
    lower_error(l, BARRIERS, node->span, why);
    return false;
}

/* The hardware's barriers are numbered from the top; those that `sync` needs, from the bottom. */
static bool number_barriers(Lower *l, const Ast *node, IrTensor *tensor, int64_t threads)
{
    int64_t count = ir_tensor_size(tensor);
    const char *wrong = threads < 1 || threads % WARP_THREADS ? "no whole warps"
                        : threads > l->k->block_size          ? "more than the block has"
                                                              : NULL;
    if (wrong)
        return no_barriers(l, KID(node, Shared, arrivals),
                           lower_text(l, "%lld threads are %s", (long long)threads, wrong));
    if (l->barriers + count >= IR_BARRIERS)
        return no_barriers(l, node,
                           lower_text(l,
                                      "a block has %d, one of them is its own, and %lld are "
                                      "declared",
                                      IR_BARRIERS, (long long)(l->barriers + count)));
    l->barriers += (int)count;
    tensor->barrier = IR_BARRIERS - l->barriers;
    return true;
}

bool lower_arrivals(Lower *l, const Ast *node, IrTensor *tensor)
{
    const Ast *arrivals = KID(node, Shared, arrivals);
    bool named = node->symbol->type->of->kind == TYPE_BARRIER;
    int64_t count;
    if (!arrivals) return true;
    if (!lower_int(l, arrivals, &count)) return false;
    if (!named && (count < 1 || count > MAX_ARRIVALS)) {
        lower_error(l, BAD_EXTENT, arrivals->span, lower_number(l, count));
        return false;
    }
    for (int d = 0; d < tensor->rank; d++) {
        if (ir_is_const(tensor->extents[d])) continue;
        lower_error(l, NOT_CONSTANT, KID(node, Shared, extents)->kid[d]->span);
        return false;
    }
    if (named && !number_barriers(l, node, tensor, count)) return false;
    tensor->arrivals = count;
    l->k->waits = true;
    tensor->scope = NULL;
    return true;
}

const IrTensor *lower_new_mbarriers(Lower *l, const char *name, int64_t count)
{
    const IrExpr *extent = ir_index(l->k, count);
    IrTensor *t = ir_new_tensor(l->k, lower_name(l, name), IR_SHARED, ELEM_U64, 1, &extent);
    t->read = t->written = true;
    t->arrivals = 1;
    l->k->waits = true;
    return t;
}

bool lower_needs_arch(Lower *l, const Ast *node, const char *what, int arch)
{
    if (l->options->cpu || l->options->arch >= arch) return true;
    lower_error(l, ARCH, node->span, what, lower_number(l, arch),
                lower_number(l, l->options->arch));
    return false;
}

const IrTensor *lower_mbarrier(Lower *l, const Ast *node, const IrExpr **index)
{
    if (node->kind != AST_Index) return NULL;
    Value base = lower_value(l, KID(node, Index, base));
    const Ast *list = KID(node, Index, args);
    if (base.kind != VALUE_VIEW || (int)list->count != base.view->rank) return NULL;
    const IrExpr *at[MAX_RANK];
    for (uint32_t i = 0; i < list->count; i++) {
        at[i] = lower_index(l, list->kid[i]);
        lower_check_index(l, list->kid[i], at[i], base.view->extents[i]);
    }
    lower_view_index(l, base.view, at, index);
    return base.view->tensor;
}

/* Bytes of a tile whose extents are known; -1 after a report. */
static int64_t tile_bytes(Lower *l, const Ast *node)
{
    Value tile = lower_value(l, node);
    if (tile.kind != VALUE_VIEW) return -1;
    int64_t bits = vocab_elem(tile.view->tensor->elem)->bits;
    for (int d = 0; d < tile.view->rank; d++) {
        if (!ir_is_const(tile.view->extents[d])) {
            lower_error(l, NOT_CONSTANT, node->span);
            return -1;
        }
        bits *= tile.view->extents[d]->value.i;
    }
    return bits / 8;
}

static const IrExpr *expected_bytes(Lower *l, const Ast *args)
{
    int64_t sum = 0;
    for (uint32_t i = 1; i < args->count; i++) {
        int64_t bytes = tile_bytes(l, args->kid[i]);
        if (bytes < 0) return NULL;
        sum += bytes;
    }
    return ir_index(l->k, sum);
}

IrStmt *lower_mbarrier_do(Lower *l, Builtin builtin, const IrTensor *tensor, int count,
                          const IrExpr *const *operands)
{
    IrStmt *stmt = ir_append(l->k, l->block, IR_STMT_MBARRIER);
    stmt->tensor = tensor;
    stmt->builtin = builtin;
    stmt->count = count;
    stmt->args = base_copy(l->arena, operands, (size_t)count * sizeof *operands);
    return stmt;
}

void lower_machine(Lower *l, const Ast *call)
{
    const Ast *args = KID(call, Call, args);
    Builtin builtin = call->call->builtin;
    const IrExpr *operands[MAX_RANK + 1];
    bool expect = builtin == BUILTIN_MBARRIER_EXPECT;
    bool named = builtin == BUILTIN_BARRIER_SYNC || builtin == BUILTIN_BARRIER_ARRIVE;
    int arch = expect ? 90 : named ? 0 : 80;
    if (!lower_needs_arch(l, call, vocab_builtin(builtin)->text, arch)) return;
    const IrTensor *tensor = lower_mbarrier(l, args->kid[0], operands);
    if (!tensor) return;
    if (tensor->of && builtin != BUILTIN_MBARRIER_ARRIVE) {
        lower_error(l, OF_BLOCK, args->kid[0]->span, "other blocks only arrive at its mbarriers");
        return;
    }
    int count = tensor->rank;
    if (builtin == BUILTIN_MBARRIER_WAIT) operands[count++] = lower_index(l, args->kid[1]);
    if (expect && !(operands[count++] = expected_bytes(l, args))) return;
    lower_at(l, call);
    lower_mbarrier_do(l, builtin, tensor, count, operands);
}
