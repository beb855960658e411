/* A kernel as CUDA C++: one `extern "C" __global__` function for each variant, and before all of
 * them what they need of the device prelude. The arguments are those that runtime/module.h lists.
 */
#include "target/cuda/cuda.h"
#include "target/maps.h"

static const CHooks HOOKS = {
    .elem_type = target_cuda_elem_type,
    .vector_type = target_cuda_vector_type,
    .expr = target_cuda_expr,
    .stmt = target_cuda_stmt,
    .unroll = "#pragma unroll",
    .roll = "#pragma unroll 1",
};

/* ---- tables ---------------------------------------------------------------------------------- */

static void table_element(CWriter *w, Scalar value)
{
    if (cfamily_is_narrow(value.elem) && value.elem != ELEM_TF32) {
        base_sb_printf(w->out, "{0x%llx}", (unsigned long long)scalar_bits(value));
    } else if (vocab_elem_is_float(value.elem) && !(value.f - value.f == 0)) {
        /* Not a function of the prelude: these are initialised before anything runs. */
        const char *f = value.elem == ELEM_F64 ? "" : "f";
        base_sb_printf(w->out, "%s%s / 0.0%s",
                       value.f > 0   ? "1.0"
                       : value.f < 0 ? "-1.0"
                                     : "0.0",
                       f, f);
    } else {
        if (value.elem == ELEM_TF32) value.elem = ELEM_F32;
        cfamily_literal(w, value, C_ANY);
    }
}

/* Constant tables are global: a name of the kernel's own before their own. */
static void tables(Cuda *cuda, const Map *words)
{
    CWriter *w = &cuda->w;
    for (size_t i = 0; i < cuda->kernel->tensors.len; ++i) {
        const IrTensor *t = cuda->kernel->tensors.data[i];
        if (t->space != IR_TABLE || !target_cuda_has_word(words, w->tensor_names[i])) continue;
        int64_t size = ir_tensor_size(t);
        bool packed = cfamily_is_packed(t->elem);
        base_sb_printf(w->out, "static __device__ const %s %s[%lld] = {",
                       target_cuda_memory_type(w, t), w->tensor_names[i],
                       (long long)(packed ? (size + 1) / 2 : size));
        for (int64_t j = 0; j < size; j += packed ? 2 : 1) {
            if (j) base_sb_str(w->out, j % 8 ? ", " : ",\n    ");
            uint64_t high = packed && j + 1 < size ? scalar_bits(t->table[j + 1]) << 4 : 0;
            if (packed)
                base_sb_printf(w->out, "%llu",
                               (unsigned long long)(scalar_bits(t->table[j]) | high));
            else
                table_element(w, t->table[j]);
        }
        base_sb_str(w->out, "};\n\n");
    }
}

static void name_tables(Cuda *cuda)
{
    for (size_t i = 0; i < cuda->kernel->tensors.len; ++i)
        if (cuda->kernel->tensors.data[i]->space == IR_TABLE)
            cuda->w.tensor_names[i] =
                base_format(cuda->kernel->arena, "%s_%s", cuda->symbol, cuda->w.tensor_names[i]);
}

/* ---- signature ------------------------------------------------------------------------------- */

static const char *const GRID[] = {"grid_x", "grid_y", "grid_z"};

/* Sizes and the like arrive as 64-bit integers; where the index is narrower, the narrow one has
 * their own name. */
static const char *wide(const CWriter *w)
{
    return w->index_bits == 32 ? "hd_" : "";
}

static void parameter(CWriter *w, const IrParam *p, const char *name, Sb *out)
{
    base_sb_str(out, ",\n    ");
    if (!p->is_tensor && p->elem == ELEM_INDEX)
        base_sb_printf(out, "long long %s%s", wide(w), name);
    else if (!p->is_tensor)
        base_sb_printf(out, "%s %s", target_cuda_elem_type(w, p->elem), name);
    else
        base_sb_printf(out, "%s%s *__restrict__ %s", p->tensor->written ? "" : "const ",
                       target_cuda_memory_type(w, p->tensor), name);
}

