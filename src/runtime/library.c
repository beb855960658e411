/* The texts of emitted C. */
#include "runtime/library.h"

#include <ctype.h>
#include <dlfcn.h>
#include <stdlib.h>

#include "embed/library.h"
#include "runtime/host.h"

const char *runtime_module_text(void)
{
    return embed_library[0].text;
}

/* ---- the amalgam --------------------------------------------------------------------------- */

static bool library_starts(const char *line, const char *start)
{
    return strncmp(line, start, strlen(start)) == 0;
}

static const char *library_next_line(const char *line)
{
    size_t len = strcspn(line, "\n");
    return line + len + (line[len] == '\n');
}

/* The system's headers stand first, once each, before everything of ours becomes hidden. */
static void library_add_includes(Sb *sb)
{
    Map seen = base_map(sb->arena);
    for (const EmbedFile *file = embed_library; file->name; file++) {
        for (const char *line = file->text; *line; line = library_next_line(line)) {
            if (!library_starts(line, "#include <")) continue;
            size_t len = strcspn(line, "\n");
            uint64_t key = base_hash(line, len, 0);
            if (!base_map_get(&seen, key)) base_sb_printf(sb, "%.*s\n", (int)len, line);
            base_map_put(&seen, key, sb);
        }
    }
}

/* A file without its includes; their lines stay, so that `#line` tells the truth. */
static void library_add_file(Sb *sb, const EmbedFile *file)
{
    base_sb_printf(sb, "\n#line 1 \"%s\"\n", strrchr(file->name, '/') + 1);
    for (const char *line = file->text; *line; line = library_next_line(line)) {
        size_t len = strcspn(line, "\n");
        if (!library_starts(line, "#include ")) base_sb_mem(sb, line, len);
        base_sb_char(sb, '\n');
    }
}

const char *runtime_library_text(Arena *arena)
{
    Sb sb = base_sb(arena);
    base_sb_str(&sb, "#ifndef _GNU_SOURCE\n#define _GNU_SOURCE\n#endif\n");
    library_add_includes(&sb);
    base_sb_str(&sb, "#pragma GCC visibility push(hidden)\n");
    for (const EmbedFile *file = embed_library; file->name; file++) library_add_file(&sb, file);
    base_sb_str(&sb, "#pragma GCC visibility pop\n#line 1 \"kernels.c\"\n");
    return base_sb_text(&sb);
}

/* ---- names and types ----------------------------------------------------------------------- */

static const char *const library_words[] = {
    "alignas",     "alignof",      "and",       "and_eq",
    "asm",         "auto",         "bitand",    "bitor",
    "bool",        "break",        "case",      "catch",
    "char",        "char8_t",      "char16_t",  "char32_t",
    "class",       "co_await",     "co_return", "co_yield",
    "compl",       "concept",      "const",     "const_cast",
    "consteval",   "constexpr",    "constinit", "continue",
    "decltype",    "default",      "delete",    "do",
    "double",      "dynamic_cast", "else",      "enum",
    "explicit",    "export",       "extern",    "false",
    "float",       "for",          "friend",    "goto",
    "if",          "inline",       "int",       "long",
    "main",        "mutable",      "namespace", "new",
    "noexcept",    "not",          "not_eq",    "nullptr",
    "operator",    "or",           "or_eq",     "private",
    "protected",   "public",       "register",  "reinterpret_cast",
    "requires",    "restrict",     "return",    "short",
    "signed",      "sizeof",       "static",    "static_assert",
    "static_cast", "struct",       "switch",    "template",
    "this",        "thread_local", "throw",     "true",
    "try",         "typedef",      "typeid",    "typename",
    "typeof",      "union",        "unsigned",  "using",
    "virtual",     "void",         "volatile",  "wchar_t",
    "while",       "xor",          "xor_eq",
};

static int library_compare(const void *key, const void *word)
{
    return strcmp(key, *(const char *const *)word);
}

static bool library_is_word(const char *name)
{
    return bsearch(name, library_words, BASE_LEN(library_words), sizeof *library_words,
                   library_compare) != NULL;
}

static char *library_identifier(Arena *arena, const char *name)
{
    char *id = isdigit((unsigned char)*name) ? base_format(arena, "_%s", name)
                                             : base_strndup(arena, name, strlen(name));
    for (char *p = id; *p; p++)
        if (!isalnum((unsigned char)*p)) *p = '_';
    return id;
}

