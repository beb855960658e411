/* Shared by the files of compile/. */
#ifndef COMPILE_INTERNAL_H
#define COMPILE_INTERNAL_H

#include "compile/compile.h"

/* Runs `work`; escapes come back as a status and session->message. */
CompileStatus compile_guarded(Compile *s, CompileStatus (*work)(Compile *, void *), void *data);

#endif
