/* Operators: arithmetic on one type, comparisons, logic; mappings compose with `*`. */
#include "sema/internal.h"

/* Of an operator or built-in `name` that is not defined for `found`. */
const Type *sema_operand_error(Sema *s, Ast *at, const char *name, const char *needs,
                               const Type *found)
{
    if (found->kind == TYPE_POISON) return found;
    Diag *diag =
        diag_report(s->diags, DIAG_OPERAND_KIND, at->span, name, needs, sema_text(s, found));
    const Type *element = sema_type_element(found);
    if (element->kind == TYPE_VAR)
        diag_label(s->diags, diag, element->symbol->span, "%s stands for %s; narrow its bound",
                   element->symbol->name->text, sema_mask_text(sema_type_mask(element)));
    return s->poison;
}

static const Type *kind_error(Sema *s, Ast *at, Op op, const char *needs, const Type *found)
{
    return sema_operand_error(s, at, vocab_op(op)->text, needs, found);
}

static unsigned operand_mask(Op op)
{
    int flags = vocab_op(op)->flags;
    if (flags & OP_LOGICAL) return MASK_BOOL;
    if (op == OP_EQ || op == OP_NE) return MASK_SCALAR;
    if (flags & OP_INTEGER || op == OP_MOD || op == OP_BITNOT) return MASK_INT;
    return op == OP_NOT ? MASK_BOOL : MASK_NUM;
}

static const char *needs(Op op)
{
    switch (operand_mask(op)) {
    case MASK_BOOL:
        return "bool operands";
    case MASK_INT:
        return "integers";
    case MASK_NUM:
        return "numbers";
    default:
        return "scalars";
    }
}

const Type *sema_infer_unary(Sema *s, Ast *e)
{
    Ast *operand = KID(e, Unary, operand);
    const Type *type = sema_infer(s, operand);
    if (sema_type_literal(s, type)) {
        if (e->op == OP_NEG || (e->op == OP_BITNOT && type == s->literal_int)) return type;
        return kind_error(s, e, e->op, needs(e->op), type);
    }
    if (!sema_is_value(type)) return sema_not_a_value(s, operand, type);
    if (sema_type_within(sema_type_element(type), operand_mask(e->op)))
        return sema_type_readonly(s, type);
    return kind_error(s, e, e->op, needs(e->op), type);
}

/* ---- binary -------------------------------------------------------------------------------- */

static const Type *pair_error(Sema *s, Ast *at, Op op, Ast *left, const Type *lt, Ast *right,
                              const Type *rt)
{
    Diag *diag = diag_report(s->diags, DIAG_OPERAND_PAIR, at->span, vocab_op(op)->text,
                             sema_text(s, lt), sema_text(s, rt));
    diag_label(s->diags, diag, left->span, "%s", sema_text(s, lt));
    diag_label(s->diags, diag, right->span, "%s", sema_text(s, rt));
    if (sema_type_within(lt, MASK_NUM) && sema_type_within(rt, MASK_NUM)) {
        diag_note(s->diags, diag, "conversions are explicit: write `%s(…)` or `%s(…)`",
                  sema_text(s, lt), sema_text(s, rt));
        sema_note_const(s, diag, left, rt);
        sema_note_const(s, diag, right, lt);
    }
    return s->poison;
}

static bool elementwise(const Type *type)
{
    return type->kind == TYPE_VECTOR || (type->kind == TYPE_TENSOR && type->space == SPACE_REG);
}

/* The common type of two settled operands: equal, or a vector or tile with its element; NULL. */
static const Type *common(Sema *s, const Type *lt, const Type *rt)
{
    if (lt->kind == TYPE_POISON || rt->kind == TYPE_POISON) return s->poison;
    if (sema_same(lt, rt)) return sema_type_readonly(s, lt);
    if (elementwise(lt) && sema_same(sema_type_element(lt), rt)) return sema_type_readonly(s, lt);
    if (elementwise(rt) && sema_same(sema_type_element(rt), lt)) return sema_type_readonly(s, rt);
    return NULL;
}

