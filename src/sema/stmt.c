/* Statements: declarations in bodies, control flow, effects. */
#include "sema/internal.h"

/* True in a kernel or function; else reports that `what` has no meaning here. */
bool sema_needs_device(Sema *s, Ast *node, const char *what)
{
    static const char *const places[] = {[PLACE_CONST] = "in a top-level value",
                                         [PLACE_CLAUSE] = "in a clause of a kernel or function",
                                         [PLACE_FN] = "here",
                                         [PLACE_KERNEL] = "here",
                                         [PLACE_TEST] = "in tests and benches"};
    if (s->place == PLACE_FN || s->place == PLACE_KERNEL) return true;
    diag_report(s->diags, DIAG_DEVICE_ONLY, node->span, what, places[s->place]);
    return false;
}

/* ---- let and var --------------------------------------------------------------------------- */

/* What a variable may hold; `let` may also name a view, a tile or a mapping. */
static const Type *storable(Sema *s, Ast *at, const Type *type, bool mutable)
{
    bool tuple = type->kind == TYPE_TUPLE, view = type->kind == TYPE_TENSOR;
    if (type->kind == TYPE_POISON || sema_type_mask(type) || tuple) return type;
    if (!mutable && (view || type->kind == TYPE_MAPPING)) return type;
    bool host = view && s->place == PLACE_TEST;
    const char *advice = host   ? "name the tensor by `let`: its elements can be assigned"
                         : view ? "declare a register array or tile with `reg`"
                                : "variables hold scalars, vectors and tuples";
    diag_report(s->diags, DIAG_BAD_TYPE_HERE, at->span, sema_text(s, type),
                mutable ? "the value of a `var`" : "the value of a `let`", advice);
    return s->poison;
}

static const Type *bound_value(Sema *s, Ast *type_node, Ast *value, bool mutable)
{
    if (!type_node) return storable(s, value, sema_value(s, value), mutable);
    const Type *type = storable(s, type_node, sema_type_node(s, type_node), mutable);
    sema_type_parts(s, type_node);
    if (value) sema_expect(s, value, type);
    return type;
}

static void bind_name(Sema *s, SymbolKind kind, Ast *name, const Type *type)
{
    Symbol *symbol = sema_declare(s, kind, name, name->name, name->span, type);
    name->symbol = symbol;
    name->type = type;
    VEC_PUSH(s->arena, s->watched, symbol);
}

static void bind_names(Sema *s, SymbolKind kind, Ast *names, const Type *type)
{
    if (names->count == 1) {
        bind_name(s, kind, names->kid[0], type);
        return;
    }
    bool fits = type->kind == TYPE_TUPLE && type->count == (int)names->count;
    if (!fits && type->kind != TYPE_POISON)
        diag_report(s->diags, DIAG_TUPLE_COUNT, names->span, sema_text(s, type),
                    sema_plural(s, names->count, "name"));
    for (uint32_t i = 0; i < names->count; i++)
        bind_name(s, kind, names->kid[i], fits ? type->items[i] : s->poison);
}

static void let_stmt(Sema *s, Ast *stmt)
{
    const Type *type = bound_value(s, KID(stmt, Let, type), KID(stmt, Let, value), false);
    bind_names(s, SYMBOL_LET, KID(stmt, Let, names), type);
}

static void var_stmt(Sema *s, Ast *stmt)
{
    const Type *type = bound_value(s, KID(stmt, Var, type), KID(stmt, Var, value), true);
    bind_names(s, SYMBOL_VAR, KID(stmt, Var, names), type);
}

/* ---- shared and reg ------------------------------------------------------------------------ */

static const Type *storage_type(Sema *s, Ast *stmt, Ast *elem, const Ast *extents, Space space)
{
    const Type *of = sema_type_node(s, elem);
    bool shared = space == SPACE_SHARED;
    if (of->kind == TYPE_POISON) return of;
    bool barriers = shared && sema_type_is_barrier(of);
    if ((!sema_type_mask(of) && !barriers) || of->kind == TYPE_VECTOR) {
        diag_report(s->diags, DIAG_BAD_TYPE_HERE, elem->span, sema_text(s, of),
                    "the element of a tensor",
                    "use a scalar type; consecutive elements are accessed together where they "
                    "can be");
        return s->poison;
    }
    if (!extents->count) {
        diag_report(s->diags, DIAG_BAD_TYPE_HERE, stmt->span,
                    base_format(s->arena, "`%s` without extents", stmt->name->text),
                    shared ? "a shared tensor" : "a register tile",
                    shared ? "write its extents, as in `f32[1]`"
                           : "write its extents, or use `var` for a single value");
        return s->poison;
    }
    return sema_type_tensor(s, of, (int)extents->count, space, true);
}

