/* Expressions in C's text: operators with as few parentheses as they need, everything C leaves
 * undefined or promotes (narrow integers, signed overflow, division) pinned down. */
#include "target/cfamily.h"

static void open_paren(CWriter *w, bool yes)
{
    if (yes) base_sb_char(w->out, '(');
}

static void close_paren(CWriter *w, bool yes)
{
    if (yes) base_sb_char(w->out, ')');
}

static void put(CWriter *w, const char *text)
{
    base_sb_str(w->out, text);
}

void cfamily_wide(CWriter *w, const IrExpr *e, CPrec prec)
{
    if (!cfamily_is_narrow(e->type.elem)) {
        cfamily_expr(w, e, prec);
    } else if (e->op == IR_CONST) {
        cfamily_literal(w, (Scalar){.elem = ELEM_F32, .f = e->value.f}, prec);
    } else {
        base_sb_printf(w->out, "hd_cast_f32_%s(", cfamily_suffix(w, e->type.elem));
        cfamily_expr(w, e, C_ANY);
        put(w, ")");
    }
}

void cfamily_call(CWriter *w, const char *name, int count, const IrExpr *const *args)
{
    base_sb_printf(w->out, "%s(", name);
    for (int i = 0; i < count; ++i) {
        if (i) put(w, ", ");
        cfamily_expr(w, args[i], C_ANY);
    }
    put(w, ")");
}

/* The type whose functions compute with values of `elem`. */
static const char *compute_suffix(CWriter *w, Elem elem)
{
    if (cfamily_is_narrow(elem)) return "f32";
    if (vocab_elem_is_float(elem)) return cfamily_suffix(w, elem);
    int bits = elem == ELEM_INDEX ? w->index_bits : vocab_elem(elem)->bits;
    if (vocab_elem(elem)->cls == CLASS_UINT) return bits == 64 ? "u64" : "u32";
    return bits == 64 ? "i64" : "i32";
}

/* Opens what turns a computed value back into one of `elem`: a rounding, or the cut to a narrow
 * integer. Returns whether close_result has something to close. */
static bool open_result(CWriter *w, Elem elem, CPrec *prec)
{
    if (cfamily_is_narrow(elem)) {
        base_sb_printf(w->out, "hd_cast_%s_f32(", cfamily_suffix(w, elem));
    } else if (cfamily_is_packed(elem)) {
        base_sb_printf(w->out, "hd_wrap_%s(", cfamily_suffix(w, elem));
    } else {
        return false;
    }
    *prec = C_ANY;
    return true;
}

static bool is_small_int(Elem elem)
{
    return vocab_elem_is_int(elem) && elem != ELEM_INDEX && vocab_elem(elem)->bits < 32 &&
           !cfamily_is_packed(elem);
}

/* A product and sum of narrow floats that is rounded once: no f32 holds it exactly. */
static bool narrow_fma(CWriter *w, const IrExpr *e)
{
    if (e->op != IR_FMA || !cfamily_is_narrow(e->type.elem)) return false;
    cfamily_call(w, base_format(w->kernel->arena, "hd_fma_%s", cfamily_suffix(w, e->type.elem)), 3,
                 e->args);
    return true;
}

/* `function_T(a, b …)` computed in the operands' computing type. */
static void math_call(CWriter *w, const IrExpr *e, const char *function, Elem elem)
{
    if (narrow_fma(w, e)) return;
    CPrec prec = C_ANY;
    bool result = e->type.elem == elem && open_result(w, elem, &prec);
    bool small = e->type.elem == elem && is_small_int(elem);
    if (small) base_sb_printf(w->out, "(%s)", cfamily_elem_type(w, elem));
    base_sb_printf(w->out, "hd_%s_%s(", function, compute_suffix(w, elem));
    for (uint32_t i = 0; i < e->count; ++i) {
        if (i) put(w, ", ");
        cfamily_wide(w, e->args[i], C_ANY);
    }
    put(w, ")");
    close_paren(w, result);
}

