/* Expressions of the text form. */
#include "ir/read.h"

#include <errno.h>
#include <stdlib.h>

static const IrExpr *read_prec(IrReader *r, int lowest);
static const IrExpr *read_operand(IrReader *r);

static const IrExpr *broken(IrReader *r, const char *what)
{
    ir_read_fail(r, "%s", what);
    return ir_index(r->k, 0);
}

static bool same_type(IrType a, IrType b)
{
    return a.elem == b.elem && a.lanes == b.lanes;
}

/* The node, after the checks that keep its makers within their operands. */
static const IrExpr *make(IrReader *r, IrOp op, int count, const IrExpr *const *args)
{
    int arity = ir_op_info(op)->arity;
    if (count != arity || count == 0) return broken(r, "wrong number of operands");
    bool free = op == IR_SHL || op == IR_SHR || op == IR_SELECT || op == IR_DOT4;
    for (int i = 1; i < count && !free; i++)
        if (!same_type(args[0]->type, args[i]->type)) return broken(r, "operands differ in type");
    if (op == IR_SELECT && !same_type(args[1]->type, args[2]->type))
        return broken(r, "operands differ in type");
    return ir_operator(r->k, op, count, args);
}

int ir_read_operands(IrReader *r, const char *close, const IrExpr *args[READ_ARGS])
{
    int count = 0;
    if (ir_read_accept(r, close)) return 0;
    do {
        if (count == READ_ARGS) {
            ir_read_fail(r, "too many operands");
            return 0;
        }
        args[count++] = ir_read_expr(r);
    } while (ir_read_accept(r, ","));
    ir_read_expect(r, close);
    return count;
}

/* ---- literals -------------------------------------------------------------------------------- */

static bool read_integer(const char *text, Elem elem, Scalar *out)
{
    int64_t lo, hi;
    bool ranged = scalar_int_range(elem, &lo, &hi);
    char *end;
    errno = 0;
    if (elem == ELEM_U64) {
        *out = scalar_int(elem, (int64_t)strtoull(text, &end, 10));
        return !*end && !errno && *text != '-';
    }
    int64_t value = strtoll(text, &end, 10);
    *out = scalar_int(elem, value);
    return ranged && !*end && !errno && value >= lo && value <= hi;
}

/* `text` is a number, `inf` or `nan`, perhaps with a minus sign. */
static bool literal_of(const char *text, Elem elem, Scalar *out)
{
    if (elem == ELEM_BOOL || elem == ELEM_NONE) return false;
    if (!vocab_elem_is_float(elem)) return read_integer(text, elem, out);
    char *end;
    *out = scalar_float(elem, strtod(text, &end));
    return !*end;
}

/* The text of the literal at the reader, NULL if there is none. */
static char *literal_text(IrReader *r)
{
    bool negative = ir_read_accept(r, "-");
    bool number = r->token.kind == TOKEN_NUMBER || ir_read_is(r, "inf") || ir_read_is(r, "nan");
    if (!number) return NULL;
    char *text = base_format(r->arena, "%s%.*s", negative ? "-" : "", (int)(r->token.len & 0xffff),
                             r->token.text);
    ir_read_advance(r);
    return text;
}

bool ir_read_literal(IrReader *r, Elem elem, Scalar *out)
{
    *out = scalar_int(ELEM_BOOL, ir_read_is(r, "true"));
    if (elem == ELEM_BOOL && (ir_read_accept(r, "true") || ir_read_accept(r, "false"))) return true;
    char *text = literal_text(r);
    if (text && literal_of(text, elem, out)) return true;
    return ir_read_fail(r, "this is no value of the type");
}

static const IrExpr *finish_literal(IrReader *r, const char *text)
{
    IrType type = {ELEM_INDEX, 1};
    Scalar value;
    if (ir_read_accept(r, ":") && (!ir_read_type(r, &type) || type.lanes != 1))
        return broken(r, "an element type expected");
    if (!literal_of(text, type.elem, &value)) return broken(r, "this is no value of its type");
    return ir_const(r->k, value);
}

/* ---- names ----------------------------------------------------------------------------------- */

