/* Statements. */
#include "lower/internal.h"

void lower_body(Lower *l, const Ast *block, IrBlock *into)
{
    IrBlock *outer = l->block;
    l->block = into;
    l->depth++;
    lower_block(l, block);
    l->depth--;
    l->block = outer;
}

void lower_block(Lower *l, const Ast *block)
{
    const Ast *stmts = KID(block, Block, stmts);
    for (uint32_t i = 0; i < stmts->count; i++) {
        lower_stmt(l, stmts->kid[i]);
        if (l->ret && l->ret->done && l->depth == l->ret->depth) return; /* the rest is dead */
    }
}

/* ---- let, var, assignment ----------------------------------------------------------------------
 */

static Value pinned(Lower *l, const Name *name, Value value)
{
    if (value.kind == VALUE_EXPR) return value_expr(lower_pin(l, name, value.expr));
    return value;
}

Value lower_materialise(Lower *l, const Ast *node, const Name *name, Value value)
{
    if (value.kind != VALUE_LAZY) return value;
    const View *like = NULL;
    const Ast *at = value.lazy;
    while (!like) { /* some operand is a tile: its mapping is the result's */
        const Ast *next = NULL;
        const Ast *kids = at->kind == AST_Call ? KID(at, Call, args) : at;
        for (uint32_t i = 0; i < kids->count && !next; i++)
            if (kids->kid[i] && kids->kid[i]->type && kids->kid[i]->type->kind == TYPE_TENSOR)
                next = kids->kid[i];
        if (!next) return value_poison();
        at = next;
        if (at->kind == AST_Name && at->symbol && lower_slot(l, at->symbol)->kind == VALUE_VIEW)
            like = lower_slot(l, at->symbol)->view;
    }
    int64_t extents[MAX_RANK];
    for (int d = 0; d < like->rank; d++) extents[d] = like->extents[d]->value.i;
    const Mapping *over = lower_over(l, like, node);
    if (!over) return value_poison();
    Elem elem = lower_ir_type(l, lower_resolve(l, node->type)->of).elem;
    const View *tile = lower_new_tile(l, name, elem, over, like->rank - over->rank, extents);
    lower_copy_values(l, node, tile, &value);
    return value_view(tile);
}

static void lower_let(Lower *l, const Ast *node)
{
    const Ast *names = KID(node, Let, names), *source = KID(node, Let, value);
    Value value = lower_value(l, source);
    lower_at(l, node);
    if (names->count == 1 && !(node->flags & AST_TUPLE)) {
        const Ast *name = names->kid[0];
        value = lower_materialise(l, source, name->name, value);
        if (name->symbol) lower_bind(l, name->symbol, pinned(l, name->name, value));
        return;
    }
    for (uint32_t i = 0; i < names->count; i++) {
        const Ast *name = names->kid[i];
        if (!name->symbol) continue;
        bool there = value.kind == VALUE_TUPLE && (int)i < value.count;
        lower_bind(l, name->symbol, there ? pinned(l, name->name, value.items[i]) : value_poison());
    }
}

static void new_var(Lower *l, const Ast *name, const IrExpr *start)
{
    IrVar *var = ir_new_var(l->k, name->name, start->type, true);
    ir_let(l->k, l->block, var, start);
    lower_bind(l, name->symbol, value_expr(ir_var(l->k, var)));
}

static void lower_var(Lower *l, const Ast *node)
{
    const Ast *names = KID(node, Var, names), *source = KID(node, Var, value);
    Value value = source ? lower_value(l, source) : (Value){0};
    lower_at(l, node);
    for (uint32_t i = 0; i < names->count; i++) {
        const Ast *name = names->kid[i];
        if (!name->symbol) continue;
        const Value *item =
            value.kind == VALUE_TUPLE && (int)i < value.count ? &value.items[i] : &value;
        if (item->kind == VALUE_EXPR)
            new_var(l, name, item->expr);
        else if (!source)
            new_var(l, name, lower_zero(l, name->symbol->type));
        else
            lower_bind(l, name->symbol, value_poison());
    }
}

