// What the machine under cuda_host.h tells its watch (watch.h), and what it says of mistakes.
#ifndef TESTS_CUDA_HOST_TOUCH_H
#define TESTS_CUDA_HOST_TOUCH_H

#include "state.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <unistd.h>

namespace hd_host
{

// ---- who and where -----------------------------------------------------------------------------
HD_OWN int own_agent()
{
    return machine->rank * machine->block + machine->current;
}
HD_OWN int row_of(int *row)
{
    if (*row < 0) *row = watch_row(machine->watch);
    return *row;
}
HD_OWN int engine_of(int *engine, bool async)
{
    if (*engine < 0) *engine = watch_engine(machine->watch, async);
    return *engine;
}
// The place in the source: of an instruction of the text, or as the text gave it.
struct Place {
    const void *pc;
    const char *file;
    int line;
};
// This module's file, which may be gone once it is loaded.
static int module_file = -1;
__attribute__((constructor)) HD_OWN void open_module()
{
    Dl_info info = {};
    if (dladdr(&module_file, &info)) module_file = open(info.dli_fname, O_RDONLY | O_CLOEXEC);
}
__attribute__((destructor)) HD_OWN void close_module()
{
    if (module_file >= 0) close(module_file);
}
HD_OWN void print_place(const Place *at)
{
    Dl_info info = {};
    if (at->file) fprintf(stderr, "%s:%d: ", at->file, at->line);
    if (!at->pc || !dladdr(at->pc, &info)) return;
    char command[256], text[512];
    snprintf(command, sizeof command, "addr2line -e /proc/%d/fd/%d 0x%lx 2>/dev/null",
             (int)getpid(), module_file,
             (unsigned long)((const char *)at->pc - (const char *)info.dli_fbase) - 1);
    FILE *f = popen(command, "r");
    if (f && fgets(text, sizeof text, f) && !strchr(text, '?')) {
        text[strcspn(text, " \n")] = 0;
        fprintf(stderr, "%s: ", text);
    }
    if (f) pclose(f);
}
[[noreturn]] HD_OWN void fail_at(const Place *at, const char *what)
{
    print_place(at);
    fprintf(stderr, "%s\n", what);
    fail(what);
}

[[noreturn]] HD_OWN void report(Verdict v, int thread, const void *p, Access access,
                                const Place *at)
{
    static const char *const names[] = {"read", "write", "atomic operation"};
    const Watch *w = machine->watch;
    char text[512];
    int size = snprintf(text, sizeof text, "thread %d's %s of shared memory at %p ", thread,
                        names[access], p);
    const char *by = w->other.agent >= w->threads ? "by an engine for" : "by";
    if (v == RACE)
        snprintf(text + size, sizeof text - (size_t)size, "races with a %s %s thread %d",
                 names[w->was], by, w->other.thread);
    else if (v == UNWRITTEN)
        snprintf(text + size, sizeof text - (size_t)size, "comes before any write");
    else
        snprintf(text + size, sizeof text - (size_t)size,
                 "by an engine lacks a proxy fence after thread %d's write", w->other.thread);
    fail_at(at, text);
}

// ---- accesses ----------------------------------------------------------------------------------
HD_OWN void touch_as(int thread, const void *p, size_t size, Access access, const Place *at)
{
    Watch *w = machine->watch;
    if (!w) return;
    Verdict v = watch_touch(w, thread, w->rows[thread][thread], thread, p, size, access);
    if (v != FINE) report(v, thread, p, access, at);
}

// Counts the write that the last store has made.
HD_OWN void settle()
{
    Watch *w = machine->watch;
    if (!w || !w->write.size) return;
    size_t size = (size_t)w->write.size;
    unsigned char *at = w->write.at;
    w->write.size = 0;
    Span *s = span_of(w, at);
    const Cell *c = &s->cells[at - s->begin];
    bool written = c->block == w->block && c->write.time;
    if (written && memcmp(at, w->write.old, size) == 0) return;
    Place place = {w->write.pc, nullptr, 0};
    touch_as(own_agent(), at, size, WRITE, &place);
}

// By the machine, for the current thread.
HD_OWN void touch(const void *p, size_t size, Access access)
{
    Place at = {};
    settle();
    touch_as(own_agent(), p, size, access, &at);
}
// By an engine that the current thread has asked.
HD_OWN void touch_by(int engine, long time, const void *p, size_t size, Access access,
                     const char *file, int line)
{
    Place at = {nullptr, file, line};
    settle();
    Verdict v = watch_touch(machine->watch, engine, time, own_agent(), p, size, access);
    if (v != FINE) report(v, own_agent(), p, access, &at);
}

// Is all of it in the shared memory of a block?
HD_OWN void inside(const void *p, size_t size, const char *what, const char *file, int line)
{
    const Span own[] = {machine->dynamic, machine->variables};
    const Watch *w = machine->watch;
    const Span *spans = w ? w->spans : own;
    for (int i = 0; i < (w ? w->span_count : 2); ++i) {
        size_t at = (size_t)((const unsigned char *)p - spans[i].begin);
        if (at < spans[i].size && size <= spans[i].size - at) return;
    }
    char text[256];
    Place place = {nullptr, file, line};
    snprintf(text, sizeof text, "%s ends outside of shared memory", what);
    fail_at(&place, text);
}

// ---- order -------------------------------------------------------------------------------------
HD_OWN void tell(int row)
{
    settle();
    watch_tell(machine->watch, own_agent(), row);
}
HD_OWN void over(int engine, long time)
{
    settle();
    watch_over(machine->watch, own_agent(), engine, time);
}
HD_OWN void fence_engines()
{
    settle();
    watch_fence(machine->watch, own_agent());
}
// With relaxed operations around them, fences order what stands before one and after another.
HD_OWN void fence()
{
    Watch *w = machine->watch;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (!w) return;
    watch_learn(w, own_agent(), w->fence_row);
    tell(w->fence_row);
}

// ---- registers of products ---------------------------------------------------------------------
// The thread's own memory is touched: does a product have it?
HD_OWN void touch_registers(const unsigned char *p, size_t size, const Place *at)
{
    GroupProducts *g = &machine->products[machine->current];
    for (int i = 0; i < g->register_count; ++i) {
        Registers *r = &g->registers[i];
        if (p >= r->begin + r->size || r->begin >= p + size) continue;
        if (r->group >= g->over)
            fail_at(at, "registers of a product are touched before wgmma.wait");
        r->touched = true;
    }
}

// ---- what the text's accesses call -------------------------------------------------------------
HD_OWN void access(const void *p, size_t size, Access access, const void *pc)
{
    Machine *m = machine;
    if (!m || !m->watch || p == &machine) return;
    Watch *w = m->watch;
    Place at = {pc, nullptr, 0};
    unsigned char *to = (unsigned char *)(uintptr_t)p;
    if (w->write.size) settle();
    if (!span_of(w, p)) {
        if (m->shared && to >= m->shared + m->shared_bytes &&
            to < m->shared + m->shared_bytes + GUARD)
            fail_at(&at, "an access past the end of shared memory");
        touch_registers(to, size, &at);
        return;
    }
    if (access != WRITE || size > sizeof w->write.old) {
        touch_as(own_agent(), p, size, access, &at);
        return;
    }
    w->write.at = to;
    w->write.size = (int)size;
    w->write.pc = pc;
    memcpy(w->write.old, p, size);
}

} // namespace hd_host

