/* Statements and mappings of the text form. */
#include "ir/read.h"

/* ---- mappings -------------------------------------------------------------------------------- */

enum { FACTORS_MAX = 64 };

typedef struct FactorList {
    int count;
    MappingFactor factors[FACTORS_MAX];
} FactorList;

static int64_t read_extent(IrReader *r)
{
    if (ir_read_accept(r, "?")) return MAPPING_RUNTIME(ir_read_int(r, 0, 63));
    return ir_read_int(r, 1, (int64_t)1 << 62);
}

static MappingFactor *new_factor(IrReader *r, FactorList *list, MappingFactorKind kind)
{
    if (list->count == FACTORS_MAX) {
        ir_read_fail(r, "too many factors");
        return NULL;
    }
    MappingFactor *f = &list->factors[list->count++];
    *f = (MappingFactor){.kind = kind};
    return f;
}

static bool read_factor(IrReader *r, FactorList *list)
{
    static const struct {
        const char *text;
        MappingFactorKind kind;
        bool column;
    } kinds[] = {{"spatial", MAPPING_SPATIAL, false},
                 {"repeat", MAPPING_REPEAT, false},
                 {"replicate", MAPPING_REPLICATE, false},
                 {"col_spatial", MAPPING_SPATIAL, true},
                 {"col_repeat", MAPPING_REPEAT, true}};
    size_t i = 0;
    while (i < BASE_LEN(kinds) && !ir_read_accept(r, kinds[i].text)) i++;
    if (i == BASE_LEN(kinds)) return ir_read_fail(r, "a mapping expected");
    MappingFactor *f = new_factor(r, list, kinds[i].kind);
    if (!f || !ir_read_expect(r, "(")) return false;
    do {
        if (f->rank == MAPPING_MAX_RANK) return ir_read_fail(r, "too many dimensions");
        f->extents[f->rank++] = read_extent(r);
    } while (ir_read_accept(r, ","));
    if (!ir_read_expect(r, ")")) return false;
    for (int d = 0; d < f->rank; d++) f->order[d] = kinds[i].column ? f->rank - 1 - d : d;
    if (!ir_read_accept(r, "order")) return true;
    if (!ir_read_expect(r, "(")) return false;
    for (int d = 0; d < f->rank; d++) {
        if (d && !ir_read_expect(r, ",")) return false;
        f->order[d] = (int)ir_read_int(r, 0, MAPPING_MAX_RANK - 1);
    }
    return ir_read_expect(r, ")");
}

/* Factors in parentheses too; a `.drop(k)` reaches over what it follows. */
static bool read_factors(IrReader *r, FactorList *list)
{
    if (r->depth++ >= READ_DEPTH) return ir_read_fail(r, "nested too deeply");
    do {
        int begin = list->count;
        bool nested = ir_read_accept(r, "(");
        bool ok = nested ? read_factors(r, list) && ir_read_expect(r, ")") : read_factor(r, list);
        while (ok && ir_read_accept(r, ".")) {
            MappingFactor *f = new_factor(r, list, MAPPING_DROP);
            if (!f || !ir_read_expect(r, "drop") || !ir_read_expect(r, "(")) return false;
            f->extents[0] = ir_read_int(r, 0, MAPPING_MAX_RANK - 1);
            f->reach = list->count - 1 - begin;
            ok = ir_read_expect(r, ")");
        }
        if (!ok) return false;
    } while (ir_read_accept(r, "*"));
    r->depth--;
    return true;
}

const Mapping *ir_read_mapping(IrReader *r)
{
    FactorList list;
    list.count = 0;
    if (!read_factors(r, &list)) return NULL;
    MappingFactors factors = {list.count, list.factors};
    MappingError error = {0};
    const Mapping *m = mapping_build(r->arena, &factors, &error);
    if (!m) ir_read_fail(r, "%s", error.message ? error.message : "no such mapping");
    return m;
}

