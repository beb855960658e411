/* Text of expressions. */
#include "ir/text.h"

#include <inttypes.h>

enum { PREC_ANY = 0, PREC_UNARY = 20, SHARED_SIZE = 8, DEEP = 64 };

void ir_print_name(Sb *out, const Name *name)
{
    if (!name || name->len == 0) {
        base_sb_char(out, 'v');
        return;
    }
    for (uint32_t i = 0; i < name->len; i++) {
        char c = name->text[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        bool digit = c >= '0' && c <= '9' && i;
        base_sb_char(out, letter || digit ? c : '_');
    }
}

void ir_print_type(Sb *out, IrType type)
{
    base_sb_str(out, vocab_elem(type.elem)->text);
    if (type.lanes != 1) base_sb_printf(out, "x%d", type.lanes);
}

static bool clean(const Name *name)
{
    for (uint32_t i = 0; i < name->len; i++) {
        char c = name->text[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
              (c >= '0' && c <= '9' && i)))
            return false;
    }
    return name->len > 0;
}

/* By name where that leads back to it, else by number. */
static void print_size(const IrPrinter *p, int64_t number)
{
    const Name *name = NULL;
    if (number >= 0 && (size_t)number < p->k->sizes.len) name = p->k->sizes.data[number];
    bool unique = name && clean(name);
    for (int64_t i = 0; unique && i < number; i++) unique = p->k->sizes.data[i] != name;
    if (unique) {
        base_sb_printf(p->out, "$%s", name->text);
    } else {
        base_sb_printf(p->out, "$%" PRId64, number);
    }
}

static void print_arg(const IrPrinter *p, int64_t number)
{
    const Name *name = NULL;
    if (number >= 0 && (size_t)number < p->k->params.len) name = p->k->params.data[number].name;
    bool unique = name && clean(name);
    for (int64_t i = 0; unique && i < number; i++) unique = p->k->params.data[i].name != name;
    if (unique) {
        base_sb_printf(p->out, "@%s", name->text);
    } else {
        base_sb_printf(p->out, "@%" PRId64, number);
    }
}

static void print_const(const IrPrinter *p, Scalar value)
{
    base_sb_str(p->out, scalar_text(p->out->arena, value));
    if (value.elem == ELEM_INDEX || value.elem == ELEM_BOOL) return;
    base_sb_printf(p->out, ":%s", vocab_elem(value.elem)->text);
}

static void print_leaf(IrPrinter *p, const IrExpr *e)
{
    static const char axes[] = "xyz";
    if (e->op == IR_CONST) {
        print_const(p, e->value);
    } else if (e->op == IR_SIZE) {
        print_size(p, e->imm);
    } else if (e->op == IR_ARG) {
        print_arg(p, e->imm);
    } else if (e->op == IR_VAR) {
        ir_print_name(p->out, e->var->name);
        base_sb_printf(p->out, ".%" PRIu32, e->var->id);
    } else if (e->op == IR_TID) {
        base_sb_str(p->out, "tid");
    } else {
        char axis = e->imm >= 0 && e->imm < 3 ? axes[e->imm] : '?';
        base_sb_printf(p->out, "%s.%c", ir_op_info(e->op)->text, axis);
    }
}

static void print_prec(IrPrinter *p, const IrExpr *e, int prec);

static void print_list(IrPrinter *p, int count, const IrExpr *const *args)
{
    for (int i = 0; i < count; i++) {
        if (i) base_sb_str(p->out, ", ");
        print_prec(p, args[i], PREC_ANY);
    }
}

void ir_print_access(IrPrinter *p, const IrTensor *t, uint32_t flags, int lanes, int count,
                     const IrExpr *const *args, const IrExpr *guard, const IrExpr *otherwise)
{
    ir_print_name(p->out, t->name);
    base_sb_printf(p->out, ".%" PRIu32 "[", t->id);
    print_list(p, count, args);
    if (flags & IR_LINEAR) base_sb_str(p->out, "; linear");
    if (flags & IR_PROVED) base_sb_str(p->out, "; proved");
    if (flags & IR_CACHE) base_sb_printf(p->out, "; %s", vocab_cache(ir_cache(flags))->text);
    if (lanes != 1) base_sb_printf(p->out, "; x%d", lanes);
    if (guard) {
        base_sb_str(p->out, "; if ");
        print_prec(p, guard, PREC_ANY);
    }
    if (otherwise) {
        base_sb_str(p->out, " else ");
        print_prec(p, otherwise, PREC_ANY);
    }
    base_sb_char(p->out, ']');
}

static void print_call(IrPrinter *p, const IrExpr *e)
{
    Sb *out = p->out;
    if (e->op == IR_CAST) {
        ir_print_type(out, e->type);
    } else {
        base_sb_str(out, ir_op_info(e->op)->text);
    }
    if (e->op == IR_BITCAST) {
        base_sb_char(out, '.');
        ir_print_type(out, e->type);
    }
    if (e->op == IR_LANE) base_sb_printf(out, ".%" PRId64, e->imm);
    if (e->op == IR_SPLAT) base_sb_printf(out, ".%d", e->type.lanes);
    base_sb_char(out, '(');
    print_list(p, (int)e->count, e->args);
    base_sb_char(out, ')');
}

static bool is_int_const(const IrExpr *e)
{
    return ir_is_const(e) && vocab_elem_is_int(e->type.elem);
}

