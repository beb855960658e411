/* A source compiled for several architectures, each result held against what is expected of it. */
#ifndef TEST_ARCHS_H
#define TEST_ARCHS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "compile/compile.h"
#include "ptx.h"
#include "runtime/nvrtc.h"

typedef void (*ArchCheck)(const RuntimeNvrtcResult *r, int arch);

/* Skips the test where there is no NVRTC. */
static void for_archs(const char *source, const int *archs, size_t count, ArchCheck check)
{
    static const char *const verbose[] = {"--ptxas-options=-v", NULL};
    HdFailure failure = {0};
    RuntimeNvrtc *nvrtc = runtime_nvrtc_create(&failure);
    if (!nvrtc) skip();
    for (size_t i = 0; i < count; i++) {
        Compile *s = compile_create();
        CompileOptions options = {.cuda = true, .arch = archs[i], .verify = true};
        RuntimeNvrtcOptions how = {.arch = archs[i], .specific = archs[i] == 90, .extra = verbose};
        RuntimeNvrtcResult r = {0};
        Sb text = base_sb(s->arena);
        assert_int_equal(compile_load(s, "kernel.hd", source, strlen(source)), COMPILE_OK);
        assert_int_equal(compile_emit(s, &options, COMPILE_CU, &text), COMPILE_OK);
        bool ok = runtime_nvrtc_compile(nvrtc, s->arena, base_sb_text(&text), "kernel.cu", &how, &r,
                                        &failure);
        if (!ok) print_message("sm_%d: %s\n", archs[i], failure.text);
        assert_true(ok);
        check(&r, archs[i]);
        compile_destroy(s);
    }
    runtime_nvrtc_destroy(nvrtc);
}

/* How often the instruction stands between two places of the PTX. */
static int count_between(const char *from, const char *end, const char *instruction)
{
    int n = 0;
    for (const char *at = from; at && (at = strstr(at, instruction)) && at < end; at++) n++;
    return n;
}

#endif