typedef struct COperator {
    const char *text;
    CPrec prec;
} COperator;
static const COperator OPERATORS[IR_OP_COUNT] = {
    [IR_ADD] = {"+", C_ADD},     [IR_SUB] = {"-", C_ADD},       [IR_MUL] = {"*", C_MUL},
    [IR_DIV] = {"/", C_MUL},     [IR_MOD] = {"%", C_MUL},       [IR_BITAND] = {"&", C_BITAND},
    [IR_BITOR] = {"|", C_BITOR}, [IR_BITXOR] = {"^", C_BITXOR}, [IR_SHL] = {"<<", C_SHIFT},
    [IR_SHR] = {">>", C_SHIFT},  [IR_AND] = {"&&", C_AND},      [IR_OR] = {"||", C_OR},
    [IR_EQ] = {"==", C_EQ},      [IR_NE] = {"!=", C_EQ},        [IR_LT] = {"<", C_LT},
    [IR_LE] = {"<=", C_LT},      [IR_GT] = {">", C_LT},         [IR_GE] = {">=", C_LT},
};

/* The level an operand must bind at: mixtures that readers (and compilers) trip over get
 * parentheses though C does not need them. */
static CPrec operand_prec(IrOp op, bool right)
{
    switch (OPERATORS[op].prec) {
    case C_OR:
        return op == IR_OR && !right ? C_OR : C_BITOR;
    case C_AND:
        return right ? C_BITOR : C_AND;
    case C_BITOR:
    case C_BITXOR:
    case C_BITAND:
    case C_SHIFT:
        return right ? C_UNARY : (op == IR_SHL || op == IR_SHR) ? C_UNARY : C_MUL;
    case C_EQ:
    case C_LT:
        return C_BITOR > C_SHIFT ? C_BITOR : C_SHIFT;
    case C_ANY:
    case C_SELECT:
    case C_ADD:
    case C_MUL:
    case C_UNARY:
    case C_POSTFIX:
        break;
    }
    return right ? (CPrec)(OPERATORS[op].prec + 1) : OPERATORS[op].prec;
}

static void plain_binary(CWriter *w, const IrExpr *e, CPrec prec)
{
    const COperator *op = &OPERATORS[e->op];
    bool paren = op->prec < prec;
    open_paren(w, paren);
    cfamily_wide(w, e->args[0], operand_prec(e->op, false));
    base_sb_printf(w->out, " %s ", op->text);
    cfamily_wide(w, e->args[1], operand_prec(e->op, true));
    close_paren(w, paren);
}

/* `(int32_t)((uint32_t)a + (uint32_t)b)`: signed arithmetic that wraps. */
static void wrapping_binary(CWriter *w, const IrExpr *e, CPrec prec)
{
    bool wide = vocab_elem(e->type.elem)->bits == 64;
    const char *u = cfamily_elem_type(w, wide ? ELEM_U64 : ELEM_U32);
    bool paren = prec > C_UNARY;
    open_paren(w, paren);
    base_sb_printf(w->out, "(%s)((%s)", cfamily_elem_type(w, e->type.elem), u);
    cfamily_expr(w, e->args[0], C_UNARY);
    base_sb_printf(w->out, " %s (%s)", OPERATORS[e->op].text, u);
    cfamily_expr(w, e->args[1], C_UNARY);
    put(w, ")");
    close_paren(w, paren);
}

static bool known(const IrExpr *e)
{
    return e->lo != INT64_MIN && e->hi != INT64_MAX;
}

/* Quotients (of a divisor that is no -1) and right shifts never leave the range. */
static bool may_wrap(const IrExpr *e)
{
    return e->op != IR_DIV && e->op != IR_MOD && e->op != IR_SHR && !known(e);
}

static void int_arithmetic(CWriter *w, const IrExpr *e, CPrec prec)
{
    Elem elem = e->type.elem;
    bool is_signed = vocab_elem(elem)->cls == CLASS_SINT;
    if (elem == ELEM_INDEX || (is_signed && vocab_elem(elem)->bits >= 32 && !may_wrap(e))) {
        plain_binary(w, e, prec);
    } else if (is_small_int(elem)) {
        bool paren = prec > C_UNARY;
        open_paren(w, paren);
        base_sb_printf(w->out, "(%s)(", cfamily_elem_type(w, elem));
        if (elem == ELEM_U16) put(w, "1u * "); /* two u16 overflow int */
        plain_binary(w, e, elem == ELEM_U16 ? C_UNARY : C_ANY);
        put(w, ")");
        close_paren(w, paren);
    } else if (is_signed && vocab_elem(elem)->bits >= 32) {
        wrapping_binary(w, e, prec);
    } else {
        plain_binary(w, e, prec);
    }
}

