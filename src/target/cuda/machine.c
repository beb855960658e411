/* Machine instructions: calls of functions of the prelude, named after the PTX.
 *
 * `mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32` is called hd_mma_m16n8k16_f32_f16_f16_f32;
 * the words that all have in common are left out. Such a function is made by a macro of the
 * prelude, one for each number of registers, on a line for each that the module uses. */
#include "target/cuda/machine.h"

static bool is_common(const char *word, size_t len)
{
    static const char *const common[] = {"sync", "aligned", "row", "col",
                                         "m8n8", "shared",  "b16", "mma_async"};
    for (size_t i = 0; i < BASE_LEN(common); ++i)
        if (strlen(common[i]) == len && memcmp(word, common[i], len) == 0) return true;
    return false;
}

const char *target_cuda_function_name(Arena *arena, const char *ptx)
{
    Sb name = base_sb(arena);
    base_sb_str(&name, "hd");
    for (const char *at = ptx; *at;) {
        size_t len = strcspn(at, ".:");
        if (len && !is_common(at, len)) {
            base_sb_char(&name, '_');
            base_sb_mem(&name, at, len);
        }
        at += len;
        while (*at == '.' || *at == ':') ++at;
    }
    return base_sb_text(&name);
}

/* ---- the functions for products -------------------------------------------------------------- */
CudaOperand target_cuda_operand(Elem elem, const Mapping *fragment)
{
    int bits = vocab_elem(elem)->bits;
    if (elem == ELEM_F64) return (CudaOperand){"double", "d", fragment->steps};
    if (elem == ELEM_F32) return (CudaOperand){"float", "f", fragment->steps};
    return (CudaOperand){"uint32_t", "r", fragment->steps * bits / 32};
}

/* The second factor of a warpgroup's product is always in shared memory. */
static bool is_group(const IrStmt *s)
{
    return s->builtin == BUILTIN_MMA && s->imm2;
}

typedef struct Made {
    Cuda *cuda;
    Map *made; /* names of functions, by hash */
    Sb *out;
} Made;

static const IrInstruction *find_instruction(const IrKernel *k, const IrStmt *s)
{
    const IrInstruction *in = k->instructions.data;
    for (size_t i = 0; i < k->instructions.len; ++i)
        if (strcmp(in[i].text, s->text) == 0 && !in[i].a == (s->imm != 0)) return &in[i];
    base_internal(base_arena_escape(k->arena), "no instruction %s", s->text);
}

/* A line that makes the function for an instruction: out of the prelude's macro for its number of
 * registers. */
static void mma_line(Made *m, const IrInstruction *in, const char *text)
{
    CudaOperand c = target_cuda_operand(in->acc_elem, in->acc),
                a = target_cuda_operand(in->a_elem, in->a),
                b = target_cuda_operand(in->b_elem, in->b);
    base_sb_printf(m->out, "HD_MMA_%d_%d_%d(%s, \"%s\", %s, \"%s\", %s, \"%s\")\n\n",
                   (int)c.registers, (int)a.registers, (int)b.registers,
                   target_cuda_function_name(m->cuda->kernel->arena, text), text, c.type, c.letter,
                   a.type, a.letter);
}

static void matrix_line(Made *m, const IrStmt *s)
{
    const char *count = strstr(s->text, ".x");
    base_sb_printf(m->out, "HD_%sMATRIX_%c(%s, \"%s\")\n\n",
                   s->builtin == BUILTIN_LDMATRIX ? "LD" : "ST", count ? count[2] : '1',
                   target_cuda_function_name(m->cuda->kernel->arena, s->text), s->text);
}

static bool make_function(void *user, IrStmt *s)
{
    Made *m = user;
    if (s->kind != IR_STMT_MACHINE) return true;
    Arena *arena = m->cuda->kernel->arena;
    const char *name = is_group(s) ? target_cuda_group_name(arena, s) : s->text;
    uint64_t key = base_hash(name, strlen(name), 0);
    if (base_map_get(m->made, key)) return true;
    base_map_put(m->made, key, m);
    if (is_group(s))
        target_cuda_group_function(arena, find_instruction(m->cuda->kernel, s), s, m->out);
    else if (s->builtin == BUILTIN_MMA)
        mma_line(m, find_instruction(m->cuda->kernel, s), s->text);
    else
        matrix_line(m, s);
    return true;
}

void target_cuda_functions(Cuda *cuda, Map *made, Sb *out)
{
    Made m = {cuda, made, out};
    ir_walk(cuda->kernel->body, make_function, &m);
}

