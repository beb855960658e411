/* Expressions that only CUDA writes this way: vectors, 4-bit values in registers, and the loads of
 * an `await`. */
#include "target/cuda/cuda.h"

static void put(CWriter *w, const char *text)
{
    base_sb_str(w->out, text);
}

const char *target_cuda_elem_type(CWriter *w, Elem elem)
{
    if (elem == ELEM_INDEX) return w->index_bits == 32 ? "int" : "long long";
    return vocab_elem(elem)->cuda_name;
}

bool target_cuda_is_local(const IrTensor *t)
{
    return t->space == IR_TILE || t->space == IR_PRIVATE;
}

bool target_cuda_is_spread(const CWriter *w, const IrTensor *t)
{
    if (!target_cuda_is_local(t)) return false;
    return !cfamily_is_packed(t->elem) || !target_cuda_is_fragment(w->user, t);
}

const char *target_cuda_memory_type(CWriter *w, const IrTensor *t)
{
    bool packed = cfamily_is_packed(t->elem) && !target_cuda_is_spread(w, t);
    return packed ? "unsigned char" : target_cuda_elem_type(w, t->elem);
}

void target_cuda_vector_type(CWriter *w, IrType type)
{
    base_sb_printf(w->out, "hd_vec<%s, %d>", target_cuda_elem_type(w, type.elem), type.lanes);
}

/* ---- element by element ---------------------------------------------------------------------- */

/* The scalar parameter number `i` of a mapped function. */
static const IrExpr *lane_param(Cuda *cuda, Elem elem, int i)
{
    static const char *const names[] = {"x", "y", "z"};
    CWriter *w = &cuda->w;
    if (!cuda->lanes[elem][i]) {
        IrKernel *k = cuda->kernel;
        IrVar *var = ir_new_var(k, k->name, (IrType){elem, 1}, false);
        const char **grown = NEW_ARRAY(k->arena, const char *, k->vars.len + 1);
        memcpy(grown, w->var_names, (k->vars.len - 1) * sizeof *grown);
        grown[var->id] = cfamily_fresh(w, names[i]);
        w->var_names = grown;
        cuda->lanes[elem][i] = var;
    }
    return ir_var(cuda->kernel, cuda->lanes[elem][i]);
}

static const IrExpr *lane_op(IrKernel *k, const IrExpr *e, const IrExpr *const *args)
{
    IrType type = {e->type.elem, 1};
    if (e->op == IR_CAST) return ir_cast(k, type, args[0]);
    if (e->op == IR_BITCAST) return ir_bitcast(k, type, args[0]);
    if (e->op == IR_SELECT) return ir_select(k, args[0], args[1], args[2]);
    if (e->op >= IR_FMA) return ir_math(k, e->op, (int)e->count, args);
    return e->count == 1 ? ir_unary(k, e->op, args[0]) : ir_binary(k, e->op, args[0], args[1]);
}

/* hd_map<T, N>([](A x, B y) { return x op y; }, a, b) */
static void map(CWriter *w, const IrExpr *e)
{
    Cuda *cuda = w->user;
    const IrExpr *params[3] = {NULL};
    base_sb_printf(w->out, "hd_map<%s, %d>([](", target_cuda_elem_type(w, e->type.elem),
                   e->type.lanes);
    for (uint32_t i = 0; i < e->count; ++i) {
        params[i] = lane_param(cuda, e->args[i]->type.elem, (int)i);
        base_sb_printf(w->out, "%s%s %s", i ? ", " : "",
                       target_cuda_elem_type(w, e->args[i]->type.elem),
                       w->var_names[params[i]->var->id]);
    }
    put(w, ") { return ");
    cfamily_expr(w, lane_op(cuda->kernel, e, params), C_ANY);
    put(w, "; }");
    for (uint32_t i = 0; i < e->count; ++i) {
        put(w, ", ");
        cfamily_expr(w, e->args[i], C_ANY);
    }
    put(w, ")");
}

