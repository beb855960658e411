/* What the files of api/ share. Private to it. */
#ifndef API_API_H
#define API_API_H

#include "api/hd.h"
#include "host/host.h"

typedef struct ApiDevice {
    const char *name; /* as asked for; owned */
    Host *host;
    struct ApiDevice *next;
} ApiDevice;

struct HdContext {
    char *error, *diagnostics, *diagnostics_json; /* owned; NULL: "" */
    HdPrint *print;
    void *print_user;
    ApiDevice *devices; /* opened so far */
};

struct HdEntry {
    HdModule *module;
    const HdKernelInfo *info;
    double seconds;
};

struct HdModule {
    HdContext *context;
    const Host *host;
    HdLoadedModule *loaded;
    uint64_t seed;
    int entry_count;
    HdEntry *entries;
};

/* Keeps the text as the context's error; returns `result`. */
HdResult api_fail(HdContext *context, HdResult result, const char *fmt, ...) BASE_PRINTF(3, 4);
HdResult api_failure(HdContext *context, const HdFailure *failure);
/* The host of a device, opened once; NULL: the error is set, *result too. */
Host *api_host(HdContext *context, const char *device, HdResult *result);
void api_keep(char **slot, const char *text);

#endif
