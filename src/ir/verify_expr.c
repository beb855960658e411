/* The verifier's rules of expressions. */
#include "ir/verify.h"

static bool same_type(IrType a, IrType b)
{
    return a.elem == b.elem && a.lanes == b.lanes;
}

static bool is_float(const IrExpr *e)
{
    return vocab_elem_is_float(e->type.elem);
}

static bool is_int(const IrExpr *e)
{
    return vocab_elem_is_int(e->type.elem);
}

static bool is_bool(const IrExpr *e)
{
    return e->type.elem == ELEM_BOOL;
}

#define RULE(cond, ...)                                                                            \
    do {                                                                                           \
        if (!(cond)) return ir_complain(v, s, e, __VA_ARGS__);                                     \
    } while (0)

static bool check_leaf(IrVerifier *v, const IrStmt *s, const IrExpr *e)
{
    const IrKernel *k = v->k;
    bool index = e->type.elem == ELEM_INDEX && e->type.lanes == 1;
    if (e->op == IR_CONST) {
        RULE(e->value.elem == e->type.elem && e->type.lanes == 1, "a constant of another type");
    } else if (e->op == IR_SIZE) {
        RULE(index && e->imm >= 0 && (size_t)e->imm < k->sizes.len, "the kernel has no such size");
    } else if (e->op == IR_ARG) {
        RULE(e->imm >= 0 && (size_t)e->imm < k->params.len, "the kernel has no such parameter");
        const IrParam *param = &k->params.data[e->imm];
        RULE(!param->is_tensor && param->elem == e->type.elem && e->type.lanes == 1,
             "the parameter is no scalar of this type");
    } else if (e->op == IR_VAR) {
        RULE(e->var && e->var->id < k->vars.len && k->vars.data[e->var->id] == e->var,
             "a variable of another kernel");
        RULE(same_type(e->type, e->var->type), "the variable has another type");
    } else if (e->op == IR_BID || e->op == IR_GDIM) {
        RULE(index && e->imm >= 0 && e->imm < 3, "the grid has three dimensions");
    } else {
        RULE(index, "a thread's index is of type index");
    }
    return true;
}

static bool check_operator(IrVerifier *v, const IrStmt *s, const IrExpr *e)
{
    const IrExpr *a = e->args[0], *b = e->count > 1 ? e->args[1] : a;
    bool shift = e->op == IR_SHL || e->op == IR_SHR;
    if (shift) {
        RULE(is_int(a) && is_int(b) && a->type.lanes == b->type.lanes, "shifts are of integers");
    } else {
        RULE(same_type(a->type, b->type), "the operands differ in type");
    }
    if (e->op == IR_AND || e->op == IR_OR || e->op == IR_NOT)
        RULE(is_bool(a), "an operand is no bool");
    else if (e->op < IR_EQ || e->op > IR_GE)
        RULE(!is_bool(a) || (e->op >= IR_BITAND && e->op <= IR_BITXOR), "arithmetic on bool");
    int flags = vocab_op(ir_op_operator(e->op))->flags;
    if ((flags & OP_INTEGER) || e->op == IR_BITNOT) RULE(!is_float(a), "bit operator on a float");
    return true;
}

static bool check_math(IrVerifier *v, const IrStmt *s, const IrExpr *e)
{
    const IrExpr *a = e->args[0];
    if (e->op == IR_DOT4) {
        RULE(a->type.lanes == 4 && e->args[1]->type.lanes == 4, "dot4 takes vectors of four");
        RULE(same_type(e->type, e->args[2]->type), "dot4 gives the type of its last operand");
        return true;
    }
    for (uint32_t i = 1; i < e->count; i++)
        RULE(same_type(a->type, e->args[i]->type), "the operands differ in type");
    if (e->op == IR_PRMT) {
        RULE(same_type(a->type, (IrType){ELEM_U32, 1}), "prmt takes u32");
        return true;
    }
    if (e->op == IR_LOP3) {
        RULE(same_type(a->type, (IrType){ELEM_U32, 1}), "lop3 takes u32");
        RULE(ir_is_const(e->args[3]) && e->args[3]->value.i <= 255, "lop3 has no truth table");
        return true;
    }
    bool bits = e->op == IR_POPCOUNT || e->op == IR_CLZ || e->op == IR_CTZ || e->op == IR_MULHI;
    RULE(bits ? is_int(a) : is_float(a) || (e->op == IR_ABS && is_int(a)), "%s takes %s",
         ir_op_info(e->op)->text, bits ? "integers" : "floats");
    return true;
}

static bool check_vector(IrVerifier *v, const IrStmt *s, const IrExpr *e)
{
    const IrExpr *a = e->args[0];
    if (e->op == IR_LANE) {
        RULE(e->imm >= 0 && e->imm < a->type.lanes, "the vector has no such lane");
        RULE(same_type(e->type, (IrType){a->type.elem, 1}), "a lane of another type");
        return true;
    }
    RULE(e->type.lanes > 1 && (e->op == IR_SPLAT || e->count == (uint32_t)e->type.lanes),
         "a vector has one operand a lane");
    for (uint32_t i = 0; i < e->count; i++)
        RULE(same_type(e->args[i]->type, (IrType){e->type.elem, 1}), "a lane of another type");
    return true;
}

