/* The verifier: what every pass may rely on. Rules of statements, tensors and the kernel; those of
 * expressions are in verify_expr.c. */
#include "ir/verify.h"

typedef enum { USE_NONE, USE_DEF, USE_USE, USE_OPT } VarUse;
typedef enum { TENSOR_NONE, TENSOR_WRITE, TENSOR_RMW } TensorUse;
typedef enum { PART_NONE, PART_BLOCK, PART_OPT } PartUse;

/* The columns of stmts.def. */
typedef struct Row {
    VarUse var;
    TensorUse tensor;
    PartUse body, other;
} Row;

static const Row rows[IR_STMT_COUNT] = {
#define STMT(id, text, var, tensor, args, body, other)                                             \
    [IR_STMT_##id] = {USE_##var, TENSOR_##tensor, PART_##body, PART_##other},
#include "ir/stmts.def"
#undef STMT
};

bool ir_complain(IrVerifier *v, const IrStmt *s, const IrExpr *e, const char *fmt, ...)
{
    if (v->error) return false;
    Sb sb = base_sb(v->k->arena);
    base_sb_printf(&sb, "%s", s ? ir_stmt_text(s->kind) : "kernel");
    if (e && e->op < IR_OP_COUNT) {
        base_sb_printf(&sb, ": %s `", ir_op_info(e->op)->text);
        ir_print_expr(v->k, e, &sb);
        base_sb_char(&sb, '`');
    }
    base_sb_str(&sb, ": ");
    va_list args;
    va_start(args, fmt);
    base_sb_vprintf(&sb, fmt, args);
    va_end(args);
    v->error = base_sb_text(&sb);
    return false;
}

#define RULE(cond, ...)                                                                            \
    do {                                                                                           \
        if (!(cond)) return ir_complain(v, s, NULL, __VA_ARGS__);                                  \
    } while (0)

static bool has_type(const IrExpr *e, Elem elem)
{
    return e->type.elem == elem && e->type.lanes == 1;
}

static bool same_type(IrType a, IrType b)
{
    return a.elem == b.elem && a.lanes == b.lanes;
}

bool ir_verify_tensor_use(IrVerifier *v, const IrStmt *s, const IrTensor *t)
{
    RULE(t->id < v->k->tensors.len && v->k->tensors.data[t->id] == t, "a tensor of another kernel");
    if (!t->scope) return true;
    for (size_t i = 0; i < v->enclosing.len; i++)
        if (v->enclosing.data[i] == t->scope) return true;
    RULE(false, "tensor `%s` is used outside its scope", t->name ? t->name->text : "");
}

/* ---- variables ------------------------------------------------------------------------------- */

static bool define(IrVerifier *v, const IrStmt *s, const IrVar *var)
{
    RULE(var && var->id < v->k->vars.len && v->k->vars.data[var->id] == var,
         "a variable of another kernel");
    RULE(v->vars[var->id] == VAR_OUTSIDE, "variable `%s.%u` is defined twice",
         var->name ? var->name->text : "", var->id);
    v->vars[var->id] = VAR_INSIDE;
    VEC_PUSH(v->k->arena, v->scope, var);
    return true;
}

static void leave_block(IrVerifier *v, size_t mark)
{
    while (v->scope.len > mark) v->vars[v->scope.data[--v->scope.len]->id] = VAR_LEFT;
}

static bool in_scope(IrVerifier *v, const IrStmt *s)
{
    RULE(s->var && s->var->id < v->k->vars.len && v->k->vars.data[s->var->id] == s->var,
         "a variable of another kernel");
    RULE(v->vars[s->var->id] == VAR_INSIDE, "variable `%s.%u` is not visible here",
         s->var->name ? s->var->name->text : "", s->var->id);
    return true;
}

/* ---- statements ------------------------------------------------------------------------------ */

static bool check_let(IrVerifier *v, const IrStmt *s)
{
    RULE(s->count == 1, "takes one value");
    RULE(same_type(s->var->type, s->args[0]->type), "the value has not the variable's type");
    RULE(s->kind == IR_STMT_LET || s->var->mutable, "the variable is not mutable");
    return true;
}

static bool check_indices(IrVerifier *v, const IrStmt *s, int count)
{
    RULE(s->count >= count, "too few operands for the tensor's rank");
    for (int i = 0; i < count; i++)
        RULE(has_type(s->args[i], ELEM_INDEX), "an index is not of type index");
    return true;
}

static bool check_writable(IrVerifier *v, const IrStmt *s)
{
    const IrTensor *t = s->tensor;
    RULE(t->space != IR_TABLE, "writes a table");
    RULE(t->space != IR_PARAM || t->written, "writes a read-only parameter");
    return true;
}

static bool check_store(IrVerifier *v, const IrStmt *s)
{
    int count = ir_index_count(s->tensor, s->flags), guards = s->flags & IR_GUARDED ? 1 : 0;
    if (!check_indices(v, s, count) || !check_writable(v, s)) return false;
    RULE(s->count == count + 1 + guards, "has %d operands, not %d", s->count, count + 1 + guards);
    RULE(s->args[count]->type.elem == s->tensor->elem, "the value has not the element's type");
    RULE(!guards || has_type(s->args[count + 1], ELEM_BOOL), "the guard is no bool");
    RULE(!(s->flags & IR_ASYNC) || s->tensor->space == IR_SHARED,
         "an asynchronous copy goes to shared memory");
    RULE(!(s->flags & IR_CACHE) || s->tensor->space == IR_PARAM, "a hint for no parameter");
    return true;
}

static bool check_for(IrVerifier *v, const IrStmt *s)
{
    RULE(s->count == 3, "takes lo, hi and step");
    RULE(!s->var->mutable && s->var->type.lanes == 1 && vocab_elem_is_int(s->var->type.elem),
         "the counter is no immutable integer");
    for (int i = 0; i < 3; i++)
        RULE(same_type(s->args[i]->type, s->var->type), "a bound has not the counter's type");
    RULE(!ir_is_const(s->args[2]) || s->args[2]->value.i > 0, "the step is not positive");
    return true;
}

static bool check_cond(IrVerifier *v, const IrStmt *s)
{
    RULE(s->count == 1 && has_type(s->args[0], ELEM_BOOL), "takes one bool");
    return true;
}

static bool check_tasks(IrVerifier *v, const IrStmt *s)
{
    RULE(s->tasks && s->tasks->mapping, "has no mapping");
    const Mapping *m = s->tasks->mapping;
    int runtime = 0;
    for (int i = 0; i < m->factors->count; i++) {
        const MappingFactor *f = &m->factors->factors[i];
        int rank = f->kind == MAPPING_REPLICATE || f->kind == MAPPING_DROP ? 1 : f->rank;
        for (int j = 0; j < rank; j++)
            if (MAPPING_IS_RUNTIME(f->extents[j]) && MAPPING_RUNTIME_ID(f->extents[j]) >= runtime)
                runtime = MAPPING_RUNTIME_ID(f->extents[j]) + 1;
    }
    RULE(s->count >= 1 + runtime, "lacks run-time extents");
    for (int i = 0; i < s->count; i++)
        RULE(has_type(s->args[i], ELEM_INDEX), "an operand is not of type index");
    RULE(s->tasks->level >= 1, "has level %d", s->tasks->level);
    for (int i = 0; i < m->rank; i++)
        RULE(s->tasks->vars[i] && !s->tasks->vars[i]->mutable &&
                 s->tasks->vars[i]->type.elem == ELEM_INDEX,
             "a coordinate is no immutable index");
    return true;
}

static bool check_role(IrVerifier *v, const IrStmt *s)
{
    RULE(s->imm >= 0 && s->imm2 > 0 && s->imm2 <= v->k->block_size &&
             s->imm <= v->k->block_size - s->imm2,
         "names threads that the block has not");
    RULE(s->count == 0 || (s->count == 1 && ir_is_const(s->args[0])), "has no number of registers");
    return true;
}

static bool is_loop(IrStmtKind kind)
{
    return kind == IR_STMT_FOR || kind == IR_STMT_WHILE || kind == IR_STMT_TASKS;
}

static bool check_jump(IrVerifier *v, const IrStmt *s)
{
    for (size_t i = v->enclosing.len; i-- > 0;)
        if (is_loop(v->enclosing.data[i]->kind)) return true;
    RULE(false, "stands in no loop");
}

static bool check_leave(IrVerifier *v, const IrStmt *s)
{
    for (size_t i = v->enclosing.len; i-- > 0;)
        if (v->enclosing.data[i]->kind == IR_STMT_REGION && v->enclosing.data[i]->var == s->var)
            return true;
    RULE(false, "stands outside its region");
}

static bool check_barrier(IrVerifier *v, const IrStmt *s)
{
    RULE((unsigned)s->scope <= IR_SCOPE_GRID, "has no scope");
    RULE(s->scope != IR_SCOPE_GROUP || s->imm > 0, "a group's barrier states its threads");
    RULE(s->scope != IR_SCOPE_CLUSTER || v->k->cluster, "a cluster's barrier needs clusters");
    RULE(s->scope != IR_SCOPE_GRID || v->k->resident, "a grid's barrier needs a resident kernel");
    return true;
}

static bool check_collective(IrVerifier *v, const IrStmt *s)
{
    const BuiltinInfo *info = vocab_builtin(s->builtin);
    bool uniform = s->builtin == BUILTIN_UNIFORM; /* of a barrier's group; others, of a warp */
    RULE(uniform || info->cls == BUILTIN_COLLECTIVE, "`%s` is no collective", info->text);
    if (uniform && !check_barrier(v, s)) return false;
    RULE(s->count == info->arity && s->count > 0, "%s takes %d operands", info->text, info->arity);
    bool vote = s->builtin == BUILTIN_VOTE_ANY || s->builtin == BUILTIN_VOTE_ALL;
    IrType want = s->args[0]->type;
    if (s->builtin == BUILTIN_BALLOT) want = (IrType){ELEM_U32, 1};
    if (vote || s->builtin == BUILTIN_BALLOT)
        RULE(has_type(s->args[0], ELEM_BOOL), "the operand is no bool");
    RULE(same_type(s->var->type, want), "the variable has not the result's type");
    return true;
}

static bool check_atomic(IrVerifier *v, const IrStmt *s)
{
    const BuiltinInfo *info = vocab_builtin(s->builtin);
    RULE(info->cls == BUILTIN_ATOMIC, "`%s` is no atomic", info->text);
    int count = ir_index_count(s->tensor, s->flags), values = ir_atomic_values(s->builtin);
    int guards = s->flags & IR_GUARDED ? 1 : 0;
    if (!check_indices(v, s, count)) return false;
    RULE(s->count == count + values + guards, "%s has %d operands", info->text, s->count);
    RULE(s->tensor->space == IR_PARAM || s->tensor->space == IR_SHARED,
         "works on global and shared tensors");
    if (s->builtin != BUILTIN_ATOMIC_LOAD && !check_writable(v, s)) return false;
    for (int i = 0; i < values; i++)
        RULE(has_type(s->args[count + i], s->tensor->elem), "a value has not the element's type");
    RULE(!guards || has_type(s->args[s->count - 1], ELEM_BOOL), "the guard is no bool");
    RULE(!s->var || same_type(s->var->type, (IrType){s->tensor->elem, 1}),
         "the variable has not the element's type");
    RULE((unsigned)s->order <= IR_ACQ_REL && (unsigned)s->scope <= IR_SCOPE_GRID, "has no order");
    return true;
}

/* `mma`: sums, then the fragments of a and b; `ldmatrix`: a row of eight elements; `stmatrix`: the
 * fragment. Fragments are consecutive slots of tiles or private arrays. */
static bool check_machine(IrVerifier *v, const IrStmt *s)
{
    const BuiltinInfo *info = vocab_builtin(s->builtin);
    bool mma = s->builtin == BUILTIN_MMA;
    RULE(mma || s->builtin == BUILTIN_LDMATRIX || s->builtin == BUILTIN_STMATRIX,
         "`%s` is no machine instruction", info->text);
    RULE(s->text, "has no text");
    RULE(s->flags & IR_LINEAR && s->count == (mma ? 3 : 2), "has %d operands", s->count);
    if (!check_indices(v, s, 1) || !check_writable(v, s)) return false;
    for (int i = 1; i < s->count; i++) RULE(s->args[i]->op == IR_LOAD, "operand %d is no load", i);
    return true;
}

static bool check_mbarrier(IrVerifier *v, const IrStmt *s)
{
    int count = ir_index_count(s->tensor, s->flags);
    bool named = s->builtin == BUILTIN_BARRIER_SYNC || s->builtin == BUILTIN_BARRIER_ARRIVE;
    bool arrive = named || s->builtin == BUILTIN_MBARRIER_ARRIVE;
    RULE(arrive || s->builtin == BUILTIN_MBARRIER_WAIT || s->builtin == BUILTIN_MBARRIER_EXPECT,
         "`%s` is not done with an mbarrier", vocab_builtin(s->builtin)->text);
    RULE(named == (s->tensor->barrier > 0), "the tensor has barriers of another kind");
    RULE(s->tensor->arrivals > 0 && v->k->waits, "the tensor has no mbarriers");
    RULE(s->count == count + (arrive ? 0 : 1), "has %d operands", s->count);
    return check_indices(v, s, s->count);
}

static bool is_place(const IrExpr *e, bool mbarrier)
{
    return e->op == IR_LOAD && e->tensor->space == IR_SHARED && !(e->flags & IR_GUARDED) &&
           (e->tensor->arrivals > 0) == mbarrier && !e->tensor->barrier;
}

static bool check_bulk(IrVerifier *v, const IrStmt *s)
{
    int rank = s->tensor->rank;
    bool load = s->builtin == BUILTIN_TMA_LOAD;
    RULE(load || s->builtin == BUILTIN_TMA_STORE, "`%s` is done by no copy engine",
         vocab_builtin(s->builtin)->text);
    RULE(s->tensor->space == IR_PARAM && (load || s->tensor->written) && v->k->waits,
         "the tensor is no parameter to copy");
    int count = 2 * rank + (load ? 2 : 1);
    bool mask = load && s->count == count + 1;
    RULE(s->count == count || mask, "has %d operands", s->count);
    RULE(!mask || (v->k->cluster && has_type(s->args[count], ELEM_INDEX)), "no mask of blocks");
    for (int i = 0; i < rank; i++) RULE(ir_is_const(s->args[rank + i]), "the box varies");
    RULE(is_place(s->args[2 * rank], false), "no place in shared memory");
    RULE(!load || is_place(s->args[2 * rank + 1], true), "no mbarrier");
    return check_indices(v, s, 2 * rank);
}

static bool check_wait(IrVerifier *v, const IrStmt *s)
{
    RULE(s->imm >= 0 && s->count == 0, "waits for %lld groups", (long long)s->imm);
    return true;
}

static bool check_order(IrVerifier *v, const IrStmt *s)
{
    bool known = s->builtin == BUILTIN_WGMMA_FENCE || s->builtin == BUILTIN_WGMMA_COMMIT ||
                 s->builtin == BUILTIN_WGMMA_WAIT;
    RULE(known, "`%s` orders nothing", vocab_builtin(s->builtin)->text);
    return check_wait(v, s);
}

static bool check_trap(IrVerifier *v, const IrStmt *s)
{
    RULE(s->count >= 1 && has_type(s->args[0], ELEM_BOOL), "takes a condition");
    RULE(s->text, "has no text");
    return true;
}

static bool check_print(IrVerifier *v, const IrStmt *s)
{
    RULE(s->text, "has no text");
    int places = 0;
    for (const char *at = s->text; ir_print_piece(v->k->arena, &at), at;) places++;
    RULE(places == s->count, "has %d places for %d operands", places, s->count);
    return true;
}

static bool check_bare(IrVerifier *v, const IrStmt *s)
{
    RULE(s->count == 0, "takes no operands");
    return true;
}

typedef bool (*Check)(IrVerifier *v, const IrStmt *s);

static const Check checks[IR_STMT_COUNT] = {
    [IR_STMT_LET] = check_let,           [IR_STMT_SET] = check_let,
    [IR_STMT_STORE] = check_store,       [IR_STMT_FOR] = check_for,
    [IR_STMT_TASKS] = check_tasks,       [IR_STMT_IF] = check_cond,
    [IR_STMT_WHILE] = check_cond,        [IR_STMT_ROLE] = check_role,
    [IR_STMT_REGION] = check_bare,       [IR_STMT_LEAVE] = check_leave,
    [IR_STMT_BREAK] = check_jump,        [IR_STMT_CONTINUE] = check_jump,
    [IR_STMT_BARRIER] = check_barrier,   [IR_STMT_COLLECTIVE] = check_collective,
    [IR_STMT_ATOMIC] = check_atomic,     [IR_STMT_AWAIT] = check_cond,
    [IR_STMT_TRAP] = check_trap,         [IR_STMT_PRINT] = check_print,
    [IR_STMT_SCOPE] = check_bare,        [IR_STMT_COMMIT] = check_bare,
    [IR_STMT_WAIT] = check_wait,         [IR_STMT_MACHINE] = check_machine,
    [IR_STMT_MBARRIER] = check_mbarrier, [IR_STMT_BULK] = check_bulk,
    [IR_STMT_BULK_COMMIT] = check_bare,  [IR_STMT_BULK_WAIT] = check_wait,
    [IR_STMT_ORDER] = check_order,
};

/* What the rows of stmts.def and flags.def say. */
static bool check_row(IrVerifier *v, const IrStmt *s)
{
    const Row *row = &rows[s->kind];
    RULE(s->origin > 0 && s->origin < v->k->origins.len, "no origin");
    RULE(row->var == USE_OPT || (s->var != NULL) == (row->var != USE_NONE), "%s variable",
         s->var ? "a needless" : "no");
    RULE((s->tensor != NULL) == (row->tensor != TENSOR_NONE), "%s tensor",
         s->tensor ? "a needless" : "no");
    RULE(row->body == PART_OPT || (s->body != NULL) == (row->body == PART_BLOCK), "%s body",
         s->body ? "a needless" : "no");
    RULE(row->other == PART_OPT || (s->other != NULL) == (row->other == PART_BLOCK), "%s else",
         s->other ? "a needless" : "no");
    RULE(s->count >= 0 && (s->count == 0 || s->args), "no operands");
    for (const IrFlagInfo *f = ir_flags; f->flag; f++)
        RULE(!(s->flags & f->flag) || f->kinds >> s->kind & 1, "has the flag `%s`", f->text);
    if (s->tensor && !ir_verify_tensor_use(v, s, s->tensor)) return false;
    return row->var != USE_USE || in_scope(v, s);
}

static bool verify_block(IrVerifier *v, const IrBlock *block);

static bool define_inner(IrVerifier *v, const IrStmt *s)
{
    if (s->kind == IR_STMT_FOR || s->kind == IR_STMT_REGION) return define(v, s, s->var);
    for (int i = 0; s->kind == IR_STMT_TASKS && i < s->tasks->mapping->rank; i++)
        if (!define(v, s, s->tasks->vars[i])) return false;
    return true;
}

static bool verify_bodies(IrVerifier *v, const IrStmt *s)
{
    size_t mark = v->scope.len;
    if (!define_inner(v, s)) return false;
    VEC_PUSH(v->k->arena, v->enclosing, s);
    bool ok = (!s->body || verify_block(v, s->body)) && (!s->other || verify_block(v, s->other));
    v->enclosing.len--;
    leave_block(v, mark);
    return ok;
}

static bool verify_stmt(IrVerifier *v, const IrStmt *s)
{
    if (!s) return ir_complain(v, NULL, NULL, "a statement is missing");
    if ((unsigned)s->kind >= IR_STMT_COUNT) return ir_complain(v, NULL, NULL, "no such statement");
    if (!check_row(v, s)) return false;
    v->stamp++;
    for (int i = 0; i < s->count; i++)
        if (!ir_verify_expr(v, s, s->args[i])) return false;
    if (checks[s->kind] && !checks[s->kind](v, s)) return false;
    if (s->body) return verify_bodies(v, s);
    bool defines = rows[s->kind].var == USE_DEF || (rows[s->kind].var == USE_OPT && s->var);
    return !defines || define(v, s, s->var);
}

static bool verify_block(IrVerifier *v, const IrBlock *block)
{
    size_t mark = v->scope.len;
    for (size_t i = 0; i < block->stmts.len; i++)
        if (!verify_stmt(v, block->stmts.data[i])) return false;
    leave_block(v, mark);
    return true;
}

/* ---- tensors, kernel ------------------------------------------------------------------------- */

static bool check_layout(IrVerifier *v, const IrTensor *t)
{
    const IrStmt *s = NULL;
    const char *name = t->name ? t->name->text : "";
    for (int i = 0; i < t->layout->count; i++) {
        const IrLayoutDigit *d = &t->layout->digits[i];
        RULE(d->dim >= 0 && d->dim < t->rank && d->divide >= 1 && d->extent >= 0,
             "tensor `%s` has a broken layout", name);
    }
    RULE(t->layout->size >= 0, "tensor `%s` has a broken layout", name);
    return true;
}

static bool verify_tensor(IrVerifier *v, const IrTensor *t, uint32_t id)
{
    const IrStmt *s = NULL;
    RULE(t && t->id == id, "tensor %u has another id", id);
    const char *name = t->name ? t->name->text : "";
    RULE(t->rank >= 0 && t->rank <= MAPPING_MAX_RANK, "tensor `%s` has rank %d", name, t->rank);
    RULE(t->elem != ELEM_NONE && t->elem < ELEM_COUNT, "tensor `%s` has no element type", name);
    RULE(t->origin < v->k->origins.len && t->origin, "tensor `%s` has no origin", name);
    for (int i = 0; i < t->rank; i++) {
        if (!ir_verify_expr(v, NULL, t->extents[i])) return false;
        RULE(has_type(t->extents[i], ELEM_INDEX), "an extent of `%s` is no index", name);
        RULE(t->space == IR_PARAM || ir_is_const(t->extents[i]) ||
                 (t->space == IR_SHARED && ir_for_host(t->extents[i])),
             "an extent of `%s` varies", name);
        if (!t->strides) continue;
        if (!ir_verify_expr(v, NULL, t->strides[i])) return false;
        RULE((t->space == IR_PARAM || t->space == IR_SHARED) && has_type(t->strides[i], ELEM_INDEX),
             "strides of `%s`", name);
    }
    if (t->storage && !ir_verify_expr(v, NULL, t->storage)) return false;
    RULE(!t->storage ||
             (t->space == IR_SHARED && has_type(t->storage, ELEM_INDEX) && ir_for_host(t->storage)),
         "storage of `%s`", name);
    RULE(!t->arrivals || (t->space == IR_SHARED && t->elem == ELEM_U64 && !t->scope),
         "mbarriers `%s` do not lie in the block's shared memory", name);
    RULE(!t->of || (t->space == IR_SHARED && t->of->space == IR_SHARED && !t->of->of &&
                    t->rank == t->of->rank + 1 && v->k->cluster),
         "`%s` is of no shared tensor of a cluster", name);
    RULE(!t->barrier || (t->arrivals > 0 && t->arrivals % 32 == 0 && ir_tensor_size(t) > 0 &&
                         t->barrier + ir_tensor_size(t) <= IR_BARRIERS),
         "the hardware has no barriers `%s`", name);
    RULE((t->space == IR_TABLE) == (t->table != NULL), "table `%s` has no elements", name);
    RULE(!t->over || (t->space == IR_TILE && t->over->rank <= t->rank),
         "tensor `%s` has a mapping of rank %d", name, t->over ? t->over->rank : 0);
    return !t->layout || check_layout(v, t);
}

static bool verify_header(IrVerifier *v)
{
    const IrKernel *k = v->k;
    const IrStmt *s = NULL;
    RULE(k->name && k->body && k->block_size >= 1, "no name, body or block");
    int64_t threads = 1;
    bool fits = true;
    for (int i = 0; i < 3; i++) fits = fits && base_mul(threads, k->block_dims[i], &threads);
    RULE(fits && threads == k->block_size, "the block's dimensions do not make its size");
    for (int i = 0; i < 3; i++) {
        if (!ir_verify_expr(v, NULL, k->grid[i])) return false;
        RULE(has_type(k->grid[i], ELEM_INDEX), "a grid extent is no index");
    }
    for (size_t i = 0; i < k->params.len; i++) {
        const IrParam *p = &k->params.data[i];
        RULE(p->is_tensor == (p->tensor != NULL), "parameter %zu", i);
        if (!p->is_tensor) continue;
        RULE(p->tensor->id < k->tensors.len && k->tensors.data[p->tensor->id] == p->tensor &&
                 p->tensor->space == IR_PARAM && p->tensor->param == (int)i,
             "parameter %zu is not its tensor's", i);
    }
    for (size_t i = 0; i < k->requires.len; i++) {
        if (!ir_verify_expr(v, NULL, k->requires.data[i].cond)) return false;
        RULE(has_type(k->requires.data[i].cond, ELEM_BOOL), "a `require` is no bool");
    }
    for (size_t i = 0; i < k->tensors.len; i++)
        if (!verify_tensor(v, k->tensors.data[i], (uint32_t)i)) return false;
    return true;
}

const char *ir_verify(const IrKernel *kernel)
{
    IrVerifier v = {.k = kernel, .stamp = 1};
    v.checked = NEW_ARRAY(kernel->arena, bool, kernel->expr_count);
    v.stamps = NEW_ARRAY(kernel->arena, uint32_t, kernel->expr_count);
    v.vars = NEW_ARRAY(kernel->arena, uint8_t, kernel->vars.len);
    if (verify_header(&v)) verify_block(&v, kernel->body);
    return v.error;
}
