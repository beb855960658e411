/* Host expressions: evaluation with checked arithmetic, and printing. */
#include "runtime/host.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { EVAL_DEPTH = 64, EVAL_TEXT = 256, EVAL_ALIGN = 4096 };

void hd_text_add(HdText *text, const char *fmt, ...)
{
    if (text->len + 1 >= text->cap) return;
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(text->data + text->len, text->cap - text->len, fmt, args);
    va_end(args);
    if (n < 0) return;
    text->len += (size_t)n;
    if (text->len >= text->cap) text->len = text->cap - 1;
}

/* What each op is: its operands, whether a value follows it in the code, how it is written, and
 * for a comparison which outcomes it accepts: 1 less, 2 equal, 4 greater. */
typedef struct {
    int operands;
    bool inline_value;
    const char *text; /* between operands, or before "(" for a call */
    int precedence;   /* 0: a call or an atom */
    int accepts;
} EvalOp;
static const EvalOp eval_ops[HD_X_END + 1] = {
    [HD_X_CONST] = {0, true, NULL, 0, 0},    [HD_X_SIZE] = {0, true, NULL, 0, 0},
    [HD_X_ARG] = {0, true, NULL, 0, 0},      [HD_X_ALIGN] = {0, true, "align", 0, 0},
    [HD_X_BYTES] = {0, true, "bytes", 0, 0}, [HD_X_NEG] = {1, false, "-", 10, 0},
    [HD_X_NOT] = {1, false, "!", 10, 0},     [HD_X_ADD] = {2, false, "+", 8, 0},
    [HD_X_SUB] = {2, false, "-", 8, 0},      [HD_X_MUL] = {2, false, "*", 9, 0},
    [HD_X_DIV] = {2, false, "/", 9, 0},      [HD_X_MOD] = {2, false, "%", 9, 0},
    [HD_X_MIN] = {2, false, "min", 0, 0},    [HD_X_MAX] = {2, false, "max", 0, 0},
    [HD_X_AND] = {2, false, "&", 6, 0},      [HD_X_OR] = {2, false, "|", 4, 0},
    [HD_X_XOR] = {2, false, "^", 5, 0},      [HD_X_SHL] = {2, false, "<<", 7, 0},
    [HD_X_SHR] = {2, false, ">>", 7, 0},     [HD_X_EQ] = {2, false, "==", 3, 2},
    [HD_X_NE] = {2, false, "!=", 3, 5},      [HD_X_LT] = {2, false, "<", 3, 1},
    [HD_X_LE] = {2, false, "<=", 3, 3},      [HD_X_GT] = {2, false, ">", 3, 4},
    [HD_X_GE] = {2, false, ">=", 3, 6},      [HD_X_SELECT] = {3, false, "select", 0, 0},
    [HD_X_END] = {0, false, NULL, 0, 0},
};

static const char eval_overflow[] = "integer overflow";
static const char eval_zero[] = "division by zero";
static const char eval_malformed[] = "malformed host expression";

/* A value, or why there is none; the reason counts only if the value is used. */
typedef struct {
    int64_t v;
    const char *error;
} EvalValue;

static EvalValue eval_scalar(const HdParamInfo *param, const void *at)
{
    EvalValue r = {0, NULL};
    bool is_unsigned = param->dl_code != kDLInt;
    if (param->dl_code == kDLFloat || param->dl_code == kDLBfloat || !at)
        r.error = "not an integer argument";
    else if (param->dl_bits == 8)
        r.v = is_unsigned ? (int64_t) * (const uint8_t *)at : (int64_t) * (const int8_t *)at;
    else if (param->dl_bits == 16)
        r.v = is_unsigned ? (int64_t) * (const uint16_t *)at : (int64_t) * (const int16_t *)at;
    else if (param->dl_bits == 32)
        r.v = is_unsigned ? (int64_t) * (const uint32_t *)at : (int64_t) * (const int32_t *)at;
    else if (param->dl_bits == 64)
        r.v = *(const int64_t *)at;
    else
        r.error = "not an integer argument";
    if (!r.error && is_unsigned && param->dl_bits == 64 && r.v < 0) r.error = eval_overflow;
    return r;
}

