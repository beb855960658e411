/* A kernel as a C function over a range of blocks.
 *
 * Each variant becomes two functions. `<symbol>` is what the module's table names: it reads the
 * arguments and calls `<symbol>_blocks`, whose parameters are `restrict`, so that the C compiler
 * knows what the host has checked: nothing overlaps. */
#include "runtime/library.h"
#include "target/cpu/cpu.h"
#include "target/maps.h"
#include "target/shared.h"
#include "target/texts.h"

/* Local arrays above this many bytes lie in the worker's memory: a resident kernel's stack is
 * small. */
enum { LARGE = 8192, ALIGN = 64 };

const char *target_abi_text(void)
{
    return runtime_module_text();
}

static int64_t bytes_of(const IrTensor *t)
{
    return (ir_tensor_size(t) * vocab_elem(t->elem)->bits + 7) / 8;
}

/* Local arrays: shared tensors, tiles, private arrays, tables. Large ones lie in the worker's
 * memory and are parameters of the kernel's body. */
static bool is_large(const IrTensor *t)
{
    return ir_tensor_size(t) < 0 || bytes_of(t) > LARGE;
}

/* Minimum or maximum of a float and a constant that is neither zero nor NaN? */
static bool has_bound(const IrExpr *e)
{
    if ((e->op != IR_MIN && e->op != IR_MAX) || e->type.lanes != 1) return false;
    if (e->type.elem != ELEM_F32 && e->type.elem != ELEM_F64) return false;
    double b = ir_is_const(e->args[1]) ? e->args[1]->value.f : 0;
    return b > 0 || b < 0;
}

/* ---- parameters ------------------------------------------------------------------------------ */

static bool is_local(const IrTensor *t)
{
    return t->space == IR_SHARED || t->space == IR_PRIVATE || t->space == IR_TILE;
}

typedef struct Uses {
    bool *tensors;
    bool streams, trades;
    bool *async; /* by tensor id: has asynchronous stores */
    Map bounds;  /* constants beside which floats are compared, by expression id + 1 */
} Uses;

static void note_tensor(Uses *uses, const IrTensor *t)
{
    uses->tensors[t->id] = true;
    if (t->of) uses->tensors[t->of->id] = true;
}

static bool note_load(void *user, const IrExpr *e)
{
    Uses *uses = user;
    if (e->op == IR_LOAD) note_tensor(uses, e->tensor);
    if (has_bound(e))
        base_map_put(&uses->bounds, (uint64_t)e->args[1]->id + 1, (void *)(uintptr_t)e->args[1]);
    return false;
}

static bool note_stmt(void *user, IrStmt *s)
{
    Uses *uses = user;
    if (s->tensor) note_tensor(uses, s->tensor);
    if (s->kind == IR_STMT_FOR && (s->flags & IR_STREAM)) uses->streams = true;
    if (s->kind == IR_STMT_MBARRIER || s->kind == IR_STMT_BULK) uses->trades = true;
    if (s->kind == IR_STMT_STORE && (s->flags & IR_ASYNC)) uses->async[s->tensor->id] = true;
    for (int i = 0; i < s->count; ++i) ir_any(s->args[i], note_load, user);
    return true;
}

/* The element type as it lies in memory. */
const char *target_cpu_memory_type(CWriter *w, Elem elem)
{
    return cfamily_is_packed(elem) ? "uint8_t" : cfamily_elem_type(w, elem);
}

static void parameter(CWriter *w, const IrTensor *t, bool constant)
{
    base_sb_printf(w->out, ",\n        %s%s *restrict %s", constant ? "const " : "",
                   target_cpu_memory_type(w, t->elem), w->tensor_names[t->id]);
}

static bool is_parameter(const IrTensor *t)
{
    return t->space == IR_PARAM || (is_local(t) && is_large(t));
}

static void signature(Cpu *cpu, const Uses *uses)
{
    CWriter *w = &cpu->w;
    base_sb_printf(w->out,
                   "static __attribute__((noinline)) void %s_blocks(const HdCpuArgs *args, "
                   "int64_t hd_begin, int64_t hd_end",
                   cpu->symbol);
    for (size_t i = 0; i < cpu->kernel->tensors.len; ++i) {
        const IrTensor *t = cpu->kernel->tensors.data[i];
        if (uses->tensors[i] && is_parameter(t))
            parameter(w, t, t->space == IR_PARAM && !t->written);
    }
    cfamily_close(w, ")");
}

/* ---- local arrays ---------------------------------------------------------------------------- */

