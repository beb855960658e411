/* A module as the CPU target emits it, written by hand: compiled by the tests with the C compiler
 * that the runtime finds. Its kernels:
 *   add(x: f32[n], y: f32[n], z: out f32[n])        16 elements a block
 *   chain(v: inout i64[n])                          block b awaits block b - 1: v[b] = v[b-1] + b + 1
 *   relay(v: inout i64[n], rounds: i32)             resident, one block an element: rotates by grid
 *                                                   syncs
 *   trap(x: f32[n])                                 traps at block 5; later blocks await it for ever
 *   scratchy(v: out i64[n], bytes: i64)             uses `bytes` of scratch, prints once
 */
#ifndef TEST_SAMPLE_MODULE_H
#define TEST_SAMPLE_MODULE_H

static const char sample_kernels[] =
    "#line 1 \"sample.c\"\n"
    "static void add_0_0(const HdCpuArgs *a, int64_t begin, int64_t end) {\n"
    "    const float *restrict x = a->tensors[0], *restrict y = a->tensors[1];\n"
    "    float *restrict z = a->tensors[2];\n"
    "    int64_t n = a->sizes[0];\n"
    "    for (int64_t b = begin; b < end; b++)\n"
    "        for (int64_t i = b * 16; i < b * 16 + 16 && i < n; i++) z[i] = x[i] + y[i];\n"
    "}\n"
    "static void chain_0_0(const HdCpuArgs *a, int64_t begin, int64_t end) {\n"
    "    int64_t *v = a->tensors[0];\n"
    "    for (int64_t b = begin; b < end; b++) {\n"
    "        int64_t before = 0;\n"
    "        while (b && (before = __atomic_load_n(&v[b - 1], __ATOMIC_ACQUIRE)) == 0)\n"
    "            if (!a->yield(a->grid_state)) return;\n"
    "        __atomic_store_n(&v[b], before + b + 1, __ATOMIC_RELEASE);\n"
    "    }\n"
    "}\n"
    "static void relay_0_0(const HdCpuArgs *a, int64_t begin, int64_t end) {\n"
    "    int64_t *v = a->tensors[0], n = a->sizes[0];\n"
    "    int rounds = *(const int *)a->scalars[1];\n"
    "    if (rounds < 0 && begin == 2) return; /* leaves the others waiting */\n"
    "    for (int r = 0; r < (rounds < 0 ? 1 : rounds); r++) {\n"
    "        int64_t next = v[(begin + 1) % n];\n"
    "        if (!a->grid_sync(a->grid_state)) return;\n"
    "        v[begin] = next;\n"
    "        if (!a->grid_sync(a->grid_state)) return;\n"
    "    }\n"
    "    (void)end;\n"
    "}\n"
    "static void trap_0_0(const HdCpuArgs *a, int64_t begin, int64_t end) {\n"
    "    for (int64_t b = begin; b < end; b++) {\n"
    "        if (b == 5) {\n"
    "            int32_t none = 0;\n"
    "            if (__atomic_compare_exchange_n(&a->trap->state, &none, 1, 0, __ATOMIC_ACQ_REL,\n"
    "                                            __ATOMIC_ACQUIRE)) {\n"
    "                a->trap->site = 0;\n"
    "                a->trap->value[0] = b;\n"
    "                a->trap->value[1] = a->sizes[0];\n"
    "                __atomic_store_n(&a->trap->state, 2, __ATOMIC_RELEASE);\n"
    "            }\n"
    "            return;\n"
    "        }\n"
    "        if (b > 5) while (a->yield(a->grid_state)) {}\n"
    "        if (b > 5) return;\n"
    "    }\n"
    "}\n"
    "static void scratchy_0_0(const HdCpuArgs *a, int64_t begin, int64_t end) {\n"
    "    int64_t *v = a->tensors[0];\n"
    "    uint64_t bytes = (uint64_t)*(const int64_t *)a->scalars[1];\n"
    "    for (int64_t b = begin; b < end; b++) {\n"
    "        char *s = a->scratch(a->pool, bytes);\n"
    "        if (!s) return;\n"
    "        s[0] = 1; s[bytes - 1] = 1;\n"
    "        v[b] = (int64_t)((uintptr_t)s % 64) + 1;\n"
    "        if (b == 3) a->print(a->print_state, \"hello\");\n"
    "    }\n"
    "}\n";

