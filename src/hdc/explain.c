/* hdc explain CODE: the section of docs/diagnostics.md. */
#include "hdc/hdc.h"

#include "embed/diagnostics.h"

ExitStatus verb_explain(Options *o)
{
    if (o->words.len != 1) options_die_call("explain: one code, like E0302");
    DiagCode code = diag_code_find(o->words.data[0]);
    if (code == DIAG_NONE)
        options_die_call("there is no diagnostic `%s`; docs/diagnostics.md lists them",
                         o->words.data[0]);
    const char *heading = base_format(o->arena, "## %s", diag_code_text(code));
    const char *at = strstr(embed_diagnostics[0].text, heading);
    if (!at) {
        printf("%s has no explanation.\n", diag_code_text(code));
        return EXIT_DONE;
    }
    const char *end = strstr(at + 3, "\n## ");
    fwrite(at, 1, end ? (size_t)(end - at) + 1 : strlen(at), stdout);
    return EXIT_DONE;
}
