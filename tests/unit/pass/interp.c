#include "interp.h"

static const Op operators[IR_OP_COUNT] = {
    [IR_NEG] = OP_NEG,       [IR_NOT] = OP_NOT, [IR_BITNOT] = OP_BITNOT, [IR_ADD] = OP_ADD,
    [IR_SUB] = OP_SUB,       [IR_MUL] = OP_MUL, [IR_DIV] = OP_DIV,       [IR_MOD] = OP_MOD,
    [IR_MIN] = OP_MIN,       [IR_MAX] = OP_MAX, [IR_BITAND] = OP_BITAND, [IR_BITOR] = OP_BITOR,
    [IR_BITXOR] = OP_BITXOR, [IR_SHL] = OP_SHL, [IR_SHR] = OP_SHR,       [IR_EQ] = OP_EQ,
    [IR_NE] = OP_NE,         [IR_LT] = OP_LT,   [IR_LE] = OP_LE,         [IR_GT] = OP_GT,
    [IR_GE] = OP_GE};
static const Builtin functions[IR_OP_COUNT] = {
    [IR_FMA] = BUILTIN_FMA,     [IR_SQRT] = BUILTIN_SQRT,         [IR_ABS] = BUILTIN_ABS,
    [IR_FLOOR] = BUILTIN_FLOOR, [IR_CEIL] = BUILTIN_CEIL,         [IR_TRUNC] = BUILTIN_TRUNC,
    [IR_RINT] = BUILTIN_RINT,   [IR_COPYSIGN] = BUILTIN_COPYSIGN, [IR_PRMT] = BUILTIN_PRMT};

static InterpValue fail(Interp *in, const char *what)
{
    if (!in->failure) in->failure = what;
    return (InterpValue){0};
}

static InterpValue one(Scalar s)
{
    InterpValue v = {0};
    for (int i = 0; i < INTERP_LANES; i++) v.lane[i] = s;
    return v;
}

static int64_t eval_int(Interp *in, int64_t t, const IrExpr *e)
{
    return interp_eval(in, t, e).lane[0].i;
}

/* ---- memory ---------------------------------------------------------------------------------- */
static int64_t layout_offset(const IrLayout *l, const int64_t *index)
{
    int64_t offset = 0;
    for (int i = 0; i < l->count; i++) {
        const IrLayoutDigit *d = &l->digits[i];
        int64_t v = index[d->dim] / (d->divide ? d->divide : 1);
        offset += (d->extent ? v % d->extent : v) * d->place;
    }
    int64_t mask = ((int64_t)1 << l->swizzle_bits) - 1;
    if (l->swizzle_bits) offset ^= ((offset >> l->swizzle_from) & mask) << l->swizzle_to;
    return offset;
}

static int64_t tile_slot(Interp *in, int64_t t, const IrTensor *tile, const int64_t *index)
{
    const Mapping *m = tile->over;
    int lead = tile->rank - m->rank;
    int64_t base = 0, worker = (t - in->first_thread) % m->workers;
    for (int i = 0; i < lead; i++) base = base * tile->extents[i]->value.i + index[i];
    int64_t slot = mapping_slot(m, worker, index + lead);
    if (slot < 0) fail(in, "a worker does not own the element");
    return base * m->steps + slot;
}

static int64_t element_offset(Interp *in, int64_t t, const IrTensor *x, bool linear,
                              const IrExpr *const *args)
{
    int64_t index[MAPPING_MAX_RANK + 1], offset = 0;
    if (linear) return eval_int(in, t, args[0]);
    for (int i = 0; i < x->rank; i++) index[i] = eval_int(in, t, args[i]);
    if (x->space == IR_TILE) return tile_slot(in, t, x, index);
    if (x->layout) return layout_offset(x->layout, index);
    for (int i = 0; i < x->rank; i++) {
        int64_t extent = eval_int(in, t, x->extents[i]);
        if (x->strides)
            offset += index[i] * eval_int(in, t, x->strides[i]);
        else
            offset = offset * extent + index[i];
        if (index[i] < 0 || index[i] >= extent) fail(in, "index out of bounds");
    }
    return offset;
}

