/* Loops and groups; assignments. */
#include "sema/internal.h"

/* ---- groups -------------------------------------------------------------------------------- */

void sema_group(Sema *s, Ast *group)
{
    if (KID(group, Group, index)) sema_index(s, KID(group, Group, index));
    if (KID(group, Group, end)) sema_index(s, KID(group, Group, end));
}

/* A body of which `group` makes the workers: is each alone a warp or warpgroup there? */
static void group_body(Sema *s, const Ast *group, Ast *body)
{
    int outer = s->lone;
    bool one = group && !KID(group, Group, end);
    if (one && strcmp(group->name->text, "warp") == 0) s->lone = 32;
    if (one && strcmp(group->name->text, "warpgroup") == 0) s->lone = 128;
    sema_block(s, body);
    s->lone = outer;
}

/* The number of the warp in a group of one warp is 0, which is seldom what is meant. */
void sema_check_alone(Sema *s, const Ast *name, Special special)
{
    bool alone =
        (special == SPECIAL_WARP && s->lone == 32) || (special == SPECIAL_WARPGROUP && s->lone > 0);
    if (alone)
        diag_report(s->diags, DIAG_LONE_NUMBER, name->span, name->name->text,
                    s->lone == 32 ? "warp" : "warpgroup");
}

void sema_on(Sema *s, Ast *stmt)
{
    sema_needs_device(s, stmt, "`on`");
    sema_group(s, KID(stmt, On, group));
    if (KID(stmt, On, regs)) sema_index(s, KID(stmt, On, regs));
    group_body(s, KID(stmt, On, group), KID(stmt, On, body));
}

/* ---- loops --------------------------------------------------------------------------------- */

typedef struct Domain {
    bool ok, tasks; /* a task loop, and no range */
    int rank;       /* 0: not known before the mapping is evaluated */
} Domain;

static Domain loop_domain(Sema *s, Ast *domain)
{
    const Type *type = sema_infer(s, domain);
    switch ((int)type->kind) {
    case TYPE_POISON:
        return (Domain){false, false, 0};
    case TYPE_RANGE:
        return (Domain){true, false, 1};
    case TYPE_MAPPING:
        return (Domain){true, true, 0};
    case TYPE_TUPLE:
        for (int i = 0; i < type->count; i++)
            if (!sema_type_within(type->items[i], MASK_INT))
                sema_mismatch(s, domain, type->items[i], s->index);
        return (Domain){true, true, type->count};
    case TYPE_TENSOR:
        if (type->space == SPACE_REG) return (Domain){true, true, type->rank};
        break;
    default:
        break;
    }
    Diag *diag = diag_report(s->diags, DIAG_LOOP_DOMAIN, domain->span, sema_text(s, type));
    if (sema_type_literal(s, type) || sema_type_within(type, MASK_INT))
        diag_note(s->diags, diag, "`range(n)` counts from 0 to n - 1");
    sema_settle(s, domain, type);
    return (Domain){false, false, 0};
}

static void pipeline_clause(Sema *s, Ast *stages, Domain domain)
{
    sema_needs_device(s, stages, "`pipeline`");
    sema_index(s, stages);
    if (domain.ok && domain.tasks)
        diag_report(s->diags, DIAG_LOOP_CLAUSE, stages->span, "pipeline", "tasks",
                    "a pipeline's iterations are those of a range");
}

static void loop_clauses(Sema *s, Ast *stmt, Domain domain)
{
    if (KID(stmt, For, pipeline)) pipeline_clause(s, KID(stmt, For, pipeline), domain);
    Ast *group = KID(stmt, For, group), *within = KID(stmt, For, within);
    const char *advice = "every worker runs a range; distribute a mapping, as in `auto(n)`";
    if (group) sema_group(s, group);
    if (within) sema_index_list(s, within);
    if (domain.ok && !domain.tasks && group)
        diag_report(s->diags, DIAG_LOOP_CLAUSE, group->span, "on", "a range", advice);
    else if (domain.ok && !domain.tasks && within)
        diag_report(s->diags, DIAG_LOOP_CLAUSE, within->span, "within", "a range",
                    "end the range where it should end");
    else if (domain.ok && within && within->count != KID(stmt, For, vars)->count)
        diag_report(s->diags, DIAG_LOOP_VARIABLES, within->span,
                    sema_plural(s, KID(stmt, For, vars)->count, "dimension"),
                    base_format(s->arena, "`within` has %u", within->count));
}