/* hd_add_f16x2(a, b): what the hardware does to both lanes at once. */
static bool both_lanes(CWriter *w, const IrExpr *e)
{
    bool has = e->op == IR_ADD || e->op == IR_SUB || e->op == IR_MUL;
    if (!has || e->type.elem != ELEM_F16 || e->type.lanes != 2) return false;
    cfamily_call(w, base_format(w->kernel->arena, "hd_%s_f16x2", ir_op_info(e->op)->text), 2,
                 e->args);
    return true;
}

/* ---- vectors --------------------------------------------------------------------------------- */

static void vector(CWriter *w, const IrExpr *e)
{
    target_cuda_vector_type(w, e->type);
    put(w, "{");
    for (uint32_t i = 0; i < e->count; ++i) {
        if (i) put(w, ", ");
        cfamily_expr(w, e->args[i], C_ANY);
    }
    put(w, "}");
}

/* The lanes of a register array, one by one: it has no address. */
static void local_vector(CWriter *w, const IrExpr *e, const IrExpr *offset)
{
    target_cuda_vector_type(w, e->type);
    put(w, "{");
    for (int i = 0; i < e->type.lanes; ++i) {
        base_sb_printf(w->out, "%s%s[", i ? ", " : "", w->tensor_names[e->tensor->id]);
        cfamily_expr(w, ir_binary(w->kernel, IR_ADD, offset, ir_index(w->kernel, i)), C_ANY);
        put(w, "]");
    }
    put(w, "}");
}

/* Of hd_load_streaming<T>(&x[…]), what comes before the T. */
static void open_hinted(CWriter *w, const IrExpr *e)
{
    base_sb_printf(w->out, "hd_%s_%s<", e->tensor->written ? "load" : "read",
                   vocab_cache(ir_cache(e->flags))->text);
}

static void hinted_load(CWriter *w, const IrExpr *e, const IrExpr *offset)
{
    open_hinted(w, e);
    cfamily_type(w, e->type);
    put(w, ">(");
    if (e->type.lanes > 1) {
        put(w, "(const ");
        cfamily_type(w, e->type);
        put(w, " *)");
    }
    base_sb_printf(w->out, "&%s[", w->tensor_names[e->tensor->id]);
    cfamily_expr(w, offset, C_ANY);
    put(w, "])");
}

static void plain_load(CWriter *w, const IrExpr *e, const IrExpr *offset)
{
    const Cuda *cuda = w->user;
    const IrTensor *t = e->tensor;
    bool volatile_ = cuda->awaiting && !target_cuda_is_local(t) && t->space != IR_TABLE;
    if (e->type.lanes > 1 && target_cuda_is_local(t)) {
        local_vector(w, e, offset);
        return;
    }
    if (volatile_) {
        put(w, "hd_peek(&");
    } else if (e->flags & IR_CACHE) {
        hinted_load(w, e, offset);
        return;
    }
    if (e->type.lanes > 1) {
        put(w, "*(const ");
        target_cuda_vector_type(w, e->type);
        put(w, " *)&");
    }
    cfamily_element(w, t, offset);
    if (volatile_) put(w, ")");
}

/* Half a byte: hd_load_i4(x, …), or the byte by the load's hint. */
static void packed_element(CWriter *w, const IrExpr *e, const IrExpr *offset)
{
    IrKernel *k = w->kernel;
    const char *type = vocab_elem(e->type.elem)->text,
               *name = cfamily_tensor(w, e->tensor, &offset);
    if (!(e->flags & IR_CACHE)) {
        base_sb_printf(w->out, "hd_load_%s(%s, ", type, name);
        cfamily_expr(w, offset, C_ANY);
        put(w, ")");
        return;
    }
    base_sb_printf(w->out, "hd_wrap_%s(", type);
    open_hinted(w, e);
    base_sb_printf(w->out, "uint8_t>(&%s[", name);
    cfamily_expr(w, ir_binary(k, IR_DIV, offset, ir_index(k, 2)), C_ANY);
    put(w, "]) >> (int)");
    const IrExpr *half = ir_binary(k, IR_MOD, offset, ir_index(k, 2));
    cfamily_expr(w, ir_binary(k, IR_MUL, half, ir_index(k, 4)), C_UNARY);
    put(w, ")");
}