/* ---- calls ----------------------------------------------------------------------------------- */
static void place(CWriter *w, const IrTensor *t, const IrExpr *offset)
{
    bool packed = cfamily_is_packed(t->elem);
    base_sb_printf(w->out, "&%s[", w->tensor_names[t->id]);
    cfamily_expr(w, offset, packed ? C_MUL : C_ANY);
    base_sb_str(w->out, packed ? " / 2]" : "]");
}

void target_cuda_machine(CWriter *w, const IrStmt *s)
{
    Arena *arena = w->kernel->arena;
    const char *name =
        is_group(s) ? target_cuda_group_name(arena, s) : target_cuda_function_name(arena, s->text);
    cfamily_open(w);
    base_sb_printf(w->out, "%s(", name);
    place(w, s->tensor, s->args[0]);
    for (int i = 1; i < s->count; ++i) {
        int64_t lies = i == 1 ? s->imm : s->imm2;
        base_sb_str(w->out, lies ? ", hd_describe(" : ", ");
        place(w, s->args[i]->tensor, s->args[i]->args[0]);
        if (lies) base_sb_printf(w->out, ", 0x%llxull)", (unsigned long long)(lies & ~IR_TURNED));
    }
    cfamily_close(w, ");");
}

static void work_on(Cuda *cuda, const IrTensor *t)
{
    CudaRegisters *r = cuda->registers;
    for (size_t i = 0; i < r->tensors.len; ++i)
        if (r->tensors.data[i] == t) return;
    VEC_PUSH(cuda->kernel->arena, r->tensors, t);
}

void target_cuda_survey_machine(Cuda *cuda, const IrStmt *s)
{
    Arena *arena = cuda->kernel->arena;
    bool group = s->kind == IR_STMT_MACHINE && is_group(s);
    bool fence = s->kind == IR_STMT_ORDER && s->builtin == BUILTIN_WGMMA_FENCE;
    if (!cuda->settled.arena) cuda->settled = base_map(arena);
    if (fence || !cuda->registers) cuda->registers = NEW(arena, CudaRegisters);
    if (s->kind == IR_STMT_ORDER) base_map_put(&cuda->settled, base_key(s), cuda->registers);
    if (!group) return;
    work_on(cuda, s->tensor);
    if (s->imm == 0) work_on(cuda, s->args[1]->tensor);
}

/* The C++ compiler does not know that products go on in their registers: it must not move other
 * uses of them past what orders the products. */
static void settle(const Cuda *cuda, CWriter *w, const IrStmt *order)
{
    const CudaRegisters *r = base_map_get(&cuda->settled, base_key(order));
    for (size_t i = 0; r && i < r->tensors.len; ++i) {
        const IrTensor *t = r->tensors.data[i];
        int64_t slots = t->space == IR_TILE ? ir_tile_slots(t) : ir_tensor_size(t);
        cfamily_line(w, "hd_settle<%s, %lld>(%s);", t->elem == ELEM_F32 ? "float" : "uint32_t",
                     (long long)(slots * vocab_elem(t->elem)->bits / 32), w->tensor_names[t->id]);
    }
}

/* wgmma.fence, wgmma.commit, wgmma.wait */
void target_cuda_order(CWriter *w, const IrStmt *s)
{
    const Cuda *cuda = w->user;
    if (s->builtin == BUILTIN_WGMMA_FENCE) settle(cuda, w, s);
    if (s->builtin == BUILTIN_WGMMA_WAIT)
        cfamily_line(w, "hd_wgmma_wait<%lld>();", (long long)s->imm);
    else
        cfamily_line(w, "hd_wgmma_%s();", strchr(vocab_builtin(s->builtin)->text, '.') + 1);
    if (s->builtin == BUILTIN_WGMMA_WAIT) settle(cuda, w, s);
}

/* ---- fragments ------------------------------------------------------------------------------- */
static bool find_fragments(void *user, IrStmt *s)
{
    Cuda *cuda = user;
    if (s->kind != IR_STMT_MACHINE) return true;
    if (target_cuda_is_local(s->tensor)) base_map_put(&cuda->fragments, base_key(s->tensor), cuda);
    for (int i = 1; i < s->count; ++i)
        if (target_cuda_is_local(s->args[i]->tensor))
            base_map_put(&cuda->fragments, base_key(s->args[i]->tensor), cuda);
    return true;
}

void target_cuda_find_fragments(Cuda *cuda)
{
    cuda->fragments = base_map(cuda->kernel->arena);
    ir_walk(cuda->kernel->body, find_fragments, cuda);
}

bool target_cuda_is_fragment(const Cuda *cuda, const IrTensor *t)
{
    return base_map_get(&cuda->fragments, base_key(t)) != NULL;
}
