/* `atomic.add(x[i], v, release, device)`: an element of memory, values, an order, a scope. */
#include "sema/internal.h"

typedef struct AtomicRule {
    unsigned mask;
    uint32_t values; /* after the element */
    bool reads_only;
    bool to_none;
} AtomicRule;

static AtomicRule atomic_rule(Builtin builtin)
{
    static const AtomicRule rules[BUILTIN_COUNT] = {
        [BUILTIN_ATOMIC_ADD] = {.mask = MASK_NUM, .values = 1},
        [BUILTIN_ATOMIC_MIN] = {.mask = MASK_NUM, .values = 1},
        [BUILTIN_ATOMIC_MAX] = {.mask = MASK_NUM, .values = 1},
        [BUILTIN_ATOMIC_AND] = {.mask = MASK_INT, .values = 1},
        [BUILTIN_ATOMIC_OR] = {.mask = MASK_INT, .values = 1},
        [BUILTIN_ATOMIC_XOR] = {.mask = MASK_INT, .values = 1},
        [BUILTIN_ATOMIC_EXCHANGE] = {.mask = MASK_NUM, .values = 1},
        [BUILTIN_ATOMIC_CAS] = {.mask = MASK_NUM, .values = 2},
        [BUILTIN_ATOMIC_LOAD] = {.mask = MASK_NUM, .reads_only = true},
        [BUILTIN_ATOMIC_STORE] = {.mask = MASK_NUM, .values = 1, .to_none = true},
    };
    return rules[builtin];
}

static const Type *bad_target(Sema *s, Ast *e, Builtin builtin, const char *what, const char *found)
{
    diag_report(s->diags, DIAG_ATOMIC_TARGET, e->span, vocab_builtin(builtin)->text, what, found);
    return s->poison;
}

static const Type *target(Sema *s, Ast *e, Builtin builtin)
{
    AtomicRule rule = atomic_rule(builtin);
    const Type *type = sema_value(s, e);
    const Type *base = e->kind == AST_Index ? KID(e, Index, base)->type : NULL;
    if (type->kind == TYPE_POISON) return type;
    const char *where = "an element of a global or shared tensor";
    if (!base || base->kind != TYPE_TENSOR || type->kind == TYPE_TENSOR)
        return bad_target(s, e, builtin, where, sema_text(s, type));
    if (base->space != SPACE_GLOBAL && base->space != SPACE_SHARED)
        return bad_target(s, e, builtin, where,
                          base_format(s->arena, "an element of %s", sema_text(s, base)));
    if (!rule.reads_only && !sema_writable(s, KID(e, Index, base), base)) return s->poison;
    if (!sema_type_within(type, rule.mask))
        return bad_target(s, e, builtin, rule.mask == MASK_INT ? "integers" : "numbers",
                          sema_text(s, type));
    if (type->kind == TYPE_SCALAR && vocab_elem(type->elem)->bits < 32)
        return bad_target(s, e, builtin, "elements of 32 or 64 bits", sema_text(s, type));
    return type;
}

static bool one_of(const char *text, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(text, words[i]) == 0) return true;
    return false;
}

/* The trailing plain names: an order, then a scope. */
static void words(Sema *s, Ast *args, uint32_t from)
{
    static const char *const orders[] = {"relaxed", "acquire", "release", "acq_rel"};
    static const char *const scopes[] = {"block", "device"};
    bool order = false, scope = false;
    for (uint32_t i = from; i < args->count; i++) {
        Ast *arg = args->kid[i];
        const char *text = arg->kind == AST_Name ? arg->name->text : "this expression";
        arg->type = s->none;
        if (!order && !scope && one_of(text, orders, BASE_LEN(orders))) {
            order = true;
        } else if (!scope && one_of(text, scopes, BASE_LEN(scopes))) {
            scope = true;
        } else {
            if (order)
                diag_report(s->diags, DIAG_ATOMIC_WORD, arg->span, text, "scope",
                            "`block`, `device`, once");
            else
                diag_report(s->diags, DIAG_ATOMIC_WORD, arg->span, text, "order",
                            "`relaxed`, `acquire`, `release`, `acq_rel`, before the scope");
            return;
        }
    }
}

const Type *sema_call_atomic(Sema *s, Ast *call, Builtin builtin)
{
    AtomicRule rule = atomic_rule(builtin);
    Ast *args = KID(call, Call, args);
    CallInfo *info = sema_call_info(s, call, CALL_BUILTIN);
    info->builtin = builtin;
    if (s->place != PLACE_FN && s->place != PLACE_KERNEL) {
        sema_needs_device(s, call, base_format(s->arena, "`%s`", vocab_builtin(builtin)->text));
        return s->poison;
    }
    if (!sema_arity(s, call, vocab_builtin(builtin)->text, 1 + rule.values, 3 + rule.values))
        return s->poison;
    const Type *type = target(s, args->kid[0], builtin);
    for (uint32_t i = 1; i <= rule.values; i++) sema_expect(s, args->kid[i], type);
    words(s, args, 1 + rule.values);
    return rule.to_none ? s->none : type;
}
