/* contract - products that are operands of sums become fma, by one fixed rule.
 *
 * In f32 and f64 (and vectors of them), bottom-up:
 *     a * b + c  ->  fma(a, b, c)      c + a * b  ->  fma(a, b, c)
 *     a * b - c  ->  fma(a, b, -c)     c - a * b  ->  fma(-a, b, c)
 * If both operands are products, the left one is taken. Only a product written in the same
 * expression counts: after `let t = a * b`, the sum `t + c` is rounded twice. The pass runs
 * before the targets part, and both compile what it leaves without contraction of their own, so
 * their results are equal to the bit. Nothing else is reassociated.
 */
#include "pass/internal.h"

static bool is_product(const IrExpr *e)
{
    return e->op == IR_MUL;
}

static const IrExpr *contract(void *user, const IrExpr *e)
{
    IrKernel *k = user;
    if (e->op != IR_ADD && e->op != IR_SUB) return NULL;
    if (e->type.elem != ELEM_F32 && e->type.elem != ELEM_F64) return NULL;
    const IrExpr *left = e->args[0], *right = e->args[1];
    if (is_product(left)) {
        const IrExpr *c = e->op == IR_SUB ? ir_unary(k, IR_NEG, right) : right;
        return ir_math(k, IR_FMA, 3, (const IrExpr *[]){left->args[0], left->args[1], c});
    }
    if (!is_product(right)) return NULL;
    const IrExpr *a = right->args[0];
    if (e->op == IR_SUB) a = ir_unary(k, IR_NEG, a);
    return ir_math(k, IR_FMA, 3, (const IrExpr *[]){a, right->args[1], left});
}

bool pass_contract(PassContext *ctx)
{
    pass_map_block(ctx->k, ctx->k->body, contract, ctx->k);
    return true;
}
