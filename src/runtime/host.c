/* Checks a call's arguments against the kernel's tables and binds what the launch needs. */
#include "runtime/host.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool hd_fail(HdFailure *failure, HdStatus status, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vsnprintf(failure->text, sizeof failure->text, fmt, args);
    va_end(args);
    failure->status = status;
    return false;
}

const HdKernelInfo *hd_module_kernel(const HdModuleInfo *module, const char *name)
{
    for (int i = 0; i < module->kernel_count; i++)
        if (strcmp(module->kernels[i].name, name) == 0) return &module->kernels[i];
    return NULL;
}

/* ---- one tensor ---------------------------------------------------------------------------- */

/* Codes by which newer or older DLPacks know a type besides its own in the tables: bools came as
 * 8-bit unsigned first, and the 8-bit floats have got codes of their own. */
static bool host_type_also(const HdParamInfo *param, int code)
{
    static const struct {
        const char *elem;
        int code;
    } also[] = {{"bool", 1}, {"f8e4m3", 10}, {"f8e5m2", 12}};
    for (size_t i = 0; i < sizeof also / sizeof also[0]; i++)
        if (also[i].code == code && strcmp(also[i].elem, param->elem) == 0) return true;
    return false;
}

static bool host_type_matches(const HdParamInfo *param, DLDataType type)
{
    return type.lanes == 1 && type.bits == param->dl_bits &&
           (type.code == param->dl_code || host_type_also(param, type.code));
}

static const char *host_type_text(DLDataType type, char buffer[32])
{
    static const char *const kinds[] = {"i", "u", "f", "opaque", "bf", "complex", "bool"};
    const char *kind = type.code < sizeof kinds / sizeof kinds[0] ? kinds[type.code] : NULL;
    int n = kind ? snprintf(buffer, 32, "%s%d", kind, type.bits)
                 : snprintf(buffer, 32, "DLPack type %d of %d bits", type.code, type.bits);
    if (type.lanes != 1 && n > 0 && n < 32) snprintf(buffer + n, 32 - (size_t)n, "x%d", type.lanes);
    return buffer;
}

static bool host_check_form(const HdParamInfo *param, const DLTensor *t, HdFailure *failure)
{
    char type[32];
    if (!t) return hd_fail(failure, HD_BAD_CALL, "argument %s is missing (NULL)", param->name);
    if (!host_type_matches(param, t->dtype))
        return hd_fail(failure, HD_BAD_CALL, "argument %s has elements of type %s, not %s",
                       param->name, host_type_text(t->dtype, type), param->elem);
    if (t->ndim != param->rank)
        return hd_fail(failure, HD_BAD_CALL, "argument %s has %d dimension%s, not %d", param->name,
                       t->ndim, t->ndim == 1 ? "" : "s", param->rank);
    if (t->ndim > 0 && !t->shape)
        return hd_fail(failure, HD_BAD_CALL, "argument %s has no shape", param->name);
    for (int i = 0; i < t->ndim; i++)
        if (t->shape[i] < 0)
            return hd_fail(failure, HD_BAD_CALL,
                           "argument %s has a negative extent, %" PRId64 ", in dimension %d",
                           param->name, t->shape[i], i);
    return true;
}

static const char *host_device_text(DLDevice device, char buffer[32])
{
    if (device.device_type == kDLCPU || device.device_type == kDLCUDAHost) return "cpu";
    bool cuda = device.device_type == kDLCUDA || device.device_type == kDLCUDAManaged;
    if (cuda)
        snprintf(buffer, 32, "cuda:%d", device.device_id);
    else
        snprintf(buffer, 32, "a DLPack device %d", (int)device.device_type);
    return buffer;
}

/* Pinned and managed memory can be reached from both sides. */
static bool host_check_device(const HdParamInfo *param, const DLTensor *t, DLDevice place,
                              HdFailure *failure)
{
    char have[32], want[32];
    DLDeviceType at = t->device.device_type, type = place.device_type;
    if (at == kDLCUDAHost || at == kDLCUDAManaged) return true;
    if (at == type && (type == kDLCPU || t->device.device_id == place.device_id)) return true;
    return hd_fail(failure, HD_BAD_CALL, "argument %s is on %s, but the kernel is to run on %s",
                   param->name, host_device_text(t->device, have), host_device_text(place, want));
}

