/* uniform - barriers and collectives only where all threads of their group arrive together.
 *
 * Widths (width.h) of mutable variables are found by fixpoint: a variable assigned under a
 * condition, after a `break` or in a loop whose trips differ between threads differs too. Then
 * every barrier, collective and `sync grid` is checked against the conditions around it. The
 * error names the condition and follows what made it vary.
 */
#include "pass/width.h"

typedef struct Frame {
    struct Frame *outer;
    IrStmt *stmt;
    int64_t width; /* of what decides who runs the body, and how often */
    int64_t after; /* of the conditions under which somebody left what follows */
    const IrStmt *leaver;
    const IrExpr *leave_cond;
    int depth;
} Frame;

typedef struct Left { /* of a loop: those who break out of it */
    int64_t width;
    const IrStmt *leaver;
    const IrExpr *cond;
} Left;

typedef struct Uniform {
    Widths w;
    Diags *diags;
    Map left;              /* loop's address to Left */
    const IrStmt **defs;   /* by variable id: the statement that made it vary most */
    const IrExpr **causes; /* and, of an assignment, the condition around it that varied */
    int *depth;            /* by variable id: of its definition */
    Frame *top;
    uint32_t blamed; /* the call whose expansion was reported last */
    bool report, failed;
    bool meets, leaves, apart; /* of roles: threads meet in one; some jump out of one; note_apart */
} Uniform;

static void walk(Uniform *u, IrBlock *block);

static int64_t frame_width(Uniform *u, const Frame *f)
{
    int64_t width = width_join(&u->w, f->width, f->after);
    const Left *left = base_map_get(&u->left, base_key(f->stmt));
    return left ? width_join(&u->w, width, left->width) : width;
}

/* What decides whether a statement runs, from the frames deeper than `depth`. */
static int64_t control_width(Uniform *u, int depth)
{
    int64_t width = 0;
    for (const Frame *f = u->top; f && f->depth > depth; f = f->outer)
        width = width_join(&u->w, width, frame_width(u, f));
    return width;
}

/* ---- definitions ----------------------------------------------------------------------------- */
/* The condition of the innermost frame that is no wider than `width`. */
static const IrExpr *control_cause(const Uniform *u, int64_t width)
{
    for (const Frame *f = u->top; f; f = f->outer) {
        const Left *left = base_map_get(&u->left, base_key(f->stmt));
        if (f->width && f->width <= width && f->stmt->count) return f->stmt->args[0];
        if (left && left->width && left->width <= width) return left->cond;
        if (f->after && f->after <= width) return f->leave_cond;
    }
    return NULL;
}

static void set_var(Uniform *u, IrVar *var, int64_t width, const IrStmt *by)
{
    int64_t before = u->w.vars[var->id];
    width_lower(&u->w, &u->w.vars[var->id], width);
    if (before == u->w.vars[var->id] && u->defs[var->id]) return;
    u->defs[var->id] = by;
    u->causes[var->id] = by->kind == IR_STMT_SET ? control_cause(u, width) : NULL;
}

static void define(Uniform *u, IrVar *var, int64_t width, const IrStmt *by)
{
    u->depth[var->id] = u->top ? u->top->depth : 0;
    set_var(u, var, width, by);
}

static void store_width(Uniform *u, const IrStmt *s)
{
    if (s->tensor->space != IR_TILE && s->tensor->space != IR_PRIVATE) return;
    int64_t width = width_of_all(&u->w, s->count, s->args);
    width = width_join(&u->w, width, control_width(u, 0));
    width_lower(&u->w, &u->w.tensors[s->tensor->id], width);
}

/* ---- leaving --------------------------------------------------------------------------------- */
static bool is_loop(const IrStmt *s)
{
    return s->kind == IR_STMT_FOR || s->kind == IR_STMT_WHILE || s->kind == IR_STMT_TASKS;
}

static void leave_loop(Uniform *u, IrStmt *loop, int64_t width, const IrStmt *by,
                       const IrExpr *cond)
{
    Left *left = base_map_get(&u->left, base_key(loop));
    if (!left) {
        left = NEW(u->w.k->arena, Left);
        base_map_put(&u->left, base_key(loop), left);
    }
    int64_t before = left->width;
    width_lower(&u->w, &left->width, width);
    if (left->width == before) return;
    left->leaver = by;
    left->cond = cond;
}