void sema_for(Sema *s, Ast *stmt)
{
    Ast *vars = KID(stmt, For, vars);
    Domain domain = loop_domain(s, KID(stmt, For, domain));
    if (domain.tasks) sema_needs_device(s, stmt, "a task loop");
    loop_clauses(s, stmt, domain);
    if (domain.ok && domain.rank && domain.rank != (int)vars->count)
        diag_report(s->diags, DIAG_LOOP_VARIABLES, vars->span,
                    sema_plural(s, (size_t)domain.rank, "dimension"),
                    base_format(s->arena, "%u %s", vars->count, vars->count == 1 ? "is" : "are"));
    sema_scope_open(s);
    for (uint32_t i = 0; i < vars->count; i++) {
        Ast *name = vars->kid[i];
        name->type = s->index;
        name->symbol = sema_declare(s, SYMBOL_LET, stmt, name->name, name->span, s->index);
    }
    s->loops++;
    group_body(s, KID(stmt, For, group), KID(stmt, For, body));
    s->loops--;
    sema_scope_close(s);
}

/* ---- assignments --------------------------------------------------------------------------- */

static const char *why_immutable(Sema *s, const Symbol *symbol)
{
    switch ((int)symbol->kind) {
    case SYMBOL_LET:
        return symbol->decl && symbol->decl->kind == AST_For
                   ? "a loop's variable does not change"
                   : "it does not change; declare it with `var` to assign it";
    case SYMBOL_PARAM:
        if (symbol->type->kind == TYPE_TENSOR) return "assign to its elements, or use `copy`";
        return "a parameter does not change; copy it into a `var`";
    case SYMBOL_SHARED:
        return "assign to its elements, or use `copy`";
    case SYMBOL_CONST:
        return "it is a constant";
    case SYMBOL_SIZE:
        return "it is a size, which the arguments tell";
    case SYMBOL_TUNE:
        return "it is a tuning parameter";
    case SYMBOL_SPECIAL:
        return "it belongs to the launch";
    default:
        return base_format(s->arena, "it is not a variable");
    }
}

static void immutable(Sema *s, Ast *target, const char *what, const char *why)
{
    Diag *diag = diag_report(s->diags, DIAG_IMMUTABLE, target->span, what, why);
    const Symbol *symbol = target->symbol;
    if (symbol && symbol->decl) diag_label(s->diags, diag, symbol->span, "declared here");
}

static bool assignable(Sema *s, Ast *target, const Type *type)
{
    if (target->kind == AST_Name && target->symbol) {
        const Symbol *symbol = target->symbol;
        bool tile = type->kind == TYPE_TENSOR && type->space == SPACE_REG && type->writable;
        if (symbol->kind == SYMBOL_VAR || tile) return true;
        immutable(s, target, base_format(s->arena, "`%s`", symbol->name->text),
                  why_immutable(s, symbol));
        return false;
    }
    if (target->kind == AST_Member && KID(target, Member, base)->type &&
        KID(target, Member, base)->type->kind == TYPE_VECTOR)
        return assignable(s, KID(target, Member, base), type);
    if (target->kind == AST_Index) {
        Ast *base = KID(target, Index, base);
        if (base->type->kind == TYPE_VECTOR) return assignable(s, base, base->type);
        if (type->kind != TYPE_TENSOR) return sema_writable(s, base, base->type);
        if (type->space == SPACE_REG) return sema_writable(s, target, type);
        immutable(s, target, "a view", "assign to its elements, or use `copy`");
        return false;
    }
    immutable(s, target, target->kind == AST_Else ? "a guarded read" : "this expression",
              "variables, and elements of writable tensors, can be assigned to");
    return false;
}

static void check_value(Sema *s, Ast *stmt, Ast *target, const Type *type)
{
    Ast *value = KID(stmt, Assign, value);
    if (!stmt->op && type->kind == TYPE_TUPLE) {
        sema_expect(s, value, type);
        return;
    }
    const Type *have = sema_infer(s, value);
    bool literal = sema_type_literal(s, have);
    if (stmt->op) {
        size_t errors = s->diags->errors;
        const Type *result = sema_operate(s, stmt, stmt->op, target, type, value, have);
        if (s->diags->errors == errors && !sema_same(result, type))
            sema_mismatch(s, value, have, type);
    } else if (literal && type->kind == TYPE_TENSOR) {
        sema_adapt(s, value, have, type->of); /* every element of the tile */
    } else {
        sema_adapt(s, value, have, type);
    }
}

void sema_assign(Sema *s, Ast *stmt)
{
    Ast *target = KID(stmt, Assign, target);
    const Type *type = sema_settle(s, target, sema_infer(s, target));
    bool ok = type->kind != TYPE_POISON &&
              (sema_is_value(type) || (sema_not_a_value(s, target, type), false));
    if (ok && assignable(s, target, type)) {
        check_value(s, stmt, target, type);
        return;
    }
    Ast *value = KID(stmt, Assign, value);
    sema_settle(s, value, sema_infer(s, value));
}
