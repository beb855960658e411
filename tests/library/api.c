/* libhd as a program uses it: compile from memory and from a file, launch on DLTensors, and be told
 * what is wrong. Prints nothing if all is well. */
#include <hd.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int failures;
static HdContext *context;

static void check(int good, const char *what, int line)
{
    if (good) return;
    failures++;
    printf("line %d: %s; the last error was: %s\n", line, what, hd_context_error(context));
}
#define CHECK(x) check((x) != 0, #x, __LINE__)
#define SAYS(text) CHECK(strstr(hd_context_error(context), text))

static const char source[] =
    "/// y = a x + y.\n"
    "pub kernel axpy(a: f32, x: f32[n], y: inout f32[n])\n"
    "    tune t in {64, 32}\n"
    "    require n % 2 == 0\n"
    "    launch grid(cdiv(n, t)), block(t)\n"
    "{\n"
    "    let i0 = block.x * t\n"
    "    for i in spatial(t) on thread within (n - i0) { y[i0 + i] += a * x[i0 + i] }\n"
    "    if block.x == 0 { on thread[0] { print \"n is\", n } }\n"
    "}\n"
    "pub kernel wild(x: f32[n], i: i32, y: out f32[1])\n"
    "    launch grid(1), block(1)\n"
    "{\n"
    "    y[0] = x[i]\n"
    "}\n";

static DLTensor vector(float *data, int64_t *shape)
{
    DLTensor t;
    memset(&t, 0, sizeof t);
    t.data = data;
    t.device.device_type = kDLCPU;
    t.ndim = 1;
    t.dtype.code = kDLFloat;
    t.dtype.bits = 32;
    t.dtype.lanes = 1;
    t.shape = shape;
    return t;
}

static void keep_line(void *user, const char *line)
{
    snprintf((char *)user, 64, "%s", line);
}

static HdModule *compile(const char *text, const HdCompileOptions *options, HdResult want)
{
    HdModule *module = NULL;
    HdResult got = hd_compile_text(context, "memory.hd", text, strlen(text), options, &module);
    CHECK(got == want && (module != NULL) == (want == HD_OK));
    return module;
}

static HdResult launch(HdModule *module, const char *name, float a, DLTensor *x, DLTensor *y)
{
    HdArgument args[3];
    memset(args, 0, sizeof args);
    args[0].scalar = &a;
    args[1].tensor = x;
    args[2].tensor = y;
    return hd_entry_launch(hd_module_entry(module, name), args, 3);
}

static void looks_at_entries(HdModule *module)
{
    HdParameter p;
    HdEntry *axpy = hd_module_entry(module, "axpy");
    CHECK(hd_module_entry_count(module) == 2 && axpy && !hd_module_entry(module, "none"));
    CHECK(hd_module_entry_at(module, 0) == axpy && !hd_module_entry_at(module, 2));
    CHECK(!hd_module_entry_at(module, -1));
    CHECK(strcmp(hd_entry_name(axpy), "axpy") == 0 && hd_entry_parameter_count(axpy) == 3);
    CHECK(hd_entry_parameter(axpy, 0, &p) == HD_OK && !p.is_tensor && strcmp(p.elem, "f32") == 0);
    CHECK(hd_entry_parameter(axpy, 2, &p) == HD_OK && p.is_tensor && p.rank == 1);
    CHECK(p.is_read && p.is_written && p.type.code == kDLFloat && p.type.bits == 32);
    CHECK(hd_entry_parameter(axpy, 3, &p) == HD_ERROR_CALL);
}

static void launches(HdModule *module)
{
    float xs[100], ys[100];
    int64_t n = 100, odd = 99, few = 50;
    char line[64] = "";
    DLTensor x = vector(xs, &n), y = vector(ys, &n), z;
    for (int i = 0; i < 100; i++) xs[i] = (float)i, ys[i] = 1;
    hd_context_set_print(context, keep_line, line);
    CHECK(launch(module, "axpy", 2, &x, &y) == HD_OK);
    hd_context_set_print(context, NULL, NULL);
    for (int i = 0; i < 100; i++) CHECK(ys[i] == 2 * (float)i + 1);
    CHECK(strcmp(line, "n is 100") == 0 && hd_entry_seconds(hd_module_entry(module, "axpy")) > 0);
    z = vector(ys, &few);
    CHECK(launch(module, "axpy", 2, &x, &z) == HD_ERROR_CALL);
    SAYS("`n`");
    x.shape = y.shape = &odd;
    CHECK(launch(module, "axpy", 2, &x, &y) == HD_ERROR_CALL);
    SAYS("n % 2 == 0");
    x.shape = &n;
    CHECK(launch(module, "axpy", 2, &x, &x) == HD_ERROR_CALL); /* they overlap */
    x.dtype.bits = 64;
    CHECK(launch(module, "axpy", 2, &x, &y) == HD_ERROR_CALL);
    CHECK(launch(module, "axpy", 2, NULL, &y) == HD_ERROR_CALL);
    CHECK(hd_entry_launch(hd_module_entry(module, "axpy"), NULL, 0) == HD_ERROR_CALL);
    x = vector(xs, &n);
    x.device.device_type = kDLCUDA;
    CHECK(launch(module, "axpy", 2, &x, &y) == HD_ERROR_CALL);
}