/* Element count, and the lowest and highest element offset from the first; false on overflow. */
static bool host_extent(const DLTensor *t, int64_t *count, int64_t *low, int64_t *high)
{
    int64_t compact = 1;
    *low = *high = 0;
    *count = 1;
    for (int i = t->ndim; i-- > 0;) {
        if (t->shape[i] == 0) *count = 0;
    }
    if (*count == 0) return true;
    for (int i = t->ndim; i-- > 0;) {
        int64_t stride = t->strides ? t->strides[i] : compact, reach;
        if (__builtin_mul_overflow(compact, t->shape[i], &compact)) return false;
        if (__builtin_mul_overflow(stride, t->shape[i] - 1, &reach)) return false;
        if (__builtin_add_overflow(reach < 0 ? *low : *high, reach, reach < 0 ? low : high))
            return false;
    }
    *count = compact;
    return true;
}

static bool host_check_compact(const HdParamInfo *param, const DLTensor *t, HdFailure *failure)
{
    int64_t expected = 1;
    for (int i = t->ndim; t->strides && i-- > 0;) {
        if (t->shape[i] != 1 && t->strides[i] != expected)
            return hd_fail(failure, HD_BAD_CALL,
                           "argument %s is not contiguous: its stride in dimension %d is %" PRId64
                           ", not %" PRId64 "; pass a contiguous copy",
                           param->name, i, t->strides[i], expected);
        expected *= t->shape[i]; /* no overflow: `host_extent` has multiplied it out */
    }
    return true;
}

static bool host_bind_memory(HdCall *call, int p, HdFailure *failure)
{
    const HdParamInfo *param = &call->kernel->params[p];
    const DLTensor *t = call->args[p].tensor;
    int64_t count, low, high, bits;
    if (!host_extent(t, &count, &low, &high) || __builtin_sub_overflow(high, low, &bits) ||
        __builtin_add_overflow(bits, 1, &bits) ||
        __builtin_mul_overflow(bits, (int64_t)param->dl_bits, &bits) || bits > INT64_MAX - 7)
        return hd_fail(failure, HD_BAD_CALL, "argument %s is larger than any memory", param->name);
    if (count > 0 && !param->stride_size && !host_check_compact(param, t, failure)) return false;
    if (count > 0 && !t->data)
        return hd_fail(failure, HD_BAD_CALL, "argument %s has no data (NULL)", param->name);
    char *data = t->data ? (char *)t->data + t->byte_offset : NULL;
    uintptr_t unit = param->dl_bits < 8 ? 1 : param->dl_bits / 8u;
    if ((uintptr_t)data % unit)
        return hd_fail(failure, HD_BAD_CALL,
                       "argument %s is at address %p, which is no multiple of %d, the bytes of "
                       "an %s",
                       param->name, (void *)data, (int)unit, param->elem);
    call->tensors[p] = data;
    call->spans[p] = count ? (bits + 7) / 8 : 0;
    return true;
}

/* ---- sizes --------------------------------------------------------------------------------- */

static void host_origin_text(const HdCall *call, HdOrigin origin, HdText *text)
{
    hd_text_add(text, "argument %s (%sdimension %d)", call->kernel->params[origin.param].name,
                origin.is_stride ? "stride of " : "", origin.dim);
}

static bool host_bind_size(HdCall *call, int size, int64_t value, HdOrigin origin,
                           HdFailure *failure)
{
    HdOrigin *first = &call->origins[size];
    if (first->param < 0) {
        call->sizes[size] = value;
        *first = origin;
        return true;
    }
    if (call->sizes[size] == value) return true;
    hd_fail(failure, HD_BAD_CALL, "`%s` is %" PRId64 " in ", call->kernel->size_names[size],
            call->sizes[size]);
    HdText text = {failure->text, strlen(failure->text), sizeof failure->text};
    host_origin_text(call, *first, &text);
    hd_text_add(&text, " but %" PRId64 " in ", value);
    host_origin_text(call, origin, &text);
    return false;
}

