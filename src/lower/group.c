/* Groups: roles, loops over the grid, barriers. */
#include "lower/tasks.h"

void lower_barrier(Lower *l, bool elidable)
{
    IrScope scope = l->group.size == l->k->block_size ? IR_SCOPE_BLOCK
                    : l->group.size <= WARP_THREADS   ? IR_SCOPE_WARP
                                                      : IR_SCOPE_GROUP;
    IrStmt *stmt = ir_barrier(l->k, l->block, scope, l->group.size);
    stmt->imm2 = l->group.base;
    if (elidable) stmt->flags |= IR_ELIDABLE;
}

void lower_sync(Lower *l, const Ast *node)
{
    const Ast *group = KID(node, Sync, group);
    if (l->group.single) {
        Diag *diag = lower_error(l, SYNC_IN_THREAD, node->span);
        diag_label(l->diags, diag, l->group.span, "from here on each thread runs for itself");
        return;
    }
    if (group && group->flags & AST_GRID) {
        if (!l->k->resident) lower_error(l, NOT_RESIDENT, node->span);
        ir_barrier(l->k, l->block, IR_SCOPE_GRID, 0);
        return;
    }
    if (group && group->flags & AST_CLUSTER) {
        if (lower_has_cluster(l, node, "sync cluster"))
            ir_barrier(l->k, l->block, l->k->cluster ? IR_SCOPE_CLUSTER : IR_SCOPE_BLOCK, 0);
        return;
    }
    if (!group) {
        lower_barrier(l, false);
        return;
    }
    int64_t threads = lower_unit_threads(l, group->name);
    if (threads == WARP_THREADS) {
        ir_barrier(l->k, l->block, IR_SCOPE_WARP, WARP_THREADS);
    } else if (threads == l->group.size) {
        lower_barrier(l, false);
    } else if (threads == WARPGROUP_THREADS && l->group.size % threads == 0) {
        IrStmt *stmt = ir_barrier(l->k, l->block, IR_SCOPE_GROUP, threads);
        stmt->imm2 = -1;
    } else {
        lower_error(l, GROUP, node->span,
                    lower_text(l, "`sync %s` does not fit the current group of %lld threads",
                               group->name->text, (long long)l->group.size));
    }
}

/* ---- roles: `on warp[0] { … }`, `on warpgroup[1:3] { … }`, `on thread[0] { … }` ----------------
 */

enum { REGISTERS = 65536, LEAST_REGISTERS = 24, MOST_REGISTERS = 256 };

/* Registers a thread that `regs n` gives; 0 where there are none, or after a report. */
static int64_t registers_of(Lower *l, const Ast *node)
{
    const Ast *regs = KID(node, On, regs), *group = KID(node, On, group);
    int64_t count;
    if (!regs || !lower_int(l, regs, &count)) return 0;
    bool whole = lower_unit_threads(l, group->name) == WARPGROUP_THREADS && l->group.base >= 0 &&
                 KID(group, Group, index);
    if (whole && count >= LEAST_REGISTERS && count <= MOST_REGISTERS && count % 8 == 0)
        return count;
    lower_error(l, REGISTERS, regs->span,
                whole ? "a thread has 24 to 256, in steps of 8"
                      : "whole warpgroups of the block take them, as in `on warpgroup[0] regs 40`");
    return 0;
}

/* Threads give registers back, or get more, out of what the block has from its start. */
void lower_check_registers(Lower *l)
{
    int64_t each = REGISTERS / l->k->block_size / 8 * 8, sum = 0;
    if (!l->registers_at || l->failed) return;
    if (each > MOST_REGISTERS) each = MOST_REGISTERS;
    for (int64_t i = 0; i < l->k->block_size; i += WARPGROUP_THREADS) {
        int own = l->registers[i / WARPGROUP_THREADS];
        sum += WARPGROUP_THREADS * (own ? own : each);
    }
    if (sum <= each * l->k->block_size) return;
    lower_error(l, REGISTERS, l->registers_at->span,
                lower_text(l, "with these the block needs %lld, and it starts with %lld",
                           (long long)sum, (long long)(each * l->k->block_size)));
}