static void signature(Cuda *cuda)
{
    CWriter *w = &cuda->w;
    const IrKernel *k = cuda->kernel;
    Sb list = base_sb(k->arena);
    for (size_t i = 0; i < k->params.len; ++i)
        parameter(w, &k->params.data[i], w->param_names[i], &list);
    for (size_t i = 0; i < k->sizes.len; ++i)
        base_sb_printf(&list, "%slong long %s%s", i ? ", " : ",\n    ", wide(w), w->size_names[i]);
    for (int d = 0; d < 3; ++d)
        base_sb_printf(&list, "%slong long %s%s", d ? ", " : ",\n    ", wide(w), GRID[d]);
    base_sb_printf(&list, ", %s *hd_report", cuda->traps ? "HdTrap" : "void");
    if (k->resident) base_sb_str(&list, ", unsigned int *hd_words");
    for (size_t i = 0; i < cuda->variant->maps.len; ++i)
        base_sb_printf(&list, ",\n    const __grid_constant__ HdTensorMap hd_map_%zu", i);
    /* Blocks that an SM must hold: without a number the compiler would rather spill a little than
     * let fewer fit. */
    base_sb_printf(w->out, "extern \"C\" __global__ void __launch_bounds__(%lld, %lld) ",
                   (long long)k->block_size, k->occupancy ? (long long)k->occupancy : 1);
    if (k->cluster) base_sb_printf(w->out, "__cluster_dims__(%lld, 1, 1) ", (long long)k->cluster);
    base_sb_printf(w->out, "%s(%s)\n", cuda->symbol, base_sb_text(&list) + 1);
}

/* ---- what the body starts from --------------------------------------------------------------- */

static void narrow(CWriter *w, const Map *words, const char *name)
{
    if (w->index_bits == 32 && target_cuda_has_word(words, name))
        cfamily_line(w, "const int %s = (int)hd_%s;", name, name);
}

static bool is_one(const IrExpr *extent)
{
    return !extent || ir_is_int(extent, 1);
}

/* The block's coordinates out of its linear number. A variant with a 32-bit index is only taken
 * where the number of blocks is below 2^31. */
static void block_coordinates(Cuda *cuda, const Map *words)
{
    CWriter *w = &cuda->w;
    const IrKernel *k = cuda->kernel;
    bool small = w->index_bits == 32, y = !is_one(k->grid[1]), z = !is_one(k->grid[2]);
    const char *type = target_cuda_elem_type(w, ELEM_INDEX), *word = small ? "unsigned int" : type;
    const char *number = "hd_block";
    if (!small) {
        cfamily_line(w, "const long long hd_block = "
                        "blockIdx.x + (long long)gridDim.x * blockIdx.y;");
        cfamily_line(w, "if (hd_block >= grid_x%s%s) return;", y ? " * grid_y" : "",
                     z ? " * grid_z" : "");
    } else {
        number = "blockIdx.x";
    }
    if (target_cuda_has_word(words, "block_x"))
        cfamily_line(
            w, y || z ? "const %s block_x = (%s)(%s %% (%s)grid_x);" : "const %s block_x = (%s)%s;",
            type, type, number, word);
    if (target_cuda_has_word(words, "block_y"))
        cfamily_line(w,
                     !y  ? "const %s block_y = 0;"
                     : z ? "const %s block_y = (%s)(%s / (%s)grid_x %% (%s)grid_y);"
                         : "const %s block_y = (%s)(%s / (%s)grid_x);",
                     type, type, number, word, word);
    if (target_cuda_has_word(words, "block_z"))
        cfamily_line(w,
                     !z  ? "const %s block_z = 0;"
                     : y ? "const %s block_z = (%s)(%s / (%s)grid_x / (%s)grid_y);"
                         : "const %s block_z = (%s)(%s / (%s)grid_x);",
                     type, type, number, word, word);
}

static void sizes(Cuda *cuda, const Map *words)
{
    CWriter *w = &cuda->w;
    const IrKernel *k = cuda->kernel;
    for (size_t i = 0; i < k->sizes.len; ++i) narrow(w, words, w->size_names[i]);
    for (size_t i = 0; i < k->params.len; ++i)
        if (!k->params.data[i].is_tensor && k->params.data[i].elem == ELEM_INDEX)
            narrow(w, words, w->param_names[i]);
    bool axes = target_cuda_has_word(words, "block_x") || target_cuda_has_word(words, "block_y") ||
                target_cuda_has_word(words, "block_z");
    bool y = !is_one(k->grid[1]), z = !is_one(k->grid[2]);
    for (int d = 0; d < 3; ++d) {
        bool divides = axes && ((d == 0 && (y || z)) || (d == 1 && y && z));
        if (w->index_bits == 32 && (divides || target_cuda_has_word(words, GRID[d])))
            cfamily_line(w, "const int %s = (int)hd_%s;", GRID[d], GRID[d]);
    }
    if (axes || w->index_bits == 64) block_coordinates(cuda, words);
    const char *type = target_cuda_elem_type(w, ELEM_INDEX);
    if (target_cuda_has_word(words, "thread"))
        cfamily_line(w, "const %s thread = (%s)threadIdx.x;", type, type);
}

