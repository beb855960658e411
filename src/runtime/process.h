/* Child processes: run a program to its end, feed it, capture what it says, in bounded time. */
#ifndef RUNTIME_PROCESS_H
#define RUNTIME_PROCESS_H

#include "base/base.h"

typedef struct RuntimeProcess {
    int error;      /* errno value: it could not be run; 0 otherwise */
    bool timed_out; /* killed, with its children */
    int exit_code;  /* 128 + signal if a signal ended it */
    char *output;   /* stdout and stderr together, in order, NUL-terminated, at most 1 MiB */
    size_t output_len;
} RuntimeProcess;

/* No shell: argv[0] is looked up in PATH, argv ends with NULL. */
RuntimeProcess runtime_process_run(Arena *arena, const char *const *argv, const void *input,
                                   size_t input_len, int timeout_s);
/* The file that argv[0] would run; NULL if there is none. */
char *runtime_process_find(Arena *arena, const char *program);

#endif