static IrStmt *open_role(Lower *l, const Ast *node, int64_t first, int64_t threads)
{
    int64_t registers = registers_of(l, node);
    IrStmt *role = ir_append(l->k, l->block, IR_STMT_ROLE);
    role->imm = first;
    role->imm2 = threads;
    role->body = ir_new_block(l->k);
    if (!registers) return role;
    const IrExpr *count = ir_index(l->k, registers);
    role->args = base_copy(l->arena, &count, sizeof count);
    role->count = 1;
    for (int64_t i = 0; i < threads; i += WARPGROUP_THREADS)
        l->registers[(first + i) / WARPGROUP_THREADS] = (int)registers;
    l->registers_at = KID(node, On, regs);
    return role;
}

static void role_body(Lower *l, const Ast *node, int64_t lo, int64_t count, int64_t unit)
{
    Group saved = l->group;
    IrBlock *outer = l->block;
    int64_t first = lo * unit, threads = count * unit;
    int depth = l->depth++;
    const IrExpr *thread = saved.thread;
    bool all = first == 0 && threads == saved.size && !KID(node, On, regs);
    if (!all && saved.base >= 0 && threads % WARP_THREADS == 0 && unit > 1) {
        l->block = open_role(l, node, saved.base + first, threads)->body;
    } else if (!all) {
        const IrExpr *low = ir_binary(l->k, IR_GE, thread, ir_index(l->k, first));
        const IrExpr *high = ir_binary(l->k, IR_LT, thread, ir_index(l->k, first + threads));
        const IrExpr *in = threads == 1 ? ir_binary(l->k, IR_EQ, thread, ir_index(l->k, first))
                                        : ir_binary(l->k, IR_AND, low, high);
        l->block = ir_if(l->k, l->block, in, false)->body;
    }
    l->group.span = KID(node, On, group)->span;
    l->group.thread = ir_binary(l->k, IR_SUB, thread, ir_index(l->k, first));
    l->group.size = threads;
    l->group.base = saved.base >= 0 ? saved.base + first : -1;
    l->group.first = saved.first + first;
    if (unit == 1) l->group.single = true;
    lower_block(l, KID(node, On, body));
    l->depth = depth;
    l->group = saved;
    l->block = outer;
}

void lower_on(Lower *l, const Ast *node)
{
    const Ast *group = KID(node, On, group);
    int64_t unit = lower_unit_threads(l, group->name), count = l->group.size / unit;
    const Ast *index = KID(group, Group, index), *end = KID(group, Group, end);
    if (l->group.single || l->group.size % unit) {
        lower_error(l, GROUP, group->span,
                    l->group.single
                        ? "the code around is already run by each thread for itself"
                        : lower_text(l, "a group of %lld threads has no whole number of %ss",
                                     (long long)l->group.size, group->name->text));
        return;
    }
    int64_t lo = 0, hi = count;
    if (index) {
        if (!lower_int(l, index, &lo)) return;
        hi = lo + 1;
        if (end && !lower_int(l, end, &hi)) return;
        if (lo < 0 || hi > count || lo >= hi) {
            lower_error(l, GROUP, group->span,
                        lower_text(l, "the group has %lld %s%s, numbered from 0", (long long)count,
                                   group->name->text, count == 1 ? "" : "s"));
            return;
        }
        role_body(l, node, lo, hi - lo, unit);
        return;
    }
    if (KID(node, On, regs)) registers_of(l, node);
    /* `on warp { … }`: every warp runs the body as a group of its own */
    Group saved = l->group;
    int depth = l->depth;
    l->group.span = group->span;
    if (unit == 1) {
        l->group.single = true;
    } else {
        l->group.thread = ir_binary(l->k, IR_MOD, saved.thread, ir_index(l->k, unit));
        l->group.base = count == 1 ? saved.base : -1;
        l->group.size = unit;
    }
    lower_block(l, KID(node, On, body));
    l->group = saved;
    l->depth = depth;
}

/* ---- loops over the grid ----------------------------------------------------------------------
 */

static const IrExpr *grid_extent(Lower *l, int d)
{
    const IrExpr *e = l->k->grid[d];
    return ir_is_const(e) ? e : ir_gdim(l->k, d);
}

