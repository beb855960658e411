/* accesses - with -Wperf: bank conflicts, and uncoalesced accesses.
 *
 * Requires linear offsets and the widths that `vectors` chose. For every access to shared or global
 * memory the addresses of a warp's lanes are computed, for each warp of the block and all values of
 * the counters that matter, and their cost is that of the hardware's rules (banks.c). Where it
 * depends on what only a launch knows, nothing is said. Changes nothing. */
#include "pass/accesses.h"

#include "pass/lanes.h"

enum { MOST_CASES = 64, SOME_CASES = 4, MANY = 1 << 20, MOST_REQUESTS = 4096, ROW = 16 };

/* An access of the source: the same tensor, direction and place. */
typedef struct Access {
    const IrTensor *tensor;
    bool store, unknown;
    int bytes;
    Span span;
    PassCost worst;
    int64_t apart; /* bytes between the two lanes of `worst`; INT64_MIN: not known */
} Access;

typedef struct Accesses {
    PassContext *ctx;
    IrKernel *k;
    Lanes lanes;
    Map found; /* hash of what an Access is to Access * */
    Map uses;  /* tensor id + 1 to SharedUse * */
    const IrStmt *stmt;
    Map visited;         /* loads of the statement in hand */
    struct Count *count; /* no reports: only this; or NULL */
} Accesses;

/* What `pass_swizzle_cost` adds up. */
typedef struct Count {
    int64_t *cost;
    int count;
    int64_t times;              /* that the statement in hand runs, about */
    uint32_t conflicts, pinned; /* by tensor: has conflicts; its rows feed matrix instructions */
} Count;

/* ---- requests -------------------------------------------------------------------------------- */
typedef struct Site {
    const IrTensor *tensor;
    const IrExpr *offset, *guard;
    int bytes, lanes; /* lanes of a warp that take part: fewer for a small ldmatrix */
    bool store;
} Site;

/* False if an address is not known. */
static bool make_request(Accesses *a, const Site *site, const LanesCase *c, int64_t warp,
                         PassRequest *r)
{
    int64_t bits = vocab_elem(site->tensor->elem)->bits, offset;
    *r = (PassRequest){.bytes = site->bytes};
    for (int lane = 0; lane < site->lanes; lane++) {
        int64_t thread = warp * PASS_LANES + lane;
        if (thread >= a->k->block_size || !lanes_active(&a->lanes, c, site->guard, thread))
            continue;
        if (!lanes_eval(&a->lanes, c, site->offset, thread, &offset)) return false;
        r->active |= UINT32_C(1) << lane;
        r->at[lane] = base_floor_div(offset * bits, 8);
    }
    return true;
}

static void remember(Accesses *a, const IrTensor *tensor, const PassRequest *r)
{
    uint64_t key = (uint64_t)tensor->id + 1;
    SharedUse *use = base_map_get(&a->uses, key);
    if (!use) {
        use = NEW(a->k->arena, SharedUse);
        use->tensor = tensor;
        base_map_put(&a->uses, key, use);
    }
    if (use->requests.len < MOST_REQUESTS) VEC_PUSH(a->k->arena, use->requests, *r);
}

static int64_t apart(const PassRequest *r, const PassCost *c)
{
    return c->lane >= 0 && c->other >= 0 ? r->at[c->other] - r->at[c->lane] : 0;
}

/* The cost of one warp in one case: the least of the examples. */
static bool add_warp(Accesses *a, const Site *site, LanesCase *c, int64_t warp, Access *access)
{
    bool shared = site->tensor->space == IR_SHARED;
    PassCost best = {.cost = INT64_MAX};
    int64_t distance = 0;
    for (c->example = 0; c->example < LANES_EXAMPLES; c->example++) {
        PassRequest r;
        if (!make_request(a, site, c, warp, &r)) return false;
        PassCost cost = shared ? pass_bank_cost(&r) : pass_sector_cost(&r);
        if (shared && c->example == 0 && r.active && !a->count) remember(a, site->tensor, &r);
        if (c->example && shared && cost.cost - cost.ideal != best.cost - best.ideal) return false;
        distance = c->example && apart(&r, &cost) != distance ? INT64_MIN : apart(&r, &cost);
        if (cost.cost < best.cost) best = cost;
    }
    if (best.cost - best.ideal > access->worst.cost - access->worst.ideal ||
        access->worst.ideal == 0) {
        access->worst = best;
        access->bytes = site->bytes;
        access->apart = distance;
    }
    return true;
}

