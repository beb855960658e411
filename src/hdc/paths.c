/* Collecting files. */
#include "hdc/paths.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static void collect(Options *o, const char *folder, const char *suffix, PathList *list)
{
    struct dirent **entries;
    int count = scandir(folder, &entries, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        const char *name = entries[i]->d_name;
        size_t len = strlen(name), tail = strlen(suffix);
        const char *path = base_format(o->arena, "%s/%s", folder, name);
        if (name[0] != '.' && is_folder(path))
            collect(o, path, suffix, list);
        else if (len > tail && strcmp(name + len - tail, suffix) == 0)
            VEC_PUSH(o->arena, *list, path);
        free(entries[i]);
    }
    if (count >= 0) free(entries);
}

PathList paths_collect(Options *o, const char *suffix)
{
    PathList list = {0};
    for (size_t i = 0; i < o->words.len; i++) {
        const char *word = o->words.data[i];
        size_t before = list.len;
        if (!is_folder(word))
            VEC_PUSH(o->arena, list, word);
        else
            collect(o, word, suffix, &list);
        if (list.len == before) options_die_call("no %s file in %s", suffix, word);
    }
    return list;
}
