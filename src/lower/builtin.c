/* Built-in functions: mathematics, warp collectives, atomics. */
#include "lower/internal.h"

/* ---- bits ------------------------------------------------------------------------------------ */

static Elem word_of(IrType type)
{
    switch (vocab_elem(type.elem)->bits * type.lanes) {
    case 8:
        return ELEM_U8;
    case 16:
        return ELEM_U16;
    case 32:
        return ELEM_U32;
    default:
        return ELEM_U64;
    }
}

static const IrExpr *shifted(IrKernel *k, IrOp op, const IrExpr *word, int lane)
{
    return ir_binary(k, op, word, ir_int(k, word->type.elem, 4 * lane));
}

/* Lane 0 of a packed vector is in the lowest bits of its word. */
static const IrExpr *pack(IrKernel *k, const IrExpr *vector)
{
    IrType word = {word_of(vector->type), 1}, nibble = {ELEM_U4, 1};
    const IrExpr *r = NULL;
    for (int i = 0; i < vector->type.lanes; i++) {
        const IrExpr *lane = ir_cast(k, word, ir_cast(k, nibble, ir_lane(k, vector, i)));
        lane = shifted(k, IR_SHL, lane, i);
        r = r ? ir_binary(k, IR_BITOR, r, lane) : lane;
    }
    return r;
}

static const IrExpr *unpack(IrKernel *k, IrType to, const IrExpr *word)
{
    const IrExpr *lanes[16];
    for (int i = 0; i < to.lanes; i++)
        lanes[i] = ir_cast(k, (IrType){to.elem, 1}, shifted(k, IR_SHR, word, i));
    return ir_vector(k, to, lanes);
}

/* As values, lanes of half a byte fill a byte each, and a bool is 0 or 1 whatever its byte was. */
static const IrExpr *bitcast(Lower *l, IrType to, const IrExpr *a)
{
    IrKernel *k = l->k;
    bool from_packed = vocab_elem(a->type.elem)->bits < 8;
    bool to_packed = vocab_elem(to.elem)->bits < 8;
    if (from_packed && to_packed && a->type.lanes == to.lanes) return ir_cast(k, to, a);
    if (from_packed) a = pack(k, lower_pin(l, lower_name(l, "lanes"), a));
    if (to_packed) {
        a = ir_bitcast(k, (IrType){word_of(to), 1}, a);
        return unpack(k, to, lower_pin(l, lower_name(l, "word"), a));
    }
    if (to.elem != ELEM_BOOL || to.lanes == 1) return ir_bitcast(k, to, a);
    a = ir_bitcast(k, (IrType){ELEM_U8, to.lanes}, a);
    return ir_binary(k, IR_NE, a, ir_splat(k, to.lanes, ir_int(k, ELEM_U8, 0)));
}

/* ---- mathematics ----------------------------------------------------------------------------- */

static Value math(Lower *l, const Ast *node, int count, const IrExpr *const *args)
{
    IrKernel *k = l->k;
    switch (node->call->builtin) {
    case BUILTIN_MIN:
        return value_expr(ir_binary(k, IR_MIN, args[0], args[1]));
    case BUILTIN_MAX:
        return value_expr(ir_binary(k, IR_MAX, args[0], args[1]));
    case BUILTIN_BITCAST:
        return value_expr(bitcast(l, lower_ir_type(l, node->type), args[0]));
    case BUILTIN_CDIV: {
        Elem elem = args[0]->type.elem;
        if (ir_is_int(args[1], 0)) {
            lower_error(l, DIVISION_BY_ZERO, node->span);
            return value_poison();
        }
        const IrExpr *less = ir_binary(k, IR_SUB, args[1], ir_int(k, elem, 1));
        return value_expr(ir_binary(k, IR_DIV, ir_binary(k, IR_ADD, args[0], less), args[1]));
    }
    case BUILTIN_LOP3: {
        const IrExpr *table = ir_cast(k, args[0]->type, args[3]);
        if (!ir_is_const(table)) {
            lower_error(l, NOT_CONSTANT, KID(node, Call, args)->kid[3]->span);
            return value_poison();
        }
        const IrExpr *words[] = {args[0], args[1], args[2], table};
        return value_expr(ir_math(k, IR_LOP3, count, words));
    }
    default:
        return value_expr(ir_math(k, ir_builtin_op(node->call->builtin), count, args));
    }
}