static void measure(Accesses *a, const Site *site, Access *access)
{
    LanesCase c = {0};
    Lanes *l = &a->lanes;
    int64_t unit = site->tensor->space == IR_SHARED && site->bytes < 4 ? 4 / site->bytes : 1;
    bool ok = lanes_add_counters(l, &c, site->offset, true, unit);
    if (site->guard) ok = ok && lanes_add_counters(l, &c, site->guard, false, 1);
    for (size_t i = 0; i < l->conds.len; i++)
        ok = ok && lanes_add_counters(l, &c, l->conds.data[i].cond, false, 1);
    int64_t most = a->count ? SOME_CASES : MOST_CASES;
    int64_t cases = lanes_case_count(&c), tried = cases < most ? cases : most;
    int64_t warps = (a->k->block_size + PASS_LANES - 1) / PASS_LANES;
    int64_t next = a->count && warps > 1 ? warps - 1 : 1; /* the first and the last are some */
    for (int64_t n = 0; n < tried && ok; n++) {
        lanes_choose(&c, cases == tried ? n : n * (cases / tried));
        for (int64_t warp = 0; warp < warps && ok; warp += next)
            ok = add_warp(a, site, &c, warp, access);
    }
    access->unknown |= !ok;
}

/* ---- finding --------------------------------------------------------------------------------- */
static Access *access_of(Accesses *a, const Site *site, uint32_t origin)
{
    Span span = pass_span(a->k, origin);
    uint32_t parts[] = {span.begin, span.end, site->tensor->id, site->store};
    uint64_t key = base_hash(parts, sizeof parts, 1);
    Access *access = base_map_get(&a->found, key);
    if (access) return access;
    access = NEW(a->k->arena, Access);
    *access =
        (Access){.tensor = site->tensor, .store = site->store, .bytes = site->bytes, .span = span};
    base_map_put(&a->found, key, access);
    return access;
}

/* ldmatrix and stmatrix take the addresses of rows of 16 bytes, from 8 lanes for each matrix. */
static bool takes_rows(const IrStmt *s)
{
    return s->kind == IR_STMT_MACHINE &&
           (s->builtin == BUILTIN_LDMATRIX || s->builtin == BUILTIN_STMATRIX);
}

static void add_count(Accesses *a, const Site *site)
{
    const IrLayout *layout = site->tensor->space == IR_SHARED ? site->tensor->layout : NULL;
    if (!layout || layout->chosen < 1 || layout->chosen > a->count->count) return;
    uint32_t bit = UINT32_C(1) << (layout->chosen - 1);
    Access access = {.tensor = site->tensor};
    if (a->stmt->kind == IR_STMT_MACHINE) a->count->pinned |= bit;
    measure(a, site, &access);
    if (access.unknown) return;
    if (access.worst.cost > access.worst.ideal) a->count->conflicts |= bit;
    a->count->cost[layout->chosen - 1] += (access.worst.cost + 1) * a->count->times;
}

static void add_site(Accesses *a, const Site *site)
{
    if (a->count) {
        add_count(a, site);
        return;
    }
    bool memory = site->tensor->space == IR_SHARED || site->tensor->space == IR_PARAM;
    if (!memory || site->bytes > 16) return;
    measure(a, site, access_of(a, site, a->stmt->origin));
}

static int width(const IrTensor *t, int lanes)
{
    int bits = vocab_elem(t->elem)->bits * lanes;
    return bits < 8 ? 1 : bits / 8;
}

static int lanes_of(const IrStmt *s)
{
    if (!takes_rows(s) || !s->text) return PASS_LANES;
    return strstr(s->text, ".x1.") ? 8 : strstr(s->text, ".x2.") ? 16 : PASS_LANES;
}

static int width_of(const IrStmt *s, const IrTensor *t, int lanes)
{
    return takes_rows(s) && t->space == IR_SHARED ? ROW : width(t, lanes);
}

static void find_loads(Accesses *a, const IrExpr *e);

static void find_under(Accesses *a, const IrExpr *cond, bool holds, const IrExpr *e)
{
    VEC_PUSH(a->k->arena, a->lanes.conds, ((LanesCond){cond, holds}));
    find_loads(a, e);
    a->lanes.conds.len--;
}

