/* Compiling, and what a module holds. */
#include "api/api.h"

#include <stdlib.h>

/* ---- compiling ------------------------------------------------------------------------------- */

typedef struct Work { /* one compilation */
    HdContext *context;
    const HdCompileOptions *options;
    const char *path, *text; /* text NULL: a file */
    size_t len;
    Host *host;
    Compile *session;
    LowerDefine *defines;
    int define_count;
} Work;

/* For the loaded program. */
static HdResult parse_defines(Work *w)
{
    const char *const *texts = w->options->defines;
    Compile *s = w->session;
    int count = 0;
    while (texts && texts[count]) count++;
    w->defines = NEW_ARRAY(s->arena, LowerDefine, (size_t)count + 1);
    w->define_count = count;
    for (int i = 0; i < count; i++) {
        LowerDefine *d = &w->defines[i];
        if (!compile_parse_define(s->arena, texts[i], d))
            return api_fail(w->context, HD_ERROR_CALL, "`%s` is no define, NAME=VALUE", texts[i]);
        const char *why = compile_takes_define(s, d->name) ? compile_refuse_define(s, d)
                                                           : "no kernel has such a name";
        if (why) return api_fail(w->context, HD_ERROR_CALL, "`%s`: %s", texts[i], why);
    }
    return HD_OK;
}

/* Everything that makes text may run out of memory, and leaves through the session's escape. */
static void keep_diagnostics(Work *w)
{
    Compile *s = w->session;
    if (setjmp(s->escape.env)) return;
    Sb text = base_sb(s->arena), json = base_sb(s->arena);
    diag_render_text(s->diags, &text, false);
    diag_render_json(s->diags, &json);
    api_keep(&w->context->diagnostics, base_sb_text(&text));
    api_keep(&w->context->diagnostics_json, base_sb_text(&json));
}

static HdResult result_of(Work *w, CompileStatus status)
{
    const char *message = w->session->message ? w->session->message : "";
    keep_diagnostics(w);
    switch (status) {
    case COMPILE_OK:
        return HD_OK;
    case COMPILE_WRONG:
        return api_fail(w->context, HD_ERROR_PROGRAM, "%s has errors:\n%.1000s", w->path,
                        hd_context_diagnostics(w->context));
    case COMPILE_IO:
        return api_fail(w->context, HD_ERROR_ENVIRONMENT, "%s", message);
    case COMPILE_MEMORY:
        return api_fail(w->context, HD_ERROR_ENVIRONMENT, "out of memory");
    case COMPILE_INTERNAL:
        break;
    }
    return api_fail(w->context, HD_ERROR_INTERNAL, "internal error: %s", message);
}

static HdResult wrap(Work *w, HdLoadedModule *loaded, HdModule **module)
{
    const HdModuleInfo *info = hd_rt_module_info(loaded);
    HdModule *m = calloc(1, sizeof *m);
    if (m) m->entries = calloc((size_t)info->kernel_count + 1, sizeof *m->entries);
    if (!m || !m->entries) {
        free(m);
        hd_rt_module_destroy(loaded);
        return api_fail(w->context, HD_ERROR_ENVIRONMENT, "out of memory");
    }
    m->context = w->context;
    m->host = w->host;
    m->loaded = loaded;
    m->seed = w->options->seed;
    m->entry_count = info->kernel_count;
    for (int i = 0; i < info->kernel_count; i++)
        m->entries[i] = (HdEntry){.module = m, .info = &info->kernels[i]};
    *module = m;
    return HD_OK;
}

static HdResult build(Work *w, HdModule **module)
{
    Compile *s = w->session;
    s->diags->warnings_as_errors = w->options->warnings_as_errors != 0;
    CompileStatus status = compile_load(s, w->path, w->text, w->len);
    if (status != COMPILE_OK) return result_of(w, status);
    HdFailure failure = {0};
    if (setjmp(s->escape.env)) return api_fail(w->context, HD_ERROR_ENVIRONMENT, "out of memory");
    HdResult result = parse_defines(w);
    if (result != HD_OK) return result;
    CompileOptions options = {.define_count = w->define_count,
                              .defines = w->defines,
                              .check = w->options->check != 0,
                              .shuffle_threads = w->options->check && w->options->seed};
    HdLoadedModule *loaded = host_build(w->host, s, &options, &status, &failure);
    result = result_of(w, status);
    if (result == HD_OK && !loaded) result = api_failure(w->context, &failure);
    return result == HD_OK ? wrap(w, loaded, module) : result;
}