static bool host_bind_shape(HdCall *call, int p, HdFailure *failure)
{
    const HdParamInfo *param = &call->kernel->params[p];
    const DLTensor *t = call->args[p].tensor;
    int64_t compact = 1;
    for (int i = param->rank; i-- > 0;) {
        int64_t stride = t->strides ? t->strides[i] : compact;
        HdOrigin at = {p, i, true};
        if (param->stride_size && param->stride_size[i] >= 0 &&
            !host_bind_size(call, param->stride_size[i], stride, at, failure))
            return false;
        if (__builtin_mul_overflow(compact, t->shape[i], &compact))
            compact = 0; /* reported later */
    }
    for (int i = 0; i < param->rank; i++) {
        HdOrigin at = {p, i, false};
        if (param->extent_size[i] >= 0 &&
            !host_bind_size(call, param->extent_size[i], t->shape[i], at, failure))
            return false;
    }
    return true;
}

/* Dimensions that are expressions of sizes, `f32[m + 2]`. */
static bool host_check_extents(const HdCall *call, int p, HdFailure *failure)
{
    const HdParamInfo *param = &call->kernel->params[p];
    const DLTensor *t = call->args[p].tensor;
    for (int i = 0; i < param->rank; i++) {
        if (param->extent_size[i] >= 0 || !param->extents || !param->extents[i]) continue;
        int64_t want;
        const char *error = hd_host_eval(param->extents[i], call, &want);
        if (!error && want == t->shape[i]) continue;
        HdText text = {failure->text, 0, sizeof failure->text};
        failure->status = HD_BAD_CALL;
        hd_text_add(&text, "argument %s has extent %" PRId64 " in dimension %d, but it must be `",
                    param->name, t->shape[i], i);
        hd_host_print(param->extents[i], call->kernel, &text);
        error ? hd_text_add(&text, "`: %s", error) : hd_text_add(&text, "` = %" PRId64, want);
        size_t before = text.len;
        hd_text_add(&text, " (");
        hd_host_values(param->extents[i], call, &text);
        if (text.len == before + 2)
            text.data[text.len = before] = '\0'; /* a constant */
        else
            hd_text_add(&text, ")");
        return false;
    }
    return true;
}

static bool host_check_bound(const HdCall *call, HdFailure *failure)
{
    for (int s = 0; s < call->kernel->size_count; s++)
        if (call->origins[s].param < 0)
            return hd_fail(failure, HD_BAD_CALL, "no argument of %s determines `%s`",
                           call->kernel->name, call->kernel->size_names[s]);
    return true;
}

/* ---- aliasing ------------------------------------------------------------------------------ */

/* Bytes from the tensor's lowest element to the past of its highest. */
static void host_range(const HdCall *call, int p, uintptr_t *begin, uintptr_t *end)
{
    const DLTensor *t = call->args[p].tensor;
    int64_t count, low, high;
    host_extent(t, &count, &low, &high);
    *begin = (uintptr_t)call->tensors[p] + (uintptr_t)(low * call->kernel->params[p].dl_bits / 8);
    *end = *begin + (uintptr_t)call->spans[p];
}

/* Two column blocks of one matrix interleave without touching: equal row pitch, and inside one
 * pitch each keeps to columns of its own. */
static bool host_interleaved(const HdCall *call, int p, int q)
{
    const DLTensor *a = call->args[p].tensor, *b = call->args[q].tensor;
    if (a->ndim != 2 || b->ndim != 2 || !a->strides || !b->strides) return false;
    int64_t bytes = call->kernel->params[p].dl_bits / 8, pitch;
    if (bytes == 0 || call->kernel->params[q].dl_bits / 8 != bytes) return false;
    if (a->strides[1] != 1 || b->strides[1] != 1 || a->strides[0] != b->strides[0]) return false;
    pitch = a->strides[0] * bytes;
    if (pitch <= 0) return false;
    int64_t apart = (int64_t)((uintptr_t)call->tensors[q] - (uintptr_t)call->tensors[p]) % pitch;
    if (apart < 0) apart += pitch;
    return apart >= a->shape[1] * bytes && apart + b->shape[1] * bytes <= pitch;
}

