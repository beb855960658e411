/* Values of several lanes: GNU C's vectors, or arrays of what C does not compute with as it is.
 * What those cannot do is done lane by lane. */
#include "target/cpu/cpu.h"

static void put(CWriter *w, const char *text)
{
    base_sb_str(w->out, text);
}

void target_cpu_vector_type(CWriter *w, IrType type)
{
    base_sb_printf(w->out, "hd_%sx%d", cfamily_suffix(w, type.elem), type.lanes);
}

static bool is_array(IrType type)
{
    if (type.lanes & (type.lanes - 1)) return true; /* GNU C has powers of two only */
    if (type.elem == ELEM_BOOL || cfamily_is_packed(type.elem)) return true;
    return cfamily_is_narrow(type.elem) && type.elem != ELEM_TF32;
}

static void load(CWriter *w, const IrExpr *e, CPrec prec)
{
    int count = cfamily_index_count(e->tensor, e->flags);
    bool guarded = e->flags & IR_GUARDED, paren = prec > (guarded ? C_SELECT : C_UNARY);
    if (paren) put(w, "(");
    if (guarded) {
        cfamily_expr(w, e->args[count], C_OR);
        put(w, " ? ");
    }
    put(w, "*(const ");
    target_cpu_vector_type(w, e->type);
    put(w, "_at *)&");
    cfamily_element(w, e->tensor, cfamily_offset(w, e->tensor, e->flags, e->args));
    if (guarded) {
        put(w, " : ");
        cfamily_expr(w, e->args[count + 1], C_SELECT);
    }
    if (paren) put(w, ")");
}

static void splat(CWriter *w, const IrExpr *scalar, IrType type)
{
    bool is_float = vocab_elem_is_float(type.elem);
    put(w, "(");
    cfamily_expr(w, scalar, C_MUL);
    put(w, is_float ? " - (" : " + ("); /* x - 0 is x, of -0 too */
    target_cpu_vector_type(w, type);
    put(w, "){0})");
}

static const IrExpr *lane_of(CWriter *w, const IrExpr *e, int lane)
{
    IrKernel *k = w->kernel;
    const IrExpr *args[3];
    if (e->op == IR_VECTOR) return e->args[lane];
    if (e->op == IR_SPLAT) return e->args[0];
    if (e->op == IR_CONST) return ir_const(k, e->value);
    for (uint32_t i = 0; i < e->count && i < 3; i++)
        args[i] = e->args[i]->type.lanes > 1 ? ir_lane(k, e->args[i], lane) : e->args[i];
    if (e->op == IR_CAST) return ir_cast(k, (IrType){e->type.elem, 1}, args[0]);
    if (e->op == IR_BITCAST) return ir_bitcast(k, (IrType){e->type.elem, 1}, args[0]);
    if (e->op == IR_SELECT) return ir_select(k, args[0], args[1], args[2]);
    if (e->op >= IR_FMA && e->op <= IR_MULHI) return ir_math(k, e->op, (int)e->count, args);
    return e->count == 1 ? ir_unary(k, e->op, args[0]) : ir_binary(k, e->op, args[0], args[1]);
}

/* The lanes of one or two vector variables in another order. */
static bool shuffle(CWriter *w, const IrExpr *e)
{
    const IrExpr *from[2] = {NULL, NULL};
    for (uint32_t i = 0; i < e->count; ++i) {
        const IrExpr *lane = e->args[i];
        if (lane->op != IR_LANE || lane->args[0]->op != IR_VAR) return false;
        if (!from[0]) from[0] = lane->args[0];
        if (lane->args[0] == from[0]) continue;
        if (!from[1]) from[1] = lane->args[0];
        if (lane->args[0] != from[1]) return false;
    }
    int lanes = from[0]->type.lanes;
    if (lanes != e->type.lanes || (from[1] && from[1]->type.lanes != lanes)) return false;
    put(w, "__builtin_shufflevector(");
    cfamily_expr(w, from[0], C_ANY);
    put(w, ", ");
    cfamily_expr(w, from[1] ? from[1] : from[0], C_ANY);
    for (uint32_t i = 0; i < e->count; ++i) {
        long long at = e->args[i]->imm + (e->args[i]->args[0] == from[0] ? 0 : lanes);
        base_sb_printf(w->out, ", %lld", at);
    }
    put(w, ")");
    return true;
}

static void lanes(CWriter *w, const IrExpr *e)
{
    bool array = is_array(e->type);
    if (e->op == IR_VECTOR && !array && shuffle(w, e)) return;
    put(w, "(");
    target_cpu_vector_type(w, e->type);
    put(w, array ? "){{" : "){");
    for (int i = 0; i < e->type.lanes; ++i) {
        if (i) put(w, ", ");
        cfamily_expr(w, lane_of(w, e, i), C_ANY);
    }
    put(w, array ? "}}" : "}");
}

/* Between types whose lanes differ in size. */
static bool whole_bits(CWriter *w, const IrExpr *e)
{
    if (e->op != IR_BITCAST || e->type.lanes == e->args[0]->type.lanes) return false;
    put(w, "({ const ");
    cfamily_type(w, e->args[0]->type);
    put(w, " hd_from = ");
    cfamily_expr(w, e->args[0], C_ANY);
    put(w, "; ");
    cfamily_type(w, e->type);
    put(w, " hd_to; memcpy(&hd_to, &hd_from, sizeof hd_to); hd_to; })");
    return true;
}

static bool is_native(const IrExpr *e)
{
    bool arithmetic = e->op == IR_ADD || e->op == IR_SUB || e->op == IR_MUL ||
                      (e->op == IR_DIV && vocab_elem_is_float(e->type.elem));
    return arithmetic && !cfamily_is_narrow(e->type.elem) && e->args[0]->type.lanes > 1 &&
           e->args[1]->type.lanes > 1 && vocab_elem_is_float(e->type.elem);
}

bool target_cpu_vector(CWriter *w, const IrExpr *e, CPrec prec)
{
    if (e->op == IR_LANE) {
        cfamily_expr(w, e->args[0], C_POSTFIX);
        base_sb_printf(w->out, is_array(e->args[0]->type) ? ".lane[%lld]" : "[%lld]",
                       (long long)e->imm);
        return true;
    }
    if (whole_bits(w, e)) return true;
    if (e->type.lanes == 1 || e->op == IR_VAR) return false;
    if (e->op == IR_LOAD) {
        load(w, e, prec);
    } else if (is_array(e->type)) {
        lanes(w, e);
    } else if (e->op == IR_SPLAT) {
        splat(w, e->args[0], e->type);
    } else if (e->op == IR_CONST) {
        IrExpr scalar = *e;
        scalar.type.lanes = 1;
        splat(w, &scalar, e->type);
    } else if (e->op == IR_FMA && (e->type.elem == ELEM_F32 || e->type.elem == ELEM_F64)) {
        cfamily_call(w,
                     base_format(w->kernel->arena, "hd_fma_%sx%d", cfamily_suffix(w, e->type.elem),
                                 e->type.lanes),
                     3, e->args);
    } else if (is_native(e)) {
        return false;
    } else {
        lanes(w, e);
    }
    return true;
}
