/* The texts of emitted C. */
#include "runtime/library.h"

#include "embed/library.h"

const char *runtime_module_text(void)
{
    return embed_library[0].text;
}

/* A file's text without the includes of its neighbours, which stand in the same text. */
static void library_add_file(Sb *sb, const EmbedFile *file)
{
    static const char include[] = "#include \"";
    base_sb_printf(sb, "\n#line 1 \"%s\"\n", strrchr(file->name, '/') + 1);
    for (const char *line = file->text; *line;) {
        size_t len = strcspn(line, "\n");
        bool own = strncmp(line, include, sizeof include - 1) == 0;
        if (!own) base_sb_mem(sb, line, len);
        base_sb_char(sb, '\n');
        line += len + (line[len] == '\n');
    }
}

/* Hidden: only what the exported functions' writer marks is visible outside the library. */
const char *runtime_library_text(Arena *arena)
{
    Sb sb = base_sb(arena);
    base_sb_str(&sb, "#ifndef _GNU_SOURCE\n#define _GNU_SOURCE\n#endif\n");
    for (const EmbedFile *file = embed_library; file->name; file++) library_add_file(&sb, file);
    return base_sb_text(&sb);
}