static void arithmetic(CWriter *w, const IrExpr *e, CPrec prec)
{
    bool result = open_result(w, e->type.elem, &prec);
    if (vocab_elem_is_float(e->type.elem) || result)
        plain_binary(w, e, prec);
    else
        int_arithmetic(w, e, prec);
    close_paren(w, result);
}

/* Integer division: plain where C's is defined and means the same. */
static void division(CWriter *w, const IrExpr *e, CPrec prec)
{
    const IrExpr *a = e->args[0], *b = e->args[1];
    Elem elem = e->type.elem;
    bool positive = b->lo > 0;
    if (e->op == IR_MOD && vocab_elem_is_float(elem)) {
        math_call(w, e, "fmod", elem);
    } else if (vocab_elem_is_float(elem)) {
        arithmetic(w, e, prec);
    } else if (positive && (elem != ELEM_INDEX || a->lo >= 0)) {
        arithmetic(w, e, prec);
    } else if (elem == ELEM_INDEX) {
        math_call(w, e, e->op == IR_DIV ? "floordiv" : "floormod", elem);
    } else {
        math_call(w, e, e->op == IR_DIV ? "div" : "mod", elem);
    }
}

static void shift(CWriter *w, const IrExpr *e, CPrec prec)
{
    const IrExpr *by = e->args[1];
    Elem elem = e->type.elem;
    int bits = elem == ELEM_INDEX ? w->index_bits : vocab_elem(elem)->bits;
    bool safe = by->lo >= 0 && by->hi < (bits < 8 ? 8 : bits);
    bool plain =
        e->op == IR_SHR || elem == ELEM_INDEX || bits < 32 || vocab_elem(elem)->cls == CLASS_UINT;
    if (!safe || !plain) {
        bool result = open_result(w, elem, &prec), small = is_small_int(elem);
        if (small) base_sb_printf(w->out, "(%s)", cfamily_elem_type(w, elem));
        base_sb_printf(w->out, "hd_%s_%s(", e->op == IR_SHL ? "shl" : "shr",
                       compute_suffix(w, elem));
        cfamily_expr(w, e->args[0], C_ANY);
        base_sb_printf(w->out, ", (%s)", cfamily_elem_type(w, ELEM_U32));
        cfamily_expr(w, by, C_UNARY);
        put(w, ")");
        close_paren(w, result);
    } else {
        arithmetic(w, e, prec);
    }
}

static void bitwise(CWriter *w, const IrExpr *e, CPrec prec)
{
    plain_binary(w, e, prec); /* of two values in range: in range again */
}

static void negation(CWriter *w, const IrExpr *e, CPrec prec)
{
    Elem elem = e->type.elem;
    bool result = open_result(w, elem, &prec);
    bool paren = prec > C_UNARY;
    open_paren(w, paren);
    if (vocab_elem_is_float(elem) || elem == ELEM_INDEX || result) {
        put(w, "-");
    } else {
        bool wide = vocab_elem(elem)->bits == 64;
        base_sb_printf(w->out, "(%s)-(%s)", cfamily_elem_type(w, elem),
                       cfamily_elem_type(w, wide ? ELEM_U64 : ELEM_U32));
    }
    cfamily_wide(w, e->args[0], C_POSTFIX);
    close_paren(w, paren);
    close_paren(w, result);
}

static void complement(CWriter *w, const IrExpr *e, CPrec prec)
{
    Elem elem = e->type.elem;
    bool result = open_result(w, elem, &prec);
    bool paren = prec > C_UNARY;
    open_paren(w, paren);
    if (is_small_int(elem)) base_sb_printf(w->out, "(%s)", cfamily_elem_type(w, elem));
    put(w, e->op == IR_NOT ? "!" : "~");
    cfamily_expr(w, e->args[0], C_POSTFIX);
    close_paren(w, paren);
    close_paren(w, result);
}

/* ---- casts ----------------------------------------------------------------------------------- */

static void c_cast(CWriter *w, Elem to, const IrExpr *a, CPrec prec)
{
    bool paren = prec > C_UNARY;
    open_paren(w, paren);
    base_sb_printf(w->out, "(%s)", cfamily_elem_type(w, to));
    cfamily_wide(w, a, C_UNARY);
    close_paren(w, paren);
}