/* ---- variables ------------------------------------------------------------------------------- */

static int64_t read_bound(IrReader *r)
{
    if (ir_read_accept(r, "inf")) return INT64_MAX;
    if (!ir_read_accept(r, "-")) return ir_read_int(r, 0, INT64_MAX);
    if (ir_read_accept(r, "inf")) return INT64_MIN;
    return -ir_read_int(r, 0, INT64_MAX);
}

static IrVar *enter_var(IrReader *r, const Name *name, uint32_t id, IrType type, bool mutable)
{
    IrKernel *k = r->k;
    while (k->vars.len <= id) VEC_PUSH(k->arena, k->vars, NULL);
    if (k->vars.data[id]) ir_read_fail(r, "variable %u is defined twice", id);
    for (size_t i = 0; i < r->fresh.len; i++)
        if (r->fresh.data[i]->id == id) ir_read_fail(r, "variable %u is defined twice", id);
    IrVar *var = NEW(k->arena, IrVar);
    *var = (IrVar){.name = name, .id = id, .type = type, .mutable = mutable, .multiple = 1};
    var->lo = INT64_MIN;
    var->hi = INT64_MAX;
    VEC_PUSH(r->arena, r->fresh, var);
    return var;
}

static void publish_vars(IrReader *r)
{
    for (size_t i = 0; i < r->fresh.len; i++)
        r->k->vars.data[r->fresh.data[i]->id] = r->fresh.data[i];
    r->fresh.len = 0;
}

/* `name.id: type as [lo, hi] by m`. *facts: are they stated? */
static IrVar *read_def(IrReader *r, bool mutable, bool *facts)
{
    const Name *name;
    uint32_t id;
    IrType type = {ELEM_INDEX, 1};
    *facts = false;
    if (!ir_read_id(r, &name, &id)) return NULL;
    if (ir_read_accept(r, ":") && !ir_read_type(r, &type)) ir_read_fail(r, "a type expected");
    IrVar *var = enter_var(r, name, id, type, mutable);
    if (!ir_read_accept(r, "as")) return r->error ? NULL : var;
    *facts = true;
    ir_read_expect(r, "[");
    var->lo = read_bound(r);
    ir_read_expect(r, ",");
    var->hi = read_bound(r);
    ir_read_expect(r, "]");
    if (ir_read_accept(r, "by")) var->multiple = ir_read_int(r, 0, (int64_t)1 << 40);
    if (var->lo > var->hi) ir_read_fail(r, "an empty interval");
    return r->error ? NULL : var;
}

static bool read_use(IrReader *r, IrStmt *s)
{
    const Name *name;
    uint32_t id;
    if (!ir_read_id(r, &name, &id)) return false;
    if (id >= r->k->vars.len || !r->k->vars.data[id]) return ir_read_fail(r, "no such variable");
    s->var = r->k->vars.data[id];
    return true;
}

static void default_facts(const IrStmt *s, IrVar *var)
{
    IrVar facts;
    ir_default_facts(s, var, &facts);
    *var = facts;
}

/* ---- statements ------------------------------------------------------------------------------ */

static bool set_args(IrReader *r, IrStmt *s, int count, const IrExpr *const *args)
{
    s->count = count;
    s->args = base_copy(r->arena, (const void *)args, (size_t)count * sizeof *args);
    return !r->error;
}

static bool read_values(IrReader *r, IrStmt *s)
{
    const IrExpr *args[READ_ARGS];
    int count = 0;
    bool none = r->token.kind == TOKEN_STRING || r->token.kind == TOKEN_LINE || ir_read_is(r, "{");
    while (!none && !r->error && count < READ_ARGS) {
        args[count++] = ir_read_expr(r);
        if (!ir_read_accept(r, ",")) break;
    }
    return set_args(r, s, count, args);
}

