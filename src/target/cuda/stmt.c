/* Statements that only CUDA writes this way: what threads do together, stores of vectors, traps. */
#include "target/cuda/cuda.h"
#include "target/maps.h"

static void put(CWriter *w, const char *text)
{
    base_sb_str(w->out, text);
}

/* `const T name = ` where the statement has a result. */
static void open_result(CWriter *w, const IrStmt *s)
{
    cfamily_open(w);
    if (!s->var) return;
    put(w, s->var->mutable ? "" : "const ");
    cfamily_type(w, s->var->type);
    base_sb_printf(w->out, " %s = ", w->var_names[s->var->id]);
}

/* ---- barriers -------------------------------------------------------------------------------- */

/* The hardware's barrier for groups of this size among the current role's threads. */
static const CudaBarrier *barrier_of(Cuda *cuda, int64_t threads)
{
    for (size_t i = 0; i < cuda->barriers.len; ++i) {
        const CudaBarrier *b = &cuda->barriers.data[i];
        if (b->begin == cuda->role_begin && b->size == cuda->role_size && b->threads == threads)
            return b;
    }
    CudaBarrier b = {cuda->role_begin, cuda->role_size, threads, cuda->next_barrier};
    int64_t groups = (b.size + threads - 1) / threads;
    if (groups > IR_BARRIERS - b.id)
        base_internal(base_arena_escape(cuda->kernel->arena), "more than %d barriers of groups",
                      IR_BARRIERS - 1);
    cuda->next_barrier += (int)groups;
    VEC_PUSH(cuda->kernel->arena, cuda->barriers, b);
    return &VEC_LAST(cuda->barriers);
}

static void group_barrier(Cuda *cuda, int64_t threads)
{
    CWriter *w = &cuda->w;
    const CudaBarrier *b = barrier_of(cuda, threads);
    long long n = (long long)threads;
    if (b->size <= threads)
        cfamily_line(w, "hd_group_sync(%d, %lld);", b->id, n);
    else if (b->begin == 0)
        cfamily_line(w, "hd_group_sync(%d + (int)(thread / %lld), %lld);", b->id, n, n);
    else
        cfamily_line(w, "hd_group_sync(%d + (int)((thread - %lld) / %lld), %lld);", b->id,
                     (long long)b->begin, n, n);
}

static void barrier(Cuda *cuda, const IrStmt *s)
{
    CWriter *w = &cuda->w;
    int64_t threads = s->imm ? s->imm : cuda->kernel->block_size;
    bool group = s->scope == IR_SCOPE_GROUP && threads < cuda->kernel->block_size;
    if (s->scope == IR_SCOPE_CLUSTER)
        cfamily_line(w, "hd_cluster_sync();");
    else if (s->scope == IR_SCOPE_GRID)
        cfamily_line(w, "hd_grid_sync(hd_words, hd_report);");
    else if (s->scope == IR_SCOPE_WARP || (group && threads <= 32))
        cfamily_line(w, "__syncwarp();");
    else if (group)
        group_barrier(cuda, threads);
    else
        cfamily_line(w, "__syncthreads();");
}

/* ---- collectives, atomics -------------------------------------------------------------------- */

static void collective(CWriter *w, const IrStmt *s)
{
    static const char *const votes[BUILTIN_COUNT] = {
        [BUILTIN_VOTE_ANY] = "__any_sync",
        [BUILTIN_VOTE_ALL] = "__all_sync",
        [BUILTIN_BALLOT] = "__ballot_sync",
    };
    const char *vote = votes[s->builtin];
    open_result(w, s);
    if (s->builtin == BUILTIN_UNIFORM) {
        cfamily_expr(w, s->args[0], C_ANY);
        cfamily_close(w, ";");
        return;
    }
    if (vote)
        base_sb_printf(w->out, "%s(0xffffffffu", vote);
    else
        base_sb_printf(w->out, "hd_%s(", vocab_builtin(s->builtin)->text);
    for (int i = 0; i < s->count; ++i) {
        if (i || vote) put(w, ", ");
        cfamily_expr(w, s->args[i], C_ANY);
    }
    cfamily_close(w, ");");
}

