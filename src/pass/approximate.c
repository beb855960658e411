/* approximate - a @fast kernel takes the hardware's approximations, in f32 (CUDA).
 *
 *     a / b        ->  a * approx_rcp(b)
 *     sqrt(x)      ->  approx_sqrt(x)
 *     1 / sqrt(x)  ->  approx_rsqrt(x)
 * The other functions are chosen where they are written: in the standard library, by `fast_math`.
 * It runs before `contract`, so that the products can become part of an fma. */
#include "pass/internal.h"

static const IrExpr *approx(IrKernel *k, IrOp op, const IrExpr *x)
{
    return ir_math(k, op, 1, &x);
}

static const IrExpr *approximate(void *user, const IrExpr *e)
{
    IrKernel *k = user;
    if (e->type.elem != ELEM_F32 || e->type.lanes != 1) return NULL;
    if (e->op == IR_SQRT) return approx(k, IR_APPROX_SQRT, e->args[0]);
    if (e->op != IR_DIV) return NULL;
    const IrExpr *a = e->args[0], *b = e->args[1];
    bool root = b->op == IR_APPROX_SQRT;
    const IrExpr *inverse =
        root ? approx(k, IR_APPROX_RSQRT, b->args[0]) : approx(k, IR_APPROX_RCP, b);
    return ir_is_const(a) && a->value.f == 1 ? inverse : ir_binary(k, IR_MUL, a, inverse);
}

bool pass_approximate(PassContext *ctx)
{
    if (ctx->k->fast) pass_map_block(ctx->k, ctx->k->body, approximate, ctx->k);
    return true;
}
