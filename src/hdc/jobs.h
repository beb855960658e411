/* Pieces of work in processes of their own: one that crashes takes no other with it. */
#ifndef HDC_JOBS_H
#define HDC_JOBS_H

#include <stdbool.h>
#include <stddef.h>

/* Piece `i` has ended, with `status` as of waitpid(2), and what it printed has come out. False ends
 * all that are left. */
typedef bool (*JobEnded)(void *user, size_t i, int status);

/* Runs `count` pieces, `most` at a time. Returns true in the child process that is to do piece
 * `*mine`: it does it and ends. Returns false in the parent once all have ended. What pieces print
 * comes out, and `ended` is called, in their order. */
bool jobs_split(size_t count, int most, JobEnded ended, void *user, size_t *mine);

#endif
