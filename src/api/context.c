/* Contexts: devices, and the words about what went wrong. */
#include "api/api.h"

#include <stdio.h>
#include <stdlib.h>

const char *hd_version(void)
{
    return "0.1.0";
}

HdContext *hd_context_create(void)
{
    return calloc(1, sizeof(HdContext));
}

void hd_context_destroy(HdContext *context)
{
    if (!context) return;
    for (ApiDevice *d = context->devices, *next; d; d = next) {
        next = d->next;
        host_destroy(d->host);
        free((char *)(uintptr_t)d->name);
        free(d);
    }
    free(context->error);
    free(context->diagnostics);
    free(context->diagnostics_json);
    free(context);
}

void api_keep(char **slot, const char *text)
{
    free(*slot);
    *slot = text && *text ? strdup(text) : NULL;
}

HdResult api_fail(HdContext *context, HdResult result, const char *fmt, ...)
{
    char text[1200];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    api_keep(&context->error, text);
    return result;
}

HdResult api_failure(HdContext *context, const HdFailure *failure)
{
    bool call = failure->status == HD_BAD_CALL;
    return api_fail(context, call ? HD_ERROR_CALL : HD_ERROR_ENVIRONMENT, "%s", failure->text);
}

static const char *text_of(const char *text)
{
    return text ? text : "";
}

const char *hd_context_error(const HdContext *context)
{
    return text_of(context->error);
}

const char *hd_context_diagnostics(const HdContext *context)
{
    return text_of(context->diagnostics);
}

const char *hd_context_diagnostics_json(const HdContext *context)
{
    return context->diagnostics_json ? context->diagnostics_json : "[]\n";
}

void hd_context_set_print(HdContext *context, HdPrint *print, void *user)
{
    context->print = print;
    context->print_user = user;
}

Host *api_host(HdContext *context, const char *device, HdResult *result)
{
    const char *name = device ? device : "";
    for (ApiDevice *d = context->devices; d; d = d->next)
        if (strcmp(d->name, name) == 0) return d->host;
    HdFailure failure = {0};
    ApiDevice *d = calloc(1, sizeof *d);
    char *copy = strdup(name);
    Host *host = d && copy ? host_create(device, 0, &failure) : NULL;
    if (!host) {
        *result = d && copy ? api_failure(context, &failure)
                            : api_fail(context, HD_ERROR_ENVIRONMENT, "out of memory");
        free(d);
        free(copy);
        return NULL;
    }
    *d = (ApiDevice){.name = copy, .host = host, .next = context->devices};
    context->devices = d;
    return host;
}