static void atomic_name(CWriter *w, const IrStmt *s)
{
    Elem elem = s->tensor->elem;
    const char *op = strchr(vocab_builtin(s->builtin)->text, '.') + 1;
    bool arithmetic = s->builtin == BUILTIN_ATOMIC_ADD || s->builtin == BUILTIN_ATOMIC_MIN ||
                      s->builtin == BUILTIN_ATOMIC_MAX;
    bool bitwise = s->builtin == BUILTIN_ATOMIC_AND || s->builtin == BUILTIN_ATOMIC_OR ||
                   s->builtin == BUILTIN_ATOMIC_XOR;
    if (arithmetic || (bitwise && (elem == ELEM_I32 || elem == ELEM_U32)))
        base_sb_printf(w->out, "hd_atomic_%s_%s(", op, cfamily_suffix(w, elem));
    else
        base_sb_printf(w->out, "hd_atomic_%s<%s>(", op, target_cuda_elem_type(w, elem));
}

static void atomic(CWriter *w, const IrStmt *s)
{
    static const char *const orders[] = {"HD_RELAXED", "HD_ACQUIRE", "HD_RELEASE", "HD_ACQ_REL"};
    int count = cfamily_index_count(s->tensor, s->flags);
    open_result(w, s);
    atomic_name(w, s);
    put(w, "&");
    cfamily_element(w, s->tensor, cfamily_offset(w, s->tensor, s->flags, s->args));
    for (int i = count; i < s->count; ++i) {
        put(w, ", ");
        cfamily_expr(w, s->args[i], C_ANY);
    }
    if (s->order != IR_RELAXED)
        base_sb_printf(w->out, ", %s, %s", orders[s->order],
                       s->scope > IR_SCOPE_BLOCK ? "HD_DEVICE" : "HD_BLOCK");
    cfamily_close(w, ");");
}

static void await(Cuda *cuda, const IrStmt *s)
{
    CWriter *w = &cuda->w;
    const char *pause = cuda->traps ? "hd_pause_unless(hd_report);" : "hd_pause();";
    if (ir_is_const(s->args[0])) { /* the loop is around it */
        cfamily_line(w, "%s", pause);
        return;
    }
    cfamily_open(w);
    put(w, "while (!");
    cuda->awaiting = true;
    cfamily_expr(w, s->args[0], C_POSTFIX);
    cuda->awaiting = false;
    put(w, ") ");
    cfamily_close(w, pause);
    cfamily_line(w, "hd_fence(HD_DEVICE);");
}

/* hd_barrier_sync(number, threads) */
static void named_barrier(CWriter *w, const IrStmt *s)
{
    base_sb_printf(w->out, "hd_barrier_%s(", strchr(vocab_builtin(s->builtin)->text, '.') + 1);
    const IrExpr *first = ir_index(w->kernel, s->tensor->barrier);
    const IrExpr *i = cfamily_offset(w, s->tensor, s->flags, s->args);
    put(w, "(int)");
    cfamily_expr(w, ir_binary(w->kernel, IR_ADD, first, i), C_UNARY);
    base_sb_printf(w->out, ", %lld", (long long)s->tensor->arrivals);
    cfamily_close(w, ");");
}

/* mbarrier.wait and the like; the functions have the names of the prelude. */
static void mbarrier(CWriter *w, const IrStmt *s)
{
    int count = cfamily_index_count(s->tensor, s->flags);
    cfamily_open(w);
    if (s->tensor->barrier) {
        named_barrier(w, s);
        return;
    }
    const IrTensor *t = s->tensor;
    const IrExpr *offset = cfamily_offset(w, t, s->flags, s->args);
    const IrExpr *block = t->of ? cfamily_block_of(w, &offset) : NULL;
    bool others = w->kernel->cluster && s->builtin == BUILTIN_MBARRIER_WAIT;
    base_sb_printf(w->out, "hd_mbarrier_%s%s(&%s[",
                   strchr(vocab_builtin(s->builtin)->text, '.') + 1,
                   t->of    ? "_of_block"
                   : others ? "_cluster"
                            : "",
                   w->tensor_names[t->id]);
    cfamily_expr(w, offset, C_ANY);
    put(w, "]");
    if (block) {
        put(w, ", (unsigned int)");
        cfamily_expr(w, block, C_UNARY);
    }
    for (int i = count; i < s->count; ++i) {
        put(w, ", (unsigned int)");
        cfamily_expr(w, s->args[i], C_UNARY);
    }
    cfamily_close(w, ");");
}

/* What follows the first template argument of a copy, by its hint. */
static const char *policy(uint32_t flags)
{
    static const char *const texts[] = {"", ", HD_EVICT_FIRST", ", HD_EVICT_LAST"};
    return texts[vocab_cache(ir_cache(flags))->policy];
}