static const IrExpr *combined(Lower *l, Op op, const IrExpr *old, const IrExpr *value)
{
    return op == OP_NONE ? value : ir_binary(l->k, lower_op(op), old, value);
}

static const IrExpr *spread(Lower *l, const IrExpr *e, IrType type)
{
    return e->type.lanes < type.lanes ? ir_splat(l->k, type.lanes, e) : e;
}

static void assign_element(Lower *l, const Ast *node, const View *view, const Ast *list)
{
    const IrExpr *index[MAX_RANK];
    for (uint32_t i = 0; i < list->count; i++) {
        index[i] = lower_index(l, list->kid[i]);
        lower_check_index(l, list->kid[i], index[i], view->extents[i]);
    }
    const IrExpr *value = lower_expr(l, KID(node, Assign, value));
    lower_at(l, node);
    if (node->op != OP_NONE) value = combined(l, node->op, lower_load(l, view, index, NULL), value);
    lower_store(l, view, index, value);
}

/* `v.x = …`, `v[2] += …`: the variable with one lane replaced. */
static void assign_lane(Lower *l, const Ast *node, const IrExpr *lane)
{
    const IrExpr *whole = lane->args[0], *lanes[16];
    const IrExpr *value = lower_expr(l, KID(node, Assign, value));
    lower_at(l, node);
    for (int i = 0; i < whole->type.lanes; i++)
        lanes[i] = i == lane->imm ? combined(l, node->op, lane, value) : ir_lane(l->k, whole, i);
    ir_set(l->k, l->block, whole->var, ir_vector(l->k, whole->type, lanes));
}

static void lower_assign(Lower *l, const Ast *node)
{
    const Ast *target = KID(node, Assign, target);
    if (target->kind == AST_Index) {
        Value base = lower_value(l, KID(target, Index, base));
        const Ast *list = KID(target, Index, args);
        if (base.kind == VALUE_VIEW && (int)list->count == base.view->rank) {
            assign_element(l, node, base.view, list);
            return;
        }
    }
    Value place = lower_value(l, target);
    if (place.kind == VALUE_VIEW) { /* a whole tile: element by element */
        Value value = lower_value(l, KID(node, Assign, value));
        lower_copy_values(l, node, place.view, &value);
        return;
    }
    if (place.kind != VALUE_EXPR) return;
    if (place.expr->op == IR_LANE && place.expr->args[0]->op == IR_VAR) {
        assign_lane(l, node, place.expr);
        return;
    }
    if (place.expr->op != IR_VAR) return;
    const IrExpr *value = lower_expr(l, KID(node, Assign, value));
    lower_at(l, node);
    value = combined(l, node->op, place.expr, spread(l, value, place.expr->type));
    ir_set(l->k, l->block, place.expr->var, value);
}

/* ---- control ------------------------------------------------------------------------------------
 */

static void lower_if(Lower *l, const Ast *node)
{
    const IrExpr *cond = lower_expr(l, KID(node, If, cond));
    const Ast *otherwise = KID(node, If, otherwise);
    if (ir_is_const(cond)) {
        const Ast *taken = cond->value.i ? KID(node, If, then) : otherwise;
        if (taken) lower_stmt(l, taken);
        return;
    }
    lower_at(l, node);
    IrStmt *stmt = ir_if(l->k, l->block, cond, otherwise != NULL);
    lower_body(l, KID(node, If, then), stmt->body);
    if (!otherwise) return;
    IrBlock *outer = l->block;
    l->block = stmt->other;
    l->depth++;
    lower_stmt(l, otherwise);
    l->depth--;
    l->block = outer;
}

/* The condition is evaluated before each iteration; what it needs besides an expression (a call's
 * statements) goes into the loop. */
static void lower_while(Lower *l, const Ast *node)
{
    IrBlock *outer = l->block, *body = ir_new_block(l->k);
    bool in_pipeline = l->in_pipeline;
    l->in_pipeline = false;
    l->block = body;
    l->depth++;
    const IrExpr *cond = lower_expr(l, KID(node, While, cond));
    lower_at(l, node);
    if (body->stmts.len) {
        IrStmt *stop = ir_if(l->k, body, ir_unary(l->k, IR_NOT, cond), false);
        ir_append(l->k, stop->body, IR_STMT_BREAK);
        cond = ir_bool(l->k, true);
    }
    IrStmt *stmt = ir_append(l->k, outer, IR_STMT_WHILE);
    stmt->count = 1;
    stmt->args = base_copy(l->arena, &cond, sizeof cond);
    stmt->body = body;
    lower_block(l, KID(node, While, body));
    l->depth--;
    l->block = outer;
    l->in_pipeline = in_pipeline;
}

