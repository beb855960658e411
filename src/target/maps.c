/* The boxes of parameters that copy engines copy, each once in a variant: on a GPU the host makes
 * a tensor map of each and gives it to the kernel; a CPU launch checks the same. */
#include "target/maps.h"

typedef struct Collect {
    Arena *arena;
    TargetVariant *variant;
    const IrKernel *kernel;
} Collect;

static bool same_box(const TargetMap *map, const IrStmt *s)
{
    const IrTensor *t = s->tensor;
    if (map->tensor->param != t->param || map->swizzle != s->imm) return false;
    for (int d = 0; d < t->rank; ++d)
        if (map->box[d] != s->args[t->rank + d]->value.i) return false;
    return true;
}

int target_map(const TargetVariant *variant, const IrStmt *s)
{
    for (size_t i = 0; i < variant->maps.len; ++i)
        if (same_box(&variant->maps.data[i], s)) return (int)i;
    return -1;
}

static bool collect(void *user, IrStmt *s)
{
    Collect *c = user;
    if (s->kind != IR_STMT_BULK || target_map(c->variant, s) >= 0) return true;
    TargetMap map = {.kernel = c->kernel, .tensor = s->tensor, .origin = s->origin};
    map.swizzle = (int)s->imm;
    for (int d = 0; d < s->tensor->rank; ++d) map.box[d] = s->args[s->tensor->rank + d]->value.i;
    VEC_PUSH(c->arena, c->variant->maps, map);
    return true;
}

void target_collect_maps(Arena *arena, TargetVariant *variant)
{
    Collect c = {arena, variant, variant->cuda ? variant->cuda : variant->cpu};
    ir_walk(c.kernel->body, collect, &c);
}
