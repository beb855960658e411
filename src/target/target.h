/* target/ - IR to text: the C of the CPU target, the CUDA C++ of the CUDA target, and the tables
 * that a compiled module carries.
 *
 * Entry points: `target_cpu_emit` for the kernels, `target_tables` for the tables, both into text
 * that begins with `target_abi_text` (runtime/module.h itself). A module is what one library
 * holds: kernels, their tuned or specialised instances, and of each the variants (width of
 * `index`, alignment) that the host chooses from at launch.
 */
#ifndef TARGET_TARGET_H
#define TARGET_TARGET_H

#include "ir/build.h"

/* A place that can trap: its text holds {0} … {3} for the values it leaves. */
typedef struct TargetSite {
    const IrKernel *kernel; /* whose origins are meant */
    uint32_t origin;
    const char *text;
} TargetSite;

/* A box of a parameter that copy engines copy. */
typedef struct TargetMap {
    const IrKernel *kernel; /* whose origins and sizes are meant */
    const IrTensor *tensor;
    int64_t box[MAPPING_MAX_RANK];
    int swizzle; /* bits */
    uint32_t origin;
} TargetMap;

typedef struct TargetVariant {
    IrKernel *cpu, *cuda;   /* after the target's passes; NULL: not for that target */
    int index_bits;         /* 32 or 64 */
    int alignment;          /* bytes that bases and rows of tensors are aligned to; 1 if unknown */
    const char *cpu_symbol; /* filled by the emitters */
    const char *cuda_entry;
    VEC(TargetMap) maps;
} TargetVariant;

/* A kernel for one architecture. */
typedef struct TargetInstance {
    int arch;         /* 80 …; 0: the CPU */
    IrKernel *kernel; /* as lowered: parameters, requires, grid */
    int variant_count;
    TargetVariant *variants; /* in the order the host tries them; the last takes everything */
    int64_t shared_bytes;    /* dynamic shared memory, found by the CUDA emitter */
    VEC(TargetSite) sites;
} TargetInstance;

typedef struct TargetKernel {
    int instance_count;
    TargetInstance *instances;
} TargetKernel;

typedef struct TargetImage {
    int arch;
    bool specific; /* for exactly this one: sm_90a */
    bool is_ptx;
    const unsigned char *data;
    size_t size;
} TargetImage;

typedef struct TargetModule {
    const char *name;
    int kernel_count;
    TargetKernel *kernels;
    int arch_count;
    const int *archs; /* of the instances for CUDA, in the order asked for */
    int image_count;
    TargetImage *images;
    int shared_arch;      /* whose shared memory bounds the sizes known at launch, on the CPU too */
    int64_t shared_limit; /* bytes that a block may have there */
    bool check;           /* --check: the CPU's accesses are watched */
    bool brief;           /* CUDA text for people: `#line` only where the .hd line changes */
} TargetModule;

/* The site's number in the instance's table. */
int target_site(Arena *arena, TargetInstance *instance, const IrKernel *kernel, uint32_t origin,
                const char *text);
/* A C identifier for a variant: `matmul_0_1`. */
const char *target_symbol(Arena *arena, const IrKernel *kernel, int instance, int variant);

/* The tables, ending with `const HdModuleInfo hd_module_info`. Needs the ABI's text before it. */
void target_tables(Arena *arena, const TargetModule *module, Sb *out);
/* The CPU kernels: the prelude and a function for every variant with `cpu`; fills cpu_symbol. */
void target_cpu_emit(Arena *arena, TargetModule *module, Sb *out);
/* The CUDA C++ of the architecture's instances, and what they need of the device prelude: one text
 * for NVRTC, which must not contract (--fmad=false). Fills cuda_entry, shared_bytes, sites. */
void target_cuda_emit(Arena *arena, TargetModule *module, int arch, Sb *out);
/* Does the text use instructions that exist on exactly one architecture (sm_90a)? */
bool target_cuda_is_specific(const char *text);
/* The same text and the tables as C++ for the host, whose kernels pass for CPU kernels; tests only:
 * it includes tests/cuda_host/cuda_host.h. */
void target_cuda_host_module(Arena *arena, TargetModule *module, int arch, Sb *out);
/* What the module holds, as JSON; after the emitters of its targets, which find symbols, shared
 * memory and sites. */
void target_manifest(Arena *arena, const TargetModule *module, Sb *out);
/* A whole C file: ABI, kernels, tables. */
void target_cpu_module(Arena *arena, TargetModule *module, Sb *out);

/* runtime/module.h, to open every emitted file with. */
const char *target_abi_text(void);

#endif
