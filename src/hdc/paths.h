/* Files named on the command line; folders stand for the files in them. */
#ifndef HDC_PATHS_H
#define HDC_PATHS_H

#include "hdc/hdc.h"

typedef struct PathList {
    const char **data;
    size_t len, cap;
} PathList;
/* The words of the command line, folders replaced by the files below them that end in `suffix`,
 * in order of name. A folder without any, and a path that is not there, end the program. */
PathList paths_collect(Options *options, const char *suffix);

#endif
