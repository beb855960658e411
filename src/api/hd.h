/* api/ - libhd: .hd kernels compiled and launched from C, or from whatever speaks C.
 *
 * Entry points: `hd_context_create`, `hd_compile_text`, `hd_module_entry`, `hd_entry_launch`.
 * Tensors are DLPack's DLTensor, so those of NumPy, PyTorch, JAX and CuPy pass without a copy.
 * The library never prints, exits or aborts; every call that can fail returns an HdResult, and
 * `hd_context_error` says in words what went wrong.
 *
 * Ownership: a context owns devices and threads; a module belongs to its context and is destroyed
 * before it; an entry belongs to its module. Texts belong to whom they were asked of: those of a
 * context stay valid until its next call, those of a module and an entry as long as these. What is
 * passed in is not kept. Every destroy takes NULL.
 * Threads: a context, with all that belongs to it, is used by one thread at a time; different
 * contexts by any threads at once.
 */
#ifndef HD_H
#define HD_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/dlpack.h"

#ifdef __cplusplus
extern "C" {
#endif

#define HD_API __attribute__((visibility("default")))

/* The numbers are those of hdc's exit status. */
typedef enum HdResult {
    HD_OK = 0,
    HD_ERROR_PROGRAM = 1,     /* the program is wrong: see the diagnostics */
    HD_ERROR_CALL = 2,        /* arguments do not fit */
    HD_ERROR_ENVIRONMENT = 3, /* something is lacking, or a launch failed */
    HD_ERROR_INTERNAL = 4     /* a defect of this library */
} HdResult;

typedef struct HdContext HdContext;
typedef struct HdModule HdModule;
typedef struct HdEntry HdEntry;

HD_API const char *hd_version(void); /* "0.1.0" */

/* ---- contexts ------------------------------------------------------------------------------ */

HD_API HdContext *hd_context_create(void); /* NULL: memory ran out */
HD_API void hd_context_destroy(HdContext *context);

/* What the last call that failed said, and "" if none has. */
HD_API const char *hd_context_error(const HdContext *context);
/* Errors and warnings of the last compilation: for people, with source lines and carets, and as a
 * JSON array in the form of `hdc --diagnostics=json`. */
HD_API const char *hd_context_diagnostics(const HdContext *context);
HD_API const char *hd_context_diagnostics_json(const HdContext *context);

/* Where the lines go that kernels `print` on the CPU; without it they are dropped. */
typedef void HdPrint(void *user, const char *line);
HD_API void hd_context_set_print(HdContext *context, HdPrint *print, void *user);

/* ---- compiling ----------------------------------------------------------------------------- */

typedef struct HdCompileOptions {
    const char *device; /* "cpu", "cuda", "cuda:1"; NULL: a GPU if there is one, else the CPU */
    const char *const *defines; /* "NAME=VALUE", as hdc's -D, ended by NULL; NULL: none */
    int check;                  /* as hdc's --check: accesses on the CPU are watched */
    int warnings_as_errors;
    uint64_t seed; /* with `check`: of the order of a block's threads; 0: natural */
} HdCompileOptions;

/* Compiles the kernels of a file, or of a text that messages call `name`. `options` may be NULL.
 * On success *module is to be destroyed, else it is NULL. Compiled code is kept in hdc's cache. */
HD_API HdResult hd_compile_file(HdContext *context, const char *path,
                                const HdCompileOptions *options, HdModule **module);
HD_API HdResult hd_compile_text(HdContext *context, const char *name, const char *text,
                                size_t length, const HdCompileOptions *options, HdModule **module);
HD_API void hd_module_destroy(HdModule *module);

/* ---- entries: the kernels of a module ------------------------------------------------------ */

HD_API int hd_module_entry_count(const HdModule *module);
HD_API HdEntry *hd_module_entry_at(HdModule *module, int index);     /* NULL: out of range */
HD_API HdEntry *hd_module_entry(HdModule *module, const char *name); /* NULL: none of that name */
HD_API const char *hd_entry_name(const HdEntry *entry);

typedef struct HdParameter {
    const char *name, *elem; /* "f32" */
    int is_tensor;
    int is_read, is_written; /* tensors */
    int rank;                /* 0: a scalar */
    DLDataType type;         /* of an element */
} HdParameter;
HD_API int hd_entry_parameter_count(const HdEntry *entry);
HD_API HdResult hd_entry_parameter(const HdEntry *entry, int index, HdParameter *parameter);

/* ---- launching ----------------------------------------------------------------------------- */

/* By position: a tensor in the memory of the module's device, or a pointer to a scalar of the
 * parameter's type. */
typedef struct HdArgument {
    const DLTensor *tensor;
    const void *scalar;
} HdArgument;

/* Checks the arguments against the kernel's parameters, runs it and waits for its end. A trap (a
 * failed `assert`, with `check` an access out of bounds) is HD_ERROR_ENVIRONMENT. */
HD_API HdResult hd_entry_launch(HdEntry *entry, const HdArgument *arguments, int count);
/* The seconds that the kernel of the last launch took. */
HD_API double hd_entry_seconds(const HdEntry *entry);

#ifdef __cplusplus
}
#endif
#endif