static const IrExpr *read_size(IrReader *r)
{
    if (r->token.kind == TOKEN_NUMBER) {
        int number = (int)ir_read_int(r, 0, (int64_t)r->k->sizes.len - 1);
        return r->error ? ir_index(r->k, 0) : ir_size(r->k, number);
    }
    const Name *name = ir_read_name(r);
    for (size_t i = 0; i < r->k->sizes.len; i++)
        if (r->k->sizes.data[i] == name) return ir_size(r->k, (int)i);
    return broken(r, "no such size");
}

static const IrExpr *read_arg(IrReader *r)
{
    size_t number = r->k->params.len;
    if (r->token.kind == TOKEN_NUMBER) {
        number = (size_t)ir_read_int(r, 0, (int64_t)number - 1);
    } else {
        const Name *name = ir_read_name(r);
        for (size_t i = r->k->params.len; i-- > 0;)
            if (r->k->params.data[i].name == name) number = i;
    }
    if (r->error || number >= r->k->params.len || r->k->params.data[number].is_tensor)
        return broken(r, "no such scalar parameter");
    return ir_arg(r->k, (int)number, r->k->params.data[number].elem);
}

static const IrExpr *read_temp(IrReader *r)
{
    int64_t number = ir_read_int(r, 1, (int64_t)r->temps.len);
    return r->error ? ir_index(r->k, 0) : r->temps.data[number - 1];
}

static bool read_attribute(IrReader *r, Access *a)
{
    IrType type;
    const char *text = r->token.text;
    bool word = r->token.kind == TOKEN_WORD;
    bool lanes = word && r->token.len > 1 && *text == 'x';
    Cache cache = word ? vocab_cache_find(text, r->token.len) : CACHE_NONE;
    if (ir_read_accept(r, "linear")) {
        a->flags |= IR_LINEAR;
    } else if (ir_read_accept(r, "proved")) {
        a->flags |= IR_PROVED;
    } else if (cache) {
        a->flags |= ir_cache_flags(cache);
        ir_read_advance(r);
    } else if (ir_read_accept(r, "if")) {
        a->flags |= IR_GUARDED;
        a->guard = ir_read_expr(r);
        if (ir_read_accept(r, "else")) a->otherwise = ir_read_expr(r);
    } else if (lanes && r->token.len < 5) {
        type.lanes = atoi(base_strndup(r->arena, text + 1, r->token.len - 1));
        if (type.lanes < 1) return ir_read_fail(r, "no number of lanes");
        a->lanes = type.lanes;
        ir_read_advance(r);
    } else {
        return ir_read_fail(r, "no such attribute of an access");
    }
    return !r->error;
}

/* After `name.id`: `[index, …; attribute; …]`. */
static bool read_brackets(IrReader *r, uint32_t id, Access *a)
{
    if (id >= r->k->tensors.len || !r->k->tensors.data[id])
        return ir_read_fail(r, "no such tensor");
    *a = (Access){.tensor = r->k->tensors.data[id], .lanes = 1};
    if (!ir_read_expect(r, "[")) return false;
    bool none = ir_read_is(r, "]") || ir_read_is(r, ";");
    while (!none && !r->error) {
        if (a->count == READ_ARGS) return ir_read_fail(r, "too many indices");
        a->args[a->count++] = ir_read_expr(r);
        if (!ir_read_accept(r, ",")) break;
    }
    while (ir_read_accept(r, ";"))
        if (!read_attribute(r, a)) return false;
    if (!ir_read_expect(r, "]")) return false;
    if (a->count == ir_index_count(a->tensor, a->flags)) return true;
    return ir_read_fail(r, "%d indices for a tensor of rank %d", a->count, a->tensor->rank);
}

bool ir_read_access(IrReader *r, Access *access)
{
    const Name *name;
    uint32_t id;
    *access = (Access){0};
    return ir_read_id(r, &name, &id) && read_brackets(r, id, access);
}

