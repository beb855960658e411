/* What the CUDA compiler says of a kernel: ptxas's report in the log, instructions in the PTX. */
#ifndef TEST_PTX_H
#define TEST_PTX_H

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct PtxReport {
    bool found;
    int registers, stack, spill_stores, spill_loads, barriers;
    long shared;
} PtxReport;

/* From a log made with --ptxas-options=-v. */
static inline PtxReport ptx_report(const char *log, const char *entry)
{
    PtxReport r = {0};
    char line[256];
    snprintf(line, sizeof line, "Compiling entry function '%s' for", entry);
    const char *at = strstr(log, line);
    const char *used = at ? strstr(at, "Used ") : NULL,
               *stack = at ? strstr(at, "bytes stack") : NULL;
    if (!used || !stack) return r;
    r.found = true;
    r.registers = atoi(used + 5);
    while (stack > at && !isalpha((unsigned char)stack[-1]) && stack[-1] != '\n') --stack;
    sscanf(stack + strspn(stack, " .:\n"), "%d bytes stack frame, %d bytes spill stores, %d",
           &r.stack, &r.spill_stores, &r.spill_loads);
    const char *end = strchr(used, '\n'), *shared = strstr(used, " bytes smem");
    if (shared && (!end || shared < end)) {
        while (shared > used && isdigit((unsigned char)shared[-1])) --shared;
        r.shared = atol(shared);
    }
    return r;
}

/* Do so many blocks run at a time? A multiprocessor has registers out in lots of 8 for a thread,
 * and gives each block 1 KiB of its shared memory beside the block's own from sm_80 on. */
static inline bool ptx_fits(const PtxReport *r, int threads, int blocks, int arch)
{
    long shared = arch < 80 ? 64 : arch == 80 ? 164 : arch == 90 || arch == 100 ? 228 : 100;
    return (r->registers + 7) / 8 * 8 * threads * blocks <= 65536 &&
           (r->shared + (arch < 80 ? 0 : 1024)) * blocks <= shared * 1024;
}

/* Instructions of the loop that holds the most fma, without what is in loops around it. */
typedef struct PtxLoop {
    int fma, shared_loads_16, shared_loads, control, others;
} PtxLoop;

static inline const char *ptx_function(const char *ptx, const char *entry, const char **end)
{
    char head[256];
    snprintf(head, sizeof head, ".entry %s(", entry);
    const char *at = strstr(ptx, head);
    *end = at ? strstr(at, "\n.visible") : NULL; /* where the next begins */
    if (at && !*end) *end = at + strlen(at);
    return at;
}

static void ptx_count(PtxLoop *loop, const char *line)
{
    line += strspn(line, " \t");
    if (*line == '@') line += strcspn(line, " \t") + 1;
    if (!islower((unsigned char)*line)) return;
    if (strncmp(line, "fma.", 4) == 0)
        ++loop->fma;
    else if (strncmp(line, "ld.shared.v4", 12) == 0)
        ++loop->shared_loads_16;
    else if (strncmp(line, "ld.shared", 9) == 0)
        ++loop->shared_loads;
    else if (!strncmp(line, "bra", 3) || !strncmp(line, "setp", 4) || !strncmp(line, "add.s", 5))
        ++loop->control;
    else
        ++loop->others;
}

__attribute__((unused)) static PtxLoop ptx_inner_loop(const char *ptx, const char *entry)
{
    PtxLoop best = {0};
    const char *end, *from = ptx_function(ptx, entry, &end);
    int best_size = 0;
    for (const char *p = from; p && p < end; p = strchr(p, '\n') + 1) {
        size_t len = strcspn(p, ":\n");
        if (*p != '$' || p[len] != ':') continue;
        char jump[128];
        snprintf(jump, sizeof jump, "%.*s;", (int)len, p);
        PtxLoop loop = {0};
        int size = 0;
        for (const char *q = strchr(p, '\n') + 1; q < end; q = strchr(q, '\n') + 1) {
            size_t line_len = strcspn(q, "\n");
            char line[256];
            snprintf(line, sizeof line, "%.*s", (int)line_len, q);
            for (char *tab = line; *tab; ++tab)
                if (*tab == '\t') *tab = ' ';
            ptx_count(&loop, line);
            ++size;
            if (!strstr(line, jump)) continue;
            if (loop.fma > best.fma || (loop.fma == best.fma && size < best_size))
                best = loop, best_size = size;
            break;
        }
    }
    return best;
}

/* Does the entry have this instruction? */
static inline bool ptx_has(const char *ptx, const char *entry, const char *instruction)
{
    const char *end, *from = ptx_function(ptx, entry, &end);
    const char *at = from ? strstr(from, instruction) : NULL;
    return at && at < end;
}

#endif