static void find_loads(Accesses *a, const IrExpr *e)
{
    if (e->count == 0 || base_map_get(&a->visited, (uint64_t)e->id + 1)) return;
    base_map_put(&a->visited, (uint64_t)e->id + 1, a);
    if (e->op == IR_SELECT) {
        find_loads(a, e->args[0]);
        find_under(a, e->args[0], true, e->args[1]);
        find_under(a, e->args[0], false, e->args[2]);
        return;
    }
    if (e->op == IR_AND || e->op == IR_OR) {
        find_loads(a, e->args[0]);
        find_under(a, e->args[0], e->op == IR_AND, e->args[1]);
        return;
    }
    for (uint32_t i = 0; i < e->count; i++) find_loads(a, e->args[i]);
    if (e->op != IR_LOAD || !(e->flags & IR_LINEAR)) return;
    Site site = {.tensor = e->tensor,
                 .offset = e->args[0],
                 .guard = e->flags & IR_GUARDED ? e->args[1] : NULL,
                 .bytes = width_of(a->stmt, e->tensor, e->type.lanes),
                 .lanes = lanes_of(a->stmt)};
    add_site(a, &site);
}

static void find_store(Accesses *a, const IrStmt *s, const IrExpr *const *args)
{
    bool rows = takes_rows(s) && s->builtin == BUILTIN_STMATRIX;
    if ((s->kind != IR_STMT_STORE && !rows) || !(s->flags & IR_LINEAR)) return;
    Site site = {.tensor = s->tensor,
                 .offset = args[0],
                 .guard = s->flags & IR_GUARDED ? args[2] : NULL,
                 .bytes = width_of(s, s->tensor, args[1]->type.lanes),
                 .lanes = lanes_of(s),
                 .store = true};
    add_site(a, &site);
}

static void walk(Accesses *a, IrBlock *block);

static void walk_if(Accesses *a, const IrStmt *s, const IrExpr *cond)
{
    for (int side = 0; side < 2; side++) {
        VEC_PUSH(a->k->arena, a->lanes.conds, ((LanesCond){cond, side == 0}));
        walk(a, side ? s->other : s->body);
        a->lanes.conds.len--;
    }
}

static void walk_role(Accesses *a, const IrStmt *s)
{
    int64_t first = a->lanes.scope.first, count = a->lanes.scope.count;
    a->lanes.scope.first = s->imm;
    a->lanes.scope.count = s->imm2;
    walk(a, s->body);
    a->lanes.scope.first = first;
    a->lanes.scope.count = count;
}

/* A tensor that a statement of its own fills keeps the layout which that knows. */
static void pin(Accesses *a, const IrStmt *s)
{
    bool plain = !s->tensor || s->kind == IR_STMT_STORE || s->kind == IR_STMT_ATOMIC;
    int number = plain || !s->tensor->layout ? 0 : s->tensor->layout->chosen;
    if (number > 0 && number <= a->count->count) a->count->pinned |= UINT32_C(1) << (number - 1);
}

/* Returns how often the loop itself is come to. */
static int64_t enter_loop(Accesses *a, const IrStmt *s)
{
    int64_t lo, step, trip = 8, times = a->count->times; /* of a loop of unknown range: several */
    if (s->kind != IR_STMT_FOR && s->kind != IR_STMT_WHILE) return times;
    if (s->kind == IR_STMT_FOR && !pass_const_loop(s, &lo, &step, &trip)) trip = 8;
    if (times * trip < MANY) a->count->times *= trip;
    return times;
}

static void walk(Accesses *a, IrBlock *block)
{
    for (size_t i = 0; block && i < block->stmts.len; i++) {
        IrStmt *s = block->stmts.data[i];
        const IrExpr **args = NEW_ARRAY(a->k->arena, const IrExpr *, (size_t)s->count + 1);
        a->stmt = s;
        a->visited = base_map(a->k->arena);
        ir_set_origin(a->k, s->origin);
        for (int j = 0; j < s->count; j++) args[j] = pass_resolve(&a->lanes.scope, s->args[j]);
        for (int j = 0; j < s->count; j++) find_loads(a, args[j]);
        find_store(a, s, args);
        if (s->kind == IR_STMT_LET) lanes_enter_let(&a->lanes, s);
        if (s->kind == IR_STMT_FOR) lanes_enter_for(&a->lanes, s);
        int64_t times = a->count ? enter_loop(a, s) : 0;
        if (a->count) pin(a, s);
        if (s->kind == IR_STMT_IF) {
            walk_if(a, s, args[0]);
        } else if (s->kind == IR_STMT_ROLE) {
            walk_role(a, s);
        } else {
            walk(a, s->body);
            walk(a, s->other);
        }
        if (a->count) a->count->times = times;
    }
}

