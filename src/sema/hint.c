/* What was probably meant by a name that is none: a word of CUDA or C, or a function of the
 * library that was not imported. */
#include "sema/internal.h"

typedef struct Foreign {
    const char *word, *note;
} Foreign;

static const Foreign foreign[] = {
    {"threadIdx", "the thread's index in its group is `thread`"},
    {"blockIdx", "the block's coordinates are `block.x`, `block.y`, `block.z`"},
    {"blockDim", "the number of threads of the group is `block_size`"},
    {"gridDim", "the extents of the grid are `grid.x`, `grid.y`, `grid.z`"},
    {"warpSize", "a warp has 32 threads"},
    {"__syncthreads", "the barrier of the group is the statement `sync`"},
    {"__syncwarp", "the barrier of a warp is the statement `sync warp`"},
    {"__shfl_sync", "write `shuffle(x, lane)`"},
    {"__shfl_xor_sync", "write `shuffle_xor(x, mask)`"},
    {"__shfl_up_sync", "write `shuffle_up(x, d)`"},
    {"__shfl_down_sync", "write `shuffle_down(x, d)`"},
    {"__ballot_sync", "write `ballot(p)`"},
    {"atomicAdd", "write `atomic.add(x[i], v)`"},
    {"atomicMin", "write `atomic.min(x[i], v)`"},
    {"atomicMax", "write `atomic.max(x[i], v)`"},
    {"atomicCAS", "write `atomic.cas(x[i], expected, v)`"},
    {"atomicExch", "write `atomic.exchange(x[i], v)`"},
    {"fmaxf", "`max(a, b)` is for every type"},
    {"fminf", "`min(a, b)` is for every type"},
    {"fabsf", "`abs(x)` is for every type"},
    {"sqrtf", "`sqrt(x)` is for every floating-point type"},
    {"fmaf", "`fma(a, b, c)` is for every floating-point type"},
};
static const Foreign foreign_types[] = {
    {"float", "write `f32`"},    {"double", "write `f64`"},    {"half", "write `f16`"},
    {"int", "write `i32`"},      {"uint", "write `u32`"},      {"unsigned", "write `u32`"},
    {"long", "write `i64`"},     {"char", "write `i8`"},       {"short", "write `i16`"},
    {"size_t", "write `index`"}, {"float32", "write `f32`"},   {"float64", "write `f64`"},
    {"float16", "write `f16`"},  {"bfloat16", "write `bf16`"}, {"int32", "write `i32`"},
    {"int64", "write `i64`"},    {"float4", "write `f32x4`"},  {"float2", "write `f32x2`"},
};

static const char *translated(const Foreign *words, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(words[i].word, name) == 0) return words[i].note;
    return NULL;
}

/* Whether a module of the library declares `pub fn NAME`, or a `pub const`. */
static bool declares(Sema *s, const char *module, const Name *name)
{
    static const char *const heads[] = {"pub fn ", "pub const ", "pub mapping "};
    size_t len, have = strlen(name->text);
    const char *text = s->library ? s->library(s->library_user, module, &len) : NULL;
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        for (size_t i = 0; i < BASE_LEN(heads); i++) {
            size_t head = strlen(heads[i]);
            if (strncmp(line, heads[i], head) != 0) continue;
            const char *declared = line + head;
            if (strncmp(declared, name->text, have) == 0 && strcspn(declared, "[( :=") == have)
                return true;
        }
    }
    return false;
}

bool sema_hint(Sema *s, Diag *diag, const Name *name, bool type)
{
    static const char *const modules[] = {"std.math",  "std.int",     "std.warp",
                                          "std.block", "std.cluster", "std.tile"};
    const char *note = type ? translated(foreign_types, BASE_LEN(foreign_types), name->text)
                            : translated(foreign, BASE_LEN(foreign), name->text);
    if (note) diag_note(s->diags, diag, "%s", note);
    for (size_t i = 0; i < BASE_LEN(modules) && !note && !type; i++)
        if (declares(s, modules[i], name)) {
            note = modules[i];
            diag_note(s->diags, diag, "the library has it: `import %s (%s)`", note, name->text);
        }
    return note != NULL;
}
