/* Files compiled into the binary; see src/embed.cmake. */
#ifndef BASE_EMBED_H
#define BASE_EMBED_H

#include <stddef.h>

typedef struct EmbedFile {
    const char *name; /* path relative to the top of the tree; NULL ends a list */
    const char *text; /* NUL-terminated beyond `len` */
    size_t len;
} EmbedFile;

#endif
