/* Pictures of mappings: text, JSON, SVG. Only for mappings without run-time extents: all three
 * write nothing and return false for others.
 *
 * A cell of a picture is a task. Pictures show the last two dimensions as a grid, and one grid for
 * each index of the dimensions before them; a one-dimensional mapping is one row, or wrapped
 * into rows of 16 where that is too long. What is too large is cut, with a note that says so.
 */
#ifndef MAPPING_DRAW_H
#define MAPPING_DRAW_H

#include "mapping/mapping.h"

/* A title line, then grids of `worker:step`; `*` marks a task with further owners (replicas), of
 * which the lowest is shown. At most `MAPPING_DRAW_TEXT_ROWS` by `…_COLUMNS` cells a grid. */
#define MAPPING_DRAW_TEXT_ROWS 64
#define MAPPING_DRAW_TEXT_COLUMNS 32
#define MAPPING_DRAW_GRIDS 8
bool mapping_draw_text(Sb *sb, const Mapping *m);

/* `{"shape": [8, 16], "workers": 32, "tasks": [[[0, 0], [0, 1], …], …]}` and a newline: the tasks
 * of each worker in order, uncut. The caller limits `m->workers * m->steps`. */
bool mapping_draw_json(Sb *sb, const Mapping *m);

/* A self-contained SVG document: cells coloured by worker, labelled with worker and step, a
 * legend. At most MAPPING_DRAW_SVG_CELLS cells along each side of a grid, a quarter of that where
 * there are several grids. */
#define MAPPING_DRAW_SVG_CELLS 64
bool mapping_draw_svg(Sb *sb, const Mapping *m);

#endif
