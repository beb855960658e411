/* Instructions by hand that wait and signal: `mbarrier.wait(full[s], parity)` and the like. */
#include "sema/internal.h"

static const Type *needs(Sema *s, Ast *at, Builtin builtin, const char *what, const Type *found)
{
    if (found->kind != TYPE_POISON)
        sema_operand_error(s, at, vocab_builtin(builtin)->text, what, found);
    return s->none;
}

/* An element `b[i]` of a shared tensor of mbarriers. */
static bool barrier(Sema *s, Ast *e, Builtin builtin)
{
    const Type *type = sema_infer(s, e);
    if (type == s->mbarrier && e->kind == AST_Index) return true;
    needs(s, e, builtin, "an mbarrier, as in `b[0]`", type);
    return false;
}

/* Tiles in shared memory, whose bytes are expected. */
static void tiles(Sema *s, Ast *args, Builtin builtin)
{
    for (uint32_t i = 1; i < args->count; i++) {
        const Type *type = sema_value(s, args->kid[i]);
        if (type->kind != TYPE_TENSOR || type->space != SPACE_SHARED || type->of == s->mbarrier)
            needs(s, args->kid[i], builtin, "tiles in shared memory", type);
    }
}

const Type *sema_call_machine(Sema *s, Ast *call, Builtin builtin)
{
    Ast *args = KID(call, Call, args);
    const char *name = vocab_builtin(builtin)->text;
    switch ((int)builtin) {
    case BUILTIN_MBARRIER_WAIT:
        barrier(s, args->kid[0], builtin);
        sema_index(s, args->kid[1]);
        break;
    case BUILTIN_MBARRIER_ARRIVE:
        barrier(s, args->kid[0], builtin);
        break;
    default:
        if (!sema_arity(s, call, name, 2, SIZE_MAX)) return sema_poison_args(s, call), s->none;
        barrier(s, args->kid[0], builtin);
        tiles(s, args, builtin);
        break;
    }
    return s->none;
}