static bool host_check_alias(const HdCall *call, int p, int q, HdFailure *failure)
{
    const HdParamInfo *a = &call->kernel->params[p], *b = &call->kernel->params[q];
    uintptr_t a_begin, a_end, b_begin, b_end;
    if (!a->is_tensor || !b->is_tensor || (a->mode == 0 && b->mode == 0)) return true;
    if (call->spans[p] == 0 || call->spans[q] == 0) return true;
    host_range(call, p, &a_begin, &a_end);
    host_range(call, q, &b_begin, &b_end);
    if (a_end <= b_begin || b_end <= a_begin || host_interleaved(call, p, q)) return true;
    return hd_fail(failure, HD_BAD_CALL,
                   "arguments %s and %s overlap in memory, and %s writes %s; a tensor to be both "
                   "read and written is one `inout` parameter",
                   a->name, b->name, call->kernel->name, b->mode ? b->name : a->name);
}

/* ---- choices ------------------------------------------------------------------------------- */

static bool host_require_holds(const HdCall *call, const HdRequireInfo *require, const char **error)
{
    int64_t value;
    *error = hd_host_eval(require->cond, call, &value);
    return !*error && value != 0;
}

static void host_require_text(const HdCall *call, const HdRequireInfo *require, const char *error,
                              HdFailure *failure)
{
    HdText text = {failure->text, 0, sizeof failure->text};
    hd_text_add(&text, "%s:%d: %s requires `%s`", require->file ? require->file : "?",
                require->line, call->kernel->name, require->text);
    if (error) hd_text_add(&text, ": %s", error);
    HdText values = {text.data + text.len, 0, text.cap - text.len};
    hd_text_add(&values, ", but ");
    size_t before = values.len;
    hd_host_values(require->cond, call, &values);
    if (values.len > before)
        text.len += values.len;
    else
        text.data[text.len] = '\0';
    failure->status = HD_BAD_CALL;
}

/* The first instance of the architecture all of whose requirements hold; the failure tells of the
 * first one's. */
static bool host_choose_instance(HdCall *call, int arch, HdFailure *failure)
{
    const HdKernelInfo *kernel = call->kernel;
    int tried = 0;
    for (int i = 0; i < kernel->instance_count; i++) {
        const HdInstanceInfo *instance = &kernel->instances[i];
        int r = 0;
        const char *error = NULL;
        if (instance->arch != arch) continue;
        while (r < instance->require_count &&
               host_require_holds(call, &instance->requires_[r], &error))
            r++;
        if (r == instance->require_count) {
            call->instance = instance;
            return true;
        }
        if (tried++ == 0) host_require_text(call, &instance->requires_[r], error, failure);
    }
    char code[32] = "the CPU";
    if (arch) snprintf(code, sizeof code, "sm_%d", arch);
    if (tried == 0)
        return hd_fail(failure, HD_LACKING, "%s has no code for %s", kernel->name, code);
    HdText more = {failure->text, strlen(failure->text), sizeof failure->text};
    if (tried > 1) hd_text_add(&more, " (and no other of its %d instances fits)", tried);
    return false;
}

static bool host_choose_variant(HdCall *call, HdFailure *failure)
{
    for (int i = 0; i < call->instance->variant_count; i++) {
        const HdVariantInfo *variant = &call->instance->variants[i];
        int64_t value;
        if (hd_host_eval(variant->guard, call, &value) || !value) continue;
        call->variant = variant;
        return true;
    }
    return hd_fail(failure, HD_LACKING, "%s has no code for these arguments", call->kernel->name);
}

static bool host_bind_grid(HdCall *call, HdFailure *failure)
{
    call->blocks = 1;
    for (int i = 0; i < 3; i++) {
        const char *error = hd_host_eval(call->instance->grid[i], call, &call->grid[i]);
        if (!error && call->grid[i] < 0) error = "negative";
        if (!error && __builtin_mul_overflow(call->blocks, call->grid[i], &call->blocks))
            error = "too many blocks";
        if (!error) continue;
        HdText text = {failure->text, 0, sizeof failure->text};
        failure->status = HD_BAD_CALL;
        hd_text_add(&text, "the grid of %s, extent %d, `", call->kernel->name, i);
        hd_host_print(call->instance->grid[i], call->kernel, &text);
        hd_text_add(&text, "`: %s (", error);
        hd_host_values(call->instance->grid[i], call, &text);
        hd_text_add(&text, ")");
        return false;
    }
    return true;
}

