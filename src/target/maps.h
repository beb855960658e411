/* The boxes that copy engines copy. Private to target/. */
#ifndef TARGET_MAPS_H
#define TARGET_MAPS_H

#include "target/target.h"

/* Fills instance->maps from all variants; once more does no harm. */
void target_collect_maps(Arena *arena, TargetInstance *instance);
/* Number of the map of a BULK statement. */
int target_map(const TargetInstance *instance, const IrStmt *s);

#endif