static bool check_load(IrVerifier *v, const IrStmt *s, const IrExpr *e)
{
    const IrTensor *t = e->tensor;
    RULE(t && t->id < v->k->tensors.len && v->k->tensors.data[t->id] == t,
         "a tensor of another kernel");
    uint32_t count = (uint32_t)ir_index_count(t, e->flags), guards = e->flags & IR_GUARDED ? 2 : 0;
    RULE(e->count == count + guards, "a load of rank %d has %u operands", t->rank, e->count);
    for (uint32_t i = 0; i < count; i++)
        RULE(e->args[i]->type.elem == ELEM_INDEX && e->args[i]->type.lanes == 1,
             "an index is not of type index");
    RULE(e->type.elem == t->elem && e->type.lanes >= 1, "a load of another element type");
    RULE(!(e->flags & IR_CACHE) || t->space == IR_PARAM, "a hint for no parameter");
    if (!guards) return true;
    RULE(same_type(e->args[count]->type, (IrType){ELEM_BOOL, 1}), "the guard is no bool");
    RULE(same_type(e->args[count + 1]->type, e->type), "the other value has another type");
    return true;
}

static int64_t type_bits(IrType type)
{
    return (int64_t)vocab_elem(type.elem)->bits * type.lanes;
}

static bool check_kind(IrVerifier *v, const IrStmt *s, const IrExpr *e)
{
    if (e->op == IR_LOAD) return check_load(v, s, e);
    if (e->count == 0) return check_leaf(v, s, e);
    if (e->op == IR_VECTOR || e->op == IR_LANE || e->op == IR_SPLAT) return check_vector(v, s, e);
    if (e->op == IR_CAST) {
        RULE(e->type.lanes == e->args[0]->type.lanes, "a cast keeps the number of lanes");
        return true;
    }
    if (e->op == IR_BITCAST) {
        RULE(type_bits(e->type) == type_bits(e->args[0]->type), "a bitcast keeps the size");
        return true;
    }
    if (e->op == IR_SELECT) {
        const IrExpr *c = e->args[0];
        RULE(is_bool(c) && (c->type.lanes == 1 || c->type.lanes == e->type.lanes),
             "the condition is no bool");
        RULE(same_type(e->args[1]->type, e->args[2]->type), "the choices differ in type");
    } else if (!(ir_op_operator(e->op) ? check_operator(v, s, e) : check_math(v, s, e))) {
        return false;
    }
    IrType want = ir_result_type(e->op, (int)e->count, e->args);
    RULE(same_type(e->type, want), "the result's type is not that of the operands");
    return true;
}

static bool check_structure(IrVerifier *v, const IrStmt *s, const IrExpr *e)
{
    RULE((unsigned)e->op < IR_OP_COUNT, "no such op");
    int arity = ir_op_info(e->op)->arity;
    RULE(arity < 0 || e->count == (uint32_t)arity, "takes %d operands", arity);
    RULE(e->type.elem != ELEM_NONE && e->type.elem < ELEM_COUNT && e->type.lanes >= 1, "no type");
    RULE(e->count > 0 || e->op != IR_VECTOR, "a vector of nothing");
    RULE(e->op == IR_LOAD || e->flags == 0, "only a load has flags");
    RULE(e->lo <= e->hi, "an empty interval");
    RULE(e->origin < v->k->origins.len && (e->origin || e->count == 0), "no origin");
    for (uint32_t i = 0; i < e->count; i++)
        RULE(e->args[i] && e->args[i]->id < e->id, "an operand is younger than its node");
    return true;
}

/* Operands first; each node's structure once, its variables once a statement. */
bool ir_verify_expr(IrVerifier *v, const IrStmt *s, const IrExpr *e)
{
    if (!e) return ir_complain(v, s, NULL, "an operand is missing");
    RULE(e->id < v->k->expr_count, "an expression of another kernel");
    if (v->stamps[e->id] == v->stamp) return true;
    v->stamps[e->id] = v->stamp;
    if (!v->checked[e->id] && !check_structure(v, s, e)) return false;
    for (uint32_t i = 0; i < e->count; i++)
        if (!ir_verify_expr(v, s, e->args[i])) return false;
    if (!v->checked[e->id] && !check_kind(v, s, e)) return false;
    v->checked[e->id] = true;
    if (e->op == IR_LOAD) return ir_verify_tensor_use(v, s, e->tensor);
    if (e->op != IR_VAR) return true;
    RULE(v->vars[e->var->id] != VAR_OUTSIDE, "is used before it is defined");
    RULE(v->vars[e->var->id] == VAR_INSIDE, "is used outside its block");
    return true;
}