static void cast_call(CWriter *w, Elem to, const IrExpr *a)
{
    Elem from = a->type.elem;
    bool is_float = vocab_elem_is_float(from);
    bool from_f32 = is_float && from != ELEM_F64;
    base_sb_printf(w->out, "hd_cast_%s_%s(", cfamily_suffix(w, to), from_f32 ? "f32" : "f64");
    bool odd = !is_float && strstr(compute_suffix(w, from), "64");
    if (odd)
        base_sb_printf(w->out, "hd_odd_%s(", compute_suffix(w, from));
    else if (!is_float)
        base_sb_printf(w->out, "(%s)", cfamily_elem_type(w, ELEM_F64));
    cfamily_wide(w, a, is_float || odd ? C_ANY : C_UNARY);
    put(w, odd ? "))" : ")");
}

static void cast(CWriter *w, const IrExpr *e, CPrec prec)
{
    const IrExpr *a = e->args[0];
    Elem to = e->type.elem, from = a->type.elem;
    bool to_float = vocab_elem_is_float(to), from_float = vocab_elem_is_float(from);
    if (to == ELEM_BOOL) {
        bool paren = prec > C_EQ;
        open_paren(w, paren);
        cfamily_wide(w, a, C_LT);
        put(w, " != 0");
        close_paren(w, paren);
    } else if (to_float && cfamily_is_narrow(to)) {
        cast_call(w, to, a);
    } else if (to == ELEM_F32 && cfamily_is_narrow(from)) {
        cfamily_wide(w, a, prec);
    } else if (!to_float && from_float) {
        cast_call(w, to, a);
    } else if (cfamily_is_packed(to)) {
        base_sb_printf(w->out, "hd_wrap_%s((int)", cfamily_suffix(w, to));
        cfamily_expr(w, a, C_UNARY);
        put(w, ")");
    } else {
        c_cast(w, to, a, prec);
    }
}

static void dot4(CWriter *w, const IrExpr *e)
{
    bool a = e->args[0]->type.elem == ELEM_U8, b = e->args[1]->type.elem == ELEM_U8;
    cfamily_call(w, a ? (b ? "hd_dot4_uu" : "hd_dot4_us") : (b ? "hd_dot4_su" : "hd_dot4_ss"),
                 (int)e->count, e->args);
}

static void bitcast(CWriter *w, const IrExpr *e, CPrec prec)
{
    const IrExpr *a = e->args[0];
    Elem to = e->type.elem, from = a->type.elem;
    bool to_float = vocab_elem_is_float(to), from_float = vocab_elem_is_float(from);
    int bits = vocab_elem(to)->bits;
    if (!to_float && !from_float) {
        c_cast(w, to, a, prec);
        return;
    }
    bool paren = prec > C_UNARY && !to_float;
    open_paren(w, paren);
    if (!to_float) base_sb_printf(w->out, "(%s)", cfamily_elem_type(w, to));
    if (to_float) base_sb_printf(w->out, "hd_bitcast_%s_u%d(", vocab_elem(to)->text, bits);
    if (from_float)
        base_sb_printf(w->out, "hd_bitcast_u%d_%s(", bits, vocab_elem(from)->text);
    else
        base_sb_printf(w->out, "(uint%d_t)", bits);
    cfamily_expr(w, a, from_float ? C_ANY : C_UNARY);
    if (from_float) put(w, ")");
    if (to_float) put(w, ")");
    close_paren(w, paren);
}

static void select(CWriter *w, const IrExpr *e, CPrec prec)
{
    bool paren = prec > C_SELECT;
    open_paren(w, paren);
    cfamily_expr(w, e->args[0], C_OR);
    put(w, " ? ");
    cfamily_expr(w, e->args[1], C_OR);
    put(w, " : ");
    cfamily_expr(w, e->args[2], C_SELECT);
    close_paren(w, paren);
}

/* ---- memory ---------------------------------------------------------------------------------- */

int cfamily_index_count(const IrTensor *t, uint32_t flags)
{
    return flags & IR_LINEAR ? 1 : t->rank;
}

const IrExpr *cfamily_offset(CWriter *w, const IrTensor *t, uint32_t flags,
                             const IrExpr *const *index)
{
    return flags & IR_LINEAR ? index[0] : ir_offset(w->kernel, t, index);
}