static bool is_signed(const IrExpr *e)
{
    return vocab_elem(e->type.elem)->cls != CLASS_UINT;
}

static bool is_negative_sum(const IrExpr *e)
{
    return e->op == IR_ADD && is_int_const(e->args[1]) && is_signed(e->args[1]) &&
           e->args[1]->value.i < 0 && e->args[1]->value.i != INT64_MIN;
}

/* Infix operators whose text would mean something else are written as calls. */
static bool is_infix(const IrExpr *e)
{
    Op op = ir_op_operator(e->op);
    if (op == OP_NONE || e->count != 2 || vocab_op(op)->precedence == 0) return false;
    return e->op != IR_SUB || !is_int_const(e->args[1]) || !is_signed(e->args[1]);
}

static void print_infix(IrPrinter *p, const IrExpr *e, int outer)
{
    const OpInfo *op = vocab_op(ir_op_operator(e->op));
    int prec = op->precedence;
    bool parens = prec < outer, compares = op->flags & OP_COMPARES;
    if (parens) base_sb_char(p->out, '(');
    print_prec(p, e->args[0], prec + compares);
    if (is_negative_sum(e)) {
        Scalar v = e->args[1]->value;
        base_sb_str(p->out, " - ");
        v.i = -v.i;
        print_const(p, v);
    } else {
        base_sb_printf(p->out, " %s ", op->text);
        print_prec(p, e->args[1], prec + 1);
    }
    if (parens) base_sb_char(p->out, ')');
}

static void print_unary(IrPrinter *p, const IrExpr *e)
{
    base_sb_str(p->out, vocab_op(ir_op_operator(e->op))->text);
    print_prec(p, e->args[0], PREC_UNARY);
}

static void print_load(IrPrinter *p, const IrExpr *e)
{
    bool guarded = e->flags & IR_GUARDED;
    int count = (int)e->count - (guarded ? 2 : 0);
    ir_print_access(p, e->tensor, e->flags, e->type.lanes, count, e->args,
                    guarded ? e->args[count] : NULL, guarded ? e->args[count + 1] : NULL);
}

static void print_prec(IrPrinter *p, const IrExpr *e, int prec)
{
    if (p->budget-- <= 0) {
        base_sb_str(p->out, "…");
    } else if (e->id < p->count && p->temps[e->id]) {
        base_sb_printf(p->out, "%%%" PRIu32, p->temps[e->id]);
    } else if (e->op == IR_LOAD) {
        print_load(p, e);
    } else if (e->count == 0) {
        print_leaf(p, e);
    } else if (is_infix(e)) {
        print_infix(p, e, prec);
    } else if (e->op <= IR_BITNOT && e->op >= IR_NEG && !ir_is_const(e->args[0])) {
        print_unary(p, e);
    } else {
        print_call(p, e);
    }
}

void ir_print_operand(IrPrinter *p, const IrExpr *e)
{
    print_prec(p, e, PREC_ANY);
}

/* ---- shared operands ------------------------------------------------------------------------- */

static void count_refs(IrPrinter *p, const IrExpr *e)
{
    if (e->id >= p->count || p->refs[e->id]++) return;
    VEC_PUSH(p->out->arena, p->touched, e->id);
    for (uint32_t i = 0; i < e->count; i++) count_refs(p, e->args[i]);
}

/* Operands first; `sizes` is the number of nodes the text of e would have, 0 while not visited.
 * What is nested deeply is broken up too: the reader's patience has an end. */
static void write_shared(IrPrinter *p, const IrExpr *e)
{
    if (e->id >= p->count || p->sizes[e->id]) return;
    uint32_t size = 1, depth = 0;
    for (uint32_t i = 0; i < e->count; i++) {
        const IrExpr *arg = e->args[i];
        write_shared(p, arg);
        if (arg->id >= p->count) continue;
        size += p->temps[arg->id] ? 1 : p->sizes[arg->id];
        if (!p->temps[arg->id] && p->depths[arg->id] >= depth) depth = p->depths[arg->id] + 1;
    }
    p->sizes[e->id] = size;
    p->depths[e->id] = depth;
    bool shared = p->refs[e->id] >= 2 && size >= SHARED_SIZE;
    if ((!shared && depth < DEEP) || e->count == 0) return;
    base_sb_indent(p->out, p->depth);
    base_sb_printf(p->out, "%%%" PRIu32 " = ", p->temp_count + 1);
    print_prec(p, e, PREC_ANY);
    base_sb_char(p->out, '\n');
    p->temps[e->id] = ++p->temp_count;
}

void ir_print_shared(IrPrinter *p, int count, const IrExpr *const *roots)
{
    for (int i = 0; i < count; i++)
        if (roots[i]) count_refs(p, roots[i]);
    for (int i = 0; i < count; i++)
        if (roots[i]) write_shared(p, roots[i]);
}

void ir_print_line_end(IrPrinter *p)
{
    for (size_t i = 0; i < p->touched.len; i++) {
        uint32_t id = p->touched.data[i];
        p->refs[id] = p->sizes[id] = p->temps[id] = p->depths[id] = 0;
    }
    p->touched.len = 0;
    p->temp_count = 0;
}

void ir_print_expr(const IrKernel *kernel, const IrExpr *expr, Sb *out)
{
    IrPrinter p = {.k = kernel, .out = out, .budget = 200};
    ir_print_operand(&p, expr);
}
