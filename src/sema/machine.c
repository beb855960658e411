/* Instructions by hand that wait and signal: `mbarrier.wait(full[s], parity)` and the like. */
#include "sema/internal.h"

static const Type *needs(Sema *s, Ast *at, Builtin builtin, const char *what, const Type *found)
{
    if (found->kind != TYPE_POISON)
        sema_operand_error(s, at, vocab_builtin(builtin)->text, what, found);
    return s->none;
}

/* An element `b[i]` of a shared tensor of mbarriers, or of barriers of the hardware. */
static void barrier(Sema *s, Ast *e, Builtin builtin, const Type *want)
{
    const Type *type = sema_infer(s, e);
    if (type == want && e->kind == AST_Index) return;
    needs(s, e, builtin,
          want == s->mbarrier ? "an mbarrier, as in `b[0]`" : "a barrier, as in `b[0]`", type);
}

/* Tiles in shared memory, whose bytes are expected. */
static void tiles(Sema *s, Ast *args, Builtin builtin)
{
    for (uint32_t i = 1; i < args->count; i++) {
        const Type *type = sema_value(s, args->kid[i]);
        if (type->kind != TYPE_TENSOR || type->space != SPACE_SHARED ||
            sema_type_is_barrier(type->of))
            needs(s, args->kid[i], builtin, "tiles in shared memory", type);
    }
}

/* A tile in the memory that `space` says; what is written can be. */
static const Type *tile(Sema *s, Ast *e, Builtin builtin, Space space, bool written)
{
    const Type *type = sema_value(s, e);
    if (type->kind == TYPE_POISON) return NULL;
    if (type->kind == TYPE_TENSOR && type->space == space && !sema_type_is_barrier(type->of))
        return !written || sema_writable(s, e, type) ? type : NULL;
    needs(s, e, builtin,
          space == SPACE_SHARED ? "a tile in shared memory"
                                : "a window of a tensor in global memory",
          type);
    return NULL;
}

static void tma_copy(Sema *s, Ast *args, Builtin builtin)
{
    bool load = builtin == BUILTIN_TMA_LOAD;
    const Type *dst = tile(s, args->kid[0], builtin, load ? SPACE_SHARED : SPACE_GLOBAL, true);
    const Type *src = tile(s, args->kid[1], builtin, load ? SPACE_GLOBAL : SPACE_SHARED, false);
    if (load) barrier(s, args->kid[2], builtin, s->mbarrier);
    if (load && args->count > 3) sema_index(s, args->kid[3]);
    if (!dst || !src || (dst->of == src->of && dst->rank == src->rank)) return;
    const Type *want = sema_type_tensor(s, dst->of, dst->rank, src->space, false);
    diag_report(s->diags, DIAG_MISMATCH, args->kid[1]->span, sema_text(s, want), sema_text(s, src));
}

const Type *sema_call_machine(Sema *s, Ast *call, Builtin builtin)
{
    Ast *args = KID(call, Call, args);
    const char *name = vocab_builtin(builtin)->text;
    switch ((int)builtin) {
    case BUILTIN_MBARRIER_WAIT:
        barrier(s, args->kid[0], builtin, s->mbarrier);
        sema_index(s, args->kid[1]);
        break;
    case BUILTIN_MBARRIER_ARRIVE:
        barrier(s, args->kid[0], builtin, s->mbarrier);
        break;
    case BUILTIN_BARRIER_SYNC:
    case BUILTIN_BARRIER_ARRIVE:
        barrier(s, args->kid[0], builtin, s->barrier);
        break;
    case BUILTIN_TMA_LOAD:
        if (!sema_arity(s, call, name, 3, 4)) return sema_poison_args(s, call), s->none;
        tma_copy(s, args, builtin);
        break;
    case BUILTIN_TMA_STORE:
        tma_copy(s, args, builtin);
        break;
    case BUILTIN_TMA_COMMIT:
        break;
    case BUILTIN_TMA_WAIT:
        sema_index(s, args->kid[0]);
        break;
    default:
        if (!sema_arity(s, call, name, 2, SIZE_MAX)) return sema_poison_args(s, call), s->none;
        barrier(s, args->kid[0], builtin, s->mbarrier);
        tiles(s, args, builtin);
        break;
    }
    return s->none;
}