Scalar *interp_element(Interp *in, int64_t t, const IrTensor *x, int64_t offset)
{
    static Scalar nowhere;
    bool own = x->space == IR_TILE || x->space == IR_PRIVATE;
    int64_t len = x->space == IR_PARAM ? in->param_len[x->param] : in->memory_len[x->id];
    if (offset < 0 || offset >= len) {
        fail(in, "access out of bounds");
        return &nowhere;
    }
    if (x->space == IR_PARAM) return &in->params[x->param][offset];
    return &in->memory[x->id][own ? t * len + offset : offset];
}

static InterpValue load(Interp *in, int64_t t, const IrExpr *e)
{
    uint32_t n = e->count - (e->flags & IR_GUARDED ? 2 : 0);
    if (n < e->count && !eval_int(in, t, e->args[n])) return interp_eval(in, t, e->args[n + 1]);
    int64_t offset = element_offset(in, t, e->tensor, e->flags & IR_LINEAR, e->args);
    InterpValue v = {0};
    if (e->type.lanes > 1 && offset % e->type.lanes) fail(in, "misaligned vector load");
    for (int i = 0; i < e->type.lanes; i++)
        v.lane[i] = *interp_element(in, t, e->tensor, offset + i);
    in->loads++;
    return v;
}

static void store(Interp *in, int64_t t, const IrStmt *s)
{
    int n = s->flags & IR_LINEAR ? 1 : s->tensor->rank;
    if (s->flags & IR_GUARDED && !eval_int(in, t, s->args[n + 1])) return;
    InterpValue v = interp_eval(in, t, s->args[n]);
    int64_t offset = element_offset(in, t, s->tensor, s->flags & IR_LINEAR, s->args);
    int lanes = s->args[n]->type.lanes;
    if (lanes > 1 && offset % lanes) fail(in, "misaligned vector store");
    for (int i = 0; i < lanes; i++) *interp_element(in, t, s->tensor, offset + i) = v.lane[i];
    in->stores++;
}

/* ---- asynchronous copies: they land when their thread waits for their group, with what is at
 * their source then ------------------------------------------------------------------------------
 */
typedef struct Copy {
    Scalar *to;
    const Scalar *from; /* NULL: `other` */
    Scalar other;
    int64_t group;
} Copy;
typedef struct InterpCopies {
    VEC(Copy) list;
    int64_t groups;
} Copies;

static bool is_async(const IrStmt *s)
{
    const IrExpr *value = s->args[s->flags & IR_LINEAR ? 1 : s->tensor->rank];
    return s->flags & IR_ASYNC && value->op == IR_LOAD;
}

static void begin_copy(Interp *in, int64_t t, const IrStmt *s)
{
    int n = s->flags & IR_LINEAR ? 1 : s->tensor->rank;
    const IrExpr *load = s->args[n];
    bool guarded = load->flags & IR_GUARDED, inside = true;
    InterpValue other = {0};
    if (s->flags & IR_GUARDED && !eval_int(in, t, s->args[n + 1])) return;
    if (guarded) inside = eval_int(in, t, load->args[load->count - 2]);
    if (!inside) other = interp_eval(in, t, load->args[load->count - 1]);
    int64_t to = element_offset(in, t, s->tensor, s->flags & IR_LINEAR, s->args), from = 0;
    if (inside) from = element_offset(in, t, load->tensor, load->flags & IR_LINEAR, load->args);
    int lanes = load->type.lanes;
    if (to % lanes || from % lanes) fail(in, "misaligned asynchronous copy");
    for (int i = 0; i < lanes; i++) {
        Copy copy = {.to = interp_element(in, t, s->tensor, to + i), .other = other.lane[i]};
        if (inside) copy.from = interp_element(in, t, load->tensor, from + i);
        copy.group = in->copies[t].groups;
        VEC_PUSH(in->arena, in->copies[t].list, copy);
        *copy.to = vocab_elem_is_float(s->tensor->elem) ? scalar_float(s->tensor->elem, -12345)
                                                        : scalar_int(s->tensor->elem, 85);
    }
    in->stores++;
}

