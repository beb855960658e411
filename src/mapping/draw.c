/* Text and JSON pictures of mappings; what they share with the SVG is in draw_grid.h. */
#include "mapping/draw.h"
#include "mapping/draw_grid.h"

#include <inttypes.h>

void mapping_grid_init(MappingGrid *grid, const Mapping *m, int64_t max_rows, int64_t max_columns)
{
    *grid = (MappingGrid){.m = m, .grids = 1, .all_rows = 1, .all_columns = 1};
    if (m->rank >= 1) grid->all_columns = m->shape[m->rank - 1];
    if (m->rank >= 2) grid->all_rows = m->shape[m->rank - 2];
    for (int i = 0; i < m->rank - 2; i++) grid->grids *= m->shape[i];
    if (m->rank <= 1 && grid->all_columns > max_columns) {
        grid->extent = grid->all_columns;
        grid->all_columns = MAPPING_DRAW_WRAP;
        grid->all_rows = (grid->extent + MAPPING_DRAW_WRAP - 1) / MAPPING_DRAW_WRAP;
    }
    grid->rows = grid->all_rows < max_rows ? grid->all_rows : max_rows;
    grid->columns = grid->all_columns < max_columns ? grid->all_columns : max_columns;
    grid->shown = grid->grids < MAPPING_DRAW_GRIDS ? grid->grids : MAPPING_DRAW_GRIDS;
    grid->replicas = mapping_has_replicas(m);
}

bool mapping_grid_is_cut(const MappingGrid *grid)
{
    return grid->rows < grid->all_rows || grid->columns < grid->all_columns ||
           grid->shown < grid->grids;
}

/* Coordinates of a cell; grids are numbered in lexicographic order of the leading dimensions. */
static void cell_coords(const MappingGrid *grid, int64_t index, int64_t row, int64_t column,
                        int64_t *coords)
{
    int rank = grid->m->rank;
    if (rank >= 1) coords[rank - 1] = column;
    if (rank >= 2) coords[rank - 2] = row;
    for (int i = rank - 3; i >= 0; i--) {
        coords[i] = index % grid->m->shape[i];
        index /= grid->m->shape[i];
    }
}

int64_t mapping_grid_cell(const MappingGrid *grid, int64_t index, int64_t row, int64_t column,
                          int64_t *step)
{
    int64_t coords[MAPPING_MAX_RANK];
    if (grid->extent) {
        column += row * MAPPING_DRAW_WRAP;
        if (column >= grid->extent) return -1;
    }
    cell_coords(grid, index, row, column, coords);
    return mapping_owner(grid->m, coords, step);
}

int64_t mapping_grid_row(const MappingGrid *grid, int64_t row)
{
    return grid->extent ? row * MAPPING_DRAW_WRAP : row;
}

void mapping_grid_name(const MappingGrid *grid, int64_t index, Sb *sb)
{
    int64_t coords[MAPPING_MAX_RANK];
    cell_coords(grid, index, 0, 0, coords);
    base_sb_char(sb, '(');
    for (int i = 0; i < grid->m->rank - 2; i++) base_sb_printf(sb, "%" PRId64 ", ", coords[i]);
    base_sb_str(sb, ":, :)");
}

void mapping_grid_shape(const MappingGrid *grid, const char *times, Sb *sb)
{
    const Mapping *m = grid->m;
    if (m->any_rank) base_sb_char(sb, '1');
    for (int i = 0; i < m->rank; i++) {
        base_sb_printf(sb, "%s%" PRId64, i ? times : "", m->shape[i]);
    }
}

void mapping_grid_counts(const MappingGrid *grid, Sb *sb)
{
    const Mapping *m = grid->m;
    base_sb_printf(sb, "%" PRId64 " %s, %" PRId64 " %s%s", m->workers,
                   m->workers == 1 ? "worker" : "workers", m->steps,
                   m->steps == 1 ? "task" : "tasks", m->workers == 1 ? "" : " each");
}

/* ---- text ---------------------------------------------------------------------------------- */

static int decimal_width(int64_t value)
{
    int width = 1;
    for (; value >= 10; value /= 10) width++;
    return width;
}