/* A function `exp` of ours would take the place of the C library's in the whole program. */
static bool library_is_in_libc(const char *id)
{
    static const char *const files[] = {"libc.so.6", "libm.so.6"};
    bool found = false, asked = false;
    for (size_t i = 0; i < BASE_LEN(files); i++) {
        void *library = dlopen(files[i], RTLD_LAZY | RTLD_LOCAL);
        if (!library) continue;
        asked = true;
        found = found || dlsym(library, id) != NULL;
        dlclose(library);
    }
    return asked ? found : dlsym(RTLD_DEFAULT, id) != NULL;
}

/* The runtime's own text has functions too, and the assembler sees the names of both. */
static bool library_is_in_runtime(const char *id)
{
    size_t len = strlen(id);
    for (const EmbedFile *file = embed_library; file->name; file++)
        for (const char *at = file->text; (at = strstr(at, id)); at += len) {
            bool begins = at > file->text && (at[-1] == ' ' || at[-1] == '*');
            const char *line = at;
            while (line > file->text && line[-1] != '\n') line--;
            if (begins && at[len] == '(' && library_starts(line, "static ")) return true;
        }
    return false;
}

const char *runtime_library_symbol(Arena *arena, const char *name)
{
    char *id = library_identifier(arena, name);
    bool taken = library_is_word(id) || library_is_in_libc(id) || library_is_in_runtime(id);
    return taken ? base_format(arena, "%s_", id) : id;
}

static const char *library_param_name(Arena *arena, const char *name)
{
    return library_is_word(name) ? base_format(arena, "%s_", name)
                                 : library_identifier(arena, name);
}

/* Elements that C has no type for go as their bits. */
static const char *library_scalar_type(Arena *arena, const HdParamInfo *param)
{
    enum { DL_BOOL = 6 };
    int bits = param->dl_bits < 8 ? 8 : param->dl_bits;
    if (param->dl_code == DL_BOOL) return "bool";
    if (param->dl_code == kDLFloat && bits >= 32) return bits == 32 ? "float" : "double";
    return base_format(arena, "%s%d_t", param->dl_code == kDLInt ? "int" : "uint", bits);
}

/* "const DLTensor *", "DLTensor *", "float ": what stands before the parameter's name. */
static const char *library_type(Arena *arena, const HdParamInfo *param)
{
    if (param->is_tensor) return param->mode == 0 ? "const DLTensor *" : "DLTensor *";
    return base_format(arena, "%s ", library_scalar_type(arena, param));
}

/* ---- exported functions -------------------------------------------------------------------- */

/* In C the function and its parameters have names of ours, that clash with nothing; the linker sees
 * the kernel's. */
static void library_export_kernel(Sb *sb, const HdKernelInfo *kernel, int number)
{
    Sb params = base_sb(sb->arena), args = base_sb(sb->arena);
    for (int i = 0; i < kernel->param_count; i++) {
        const HdParamInfo *p = &kernel->params[i];
        base_sb_printf(&params, "%s%shd_p%d", i ? ", " : "", library_type(sb->arena, p), i);
        base_sb_printf(&args, p->is_tensor ? "{hd_p%d, 0}, " : "{0, &hd_p%d}, ", i);
    }
    const char *list = kernel->param_count ? base_sb_text(&params) : "void";
    base_sb_printf(sb, "\nint hd_export_%d(%s) __asm__(\"%s\");\n", number, list,
                   runtime_library_symbol(sb->arena, kernel->name));
    base_sb_printf(sb, "__attribute__((visibility(\"default\")))\nint hd_export_%d(%s)\n{\n",
                   number, list);
    base_sb_printf(sb, "    const HdArg args[] = {%s{0, 0}};\n", base_sb_text(&args));
    base_sb_printf(sb, "    return hd_library_call(%d, args);\n}\n", number);
}

const char *runtime_library_exports(Arena *arena, const HdModuleInfo *module)
{
    Sb sb = base_sb(arena);
    const char *file = library_identifier(arena, module->name);
    for (int i = 0; i < module->kernel_count; i++)
        library_export_kernel(&sb, &module->kernels[i], i);
    base_sb_printf(&sb,
                   "\nconst char *%s_error(void);\n"
                   "__attribute__((visibility(\"default\"))) const char *%s_error(void)\n{\n"
                   "    return hd_library_failure.text;\n}\n"
                   "void %s_set_stream(void *stream);\n"
                   "__attribute__((visibility(\"default\"))) void %s_set_stream(void *stream)\n{\n"
                   "    hd_library_stream = stream;\n}\n",
                   file, file, file, file);
    return base_sb_text(&sb);
}

/* ---- the header ---------------------------------------------------------------------------- */

