/* How a mapping is laid out as grids of cells: shared by the text and the SVG pictures. */
#ifndef MAPPING_DRAW_GRID_H
#define MAPPING_DRAW_GRID_H

#include "mapping/internal.h"

#define MAPPING_DRAW_WRAP 16 /* cells in a row of a wrapped mapping */

typedef struct MappingGrid {
    const Mapping *m;
    int64_t all_rows, all_columns, grids; /* what there is */
    int64_t rows, columns, shown;         /* and what is drawn of it */
    int64_t extent; /* of a one-dimensional mapping that is wrapped into rows; else 0 */
    bool replicas;
} MappingGrid;

void mapping_grid_init(MappingGrid *grid, const Mapping *m, int64_t max_rows, int64_t max_columns);
bool mapping_grid_is_cut(const MappingGrid *grid);
/* The lowest owner of a cell of grid number `index`, and its step; -1 past the end of a wrapped
 * mapping's last row. */
int64_t mapping_grid_cell(const MappingGrid *grid, int64_t index, int64_t row, int64_t column,
                          int64_t *step);
int64_t mapping_grid_row(const MappingGrid *grid, int64_t row); /* the number to label it with */
void mapping_grid_name(const MappingGrid *grid, int64_t index, Sb *sb);      /* `(1, :, :)` */
void mapping_grid_shape(const MappingGrid *grid, const char *times, Sb *sb); /* `8 x 16` */
void mapping_grid_counts(const MappingGrid *grid, Sb *sb); /* `32 workers, 4 tasks each` */

#endif