static EvalValue eval_leaf(HdHostOp op, int64_t value, const HdCall *call)
{
    EvalValue r = {value, NULL};
    const HdKernelInfo *kernel = call->kernel;
    if (op == HD_X_CONST) return r;
    int count = op == HD_X_SIZE ? kernel->size_count : kernel->param_count;
    if (value < 0 || value >= count) {
        r.error = eval_malformed;
        return r;
    }
    if (op == HD_X_SIZE) {
        r.v = call->sizes[value];
        if (call->origins && call->origins[value].param < 0)
            r.error = "size variable without a value";
        return r;
    }
    const HdParamInfo *param = &kernel->params[value];
    if (param->is_tensor == (op == HD_X_ARG)) {
        r.error = eval_malformed;
        return r;
    }
    if (op == HD_X_ARG)
        return eval_scalar(param, call->scalars ? call->scalars[value] : call->args[value].scalar);
    if (!call->spans) {
        r.error = "tensor without a value";
        return r;
    }
    if (op == HD_X_BYTES) {
        r.v = call->spans[value];
        return r;
    }
    uint64_t address = (uint64_t)(uintptr_t)call->tensors[value] | EVAL_ALIGN;
    r.v = (int64_t)(address & (~address + 1));
    return r;
}

static EvalValue eval_divide(int64_t a, int64_t b, bool modulo)
{
    EvalValue r = {0, NULL};
    if (b == 0) {
        r.error = eval_zero;
    } else if (b == -1) { /* INT64_MIN / -1 overflows, and its remainder faults in hardware */
        if (!modulo && __builtin_sub_overflow((int64_t)0, a, &r.v)) r.error = eval_overflow;
    } else {
        int64_t q = a / b, m = a % b;
        bool below = m != 0 && (m < 0) != (b < 0);
        r.v = modulo ? (below ? m + b : m) : (below ? q - 1 : q);
    }
    return r;
}

static EvalValue eval_shift(HdHostOp op, int64_t a, int64_t b)
{
    EvalValue r = {0, NULL};
    if (b < 0 || b > 63) {
        r.error = "shift count out of range";
    } else if (op == HD_X_SHR) {
        r.v = a >= 0 ? a >> b : ~(~a >> b);
    } else {
        r.v = (int64_t)((uint64_t)a << b);
        if ((r.v >= 0 ? r.v >> b : ~(~r.v >> b)) != a) r.error = eval_overflow;
    }
    return r;
}

static EvalValue eval_arithmetic(HdHostOp op, int64_t a, int64_t b)
{
    EvalValue r = {0, NULL};
    bool overflow = false;
    if (op == HD_X_ADD) overflow = __builtin_add_overflow(a, b, &r.v);
    if (op == HD_X_SUB) overflow = __builtin_sub_overflow(a, b, &r.v);
    if (op == HD_X_MUL) overflow = __builtin_mul_overflow(a, b, &r.v);
    if (op == HD_X_MIN) r.v = a < b ? a : b;
    if (op == HD_X_MAX) r.v = a > b ? a : b;
    if (op == HD_X_AND) r.v = a & b;
    if (op == HD_X_OR) r.v = a | b;
    if (op == HD_X_XOR) r.v = a ^ b;
    if (eval_ops[op].accepts) r.v = eval_ops[op].accepts >> (1 + (a > b) - (a < b)) & 1;
    if (overflow) r.error = eval_overflow;
    return r;
}

/* An operand that cannot change the result may be without a value. */
static EvalValue eval_binary(HdHostOp op, EvalValue a, EvalValue b)
{
    int64_t absorbing = op == HD_X_AND ? 0 : 1;
    if (op == HD_X_AND || op == HD_X_OR) {
        if (a.error && !b.error && b.v == absorbing) return b;
        if (b.error && !a.error && a.v == absorbing) return a;
    }
    if (a.error) return a;
    if (b.error) return b;
    if (op == HD_X_DIV || op == HD_X_MOD) return eval_divide(a.v, b.v, op == HD_X_MOD);
    if (op == HD_X_SHL || op == HD_X_SHR) return eval_shift(op, a.v, b.v);
    return eval_arithmetic(op, a.v, b.v);
}

static EvalValue eval_apply(HdHostOp op, const EvalValue *x)
{
    if (op == HD_X_SELECT) return x[0].error ? x[0] : x[0].v ? x[1] : x[2];
    if (op == HD_X_NEG) return eval_binary(HD_X_SUB, (EvalValue){0, NULL}, x[0]);
    if (op == HD_X_NOT) return eval_binary(HD_X_EQ, (EvalValue){0, NULL}, x[0]);
    return eval_binary(op, x[0], x[1]);
}

