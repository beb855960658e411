/* Built-in functions: the type rule of each class. */
#include "sema/internal.h"

/* ---- math ---------------------------------------------------------------------------------- */

/* What a mathematical built-in takes, all of one type; it gives that type or bool. */
typedef struct MathRule {
    unsigned mask;
    bool to_bool;
} MathRule;

static MathRule math_rule(Builtin builtin)
{
    static const MathRule rules[BUILTIN_COUNT] = {
        [BUILTIN_ABS] = {MASK_NUM, false},
        [BUILTIN_SQRT] = {MASK_FLOAT, false},
        [BUILTIN_FMA] = {MASK_FLOAT, false},
        [BUILTIN_MIN] = {MASK_NUM, false},
        [BUILTIN_MAX] = {MASK_NUM, false},
        [BUILTIN_FLOOR] = {MASK_FLOAT, false},
        [BUILTIN_CEIL] = {MASK_FLOAT, false},
        [BUILTIN_TRUNC] = {MASK_FLOAT, false},
        [BUILTIN_RINT] = {MASK_FLOAT, false},
        [BUILTIN_COPYSIGN] = {MASK_FLOAT, false},
        [BUILTIN_ISNAN] = {MASK_FLOAT, true},
        [BUILTIN_ISINF] = {MASK_FLOAT, true},
        [BUILTIN_POPCOUNT] = {MASK_INT, false},
        [BUILTIN_CLZ] = {MASK_INT, false},
        [BUILTIN_CTZ] = {MASK_INT, false},
        [BUILTIN_MULHI] = {MASK_INT, false},
        [BUILTIN_CDIV] = {MASK_INT, false},
        [BUILTIN_APPROX_EXP2] = {MASK_FLOAT, false},
        [BUILTIN_APPROX_LOG2] = {MASK_FLOAT, false},
        [BUILTIN_APPROX_RCP] = {MASK_FLOAT, false},
        [BUILTIN_APPROX_RSQRT] = {MASK_FLOAT, false},
        [BUILTIN_APPROX_SQRT] = {MASK_FLOAT, false},
        [BUILTIN_APPROX_SIN] = {MASK_FLOAT, false},
        [BUILTIN_APPROX_COS] = {MASK_FLOAT, false},
        [BUILTIN_APPROX_TANH] = {MASK_FLOAT, false},
    };
    return rules[builtin];
}

const Type *sema_builtin_on(Sema *s, Builtin builtin, int count, const Type *const *types)
{
    const BuiltinInfo *info = vocab_builtin(builtin);
    MathRule rule = math_rule(builtin);
    if (!rule.mask || info->arity != count) return NULL;
    for (int i = 0; i < count; i++)
        if (types[i] != types[0] || !sema_type_within(types[i], rule.mask)) return NULL;
    return rule.to_bool ? s->boolean : types[0];
}

static const Type *needs_error(Sema *s, Ast *at, Builtin builtin, const char *needs,
                               const Type *found)
{
    return sema_operand_error(s, at, vocab_builtin(builtin)->text, needs, found);
}

/* The type that the arguments share, from the first that is no literal. */
static const Type *shared_type(Sema *s, Ast *args, unsigned mask)
{
    bool real = !(mask & MASK_INT);
    for (uint32_t i = 0; i < args->count; i++) {
        const Type *type = args->kid[i]->type;
        if (!sema_type_literal(s, type)) return type;
        real |= type == s->literal_float;
    }
    return real ? s->scalar[ELEM_F32] : s->index;
}

static const Type *math(Sema *s, Ast *call, Builtin builtin)
{
    Ast *args = KID(call, Call, args);
    MathRule rule = math_rule(builtin);
    for (uint32_t i = 0; i < args->count; i++) sema_infer(s, args->kid[i]);
    const Type *type = shared_type(s, args, rule.mask);
    bool ok = type->kind != TYPE_POISON;
    for (uint32_t i = 0; i < args->count; i++) {
        Ast *arg = args->kid[i];
        if (!sema_type_literal(s, arg->type) && !sema_is_value(arg->type))
            return sema_not_a_value(s, arg, arg->type);
        if (arg->type != type && !sema_adapt(s, arg, arg->type, type)) return s->poison;
    }
    if (!ok) return s->poison;
    if (!sema_type_within(type, rule.mask))
        return needs_error(s, call, builtin,
                           base_format(s->arena, "arguments of %s", sema_mask_text(rule.mask)),
                           type);
    return rule.to_bool ? s->boolean : type;
}

