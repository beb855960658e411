/* The standard library's modules, embedded: stdlib/NAME.hd is `std.NAME`. */
#include "compile/compile.h"
#include "embed/stdlib.h"

const char *compile_library(void *user, const char *path, size_t *len)
{
    (void)user;
    static const char prefix[] = "std.", folder[] = "stdlib/";
    if (strncmp(path, prefix, sizeof prefix - 1) != 0) return NULL;
    path += sizeof prefix - 1;
    size_t name = strlen(path);
    for (const EmbedFile *f = embed_stdlib; f->name; f++) {
        const char *file = f->name + sizeof folder - 1;
        if (strncmp(file, path, name) == 0 && strcmp(file + name, ".hd") == 0) {
            *len = f->len;
            return f->text;
        }
    }
    return NULL;
}