static bool read_let(IrReader *r, IrStmt *s)
{
    bool facts;
    s->var = read_def(r, s->imm, &facts);
    s->imm = 0;
    if (!s->var || !ir_read_expect(r, "=") || !read_values(r, s) || s->count != 1) return false;
    if (!facts) default_facts(s, s->var);
    return true;
}

static bool read_set(IrReader *r, IrStmt *s)
{
    return read_use(r, s) && ir_read_expect(r, "=") && read_values(r, s);
}

static bool read_store(IrReader *r, IrStmt *s)
{
    Access a;
    if (!ir_read_access(r, &a) || !ir_read_expect(r, "=")) return false;
    if (a.otherwise || a.lanes != 1 || a.count + 2 > READ_ARGS)
        return ir_read_fail(r, "not an access that can be written");
    s->tensor = a.tensor;
    s->flags = a.flags;
    a.args[a.count++] = ir_read_expr(r);
    if (a.guard) a.args[a.count++] = a.guard;
    return set_args(r, s, a.count, a.args);
}

static bool read_for(IrReader *r, IrStmt *s)
{
    const IrExpr *args[3];
    bool facts;
    s->var = read_def(r, false, &facts);
    if (!s->var || !ir_read_expect(r, "in")) return false;
    args[0] = ir_read_expr(r);
    ir_read_expect(r, "..");
    args[1] = ir_read_expr(r);
    args[2] = ir_read_accept(r, "step") ? ir_read_expr(r) : ir_int(r->k, s->var->type.elem, 1);
    if (!set_args(r, s, 3, args)) return false;
    if (!facts) default_facts(s, s->var);
    return true;
}

static bool read_tasks(IrReader *r, IrStmt *s)
{
    const IrExpr *args[READ_ARGS];
    IrVar *vars[MAPPING_MAX_RANK];
    bool facts[MAPPING_MAX_RANK];
    int rank = 0, count = 0;
    IrTasks *tasks = NEW(r->arena, IrTasks);
    if (!ir_read_expect(r, "(")) return false;
    while (!ir_read_is(r, ")") && rank < MAPPING_MAX_RANK) {
        vars[rank] = read_def(r, false, &facts[rank]);
        if (!vars[rank++]) return false;
        if (!ir_read_accept(r, ",")) break;
    }
    if (!ir_read_expect(r, ")") || !ir_read_expect(r, "in")) return false;
    tasks->mapping = ir_read_mapping(r);
    if (!tasks->mapping || !ir_read_expect(r, "on")) return false;
    if (tasks->mapping->rank != rank)
        return ir_read_fail(r, "%d variables for a mapping of rank %d", rank, tasks->mapping->rank);
    args[count++] = ir_read_expr(r);
    tasks->level = ir_read_accept(r, "level") ? (int)ir_read_int(r, 1, INT32_MAX) : 1;
    if (ir_read_accept(r, "with") && ir_read_expect(r, "(")) {
        const IrExpr *extents[READ_ARGS];
        int more = ir_read_operands(r, ")", extents);
        for (int i = 0; i < more && count < READ_ARGS; i++) args[count++] = extents[i];
    }
    if (ir_read_accept(r, "by")) s->text = ir_read_string(r);
    tasks->vars = base_copy(r->arena, vars, (size_t)rank * sizeof *vars);
    s->tasks = tasks;
    for (int i = 0; i < rank; i++)
        if (!facts[i]) default_facts(s, vars[i]);
    return set_args(r, s, count, args);
}

static bool read_role(IrReader *r, IrStmt *s)
{
    s->imm = ir_read_int(r, INT64_MIN + 1, INT64_MAX);
    ir_read_expect(r, ",");
    s->imm2 = ir_read_int(r, INT64_MIN + 1, INT64_MAX);
    if (!ir_read_accept(r, "registers")) return !r->error;
    const IrExpr *registers = ir_read_expr(r);
    return set_args(r, s, 1, &registers);
}

static bool read_region(IrReader *r, IrStmt *s)
{
    bool facts;
    s->var = read_def(r, false, &facts);
    return s->var != NULL;
}