static void text_rows(Sb *sb, const MappingGrid *grid, int64_t index)
{
    const Mapping *m = grid->m;
    int width = decimal_width(m->workers - 1), steps = decimal_width(m->steps - 1);
    int label = decimal_width(mapping_grid_row(grid, grid->rows - 1)),
        cell = width + 1 + steps + grid->replicas;
    base_sb_printf(sb, "%*s |", label, "");
    for (int64_t column = 0; column < grid->columns; column++) {
        base_sb_printf(sb, " %*" PRId64, cell, column);
    }
    base_sb_printf(sb, "\n%.*s-+", label, "--------------------");
    for (int64_t i = 0; i < grid->columns * (cell + 1); i++) base_sb_char(sb, '-');
    base_sb_char(sb, '\n');
    for (int64_t row = 0; row < grid->rows; row++) {
        base_sb_printf(sb, "%*" PRId64 " |", label, mapping_grid_row(grid, row));
        for (int64_t column = 0; column < grid->columns; column++) {
            int64_t step = 0, worker = mapping_grid_cell(grid, index, row, column, &step);
            if (worker < 0) break;
            base_sb_printf(sb, " %*" PRId64 "%s:%-*" PRId64, width, worker,
                           grid->replicas ? "*" : "", steps, step);
        }
        while (sb->data[sb->len - 1] == ' ') sb->len--;
        base_sb_char(sb, '\n');
    }
}

static void text_notes(Sb *sb, const MappingGrid *grid)
{
    const Mapping *m = grid->m;
    if (grid->replicas) {
        int64_t owners = m->workers;
        for (int i = 0; i < m->worker_count; i++) {
            if (m->worker[i].dim >= 0) owners /= m->worker[i].extent;
        }
        base_sb_printf(sb,
                       "* each task has %" PRId64 " owners, of which the lowest worker is shown\n",
                       owners);
    }
    if (!mapping_grid_is_cut(grid)) return;
    base_sb_printf(sb, "(cut: %" PRId64 " of %" PRId64 " rows, %" PRId64 " of %" PRId64 " columns",
                   grid->rows, grid->all_rows, grid->columns, grid->all_columns);
    if (grid->grids > 1) {
        base_sb_printf(sb, ", %" PRId64 " of %" PRId64 " grids", grid->shown, grid->grids);
    }
    base_sb_str(sb, " are shown)\n");
}

bool mapping_draw_text(Sb *sb, const Mapping *m)
{
    if (m->workers < 0 || m->steps < 0) return false;
    MappingGrid grid;
    mapping_grid_init(&grid, m, MAPPING_DRAW_TEXT_ROWS, MAPPING_DRAW_TEXT_COLUMNS);
    mapping_write_factors(sb, m->factors, 0, m->factors->count, NULL, NULL);
    base_sb_str(sb, "\nshape ");
    mapping_grid_shape(&grid, " x ", sb);
    base_sb_str(sb, ", ");
    mapping_grid_counts(&grid, sb);
    base_sb_str(sb, "; a cell is worker:step\n");
    for (int64_t index = 0; index < grid.shown; index++) {
        base_sb_char(sb, '\n');
        if (m->rank > 2) {
            mapping_grid_name(&grid, index, sb);
            base_sb_char(sb, '\n');
        }
        text_rows(sb, &grid, index);
    }
    text_notes(sb, &grid);
    return true;
}

/* ---- JSON ---------------------------------------------------------------------------------- */

static void json_list(Sb *sb, const int64_t *values, int count)
{
    base_sb_char(sb, '[');
    for (int i = 0; i < count; i++) {
        base_sb_printf(sb, "%s%" PRId64, i ? ", " : "", values[i]);
    }
    base_sb_char(sb, ']');
}

bool mapping_draw_json(Sb *sb, const Mapping *m)
{
    if (m->workers < 0 || m->steps < 0) return false;
    base_sb_str(sb, "{\"shape\": ");
    json_list(sb, m->shape, m->rank);
    base_sb_printf(sb, ", \"workers\": %" PRId64 ", \"tasks\": [", m->workers);
    for (int64_t worker = 0; worker < m->workers; worker++) {
        base_sb_str(sb, worker ? ", [" : "[");
        for (int64_t step = 0; step < m->steps; step++) {
            int64_t coords[MAPPING_MAX_RANK];
            if (step) base_sb_str(sb, ", ");
            mapping_eval(m, worker, step, coords);
            json_list(sb, coords, m->rank);
        }
        base_sb_char(sb, ']');
    }
    base_sb_str(sb, "]}\n");
    return true;
}