static int type_bits(const Type *type)
{
    if (type->kind == TYPE_VECTOR)
        return type->of->kind == TYPE_SCALAR ? vocab_elem(type->of->elem)->bits * type->lanes : 0;
    return type->kind == TYPE_SCALAR ? vocab_elem(type->elem)->bits : 0;
}

static const Type *bitcast(Sema *s, Ast *call, Ast *brackets)
{
    Ast *arg = KID(call, Call, args)->kid[0];
    const Type *have = sema_value(s, arg);
    const Type *named = brackets && brackets->count == 1 ? sema_infer(s, brackets->kid[0]) : NULL;
    if (!named || (named->kind != TYPE_TYPE && named->kind != TYPE_POISON)) {
        diag_report(s->diags, DIAG_BRACKET_ARGUMENT, call->span, "bitcast",
                    "write the type in brackets, as in `bitcast[u32](x)`");
        return s->poison;
    }
    if (named->kind == TYPE_POISON || have->kind == TYPE_POISON) return s->poison;
    const Type *want = named->of;
    const char *why = NULL;
    if (!sema_type_mask(have) || !sema_type_mask(want))
        why = "only scalars and vectors have bits";
    else if (have == s->index || want == s->index)
        why = "index has no fixed size";
    else if (type_bits(have) && type_bits(want) && type_bits(have) != type_bits(want))
        why = base_format(s->arena, "one has %d bits, the other %d", type_bits(have),
                          type_bits(want));
    if (!why) return want;
    diag_report(s->diags, DIAG_NO_CONVERSION, call->span, sema_text(s, have), sema_text(s, want),
                why);
    return s->poison;
}

static bool is_bytes(const Type *type)
{
    return type->kind == TYPE_VECTOR && type->lanes == 4 && type->of->kind == TYPE_SCALAR &&
           (type->of->elem == ELEM_I8 || type->of->elem == ELEM_U8);
}

static const Type *dot4(Sema *s, Ast *call)
{
    Ast *args = KID(call, Call, args);
    for (uint32_t i = 0; i < 2; i++) {
        const Type *type = sema_value(s, args->kid[i]);
        if (type->kind != TYPE_POISON && !is_bytes(type))
            needs_error(s, args->kid[i], BUILTIN_DOT4, "two i8x4 or u8x4", type);
    }
    sema_expect(s, args->kid[2], s->scalar[ELEM_I32]);
    return s->scalar[ELEM_I32];
}

/* prmt and lop3, whose truth table has eight bits. */
static const Type *words(Sema *s, Ast *call)
{
    Ast *args = KID(call, Call, args);
    for (uint32_t i = 0; i < args->count; i++)
        sema_expect(s, args->kid[i], s->scalar[i == 3 ? ELEM_U8 : ELEM_U32]);
    return s->scalar[ELEM_U32];
}

/* ---- between lanes ------------------------------------------------------------------------- */

static const Type *collective(Sema *s, Ast *call, Builtin builtin)
{
    Ast *args = KID(call, Call, args);
    if (vocab_builtin(builtin)->arity == 1) {
        sema_condition(s, args->kid[0], "a vote");
        return builtin == BUILTIN_BALLOT ? s->scalar[ELEM_U32] : s->boolean;
    }
    const Type *type = sema_value(s, args->kid[0]);
    sema_index(s, args->kid[1]);
    if (sema_type_within(type, MASK_ANY)) return type;
    return needs_error(s, call, builtin, "a scalar or vector", type);
}

/* ---- verbs --------------------------------------------------------------------------------- */

static const Type *tensor_arg(Sema *s, Ast *arg, Builtin builtin, const char *needs)
{
    const Type *type = sema_value(s, arg);
    if (type->kind == TYPE_TENSOR && !sema_type_is_barrier(type->of)) return type;
    return needs_error(s, arg, builtin, needs, type);
}

