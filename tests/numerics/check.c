/* Holds the compiled numeric functions of stdlib/math.hd against MPFR.
 *
 *   check --kernels TYPE        prints the .hd kernels of that element type, one a function
 *   check LIBRARY math.hd [-n POINTS] [-s SEED] [FUNCTION…]
 *
 * The library is what `hdc` makes of those kernels. The bound of a function's error is the one its
 * documentation states (`/// Error: f32 … ulp, f64 … ulp.`); types of 16 bits are held to
 * NARROW_BOUND. Prints one line a function and type, and ends with the number that passed. */
#include <dlfcn.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/module.h"
#include "samples.h"

#define NARROW_BOUND 0.51

enum { SHOWN = 3, PRECISION_BEYOND = 60 };

typedef struct Check {
    const HdModuleInfo *module;
    char *library_text; /* math.hd */
    long effort;
    uint64_t seed;
    int passed, failed;
} Check;

/* ---- the kernels to compile ----------------------------------------------------------------- */

static void print_kernels(const char *type)
{
    printf("//! The numeric functions in %s, one kernel each, for the test of their accuracy.\n\n"
           "import std.math (",
           type);
    for (int i = 0; i < NUMERIC_CASE_COUNT; i++) {
        printf("%s%s", i == 0 ? "" : i % 8 ? ", " : ",\n    ", NUMERIC_CASES[i].name);
    }
    printf(")\n");
    for (int i = 0; i < NUMERIC_CASE_COUNT; i++) {
        const NumericCase *item = &NUMERIC_CASES[i];
        const char *second = item->binary ? ", y[i]" : "";
        printf("\nkernel k_%s_%s(x: %s[n]", item->name, type, type);
        if (item->binary) printf(", y: %s[n]", type);
        printf(", z: out %s[n])\n    launch grid(cdiv(n, 256)), block(256)\n{\n", type);
        printf("    let i = block.x * 256 + thread\n");
        printf("    if i < n { z[i] = %s(x[i]%s) }\n}\n", item->name, second);
    }
}

/* ---- running one ---------------------------------------------------------------------------- */

static const HdKernelInfo *find_kernel(const HdModuleInfo *module, const char *name)
{
    for (int i = 0; i < module->kernel_count; i++) {
        if (strcmp(module->kernels[i].name, name) == 0) return &module->kernels[i];
    }
    return NULL;
}

static void *pack(const NumericFormat *format, const double *values, long count)
{
    size_t bytes = (size_t)format->bits / 8;
    unsigned char *data = calloc((size_t)count, bytes);
    if (!data) return NULL;
    for (long i = 0; i < count; i++) {
        uint64_t bits = numeric_encode(format, values[i]);
        memcpy(data + (size_t)i * bytes, &bits, bytes);
    }
    return data;
}

static void *no_scratch(void *pool, uint64_t bytes)
{
    (void)pool;
    static _Alignas(64) unsigned char area[1 << 22];
    return bytes <= sizeof area ? area : NULL;
}

/* The last variant has no guard: it takes every call. */
static bool run_kernel(const HdKernelInfo *kernel, void *const *tensors, int64_t count)
{
    const HdInstanceInfo *instance = &kernel->instances[0];
    HdCpuKernel *cpu = &(HdCpuKernel){instance->variants[instance->variant_count - 1].cpu};
    if (!*cpu || kernel->size_count != 1) return false;
    int64_t blocks = (count + instance->block - 1) / instance->block;
    HdTrap trap = {0};
    HdCpuArgs args = {.tensors = tensors,
                      .sizes = &count,
                      .grid = {blocks, 1, 1},
                      .trap = &trap,
                      .scratch = no_scratch};
    (*cpu)(&args, 0, blocks);
    return trap.state == 0;
}

/* ---- judging -------------------------------------------------------------------------------- */

/* The bound that the documentation of `name` states, or a negative number. */
static double documented_bound(const char *text, const char *name, const NumericFormat *format)
{
    if (format->bits == 16) return NARROW_BOUND;
    char head[64];
    (void)snprintf(head, sizeof head, "pub fn %s[", name);
    const char *at = strstr(text, head), *line = NULL;
    for (const char *p = text; at && (p = strstr(p, "/// Error:")) && p < at; p++) line = p;
    const char *bound = line ? strstr(line, format->name) : NULL;
    return bound && bound < at ? strtod(bound + strlen(format->name), NULL) : -1;
}

typedef struct Verdict {
    double worst, x, y;
    long wrong;
} Verdict;