void target_cpu_table(CWriter *w, const IrTensor *t)
{
    cfamily_open(w);
    base_sb_printf(w->out, "static const %s %s[] = {", target_cpu_memory_type(w, t->elem),
                   w->tensor_names[t->id]);
    for (int64_t i = 0; i < ir_tensor_size(t); ++i) {
        Scalar value = t->table[i];
        if (cfamily_is_narrow(t->elem) && t->elem != ELEM_TF32) {
            base_sb_printf(w->out, "{%llu}, ", (unsigned long long)scalar_bits(value));
        } else if (vocab_elem_is_float(t->elem) && !(value.f - value.f == 0)) {
            base_sb_str(w->out, value.f > 0   ? "__builtin_inff(), "
                                : value.f < 0 ? "-__builtin_inff(), "
                                              : "__builtin_nanf(\"\"), ");
        } else {
            if (t->elem == ELEM_TF32) value.elem = ELEM_F32;
            cfamily_literal(w, value, C_ANY);
            base_sb_str(w->out, ", ");
        }
    }
    cfamily_close(w, "};");
}

static void local_arrays(Cpu *cpu, const Uses *uses)
{
    CWriter *w = &cpu->w;
    for (size_t i = 0; i < cpu->kernel->tensors.len; ++i) {
        const IrTensor *t = cpu->kernel->tensors.data[i];
        if (!uses->tensors[i] || is_parameter(t)) continue;
        if (t->space == IR_TABLE) {
            target_cpu_table(w, t);
            continue;
        }
        int64_t bytes = bytes_of(t), size = vocab_elem_bytes(t->elem);
        cfamily_line(w, "%s %s[%lld] __attribute__((aligned(%d)));",
                     target_cpu_memory_type(w, t->elem), w->tensor_names[t->id],
                     (long long)((bytes + size - 1) / size), bytes >= ALIGN ? ALIGN : 16);
    }
}

static void bounds(CWriter *w, const Uses *uses)
{
    for (size_t i = 0; i < uses->bounds.len; ++i) {
        const IrExpr *e = uses->bounds.entries[i].value;
        cfamily_open(w);
        cfamily_type(w, e->type);
        base_sb_printf(w->out, " hd_bound_%u = ", e->id);
        cfamily_expr(w, e, C_ANY);
        base_sb_printf(w->out, "; HD_OPAQUE(hd_bound_%u)", e->id);
        cfamily_close(w, ";");
    }
}

/* ---- sizes, coordinates ---------------------------------------------------------------------- */

void target_cpu_sizes(Cpu *cpu)
{
    CWriter *w = &cpu->w;
    for (size_t i = 0; i < cpu->kernel->sizes.len; ++i)
        cfamily_line(w, "const hd_index %s = (hd_index)args->sizes[%zu];", w->size_names[i], i);
    for (size_t i = 0; i < cpu->kernel->params.len; ++i) {
        const IrParam *p = &cpu->kernel->params.data[i];
        if (p->is_tensor) continue;
        const char *type = cfamily_elem_type(w, p->elem);
        if (p->elem == ELEM_INDEX)
            cfamily_line(w, "const hd_index %s = (hd_index)*(const int64_t *)args->scalars[%zu];",
                         w->param_names[i], i);
        else
            cfamily_line(w, "const %s %s = *(const %s *)args->scalars[%zu];", type,
                         w->param_names[i], type, i);
    }
    for (int d = 0; d < 3; ++d)
        cfamily_line(w, "const hd_index grid_%c = (hd_index)args->grid[%d];", 'x' + d, d);
}

void target_cpu_coordinates(CWriter *w)
{
    cfamily_line(w, "const hd_index block_x = (hd_index)(hd_block %% args->grid[0]);");
    cfamily_line(w, "const hd_index block_y = (hd_index)(hd_block / args->grid[0] %% "
                    "args->grid[1]);");
    cfamily_line(w, "const hd_index block_z = (hd_index)(hd_block / args->grid[0] / "
                    "args->grid[1]);");
}

/* ---- functions ------------------------------------------------------------------------------- */

static void blocks_function(Cpu *cpu, const Uses *uses)
{
    CWriter *w = &cpu->w;
    signature(cpu, uses);
    cfamily_line(w, "{");
    ++w->depth;
    cfamily_line(w, "typedef int%d_t hd_index;", w->index_bits);
    target_cpu_sizes(cpu);
    local_arrays(cpu, uses);
    if (!cpu->check) bounds(w, uses);
    if (cpu->check) cfamily_line(w, "HdWatch hd_watch = {.seed = args->seed};");
    cfamily_line(w, "for (int64_t hd_block = hd_begin; hd_block < hd_end; ++hd_block) {");
    ++w->depth;
    cfamily_line(w, "if (hd_trapped(args->trap)) break;");
    target_cpu_coordinates(w);
    if (cpu->check)
        cfamily_line(w, "hd_watch_begin(&hd_watch, %lld);", (long long)cpu->kernel->block_size);
    cfamily_block(w, cpu->kernel->body);
    w->depth -= 2;
    cfamily_line(w, "    }");
    if (cpu->check) cfamily_line(w, "hd_stop: hd_watch_end(&hd_watch);");
    if (uses->streams) cfamily_line(w, "    hd_stream_end();");
    cfamily_line(w, "}");
}