static void land(Interp *in, int64_t t, int64_t groups)
{
    Copies *c = &in->copies[t];
    size_t kept = 0;
    for (size_t i = 0; i < c->list.len; i++) {
        Copy copy = c->list.data[i];
        if (copy.group >= c->groups - groups)
            c->list.data[kept++] = copy;
        else
            *copy.to = copy.from ? *copy.from : copy.other;
    }
    c->list.len = kept;
}

/* ---- expressions ----------------------------------------------------------------------------- */
static InterpValue eval_operator(Interp *in, int64_t t, const IrExpr *e)
{
    InterpValue a[3] = {{{{0}}}}, r = {0};
    for (uint32_t i = 0; i < e->count && i < 3; i++) a[i] = interp_eval(in, t, e->args[i]);
    for (int l = 0; l < e->type.lanes; l++) {
        Scalar args[3] = {a[0].lane[l], a[1].lane[l], a[2].lane[l]};
        bool ok = false;
        if (operators[e->op] && e->count == 1)
            ok = scalar_unary(operators[e->op], args[0], &r.lane[l]);
        else if (operators[e->op])
            ok = scalar_binary(operators[e->op], args[0], args[1], &r.lane[l]);
        else if (functions[e->op])
            ok = scalar_math(functions[e->op], args, (int)e->count, &r.lane[l]);
        else if (e->op == IR_CAST)
            r.lane[l] = scalar_cast(e->type.elem, args[0]), ok = true;
        if (!ok) fail(in, "undefined operation");
    }
    return r;
}

/* The bits of all lanes together, the first lane lowest. */
static InterpValue eval_bitcast(Interp *in, int64_t t, const IrExpr *e)
{
    InterpValue from = interp_eval(in, t, e->args[0]), r = {0};
    int old = vocab_elem(e->args[0]->type.elem)->bits, new = vocab_elem(e->type.elem)->bits;
    for (int l = 0; l < e->type.lanes; l++) {
        uint64_t bits = 0;
        for (int at = l * new; at < (l + 1) * new; at += old < new ? old : new)
            bits |= scalar_bits(from.lane[at / old]) >> at % old << (at - l * new);
        r.lane[l] = scalar_from_bits(e->type.elem, new < 64 ? bits &((1ull << new) - 1) : bits);
    }
    return r;
}

InterpValue interp_eval(Interp *in, int64_t t, const IrExpr *e)
{
    InterpValue r = {0};
    switch (e->op) {
    case IR_CONST:
        return one(e->value);
    case IR_SIZE:
        return one(scalar_int(ELEM_INDEX, in->sizes[e->imm]));
    case IR_ARG:
        return one(in->args[e->imm]);
    case IR_VAR:
        return in->vars[(size_t)t * in->k->vars.len + e->var->id];
    case IR_TID:
        return one(scalar_int(ELEM_INDEX, t));
    case IR_BID:
        return one(scalar_int(ELEM_INDEX, in->block[e->imm]));
    case IR_GDIM:
        return interp_eval(in, t, in->k->grid[e->imm]);
    case IR_AND:
        return eval_int(in, t, e->args[0]) ? interp_eval(in, t, e->args[1])
                                           : one(scalar_int(ELEM_BOOL, 0));
    case IR_OR:
        return eval_int(in, t, e->args[0]) ? one(scalar_int(ELEM_BOOL, 1))
                                           : interp_eval(in, t, e->args[1]);
    case IR_SELECT:
        return interp_eval(in, t, e->args[eval_int(in, t, e->args[0]) ? 1 : 2]);
    case IR_LOAD:
        return load(in, t, e);
    case IR_VECTOR:
        for (uint32_t i = 0; i < e->count; i++) r.lane[i] = interp_eval(in, t, e->args[i]).lane[0];
        return r;
    case IR_LANE:
        return one(interp_eval(in, t, e->args[0]).lane[e->imm]);
    case IR_SPLAT:
        return one(interp_eval(in, t, e->args[0]).lane[0]);
    case IR_BITCAST:
        return eval_bitcast(in, t, e);
    default:
        return eval_operator(in, t, e);
    }
}

/* ---- statements ------------------------------------------------------------------------------ */
/* How each thread goes on: a bit a thread would do, but bytes are simple. */
typedef struct Flow {
    bool *run;              /* still running this block of statements */
    bool *broken, *skipped; /* of the nearest loop */
} Flow;