static int read_choice(IrReader *r, int count, const char *const *words)
{
    for (int i = 0; i < count; i++)
        if (ir_read_accept(r, words[i])) return i;
    ir_read_fail(r, "`%s`, … or `%s` expected", words[0], words[count - 1]);
    return 0;
}

static bool read_barrier(IrReader *r, IrStmt *s)
{
    s->scope = (IrScope)read_choice(r, (int)BASE_LEN(ir_scope_words), ir_scope_words);
    if (r->token.kind == TOKEN_NUMBER) s->imm = ir_read_int(r, 0, INT64_MAX);
    if (ir_read_accept(r, ",")) s->imm2 = ir_read_int(r, -1, INT64_MAX);
    return !r->error;
}

static bool read_collective(IrReader *r, IrStmt *s)
{
    const IrExpr *args[READ_ARGS];
    bool facts;
    s->var = read_def(r, false, &facts);
    if (!s->var || !ir_read_expect(r, "=")) return false;
    s->builtin = vocab_builtin_find(r->token.text, r->token.len);
    ir_read_advance(r);
    if (s->builtin == BUILTIN_NONE) return ir_read_fail(r, "no such collective");
    if (!ir_read_expect(r, "(")) return false;
    int count = ir_read_operands(r, ")", args);
    return set_args(r, s, count, args) && (s->builtin != BUILTIN_UNIFORM || read_barrier(r, s));
}

/* Does a definition stand here, `name.id`, rather than a plain word? */
static bool at_definition(const IrReader *r)
{
    return r->token.kind == TOKEN_WORD && r->at < r->end && *r->at == '.';
}

static bool read_atomic(IrReader *r, IrStmt *s)
{
    const IrExpr *args[READ_ARGS];
    Access a;
    bool facts;
    if (at_definition(r)) {
        s->var = read_def(r, false, &facts);
        if (!s->var || !ir_read_expect(r, "=")) return false;
    }
    char *name = base_format(r->arena, "atomic.%s", ir_read_name(r)->text);
    s->builtin = vocab_builtin_find(name, strlen(name));
    if (s->builtin == BUILTIN_NONE) return ir_read_fail(r, "no such atomic");
    if (!ir_read_access(r, &a) || !ir_read_expect(r, "(")) return false;
    if (a.otherwise || a.lanes != 1) return ir_read_fail(r, "not an access of an atomic");
    s->tensor = a.tensor;
    s->flags = a.flags;
    int count = ir_read_operands(r, ")", args);
    if (a.count + count + 1 > READ_ARGS) return ir_read_fail(r, "too many operands");
    for (int i = 0; i < count; i++) a.args[a.count++] = args[i];
    if (a.guard) a.args[a.count++] = a.guard;
    s->order = (IrOrder)read_choice(r, (int)BASE_LEN(ir_order_words), ir_order_words);
    s->scope = (IrScope)read_choice(r, (int)BASE_LEN(ir_scope_words), ir_scope_words);
    return set_args(r, s, a.count, a.args);
}

static bool read_mbarrier(IrReader *r, IrStmt *s)
{
    const IrExpr *args[READ_ARGS];
    Access a;
    const Name *word = ir_read_name(r);
    if (!ir_read_access(r, &a) || !ir_read_expect(r, "(")) return false;
    char *name = base_format(r->arena, "%sbarrier.%s", a.tensor->barrier ? "" : "m", word->text);
    s->builtin = vocab_builtin_find(name, strlen(name));
    if (s->builtin == BUILTIN_NONE) return ir_read_fail(r, "nothing to do with an mbarrier");
    if (a.otherwise || a.guard || a.lanes != 1) return ir_read_fail(r, "not an mbarrier");
    s->tensor = a.tensor;
    s->flags = a.flags;
    int count = ir_read_operands(r, ")", args);
    if (a.count + count > READ_ARGS) return ir_read_fail(r, "too many operands");
    for (int i = 0; i < count; i++) a.args[a.count++] = args[i];
    return set_args(r, s, a.count, a.args);
}

