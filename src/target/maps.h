/* The boxes that copy engines copy. Private to target/. */
#ifndef TARGET_MAPS_H
#define TARGET_MAPS_H

#include "target/target.h"

/* Fills variant->maps. */
void target_collect_maps(Arena *arena, TargetVariant *variant);
/* Number of the map of a BULK statement. */
int target_map(const TargetVariant *variant, const IrStmt *s);

#endif