static void local_arrays(Cuda *cuda, const Map *words)
{
    CWriter *w = &cuda->w;
    for (size_t i = 0; i < cuda->kernel->tensors.len; ++i) {
        const IrTensor *t = cuda->kernel->tensors.data[i];
        if (!target_cuda_is_local(t) || !target_cuda_has_word(words, w->tensor_names[i])) continue;
        int64_t size = t->space == IR_TILE ? ir_tile_slots(t) : ir_tensor_size(t);
        bool bytes = cfamily_is_packed(t->elem) && !target_cuda_is_spread(w, t);
        cfamily_line(w, "%s%s %s[%lld];", target_cuda_is_fragment(cuda, t) ? "__align__(16) " : "",
                     target_cuda_memory_type(w, t), w->tensor_names[i],
                     (long long)(bytes ? size / 2 : size));
    }
}

/* Before anything else, one thread makes the mbarriers, and the others wait for it. */
static void mbarriers(Cuda *cuda, const Map *words)
{
    CWriter *w = &cuda->w;
    bool any = false;
    uint32_t origin = 0;
    for (size_t i = 0; i < cuda->kernel->tensors.len; ++i) {
        const IrTensor *t = cuda->kernel->tensors.data[i];
        const char *name = w->tensor_names[i];
        if (!t->arrivals || t->barrier || t->of || !target_cuda_has_word(words, name)) continue;
        origin = t->origin;
        if (!any) cfamily_line(w, "if (threadIdx.x == 0) {");
        any = true;
        ++w->depth;
        cfamily_line(w, "for (int i = 0; i < %lld; ++i) hd_mbarrier_init(&%s[i], %lld);",
                     (long long)ir_tensor_size(t), name, (long long)t->arrivals);
        --w->depth;
    }
    if (!any) return;
    cfamily_line(w, "    hd_mbarrier_ready();");
    cfamily_line(w, "}");
    const IrBlock *body = cuda->kernel->body;
    const IrStmt *first = body->stmts.len ? body->stmts.data[0] : NULL;
    bool meets = first && first->kind == IR_STMT_BARRIER && first->scope >= IR_SCOPE_BLOCK;
    cfamily_origin(w, origin);
    if (!meets) cfamily_line(w, "__syncthreads();");
}

/* ---- kernels --------------------------------------------------------------------------------- */

/* Who comes to which shared tensors. */
static void note_shared(Cuda *cuda, const IrStmt *s)
{
    bool product = s->kind == IR_STMT_MACHINE && s->builtin == BUILTIN_MMA;
    bool stores = s->kind == IR_STMT_STORE || s->kind == IR_STMT_ATOMIC ||
                  (s->kind == IR_STMT_MACHINE && !product);
    const IrExpr *place = s->kind == IR_STMT_BULK ? s->args[2 * s->tensor->rank] : NULL;
    const IrTensor *to = s->tensor && s->tensor->of ? s->tensor->of : s->tensor;
    if (stores && to->space == IR_SHARED) base_map_put(&cuda->stored, base_key(to), cuda);
    if (place) base_map_put(&cuda->engines, base_key(place->tensor), cuda);
    for (int i = 1; product && i < s->count; ++i)
        if (s->args[i]->tensor->space == IR_SHARED)
            base_map_put(&cuda->engines, base_key(s->args[i]->tensor), cuda);
}

static bool survey(void *user, IrStmt *s)
{
    Cuda *cuda = user;
    if (s->kind == IR_STMT_TRAP || (s->kind == IR_STMT_BARRIER && s->scope == IR_SCOPE_GRID))
        cuda->traps = true;
    if (s->kind == IR_STMT_BARRIER && s->scope == IR_SCOPE_GROUP && s->imm > 32 &&
        s->imm < cuda->kernel->block_size)
        cuda->waits = true;
    if (s->kind == IR_STMT_MBARRIER) cuda->waits = true;
    if (s->kind == IR_STMT_MACHINE || s->kind == IR_STMT_ORDER) target_cuda_survey_machine(cuda, s);
    note_shared(cuda, s);
    return true;
}

