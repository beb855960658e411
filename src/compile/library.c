/* The standard library's modules, embedded: stdlib/a/b.hd is `std.a.b`. */
#include "compile/compile.h"
#include "embed/stdlib.h"

static bool is_module(const char *file, const char *path, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (file[i] != (path[i] == '.' ? '/' : path[i])) return false;
    return strcmp(file + len, ".hd") == 0;
}

const char *compile_library(void *user, const char *path, size_t *len)
{
    (void)user;
    static const char prefix[] = "std.", folder[] = "stdlib/";
    if (strncmp(path, prefix, sizeof prefix - 1) != 0) return NULL;
    path += sizeof prefix - 1;
    size_t name = strlen(path);
    for (const EmbedFile *f = embed_stdlib; f->name; f++) {
        const char *file = f->name + sizeof folder - 1;
        if (is_module(file, path, name)) {
            *len = f->len;
            return f->text;
        }
    }
    return NULL;
}
