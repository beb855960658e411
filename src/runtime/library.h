/* Emitted C: the texts that open it, and the exported functions and the header of a self-contained
 * library, generated from a module's tables. A library's C file is
 *     runtime_library_text   (module.h is part of it)
 *     the kernels and the tables, with `const HdModuleInfo hd_module_info` of protected visibility
 *     runtime_library_exports
 * and needs only a C compiler: no DLPack, no CUDA. A kernel NAME becomes
 *     int NAME(const DLTensor *a, float s, DLTensor *c);
 * or NAME_ where NAME is a word of C or C++, or a function of the C library or of the runtime. The
 * module named FILE gives `const char *FILE_error(void)` and `void FILE_set_stream(void *stream)`.
 */
#ifndef RUNTIME_LIBRARY_H
#define RUNTIME_LIBRARY_H

#include "base/base.h"
#include "runtime/module.h"

/* module.h alone: what opens a C file that the runtime of this process will load and launch. */
const char *runtime_module_text(void);

/* The whole runtime as one C text: what opens the C file of a self-contained library. */
const char *runtime_library_text(Arena *arena);

/* The two below read of `module`: its name, and of its kernels name, parameters and size names. */
const char *runtime_library_exports(Arena *arena, const HdModuleInfo *module);
/* The header, for C and C++. `docs` (may be NULL) has a kernel's documentation at its number, or
 * NULL there. */
const char *runtime_library_header(Arena *arena, const HdModuleInfo *module,
                                   const char *const *docs);

/* What a kernel or file is called in C: NAME or NAME_, other characters than C's made '_'. */
const char *runtime_library_symbol(Arena *arena, const char *name);

#endif