static const Type *compare(Sema *s, Ast *at, Op op, Ast *left, const Type *lt, Ast *right,
                           const Type *rt)
{
    bool equality = op == OP_EQ || op == OP_NE;
    if (equality && lt->kind == rt->kind && (lt->kind == TYPE_TYPE || lt->kind == TYPE_MAPPING))
        return s->boolean;
    if (!sema_is_value(lt)) return sema_not_a_value(s, left, lt);
    if (!sema_is_value(rt)) return sema_not_a_value(s, right, rt);
    if (!sema_same(lt, rt)) return pair_error(s, at, op, left, lt, right, rt);
    if (sema_type_within(lt, operand_mask(op))) return s->boolean;
    return kind_error(s, at, op, needs(op), lt);
}

/* A literal takes the element type of what it meets; false if it cannot. */
static bool meet(Sema *s, Ast *literal, const Type *have, const Type *other)
{
    return sema_adapt(s, literal, have, sema_type_element(other));
}

static const Type *literals(Sema *s, Ast *at, Op op, const Type *lt, const Type *rt)
{
    const Type *type = lt == s->literal_float ? lt : rt;
    if (type == s->literal_float && !(operand_mask(op) & MASK_FLOAT))
        return kind_error(s, at, op, needs(op), type);
    return type;
}

static const Type *arithmetic(Sema *s, Ast *at, Op op, Ast *left, const Type *lt, Ast *right,
                              const Type *rt)
{
    if (op == OP_MUL && lt->kind == TYPE_MAPPING && rt->kind == TYPE_MAPPING) return s->mapping;
    if (!sema_is_value(lt)) return sema_not_a_value(s, left, lt);
    if (!sema_is_value(rt)) return sema_not_a_value(s, right, rt);
    const Type *type = common(s, lt, rt);
    if (!type) return pair_error(s, at, op, left, lt, right, rt);
    if (sema_type_within(sema_type_element(type), operand_mask(op))) return type;
    return kind_error(s, at, op, needs(op), type);
}

static bool wants_mapping(const Type *other, Op op)
{
    return other->kind == TYPE_MAPPING && (op == OP_MUL || op == OP_EQ || op == OP_NE);
}

/* The result of `left op right`, whose types are known and may be those of literals. */
const Type *sema_operate(Sema *s, Ast *at, Op op, Ast *left, const Type *lt, Ast *right,
                         const Type *rt)
{
    bool compares = vocab_op(op)->flags & OP_COMPARES;
    bool literal_l = sema_type_literal(s, lt), literal_r = sema_type_literal(s, rt);
    if (literal_l && literal_r) {
        const Type *type = literals(s, at, op, lt, rt);
        if (!compares || type->kind == TYPE_POISON) return type;
        return sema_settle_pair(s, left, right)->kind == TYPE_POISON ? s->poison : s->boolean;
    }
    if (literal_l || literal_r) {
        const Type *other = literal_l ? rt : lt;
        Ast *literal = literal_l ? left : right;
        if (!sema_is_value(other)) return sema_not_a_value(s, literal_l ? right : left, other);
        if (wants_mapping(other, op)) return pair_error(s, at, op, left, lt, right, rt);
        if (other->kind != TYPE_POISON &&
            !sema_type_within(sema_type_element(other), operand_mask(op)))
            return kind_error(s, at, op, needs(op), other);
        if (!meet(s, literal, literal->type, other)) return compares ? s->boolean : s->poison;
        if (literal_l) lt = compares ? rt : sema_type_element(rt);
        if (literal_r) rt = compares ? lt : sema_type_element(lt);
    }
    if (compares) return compare(s, at, op, left, lt, right, rt);
    return arithmetic(s, at, op, left, lt, right, rt);
}

const Type *sema_infer_binary(Sema *s, Ast *e)
{
    Ast *left = KID(e, Binary, left), *right = KID(e, Binary, right);
    if (vocab_op(e->op)->flags & OP_LOGICAL) {
        const char *what = e->op == OP_AND ? "an operand of `&&`" : "an operand of `||`";
        sema_condition(s, left, what);
        sema_condition(s, right, what);
        return s->boolean;
    }
    const Type *lt = sema_infer(s, left);
    const Type *rt = sema_infer(s, right);
    return sema_operate(s, e, e->op, left, lt, right, rt);
}

/* The result of `op` as a function value on two of `type`; NULL if it is not defined there. */
const Type *sema_operator_on(Sema *s, Op op, const Type *type)
{
    if (!sema_type_within(type, operand_mask(op))) return NULL;
    return vocab_op(op)->result == RESULT_BOOL ? s->boolean : type;
}