static void lower_range(Lower *l, const Ast *node)
{
    const Ast *domain = KID(node, For, domain), *names = KID(node, For, vars);
    const Ast *args = KID(domain, Call, args);
    const IrExpr *bounds[3] = {ir_index(l->k, 0), NULL, ir_index(l->k, 1)};
    for (uint32_t i = 0; i < args->count && i < 3; i++)
        bounds[args->count == 1 ? 1 : i] = lower_index(l, args->kid[i]);
    if (ir_is_const(bounds[2]) && bounds[2]->value.i < 1) {
        lower_error(l, BAD_STEP, args->kid[2]->span, lower_number(l, bounds[2]->value.i));
        return;
    }
    if (KID(node, For, pipeline)) {
        lower_pipeline(l, node, bounds);
        return;
    }
    lower_at(l, domain);
    IrVar *var = ir_new_var(l->k, names->kid[0]->name, (IrType){ELEM_INDEX, 1}, false);
    IrStmt *loop = ir_for(l->k, l->block, var, bounds[0], bounds[1], bounds[2]);
    if (node->flags & AST_UNROLL) loop->flags |= IR_UNROLL;
    if (names->kid[0]->symbol) lower_bind(l, names->kid[0]->symbol, value_expr(ir_var(l->k, var)));
    lower_body(l, KID(node, For, body), loop->body);
}

static void lower_for(Lower *l, const Ast *node)
{
    const Ast *domain = KID(node, For, domain);
    bool range = domain->kind == AST_Call && domain->call && domain->call->kind == CALL_BUILTIN &&
                 domain->call->builtin == BUILTIN_RANGE;
    bool outer = l->in_pipeline;
    l->in_pipeline = false;
    if (range)
        lower_range(l, node);
    else
        lower_tasks(l, node);
    l->in_pipeline = outer;
}

static void lower_scope(Lower *l, const Ast *node)
{
    IrStmt *outer = l->scope, *stmt = ir_append(l->k, l->block, IR_STMT_SCOPE);
    IrBlock *block = l->block;
    stmt->body = ir_new_block(l->k);
    l->scope = stmt;
    l->block = stmt->body;
    lower_block(l, KID(node, Scope, body));
    l->block = block;
    l->scope = outer;
}

/* ---- assert, print, await
 * ------------------------------------------------------------------------ */

static void lower_assert(Lower *l, const Ast *node)
{
    const Ast *cond_node = KID(node, Assert, cond), *message = KID(node, Assert, message);
    const IrExpr *cond = lower_expr(l, cond_node);
    const char *text = message && message->name ? message->name->text
                                                : diag_text(l->arena, l->diags, cond_node->span);
    if (ir_is_const(cond) && cond->value.i) return;
    lower_at(l, node);
    IrStmt *stmt = ir_append(l->k, l->block, IR_STMT_TRAP);
    stmt->text = lower_text(l, "assertion failed: %s", text);
    stmt->count = 1;
    stmt->args = base_copy(l->arena, &cond, sizeof cond);
}

/* A vector's lanes are printed one by one. */
static int print_operand(Lower *l, const IrExpr *e, Sb *text, const IrExpr **operands)
{
    if (e->type.lanes > 1) base_sb_char(text, '(');
    for (int i = 0; i < e->type.lanes; i++) {
        base_sb_str(text, i ? ", {}" : "{}");
        operands[i] = e->type.lanes > 1 ? ir_lane(l->k, e, i) : e;
    }
    if (e->type.lanes > 1) base_sb_char(text, ')');
    return e->type.lanes;
}