static void run_block(Interp *in, const IrBlock *block, Flow f);

static bool *mask(Interp *in, const bool *of)
{
    size_t n = (size_t)in->k->block_size;
    bool *m = NEW_ARRAY(in->arena, bool, n);
    if (of) memcpy(m, of, n);
    return m;
}

static bool any(Interp *in, const bool *m)
{
    for (int64_t t = 0; t < in->k->block_size; t++)
        if (m[t]) return true;
    return false;
}

static InterpValue *var_at(Interp *in, int64_t t, const IrVar *var)
{
    return &in->vars[(size_t)t * in->k->vars.len + var->id];
}

static bool has_left(Interp *in, int64_t t)
{
    for (size_t i = 0; i < in->k->vars.len; i++)
        if (in->left[(size_t)t * in->k->vars.len + i]) return true;
    return false;
}

/* One iteration for the threads of `go`; takes those who broke or left out of `go`. */
static void run_iteration(Interp *in, const IrStmt *s, bool *go)
{
    Flow f = {mask(in, go), mask(in, NULL), mask(in, NULL)};
    run_block(in, s->body, f);
    for (int64_t t = 0; t < in->k->block_size; t++)
        if (f.broken[t] || has_left(in, t)) go[t] = false;
}

static void run_for(Interp *in, const IrStmt *s, const bool *run)
{
    int64_t n = in->k->block_size;
    bool *go = mask(in, run);
    int64_t *hi = NEW_ARRAY(in->arena, int64_t, (size_t)n),
            *at = NEW_ARRAY(in->arena, int64_t, (size_t)n);
    int64_t *step = NEW_ARRAY(in->arena, int64_t, (size_t)n);
    for (int64_t t = 0; t < n; t++) {
        if (!go[t]) continue;
        at[t] = eval_int(in, t, s->args[0]);
        hi[t] = eval_int(in, t, s->args[1]);
        step[t] = eval_int(in, t, s->args[2]);
    }
    while (!in->failure) {
        for (int64_t t = 0; t < n; t++) {
            go[t] = go[t] && at[t] < hi[t];
            if (go[t]) *var_at(in, t, s->var) = one(scalar_int(s->var->type.elem, at[t]));
        }
        if (!any(in, go)) return;
        run_iteration(in, s, go);
        for (int64_t t = 0; t < n; t++) at[t] += step[t];
    }
}

static int64_t digit_extent(Interp *in, int64_t t, const IrStmt *s, int64_t extent)
{
    return MAPPING_IS_RUNTIME(extent) ? eval_int(in, t, s->args[1 + MAPPING_RUNTIME_ID(extent)])
                                      : extent;
}

static void task_coords(Interp *in, int64_t t, const IrStmt *s, int64_t step)
{
    const Mapping *m = s->tasks->mapping;
    int64_t coords[MAPPING_MAX_RANK] = {0}, worker = eval_int(in, t, s->args[0]);
    for (int list = 0; list < 2; list++) {
        const MappingDigit *digits = list ? m->worker : m->time;
        int64_t rest = list ? worker : step;
        for (int i = (list ? m->worker_count : m->time_count) - 1; i >= 0; i--) {
            int64_t extent = digit_extent(in, t, s, digits[i].extent);
            int64_t value = rest % extent, stride = digits[i].stride;
            rest /= extent;
            for (int j = 0; j < digits[i].scale_count; j++)
                stride *= digit_extent(in, t, s, MAPPING_RUNTIME(digits[i].scale[j]));
            if (digits[i].dim >= 0) coords[digits[i].dim] += value * stride;
        }
    }
    for (int d = 0; d < m->rank; d++)
        *var_at(in, t, s->tasks->vars[d]) = one(scalar_int(ELEM_INDEX, coords[d]));
}

static void run_tasks(Interp *in, const IrStmt *s, const bool *run)
{
    bool *go = mask(in, run);
    for (int64_t step = 0; !in->failure && any(in, go); step++) {
        for (int64_t t = 0; t < in->k->block_size; t++) {
            int64_t steps = 1;
            if (!go[t]) continue;
            for (int i = 0; i < s->tasks->mapping->time_count; i++)
                steps *= digit_extent(in, t, s, s->tasks->mapping->time[i].extent);
            go[t] = step < steps;
            if (go[t]) task_coords(in, t, s, step);
        }
        if (any(in, go)) run_iteration(in, s, go);
    }
}