static const Type *copy(Sema *s, Ast *call, Builtin builtin)
{
    Ast *args = KID(call, Call, args);
    const Type *dst = tensor_arg(s, args->kid[0], builtin, "tensors");
    const Type *src = tensor_arg(s, args->kid[1], builtin, "tensors");
    if (dst->kind == TYPE_POISON || src->kind == TYPE_POISON) return s->none;
    if (!sema_writable(s, args->kid[0], dst)) return s->none;
    if (sema_same(dst->of, src->of) && dst->rank == src->rank) return s->none;
    const Type *want = sema_type_tensor(s, dst->of, dst->rank, src->space, false);
    Diag *diag = diag_report(s->diags, DIAG_MISMATCH, args->kid[1]->span, sema_text(s, want),
                             sema_text(s, src));
    diag_label(s->diags, diag, args->kid[0]->span, "the destination is %s", sema_text(s, dst));
    if (dst->rank == src->rank)
        diag_note(s->diags, diag, "`%s` does not convert: `%s(…)` converts a register tile",
                  vocab_builtin(builtin)->text, sema_text(s, dst->of));
    return s->none;
}

static bool reduce_function(Sema *s, Ast *call, Ast *brackets, const Type *of)
{
    if (!brackets || brackets->count != 1 || !sema_fn_named(s, brackets->kid[0])) {
        if (brackets && brackets->count == 1 && brackets->kid[0]->kind == AST_Name &&
            !sema_lookup(s, brackets->kid[0]->name))
            return sema_unknown(s, DIAG_UNKNOWN_NAME, brackets->kid[0]->name,
                                brackets->kid[0]->span),
                   false;
        diag_report(s->diags, DIAG_BRACKET_ARGUMENT, call->span, "reduce",
                    "write one function in brackets, as in `reduce[add](…)`");
        return false;
    }
    const Type *pair[] = {of, of};
    return sema_fn_value(s, brackets->kid[0], sema_type_list(s, TYPE_FN, of, 2, pair));
}

static const Type *reduce(Sema *s, Ast *call, Ast *brackets)
{
    Ast *args = KID(call, Call, args);
    const Type *dst = tensor_arg(s, args->kid[0], BUILTIN_REDUCE, "register tiles");
    const Type *src = tensor_arg(s, args->kid[1], BUILTIN_REDUCE, "register tiles");
    sema_index(s, args->kid[2]);
    if (dst->kind == TYPE_POISON || src->kind == TYPE_POISON) return s->none;
    for (int i = 0; i < 2; i++) {
        const Type *type = i ? src : dst;
        if (type->space == SPACE_REG) continue;
        needs_error(s, args->kid[i], BUILTIN_REDUCE, "register tiles", type);
        return s->none;
    }
    if (!reduce_function(s, call, brackets, src->of)) return s->none;
    if (!sema_writable(s, args->kid[0], dst)) return s->none;
    const Type *want = sema_type_tensor(s, src->of, src->rank - 1, SPACE_REG, false);
    if (sema_same(want, dst)) return s->none;
    Diag *diag = diag_report(s->diags, DIAG_MISMATCH, args->kid[0]->span, sema_text(s, want),
                             sema_text(s, dst));
    diag_note(s->diags, diag, "the destination has the dimensions of the source but one");
    return s->none;
}

static bool is_matrix(Sema *s, Ast *arg, Builtin builtin, const Type *type, bool reg)
{
    bool space = type->space == SPACE_REG || (!reg && type->space == SPACE_SHARED);
    if (space && type->rank == 2) return true;
    needs_error(s, arg, builtin,
                reg ? "a two-dimensional register tile to add to"
                    : "two-dimensional tiles in shared memory or registers",
                type);
    return false;
}

/* acc, then a and b. What element types go together is for the instances to tell (lower). */
static const Type *mma(Sema *s, Ast *call, Builtin builtin)
{
    Ast *args = KID(call, Call, args);
    const Type *types[3];
    bool ok = true;
    for (int i = 0; i < 3; i++) {
        types[i] = tensor_arg(s, args->kid[i], builtin, "tiles of matrices");
        ok &= types[i]->kind == TYPE_TENSOR;
    }
    for (int i = 0; i < 3 && ok; i++) ok = is_matrix(s, args->kid[i], builtin, types[i], i == 0);
    if (ok) sema_writable(s, args->kid[0], types[0]);
    s->wants_instructions = true;
    return s->none;
}