static void lower_print(Lower *l, const Ast *node)
{
    enum { MOST_LANES = 16 };
    const Ast *args = KID(node, Print, args);
    const IrExpr **operands =
        NEW_ARRAY(l->arena, const IrExpr *, (size_t)args->count *MOST_LANES + 1);
    Sb text = base_sb(l->arena);
    int count = 0;
    for (uint32_t i = 0; i < args->count; i++) {
        const Ast *arg = args->kid[i];
        if (i) base_sb_char(&text, ' ');
        if (arg->kind == AST_Str) {
            for (const char *c = arg->name->text; *c; c++)
                base_sb_printf(&text, *c == '{' ? "{%c" : "%c", *c);
        } else {
            count += print_operand(l, lower_expr(l, arg), &text, operands + count);
        }
    }
    lower_at(l, node);
    IrStmt *stmt = ir_append(l->k, l->block, IR_STMT_PRINT);
    stmt->text = base_sb_text(&text);
    stmt->count = count;
    stmt->args = operands;
}

static void lower_await(Lower *l, const Ast *node)
{
    IrBlock *outer = l->block, *block = ir_new_block(l->k);
    l->block = block;
    const IrExpr *cond = lower_expr(l, KID(node, Await, cond));
    l->block = outer;
    lower_at(l, node);
    if (block->stmts.len == 0) {
        IrStmt *stmt = ir_append(l->k, l->block, IR_STMT_AWAIT);
        stmt->count = 1;
        stmt->args = base_copy(l->arena, &cond, sizeof cond);
        return;
    }
    /* `await atomic.load(…) == v`: a loop whose condition has statements of its own */
    IrStmt *loop = ir_append(l->k, l->block, IR_STMT_WHILE);
    const IrExpr *forever = ir_bool(l->k, true);
    loop->count = 1;
    loop->args = base_copy(l->arena, &forever, sizeof forever);
    loop->body = block;
    IrStmt *stop = ir_if(l->k, block, cond, false);
    ir_append(l->k, stop->body, IR_STMT_BREAK);
    IrStmt *pause = ir_append(l->k, block, IR_STMT_AWAIT); /* lets others run, then looks again */
    pause->count = 1;
    pause->args = loop->args;
}

/* Statements without parts that other statements share: jumps, barriers, checks. */
static void leaf_stmt(Lower *l, const Ast *node)
{
    switch (node->kind) {
    case AST_Break:
        if (l->in_pipeline) lower_drain(l);
        ir_append(l->k, l->block, IR_STMT_BREAK);
        break;
    case AST_Continue:
        ir_append(l->k, l->block, IR_STMT_CONTINUE);
        break;
    case AST_Return:
        lower_return(l, node);
        break;
    case AST_Sync:
        lower_sync(l, node);
        break;
    case AST_Await:
        lower_await(l, node);
        break;
    case AST_Scope:
        lower_scope(l, node);
        break;
    case AST_Assert:
        lower_assert(l, node);
        break;
    case AST_Print:
        lower_print(l, node);
        break;
    default:
        break; /* Error nodes, and what sema allows in tests only */
    }
}

void lower_stmt(Lower *l, const Ast *node)
{
    lower_at(l, node);
    switch (node->kind) {
    case AST_Block:
        lower_block(l, node);
        break;
    case AST_Let:
        lower_let(l, node);
        break;
    case AST_Var:
        lower_var(l, node);
        break;
    case AST_MappingDecl:
        if (node->symbol && KID(node, MappingDecl, params)->count == 0)
            lower_bind(l, node->symbol, lower_mapping_decl(l, node->symbol, 0, NULL));
        break;
    case AST_Assign:
        lower_assign(l, node);
        break;
    case AST_ExprStmt:
        lower_value(l, KID(node, ExprStmt, expr));
        break;
    case AST_Via:
        lower_copy(l, KID(node, Via, call), KID(node, Via, tile));
        break;
    case AST_Shared:
        lower_shared(l, node);
        break;
    case AST_Reg:
        lower_reg(l, node);
        break;
    case AST_For:
        lower_for(l, node);
        break;
    case AST_While:
        lower_while(l, node);
        break;
    case AST_If:
        lower_if(l, node);
        break;
    case AST_On:
        lower_on(l, node);
        break;
    default:
        leaf_stmt(l, node);
        break;
    }
}