static void library_shape(Sb *sb, const HdKernelInfo *kernel, const HdParamInfo *param)
{
    char buffer[256];
    base_sb_printf(sb, "%s", param->elem);
    for (int i = 0; param->is_tensor && i < param->rank; i++) {
        base_sb_str(sb, i ? ", " : "[");
        HdText text = {buffer, 0, sizeof buffer};
        if (param->extent_size[i] >= 0)
            hd_text_add(&text, "%s", kernel->size_names[param->extent_size[i]]);
        else
            hd_host_print(param->extents[i], kernel, &text);
        base_sb_str(sb, buffer);
    }
    if (param->is_tensor && param->rank) base_sb_char(sb, ']');
}

static bool library_is_plain(const HdParamInfo *param)
{
    bool has_type = param->dl_code == kDLInt || param->dl_code == kDLUInt || param->dl_bits >= 32;
    return param->is_tensor || param->dl_code > kDLBfloat || (has_type && param->dl_bits >= 8);
}

/* A comment's end or beginning inside a comment would end it, or draw a warning. */
static void library_doc(Sb *sb, const char *doc)
{
    for (const char *line = doc; *line; line = library_next_line(line)) {
        base_sb_str(sb, " * ");
        for (const char *p = line; *p && *p != '\n'; p++) {
            base_sb_char(sb, *p);
            bool mark = (p[0] == '*' && p[1] == '/') || (p[0] == '/' && p[1] == '*');
            if (mark) base_sb_char(sb, ' ');
        }
        base_sb_char(sb, '\n');
    }
    base_sb_str(sb, " *\n");
}

static void library_declare_kernel(Sb *sb, const HdKernelInfo *kernel, const char *doc)
{
    static const char *const modes[] = {"read", "written", "read and written"};
    Arena *arena = sb->arena;
    base_sb_str(sb, "\n/*\n");
    if (doc && *doc) library_doc(sb, doc);
    for (int i = 0; i < kernel->param_count; i++) {
        const HdParamInfo *p = &kernel->params[i];
        base_sb_printf(sb, " * %s: ", library_param_name(arena, p->name));
        library_shape(sb, kernel, p);
        if (p->is_tensor)
            base_sb_printf(sb, ", %s%s", modes[p->mode], p->stride_size ? ", any strides" : "");
        base_sb_str(sb, library_is_plain(p) ? "\n" : ", as its bits\n");
    }
    base_sb_printf(sb, " */\nint %s(", runtime_library_symbol(arena, kernel->name));
    for (int i = 0; i < kernel->param_count; i++) {
        const HdParamInfo *p = &kernel->params[i];
        base_sb_printf(sb, "%s%s%s", i ? ", " : "", library_type(arena, p),
                       library_param_name(arena, p->name));
    }
    base_sb_str(sb, kernel->param_count ? ");\n" : "void);\n");
}

static const char *library_dlpack_text(void)
{
    const EmbedFile *file = embed_library;
    while (!strstr(file->name, "dlpack.h")) file++;
    return file->text;
}

const char *runtime_library_header(Arena *arena, const HdModuleInfo *module,
                                   const char *const *docs)
{
    Sb sb = base_sb(arena);
    char *file = library_identifier(arena, module->name), *guard = library_identifier(arena, file);
    for (char *p = guard; *p; p++) *p = (char)toupper((unsigned char)*p);
    base_sb_printf(
        &sb,
        "/* %s: kernels over DLPack tensors. Made by hdc.\n *\n"
        " * Each returns 0, or: 1 the arguments do not fit, 2 the kernel trapped, 3 something\n"
        " * is lacking here (a driver, code for the device), 4 the device or system failed;\n"
        " * %s_error() then has the reason. A kernel runs where its tensors are. Sizes\n"
        " * (m, n, ...) are taken from the shapes, and must agree. Tensors that are written\n"
        " * overlap no other. All functions may be called from any thread.\n */\n",
        file, file);
    base_sb_printf(&sb, "#ifndef HD_%s_H\n#define HD_%s_H\n\n", guard, guard);
    base_sb_str(&sb, "#include <stdbool.h>\n#include <stdint.h>\n\n");
    base_sb_str(&sb, library_dlpack_text());
    base_sb_str(&sb, "\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n");
    for (int i = 0; i < module->kernel_count; i++)
        library_declare_kernel(&sb, &module->kernels[i], docs ? docs[i] : NULL);
    base_sb_printf(
        &sb,
        "\n/* Why the last call of this thread failed; \"\" if it did not. */\n"
        "const char *%s_error(void);\n\n"
        "/* The CUstream (or cudaStream_t) for this thread's calls on a GPU; they then return\n"
        " * without waiting, save kernels that can trap and resident ones. NULL: the default\n"
        " * stream, and waiting. */\n"
        "void %s_set_stream(void *stream);\n",
        file, file);
    base_sb_str(&sb, "\n#ifdef __cplusplus\n}\n#endif\n#endif\n");
    return base_sb_text(&sb);
}
