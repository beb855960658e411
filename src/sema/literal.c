/* Literals adapt to the type they meet.
 *
 * `sema_infer` gives an expression made only of number literals one of two private literal types;
 * when it meets a type, `adapt` walks it once, checks each number against that type and writes the
 * types into the tree. So the work is linear in the source, whatever the nesting.
 */
#include "sema/internal.h"
#include "vocab/scalar.h"

#include <math.h>

static bool report_range(Sema *s, Ast *e, bool negative, const Type *want, const char *why)
{
    const char *sign = negative ? "-" : "";
    const char *text;
    if (e->kind == AST_Float && e->name)
        text = base_format(s->arena, "`%s%s`", sign, e->name->text);
    else if (e->kind == AST_Float)
        text = base_format(s->arena, "`%s%g`", sign, e->value.f);
    else
        text = base_format(s->arena, "`%s%llu`", sign, (unsigned long long)e->value.i);
    diag_report(s->diags, DIAG_LITERAL_RANGE, e->span, text, sema_text(s, want), why);
    e->type = s->poison;
    return false;
}

static bool adapt_to_integer(Sema *s, Ast *e, bool negative, const Type *want)
{
    const ElemInfo *info = vocab_elem(want->elem);
    uint64_t size = (uint64_t)e->value.i;
    uint64_t most = UINT64_MAX >> (64 - (info->cls == CLASS_UINT ? info->bits : info->bits - 1));
    if (info->cls == CLASS_UINT && negative && size)
        return report_range(s, e, true, want, "unsigned numbers are not negative");
    if (size <= most + (negative && info->cls != CLASS_UINT)) return true;
    const char *why =
        negative ? base_format(s->arena, "the smallest is -%llu", (unsigned long long)most + 1)
                 : base_format(s->arena, "the largest is %llu", (unsigned long long)most);
    return report_range(s, e, negative, want, why);
}

static bool adapt_to_float(Sema *s, Ast *e, bool negative, const Type *want)
{
    if (e->kind == AST_Int) {
        double value = (double)(uint64_t)e->value.i;
        bool exact = value < 0x1p64 && (uint64_t)value == (uint64_t)e->value.i &&
                     scalar_to_double(scalar_float(want->elem, value)) == value;
        if (exact) return true;
        return report_range(
            s, e, negative, want,
            "it has no exact value there; write it with a decimal point to round it");
    }
    double rounded = scalar_to_double(scalar_float(want->elem, e->value.f));
    if (!isinf(e->value.f) && !isnan(e->value.f) && (isinf(rounded) || isnan(rounded)))
        return report_range(s, e, negative, want, "it is too large; write `inf` if that is meant");
    return true;
}

/* A number that is `negative` if it stands under a minus. */
static bool adapt_number(Sema *s, Ast *e, bool negative, const Type *want)
{
    e->type = want;
    if (want->kind != TYPE_SCALAR) return true; /* a type parameter: decided in the instance */
    if (vocab_elem_is_float(want->elem)) return adapt_to_float(s, e, negative, want);
    return adapt_to_integer(s, e, negative, want);
}

static bool is_integer_op(Op op)
{
    return vocab_op(op)->flags & OP_INTEGER || op == OP_MOD || op == OP_BITNOT;
}

/* `7 >> 1` is an integer: it meets no float. Reported. */
static bool operates_on(Sema *s, Ast *e, const Type *want)
{
    if (!is_integer_op(e->op) || want->kind == TYPE_POISON || sema_type_within(want, MASK_INT))
        return true;
    sema_operand_error(s, e, vocab_op(e->op)->text, "integers", want);
    return false;
}

bool sema_literal_is_integer(const Ast *e)
{
    switch ((int)e->kind) {
    case AST_Unary:
        return is_integer_op(e->op) || sema_literal_is_integer(KID(e, Unary, operand));
    case AST_Binary:
        return is_integer_op(e->op) || sema_literal_is_integer(KID(e, Binary, left)) ||
               sema_literal_is_integer(KID(e, Binary, right));
    case AST_Cond:
        return sema_literal_is_integer(KID(e, Cond, then)) ||
               sema_literal_is_integer(KID(e, Cond, otherwise));
    default:
        return false;
    }
}