static void storage_name(Sema *s, SymbolKind kind, Ast *stmt, const Type *type)
{
    stmt->type = type;
    stmt->symbol = sema_declare(s, kind, stmt, stmt->name, stmt->name_span, type);
    VEC_PUSH(s->arena, s->watched, (Symbol *)(uintptr_t)stmt->symbol);
}

/* Barriers, and nothing else, say how many arrivals end a phase. */
static const Type *shared_arrivals(Sema *s, Ast *stmt, const Type *type)
{
    Ast *arrivals = KID(stmt, Shared, arrivals), *layout = KID(stmt, Shared, layout);
    if (arrivals) sema_index(s, arrivals);
    if (type->kind == TYPE_POISON || sema_type_is_barrier(type->of) == (arrivals && !layout))
        return type;
    diag_report(s->diags, DIAG_BAD_TYPE_HERE, stmt->span, sema_text(s, type),
                arrivals ? "declared with a number of arrivals" : "declared so",
                "write mbarriers as in `shared full: mbarrier[stages](1)`, barriers as in `shared "
                "turn: barrier[2](256)`, other tensors without the parentheses");
    return s->poison;
}

static void shared_stmt(Sema *s, Ast *stmt)
{
    Ast *extents = KID(stmt, Shared, extents);
    sema_needs_device(s, stmt, "`shared`");
    const Type *type = storage_type(s, stmt, KID(stmt, Shared, elem), extents, SPACE_SHARED);
    sema_index_list(s, extents);
    if (KID(stmt, Shared, layout)) sema_layout(s, KID(stmt, Shared, layout));
    type = shared_arrivals(s, stmt, type);
    storage_name(s, SYMBOL_SHARED, stmt, type);
}

/* The first value of a tile: one for all its elements, or a tile of the same shape. */
static void reg_init(Sema *s, Ast *init, const Type *type)
{
    const Type *have = sema_infer(s, init);
    if (type->kind == TYPE_POISON || (have->kind == TYPE_TENSOR && sema_same(have, type)))
        sema_settle(s, init, have);
    else
        sema_adapt(s, init, have, have->kind == TYPE_TENSOR ? type : type->of);
}

static void reg_stmt(Sema *s, Ast *stmt)
{
    Ast *extents = KID(stmt, Reg, extents);
    sema_needs_device(s, stmt, "`reg`");
    const Type *type = storage_type(s, stmt, KID(stmt, Reg, elem), extents, SPACE_REG);
    sema_index_list(s, extents);
    if (KID(stmt, Reg, over)) sema_mapping_expr(s, KID(stmt, Reg, over));
    if (KID(stmt, Reg, init)) reg_init(s, KID(stmt, Reg, init), type);
    storage_name(s, SYMBOL_REG, stmt, type);
}

static void mapping_stmt(Sema *s, Ast *stmt)
{
    sema_mapping_decl(s, stmt);
    stmt->symbol =
        sema_symbol_new(s, SYMBOL_MAPPING, stmt, stmt->name, stmt->name_span, s->mapping);
    sema_bind(s, (Symbol *)(uintptr_t)stmt->symbol);
    VEC_PUSH(s->arena, s->watched, (Symbol *)(uintptr_t)stmt->symbol);
}

/* ---- control flow -------------------------------------------------------------------------- */

static void if_stmt(Sema *s, Ast *stmt)
{
    for (;;) {
        Ast *cond = KID(stmt, If, cond), *otherwise = KID(stmt, If, otherwise);
        sema_condition(s, cond, "the condition of `if`");
        size_t mark = s->narrowings.len;
        sema_narrow(s, cond, true);
        sema_block(s, KID(stmt, If, then));
        s->narrowings.len = mark;
        if (!otherwise) return;
        if (otherwise->kind != AST_If) {
            sema_narrow(s, cond, false);
            sema_stmt(s, otherwise);
            s->narrowings.len = mark;
            return;
        }
        stmt = otherwise;
    }
}

