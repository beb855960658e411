/* hdc FILE.hd: the self-contained library, its header, and code for GPUs. */
#include "hdc/hdc.h"

#include "runtime/cc.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

typedef struct Artefact {
    Options *o;
    Compile *s;
    TargetModule *module;
    CompileOptions options;
} Artefact;

void artefact_every_arch(const Options *o, CompileOptions *c)
{
    /* for GPUs that are not named: these run everywhere from the first on, through its PTX */
    static const int unnamed[] = {80, 90};
    c->archs = o->archs.len ? o->archs.data : unnamed;
    c->arch_count = o->archs.len ? (int)o->archs.len : (int)BASE_LEN(unnamed);
}

void artefact_only(CompileOptions *c, const Options *o, bool cuda)
{
    if (!(cuda ? c->cuda : c->cpu))
        options_die_call("--emit=%s is made for the %s target, which --target=%s leaves out",
                         o->emit, cuda ? "CUDA" : "CPU", o->target);
    c->cuda = cuda;
    c->cpu = !cuda;
}

static ExitStatus make_module(Artefact *a)
{
    CompileStatus status = compile_module(a->s, &a->options, &a->module);
    return report_status(a->o, a->s, status);
}

/* Without --target, a machine without NVRTC still makes libraries, for the CPU. */
static ExitStatus make_images(Artefact *a, bool optional)
{
    HdFailure failure = {0};
    CompileStatus status = compile_images(a->s, a->module, &failure);
    ExitStatus result = report_status(a->o, a->s, status);
    if (result != EXIT_DONE || failure.status == HD_DONE) return result;
    if (!optional || failure.status != HD_LACKING) return report_failure(&failure);
    fprintf(stderr, "hdc: the library has code for the CPU only: %s\n", failure.text);
    a->module->image_count = 0;
    return EXIT_DONE;
}

static void tell_left_out(const Artefact *a)
{
    const char *left_out = compile_left_out(a->s, &a->options);
    if (*left_out) fprintf(stderr, "hdc: the library leaves out what is generic: %s\n", left_out);
}

static ExitStatus emit_image(Artefact *a, bool ptx)
{
    artefact_only(&a->options, a->o, true);
    ExitStatus status = make_module(a);
    if (status == EXIT_DONE) status = make_images(a, false);
    if (status != EXIT_DONE) return status;
    const char *path = base_format(a->o->arena, "%s.cubin", a->module->name);
    if (!ptx && !a->o->output) a->o->output = path; /* binary: not to a terminal */
    for (int i = 0; i < a->module->image_count; i++) {
        const TargetImage *image = &a->module->images[i];
        if (image->is_ptx == ptx) return write_output(a->o, (const char *)image->data, image->size);
    }
    return EXIT_INTERNAL;
}

static ExitStatus emit_header(Artefact *a)
{
    Sb text = base_sb(a->s->arena);
    CompileStatus status = compile_library_header(a->s, a->module, &text);
    ExitStatus result = report_status(a->o, a->s, status);
    return result == EXIT_DONE ? write_output(a->o, base_sb_text(&text), text.len) : result;
}

/* The compiler works in a folder of its own, so that nothing of an interrupted call lies beside the
 * output. */
static ExitStatus compile_in(Artefact *a, const RuntimeCc *cc, const Sb *text, const char *folder,
                             const char *path)
{
    Arena *arena = a->o->arena;
    HdFailure failure;
    RuntimeCcOptions options = {.generic = a->o->generic};
    const char *built = base_format(arena, "%s/library.so", folder);
    say(a->o, "runs %s %s", cc->path, runtime_cc_flags(arena, &options));
    if (!runtime_cc_build(arena, cc, text->data, text->len, &options, built, NULL, &failure))
        return report_failure(&failure);
    char *data;
    size_t len;
    int error = base_file_read(arena, built, &data, &len);
    if (!error) error = base_file_write(path, data, len);
    unlink(built);
    if (!error) say(a->o, "wrote %s", path);
    if (!error) return EXIT_DONE;
    fprintf(stderr, "hdc: cannot write %s: %s\n", path, strerror(error));
    return EXIT_ENVIRONMENT;
}

static ExitStatus compile_c(Artefact *a, const Sb *text, const char *path)
{
    HdFailure failure;
    RuntimeCc cc;
    if (!runtime_cc_find(a->o->arena, &cc, &failure)) return report_failure(&failure);
    const char *root = getenv("TMPDIR");
    char *folder = base_format(a->o->arena, "%s/hdc-XXXXXX", root && *root ? root : "/tmp");
    if (!mkdtemp(folder)) {
        fprintf(stderr, "hdc: cannot make a folder in %s: %s\n", root && *root ? root : "/tmp",
                strerror(errno));
        return EXIT_ENVIRONMENT;
    }
    ExitStatus status = compile_in(a, &cc, text, folder, path);
    rmdir(folder);
    return status;
}

static ExitStatus emit_library(Artefact *a, bool with_header)
{
    Arena *arena = a->o->arena;
    artefact_every_arch(a->o, &a->options);
    ExitStatus status = make_module(a);
    if (status == EXIT_DONE && a->options.cuda) status = make_images(a, !a->o->target);
    if (status != EXIT_DONE) return status;
    tell_left_out(a);
    Sb text = base_sb(a->s->arena);
    status = report_status(a->o, a->s, compile_library_text(a->s, a->module, &text));
    if (status != EXIT_DONE) return status;
    const char *name = base_format(arena, "lib%s.so", a->module->name);
    const char *path = a->o->output ? a->o->output : name;
    const char *header = base_path_join(arena, base_path_dir(arena, path),
                                        base_format(arena, "%s.h", a->module->name));
    if (with_header && strcmp(header, path) == 0)
        options_die_call("-o %s: there the library's header is written", path);
    status = compile_c(a, &text, path);
    if (status != EXIT_DONE || !with_header) return status;
    a->o->output = header;
    return emit_header(a);
}

void artefact_check_kind(const Options *o)
{
    static const char *const kinds[] = {"ptx", "cubin", "so", "header"};
    bool known = !o->emit;
    for (size_t i = 0; i < BASE_LEN(kinds); i++) known |= o->emit && !strcmp(o->emit, kinds[i]);
    if (!known)
        options_die_call("--emit: `%s` is not one of ast, typed, ir, cu, ptx, cubin, c, so, "
                         "header, manifest",
                         o->emit);
    bool library = !o->emit || strcmp(o->emit, "so") == 0;
    if (library && o->output && strcmp(o->output, "-") == 0)
        options_die_call("a library goes to a file, not to standard output");
}

ExitStatus build_artefact(Options *o, Compile *s)
{
    Artefact a = {.o = o, .s = s, .options = compile_options(o)};
    const char *kind = o->emit ? o->emit : "library";
    if (strcmp(kind, "ptx") == 0) return emit_image(&a, true);
    if (strcmp(kind, "cubin") == 0) return emit_image(&a, false);
    if (strcmp(kind, "library") == 0 || strcmp(kind, "so") == 0) return emit_library(&a, !o->emit);
    if (strcmp(kind, "header") == 0) {
        a.options.cuda = false;
        a.options.cpu = true;
        ExitStatus status = make_module(&a);
        return status == EXIT_DONE ? emit_header(&a) : status;
    }
    return EXIT_INTERNAL;
}