/* Packed elements that a vector begins at lie at a whole byte. */
static void packed_vector(CWriter *w, const IrExpr *e, const IrExpr *offset)
{
    target_cuda_vector_type(w, e->type);
    put(w, "{");
    for (int i = 0; i < e->type.lanes; ++i) {
        if (i) put(w, ", ");
        packed_element(w, e, ir_binary(w->kernel, IR_ADD, offset, ir_index(w->kernel, i)));
    }
    put(w, "}");
}

static bool load(CWriter *w, const IrExpr *e, CPrec prec)
{
    const Cuda *cuda = w->user;
    const IrTensor *t = e->tensor;
    bool packed = cfamily_is_packed(t->elem), local = target_cuda_is_spread(w, t);
    bool ours = e->type.lanes > 1 || (cuda->awaiting && !packed) || (packed && local) ||
                e->flags & IR_CACHE;
    if (!ours) return false;
    int count = cfamily_index_count(t, e->flags);
    const IrExpr *offset = cfamily_offset(w, t, e->flags, e->args);
    bool guarded = e->flags & IR_GUARDED;
    bool paren = guarded ? prec > C_SELECT : e->type.lanes > 1 && prec > C_UNARY;
    if (paren) put(w, "(");
    if (guarded) {
        cfamily_expr(w, e->args[count], C_OR);
        put(w, " ? ");
    }
    if (packed && !local && e->type.lanes == 1)
        packed_element(w, e, offset);
    else if (packed && !local)
        packed_vector(w, e, offset);
    else
        plain_load(w, e, offset);
    if (guarded) {
        put(w, " : ");
        cfamily_expr(w, e->args[count + 1], C_SELECT);
    }
    if (paren) put(w, ")");
    return true;
}

static bool has_vector(const IrExpr *e)
{
    if (e->type.lanes > 1) return true;
    for (uint32_t i = 0; i < e->count; ++i)
        if (e->args[i]->type.lanes > 1) return true;
    return false;
}

static void whole_bits(CWriter *w, const IrExpr *e)
{
    put(w, "hd_bits<");
    cfamily_type(w, e->type);
    put(w, ">(");
    cfamily_expr(w, e->args[0], C_ANY);
    put(w, ")");
}

/* Division of indices that are not below zero, by one that may be zero or is not a constant: one
 * unsigned instruction sequence. */
static bool natural_division(CWriter *w, const IrExpr *e)
{
    if ((e->op != IR_DIV && e->op != IR_MOD) || e->type.elem != ELEM_INDEX) return false;
    const IrExpr *a = e->args[0], *b = e->args[1];
    if (a->lo < 0 || b->lo < 0 || ir_is_const(b)) return false;
    base_sb_printf(w->out, "hd_nat%s_%s(", e->op == IR_DIV ? "div" : "mod",
                   cfamily_suffix(w, ELEM_INDEX));
    cfamily_expr(w, a, C_ANY);
    put(w, ", ");
    cfamily_expr(w, b, C_ANY);
    put(w, ")");
    return true;
}

bool target_cuda_expr(CWriter *w, const IrExpr *e, CPrec prec)
{
    if (e->op == IR_LOAD) return load(w, e, prec);
    if (natural_division(w, e)) return true;
    if (!has_vector(e) && e->op != IR_VECTOR && e->op != IR_SPLAT) return false;
    bool one_condition = e->op == IR_SELECT && e->args[0]->type.lanes == 1;
    if (e->op == IR_VAR || e->op == IR_DOT4 || one_condition) return false;
    if (e->op == IR_VECTOR) {
        vector(w, e);
    } else if (e->op == IR_SPLAT) {
        base_sb_printf(w->out, "hd_splat<%s, %d>(", target_cuda_elem_type(w, e->type.elem),
                       e->type.lanes);
        cfamily_expr(w, e->args[0], C_ANY);
        put(w, ")");
    } else if (e->op == IR_LANE) {
        cfamily_expr(w, e->args[0], C_POSTFIX);
        base_sb_printf(w->out, ".lane[%lld]", (long long)e->imm);
    } else if (e->op == IR_BITCAST) {
        whole_bits(w, e);
    } else if (!both_lanes(w, e)) {
        map(w, e);
    }
    return true;
}
