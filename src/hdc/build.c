/* hdc FILE.hd: compile, or print one stage. */
#include "hdc/hdc.h"

typedef struct EmitName {
    const char *name;
    CompileKind kind;
} EmitName;
static const EmitName emit_names[] = {
    {"ast", COMPILE_AST},
    {"typed", COMPILE_TYPED},
    {"ir", COMPILE_IR},
    {"c", COMPILE_C},
    {"cu", COMPILE_CU},
    {"cuda-host", COMPILE_CUDA_HOST},
    {"manifest", COMPILE_MANIFEST},
};

static ExitStatus emit_text(Options *o, Compile *s, CompileKind kind)
{
    CompileOptions c = compile_options(o);
    if (kind == COMPILE_C) artefact_only(&c, o, false);
    if (kind == COMPILE_CU || kind == COMPILE_CUDA_HOST) artefact_only(&c, o, true);
    if (kind == COMPILE_MANIFEST) artefact_every_arch(o, &c);
    if (kind == COMPILE_IR && c.cpu) c.cuda = false;
    Sb out = base_sb(s->arena);
    CompileStatus status = compile_emit(s, &c, kind, &out);
    ExitStatus result = report_status(o, s, status);
    return result == EXIT_DONE ? write_output(o, base_sb_text(&out), out.len) : result;
}

ExitStatus verb_build(Options *o)
{
    if (o->words.len == 0) {
        if (!o->verb) {
            help_overview(stderr);
            return EXIT_CALL;
        }
        options_die_call("which file?");
    }
    if (o->words.len > 1 && !o->verb && !strpbrk(o->words.data[0], "./"))
        options_die_call("there is no verb `%s`", o->words.data[0]);
    if (o->words.len > 1) options_die_call("one file at a time, not `%s` too", o->words.data[1]);
    const EmitName *found = NULL;
    for (size_t i = 0; o->emit && i < BASE_LEN(emit_names); i++)
        if (strcmp(o->emit, emit_names[i].name) == 0) found = &emit_names[i];
    if (!found) artefact_check_kind(o);
    ExitStatus status;
    Compile *s = open_session(o, o->words.data[0], &status);
    if (!s) return status;
    if (found)
        status = emit_text(o, s, found->kind);
    else
        status = build_artefact(o, s);
    compile_destroy(s);
    return status;
}