/* Do engines and products come to bytes that threads have stored? Scopes may share theirs. */
static bool needs_fences(const Cuda *cuda)
{
    for (size_t i = 0; i < cuda->kernel->tensors.len; ++i) {
        const IrTensor *t = cuda->kernel->tensors.data[i];
        bool stored = base_map_get(&cuda->stored, base_key(t)) || (cuda->overlaid && t->scope);
        if (stored && base_map_get(&cuda->engines, base_key(t))) return true;
    }
    return false;
}

/* Declares what the body uses of shared memory; the words of both texts. */
static Map shared_words(Cuda *cuda, const Sb *body, Sb *declarations)
{
    Arena *arena = cuda->kernel->arena;
    Sb all = base_sb(arena);
    Map words = target_cuda_words(arena, body->data ? body->data : "", body->len);
    cuda->w.out = declarations;
    target_cuda_declare_shared(cuda, &words);
    base_sb_mem(&all, body->data ? body->data : "", body->len);
    base_sb_mem(&all, declarations->data ? declarations->data : "", declarations->len);
    return target_cuda_words(arena, base_sb_text(&all), all.len);
}

static void emit_variant(TargetInstance *instance, TargetVariant *variant, const char *symbol,
                         bool brief, Map *functions, Sb *out)
{
    IrKernel *k = variant->cuda;
    Sb body = base_sb(k->arena), declarations = base_sb(k->arena);
    Cuda cuda = {.instance = instance, .variant = variant, .kernel = k, .symbol = symbol};
    cuda.next_barrier = 1;
    cuda.role_size = k->block_size;
    cuda.w = cfamily_writer(k, &body, &HOOKS, &cuda, variant->index_bits);
    cuda.w.brief = brief;
    name_tables(&cuda);
    cuda.engines = base_map(k->arena);
    cuda.stored = base_map(k->arena);
    ir_walk(k->body, survey, &cuda);
    for (size_t i = 0; i < k->tensors.len; ++i) cuda.reaches |= k->tensors.data[i]->of != NULL;
    cuda.waits |= cuda.reaches;
    target_cuda_find_fragments(&cuda);
    target_cuda_place_shared(&cuda);
    cuda.fences = needs_fences(&cuda);
    cuda.w.depth = 1;
    cfamily_block(&cuda.w, k->body);
    Map words = shared_words(&cuda, &body, &declarations);
    cuda.w.out = out;
    cuda.w.depth = 0;
    target_cuda_functions(&cuda, functions, out);
    base_sb_printf(out, "// %s%s%s\n", k->name->text, k->instance && *k->instance ? " " : "",
                   k->instance ? k->instance : "");
    tables(&cuda, &words);
    signature(&cuda);
    cfamily_line(&cuda.w, "{");
    ++cuda.w.depth;
    sizes(&cuda, &words);
    base_sb_mem(out, base_sb_text(&declarations), declarations.len);
    local_arrays(&cuda, &words);
    mbarriers(&cuda, &words);
    base_sb_mem(out, body.data ? body.data : "", body.len);
    base_sb_str(out, "}\n\n");
    variant->cuda_entry = symbol;
    int64_t bytes = cuda.shared.at && !cuda.shared.at_launch ? cuda.shared.total->value.i : 0;
    if (bytes > instance->shared_bytes) instance->shared_bytes = bytes;
}

void target_cuda_emit(Arena *arena, TargetModule *module, int arch, Sb *out)
{
    Sb kernels = base_sb(arena);
    Map functions = base_map(arena);
    for (int i = 0; i < module->kernel_count; ++i) {
        TargetKernel *kernel = &module->kernels[i];
        for (int j = 0; j < kernel->instance_count; ++j) {
            TargetInstance *instance = &kernel->instances[j];
            if (instance->arch != arch) continue;
            for (int v = 0; v < instance->variant_count; ++v) {
                target_collect_maps(arena, &instance->variants[v]);
                emit_variant(instance, &instance->variants[v],
                             target_symbol(arena, instance->kernel, j, v), module->brief,
                             &functions, &kernels);
            }
        }
    }
    target_cuda_prelude(arena, kernels.data ? kernels.data : "", kernels.len, out);
    base_sb_mem(out, kernels.data ? kernels.data : "", kernels.len);
}