static Value collective(Lower *l, const Ast *node, int count, const IrExpr *const *args)
{
    Builtin builtin = node->call->builtin;
    if (l->group.size < WARP_THREADS && builtin != BUILTIN_UNIFORM) {
        Diag *diag = lower_error(l, COLLECTIVE_IN_THREAD, node->span, vocab_builtin(builtin)->text);
        diag_label(l->diags, diag, l->group.span, "the group is entered here");
    }
    IrType type = builtin == BUILTIN_BALLOT ? (IrType){ELEM_U32, 1} : args[0]->type;
    IrVar *var = ir_new_var(l->k, lower_name(l, "got"), type, false);
    var->lo = args[0]->lo;
    var->hi = args[0]->hi;
    IrStmt *stmt = ir_append(l->k, l->block, IR_STMT_COLLECTIVE);
    stmt->var = var;
    stmt->builtin = builtin;
    stmt->scope = builtin != BUILTIN_UNIFORM          ? IR_SCOPE_WARP
                  : l->group.size == l->k->block_size ? IR_SCOPE_BLOCK
                  : l->group.size == WARP_THREADS     ? IR_SCOPE_WARP
                                                      : IR_SCOPE_GROUP;
    stmt->imm = l->group.size;
    stmt->count = count;
    stmt->args = base_copy(l->arena, args, (size_t)count * sizeof *args);
    return value_expr(ir_var(l->k, var));
}

/* A thread that is alone agrees with itself; of a vector all lanes are asserted. */
static Value uniform(Lower *l, const Ast *node, const IrExpr *e)
{
    enum { MOST_LANES = 16 };
    const IrExpr *lanes[MOST_LANES];
    if (ir_is_const(e) || l->group.single || l->group.size == 1) return value_expr(e);
    if (e->type.lanes == 1) return collective(l, node, 1, &e);
    for (int i = 0; i < e->type.lanes; i++) {
        const IrExpr *lane = ir_lane(l->k, e, i);
        lanes[i] = collective(l, node, 1, &lane).expr;
    }
    return value_expr(ir_vector(l->k, e->type, lanes));
}

static IrOrder order_word(const char *word, IrOrder otherwise)
{
    static const char *const words[] = {"relaxed", "acquire", "release", "acq_rel"};
    for (size_t i = 0; i < BASE_LEN(words); i++)
        if (strcmp(word, words[i]) == 0) return (IrOrder)i;
    return otherwise;
}