static void run_while(Interp *in, const IrStmt *s, const bool *run)
{
    bool *go = mask(in, run);
    while (!in->failure) {
        for (int64_t t = 0; t < in->k->block_size; t++)
            go[t] = go[t] && eval_int(in, t, s->args[0]);
        if (!any(in, go)) return;
        run_iteration(in, s, go);
    }
}

/* A body that some threads run; they come back unless they broke, skipped or left. */
static void run_part(Interp *in, const IrBlock *block, Flow f, bool *part)
{
    if (!block) return;
    bool *before = mask(in, part);
    run_block(in, block, (Flow){part, f.broken, f.skipped});
    for (int64_t t = 0; t < in->k->block_size; t++)
        if (before[t] && !part[t]) f.run[t] = false;
}

static void run_if(Interp *in, const IrStmt *s, Flow f)
{
    bool *then = mask(in, f.run), *otherwise = mask(in, f.run);
    for (int64_t t = 0; t < in->k->block_size; t++) {
        if (!f.run[t]) continue;
        bool c = eval_int(in, t, s->args[0]);
        then[t] = c;
        otherwise[t] = !c;
    }
    run_part(in, s->body, f, then);
    run_part(in, s->other, f, otherwise);
}

static void run_role(Interp *in, const IrStmt *s, Flow f)
{
    bool *part = mask(in, f.run);
    int64_t saved = in->first_thread;
    for (int64_t t = 0; t < in->k->block_size; t++)
        part[t] = part[t] && t >= s->imm && t < s->imm + s->imm2;
    in->first_thread = s->imm;
    run_part(in, s->body, f, part);
    in->first_thread = saved;
}

static void run_region(Interp *in, const IrStmt *s, Flow f)
{
    bool *part = mask(in, f.run);
    run_part(in, s->body, f, part);
    for (int64_t t = 0; t < in->k->block_size; t++) {
        bool *left = &in->left[(size_t)t * in->k->vars.len + s->var->id];
        if (*left) f.run[t] = true;
        *left = false;
    }
}

static void run_collective(Interp *in, const IrStmt *s, const bool *run)
{
    int64_t n = in->k->block_size;
    InterpValue *mine = NEW_ARRAY(in->arena, InterpValue, (size_t)n);
    for (int64_t t = 0; t < n; t++)
        if (run[t]) mine[t] = interp_eval(in, t, s->args[0]);
    for (int64_t t = 0; t < n; t++) {
        if (!run[t]) continue;
        int64_t base = t / 32 * 32, lane = t % 32, from = lane, bits = 0;
        int64_t by = s->count > 1 ? eval_int(in, t, s->args[1]) : 0;
        for (int64_t l = 0; l < 32 && base + l < n; l++)
            if (run[base + l] && mine[base + l].lane[0].i) bits |= (int64_t)1 << l;
        if (s->builtin == BUILTIN_SHUFFLE) from = by % 32;
        if (s->builtin == BUILTIN_SHUFFLE_XOR) from = lane ^ by;
        if (s->builtin == BUILTIN_SHUFFLE_UP && lane >= by) from = lane - by;
        if (s->builtin == BUILTIN_SHUFFLE_DOWN && lane + by < 32) from = lane + by;
        InterpValue v = mine[base + from];
        if (s->builtin == BUILTIN_UNIFORM) v = mine[t];
        if (s->builtin == BUILTIN_VOTE_ANY) v = one(scalar_int(ELEM_BOOL, bits != 0));
        if (s->builtin == BUILTIN_BALLOT) v = one(scalar_int(ELEM_U32, bits));
        *var_at(in, t, s->var) = v;
    }
}