/* ---- shared memory ------------------------------------------------------------------------- */

static void host_shared_place(const HdCall *call, const HdSharedInfo *s, HdText *text)
{
    hd_text_add(text, "%s:%d: ", s->file ? s->file : "?", s->line);
    hd_text_add(text, "shared tensor `%s` of %s ", s->name, call->kernel->name);
}

static bool host_check_shared_extents(const HdCall *call, const HdSharedInfo *s, HdFailure *failure)
{
    for (int d = 0; d < s->rank; d++) {
        int64_t value;
        const char *error = hd_host_eval(s->extents[d], call, &value);
        if (!error && value >= 0) continue;
        HdText text = {failure->text, 0, sizeof failure->text};
        failure->status = HD_BAD_CALL;
        host_shared_place(call, s, &text);
        hd_text_add(&text, "has extent `");
        hd_host_print(s->extents[d], call->kernel, &text);
        error ? hd_text_add(&text, "` in dimension %d: %s (", d, error)
              : hd_text_add(&text, "` = %" PRId64 " in dimension %d (", value, d);
        hd_host_values(s->extents[d], call, &text);
        hd_text_add(&text, ")");
        return false;
    }
    return true;
}

/* ": `row: f32[n]` takes 400000, `part: f32[8]` takes 32 (n = 100000)" */
static void host_shared_list(const HdCall *call, HdText *text)
{
    const HdInstanceInfo *instance = call->instance;
    for (int i = 0; i < instance->shared->count; i++) {
        const HdSharedInfo *s = &instance->shared->tensors[i];
        int64_t bytes;
        const char *error = hd_host_eval(s->bytes, call, &bytes);
        hd_text_add(text, "%s `%s: %s[", i ? "," : ":", s->name, s->elem);
        for (int d = 0; d < s->rank; d++) {
            if (d) hd_text_add(text, ", ");
            hd_host_print(s->extents[d], call->kernel, text);
        }
        error ? hd_text_add(text, "]`: %s", error) : hd_text_add(text, "]` takes %" PRId64, bytes);
    }
    hd_text_add(text, " (");
    hd_host_values(instance->shared->total, call, text);
    hd_text_add(text, ")");
}

bool hd_call_shared_fits(const HdCall *call, int64_t limit, const char *where, HdFailure *failure)
{
    int64_t bytes = call->instance->shared_bytes;
    const char *error = NULL;
    if (call->instance->shared) error = hd_host_eval(call->instance->shared->total, call, &bytes);
    if (!error && bytes <= limit) return true;
    HdText text = {failure->text, 0, sizeof failure->text};
    failure->status = HD_BAD_CALL;
    hd_text_add(&text, "%s needs ", call->kernel->name);
    error ? hd_text_add(&text, "uncountably many bytes (%s)", error)
          : hd_text_add(&text, "%" PRId64 " bytes", bytes);
    hd_text_add(&text, " of shared memory a block, and %s has %" PRId64, where, limit);
    if (call->instance->shared) host_shared_list(call, &text);
    return false;
}

static bool host_bind_shared(HdCall *call, DLDeviceType device_type, HdFailure *failure)
{
    const HdInstanceInfo *instance = call->instance;
    call->shared_bytes = instance->shared_bytes;
    if (!instance->shared || call->blocks == 0) return true;
    for (int i = 0; i < instance->shared->count; i++)
        if (!host_check_shared_extents(call, &instance->shared->tensors[i], failure)) return false;
    char where[32];
    snprintf(where, sizeof where, "sm_%d", instance->shared->arch);
    /* A GPU's own limit is checked where it is known; this keeps the sum in bounds. */
    int64_t limit = device_type == kDLCPU ? instance->shared->limit : INT32_MAX;
    if (!hd_call_shared_fits(call, limit, where, failure)) return false;
    return hd_host_eval(instance->shared->total, call, &call->shared_bytes) == NULL;
}

/* ---- the whole ----------------------------------------------------------------------------- */