static const IrExpr *read_load(IrReader *r, uint32_t id)
{
    Access a;
    if (!read_brackets(r, id, &a)) return ir_index(r->k, 0);
    int count = a.count;
    if ((a.guard != NULL) != (a.otherwise != NULL) || count + 2 > READ_ARGS)
        return broken(r, "a guarded load gives another value");
    if (a.guard) {
        a.args[count++] = a.guard;
        a.args[count++] = a.otherwise;
    }
    IrType type = {a.tensor->elem, a.lanes};
    uint64_t payload = (uint64_t)(uintptr_t)(const IrTensor *)a.tensor;
    return ir_node(r->k, IR_LOAD, type, a.flags, payload, count, a.args);
}

/* ---- words ----------------------------------------------------------------------------------- */

static const IrExpr *read_grid_word(IrReader *r, IrOp op)
{
    static const char *const axes[] = {"x", "y", "z"};
    for (int i = 0; i < 3; i++)
        if (ir_read_accept(r, axes[i])) return ir_counter_node(r->k, op, i);
    return broken(r, "`x`, `y` or `z` expected");
}

static const IrExpr *read_bitcast(IrReader *r)
{
    IrType type;
    const IrExpr *args[READ_ARGS];
    if (!ir_read_type(r, &type)) return broken(r, "a type expected");
    if (!ir_read_expect(r, "(") || ir_read_operands(r, ")", args) != 1)
        return broken(r, "bitcast takes one operand");
    return ir_node(r->k, IR_BITCAST, type, 0, 0, 1, args);
}

/* `lane.2(v)` and `splat.4(x)`. */
static const IrExpr *read_lane(IrReader *r, IrOp op, uint32_t number)
{
    const IrExpr *args[READ_ARGS];
    if (!ir_read_expect(r, "(") || ir_read_operands(r, ")", args) != 1)
        return broken(r, "takes one operand");
    Elem elem = args[0]->type.elem;
    if (number > 1024) return broken(r, "too many lanes");
    if (op == IR_LANE) return ir_node(r->k, op, (IrType){elem, 1}, 0, number, 1, args);
    return ir_node(r->k, op, (IrType){elem, (int)number}, 0, 0, 1, args);
}

static bool word_is(Token word, const char *text)
{
    return word.len == strlen(text) && memcmp(word.text, text, word.len) == 0;
}

static const IrExpr *read_dotted(IrReader *r, Token word)
{
    if (r->token.kind != TOKEN_NUMBER) /* else any word may be a name */
        return word_is(word, "bid")       ? read_grid_word(r, IR_BID)
               : word_is(word, "gdim")    ? read_grid_word(r, IR_GDIM)
               : word_is(word, "bitcast") ? read_bitcast(r)
                                          : broken(r, "a number expected");
    uint32_t id = (uint32_t)ir_read_int(r, 0, INT32_MAX);
    if (ir_read_is(r, "[")) return read_load(r, id);
    if (ir_read_is(r, "(") && word_is(word, "lane")) return read_lane(r, IR_LANE, id);
    if (ir_read_is(r, "(") && word_is(word, "splat")) return read_lane(r, IR_SPLAT, id);
    if (r->error || id >= r->k->vars.len || !r->k->vars.data[id])
        return broken(r, "no such variable");
    return ir_var_node(r->k, r->k->vars.data[id]);
}

static const IrExpr *read_call(IrReader *r, Token word)
{
    const IrExpr *args[READ_ARGS];
    IrOp op = ir_op_find(word.text, word.len);
    if (op == IR_OP_COUNT) return broken(r, "no such function");
    ir_read_advance(r);
    int count = ir_read_operands(r, ")", args);
    if (r->error) return ir_index(r->k, 0);
    if (op == IR_VECTOR && count > 0) {
        IrType type = {args[0]->type.elem, count};
        return ir_node(r->k, op, type, 0, 0, count, args);
    }
    bool plain = ir_op_operator(op) || ir_op_builtin(op) || op == IR_SELECT;
    return plain ? make(r, op, count, args) : broken(r, "no such function");
}

