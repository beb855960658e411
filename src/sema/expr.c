/* Expressions: dispatch, names, conditionals, tuples, tables, conversions to a place's type. */
#include "sema/internal.h"

/* ---- what may stand as a value ------------------------------------------------------------- */

bool sema_is_value(const Type *type)
{
    switch (type->kind) {
    case TYPE_VOID:
    case TYPE_FN:
    case TYPE_GROUP:
    case TYPE_RANGE:
    case TYPE_MODULE:
    case TYPE_TYPE:
    case TYPE_WINDOW:
    case TYPE_MBARRIER:
    case TYPE_BARRIER:
        return false;
    case TYPE_POISON:
    case TYPE_SCALAR:
    case TYPE_VECTOR:
    case TYPE_VAR:
    case TYPE_TUPLE:
    case TYPE_TENSOR:
    case TYPE_MAPPING:
    case TYPE_STRING:
        return true;
    }
    return true;
}

const Type *sema_not_a_value(Sema *s, Ast *e, const Type *type)
{
    static const struct {
        const char *what, *advice;
    } texts[] = {
        [TYPE_VOID] = {"a call that gives nothing", "let it stand as a statement of its own"},
        [TYPE_FN] = {"a function", "call it with arguments in parentheses"},
        [TYPE_GROUP] = {"a group", "take one of its coordinates `.x`, `.y`, `.z`"},
        [TYPE_RANGE] = {"a range", "use it after `in` in a `for` loop"},
        [TYPE_MODULE] = {"a module", "name one of its declarations after a dot"},
        [TYPE_TYPE] = {"a type", "convert a value with it, as in `f32(x)`"},
        [TYPE_WINDOW] = {"a window", "say where it lies with `at (…)`"},
        [TYPE_MBARRIER] = {"an mbarrier", "threads meet at it by `mbarrier.wait` and the like"},
        [TYPE_BARRIER] = {"a barrier", "threads meet at it by `barrier.sync` and `barrier.arrive`"},
    };
    if (type->kind == TYPE_POISON) return s->poison;
    if (type->kind == TYPE_WINDOW)
        diag_report(s->diags, DIAG_WINDOW, e->span,
                    "`.tile(…)` gives a window's size; say where it lies with `at (…)`");
    else
        diag_report(s->diags, DIAG_NOT_A_VALUE, e->span,
                    base_format(s->arena, "%s", texts[type->kind].what), texts[type->kind].advice);
    return e->type = s->poison;
}

const Type *sema_value(Sema *s, Ast *e)
{
    const Type *type = sema_settle(s, e, sema_infer(s, e));
    return sema_is_value(type) ? type : sema_not_a_value(s, e, type);
}

/* The parts of a tuple meet the parts of its type, so that literals among them adapt. */
static void expect_tuple(Sema *s, Ast *e, const Type *want)
{
    Ast *items = KID(e, Tuple, items);
    for (uint32_t i = 0; i < items->count; i++) sema_expect(s, items->kid[i], want->items[i]);
    e->type = want;
}

void sema_expect(Sema *s, Ast *e, const Type *want)
{
    if (e->kind == AST_Tuple && want->kind == TYPE_TUPLE &&
        (int)KID(e, Tuple, items)->count == want->count) {
        expect_tuple(s, e, want);
        return;
    }
    sema_adapt(s, e, sema_infer(s, e), want);
}

/* Index positions take index and every sized integer. */
void sema_index(Sema *s, Ast *e)
{
    const Type *type = sema_infer(s, e);
    if (type == s->literal_int)
        sema_adapt(s, e, type, s->index);
    else if (!sema_type_within(type, MASK_INT))
        sema_mismatch(s, e, type, s->index);
}

void sema_condition(Sema *s, Ast *e, const char *what)
{
    const Type *type = sema_infer(s, e);
    if (sema_same(type, s->boolean)) return;
    if (sema_type_literal(s, type) || sema_is_value(type))
        diag_report(s->diags, DIAG_CONDITION, e->span, what, sema_text(s, type));
    else
        sema_not_a_value(s, e, type);
    e->type = s->poison;
}