#define HD_HOOK(name, size, kind, ...)                                                             \
    extern "C" __attribute__((visibility("hidden"), used, noinline, no_sanitize("thread"))) void   \
    name(void *p __VA_ARGS__)                                                                      \
    {                                                                                              \
        hd_host::access(p, size, hd_host::kind, __builtin_return_address(0));                      \
    }
#define HD_HOOKS(size)                                                                             \
    HD_HOOK(__tsan_read##size, size, READ)                                                         \
    HD_HOOK(__tsan_write##size, size, WRITE)                                                       \
    HD_HOOK(__tsan_unaligned_read##size, size, READ)                                               \
    HD_HOOK(__tsan_unaligned_write##size, size, WRITE)                                             \
    HD_HOOK(__tsan_volatile_read##size, size, ATOMIC)                                              \
    HD_HOOK(__tsan_volatile_write##size, size, ATOMIC)                                             \
    HD_HOOK(__tsan_unaligned_volatile_read##size, size, ATOMIC)                                    \
    HD_HOOK(__tsan_unaligned_volatile_write##size, size, ATOMIC)
HD_HOOKS(1)
HD_HOOKS(2)
HD_HOOKS(4)
HD_HOOKS(8)
HD_HOOKS(16)
HD_HOOK(__tsan_read_range, size, READ, , long size)
HD_HOOK(__tsan_write_range, size, WRITE, , long size)
extern "C" __attribute__((visibility("hidden"), used, no_sanitize("thread"))) void __tsan_init()
{
}
#define HD_HOOK_NOTHING(name)                                                                      \
    extern "C" __attribute__((visibility("hidden"), used, no_sanitize("thread"))) void name(       \
        void *)                                                                                    \
    {                                                                                              \
    }
HD_HOOK_NOTHING(__tsan_func_entry)
HD_HOOK_NOTHING(__tsan_func_exit)

#endif