/* The address of the element that a LOAD would read. */
static void place(CWriter *w, const IrExpr *load)
{
    put(w, "&");
    cfamily_element(w, load->tensor, cfamily_offset(w, load->tensor, load->flags, load->args));
}

/* tma.load and tma.store: the engine counts coordinates from the fastest dimension. */
static void bulk(Cuda *cuda, const IrStmt *s)
{
    CWriter *w = &cuda->w;
    int rank = s->tensor->rank;
    cfamily_open(w);
    const IrExpr *mask = ir_bulk_mask(s);
    base_sb_printf(w->out, "hd_tma_%s<%d%s>(",
                   mask ? "multicast" : strchr(vocab_builtin(s->builtin)->text, '.') + 1, rank,
                   policy(s->flags));
    place(w, s->args[2 * rank]);
    base_sb_printf(w->out, ", &hd_map_%d", target_map(cuda->variant, s));
    if (s->count > 2 * rank + 1) {
        put(w, ", ");
        place(w, s->args[2 * rank + 1]);
    }
    if (mask) {
        put(w, ", (unsigned short)");
        cfamily_expr(w, mask, C_UNARY);
    }
    for (int d = rank - 1; d >= 0; --d) {
        put(w, ", (int)");
        cfamily_expr(w, s->args[d], C_UNARY);
    }
    cfamily_close(w, ");");
}

/* ---- stores ---------------------------------------------------------------------------------- */

static void guard(CWriter *w, const IrStmt *s, int count)
{
    cfamily_open(w);
    if (!(s->flags & IR_GUARDED)) return;
    put(w, "if (");
    cfamily_expr(w, s->args[count + 1], C_ANY);
    put(w, ") ");
}

/* Before a 4-bit value that is stored; other threads may have neighbours in memory. */
static void packed_store(CWriter *w, const IrTensor *t, const IrExpr *offset)
{
    const char *name = cfamily_tensor(w, t, &offset);
    base_sb_printf(w->out, "hd_%s_%s(%s, ", target_cuda_is_local(t) ? "set" : "store",
                   vocab_elem(t->elem)->text, name);
    cfamily_expr(w, offset, C_ANY);
}

/* A vector to where single elements lie: registers, or two to a byte. */
static void scatter(CWriter *w, const IrStmt *s, int count, const IrExpr *offset)
{
    IrType type = s->args[count]->type;
    const char *value = cfamily_fresh(w, "lanes");
    guard(w, s, count);
    put(w, "{ const ");
    cfamily_type(w, type);
    base_sb_printf(w->out, " %s = ", value);
    cfamily_expr(w, s->args[count], C_ANY);
    put(w, ";");
    for (int i = 0; i < type.lanes; ++i) {
        bool local = target_cuda_is_spread(w, s->tensor);
        put(w, " ");
        const IrExpr *at = ir_binary(w->kernel, IR_ADD, offset, ir_index(w->kernel, i));
        if (local)
            cfamily_element(w, s->tensor, at);
        else
            packed_store(w, s->tensor, at);
        base_sb_printf(w->out, "%s%s.lane[%d]%s;", local ? " = " : ", ", value, i,
                       local ? "" : ")");
    }
    cfamily_close(w, " }");
}

/* Of the byte, where two values share one. */
static void address(CWriter *w, const IrTensor *t, uint32_t flags, const IrExpr *const *index)
{
    const IrExpr *offset = cfamily_offset(w, t, flags, index);
    if (cfamily_is_packed(t->elem))
        offset = ir_binary(w->kernel, IR_DIV, offset, ir_index(w->kernel, 2));
    base_sb_printf(w->out, "&%s[", w->tensor_names[t->id]);
    cfamily_expr(w, offset, C_ANY);
    put(w, "]");
}

/* hd_async_copy<bytes>(&to[…], &from[…], condition) */
static bool async_store(CWriter *w, const IrStmt *s)
{
    int bytes = ir_async_bytes(s), count = cfamily_index_count(s->tensor, s->flags);
    if (bytes == 0) return false;
    const IrExpr *load = s->args[count];
    guard(w, s, count);
    base_sb_printf(w->out, "hd_async_copy<%d%s>(", bytes, policy(load->flags));
    address(w, s->tensor, s->flags, s->args);
    put(w, ", ");
    address(w, load->tensor, load->flags, load->args);
    if (load->flags & IR_GUARDED) {
        put(w, ", ");
        cfamily_expr(w, load->args[load->count - 2], C_ANY);
    } else if (*policy(load->flags)) {
        put(w, ", true");
    }
    cfamily_close(w, ");");
    return true;
}