const char *hd_host_eval(HdHostExpr expr, const HdCall *call, int64_t *value)
{
    EvalValue stack[EVAL_DEPTH] = {{0, NULL}};
    int depth = 0;
    *value = 1;
    if (!expr) return NULL;
    for (; *expr != HD_X_END; expr++) {
        if (*expr < 0 || *expr > HD_X_END) return eval_malformed;
        HdHostOp op = (HdHostOp)*expr;
        depth -= eval_ops[op].operands;
        if (depth < 0 || depth >= EVAL_DEPTH) return eval_malformed;
        stack[depth] = eval_ops[op].inline_value ? eval_leaf(op, *++expr, call)
                                                 : eval_apply(op, &stack[depth]);
        depth++;
    }
    if (depth != 1) return eval_malformed;
    *value = stack[0].v;
    return stack[0].error;
}

/* ---- printing ------------------------------------------------------------------------------ */

typedef struct {
    char text[EVAL_TEXT];
    int precedence; /* of its outermost operator; 100 for an atom */
} EvalText;

static const char *eval_name(HdHostOp op, int64_t value, const HdKernelInfo *kernel)
{
    int count = op == HD_X_SIZE ? kernel->size_count : kernel->param_count;
    if (value < 0 || value >= count) return "?";
    return op == HD_X_SIZE ? kernel->size_names[value] : kernel->params[value].name;
}

static void eval_leaf_text(HdHostOp op, int64_t value, const HdKernelInfo *kernel, HdText *text)
{
    if (op == HD_X_CONST)
        hd_text_add(text, "%" PRId64, value);
    else if (eval_ops[op].text)
        hd_text_add(text, "%s(%s)", eval_ops[op].text, eval_name(op, value, kernel));
    else
        hd_text_add(text, "%s", eval_name(op, value, kernel));
}

static void eval_operand(HdText *text, const EvalText *x, int precedence)
{
    bool parens = x->precedence < precedence;
    hd_text_add(text, parens ? "(%s)" : "%s", x->text);
}

static void eval_join(HdHostOp op, EvalText *x)
{
    const EvalOp *info = &eval_ops[op];
    EvalText r = {.precedence = info->precedence ? info->precedence : 100};
    HdText text = {r.text, 0, sizeof r.text};
    if (info->operands == 1) {
        hd_text_add(&text, "%s", info->text);
        eval_operand(&text, &x[0], info->precedence);
    } else if (info->precedence) {
        eval_operand(&text, &x[0], info->precedence);
        hd_text_add(&text, " %s ", info->text);
        eval_operand(&text, &x[1], info->precedence + 1);
    } else if (op == HD_X_SELECT) {
        hd_text_add(&text, "%s ? %s : %s", x[0].text, x[1].text, x[2].text);
        r.precedence = 1;
    } else {
        hd_text_add(&text, "%s(%s, %s)", info->text, x[0].text, x[1].text);
    }
    x[0] = r;
}

void hd_host_print(HdHostExpr expr, const HdKernelInfo *kernel, HdText *out)
{
    enum { PRINT_DEPTH = 12 }; /* deeper ones are not worth reading */
    EvalText stack[PRINT_DEPTH];
    int depth = 0;
    for (; expr && *expr != HD_X_END; expr++) {
        if (*expr < 0 || *expr > HD_X_END) break;
        HdHostOp op = (HdHostOp)*expr;
        depth -= eval_ops[op].operands;
        if (depth < 0 || depth >= PRINT_DEPTH) break;
        if (eval_ops[op].inline_value) {
            HdText text = {stack[depth].text, 0, sizeof stack[depth].text};
            eval_leaf_text(op, *++expr, kernel, &text);
            stack[depth].precedence = 100;
        } else {
            eval_join(op, &stack[depth]);
        }
        depth++;
    }
    bool whole = expr && *expr == HD_X_END && depth == 1;
    hd_text_add(out, "%s", whole ? stack[0].text : "…");
}

static bool eval_mentioned(HdHostExpr begin, HdHostExpr at)
{
    for (HdHostExpr p = begin; p < at; p += eval_ops[*p].inline_value ? 2 : 1)
        if (p[0] == at[0] && p[1] == at[1]) return true;
    return false;
}

void hd_host_values(HdHostExpr expr, const HdCall *call, HdText *text)
{
    const char *separator = "";
    for (HdHostExpr p = expr; p && *p >= 0 && *p < HD_X_END;
         p += eval_ops[*p].inline_value ? 2 : 1) {
        if (!eval_ops[*p].inline_value || *p == HD_X_CONST || eval_mentioned(expr, p)) continue;
        HdHostOp op = (HdHostOp)*p;
        EvalValue v = eval_leaf(op, p[1], call);
        hd_text_add(text, "%s", separator);
        eval_leaf_text(op, p[1], call->kernel, text);
        if (v.error)
            hd_text_add(text, " has no value (%s)", v.error);
        else
            hd_text_add(text, " = %" PRId64, v.v);
        separator = ", ";
    }
}
