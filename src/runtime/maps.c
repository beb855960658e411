/* Tensor maps: what copy engines need to know of a tensor, and whether they can copy it. */
#include "runtime/host.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static bool map_refuse(const HdCall *call, const HdTensorMapInfo *info, HdFailure *failure,
                       const char *why, int dim, int64_t value)
{
    HdText text = {failure->text, 0, sizeof failure->text};
    failure->status = HD_BAD_CALL;
    hd_text_add(&text, "%s:%d: tensor `%s` of %s cannot be copied by `tma`: ",
                info->file ? info->file : "?", info->line, call->kernel->params[info->param].name,
                call->kernel->name);
    hd_text_add(&text, why, dim, value);
    return false;
}

static bool map_eval(const HdCall *call, const HdTensorMapInfo *info, HdHostExpr expr,
                     int64_t *value, HdFailure *failure)
{
    const char *error = hd_host_eval(expr, call, value);
    if (!error) return true;
    HdText text = {failure->text, 0, sizeof failure->text};
    failure->status = HD_BAD_CALL;
    hd_text_add(&text, "%s:%d: a tensor map of %s: %s", info->file ? info->file : "?", info->line,
                call->kernel->name, error);
    return false;
}

/* Dimension 0 of a map is the fastest. */
bool hd_call_map(const HdCall *call, const HdTensorMapInfo *info, HdTensorMap *map,
                 HdFailure *failure)
{
    enum { ALIGN = 16 };
    int64_t stride = 1, extent;
    memset(map, 0, sizeof *map);
    map->address = call->tensors[info->param];
    for (int i = 0; i < info->rank; i++) {
        int d = info->rank - 1 - i;
        if (!map_eval(call, info, info->extents[d], &extent, failure)) return false;
        if (info->strides && !map_eval(call, info, info->strides[d], &stride, failure))
            return false;
        if (extent < 1) map->empty = true;
        map->extents[i] = (uint64_t)extent;
        map->strides[i] = (uint64_t)(stride * info->bytes);
        map->box[i] = (uint32_t)info->box[d];
        if (i == 0 && stride != 1)
            return map_refuse(call, info, failure,
                              "the elements of dimension %d lie %" PRId64 " apart", d, stride);
        if (i > 0 && extent > 1 && map->strides[i] % ALIGN)
            return map_refuse(call, info, failure,
                              "the stride of dimension %d is %" PRId64 " bytes, no multiple of 16",
                              d, (int64_t)map->strides[i]);
        if (extent > (int64_t)1 << 32 || map->strides[i] >= (uint64_t)1 << 40)
            return map_refuse(call, info, failure, "dimension %d is too large: %" PRId64, d,
                              extent);
        stride *= extent;
    }
    /* Of a dimension of one element no step is ever taken. */
    for (int i = 1; i < info->rank; i++)
        map->strides[i] = (map->strides[i] + ALIGN - 1) / ALIGN * ALIGN;
    if (!map->empty && (uintptr_t)map->address % ALIGN)
        return map_refuse(call, info, failure,
                          "with its %d dimensions it begins %" PRId64
                          " bytes past a multiple of 16",
                          info->rank, (int64_t)((uintptr_t)map->address % ALIGN));
    return true;
}

bool hd_call_check_maps(const HdCall *call, HdFailure *failure)
{
    HdTensorMap map;
    for (int i = 0; i < call->variant->map_count; i++)
        if (!hd_call_map(call, &call->variant->maps[i], &map, failure)) return false;
    return true;
}