static void while_stmt(Sema *s, Ast *stmt)
{
    sema_condition(s, KID(stmt, While, cond), "the condition of `while`");
    s->loops++;
    sema_block(s, KID(stmt, While, body));
    s->loops--;
}

static void return_stmt(Sema *s, Ast *stmt)
{
    Ast *value = KID(stmt, Return, value);
    const Type *want = s->place == PLACE_FN ? sema_resolve(s, s->result) : s->none;
    if (value && want->kind != TYPE_VOID) {
        sema_expect(s, value, want);
    } else if (value) {
        sema_value(s, value);
        const char *text = "a function without a result returns no value; declare it with `-> T`";
        if (s->place == PLACE_KERNEL)
            text = "a kernel returns no value; write to an `out` parameter";
        if (s->place == PLACE_TEST) text = "a test returns no value";
        diag_report(s->diags, DIAG_RETURN_VALUE, value->span, text);
    } else if (want->kind != TYPE_VOID && want->kind != TYPE_POISON) {
        diag_report(s->diags, DIAG_RETURN_VALUE, stmt->span,
                    base_format(s->arena, "this function gives %s; write the value after `return`",
                                sema_text(s, want)));
    }
}

static bool block_returns(const Ast *block)
{
    const Ast *list = KID(block, Block, stmts);
    for (uint32_t i = list->count; i-- > 0;)
        if (sema_returns(list->kid[i])) return true;
    return false;
}

/* Does every path through `stmt` end in a return? */
bool sema_returns(const Ast *stmt)
{
    while (stmt->kind == AST_If && KID(stmt, If, otherwise)) {
        if (!sema_returns(KID(stmt, If, then))) return false;
        stmt = KID(stmt, If, otherwise);
    }
    if (stmt->kind == AST_Block) return block_returns(stmt);
    if (stmt->kind == AST_Scope) return block_returns(KID(stmt, Scope, body));
    return stmt->kind == AST_Return || stmt->kind == AST_Error;
}

/* ---- effects ------------------------------------------------------------------------------- */

static bool has_effect(const Ast *e)
{
    if (e->kind != AST_Call || !e->call) return e->type->kind == TYPE_POISON;
    if (e->call->kind == CALL_BUILTIN) {
        BuiltinClass cls = vocab_builtin(e->call->builtin)->cls;
        return cls != BUILTIN_MATH && cls != BUILTIN_MAPPING && cls != BUILTIN_TEST;
    }
    return e->call->kind == CALL_FN || e->call->kind == CALL_FN_VALUE ||
           e->call->kind == CALL_KERNEL;
}

static void expr_stmt(Sema *s, Ast *stmt)
{
    Ast *e = KID(stmt, ExprStmt, expr);
    const Type *type = sema_settle(s, e, sema_infer(s, e));
    if (type->kind != TYPE_VOID && !sema_is_value(type))
        sema_not_a_value(s, e, type);
    else if (!has_effect(e) && !s->module->module.is_std)
        diag_report(s->diags, DIAG_UNUSED_RESULT, e->span);
}

static void message(Sema *s, Ast *cond, Ast *text, const char *what)
{
    sema_condition(s, cond, what);
    if (text) sema_expect(s, text, s->string);
}

static void print_stmt(Sema *s, Ast *stmt)
{
    Ast *args = KID(stmt, Print, args);
    for (uint32_t i = 0; i < args->count; i++) {
        const Type *type = sema_value(s, args->kid[i]);
        if (sema_type_mask(type) || type->kind == TYPE_STRING || type->kind == TYPE_POISON)
            continue;
        diag_report(s->diags, DIAG_OPERAND_KIND, args->kid[i]->span, "print",
                    "scalars, vectors and text", sema_text(s, type));
    }
}

static void via_stmt(Sema *s, Ast *stmt)
{
    Ast *call = KID(stmt, Via, call), *tile = KID(stmt, Via, tile);
    const Type *result = sema_infer(s, call);
    const Type *type = sema_value(s, tile);
    bool copies = call->kind == AST_Call && call->call && call->call->kind == CALL_BUILTIN &&
                  call->call->builtin == BUILTIN_COPY;
    if (!copies && result->kind != TYPE_POISON)
        diag_report(s->diags, DIAG_NOT_CALLABLE, call->span, "what stands before `via`",
                    "only `copy(…)` goes via a shared tile");
    else if (copies && type->kind != TYPE_POISON &&
             (type->kind != TYPE_TENSOR || type->space != SPACE_SHARED))
        diag_report(s->diags, DIAG_OPERAND_KIND, tile->span, "via", "a shared tensor",
                    sema_text(s, type));
}