static const char sample_tables[] =
    "static const int dims[] = {0};\n"
    "static const char *const sizes[] = {\"n\"};\n"
    "static const int64_t by_16[] = {HD_X_SIZE, 0, HD_X_CONST, 15, HD_X_ADD, HD_X_CONST, 16, HD_X_DIV,\n"
    "                                HD_X_END};\n"
    "static const int64_t by_1[] = {HD_X_SIZE, 0, HD_X_END};\n"
    "static const HdParamInfo add_params[] = {\n"
    "    {\"x\", 1, 2, 32, \"f32\", 0, 1, dims, 0, 0},\n"
    "    {\"y\", 1, 2, 32, \"f32\", 0, 1, dims, 0, 0},\n"
    "    {\"z\", 1, 2, 32, \"f32\", 1, 1, dims, 0, 0}};\n"
    "static const HdParamInfo chain_params[] = {\n"
    "    {\"v\", 1, 0, 64, \"i64\", 2, 1, dims, 0, 0}};\n"
    "static const HdParamInfo relay_params[] = {\n"
    "    {\"v\", 1, 0, 64, \"i64\", 2, 1, dims, 0, 0},\n"
    "    {\"rounds\", 0, 0, 32, \"i32\", 0, 0, 0, 0, 0}};\n"
    "static const HdParamInfo scratchy_params[] = {\n"
    "    {\"v\", 1, 0, 64, \"i64\", 1, 1, dims, 0, 0},\n"
    "    {\"bytes\", 0, 0, 64, \"i64\", 0, 0, 0, 0, 0}};\n"
    "static const HdSiteInfo sites[] = {\n"
    "    {\"trap.hd\", 4, 9, \"index {0} is out of bounds for extent {1}\"}};\n"
    "static const HdVariantInfo add_v[] = {{0, \"\", add_0_0, CUDA_ENTRY}};\n"
    "static const HdVariantInfo chain_v[] = {{0, \"\", chain_0_0, 0}};\n"
    "static const HdVariantInfo relay_v[] = {{0, \"\", relay_0_0, 0}};\n"
    "static const HdVariantInfo trap_v[] = {{0, \"\", trap_0_0, 0}};\n"
    "static const HdVariantInfo scratchy_v[] = {{0, \"\", scratchy_0_0, 0}};\n"
    "#define I(g, res, v, ns, s) {\"\", 0, 0, {g, 0, 0}, 1, {1, 1, 1}, 0, res, 1, v, ns, s}\n"
    "static const HdInstanceInfo add_i[] = {I(by_16, 0, add_v, 0, 0)};\n"
    "static const HdInstanceInfo chain_i[] = {I(by_1, 0, chain_v, 0, 0)};\n"
    "static const HdInstanceInfo relay_i[] = {I(by_1, 1, relay_v, 0, 0)};\n"
    "static const HdInstanceInfo trap_i[] = {I(by_1, 0, trap_v, 1, sites)};\n"
    "static const HdInstanceInfo scratchy_i[] = {I(by_1, 0, scratchy_v, 0, 0)};\n"
    "static const HdKernelInfo kernels[] = {\n"
    "    {\"add\", 3, add_params, 1, sizes, 1, add_i},\n"
    "    {\"chain\", 1, chain_params, 1, sizes, 1, chain_i},\n"
    "    {\"relay\", 2, relay_params, 1, sizes, 1, relay_i},\n"
    "    {\"trap\", 1, add_params, 1, sizes, 1, trap_i},\n"
    "    {\"scratchy\", 2, scratchy_params, 1, sizes, 1, scratchy_i}};\n"
    "MODULE_EXPORT const HdModuleInfo hd_module_info = {HD_ABI_VERSION, \"sample\", 5, kernels,\n"
    "                                                   IMAGE_COUNT, IMAGES};\n";

/* What stands between the opening text and the kernels of a plain, CPU-only module. */
static const char sample_plain[] =
    "#define CUDA_ENTRY 0\n"
    "#define IMAGE_COUNT 0\n"
    "#define IMAGES 0\n"
    "#define MODULE_EXPORT __attribute__((visibility(\"default\")))\n";

#endif
