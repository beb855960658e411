/* hdc check FILE…: everything but code. */
#include "hdc/hdc.h"

static ExitStatus check_file(Options *o, const char *path)
{
    ExitStatus status;
    Compile *s = open_session(o, path, &status);
    if (!s) return status;
    CompileOptions c = compile_options(o);
    CompileOptions one = c;
    one.cuda = false;
    CompileStatus checked = c.cpu || !c.cuda ? compile_check(s, &one) : COMPILE_OK;
    if (checked == COMPILE_OK && c.cuda) {
        one.cuda = true;
        checked = compile_check(s, &one);
    }
    status = report_status(o, s, checked);
    compile_destroy(s);
    return status;
}

ExitStatus verb_check(Options *o)
{
    if (o->words.len == 0) options_die_call("check: which files?");
    ExitStatus worst = EXIT_DONE;
    for (size_t i = 0; i < o->words.len; i++) {
        ExitStatus status = check_file(o, o->words.data[i]);
        if (status > worst) worst = status;
    }
    return worst;
}