/* BREAK, CONTINUE and LEAVE: whoever passes under the conditions up to the frame it ends. */
static void leave(Uniform *u, const IrStmt *s)
{
    int64_t width = 0;
    const IrExpr *cond = NULL;
    for (Frame *f = u->top; f; f = f->outer) {
        bool ends = s->kind == IR_STMT_LEAVE
                        ? f->stmt->kind == IR_STMT_REGION && f->stmt->var == s->var
                        : is_loop(f->stmt);
        if (ends && s->kind == IR_STMT_BREAK) {
            leave_loop(u, f->stmt, width, s, cond);
        } else if (ends) {
            f->after = width_join(&u->w, f->after, width);
            if (!f->leaver) f->leaver = s;
            if (!f->leave_cond) f->leave_cond = cond;
        } else if (is_loop(f->stmt)) {
            leave_loop(u, f->stmt, width, s, cond);
        } else if (f->stmt->kind == IR_STMT_IF) { /* the rest of an `if` runs without them, too */
            f->after = width_join(&u->w, f->after, width);
        }
        if (ends) return;
        u->leaves |= f->stmt->kind == IR_STMT_ROLE;
        width = width_join(&u->w, width, f->width);
        if (f->stmt->kind == IR_STMT_IF && f->width && !cond) cond = f->stmt->args[0];
    }
}

/* ---- messages -------------------------------------------------------------------------------- */
static const char *group_text(Uniform *u, int64_t group)
{
    if (group == 0) return "the grid";
    if (group == u->w.k->block_size) return "the block";
    if (group > u->w.k->block_size) return "the cluster";
    if (group == 32) return "a warp";
    return base_format(u->w.k->arena, "a group of %lld threads", (long long)group);
}

enum { MAX_LINKS = 6 };

/* How a condition came to vary: one label a variable on the way, then a note on the source. */
typedef struct Chain {
    Uniform *u;
    Diag *diag;
    int64_t group;
    int links;
    const IrVar *seen[MAX_LINKS];
} Chain;

static bool varies(const Chain *c, const IrExpr *e)
{
    return !width_covers(&c->u->w, width_of(&c->u->w, e), c->group);
}

static bool explain(Chain *c, const IrExpr *e);

static bool explain_var(Chain *c, const IrVar *var)
{
    Uniform *u = c->u;
    const IrStmt *def = u->defs[var->id];
    for (int i = 0; i < c->links; i++)
        if (c->seen[i] == var) return false;
    if (!def || c->links == MAX_LINKS) return false;
    c->seen[c->links++] = var;
    Span span = pass_span(u->w.k, def->origin);
    diag_label(u->diags, c->diag, span, "because `%s` differs", var->name->text);
    if (def->kind == IR_STMT_ATOMIC)
        diag_note(u->diags, c->diag, "what an atomic operation gives differs between threads");
    bool known = def->kind == IR_STMT_LET || def->kind == IR_STMT_SET || is_loop(def);
    for (int i = 0; i < def->count && known; i++)
        if (varies(c, def->args[i]) && explain(c, def->args[i])) return true;
    const IrExpr *cause = u->causes[var->id];
    if (!cause) return true;
    diag_note(u->diags, c->diag, "`%s` is assigned under a condition that differs",
              var->name->text);
    return explain(c, cause);
}

/* False if it leads back to a variable that has been named. */
static bool explain(Chain *c, const IrExpr *e)
{
    Uniform *u = c->u;
    if (e->op == IR_VAR) return explain_var(c, e->var);
    bool found = false;
    for (uint32_t i = 0; i < e->count; i++) {
        if (!varies(c, e->args[i])) continue;
        found = true;
        if (explain(c, e->args[i])) return true;
    }
    if (found) return false;
    const char *what = group_text(u, c->group);
    if (e->op == IR_TID)
        diag_note(u->diags, c->diag, "the thread's index differs within %s", what);
    else if (e->op == IR_BID)
        diag_note(u->diags, c->diag, "the block's index differs within %s", what);
    else if (e->op == IR_LOAD)
        diag_note(u->diags, c->diag, "elements of `%s` may differ within %s", e->tensor->name->text,
                  what);
    return true;
}

