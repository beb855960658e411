/* Shared by the files of compile/. */
#ifndef COMPILE_INTERNAL_H
#define COMPILE_INTERNAL_H

#include "compile/compile.h"

/* Runs `work`; escapes come back as a status and session->message. */
CompileStatus compile_guarded(Compile *s, CompileStatus (*work)(Compile *, void *), void *data);

/* The kernels of the main file from *at on, which moves past the one returned; NULL: no more. */
const Symbol *compile_next_kernel(const Compile *s, uint32_t *at, bool only_public);
bool compile_has_public(const Compile *s);
/* Whether the kernel is one as it stands, or by what `-D` gives. The uses of another are checked
 * where they are. */
bool compile_is_complete(const CompileOptions *o, const Symbol *kernel);
/* Appends what could be given to make it one, " -D T=f16", without what `out` has already. */
void compile_example(const CompileOptions *o, const Symbol *kernel, Sb *out);

#endif