/* A tile stands for its own mapping. */
void sema_mapping_expr(Sema *s, Ast *e)
{
    const Type *type = sema_value(s, e);
    if (type->kind == TYPE_TENSOR && type->space == SPACE_REG) return;
    sema_adapt(s, e, type, s->mapping);
}

/* ---- names --------------------------------------------------------------------------------- */

static const Type *special_type(Sema *s, Ast *e, const Symbol *symbol)
{
    bool constant = symbol->special == SPECIAL_ARCH || symbol->special == SPECIAL_TARGET_CPU ||
                    symbol->special == SPECIAL_BLOCK_SIZE || symbol->special == SPECIAL_FAST;
    bool body = s->place == PLACE_FN || s->place == PLACE_KERNEL;
    if (body || (constant && s->place == PLACE_CLAUSE)) return symbol->type;
    const char *what = base_format(s->arena, "`%s`", symbol->name->text);
    sema_needs_device(s, e, what);
    return s->poison;
}

static const Type *uncalled(Sema *s, Ast *e, const char *what, const char *advice)
{
    diag_report(s->diags, DIAG_NOT_A_VALUE, e->span,
                base_format(s->arena, "%s `%s`", what, e->name->text), advice);
    return s->poison;
}

/* The type of a name of `symbol` as an expression. */
const Type *sema_symbol_type(Sema *s, Ast *e, Symbol *symbol)
{
    const char *call = "call it with arguments in parentheses";
    switch (symbol->kind) {
    case SYMBOL_CONST:
        sema_const_resolve(s, (Item *)symbol);
        return symbol->type;
    case SYMBOL_MAPPING:
        if (symbol->decl && KID(symbol->decl, MappingDecl, params)->count)
            return uncalled(s, e, "the parametrised mapping", "give its arguments in parentheses");
        return s->mapping;
    case SYMBOL_FN:
        return uncalled(s, e, "function", call);
    case SYMBOL_KERNEL:
        return uncalled(s, e, "kernel", "call it in a test or bench");
    case SYMBOL_GENERIC_FN:
        return uncalled(s, e, "function", call);
    case SYMBOL_BUILTIN:
        return uncalled(s, e, "built-in function", call);
    case SYMBOL_FN_OP:
        return uncalled(s, e, "operator", "it stands in brackets, as in `reduce[add](…)`");
    case SYMBOL_GENERIC_TYPE:
        return sema_type_of(s, TYPE_TYPE, sema_resolve(s, symbol->type));
    case SYMBOL_SPECIAL:
        return special_type(s, e, symbol);
    case SYMBOL_TEST:
        return s->poison;
    case SYMBOL_MODULE:
    case SYMBOL_MAPPING_PARAM:
    case SYMBOL_GENERIC_INT:
    case SYMBOL_GENERIC_MAPPING:
    case SYMBOL_PARAM:
    case SYMBOL_SIZE:
    case SYMBOL_TUNE:
    case SYMBOL_LET:
    case SYMBOL_VAR:
    case SYMBOL_SHARED:
    case SYMBOL_REG:
        return sema_resolve(s, symbol->type);
    }
    return s->poison;
}

static const Type *infer_name(Sema *s, Ast *e)
{
    Symbol *symbol = sema_lookup(s, e->name);
    if (symbol) {
        e->symbol = symbol;
        sema_mention(s, symbol, e->span);
        if (symbol->kind == SYMBOL_SPECIAL) sema_check_alone(s, e, symbol->special);
        return sema_symbol_type(s, e, symbol);
    }
    const Type *type = sema_lookup_type(s, e->name);
    if (type) return sema_type_of(s, TYPE_TYPE, sema_resolve(s, type));
    sema_unknown(s, DIAG_UNKNOWN_NAME, e->name, e->span);
    return s->poison;
}

/* ---- conditionals -------------------------------------------------------------------------- */