static bool adapt_tree(Sema *s, Ast *e, bool negative, const Type *want)
{
    e->type = want;
    switch ((int)e->kind) {
    case AST_Int:
    case AST_Float:
        return adapt_number(s, e, negative, want);
    case AST_Unary:
        if (!operates_on(s, e, want)) return false;
        return adapt_tree(s, KID(e, Unary, operand), negative != (e->op == OP_NEG), want);
    case AST_Cond: {
        bool ok = adapt_tree(s, KID(e, Cond, then), negative, want);
        return adapt_tree(s, KID(e, Cond, otherwise), negative, want) && ok;
    }
    case AST_Binary: {
        if (!operates_on(s, e, want)) return false;
        bool ok = adapt_tree(s, KID(e, Binary, left), false, want);
        return adapt_tree(s, KID(e, Binary, right), false, want) && ok;
    }
    default:
        return true;
    }
}

bool sema_adapts(Sema *s, const Type *have, const Type *want)
{
    if (have == s->literal_float) return sema_type_within(want, MASK_FLOAT);
    return sema_type_within(want, MASK_NUM);
}

/* What a literal is where nothing says otherwise; other types unchanged. */
const Type *sema_settle(Sema *s, Ast *e, const Type *type)
{
    if (!sema_type_literal(s, type)) return type;
    const Type *want = type == s->literal_int ? s->index : s->scalar[ELEM_F32];
    return adapt_tree(s, e, false, want) ? want : (e->type = s->poison);
}

/* Two literals that meet only each other: both f32 if one has a point, else both index. */
const Type *sema_settle_pair(Sema *s, Ast *a, Ast *b)
{
    bool real = a->type == s->literal_float || b->type == s->literal_float;
    const Type *type = real ? s->scalar[ELEM_F32] : s->index;
    bool ok = sema_adapt(s, a, a->type, type);
    return sema_adapt(s, b, b->type, type) && ok ? type : s->poison;
}

static bool same_value(Sema *s, const Type *have, const Type *want)
{
    if (sema_same(have, want)) return true;
    return have->kind == TYPE_TENSOR && want->kind == TYPE_TENSOR && s->place == PLACE_TEST &&
           have->space == SPACE_HOST && want->space == SPACE_GLOBAL && have->rank == want->rank &&
           sema_same(have->of, want->of);
}

bool sema_adapt(Sema *s, Ast *e, const Type *have, const Type *want)
{
    if (sema_type_literal(s, have)) {
        if (sema_adapts(s, have, want)) return adapt_tree(s, e, false, want);
        if (want->kind != TYPE_POISON) sema_mismatch(s, e, have, want);
        e->type = s->poison;
        return false;
    }
    if (same_value(s, have, want)) return true;
    sema_mismatch(s, e, have, want);
    return false;
}

static bool numeric(const Type *type)
{
    return sema_type_within(type, MASK_NUM);
}

void sema_note_const(Sema *s, Diag *diag, const Ast *e, const Type *want)
{
    const Symbol *symbol = e->kind == AST_Name ? e->symbol : NULL;
    if (symbol && symbol->kind == SYMBOL_CONST && !KID(symbol->decl, Const, type))
        diag_note(s->diags, diag, "or declare `const %s: %s = …`", symbol->name->text,
                  sema_text(s, want));
}

void sema_mismatch(Sema *s, Ast *e, const Type *have, const Type *want)
{
    bool literal = sema_type_literal(s, have);
    if (!literal && !sema_is_value(have)) {
        sema_not_a_value(s, e, have);
        return;
    }
    const char *found = sema_text(s, have), *expected = sema_text(s, want);
    Diag *diag = diag_report(s->diags, DIAG_MISMATCH, e->span, expected, found);
    if (have->kind == TYPE_TENSOR && have->rank > 0 && sema_same(have->of, want))
        diag_note(s->diags, diag, "an element needs %d more %s", have->rank,
                  have->rank == 1 ? "index" : "indices");
    else if (!literal && numeric(have) && numeric(want)) {
        diag_note(s->diags, diag, "conversions are explicit: write `%s(…)`", expected);
        sema_note_const(s, diag, e, want);
    } else if (want->kind == TYPE_VECTOR && (literal || sema_same(have, want->of)))
        diag_note(s->diags, diag, "`%s(…)` makes a vector of one value", expected);
    else if (numeric(have) && want == s->boolean)
        diag_note(s->diags, diag, "compare it: `… != 0`");
}