static const char *sync_text(const IrStmt *s)
{
    if (s->kind == IR_STMT_COLLECTIVE || s->kind == IR_STMT_MBARRIER)
        return vocab_builtin(s->builtin)->text;
    if (s->flags & IR_ELIDABLE) return "a verb";
    return s->scope == IR_SCOPE_GRID      ? "`sync grid`"
           : s->scope == IR_SCOPE_CLUSTER ? "`sync cluster`"
                                          : "`sync`";
}

/* The call in the kernel's own text that `origin` was expanded from; 0 if it stands there. */
static uint32_t outermost_call(const IrKernel *k, uint32_t origin)
{
    uint32_t call = 0;
    for (; origin; origin = k->origins.data[origin].parent)
        if (k->origins.data[origin].kind == ORIGIN_INLINED) call = origin;
    return call;
}

/* Of all the barriers in one misplaced call the first is enough. */
static Diag *report(Uniform *u, DiagCode code, const IrStmt *s, int64_t group)
{
    u->failed = true;
    uint32_t call = outermost_call(u->w.k, s->origin);
    if (call && call == u->blamed) return &u->diags->ignored;
    u->blamed = call;
    const char *what = sync_text(s);
    if (s->kind != IR_STMT_BARRIER) what = base_format(u->w.k->arena, "`%s`", what);
    Diag *diag =
        diag_report(u->diags, code, pass_span(u->w.k, s->origin), what, group_text(u, group));
    if (call) diag_label(u->diags, diag, pass_span(u->w.k, call), "instantiated from here");
    return diag;
}

static void report_control(Uniform *u, const IrStmt *s, int64_t group, const Frame *f,
                           bool by_control)
{
    const Left *left = base_map_get(&u->left, base_key(f->stmt));
    Chain chain = {.u = u, .group = group};
    if (!by_control) {
        const IrStmt *leaver = left && left->leaver ? left->leaver : f->leaver;
        const IrExpr *cond = left && left->leaver ? left->cond : f->leave_cond;
        chain.diag = report(u, DIAG_SYNC_AFTER_LEAVE, s, group);
        if (leaver)
            diag_label(u->diags, chain.diag, pass_span(u->w.k, leaver->origin),
                       "some threads leave here");
        if (cond) explain(&chain, cond);
        return;
    }
    chain.diag = report(u, DIAG_SYNC_DIVERGES, s, group);
    const IrExpr *cond = NULL;
    for (int i = 0; i < f->stmt->count && !cond; i++)
        if (varies(&chain, f->stmt->args[i])) cond = f->stmt->args[i];
    /* `thread` itself is made once, at the kernel's head */
    bool own = cond && cond->origin && cond->count > 0;
    uint32_t origin = own ? cond->origin : f->stmt->origin;
    diag_label(u->diags, chain.diag, pass_span(u->w.k, origin),
               f->stmt->kind == IR_STMT_ROLE ? "only some threads run this"
                                             : "this differs between threads");
    if (cond) explain(&chain, cond);
}

/* ---- the check ------------------------------------------------------------------------------- */
static int64_t group_of(const Uniform *u, const IrStmt *s)
{
    int64_t block = u->w.k->block_size;
    if (s->kind != IR_STMT_BARRIER) return block < 32 ? block : 32;
    switch (s->scope) {
    case IR_SCOPE_WARP:
        return block < 32 ? block : 32;
    case IR_SCOPE_GROUP:
        return s->imm;
    case IR_SCOPE_BLOCK:
        return block;
    case IR_SCOPE_CLUSTER:
        return width_cluster(u->w.k);
    case IR_SCOPE_GRID:
        return 0;
    }
    return block;
}

static const Frame *role_around(const Frame *f)
{
    while (f && f->stmt->kind != IR_STMT_ROLE) f = f->outer;
    return f;
}