/* The bytes of a tensor in the worker's memory, and a line more, so that the next one's accesses do
 * not meet its own in the cache. */
const IrExpr *target_cpu_room(IrKernel *k, const IrTensor *t)
{
    const IrExpr *bytes = target_tensor_bytes(k, t);
    bytes = ir_binary(k, IR_ADD, bytes, ir_index(k, 2 * ALIGN - 1));
    return ir_binary(k, IR_MUL, ir_binary(k, IR_DIV, bytes, ir_index(k, ALIGN)),
                     ir_index(k, ALIGN));
}

const char *target_cpu_expr_text(CWriter *w, const IrExpr *e)
{
    Sb text = base_sb(w->kernel->arena), *out = w->out;
    w->out = &text;
    cfamily_expr(w, e, C_UNARY);
    w->out = out;
    return base_sb_text(&text);
}

static void entry_function(Cpu *cpu, const Uses *uses)
{
    CWriter *w = &cpu->w;
    IrKernel *k = w->kernel;
    Sb call = base_sb(k->arena);
    const IrExpr *bytes = ir_index(k, 0);
    for (size_t i = 0; i < cpu->kernel->tensors.len; ++i) {
        const IrTensor *t = cpu->kernel->tensors.data[i];
        if (!uses->tensors[i] || !is_parameter(t)) continue;
        if (t->space == IR_PARAM) {
            base_sb_printf(&call, ",\n        args->tensors[%d]", t->param);
        } else {
            base_sb_printf(&call, ",\n        (void *)(hd_memory + %s)",
                           target_cpu_expr_text(w, bytes));
            bytes = ir_binary(k, IR_ADD, bytes, target_cpu_room(k, t));
        }
    }
    cfamily_line(w, "static void %s(const HdCpuArgs *args, int64_t begin, int64_t end)",
                 cpu->symbol);
    cfamily_line(w, "{");
    ++w->depth;
    if (!ir_is_const(bytes)) {
        cfamily_line(w, "typedef int%d_t hd_index;", w->index_bits);
        target_cpu_sizes(cpu);
    }
    if (!ir_is_int(bytes, 0)) {
        const char *count = target_cpu_expr_text(w, bytes);
        cfamily_line(w, "char *hd_memory = args->scratch(args->pool, (uint64_t)%s);", count);
        cfamily_line(w, "if (!hd_memory) return;");
    }
    --w->depth;
    cfamily_line(w, "    %s_blocks(args, begin, end%s);", cpu->symbol, base_sb_text(&call));
    cfamily_line(w, "}");
    base_sb_char(w->out, '\n');
}

/* min(x, 89.0), where the C compiler shall not see the constant. */
static bool bounded(CWriter *w, const IrExpr *e)
{
    if (!has_bound(e)) return false;
    base_sb_printf(w->out, "hd_%s_bound_%s(", e->op == IR_MIN ? "min" : "max",
                   cfamily_suffix(w, e->type.elem));
    cfamily_expr(w, e->args[0], C_ANY);
    base_sb_printf(w->out, ", hd_bound_%u)", e->args[1]->id);
    return true;
}

/* a, b, c of min(min(a, b), c). */
static int operands_of(const IrExpr *e, IrOp op, const IrExpr **operands)
{
    if (e->op != op || has_bound(e)) {
        operands[0] = e;
        return 1;
    }
    int count = operands_of(e->args[0], op, operands);
    return count + operands_of(e->args[1], op, operands + count);
}

static int count_operands(const IrExpr *e, IrOp op)
{
    if (e->op != op || has_bound(e)) return 1;
    return count_operands(e->args[0], op) + count_operands(e->args[1], op);
}

/* The least or greatest of several. */
static bool extreme(CWriter *w, const IrExpr *e)
{
    enum { LEAST = 4, MOST = 64 };
    const IrExpr *operands[MOST];
    if ((e->op != IR_MIN && e->op != IR_MAX) || e->type.lanes != 1) return false;
    int count = e->type.elem == ELEM_F32 ? count_operands(e, e->op) : 0;
    if (count < LEAST || count > MOST) return false;
    operands_of(e, e->op, operands);
    base_sb_printf(w->out, "hd_range_%s_f32(", e->op == IR_MIN ? "min" : "max");
    for (int i = 1; i < count; i++) base_sb_str(w->out, "hd_range_with_f32(");
    for (int i = 0; i < count; i++) {
        base_sb_str(w->out, i == 0 ? "hd_range_f32(" : ", ");
        cfamily_expr(w, operands[i], C_ANY);
        base_sb_str(w->out, ")");
    }
    base_sb_str(w->out, ")");
    return true;
}