static void traps(void)
{
    HdCompileOptions checked = {"cpu", NULL, 1, 0, 7};
    HdModule *module = compile(source, &checked, HD_OK);
    float xs[4] = {1, 2, 3, 4}, ys[1];
    int64_t four = 4, one = 1;
    int index = 2;
    DLTensor x = vector(xs, &four), y = vector(ys, &one);
    HdArgument args[3];
    memset(args, 0, sizeof args);
    args[0].tensor = &x;
    args[1].scalar = &index;
    args[2].tensor = &y;
    CHECK(hd_entry_launch(hd_module_entry(module, "wild"), args, 3) == HD_OK && ys[0] == 3);
    index = 4;
    CHECK(hd_entry_launch(hd_module_entry(module, "wild"), args, 3) == HD_ERROR_ENVIRONMENT);
    SAYS("memory.hd:14");
    hd_module_destroy(module);
}

static void wrong_programs(void)
{
    HdCompileOptions strict = {"cpu", NULL, 0, 1, 0};
    const char *bad[] = {"t=48x", NULL}, *good[] = {"t=32", NULL};
    HdCompileOptions defines = {"cpu", bad, 0, 0, 0}, nowhere = {"nowhere", NULL, 0, 0, 0};
    compile("kernel f(x: f32[n]) { nope }", &strict, HD_ERROR_PROGRAM);
    SAYS("memory.hd:1");
    CHECK(strstr(hd_context_diagnostics(context), "E0101"));
    CHECK(strstr(hd_context_diagnostics_json(context), "\"code\":\"E0101\""));
    compile("fn unused(x: f32) -> f32 { return x }", &strict, HD_ERROR_PROGRAM);
    CHECK(strstr(hd_context_diagnostics(context), "W0103"));
    compile("\x80\xff", &strict, HD_ERROR_PROGRAM);
    compile(source, &defines, HD_ERROR_CALL);
    SAYS("`t=48x`: `t` is one of 64, 32");
    const char *other[] = {"q=1", NULL}, *none[] = {"t", NULL};
    defines.defines = other;
    compile(source, &defines, HD_ERROR_CALL);
    SAYS("`q=1`: no kernel has such a name");
    defines.defines = none;
    compile(source, &defines, HD_ERROR_CALL);
    SAYS("`t` is no define, NAME=VALUE");
    defines.defines = good;
    hd_module_destroy(compile(source, &defines, HD_OK));
    CHECK(strcmp(hd_context_diagnostics_json(context), "[]\n") == 0);
    compile(source, &nowhere, HD_ERROR_CALL);
}

static void files(const char *path)
{
    HdCompileOptions cpu = {"cpu", NULL, 0, 0, 0};
    HdModule *module;
    CHECK(hd_compile_file(context, path, &cpu, &module) == HD_OK);
    CHECK(hd_module_entry(module, "saxpy") != NULL);
    hd_module_destroy(module);
    CHECK(hd_compile_file(context, "/no/such.hd", &cpu, &module) == HD_ERROR_ENVIRONMENT);
    CHECK(module == NULL);
    SAYS("/no/such.hd");
    setenv("HD_CC", "/no/cc", 1);
    compile("pub kernel k(x: out f32[1]) launch grid(1), block(1) { x[0] = 1 }", &cpu,
            HD_ERROR_ENVIRONMENT);
    SAYS("/no/cc");
    unsetenv("HD_CC");
}

int main(int argc, char **argv)
{
    HdCompileOptions cpu = {"cpu", NULL, 0, 0, 0};
    HdModule *module;
    if (argc < 2) return 2;
    context = hd_context_create();
    CHECK(context && *hd_context_error(context) == 0 && *hd_version());
    module = compile(source, &cpu, HD_OK);
    if (failures) return 1;
    looks_at_entries(module);
    launches(module);
    traps();
    wrong_programs();
    files(argv[1]);
    hd_module_destroy(module);
    hd_module_destroy(NULL);
    hd_context_destroy(context);
    hd_context_destroy(NULL);
    return failures != 0;
}