static const Type *join_arms(Sema *s, Ast *e, const Type *then, const Type *otherwise)
{
    Ast *a = KID(e, Cond, then), *b = KID(e, Cond, otherwise);
    bool literal_a = sema_type_literal(s, then), literal_b = sema_type_literal(s, otherwise);
    if (literal_a && literal_b) return then == s->literal_float ? then : otherwise;
    if (literal_a) return sema_adapt(s, a, then, otherwise) ? otherwise : s->poison;
    if (literal_b) return sema_adapt(s, b, otherwise, then) ? then : s->poison;
    if (!sema_is_value(then)) return sema_not_a_value(s, a, then);
    if (!sema_is_value(otherwise)) return sema_not_a_value(s, b, otherwise);
    if (sema_same(then, otherwise)) return sema_type_readonly(s, then);
    Diag *diag = diag_report(s->diags, DIAG_OPERAND_PAIR, e->span, "? :", sema_text(s, then),
                             sema_text(s, otherwise));
    diag_label(s->diags, diag, a->span, "%s", sema_text(s, then));
    diag_label(s->diags, diag, b->span, "%s", sema_text(s, otherwise));
    return s->poison;
}

/* In `T == f64 ? x64 : x` the arms agree once T means f64 in both. */
static const Type *infer_cond(Sema *s, Ast *e)
{
    Ast *cond = KID(e, Cond, cond), *a = KID(e, Cond, then), *b = KID(e, Cond, otherwise);
    sema_condition(s, cond, "the condition before `?`");
    size_t mark = s->narrowings.len;
    sema_narrow(s, cond, true);
    const Type *then = sema_infer(s, a);
    size_t narrowed = s->narrowings.len;
    s->narrowings.len = mark;
    sema_narrow(s, cond, false);
    const Type *otherwise = sema_infer(s, b);
    if (s->narrowings.len > mark && sema_resolve_from(s, then, mark) == otherwise) {
        s->narrowings.len = mark;
        return then;
    }
    s->narrowings.len = mark;
    if (narrowed == mark || then == otherwise) return join_arms(s, e, then, otherwise);
    sema_narrow(s, cond, true);
    bool agree = sema_resolve_from(s, otherwise, mark) == then;
    s->narrowings.len = mark;
    return agree ? otherwise : join_arms(s, e, then, otherwise);
}

/* ---- tuples and tables --------------------------------------------------------------------- */

static const Type *infer_tuple(Sema *s, Ast *e)
{
    Ast *items = KID(e, Tuple, items);
    const Type **types = NEW_ARRAY(s->arena, const Type *, items->count);
    for (uint32_t i = 0; i < items->count; i++) types[i] = sema_value(s, items->kid[i]);
    return sema_type_list(s, TYPE_TUPLE, NULL, (int)items->count, types);
}

/* The type that the numbers of a table share: the first that is no literal, else f32 or index. */
static const Type *leaf_type(Sema *s, Ast *array, const Type *found)
{
    Ast *items = KID(array, Array, items);
    for (uint32_t i = 0; i < items->count; i++) {
        Ast *item = items->kid[i];
        if (item->kind == AST_Array) {
            found = leaf_type(s, item, found);
            continue;
        }
        const Type *type = sema_infer(s, item);
        if (!found || found == s->literal_int ||
            (found == s->literal_float && !sema_type_literal(s, type)))
            found = type;
    }
    return found;
}

/* Makes every number an `of`; a table in a table adds a dimension. */
static const Type *table_of(Sema *s, Ast *array, const Type *of)
{
    Ast *items = KID(array, Array, items);
    const Type *inner = NULL;
    for (uint32_t i = 0; i < items->count; i++) {
        Ast *item = items->kid[i], *first = items->kid[0];
        if (item->kind != AST_Array) {
            if (first->kind != AST_Array)
                sema_adapt(s, item, item->type, of);
            else
                sema_mismatch(s, item, sema_settle(s, item, item->type), first->type);
            continue;
        }
        inner = table_of(s, item, of);
        uint32_t count = KID(item, Array, items)->count;
        if (first->kind != AST_Array || KID(first, Array, items)->count != count)
            diag_report(s->diags, DIAG_TABLE_COUNT, item->span, sema_plural(s, count, "element"),
                        "the first row has another number");
    }
    int rank = inner ? inner->rank + 1 : 1;
    return array->type = sema_type_tensor(s, of, rank, SPACE_TABLE, false);
}

