/* compile/ - the façade: source in; diagnostics, typed program, IR, module and emitted text out.
 *
 * Entry points: `compile_create`, `compile_load`, `compile_module`. A session owns every arena of
 * one compilation; all that it returns lives until `compile_destroy`. Calls return a status and
 * never print, exit or leak: memory that runs out and broken invariants come back as
 * COMPILE_MEMORY and COMPILE_INTERNAL with a message.
 */
#ifndef COMPILE_COMPILE_H
#define COMPILE_COMPILE_H

#include "lower/lower.h"
#include "pass/pass.h"
#include "runtime/host.h"
#include "target/target.h"

typedef enum {
    COMPILE_OK,
    COMPILE_WRONG, /* the program is: see session->diags */
    COMPILE_IO,    /* a file could not be read: session->message */
    COMPILE_MEMORY,
    COMPILE_INTERNAL, /* session->message names pass and node */
} CompileStatus;

typedef struct Compile {
    Escape escape;
    Arena *arena;
    Arena *scratch; /* of the point that `compile_check` looks at; NULL in between */
    Interner *interner;
    Diags *diags;
    Program *program; /* after compile_load */
    const char *message;
} Compile;

typedef struct CompileOptions {
    bool cpu;             /* code for the CPU */
    bool cuda;            /* CUDA C++ */
    int arch;             /* what `arch` and shared-memory limits mean in CUDA code: 80, 90 … */
    int arch_count;       /* all that `compile_module` makes CUDA code for, `arch` the first of */
    const int *archs;     /* them; 0: that one alone */
    const Symbol *symbol; /* only this kernel; NULL: those the main file exports */
    bool every_kernel;    /* also those it does not export; generic ones excepted */
    int define_count;
    const LowerDefine *defines;
    const int *point; /* the tune point of `symbol`; NULL: the first that `where` allows */
    bool check, shuffle_threads, verify;
    bool performance; /* look for what costs time: warnings W02xx, if session->diags wants them */
    PassAccesses *accesses; /* `compile_check` with `performance`: what accesses cost; NULL */
    const char *print_after, *stop_after;
    Sb *print_to;
    double *seconds; /* pass_count() entries, added to; NULL */
} CompileOptions;

Compile *compile_create(void); /* NULL: memory ran out */
void compile_destroy(Compile *session);

/* Reads, parses and checks a file ("-": standard input), or `text` under the name `path` where it
 * is not NULL. */
CompileStatus compile_load(Compile *session, const char *path, const char *text, size_t len);
/* Lowers every kernel at every tune point and runs the passes: everything but code. */
CompileStatus compile_check(Compile *session, const CompileOptions *options);
/* The module of the chosen kernels, ready for the emitters. */
CompileStatus compile_module(Compile *session, const CompileOptions *options,
                             TargetModule **module);

typedef enum {
    COMPILE_AST,
    COMPILE_TYPED,
    COMPILE_IR, /* after the passes of the chosen target */
    COMPILE_C,  /* of the CPU target, whole: ABI, kernels, tables */
    COMPILE_CU,
    COMPILE_CUDA_HOST, /* CUDA C++ as the host runs it in tests */
    COMPILE_MANIFEST,
} CompileKind;
/* Emits text into `out` (an Sb of any arena that outlives the call). */
CompileStatus compile_emit(Compile *session, const CompileOptions *options, CompileKind kind,
                           Sb *out);

/* ---- artefacts: of a module from `compile_module` ------------------------------------------- */

/* Compiles the CUDA C++ by NVRTC, through the cache, into module->images: a cubin for each
 * architecture, and for all others PTX of the lowest that has not what only itself runs. COMPILE_OK
 * with failure->status set: NVRTC is lacking or refuses. */
CompileStatus compile_images(Compile *session, TargetModule *module, HdFailure *failure);
/* The C file of a module for this process's runtime, of what `compile_images` has left too. */
CompileStatus compile_module_text(Compile *session, TargetModule *module, Sb *out);
/* The C file of a self-contained library, and its header. */
CompileStatus compile_library_text(Compile *session, TargetModule *module, Sb *out);
CompileStatus compile_library_header(Compile *session, TargetModule *module, Sb *out);

/* Formats the file that was read as `text`. */
CompileStatus compile_format(Compile *session, const char *path, const char *text, size_t len,
                             char **formatted);

/* Kernels of the main file that a library exports: those marked `pub`, or all if none is. */
int compile_kernel_count(const Compile *session);
const Symbol *compile_kernel(const Compile *session, int index);
const Symbol *compile_find_kernel(const Compile *session, const char *name);

/* ---- `-D NAME=VALUE` (define.c) -------------------------------------------------------------- */

/* False: not of that form. `text` is kept. */
bool compile_parse_define(Arena *arena, const char *text, LowerDefine *define);
/* Whether some kernel has a size, a `tune` name or a generic parameter `name`, to be given by -D.
 */
bool compile_takes_define(const Compile *session, const char *name);
/* Why that one cannot be what is given: "`T` is one of f16, bf16"; NULL if it can, or if there is
 * none. */
const char *compile_refuse_define(Compile *session, const LowerDefine *define);
/* The exported kernels that are left out of a module since they are generic, and what would have
 * them in: "scale[T: num] (-D T=f16), …"; "" if there are none. */
const char *compile_left_out(Compile *session, const CompileOptions *options);

/* The top-level mapping `name` of the main file; NULL (and COMPILE_WRONG) if it cannot be made. */
const Mapping *compile_mapping(Compile *session, const char *name, int rank, const int64_t *shape,
                               int64_t workers, CompileStatus *status);

/* The text of an embedded library module ("std.math"); NULL if there is none. */
const char *compile_library(void *user, const char *path, size_t *len);

#endif