/* atomic.add(x[i], v [, order] [, scope]): sema checked the words. */
static Value atomic(Lower *l, const Ast *node)
{
    const Ast *args = KID(node, Call, args), *target = args->kid[0];
    if (target->kind != AST_Index) return value_poison();
    Value base = lower_value(l, KID(target, Index, base));
    const Ast *indices = KID(target, Index, args);
    if (base.kind != VALUE_VIEW || (int)indices->count != base.view->rank) return value_poison();
    if (base.view->cache) {
        lower_error(l, CACHE, target->span, vocab_cache(base.view->cache)->text,
                    "atomic operations are done in L2");
        return value_poison();
    }
    const IrTensor *tensor = base.view->tensor;
    const IrExpr *index[MAX_RANK], *operands[MAX_RANK + 2];
    for (uint32_t i = 0; i < indices->count; i++) index[i] = lower_index(l, indices->kid[i]);
    lower_view_index(l, base.view, index, operands);
    int count = tensor->rank;
    IrOrder order = IR_RELAXED;
    IrScope scope = tensor->space == IR_SHARED && !l->k->cluster ? IR_SCOPE_BLOCK : IR_SCOPE_GRID;
    for (uint32_t i = 1; i < args->count; i++) {
        const Ast *arg = args->kid[i];
        bool word = arg->kind == AST_Name && !arg->symbol;
        if (!word)
            operands[count++] = lower_expr(l, arg);
        else if (strcmp(arg->name->text, "block") == 0)
            scope = IR_SCOPE_BLOCK;
        else if (strcmp(arg->name->text, "device") == 0)
            scope = IR_SCOPE_GRID;
        else
            order = order_word(arg->name->text, order);
    }
    if (tensor->of) scope = IR_SCOPE_GRID;
    lower_at(l, node);
    bool used = node->call->builtin != BUILTIN_ATOMIC_STORE;
    IrVar *var =
        used ? ir_new_var(l->k, lower_name(l, "old"), (IrType){tensor->elem, 1}, false) : NULL;
    IrStmt *stmt = ir_append(l->k, l->block, IR_STMT_ATOMIC);
    stmt->var = var;
    stmt->tensor = tensor;
    stmt->builtin = node->call->builtin;
    stmt->order = order;
    stmt->scope = scope;
    stmt->count = count;
    stmt->args = base_copy(l->arena, operands, (size_t)count * sizeof *operands);
    return var ? value_expr(ir_var(l->k, var)) : (Value){0};
}

static Value misc(Lower *l, const Ast *node)
{
    const Ast *args = KID(node, Call, args);
    if (node->call->builtin == BUILTIN_DIM) {
        Value tensor = lower_value(l, args->kid[0]);
        int64_t dim;
        if (tensor.kind != VALUE_VIEW || !lower_int(l, args->kid[1], &dim)) return value_poison();
        if (dim >= 0 && dim < tensor.view->rank) return value_expr(tensor.view->extents[dim]);
        lower_error(l, OUT_OF_BOUNDS, args->kid[1]->span, lower_number(l, dim),
                    lower_number(l, tensor.view->rank));
        return value_poison();
    }
    if (node->call->builtin == BUILTIN_UNIFORM) {
        return uniform(l, node, lower_expr(l, args->kid[0]));
    }
    return value_poison(); /* range: only as a loop's domain */
}

Value lower_builtin(Lower *l, const Ast *node)
{
    const BuiltinInfo *info = vocab_builtin(node->call->builtin);
    const Ast *args = KID(node, Call, args);
    switch (info->cls) {
    case BUILTIN_MAPPING:
        return lower_mapping(l, node);
    case BUILTIN_ATOMIC:
        return atomic(l, node);
    case BUILTIN_MISC:
        return misc(l, node);
    case BUILTIN_VERB:
        if (node->call->builtin == BUILTIN_COPY)
            lower_copy(l, node, NULL);
        else if (node->call->builtin == BUILTIN_MMA)
            lower_mma(l, node);
        else
            lower_reduce(l, node);
        return (Value){0};
    case BUILTIN_ASYNC:
        lower_async(l, node);
        return (Value){0};
    case BUILTIN_TEST:
        return value_poison(); /* sema allows it in tests only */
    case BUILTIN_MATH:
    case BUILTIN_COLLECTIVE:
        break;
    }
    const IrExpr *operands[4] = {0};
    if (args->count > BASE_LEN(operands)) return value_poison();
    for (uint32_t i = 0; i < args->count; i++) operands[i] = lower_expr(l, args->kid[i]);
    for (uint32_t i = 1; i < args->count; i++) /* scalars beside vectors are spread */
        if (operands[i]->type.lanes < operands[0]->type.lanes && info->cls == BUILTIN_MATH &&
            node->call->builtin != BUILTIN_DOT4)
            operands[i] = ir_splat(l->k, operands[0]->type.lanes, operands[i]);
    lower_at(l, node);
    return info->cls == BUILTIN_MATH ? math(l, node, (int)args->count, operands)
                                     : collective(l, node, (int)args->count, operands);
}