static HdResult compile(Work *w, HdModule **module)
{
    *module = NULL;
    HdResult result = HD_OK;
    api_keep(&w->context->diagnostics, NULL);
    api_keep(&w->context->diagnostics_json, NULL);
    w->host = api_host(w->context, w->options->device, &result);
    if (!w->host) return result;
    w->session = compile_create();
    result =
        w->session ? build(w, module) : api_fail(w->context, HD_ERROR_ENVIRONMENT, "out of memory");
    compile_destroy(w->session);
    return result;
}

static const HdCompileOptions no_options;

HdResult hd_compile_file(HdContext *context, const char *path, const HdCompileOptions *options,
                         HdModule **module)
{
    Work w = {.context = context, .options = options ? options : &no_options, .path = path};
    return compile(&w, module);
}

HdResult hd_compile_text(HdContext *context, const char *name, const char *text, size_t length,
                         const HdCompileOptions *options, HdModule **module)
{
    Work w = {.context = context, .options = options ? options : &no_options};
    w.path = name;
    w.text = text;
    w.len = length;
    return compile(&w, module);
}

void hd_module_destroy(HdModule *module)
{
    if (!module) return;
    hd_rt_module_destroy(module->loaded);
    free(module->entries);
    free(module);
}

/* ---- entries --------------------------------------------------------------------------------- */

int hd_module_entry_count(const HdModule *module)
{
    return module->entry_count;
}

HdEntry *hd_module_entry_at(HdModule *module, int index)
{
    return index >= 0 && index < module->entry_count ? &module->entries[index] : NULL;
}

HdEntry *hd_module_entry(HdModule *module, const char *name)
{
    for (int i = 0; i < module->entry_count; i++)
        if (strcmp(module->entries[i].info->name, name) == 0) return &module->entries[i];
    return NULL;
}

const char *hd_entry_name(const HdEntry *entry)
{
    return entry->info->name;
}

int hd_entry_parameter_count(const HdEntry *entry)
{
    return entry->info->param_count;
}

HdResult hd_entry_parameter(const HdEntry *entry, int index, HdParameter *parameter)
{
    if (index < 0 || index >= entry->info->param_count)
        return api_fail(entry->module->context, HD_ERROR_CALL, "`%s` has %d parameters, no %d",
                        entry->info->name, entry->info->param_count, index);
    const HdParamInfo *p = &entry->info->params[index];
    *parameter = (HdParameter){.name = p->name, .elem = p->elem, .is_tensor = p->is_tensor};
    parameter->is_read = p->mode != 1;
    parameter->is_written = p->mode != 0;
    parameter->rank = p->is_tensor ? p->rank : 0;
    parameter->type = (DLDataType){p->dl_code, p->dl_bits, 1};
    return HD_OK;
}

/* ---- launching ------------------------------------------------------------------------------- */

HdResult hd_entry_launch(HdEntry *entry, const HdArgument *arguments, int count)
{
    HdModule *m = entry->module;
    HdContext *context = m->context;
    HdFailure failure = {0};
    HdTiming timing = {0};
    HdCpuOptions options = {
        .seed = m->seed, .print = context->print, .print_state = context->print_user};
    HdArg *args = calloc((size_t)(count > 0 ? count : 0) + 1, sizeof *args);
    if (!args) return api_fail(context, HD_ERROR_ENVIRONMENT, "out of memory");
    for (int i = 0; i < count; i++) args[i] = (HdArg){arguments[i].tensor, arguments[i].scalar};
    bool good = hd_rt_launch(m->loaded, entry->info->name, m->host->device, args, count, &options,
                             &timing, &failure);
    free(args);
    if (!good) return api_failure(context, &failure);
    entry->seconds = timing.seconds;
    return HD_OK;
}

double hd_entry_seconds(const HdEntry *entry)
{
    return entry->seconds;
}