static const IrExpr *read_word(IrReader *r)
{
    Token word = r->token;
    IrType type;
    bool is_type = ir_read_type(r, &type);
    if (!is_type) ir_read_advance(r);
    if (ir_read_accept(r, ".")) return read_dotted(r, word);
    if (is_type && ir_read_accept(r, "(")) {
        const IrExpr *args[READ_ARGS];
        if (ir_read_operands(r, ")", args) != 1) return broken(r, "a cast takes one operand");
        type.lanes = args[0]->type.lanes;
        return ir_node(r->k, IR_CAST, type, 0, 0, 1, args);
    }
    if (ir_read_is(r, "(")) return read_call(r, word);
    if (word_is(word, "tid")) return ir_counter_node(r->k, IR_TID, 0);
    if (word_is(word, "true")) return ir_bool(r->k, true);
    if (word_is(word, "false")) return ir_bool(r->k, false);
    if (word_is(word, "inf")) return finish_literal(r, "inf");
    if (word_is(word, "nan")) return finish_literal(r, "nan");
    return broken(r, "an expression expected");
}

static const IrExpr *read_minus(IrReader *r)
{
    if (r->token.kind == TOKEN_NUMBER || ir_read_is(r, "inf")) {
        const char *text = literal_text(r);
        return finish_literal(r, base_format(r->arena, "-%s", text));
    }
    const IrExpr *a = read_operand(r);
    return make(r, IR_NEG, 1, &a);
}

static const IrExpr *read_sign(IrReader *r)
{
    const IrExpr *a;
    if (ir_read_accept(r, "(")) {
        a = ir_read_expr(r);
        ir_read_expect(r, ")");
        return a;
    }
    if (ir_read_accept(r, "-")) return read_minus(r);
    if (ir_read_accept(r, "$")) return read_size(r);
    if (ir_read_accept(r, "@")) return read_arg(r);
    if (ir_read_accept(r, "%")) return read_temp(r);
    bool bits = ir_read_is(r, "~");
    if (!bits && !ir_read_is(r, "!")) return broken(r, "an expression expected");
    ir_read_advance(r);
    a = read_operand(r);
    return make(r, bits ? IR_BITNOT : IR_NOT, 1, &a);
}

static const IrExpr *read_operand(IrReader *r)
{
    const IrExpr *e;
    if (r->depth >= READ_DEPTH) return broken(r, "nested too deeply");
    r->depth++;
    if (r->token.kind == TOKEN_WORD) {
        e = read_word(r);
    } else if (r->token.kind == TOKEN_NUMBER) {
        e = finish_literal(r, literal_text(r));
    } else {
        e = read_sign(r);
    }
    r->depth--;
    return e;
}

/* ---- operators ------------------------------------------------------------------------------- */

static IrOp infix_op(const IrReader *r, int *prec)
{
    if (r->token.kind != TOKEN_SIGN) return IR_OP_COUNT;
    for (IrOp op = IR_ADD; op <= IR_GE; op++) {
        const OpInfo *info = vocab_op(ir_op_operator(op));
        *prec = info->precedence;
        if (*prec && ir_read_is(r, info->text)) return op;
    }
    return IR_OP_COUNT;
}

static const IrExpr *make_infix(IrReader *r, IrOp op, const IrExpr *a, const IrExpr *b)
{
    const IrExpr *args[] = {a, b};
    Elem elem = b->type.elem;
    bool sum = op == IR_SUB && ir_is_const(b) && vocab_elem_is_int(elem) &&
               vocab_elem(elem)->cls != CLASS_UINT && b->value.i != INT64_MIN;
    if (!sum) return make(r, op, 2, args);
    args[1] = ir_int(r->k, elem, -b->value.i);
    return make(r, IR_ADD, 2, args);
}

static const IrExpr *read_prec(IrReader *r, int lowest)
{
    const IrExpr *left = read_operand(r);
    int prec;
    for (IrOp op; !r->error && (op = infix_op(r, &prec)) != IR_OP_COUNT && prec >= lowest;) {
        ir_read_advance(r);
        const IrExpr *right = read_prec(r, prec + 1);
        if (!r->error) left = make_infix(r, op, left, right);
    }
    return left;
}

const IrExpr *ir_read_expr(IrReader *r)
{
    if (r->depth >= READ_DEPTH) return broken(r, "nested too deeply");
    r->depth++;
    const IrExpr *e = read_prec(r, 1);
    r->depth--;
    return e;
}