/* ---- telling --------------------------------------------------------------------------------- */
static const char *number(Accesses *a, int64_t n)
{
    return base_format(a->ctx->diags->arena, "%lld", (long long)n);
}

static void report_banks(Accesses *a, const Access *x)
{
    const PassCost *c = &x->worst;
    Diag *d = diag_report(a->ctx->diags, DIAG_BANK_CONFLICT, x->span, number(a, c->lane),
                          number(a, c->other), number(a, c->bank), x->tensor->name->text,
                          number(a, c->ways), number(a, c->cost), number(a, c->ideal));
    const SharedUse *use = base_map_get(&a->uses, (uint64_t)x->tensor->id + 1);
    const char *better = use ? accesses_better_layout(a->k, use) : NULL;
    if (better) diag_note(a->ctx->diags, d, "%s", better);
}

static void report_sectors(Accesses *a, const Access *x)
{
    const PassCost *c = &x->worst;
    const char *how = x->apart == INT64_MIN
                          ? "in different lines"
                          : base_format(a->ctx->diags->arena, "%s bytes apart",
                                        number(a, x->apart < 0 ? -x->apart : x->apart));
    diag_report(a->ctx->diags, DIAG_UNCOALESCED, x->span, number(a, c->cost), x->tensor->name->text,
                number(a, c->ideal), x->store ? "writes" : "reads", number(a, c->lane),
                number(a, c->other), how);
}

static void tabulate(Accesses *a, const Access *x)
{
    PassAccesses *table = a->ctx->options->accesses;
    if (!table) return;
    const char *name = x->tensor->name->text, *kernel = a->k->name->text;
    for (size_t i = 0; i < table->list.len; i++) { /* of another point of the tune space */
        PassAccess *old = &table->list.data[i];
        bool same = old->span.begin == x->span.begin && old->span.end == x->span.end &&
                    old->store == x->store && strcmp(old->tensor, name) == 0 &&
                    strcmp(old->kernel, kernel) == 0;
        if (!same) continue;
        if (!x->unknown && x->worst.cost - x->worst.ideal > old->cost - old->ideal) {
            old->bytes = x->bytes;
            old->cost = x->worst.cost;
            old->ideal = x->worst.ideal;
        }
        return;
    }
    PassAccess row = {.span = x->span,
                      .kernel = base_strndup(table->arena, kernel, strlen(kernel)),
                      .tensor = base_strndup(table->arena, name, strlen(name)),
                      .store = x->store,
                      .shared = x->tensor->space == IR_SHARED,
                      .bytes = x->bytes,
                      .cost = x->unknown ? 0 : x->worst.cost,
                      .ideal = x->unknown ? 0 : x->worst.ideal};
    VEC_PUSH(table->arena, table->list, row);
}

bool pass_swizzle_cost(IrKernel *k, int64_t *cost, int count)
{
    Count c = {.cost = cost, .count = count < 32 ? count : 32, .times = 1};
    Accesses a = {.k = k, .lanes = lanes_begin(k), .count = &c};
    walk(&a, k->body);
    for (int i = 0; i < c.count; i++)
        if (c.pinned >> i & 1) cost[i] = -1;
    return (c.conflicts & ~c.pinned) != 0;
}

bool pass_accesses(PassContext *ctx)
{
    if (!ctx->options->performance) return true;
    Accesses a = {.ctx = ctx, .k = ctx->k, .lanes = lanes_begin(ctx->k)};
    a.found = base_map(ctx->k->arena);
    a.uses = base_map(ctx->k->arena);
    walk(&a, ctx->k->body);
    size_t errors = ctx->diags->errors;
    for (size_t i = 0; i < a.found.len; i++) {
        const Access *x = a.found.entries[i].value;
        tabulate(&a, x);
        if (x->unknown || x->worst.cost <= x->worst.ideal) continue;
        if (x->tensor->space == IR_SHARED)
            report_banks(&a, x);
        else
            report_sectors(&a, x);
    }
    return ctx->diags->errors == errors; /* -Werror */
}
