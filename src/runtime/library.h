/* Emitted C: the texts that open it, and the exported functions and the header of a self-contained
 * library, all generated from a module's tables.
 */
#ifndef RUNTIME_LIBRARY_H
#define RUNTIME_LIBRARY_H

#include "base/base.h"
#include "runtime/module.h"

/* module.h alone: what opens a C file that the runtime of this process will load and launch. */
const char *runtime_module_text(void);

/* The whole runtime as one C text: what opens the C file of a self-contained library. */
const char *runtime_library_text(Arena *arena);

#endif