static void judge(Verdict *verdict, const NumericFormat *format, const NumericCase *item,
                  const NumericSamples *samples, const unsigned char *results, double bound)
{
    mpfr_t x, y, exact;
    mpfr_inits2(format->precision + PRECISION_BEYOND, x, y, exact, (mpfr_ptr)NULL);
    for (long i = 0; i < samples->count; i++) {
        uint64_t bits = 0;
        memcpy(&bits, results + (size_t)i * ((size_t)format->bits / 8), (size_t)format->bits / 8);
        double got = numeric_decode(format, bits);
        (void)mpfr_set_d(x, samples->x[i], MPFR_RNDN);
        (void)mpfr_set_d(y, samples->y[i], MPFR_RNDN);
        if (item->unary)
            item->unary(exact, x);
        else
            item->binary(exact, x, y);
        double error = numeric_error(format, got, exact);
        if (!(error <= bound) && verdict->wrong++ < SHOWN) {
            printf("    %s(%a%s%a) = %a, exactly %a: %.4g ulp\n", item->name, samples->x[i],
                   item->unary ? " | " : ", ", item->unary ? 0.0 : samples->y[i], got,
                   mpfr_get_d(exact, MPFR_RNDN), error);
        }
        if (error > verdict->worst) {
            *verdict = (Verdict){error, samples->x[i], samples->y[i], verdict->wrong};
        }
    }
    mpfr_clears(x, y, exact, (mpfr_ptr)NULL);
}

static bool check_samples(Check *check, const NumericFormat *format, const NumericCase *item,
                          const HdKernelInfo *kernel, const NumericSamples *samples)
{
    double bound = documented_bound(check->library_text, item->name, format);
    void *x = pack(format, samples->x, samples->count);
    void *y = pack(format, samples->y, samples->count);
    unsigned char *z = calloc((size_t)samples->count, (size_t)format->bits / 8);
    void *unary[] = {x, z}, *binary[] = {x, y, z};
    Verdict verdict = {0};
    bool ran = x && y && z && run_kernel(kernel, item->unary ? unary : binary, samples->count);
    if (ran) judge(&verdict, format, item, samples, z, bound);
    bool good = ran && bound >= 0 && verdict.wrong == 0;
    printf("%s %s %s: %.4f ulp of %.4g at %.9g", good ? "ok    " : "FAILED", item->name,
           format->name, verdict.worst, bound, verdict.x);
    if (item->binary) printf(", %.9g", verdict.y);
    printf("; %ld of %ld wrong%s\n", verdict.wrong, samples->count, ran ? "" : "; did not run");
    free(x);
    free(y);
    free(z);
    return good;
}

static void check_item(Check *check, const NumericFormat *format, const NumericCase *item)
{
    char name[64];
    (void)snprintf(name, sizeof name, "k_%s_%s", item->name, format->name);
    const HdKernelInfo *kernel = find_kernel(check->module, name);
    if (!kernel) return; /* a library holds some of the types */
    NumericSamples samples;
    bool good = false;
    if (numeric_samples(&samples, format, item, check->effort, check->seed)) {
        good = check_samples(check, format, item, kernel, &samples);
        numeric_samples_free(&samples);
    }
    *(good ? &check->passed : &check->failed) += 1;
    (void)fflush(stdout);
}

/* ---- the command ---------------------------------------------------------------------------- */

static char *read_text(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) return NULL;
    size_t room = 1 << 20, len = 0;
    char *text = malloc(room);
    if (text) {
        len = fread(text, 1, room - 1, file);
        text[len] = 0;
    }
    (void)fclose(file);
    return text;
}

static bool wanted(const char *name, int count, char **names)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) return true;
    }
    return count == 0;
}

static int usage(void)
{
    (void)fprintf(stderr, "usage: check --kernels TYPE\n"
                          "       check LIBRARY math.hd [-n POINTS] [-s SEED] [FUNCTION…]\n");
    return 2;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--kernels") == 0) {
        print_kernels(argv[2]);
        return 0;
    }
    if (argc < 3) return usage();
    Check check = {.effort = 40000, .seed = 20};
    int at = 3;
    for (; at + 1 < argc && argv[at][0] == '-'; at += 2) {
        if (argv[at][1] == 'n')
            check.effort = strtol(argv[at + 1], NULL, 10);
        else if (argv[at][1] == 's')
            check.seed = strtoull(argv[at + 1], NULL, 10);
        else
            return usage();
    }
    void *library = dlopen(argv[1], RTLD_NOW);
    check.module = library ? dlsym(library, "hd_module_info") : NULL;
    check.library_text = read_text(argv[2]);
    if (!check.module || !check.library_text) {
        (void)fprintf(stderr, "check: cannot load %s or %s\n", argv[1], argv[2]);
        return 3;
    }
    for (int i = 0; i < NUMERIC_CASE_COUNT; i++) {
        if (!wanted(NUMERIC_CASES[i].name, argc - at, argv + at)) continue;
        for (int f = 0; f < NUMERIC_FORMAT_COUNT; f++) {
            check_item(&check, &NUMERIC_FORMATS[f], &NUMERIC_CASES[i]);
        }
    }
    printf("%d passed, %d failed\n", check.passed, check.failed);
    free(check.library_text);
    return check.failed || !check.passed;
}