const IrExpr *cfamily_block_of(CWriter *w, const IrExpr **offset)
{
    IrKernel *k = w->kernel;
    const IrExpr *span = ir_index(k, IR_BLOCK_SPAN), *all = *offset, *rest = ir_index(k, 0);
    /* Parts of a vector, and vectors side by side, have one block: their constants stay outside. */
    if (all->op == IR_ADD && ir_is_const(all->args[1]) && all->args[1]->value.i >= 0 &&
        all->args[1]->value.i < base_gcd(ir_multiple(all->args[0]), IR_BLOCK_SPAN)) {
        rest = all->args[1];
        all = all->args[0];
    }
    *offset = ir_binary(k, IR_ADD, ir_binary(k, IR_MOD, all, span), rest);
    return ir_binary(k, IR_DIV, all, span);
}

const char *cfamily_tensor(CWriter *w, const IrTensor *t, const IrExpr **offset)
{
    const char *name = w->tensor_names[t->id];
    if (!t->of) return name;
    const IrExpr *block = cfamily_block_of(w, offset);
    Sb text = base_sb(w->kernel->arena), *out = w->out;
    w->out = &text;
    base_sb_printf(&text, "hd_of_block(%s, ", name);
    cfamily_expr(w, block, C_ANY);
    put(w, ")");
    w->out = out;
    return base_sb_text(&text);
}

void cfamily_element(CWriter *w, const IrTensor *t, const IrExpr *offset)
{
    base_sb_printf(w->out, "%s[", cfamily_tensor(w, t, &offset));
    cfamily_expr(w, offset, C_ANY);
    put(w, "]");
}

static void load(CWriter *w, const IrExpr *e, CPrec prec)
{
    int count = cfamily_index_count(e->tensor, e->flags);
    bool guarded = e->flags & IR_GUARDED, paren = guarded && prec > C_SELECT;
    open_paren(w, paren);
    if (guarded) {
        cfamily_expr(w, e->args[count], C_OR);
        put(w, " ? ");
    }
    const IrExpr *offset = cfamily_offset(w, e->tensor, e->flags, e->args);
    if (cfamily_is_packed(e->tensor->elem)) {
        const char *name = cfamily_tensor(w, e->tensor, &offset);
        base_sb_printf(w->out, "hd_load_%s(%s, ", vocab_elem(e->tensor->elem)->text, name);
        cfamily_expr(w, offset, C_ANY);
        put(w, ")");
    } else {
        cfamily_element(w, e->tensor, offset);
    }
    if (guarded) {
        put(w, " : ");
        cfamily_expr(w, e->args[count + 1], C_SELECT);
    }
    close_paren(w, paren);
}

/* ---- all together ---------------------------------------------------------------------------- */

/* popcount, clz, ctz: of the unsigned bits. Four bits are counted among eight. */
static void bit_count(CWriter *w, const IrExpr *e, const char *function)
{
    Elem elem = e->type.elem;
    int bits = elem == ELEM_INDEX ? w->index_bits : vocab_elem(elem)->bits;
    bool packed = cfamily_is_packed(elem);
    open_paren(w, packed);
    base_sb_printf(w->out, "hd_%s_u%d((uint%d_t)%s", function, packed ? 8 : bits, packed ? 8 : bits,
                   packed ? "(15 & " : "");
    cfamily_expr(w, e->args[0], C_UNARY);
    if (packed) put(w, e->op == IR_CTZ ? " | 16)" : ")");
    put(w, ")");
    if (packed && e->op == IR_CLZ) put(w, " - 4");
    close_paren(w, packed);
}

/* The upper half of a product that an int holds. */
static bool small_mulhi(CWriter *w, const IrExpr *e)
{
    Elem elem = e->type.elem;
    CPrec prec = C_ANY;
    if (e->op != IR_MULHI || !(is_small_int(elem) || cfamily_is_packed(elem))) return false;
    bool result = open_result(w, elem, &prec);
    if (!result) base_sb_printf(w->out, "(%s)", cfamily_elem_type(w, elem));
    put(w, elem == ELEM_U16 ? "(1u * " : "(");
    cfamily_expr(w, e->args[0], C_UNARY);
    put(w, " * ");
    cfamily_expr(w, e->args[1], C_UNARY);
    base_sb_printf(w->out, " >> %d)", vocab_elem(elem)->bits);
    close_paren(w, result);
    return true;
}