/* hd_store_streaming<T>(&x[…], value) */
static void hinted_store(CWriter *w, const IrStmt *s, const IrExpr *value, const IrExpr *offset)
{
    base_sb_printf(w->out, "hd_store_%s<", vocab_cache(ir_cache(s->flags))->text);
    cfamily_type(w, value->type);
    put(w, ">(");
    if (value->type.lanes > 1 || value->type.elem != s->tensor->elem) {
        put(w, "(");
        cfamily_type(w, value->type);
        put(w, " *)");
    }
    base_sb_printf(w->out, "&%s[", w->tensor_names[s->tensor->id]);
    cfamily_expr(w, offset, C_ANY);
    put(w, "], ");
    cfamily_expr(w, value, C_ANY);
    cfamily_close(w, ");");
}

static bool store(CWriter *w, const IrStmt *s)
{
    if (async_store(w, s)) return true;
    const IrTensor *t = s->tensor;
    int count = cfamily_index_count(t, s->flags), lanes = s->args[count]->type.lanes;
    bool packed = cfamily_is_packed(t->elem), local = target_cuda_is_spread(w, t);
    bool hinted = s->flags & IR_CACHE;
    if (lanes == 1 && !hinted && !(packed && target_cuda_is_local(t))) return false;
    const IrExpr *offset = cfamily_offset(w, t, s->flags, s->args);
    if (lanes > 1 && (local || packed)) {
        scatter(w, s, count, offset);
        return true;
    }
    guard(w, s, count);
    if (packed && !local) {
        packed_store(w, t, offset);
        put(w, ", ");
        cfamily_expr(w, s->args[count], C_ANY);
        cfamily_close(w, ");");
        return true;
    }
    const IrExpr *value = s->args[count]; /* the bits of a vector go to memory as they are: */
    if (lanes > 1 && value->op == IR_BITCAST) value = value->args[0];
    if (hinted) {
        hinted_store(w, s, value, offset);
        return true;
    }
    if (lanes > 1) {
        put(w, "*(");
        cfamily_type(w, value->type);
        put(w, " *)&");
    }
    cfamily_element(w, t, offset);
    put(w, " = ");
    cfamily_expr(w, value, C_ANY);
    cfamily_close(w, ";");
    return true;
}

/* ---- traps, prints --------------------------------------------------------------------------- */

static void trap(Cuda *cuda, const IrStmt *s)
{
    CWriter *w = &cuda->w;
    int site = target_site(w->kernel->arena, cuda->instance, w->kernel, s->origin,
                           s->text ? s->text : "assertion failed");
    cfamily_open(w);
    put(w, "if (!");
    cfamily_expr(w, s->args[0], C_POSTFIX);
    base_sb_printf(w->out, ") { hd_trap(hd_report, %d", site);
    for (int i = 1; i <= 4; ++i) {
        put(w, ", ");
        if (i < s->count)
            cfamily_expr(w, s->args[i], C_SELECT);
        else
            put(w, "0");
    }
    /* A named barrier would wait for an ended thread. */
    cfamily_close(w, cuda->waits ? "); __trap(); }" : "); hd_exit(); }");
}

static void print_format(Sb *out, const IrExpr *e)
{
    Elem elem = e->type.elem;
    ElemClass cls = vocab_elem(elem)->cls;
    base_sb_str(out, cls == CLASS_BOOL    ? "%s"
                     : elem == ELEM_F64   ? "%.17g"
                     : cls == CLASS_FLOAT ? "%.9g"
                     : elem == ELEM_U64   ? "%llu"
                                          : "%lld");
}

static void print_operand(CWriter *w, const IrExpr *e)
{
    ElemClass cls = vocab_elem(e->type.elem)->cls;
    if (cls == CLASS_FLOAT) {
        put(w, ", (double)");
        cfamily_wide(w, e, C_UNARY);
        return;
    }
    if (cls != CLASS_BOOL)
        put(w, e->type.elem == ELEM_U64 ? ", " : ", (long long)");
    else
        put(w, ", ");
    cfamily_expr(w, e, cls == CLASS_BOOL ? C_OR : C_UNARY);
    if (cls == CLASS_BOOL) put(w, " ? \"true\" : \"false\"");
}