static bool read_bulk(IrReader *r, IrStmt *s)
{
    const IrExpr *args[READ_ARGS];
    Access a;
    char *name = base_format(r->arena, "tma.%s", ir_read_name(r)->text);
    s->builtin = vocab_builtin_find(name, strlen(name));
    if (s->builtin == BUILTIN_NONE) return ir_read_fail(r, "nothing that copy engines do");
    if (!ir_read_access(r, &a) || !ir_read_expect(r, "(")) return false;
    if (a.otherwise || a.guard || a.lanes != 1) return ir_read_fail(r, "not a box");
    s->tensor = a.tensor;
    s->flags = a.flags;
    int count = ir_read_operands(r, ")", args);
    if (a.count + count > READ_ARGS) return ir_read_fail(r, "too many operands");
    for (int i = 0; i < count; i++) a.args[a.count++] = args[i];
    s->imm = ir_read_int(r, 0, INT32_MAX);
    return set_args(r, s, a.count, a.args);
}

static bool read_wait(IrReader *r, IrStmt *s)
{
    s->imm = ir_read_int(r, 0, INT32_MAX);
    return !r->error;
}

static bool read_order(IrReader *r, IrStmt *s)
{
    const Name *group = ir_read_name(r);
    if (!ir_read_expect(r, ".")) return false;
    char *name = base_format(r->arena, "%s.%s", group->text, ir_read_name(r)->text);
    s->builtin = vocab_builtin_find(name, strlen(name));
    if (s->builtin == BUILTIN_NONE) return ir_read_fail(r, "no such instruction");
    return read_wait(r, s);
}

static bool read_machine(IrReader *r, IrStmt *s)
{
    const IrExpr *args[READ_ARGS];
    Access a;
    s->builtin = vocab_builtin_find(r->token.text, r->token.len);
    ir_read_advance(r);
    if (s->builtin == BUILTIN_NONE) return ir_read_fail(r, "no such instruction");
    if (!ir_read_access(r, &a) || !ir_read_expect(r, "(")) return false;
    if (a.otherwise || a.guard || a.lanes != 1 || a.count != 1)
        return ir_read_fail(r, "not the place of a fragment");
    s->tensor = a.tensor;
    s->flags = a.flags;
    int count = ir_read_operands(r, ")", args);
    if (count + 1 > READ_ARGS) return ir_read_fail(r, "too many operands");
    for (int i = 0; i < count; i++) a.args[a.count++] = args[i];
    s->text = ir_read_string(r);
    if (r->token.kind == TOKEN_NUMBER || ir_read_is(r, "-")) {
        s->imm = ir_read_int(r, INT64_MIN + 1, INT64_MAX);
        ir_read_expect(r, ",");
        s->imm2 = ir_read_int(r, INT64_MIN + 1, INT64_MAX);
    }
    return set_args(r, s, a.count, a.args);
}

static bool read_message(IrReader *r, IrStmt *s)
{
    if (!read_values(r, s)) return false;
    s->text = ir_read_string(r);
    return !r->error;
}

static bool read_scope(IrReader *r, IrStmt *s)
{
    (void)s;
    /* Numbered by its place, as the printer does. */
    if (r->token.kind == TOKEN_NUMBER) ir_read_int(r, 0, INT64_MAX);
    return !r->error;
}

typedef bool (*StmtReader)(IrReader *r, IrStmt *s);