static bool host_call_alloc(HdCall *call, HdFailure *failure)
{
    size_t params = (size_t)call->kernel->param_count, sizes = (size_t)call->kernel->size_count;
    size_t each_param = sizeof(int64_t) + sizeof(void *) + sizeof(void *);
    size_t each_size = sizeof(int64_t) + sizeof(HdOrigin);
    char *block = calloc(1, params * each_param + sizes * each_size + 1);
    if (!block) return hd_fail(failure, HD_FAILED, "out of memory");
    call->sizes = (int64_t *)(void *)block;
    call->spans = call->sizes + sizes;
    call->tensors = (void **)(call->spans + params);
    call->scalars = (const void **)(void *)(call->tensors + params);
    call->origins = (HdOrigin *)(call->scalars + params);
    for (size_t i = 0; i < sizes; i++) call->origins[i].param = -1;
    return true;
}

void hd_call_release(HdCall *call)
{
    free(call->sizes); /* the one block that holds all arrays */
    call->sizes = NULL;
}

static bool host_bind_args(HdCall *call, DLDevice place, HdFailure *failure)
{
    int count = call->kernel->param_count;
    const HdParamInfo *params = call->kernel->params;
    for (int p = 0; p < count; p++) {
        const HdArg *arg = &call->args[p];
        call->scalars[p] = arg->scalar;
        if (!params[p].is_tensor && !arg->scalar)
            return hd_fail(failure, HD_BAD_CALL, "argument %s is missing", params[p].name);
        if (params[p].is_tensor && (!host_check_form(&params[p], arg->tensor, failure) ||
                                    !host_check_device(&params[p], arg->tensor, place, failure) ||
                                    !host_bind_shape(call, p, failure)))
            return false;
    }
    if (!host_check_bound(call, failure)) return false;
    for (int p = 0; p < count; p++)
        if (params[p].is_tensor &&
            (!host_check_extents(call, p, failure) || !host_bind_memory(call, p, failure)))
            return false;
    for (int p = 0; p < count; p++)
        for (int q = 0; q < p; q++)
            if (!host_check_alias(call, q, p, failure)) return false;
    return true;
}

bool hd_call_bind(HdCall *call, const HdKernelInfo *kernel, const HdArg *args, int arg_count,
                  DLDevice place, int arch, HdFailure *failure)
{
    memset(call, 0, sizeof *call);
    call->kernel = kernel;
    call->args = args;
    if (arg_count != kernel->param_count)
        return hd_fail(failure, HD_BAD_CALL, "%s takes %d argument%s, not %d", kernel->name,
                       kernel->param_count, kernel->param_count == 1 ? "" : "s", arg_count);
    if (!host_call_alloc(call, failure)) return false;
    if (host_bind_args(call, place, failure) && host_choose_instance(call, arch, failure) &&
        host_bind_grid(call, failure) && host_bind_shared(call, place.device_type, failure) &&
        host_choose_variant(call, failure) && hd_call_check_maps(call, failure))
        return true;
    hd_call_release(call);
    return false;
}

static void add_site(HdText *text, const HdSiteInfo *site, const int64_t *values)
{
    hd_text_add(text, "%s:%d:%d: ", site->file, site->line, site->column);
    for (const char *p = site->text; *p; p++) {
        bool hole = p[0] == '{' && p[1] >= '0' && p[1] <= '3' && p[2] == '}';
        if (hole)
            hd_text_add(text, "%" PRId64, values[p[1] - '0']);
        else
            hd_text_add(text, "%c", *p);
        p += hole ? 2 : 0;
    }
}

bool hd_trap_fail(const HdInstanceInfo *instance, const HdTrap *trap, HdFailure *failure)
{
    HdText text = {failure->text, 0, sizeof failure->text};
    failure->status = HD_TRAPPED;
    if (trap->site < 0 || trap->site >= instance->site_count)
        return hd_fail(failure, HD_TRAPPED, "the kernel trapped at an unknown place (site %d)",
                       (int)trap->site);
    add_site(&text, &instance->sites[trap->site], trap->value);
    for (int i = 0; i < trap->other_count; i++) {
        hd_text_add(&text, "; ");
        add_site(&text, &instance->sites[trap->others[i].site], trap->others[i].value);
    }
    return false;
}
