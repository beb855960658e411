/* Instructions written by hand, one level below the verbs: asynchronous copies, fragments. */
#include "lower/internal.h"

/* How many groups may be under way: the argument, if there is one. */
bool lower_wait_groups(Lower *l, const Ast *call, int64_t *groups)
{
    const Ast *args = KID(call, Call, args);
    *groups = 0;
    if (args->count == 0) return true;
    if (!lower_int(l, args->kid[0], groups)) return false;
    if (*groups >= 0 && *groups <= INT32_MAX) return true;
    lower_error(l, BAD_EXTENT, args->kid[0]->span, lower_number(l, *groups));
    return false;
}

static void wait_for(Lower *l, const Ast *call)
{
    int64_t groups;
    if (!lower_wait_groups(l, call, &groups)) return;
    lower_at(l, call);
    if (lower_is_async(l)) ir_append(l->k, l->block, IR_STMT_WAIT)->imm = groups;
}

/* The products of a warpgroup are over for all of it, or for none. */
static void meet_warpgroup(Lower *l)
{
    if (l->group.single || l->group.size % WARPGROUP_THREADS) return;
    if (l->group.size == WARPGROUP_THREADS)
        lower_barrier(l, false);
    else
        ir_barrier(l->k, l->block, IR_SCOPE_GROUP, WARPGROUP_THREADS)->imm2 = -1;
}

/* Products that are under way exist on CUDA only; elsewhere each is done when it is begun. */
static void order(Lower *l, const Ast *call)
{
    int64_t groups;
    Builtin builtin = call->call->builtin;
    if (!lower_needs_arch(l, call, vocab_builtin(builtin)->text, 90)) return;
    if (!lower_wait_groups(l, call, &groups)) return;
    lower_at(l, call);
    if (!l->options->cpu)
        lower_order(l, builtin, groups);
    else if (builtin == BUILTIN_WGMMA_WAIT)
        meet_warpgroup(l);
}

void lower_order(Lower *l, Builtin builtin, int64_t groups)
{
    IrStmt *stmt = ir_append(l->k, l->block, IR_STMT_ORDER);
    stmt->builtin = builtin;
    stmt->imm = groups;
}

bool lower_is_async(const Lower *l)
{
    return !l->options->cpu || l->options->check;
}

/* How a copy is made. */
typedef struct Mark {
    Lower *l;
    const Ast *node;
    const IrTensor *to;
    uint32_t flags; /* of its task loops; IR_ASYNC: of its stores, too */
    const char *text;
} Mark;

static bool mark_store(void *user, IrStmt *s)
{
    const Mark *mark = user;
    if (s->kind != IR_STMT_STORE || s->tensor != mark->to || !(mark->flags & IR_ASYNC)) return true;
    s->flags |= IR_ASYNC;
    const IrExpr *value = s->args[s->tensor->rank];
    return value->op != IR_LOAD || lower_check_policy(mark->l, mark->node, ir_cache(value->flags));
}

/* Appends what was made, without its barriers. */
static void append_marked(Lower *l, IrBlock *made, Mark mark)
{
    ir_walk(made, mark_store, &mark);
    for (size_t i = 0; i < made->stmts.len; i++) {
        IrStmt *s = made->stmts.data[i];
        if (s->kind == IR_STMT_BARRIER) continue;
        if (s->kind == IR_STMT_TASKS) {
            s->flags |= mark.flags;
            s->text = mark.text;
        }
        VEC_PUSH(l->arena, l->block->stmts, s);
    }
}

void lower_copy_by(Lower *l, const Ast *call, const View *dst, const Value *src, uint32_t flags,
                   const char *text)
{
    IrBlock *outer = l->block, *made = l->block = ir_new_block(l->k);
    lower_copy_values(l, call, dst, src);
    l->block = outer;
    append_marked(l, made, (Mark){l, call, dst->tensor, flags, text});
}

void lower_tasks_by(Lower *l, const Ast *loop, const IrTensor *to, uint32_t flags)
{
    IrBlock *outer = l->block, *made = l->block = ir_new_block(l->k);
    lower_stmt(l, loop);
    l->block = outer;
    append_marked(l, made, (Mark){l, loop, to, flags, NULL});
}

/* From a kernel's parameter to shared memory. */
static bool can_be_async(Lower *l, const Ast *call, const Value *dst, const Value *src)
{
    const Ast *args = KID(call, Call, args);
    const char *why = NULL;
    int at = 0;
    if (dst->kind != VALUE_VIEW || dst->view->tensor->space != IR_SHARED || dst->view->tensor->of)
        why = "it goes to shared memory; elsewhere use `copy`";
    else if (src->kind != VALUE_VIEW || src->view->tensor->space != IR_PARAM)
        why = "it comes from a kernel's parameter as it stands there; for anything else use `copy`",
        at = 1;
    if (why) lower_error(l, ASYNC_COPY, args->kid[at]->span, why);
    return !why && lower_check_policy(l, args->kid[1], src->view->cache);
}

/* The copy as a task loop, which a flag makes what was written. Nothing is waited for. */
static void copy_by(Lower *l, const Ast *call, uint32_t flags, const char *text)
{
    const Ast *args = KID(call, Call, args);
    Value dst = lower_value(l, args->kid[0]), src = lower_value(l, args->kid[1]);
    if (l->failed && (dst.kind == VALUE_POISON || src.kind == VALUE_POISON)) return;
    if (flags & IR_ASYNC && !can_be_async(l, call, &dst, &src)) return;
    if (dst.kind != VALUE_VIEW || src.kind != VALUE_VIEW) return;
    Group group = l->group;
    if (flags & IR_ASYNC && group.single) { /* a thread by itself copies all of it */
        l->group.size = 1;
        l->group.thread = ir_index(l->k, 0);
    }
    if (!lower_is_async(l)) flags &= ~(uint32_t)IR_ASYNC;
    lower_copy_by(l, call, dst.view, &src, flags, text);
    l->group = group;
}

void lower_async(Lower *l, const Ast *call)
{
    if (strncmp(vocab_builtin(call->call->builtin)->text, "tma.", 4) == 0) {
        lower_tma(l, call);
        return;
    }
    switch (call->call->builtin) {
    case BUILTIN_WGMMA_MMA:
        if (lower_needs_arch(l, call, "wgmma", 90)) lower_mma(l, call);
        break;
    case BUILTIN_WGMMA_FENCE:
    case BUILTIN_WGMMA_COMMIT:
    case BUILTIN_WGMMA_WAIT:
        order(l, call);
        break;
    case BUILTIN_COMMIT:
        lower_at(l, call);
        if (lower_is_async(l)) ir_append(l->k, l->block, IR_STMT_COMMIT);
        break;
    case BUILTIN_WAIT:
        wait_for(l, call);
        break;
    case BUILTIN_ASYNC_COPY:
        copy_by(l, call, IR_ASYNC, NULL);
        break;
    case BUILTIN_LDMATRIX:
    case BUILTIN_STMATRIX:
        copy_by(l, call, IR_FORCED, vocab_builtin(call->call->builtin)->text);
        break;
    default:
        lower_machine(l, call);
        break;
    }
}