/* Notes whether a role in which threads meet is run by some of the group around it (the block, or
 * a role) at other times than by others. */
static void note_apart(Uniform *u)
{
    for (const Frame *role = role_around(u->top), *outer; role; role = outer) {
        outer = role_around(role->outer);
        int64_t first = outer ? outer->stmt->imm : 0;
        int64_t count = outer ? outer->stmt->imm2 : u->w.k->block_size;
        u->meets = true;
        for (const Frame *f = role->outer; f != outer; f = f->outer)
            u->apart |= !width_spans(&u->w, frame_width(u, f), first, count);
    }
}

/* The threads of a role, if it is theirs, need not begin at a multiple of their number. */
static bool is_same(Uniform *u, int64_t width, int64_t group, const Frame *role)
{
    return role ? width_spans(&u->w, width, role->stmt->imm, group)
                : width_covers(&u->w, width, group);
}

static void check_sync(Uniform *u, const IrStmt *s)
{
    int64_t group = group_of(u, s);
    const Frame *own = role_around(u->top);
    while (own && own->stmt->imm2 != group) own = role_around(own->outer);
    note_apart(u);
    for (const Frame *f = u->top; f; f = f->outer) {
        const IrStmt *stmt = f->stmt;
        bool small = stmt->kind == IR_STMT_TASKS && s->kind != IR_STMT_COLLECTIVE &&
                     (group == 0 || stmt->tasks->level < group);
        if (small) {
            Diag *d = report(u, DIAG_SYNC_DIVERGES, s, group);
            diag_label(u->diags, d, pass_span(u->w.k, stmt->origin),
                       "in this loop each worker "
                       "runs its own tasks");
            return;
        }
        bool has_own = own && stmt->kind == IR_STMT_ROLE && stmt->imm2 >= group;
        if (has_own || is_same(u, frame_width(u, f), group, own)) continue;
        report_control(u, s, group, f, !is_same(u, f->width, group, own));
        return;
    }
}

static int64_t role_width(const Uniform *u, const IrStmt *s)
{
    if (s->imm + s->imm2 == u->w.k->block_size) return s->imm;
    return base_gcd(s->imm, s->imm2);
}

/* Width of what decides who runs the body of a statement, and how often. */
static int64_t inside_width(Uniform *u, const IrStmt *s)
{
    if (s->kind == IR_STMT_ROLE) return role_width(u, s);
    if (s->kind == IR_STMT_TASKS) return width_of_all(&u->w, s->count - 1, s->args + 1);
    return width_of_all(&u->w, s->count, s->args);
}

/* A barrier of the hardware: whole warps come to it, and each to one. */
static void check_named(Uniform *u, const IrStmt *s)
{
    check_sync(u, s);
    Chain chain = {.u = u, .group = group_of(u, s)};
    for (int i = 0; i < s->count; i++) {
        if (!varies(&chain, s->args[i])) continue;
        u->failed = true;
        chain.diag = diag_report(u->diags, DIAG_BARRIERS, pass_span(u->w.k, s->origin),
                                 "which one it is differs between the threads of a warp");
        explain(&chain, s->args[i]);
        return;
    }
}

/* Notes whether all threads of the role, or of the block, come to an mbarrier. */
static void note_meeting(Uniform *u, IrStmt *s)
{
    int64_t group = u->w.k->block_size;
    bool together = true;
    const Frame *role = role_around(u->top);
    if (role) group = role->stmt->imm2;
    for (const Frame *f = u->top; f != role && together; f = f->outer)
        together = is_same(u, frame_width(u, f), group, role);
    if (together) s->flags |= IR_TOGETHER;
}

/* Notes on a loop whether the block as a whole comes to it: what the CPU's passes ask. */
static void note_together(Uniform *u, IrStmt *s)
{
    int64_t block = u->w.k->block_size;
    bool together = width_covers(&u->w, inside_width(u, s), block);
    for (const Frame *f = u->top; f && together; f = f->outer)
        together = width_covers(&u->w, frame_width(u, f), block);
    if (together) s->flags |= IR_TOGETHER;
}