static const Type *async(Sema *s, Ast *call, Builtin builtin)
{
    Ast *args = KID(call, Call, args);
    switch ((int)builtin) {
    case BUILTIN_WGMMA_MMA:
        return mma(s, call, builtin);
    case BUILTIN_ASYNC_COPY:
    case BUILTIN_LDMATRIX:
    case BUILTIN_STMATRIX:
        return copy(s, call, builtin);
    case BUILTIN_WAIT:
    case BUILTIN_WGMMA_WAIT:
        sema_index(s, args->kid[0]);
        return s->none;
    case BUILTIN_COMMIT:
    case BUILTIN_WGMMA_FENCE:
    case BUILTIN_WGMMA_COMMIT:
        return s->none;
    default:
        return sema_call_machine(s, call, builtin);
    }
}

/* ---- mappings, loops, queries -------------------------------------------------------------- */

static const Type *mapping_call(Sema *s, Ast *call, Builtin builtin)
{
    Ast *args = KID(call, Call, args);
    if (!sema_arity(s, call, vocab_builtin(builtin)->text, 1, SIZE_MAX)) return s->mapping;
    for (uint32_t i = 0; i < args->count; i++) {
        if (args->kid[i]->kind == AST_Hole && builtin != BUILTIN_AUTO)
            args->kid[i]->type = s->index;
        else
            sema_index(s, args->kid[i]);
    }
    return s->mapping;
}

static const Type *misc(Sema *s, Ast *call, Builtin builtin)
{
    Ast *args = KID(call, Call, args);
    if (builtin == BUILTIN_RANGE) {
        sema_index_list(s, args);
        sema_arity(s, call, "range", 1, 3);
        return s->range;
    }
    const Type *type = sema_value(s, args->kid[0]);
    if (builtin == BUILTIN_UNIFORM) {
        if (sema_type_within(type, MASK_ANY)) return type;
        return needs_error(s, call, builtin, "a scalar or vector", type);
    }
    sema_index(s, args->kid[1]);
    if (type->kind != TYPE_TENSOR) needs_error(s, args->kid[0], builtin, "a tensor", type);
    return s->index;
}

/* ---- tests --------------------------------------------------------------------------------- */

static bool tolerance(Sema *s, Ast *arg, Builtin builtin)
{
    arg->type = s->scalar[ELEM_F32];
    sema_expect(s, KID(arg, NamedArg, value), arg->type);
    const char *name = arg->name->text;
    if (builtin == BUILTIN_CLOSE && (!strcmp(name, "rtol") || !strcmp(name, "atol"))) return true;
    diag_report(s->diags, DIAG_NAMED_ARGUMENT, arg->name_span, vocab_builtin(builtin)->text, name,
                builtin == BUILTIN_CLOSE ? "it takes `rtol:` and `atol:`"
                                         : "it takes its arguments by position");
    return false;
}

/* Two tensors or two scalars of one type. */
static const Type *test_builtin(Sema *s, Ast *call, Builtin builtin)
{
    Ast *args = KID(call, Call, args), *pair[2];
    uint32_t count = 0;
    for (uint32_t i = 0; i < args->count; i++) {
        if (args->kid[i]->kind == AST_NamedArg)
            tolerance(s, args->kid[i], builtin);
        else if (count++ < 2)
            pair[count - 1] = args->kid[i];
        else
            sema_value(s, args->kid[i]);
    }
    if (count != 2) {
        for (uint32_t i = 0; i < count && i < 2; i++) sema_value(s, pair[i]);
        diag_report(s->diags, DIAG_ARGUMENT_COUNT, call->span, vocab_builtin(builtin)->text,
                    "2 arguments", base_format(s->arena, "%u", count));
        return s->boolean;
    }
    const Type *a = sema_infer(s, pair[0]), *b = sema_infer(s, pair[1]);
    if (sema_type_literal(s, a) && sema_type_literal(s, b))
        sema_settle_pair(s, pair[0], pair[1]);
    else if (sema_type_literal(s, a))
        sema_adapt(s, pair[0], a, b);
    else if (sema_adapt(s, pair[1], b, sema_settle(s, pair[0], a)) && !sema_is_value(a))
        sema_not_a_value(s, pair[0], a);
    return s->boolean;
}