static void leaf_axis(CWriter *w, const char *what, int64_t dim)
{
    base_sb_printf(w->out, "%s_%c", what, (char)('x' + dim));
}

static void leaf(CWriter *w, const IrExpr *e, CPrec prec)
{
    if (e->op == IR_CONST) cfamily_literal(w, e->value, prec);
    if (e->op == IR_SIZE) put(w, w->size_names[e->imm]);
    if (e->op == IR_ARG) put(w, w->param_names[e->imm]);
    if (e->op == IR_VAR) put(w, w->var_names[e->var->id]);
    if (e->op == IR_TID) put(w, "thread");
    if (e->op == IR_BID) leaf_axis(w, "block", e->imm);
    if (e->op == IR_GDIM) leaf_axis(w, "grid", e->imm);
}

/* Functions of the prelude, by op; the operand's type is the second part of their name. */
static const char *const FUNCTIONS[IR_OP_COUNT] = {
    [IR_MIN] = "min",
    [IR_MAX] = "max",
    [IR_FMA] = "fma",
    [IR_SQRT] = "sqrt",
    [IR_ABS] = "abs",
    [IR_FLOOR] = "floor",
    [IR_CEIL] = "ceil",
    [IR_TRUNC] = "trunc",
    [IR_RINT] = "rint",
    [IR_ISNAN] = "isnan",
    [IR_ISINF] = "isinf",
    [IR_COPYSIGN] = "copysign",
    [IR_MULHI] = "mulhi",
    [IR_PRMT] = "prmt",
    [IR_LOP3] = "lop3",
    [IR_POPCOUNT] = "popcount",
    [IR_CLZ] = "clz",
    [IR_CTZ] = "ctz",
    [IR_APPROX_EXP2] = "approx_exp2",
    [IR_APPROX_LOG2] = "approx_log2",
    [IR_APPROX_RCP] = "approx_rcp",
    [IR_APPROX_RSQRT] = "approx_rsqrt",
    [IR_APPROX_SQRT] = "approx_sqrt",
    [IR_APPROX_SIN] = "approx_sin",
    [IR_APPROX_COS] = "approx_cos",
    [IR_APPROX_TANH] = "approx_tanh",
};

static bool by_table(CWriter *w, const IrExpr *e, CPrec prec)
{
    if (ir_op_info(e->op)->arity == 0) {
        leaf(w, e, prec);
    } else if (e->op == IR_POPCOUNT || e->op == IR_CLZ || e->op == IR_CTZ) {
        bit_count(w, e, FUNCTIONS[e->op]);
    } else if (small_mulhi(w, e)) {
        return true;
    } else if (FUNCTIONS[e->op]) {
        math_call(w, e, FUNCTIONS[e->op], e->args[0]->type.elem);
    } else if (OPERATORS[e->op].prec >= C_EQ && OPERATORS[e->op].prec <= C_LT) {
        plain_binary(w, e, prec);
    } else {
        return false;
    }
    return true;
}

void cfamily_expr(CWriter *w, const IrExpr *e, CPrec prec)
{
    if (w->hooks->expr && w->hooks->expr(w, e, prec)) return;
    if (by_table(w, e, prec)) return;
    if (e->op == IR_ADD || e->op == IR_SUB || e->op == IR_MUL)
        arithmetic(w, e, prec);
    else if (e->op == IR_DIV || e->op == IR_MOD)
        division(w, e, prec);
    else if (e->op == IR_SHL || e->op == IR_SHR)
        shift(w, e, prec);
    else if (OPERATORS[e->op].text)
        bitwise(w, e, prec);
    else if (e->op == IR_NEG)
        negation(w, e, prec);
    else if (e->op == IR_NOT || e->op == IR_BITNOT)
        complement(w, e, prec);
    else if (e->op == IR_CAST)
        cast(w, e, prec);
    else if (e->op == IR_BITCAST)
        bitcast(w, e, prec);
    else if (e->op == IR_SELECT)
        select(w, e, prec);
    else if (e->op == IR_LOAD)
        load(w, e, prec);
    else if (e->op == IR_DOT4)
        dot4(w, e);
    else
        base_internal(base_arena_escape(w->kernel->arena), "no C text for the op %s",
                      ir_op_info(e->op)->text);
}