static void run_each(Interp *in, const IrStmt *s, Flow f, int64_t t)
{
    if (s->kind == IR_STMT_LET || s->kind == IR_STMT_SET) {
        InterpValue v = interp_eval(in, t, s->args[0]);
        *var_at(in, t, s->var) = v;
    } else if (s->kind == IR_STMT_STORE) {
        if (is_async(s))
            begin_copy(in, t, s);
        else
            store(in, t, s);
    } else if (s->kind == IR_STMT_COMMIT) {
        in->copies[t].groups++;
    } else if (s->kind == IR_STMT_WAIT) {
        land(in, t, s->imm);
    } else if (s->kind == IR_STMT_BREAK) {
        f.broken[t] = true;
        f.run[t] = false;
    } else if (s->kind == IR_STMT_CONTINUE) {
        f.skipped[t] = true;
        f.run[t] = false;
    } else if (s->kind == IR_STMT_LEAVE) {
        in->left[(size_t)t * in->k->vars.len + s->var->id] = true;
        f.run[t] = false;
    } else if (s->kind == IR_STMT_ATOMIC || s->kind == IR_STMT_AWAIT ||
               s->kind == IR_STMT_MBARRIER || s->kind == IR_STMT_BULK) {
        fail(in, "not interpreted");
    }
}

static void run_block(Interp *in, const IrBlock *block, Flow f)
{
    for (size_t i = 0; i < block->stmts.len && !in->failure; i++) {
        const IrStmt *s = block->stmts.data[i];
        if (s->kind == IR_STMT_FOR) run_for(in, s, f.run);
        if (s->kind == IR_STMT_TASKS) run_tasks(in, s, f.run);
        if (s->kind == IR_STMT_WHILE) run_while(in, s, f.run);
        if (s->kind == IR_STMT_IF) run_if(in, s, f);
        if (s->kind == IR_STMT_ROLE) run_role(in, s, f);
        if (s->kind == IR_STMT_REGION) run_region(in, s, f);
        if (s->kind == IR_STMT_SCOPE) run_part(in, s->body, f, mask(in, f.run));
        if (s->kind == IR_STMT_COLLECTIVE) run_collective(in, s, f.run);
        if (s->kind == IR_STMT_MACHINE) interp_machine(in, s, f.run);
        for (int64_t t = 0; t < in->k->block_size; t++) {
            if (f.run[t] && has_left(in, t)) f.run[t] = false; /* out of a loop, to a region */
            if (f.run[t] && !s->body) run_each(in, s, f, t);
        }
    }
}

static void run_one_block(Interp *in)
{
    IrKernel *k = in->k;
    size_t threads = (size_t)k->block_size;
    in->vars = NEW_ARRAY(in->arena, InterpValue, threads * (k->vars.len + 1));
    in->left = NEW_ARRAY(in->arena, bool, threads *(k->vars.len + 1));
    in->copies = NEW_ARRAY(in->arena, Copies, threads);
    in->memory = NEW_ARRAY(in->arena, Scalar *, k->tensors.len + 1);
    in->memory_len = NEW_ARRAY(in->arena, int64_t, k->tensors.len + 1);
    for (size_t i = 0; i < k->tensors.len; i++) {
        const IrTensor *x = k->tensors.data[i];
        if (x->space == IR_PARAM) continue;
        bool own = x->space == IR_TILE || x->space == IR_PRIVATE;
        int64_t len = x->space == IR_TILE ? ir_tile_slots(x) : ir_tensor_size(x);
        in->memory_len[i] = len;
        in->memory[i] = NEW_ARRAY(in->arena, Scalar, (size_t)len * (own ? threads : 1));
        for (int64_t j = 0; x->table && j < len; j++) in->memory[i][j] = x->table[j];
    }
    Flow f = {mask(in, NULL), mask(in, NULL), mask(in, NULL)};
    memset(f.run, 1, threads);
    run_block(in, k->body, f);
}

bool interp_run(Interp *in)
{
    int64_t grid[3];
    in->block[0] = in->block[1] = in->block[2] = 0;
    in->vars = NEW_ARRAY(in->arena, InterpValue, in->k->vars.len + 1);
    for (int d = 0; d < 3; d++) grid[d] = in->k->grid[d] ? eval_int(in, 0, in->k->grid[d]) : 1;
    for (in->block[2] = 0; in->block[2] < grid[2]; in->block[2]++)
        for (in->block[1] = 0; in->block[1] < grid[1]; in->block[1]++)
            for (in->block[0] = 0; in->block[0] < grid[0]; in->block[0]++) run_one_block(in);
    return !in->failure;
}