/* ---- dispatch ------------------------------------------------------------------------------ */

/* Only `close` has named arguments. */
static bool no_names(Sema *s, Ast *call, const BuiltinInfo *info)
{
    Ast *args = KID(call, Call, args);
    for (uint32_t i = 0; i < args->count && info->cls != BUILTIN_TEST; i++) {
        if (args->kid[i]->kind != AST_NamedArg) continue;
        diag_report(s->diags, DIAG_NAMED_ARGUMENT, args->kid[i]->name_span, info->text,
                    args->kid[i]->name->text, "it takes its arguments by position");
        return false;
    }
    return true;
}

static bool well_placed(Sema *s, Ast *call, const BuiltinInfo *info)
{
    const char *what = info->text;
    if (info->cls == BUILTIN_TEST && s->place != PLACE_TEST) {
        diag_report(s->diags, DIAG_TEST_ONLY, call->span, base_format(s->arena, "`%s`", what));
        return false;
    }
    bool device = info->cls == BUILTIN_COLLECTIVE || info->cls == BUILTIN_VERB ||
                  info->cls == BUILTIN_ASYNC || info->cls == BUILTIN_ATOMIC;
    if (!device || s->place == PLACE_FN || s->place == PLACE_KERNEL) return true;
    return sema_needs_device(s, call, base_format(s->arena, "`%s`", what));
}

static const Type *by_class(Sema *s, Ast *call, Builtin builtin, Ast *brackets)
{
    switch (vocab_builtin(builtin)->cls) {
    case BUILTIN_MATH:
        if (builtin == BUILTIN_BITCAST) return bitcast(s, call, brackets);
        if (builtin == BUILTIN_PRMT || builtin == BUILTIN_LOP3) return words(s, call);
        return builtin == BUILTIN_DOT4 ? dot4(s, call) : math(s, call, builtin);
    case BUILTIN_COLLECTIVE:
        return collective(s, call, builtin);
    case BUILTIN_ATOMIC:
        return sema_call_atomic(s, call, builtin);
    case BUILTIN_VERB:
        return builtin == BUILTIN_COPY  ? copy(s, call, builtin)
               : builtin == BUILTIN_MMA ? mma(s, call, builtin)
                                        : reduce(s, call, brackets);
    case BUILTIN_ASYNC:
        return async(s, call, builtin);
    case BUILTIN_MAPPING:
        return mapping_call(s, call, builtin);
    case BUILTIN_MISC:
        return misc(s, call, builtin);
    case BUILTIN_TEST:
        return test_builtin(s, call, builtin);
    }
    return s->poison;
}

static const Type *builtin_failure(Sema *s, Builtin builtin)
{
    if (vocab_builtin(builtin)->cls == BUILTIN_MAPPING) return s->mapping;
    return s->poison;
}

const Type *sema_call_builtin(Sema *s, Ast *call, Builtin builtin, Ast *brackets)
{
    const BuiltinInfo *info = vocab_builtin(builtin);
    CallInfo *call_info = sema_call_info(s, call, CALL_BUILTIN);
    call_info->builtin = builtin;
    if (brackets) {
        call_info->brackets = brackets->kid;
        call_info->bracket_count = (int)brackets->count;
    }
    bool ok = no_names(s, call, info) && well_placed(s, call, info);
    if (ok && info->arity >= 0)
        ok = sema_arity(s, call, info->text, (size_t)info->arity, (size_t)info->arity);
    if (!ok) {
        sema_poison_args(s, call);
        return builtin_failure(s, builtin);
    }
    if (brackets && builtin != BUILTIN_BITCAST && builtin != BUILTIN_REDUCE) {
        diag_report(s->diags, DIAG_BRACKET_ARGUMENT, brackets->span, info->text,
                    "it has no generic parameters");
        return builtin_failure(s, builtin);
    }
    return by_class(s, call, builtin, brackets);
}