static const Type *infer_array(Sema *s, Ast *e)
{
    const Type *of = leaf_type(s, e, NULL);
    if (!of || of->kind == TYPE_POISON) return s->poison;
    if (sema_type_literal(s, of)) of = of == s->literal_int ? s->index : s->scalar[ELEM_F32];
    if (sema_type_mask(of)) return table_of(s, e, of);
    diag_report(s->diags, DIAG_BAD_TYPE_HERE, e->span, sema_text(s, of), "an element of a table",
                "a table holds numbers");
    return s->poison;
}

static const Type *infer_random(Sema *s, Ast *e)
{
    Ast *node = KID(e, Random, type), *args = KID(e, Random, args);
    const Type *type = sema_type_node(s, node);
    sema_type_parts(s, node);
    for (uint32_t i = 0; i < args->count; i++) {
        Ast *arg = args->kid[i];
        if (arg->kind == AST_NamedArg) {
            arg->type = sema_value(s, KID(arg, NamedArg, value));
            if (strcmp(arg->name->text, "lo") && strcmp(arg->name->text, "hi"))
                diag_report(s->diags, DIAG_NAMED_ARGUMENT, arg->name_span, e->name->text,
                            arg->name->text, "it takes `lo:` and `hi:`, the bounds of the values");
        } else {
            sema_value(s, arg);
        }
    }
    if (s->place != PLACE_TEST) {
        diag_report(s->diags, DIAG_TEST_ONLY, e->span,
                    base_format(s->arena, "`%s`", e->name->text));
        return s->poison;
    }
    if (type->kind != TYPE_TENSOR) return type;
    return sema_type_tensor(s, type->of, type->rank, SPACE_HOST, true);
}

/* ---- dispatch ------------------------------------------------------------------------------ */

static const Type *infer_order(Sema *s, Ast *e)
{
    sema_adapt(s, KID(e, Order, factor), sema_value(s, KID(e, Order, factor)), s->mapping);
    sema_index_list(s, KID(e, Order, dims));
    return s->mapping;
}

static const Type *misplaced(Sema *s, Ast *e)
{
    if (e->kind == AST_Hole) diag_report(s->diags, DIAG_HOLE, e->span);
    if (e->kind == AST_Error) s->broken = true;
    return s->poison;
}

static const Type *infer(Sema *s, Ast *e)
{
    switch ((int)e->kind) {
    case AST_Name:
        return infer_name(s, e);
    case AST_Int:
        return s->literal_int;
    case AST_Float:
        return s->literal_float;
    case AST_Bool:
        return s->boolean;
    case AST_Str:
        return s->string;
    case AST_Unary:
        return sema_infer_unary(s, e);
    case AST_Binary:
        return sema_infer_binary(s, e);
    case AST_Cond:
        return infer_cond(s, e);
    case AST_Index:
        return sema_infer_index(s, e);
    case AST_Call:
        return sema_infer_call(s, e);
    case AST_Member:
        return sema_infer_member(s, e);
    case AST_At:
        return sema_infer_at(s, e);
    case AST_Else:
        return sema_infer_else(s, e);
    case AST_Order:
        return infer_order(s, e);
    case AST_Tuple:
        return infer_tuple(s, e);
    case AST_Array:
        return infer_array(s, e);
    case AST_Random:
        return infer_random(s, e);
    default:
        return misplaced(s, e);
    }
}

const Type *sema_infer(Sema *s, Ast *e)
{
    return e->type = infer(s, e);
}