/* Linear block index and number of blocks, x fastest. */
static void linear_block(Lower *l, const IrExpr **block, const IrExpr **blocks)
{
    *block = ir_index(l->k, 0);
    *blocks = ir_index(l->k, 1);
    for (int d = 0; d < 3; d++) {
        const IrExpr *extent = grid_extent(l, d);
        if (ir_is_int(extent, 1)) continue;
        const IrExpr *term = ir_binary(l->k, IR_MUL, ir_bid(l->k, d), *blocks);
        *block = ir_binary(l->k, IR_ADD, *block, term);
        *blocks = ir_binary(l->k, IR_MUL, *blocks, extent);
    }
}

IrStmt *lower_open_for(Lower *l, const char *name, const IrExpr *lo, const IrExpr *hi,
                       const IrExpr *step, const IrExpr **value)
{
    IrVar *var = ir_new_var(l->k, lower_name(l, name), (IrType){ELEM_INDEX, 1}, false);
    IrStmt *loop = ir_for(l->k, l->block, var, lo, hi, step);
    l->block = loop->body;
    *value = ir_var(l->k, var);
    return loop;
}

/* The grid has as many of them as the mapping has workers: the host checks. */
static void require_workers(Lower *l, const Ast *node, const Mapping *m, bool threads)
{
    MappingIndexOps ops = lower_mapping_ops(l);
    const IrExpr *there = ir_index(l->k, threads ? l->k->block_size : 1);
    for (int d = 0; d < 3; d++) there = ir_binary(l->k, IR_MUL, there, l->k->grid[d]);
    Span span = KID(node, For, domain)->span;
    IrRequire require = {
        .cond = ir_binary(l->k, IR_EQ, mapping_index_workers(m, &ops), there),
        .text = lower_text(l, "`%s` has as many workers as the grid", lower_mapping_text(l, m)),
        .origin = ir_origin(l->k, ORIGIN_SOURCE, span, 0, "lower")};
    if (ir_is_const(require.cond) && require.cond->value.i) return;
    if (ir_for_host(require.cond))
        VEC_PUSH(l->arena, l->k->requires, require);
    else
        lower_error(l, LAUNCH, span, "the host cannot tell how many workers this mapping has");
}

static void mapping_grid(Lower *l, const Ast *node, const Mapping *m, const IrExpr *worker,
                         bool threads)
{
    MappingIndexOps ops = lower_mapping_ops(l);
    const IrExpr *coords[MAX_RANK];
    require_workers(l, node, m, threads);
    void *counters[64], *w;
    const IrExpr *zero = ir_index(l->k, 0), *one = ir_index(l->k, 1);
    for (int i = 0; i < m->time_count && i < 64; i++) {
        const IrExpr *counter;
        const IrExpr *extent = mapping_index_extent(&m->time[i], &ops);
        lower_open_for(l, "step", zero, extent, one, &counter);
        memcpy(&counters[i], &counter, sizeof counter);
    }
    memcpy(&w, &worker, sizeof w);
    for (int d = 0; d < m->rank; d++) coords[d] = mapping_index_coord(m, d, &ops, w, counters);
    lower_task_body(l, node, coords, m->rank);
}

void lower_grid_loop(Lower *l, const Ast *node, Value domain)
{
    const Ast *unit = KID(node, For, group);
    bool threads = strcmp(unit->name->text, "block") != 0;
    if (l->group.single || l->group.size != l->k->block_size) {
        lower_error(l, GROUP, unit->span, "a loop over the grid stands where the whole block runs");
        return;
    }
    const IrExpr *worker, *workers;
    linear_block(l, &worker, &workers);
    if (threads) {
        const IrExpr *size = ir_index(l->k, l->k->block_size);
        worker = ir_binary(l->k, IR_ADD, ir_binary(l->k, IR_MUL, worker, size), l->group.thread);
        workers = ir_binary(l->k, IR_MUL, workers, size);
    }
    IrBlock *outer = l->block;
    Group saved = l->group;
    int depth = l->depth++;
    l->group.span = node->span;
    if (threads) l->group.single = true;
    if (domain.kind == VALUE_AUTO)
        lower_auto_grid(l, node, &domain, worker, workers);
    else if (domain.kind == VALUE_MAPPING)
        mapping_grid(l, node, domain.mapping, worker, threads);
    else if (!l->failed)
        lower_error(l, NOT_A_MAPPING, KID(node, For, domain)->span);
    l->depth = depth;
    l->group = saved;
    l->block = outer;
}
