/* Instructions written by hand, one level below the verbs: asynchronous copies, fragments. */
#include "lower/internal.h"

static void wait_for(Lower *l, const Ast *call)
{
    int64_t groups;
    const Ast *arg = KID(call, Call, args)->kid[0];
    if (!lower_int(l, arg, &groups)) return;
    if (groups < 0 || groups > INT32_MAX) {
        lower_error(l, BAD_EXTENT, arg->span, lower_number(l, groups));
        return;
    }
    lower_at(l, call);
    ir_append(l->k, l->block, IR_STMT_WAIT)->imm = groups;
}

/* The copy as a task loop, which a flag makes what was written. Nothing is waited for. */
static void copy_by(Lower *l, const Ast *call, uint32_t flags, const char *text)
{
    const Ast *args = KID(call, Call, args);
    Value dst = lower_value(l, args->kid[0]), src = lower_value(l, args->kid[1]);
    if (dst.kind != VALUE_VIEW || src.kind != VALUE_VIEW) return;
    IrBlock *outer = l->block, *made = l->block = ir_new_block(l->k);
    lower_copy_values(l, call, dst.view, &src);
    l->block = outer;
    for (size_t i = 0; i < made->stmts.len; i++) {
        IrStmt *s = made->stmts.data[i];
        if (s->kind == IR_STMT_BARRIER) continue;
        s->flags |= flags;
        s->text = text;
        VEC_PUSH(l->arena, outer->stmts, s);
    }
}

void lower_async(Lower *l, const Ast *call)
{
    if (strchr(vocab_builtin(call->call->builtin)->text, '.')) {
        lower_machine(l, call);
        return;
    }
    switch (call->call->builtin) {
    case BUILTIN_COMMIT:
        ir_append(l->k, l->block, IR_STMT_COMMIT);
        break;
    case BUILTIN_WAIT:
        wait_for(l, call);
        break;
    case BUILTIN_ASYNC_COPY:
        copy_by(l, call, IR_ASYNC, NULL);
        break;
    default:
        copy_by(l, call, IR_FORCED, vocab_builtin(call->call->builtin)->text);
        break;
    }
}
