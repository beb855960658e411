/* The system's C compiler: C text in, a shared library out. */
#ifndef RUNTIME_CC_H
#define RUNTIME_CC_H

#include "base/base.h"
#include "runtime/host.h"

typedef struct RuntimeCc {
    const char *path;
    const char *identity; /* path, size and time of the program: part of cache keys */
    const char *machine;  /* what -march=native depends on; part of the keys of such builds */
} RuntimeCc;

typedef struct RuntimeCcOptions {
    bool generic;             /* for any machine of this architecture; else for this very one */
    int optimize;             /* 0: the default, 3; else 1 … 3, or -1 for none */
    bool debug;               /* -g */
    bool cpp;                 /* C++: CUDA text as tests run it without a GPU */
    int timeout_s;            /* 0: 300 */
    const char *const *extra; /* further arguments, NULL-terminated; may be NULL */
} RuntimeCcOptions;

/* $HD_CC, $CC, cc, gcc, clang: the first that exists. A $HD_CC that does not is an error. */
bool runtime_cc_find(Arena *arena, RuntimeCc *cc, HdFailure *failure);
const char *runtime_cc_version(Arena *arena, const RuntimeCc *cc); /* its first line; for people */

/* The command line but for the output, as one text: part of cache keys. */
const char *runtime_cc_flags(Arena *arena, const RuntimeCcOptions *options);

/* Compiles `source` into the shared library `path`, which appears whole or not at all. `log` (may
 * be NULL) gets what the compiler said. */
bool runtime_cc_build(Arena *arena, const RuntimeCc *cc, const char *source, size_t len,
                      const RuntimeCcOptions *options, const char *path, const char **log,
                      HdFailure *failure);

#endif
