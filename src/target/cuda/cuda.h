/* Private to the CUDA target: the state of one kernel's emission, and its parts. */
#ifndef TARGET_CUDA_CUDA_H
#define TARGET_CUDA_CUDA_H

#include "target/cfamily.h"
#include "target/shared.h"

/* What a kernel may have in static shared memory; more is dynamic. */
enum { CUDA_STATIC_SHARED = 48 * 1024 };

/* A named barrier of the groups of `threads` threads inside threads [begin, begin + size). */
typedef struct CudaBarrier {
    int64_t begin, size, threads;
    int id; /* of the first group; the others' follow */
} CudaBarrier;

typedef struct CudaRegisters {
    VEC(const IrTensor *) tensors;
} CudaRegisters;

typedef struct Cuda {
    CWriter w;
    TargetInstance *instance;
    const TargetVariant *variant;
    IrKernel *kernel;
    const char *symbol;
    bool awaiting; /* inside the condition of an `await`: loads are not to be remembered */
    bool reaches;  /* into the shared memory of other blocks */
    bool waits;    /* others would wait for an ended thread for ever, or reach into its block */
    bool traps;
    Map settled; /* a wgmma.fence or .wait to the registers that the products beside it work on */
    struct CudaRegisters *registers; /* those since the last fence, in the survey */
    Map engines, stored; /* shared tensors: of copy engines and warpgroups' products; of threads */
    bool fences;         /* the former come to what threads have stored */
    bool overlaid;       /* scopes share storage: a barrier opens each */
    TargetShared shared; /* where all lie in one array of dynamic size; else no `at` */
    int64_t role_begin, role_size; /* threads that run the current role */
    Map fragments;                 /* by address */
    VEC(CudaBarrier) barriers;
    int next_barrier;
    IrVar *lanes[ELEM_COUNT][3]; /* parameters of the functions that vectors are mapped with */
} Cuda;

/* The paragraphs of the prelude that `text` needs. */
void target_cuda_prelude(Arena *arena, const char *text, size_t len, Sb *out);
/* Identifiers of a text, for `target_cuda_has_word`. */
Map target_cuda_words(Arena *arena, const char *text, size_t len);
bool target_cuda_has_word(const Map *words, const char *word);

/* Hooks of the writer. */
bool target_cuda_expr(CWriter *w, const IrExpr *e, CPrec prec);
bool target_cuda_stmt(CWriter *w, const IrStmt *s);
void target_cuda_vector_type(CWriter *w, IrType type);
const char *target_cuda_elem_type(CWriter *w, Elem elem);
/* The type of an element in memory: two 4-bit values lie in a byte of tensors, shared memory and
 * fragments. */
const char *target_cuda_memory_type(CWriter *w, const IrTensor *t);
bool target_cuda_is_local(const IrTensor *t); /* in a thread's registers */
/* So, with each 4-bit value in a variable of its own. */
bool target_cuda_is_spread(const CWriter *w, const IrTensor *t);

/* Decides where shared tensors lie; before the body is written. */
void target_cuda_place_shared(Cuda *cuda);
void target_cuda_declare_shared(Cuda *cuda, const Map *words);

/* ---- machine.c ------------------------------------------------------------------------------- */
/* Appends lines that make the functions for the kernel's machine instructions, those not `made`. */
void target_cuda_functions(Cuda *cuda, Map *made, Sb *out);
void target_cuda_machine(CWriter *w, const IrStmt *s);
void target_cuda_order(CWriter *w, const IrStmt *s);
void target_cuda_survey_machine(Cuda *cuda, const IrStmt *s);
/* Is it an array in registers that machine instructions take words from? Those that do are found
 * first. */
void target_cuda_find_fragments(Cuda *cuda);
bool target_cuda_is_fragment(const Cuda *cuda, const IrTensor *t);

#endif
