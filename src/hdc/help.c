/* hdc help [VERB]. */
#include "hdc/hdc.h"

void help_overview(FILE *out)
{
    fputs("hdc: the compiler of .hd kernels\n\n", out);
    for (const Verb *v = verbs; v->name; v++)
        fprintf(out, "  hdc %s\n        %s\n", v->synopsis, v->summary);
    fputs("\nCommon options: --target=cpu,cuda --arch=sm_80,sm_90a -D name=value --check -Werror\n"
          "  -Wperf -Wno-CODE --diagnostics=json --seed N --device=cpu|cuda:0 -v --time-passes\n"
          "  --print-after=PASS --stop-after=PASS --shuffle --generic\n"
          "Exit status: 0 done, 1 the program is wrong or a test failed, 2 the call is wrong,\n"
          "  3 the environment is lacking or a launch failed, 4 internal error\n",
          out);
}

ExitStatus verb_help(Options *o)
{
    options_limit_words(o, 1);
    if (o->words.len == 0) {
        help_overview(stdout);
        return EXIT_DONE;
    }
    for (const Verb *v = verbs; v->name; v++)
        if (strcmp(v->name, o->words.data[0]) == 0) {
            printf("hdc %s\n\n    %s\n", v->synopsis, v->summary);
            return EXIT_DONE;
        }
    options_die_call("there is no verb `%s`", o->words.data[0]);
}