static const StmtReader stmt_readers[IR_STMT_COUNT] = {
    [IR_STMT_LET] = read_let,         [IR_STMT_SET] = read_set,
    [IR_STMT_STORE] = read_store,     [IR_STMT_FOR] = read_for,
    [IR_STMT_TASKS] = read_tasks,     [IR_STMT_IF] = read_values,
    [IR_STMT_WHILE] = read_values,    [IR_STMT_ROLE] = read_role,
    [IR_STMT_REGION] = read_region,   [IR_STMT_LEAVE] = read_use,
    [IR_STMT_BARRIER] = read_barrier, [IR_STMT_COLLECTIVE] = read_collective,
    [IR_STMT_ATOMIC] = read_atomic,   [IR_STMT_AWAIT] = read_values,
    [IR_STMT_TRAP] = read_message,    [IR_STMT_PRINT] = read_message,
    [IR_STMT_SCOPE] = read_scope,     [IR_STMT_WAIT] = read_wait,
    [IR_STMT_MACHINE] = read_machine, [IR_STMT_MBARRIER] = read_mbarrier,
    [IR_STMT_ORDER] = read_order,     [IR_STMT_BULK] = read_bulk,
    [IR_STMT_BULK_WAIT] = read_wait,
};

static IrStmtKind find_stmt(IrReader *r)
{
    for (IrStmtKind kind = 0; kind < IR_STMT_COUNT; kind++)
        if (ir_read_accept(r, ir_stmt_text(kind))) return kind;
    return IR_STMT_COUNT;
}

static void read_flags(IrReader *r, IrStmt *s)
{
    for (const IrFlagInfo *f = ir_flags; f->flag;) {
        bool found = *f->text && ir_read_accept(r, f->text);
        if (found) s->flags |= f->flag;
        f = found ? ir_flags : f + 1;
    }
}

static bool read_bodies(IrReader *r, IrStmt *s)
{
    if (ir_read_accept(r, "{")) {
        s->body = ir_new_block(r->k);
        if (!ir_read_block(r, s->body)) return false;
        if (ir_read_accept(r, "else")) {
            s->other = ir_new_block(r->k);
            if (!ir_read_expect(r, "{") || !ir_read_block(r, s->other)) return false;
        }
    }
    return ir_read_line_end(r);
}

static bool read_temp(IrReader *r)
{
    int64_t number = ir_read_int(r, 1, (int64_t)r->temps.len + 1);
    if (number != (int64_t)r->temps.len + 1) return ir_read_fail(r, "`%%` out of order");
    ir_read_expect(r, "=");
    const IrExpr *e = ir_read_expr(r);
    VEC_PUSH(r->arena, r->temps, e);
    return !r->error && ir_read_line_end(r);
}

static bool read_stmt(IrReader *r, IrBlock *block)
{
    Span span = {0};
    if (r->base)
        span.begin = r->base + (uint32_t)(r->token.text - r->text), span.end = span.begin + 1;
    ir_set_origin(r->k, ir_origin(r->k, ORIGIN_SOURCE, span, 0, "read"));
    while (ir_read_accept(r, "%"))
        if (!read_temp(r)) return false;
    bool mutable = ir_read_accept(r, "var");
    IrStmtKind kind = mutable ? IR_STMT_LET : find_stmt(r);
    if (kind == IR_STMT_COUNT) return ir_read_fail(r, "a statement expected");
    IrStmt *s = ir_append(r->k, block, kind);
    s->imm = mutable; /* for read_let */
    if (kind == IR_STMT_SCOPE) VEC_PUSH(r->arena, r->scopes, s);
    if (stmt_readers[kind] && !stmt_readers[kind](r, s)) return ir_read_fail(r, "broken statement");
    read_flags(r, s);
    publish_vars(r);
    r->temps.len = 0;
    return read_bodies(r, s);
}

bool ir_read_block(IrReader *r, IrBlock *block)
{
    if (r->depth++ >= READ_DEPTH) return ir_read_fail(r, "nested too deeply");
    if (!ir_read_line_end(r)) return false;
    while (!ir_read_accept(r, "}")) {
        if (r->token.kind == TOKEN_END) return ir_read_fail(r, "`}` is missing");
        if (!read_stmt(r, block)) return false;
    }
    r->depth--;
    return !r->error;
}