static bool plain_expr(CWriter *w, const IrExpr *e, CPrec prec)
{
    return bounded(w, e) || extreme(w, e) || target_cpu_vector(w, e, prec);
}

/* Watched accesses are long, and not unrolled: C compilers take minutes for hundreds of them. */
static const CHooks CHECKED = {.stmt = target_cpu_checked_stmt,
                               .expr = target_cpu_checked_expr,
                               .vector_type = target_cpu_vector_type,
                               .unroll = "_Pragma(\"GCC unroll 1\")"};
static const CHooks HOOKS = {
    .stmt = target_cpu_stmt, .expr = plain_expr, .vector_type = target_cpu_vector_type};

/* Threads one by one: what a C compiler would gain from unrolled loops is not worth its time. */
static const CHooks THREADS = {.stmt = target_cpu_stmt,
                               .expr = target_cpu_vector,
                               .vector_type = target_cpu_vector_type,
                               .unroll = "_Pragma(\"GCC unroll 1\")"};

static void emit_variant(Arena *arena, TargetInstance *instance, TargetVariant *variant,
                         const char *symbol, bool check, Sb *out)
{
    IrKernel *k = variant->cpu;
    Cpu cpu = {.instance = instance, .kernel = k, .symbol = symbol, .check = check};
    cpu.w = cfamily_writer(k, out, check ? &CHECKED : &HOOKS, &cpu, variant->index_bits);
    const IrStmt *first = k->body->stmts.len ? k->body->stmts.data[0] : NULL;
    if (check && first && first->kind == IR_STMT_LET) cpu.who = first->var; /* fission's */
    Uses uses = {.tensors = NEW_ARRAY(arena, bool, k->tensors.len + 1), .bounds = base_map(arena)};
    cpu.async = uses.async = NEW_ARRAY(arena, bool, k->tensors.len + 1);
    ir_walk(k->body, note_stmt, &uses);
    cpu.trades = uses.trades;
    base_sb_printf(out, "/* %s%s%s */\n", k->name->text, k->instance && *k->instance ? " " : "",
                   k->instance ? k->instance : "");
    variant->cpu_symbol = symbol;
    if (k->waits) {
        cpu.w.hooks = check ? &CHECKED : &THREADS;
        target_cpu_threads(&cpu, uses.tensors);
        return;
    }
    blocks_function(&cpu, &uses);
    cpu.w.lines = false;
    entry_function(&cpu, &uses);
}

/* The most blocks whose threads run together as coroutines; 0: there are no such threads. */
static int64_t waiting_blocks(const TargetModule *module)
{
    int64_t most = 0;
    for (int i = 0; i < module->kernel_count; ++i)
        for (int j = 0; j < module->kernels[i].instance_count; ++j) {
            const TargetInstance *instance = &module->kernels[i].instances[j];
            for (int v = 0; v < instance->variant_count; ++v) {
                const IrKernel *k = instance->variants[v].cpu;
                int64_t blocks = k && k->cluster ? k->cluster : 1;
                if (k && k->waits && blocks > most) most = blocks;
            }
        }
    return most;
}

void target_cpu_emit(Arena *arena, TargetModule *module, Sb *out)
{
    for (int i = TEXT_CPU_PRELUDE; i <= TEXT_CPU_APPROX; ++i) base_sb_str(out, target_text(i));
    base_sb_char(out, '\n');
    if (module->check) base_sb_str(out, target_text(TEXT_CPU_WATCH));
    if (module->check) base_sb_str(out, "#define HD_WATCHED 1\n");
    int64_t waiting = waiting_blocks(module);
    if (waiting) base_sb_printf(out, "#define HD_MOST_BLOCKS %lld\n", (long long)waiting);
    for (int i = TEXT_CPU_CLOCKS; waiting && i <= TEXT_CPU_BLOCKS; ++i)
        base_sb_str(out, target_text(i));
    for (int i = 0; i < module->kernel_count; ++i) {
        TargetKernel *kernel = &module->kernels[i];
        for (int j = 0; j < kernel->instance_count; ++j) {
            TargetInstance *instance = &kernel->instances[j];
            for (int v = 0; v < instance->variant_count; ++v) {
                TargetVariant *variant = &instance->variants[v];
                if (!variant->cpu) continue;
                target_collect_maps(arena, variant);
                const char *symbol = target_symbol(arena, instance->kernel, j, v);
                emit_variant(arena, instance, variant, symbol, module->check, out);
            }
        }
    }
}

void target_cpu_module(Arena *arena, TargetModule *module, Sb *out)
{
    base_sb_str(out, target_abi_text());
    base_sb_char(out, '\n');
    target_cpu_emit(arena, module, out);
    target_tables(arena, module, out);
}