static void check_stmt(Sema *s, Ast *stmt)
{
    if (s->place != PLACE_TEST) diag_report(s->diags, DIAG_TEST_ONLY, stmt->span, "`check`");
    message(s, KID(stmt, Check, cond), KID(stmt, Check, message), "what `check` checks");
}

static void sync_stmt(Sema *s, Ast *stmt)
{
    Ast *group = KID(stmt, Sync, group);
    bool above = group && group->flags & (AST_GRID | AST_CLUSTER); /* of the block */
    if (sema_needs_device(s, stmt, "`sync`") && group && !above) sema_group(s, group);
}

static void await_stmt(Sema *s, Ast *stmt)
{
    sema_needs_device(s, stmt, "`await`");
    sema_condition(s, KID(stmt, Await, cond), "what `await` waits for");
}

static void scope_stmt(Sema *s, Ast *stmt)
{
    sema_needs_device(s, stmt, "`scope`");
    sema_block(s, KID(stmt, Scope, body));
}

static void assert_stmt(Sema *s, Ast *stmt)
{
    message(s, KID(stmt, Assert, cond), KID(stmt, Assert, message), "what `assert` asserts");
}

static void require_stmt(Sema *s, Ast *stmt)
{
    message(s, KID(stmt, Require, cond), KID(stmt, Require, message), "a requirement");
    if (s->place != PLACE_CLAUSE)
        diag_report(s->diags, DIAG_LAUNCH, stmt->span,
                    "`require` stands beside `launch`, before the body; in a body, `assert` says "
                    "what must hold");
}

/* ---- dispatch ------------------------------------------------------------------------------ */

static void break_stmt(Sema *s, Ast *stmt)
{
    if (!s->loops) diag_report(s->diags, DIAG_OUTSIDE_LOOP, stmt->span, "break");
}

static void continue_stmt(Sema *s, Ast *stmt)
{
    if (!s->loops) diag_report(s->diags, DIAG_OUTSIDE_LOOP, stmt->span, "continue");
}

static void error_stmt(Sema *s, Ast *stmt)
{
    (void)stmt;
    s->broken = true; /* a name declared here is not known later */
}

void sema_stmt(Sema *s, Ast *stmt)
{
    static void (*const checks[AST_KIND_COUNT])(Sema *, Ast *) = {
        [AST_Error] = error_stmt,   [AST_Block] = sema_block,     [AST_Let] = let_stmt,
        [AST_Var] = var_stmt,       [AST_Assign] = sema_assign,   [AST_ExprStmt] = expr_stmt,
        [AST_Shared] = shared_stmt, [AST_Reg] = reg_stmt,         [AST_MappingDecl] = mapping_stmt,
        [AST_For] = sema_for,       [AST_While] = while_stmt,     [AST_If] = if_stmt,
        [AST_On] = sema_on,         [AST_Break] = break_stmt,     [AST_Continue] = continue_stmt,
        [AST_Return] = return_stmt, [AST_Sync] = sync_stmt,       [AST_Await] = await_stmt,
        [AST_Scope] = scope_stmt,   [AST_Assert] = assert_stmt,   [AST_Print] = print_stmt,
        [AST_Check] = check_stmt,   [AST_Require] = require_stmt, [AST_Via] = via_stmt,
    };
    if (!checks[stmt->kind])
        base_internal(base_arena_escape(s->arena), "sema: %s is no statement",
                      ast_info(stmt->kind)->text);
    checks[stmt->kind](s, stmt);
}

static bool leaves(const Ast *stmt)
{
    return stmt->kind == AST_Return || stmt->kind == AST_Break || stmt->kind == AST_Continue;
}

void sema_block(Sema *s, Ast *block)
{
    Ast *stmts = KID(block, Block, stmts);
    sema_scope_open(s);
    for (uint32_t i = 0; i < stmts->count; i++) {
        if (i && leaves(stmts->kid[i - 1]) && stmts->kid[i]->kind != AST_Error)
            diag_report(s->diags, DIAG_UNREACHABLE, stmts->kid[i]->span);
        sema_stmt(s, stmts->kid[i]);
    }
    sema_scope_close(s);
}