static void walk_inside(Uniform *u, IrStmt *s)
{
    if (u->report && (s->kind == IR_STMT_FOR || s->kind == IR_STMT_TASKS)) note_together(u, s);
    Frame f = {.outer = u->top, .stmt = s, .width = inside_width(u, s)};
    f.depth = u->top ? u->top->depth + 1 : 1;
    u->top = &f;
    if (s->kind == IR_STMT_FOR)
        define(u, s->var,
               width_join(&u->w, width_of(&u->w, s->args[0]), width_of(&u->w, s->args[2])), s);
    for (int d = 0; s->kind == IR_STMT_TASKS && d < s->tasks->mapping->rank; d++)
        define(u, s->tasks->vars[d], width_of_task(&u->w, s, d), s);
    walk(u, s->body);
    if (s->other) {
        walk(u, s->other);
    }
    u->top = f.outer;
}

static void visit(Uniform *u, IrStmt *s)
{
    switch (s->kind) {
    case IR_STMT_LET:
        define(u, s->var, width_of(&u->w, s->args[0]), s);
        break;
    case IR_STMT_SET: {
        int64_t control = control_width(u, u->depth[s->var->id]);
        set_var(u, s->var, width_join(&u->w, width_of(&u->w, s->args[0]), control), s);
        break;
    }
    case IR_STMT_STORE:
        store_width(u, s);
        break;
    case IR_STMT_COLLECTIVE:
        define(u, s->var, width_of_collective(&u->w, s), s);
        if (u->report) check_sync(u, s);
        break;
    case IR_STMT_ATOMIC:
        u->w.atomic[s->tensor->id] = true;
        if (s->var) define(u, s->var, 1, s);
        break;
    case IR_STMT_BARRIER:
        if (u->report) check_sync(u, s);
        break;
    case IR_STMT_BREAK:
    case IR_STMT_CONTINUE:
    case IR_STMT_LEAVE:
        leave(u, s);
        break;
    case IR_STMT_FOR:
    case IR_STMT_TASKS:
    case IR_STMT_IF:
    case IR_STMT_WHILE:
    case IR_STMT_ROLE:
    case IR_STMT_REGION:
    case IR_STMT_SCOPE:
        walk_inside(u, s);
        break;
    case IR_STMT_MBARRIER:
        if (u->report) note_meeting(u, s);
        if (u->report && s->tensor->barrier) check_named(u, s);
        break;
    case IR_STMT_AWAIT:
    case IR_STMT_COMMIT:
    case IR_STMT_WAIT:
    case IR_STMT_MACHINE:
    case IR_STMT_ORDER:
    case IR_STMT_BULK:
    case IR_STMT_BULK_COMMIT:
    case IR_STMT_BULK_WAIT:
    case IR_STMT_TRAP:
    case IR_STMT_PRINT:
    case IR_STMT_COUNT:
        break;
    }
}

static void walk(Uniform *u, IrBlock *block)
{
    for (size_t i = 0; block && i < block->stmts.len; i++) visit(u, block->stmts.data[i]);
}

bool pass_uniform(PassContext *ctx)
{
    IrKernel *k = ctx->k;
    Uniform u = {.diags = ctx->diags, .left = base_map(k->arena)};
    width_begin(&u.w, k);
    u.defs = NEW_ARRAY(k->arena, const IrStmt *, k->vars.len + 1);
    u.causes = NEW_ARRAY(k->arena, const IrExpr *, k->vars.len + 1);
    u.depth = NEW_ARRAY(k->arena, int, k->vars.len + 1);
    do {
        u.w.changed = false;
        width_forget(&u.w);
        walk(&u, k->body);
    } while (u.w.changed);
    u.report = true;
    walk(&u, k->body);
    for (size_t i = 0; i < k->vars.len; i++)
        k->vars.data[i]->uniform = width_covers(&u.w, u.w.vars[i], k->block_size);
    /* Fission splits what whole groups do together; else the CPU runs the threads one by one. */
    if (ctx->options->target == PASS_FOR_CPU && (u.apart || (u.meets && u.leaves))) k->waits = true;
    return !u.failed;
}