static void print(CWriter *w, const IrStmt *s)
{
    Sb format = base_sb(w->kernel->arena);
    const char *text = s->text;
    for (int i = 0; text; ++i) {
        for (const char *c = ir_print_piece(w->kernel->arena, &text); *c; ++c)
            base_sb_printf(&format, *c == '%' ? "%%%c" : "%c", *c);
        if (text) print_format(&format, s->args[i]);
    }
    base_sb_char(&format, '\n');
    cfamily_open(w);
    put(w, "printf(");
    cfamily_string(w->out, base_sb_text(&format));
    for (int i = 0; i < s->count; ++i) print_operand(w, s->args[i]);
    cfamily_close(w, ");");
}

/* ---- roles, scopes --------------------------------------------------------------------------- */

/* A thread starts with an equal part of the 65536 that a block of its size can have at most. */
static void registers(Cuda *cuda, int count)
{
    int64_t each = 65536 / cuda->kernel->block_size / 8 * 8;
    if (count != each)
        cfamily_line(&cuda->w, "hd_registers_%s<%d>();", count < each ? "down" : "up", count);
}

static void role(Cuda *cuda, const IrStmt *s)
{
    CWriter *w = &cuda->w;
    int64_t begin = cuda->role_begin, size = cuda->role_size, end = s->imm + s->imm2;
    if (s->imm == 0)
        cfamily_line(w, "if (thread < %lld) {", (long long)end);
    else if (end >= cuda->kernel->block_size)
        cfamily_line(w, "if (thread >= %lld) {", (long long)s->imm);
    else
        cfamily_line(w, "if (thread >= %lld && thread < %lld) {", (long long)s->imm,
                     (long long)end);
    cuda->role_begin = s->imm;
    cuda->role_size = s->imm2;
    ++w->depth;
    if (s->count) registers(cuda, (int)s->args[0]->value.i);
    cfamily_block(w, s->body);
    --w->depth;
    cuda->role_begin = begin;
    cuda->role_size = size;
    cfamily_line(w, "}");
}

bool target_cuda_stmt(CWriter *w, const IrStmt *s)
{
    Cuda *cuda = w->user;
    bool opens = s->kind == IR_STMT_SCOPE && cuda->overlaid;
    /* Before another thread has an engine, or a product, come to what this one wrote. */
    bool signals = opens || s->kind == IR_STMT_BARRIER ||
                   (s->kind == IR_STMT_MBARRIER && s->builtin != BUILTIN_MBARRIER_WAIT);
    if (signals && cuda->fences)
        cfamily_line(w, "hd_fence_engines%s();", cuda->reaches ? "_of_blocks" : "");
    if (opens) cfamily_line(w, "__syncthreads();");
    if (s->kind == IR_STMT_BARRIER)
        barrier(cuda, s);
    else if (s->kind == IR_STMT_COLLECTIVE)
        collective(w, s);
    else if (s->kind == IR_STMT_ATOMIC)
        atomic(w, s);
    else if (s->kind == IR_STMT_AWAIT)
        await(cuda, s);
    else if (s->kind == IR_STMT_MBARRIER)
        mbarrier(w, s);
    else if (s->kind == IR_STMT_BULK)
        bulk(cuda, s);
    else if (s->kind == IR_STMT_BULK_COMMIT)
        cfamily_line(w, "hd_tma_commit();");
    else if (s->kind == IR_STMT_BULK_WAIT)
        cfamily_line(w, "hd_tma_wait<%lld>();", (long long)s->imm);
    else if (s->kind == IR_STMT_TRAP)
        trap(cuda, s);
    else if (s->kind == IR_STMT_PRINT)
        print(w, s);
    else if (s->kind == IR_STMT_ROLE)
        role(cuda, s);
    else if (s->kind == IR_STMT_ORDER)
        target_cuda_order(w, s);
    else if (s->kind == IR_STMT_MACHINE)
        target_cuda_machine(w, s);
    else if (s->kind == IR_STMT_COMMIT)
        cfamily_line(w, "hd_async_commit();");
    else if (s->kind == IR_STMT_WAIT)
        cfamily_line(w, "hd_async_wait<%lld>();", (long long)s->imm);
    else if (s->kind == IR_STMT_STORE)
        return store(w, s);
    else
        return false;
    return true;
}
