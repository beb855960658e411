/* The SVG picture. Lengths are in user units; one cell is CELL wide and high. */
#include "mapping/draw.h"
#include "mapping/draw_grid.h"

#include <inttypes.h>

#define CELL 44
#define MARGIN 24
#define LABELS 30  /* room for row numbers on the left and column numbers above */
#define TITLE 64   /* room for the two title lines */
#define CAPTION 26 /* above each grid of a mapping of rank 3 or more */
#define LEGEND 76
#define CHARACTER 9 /* generous width of a character of the title */

typedef struct Svg {
    Sb *sb;
    MappingGrid grid;
    const char *title;
} Svg;

/* Neighbouring workers get hues far apart (by the golden angle), lightness alternates in a longer
 * period; all are light enough for black text. Computed in integers so that every machine draws
 * the same picture. */
static uint32_t worker_color(int64_t worker)
{
    int hue = (int)((worker % 144) * 550 % 1440); /* in quarter degrees, 137.5 each */
    int light = 176 + (int)(worker / 3 % 3) * 14, span = 246 - light;
    int sector = hue / 240, rest = hue % 240;
    int up = light + span * rest / 240, down = 246 - span * rest / 240;
    const int rgb[6][3] = {{246, up, light},   {down, 246, light}, {light, 246, up},
                           {light, down, 246}, {up, light, 246},   {246, light, down}};
    return (uint32_t)rgb[sector][0] << 16 | (uint32_t)rgb[sector][1] << 8 |
           (uint32_t)rgb[sector][2];
}

static void svg_text(Svg *svg, const char *class, int64_t x, int64_t y, const char *text)
{
    base_sb_printf(svg->sb, "<text class=\"%s\" x=\"%" PRId64 "\" y=\"%" PRId64 "\">%s</text>\n",
                   class, x, y, text);
}

static void svg_number(Svg *svg, const char *class, int64_t x, int64_t y, int64_t value)
{
    svg_text(svg, class, x, y, base_format(svg->sb->arena, "%" PRId64, value));
}

static void svg_cell(Svg *svg, int64_t x, int64_t y, uint32_t color, const char *worker,
                     const char *step)
{
    base_sb_printf(svg->sb,
                   "<rect x=\"%" PRId64 "\" y=\"%" PRId64
                   "\" width=\"%d\" height=\"%d\" fill=\"#%06x\"/>\n",
                   x, y, CELL, CELL, (unsigned)color);
    svg_text(svg, strlen(worker) > 4 ? "l" : "w", x + CELL / 2, y + CELL / 2 + 1, worker);
    svg_text(svg, "s", x + CELL / 2, y + CELL - 7, step);
}

static void svg_grid(Svg *svg, int64_t index, int64_t top)
{
    const MappingGrid *grid = &svg->grid;
    Arena *arena = svg->sb->arena;
    int64_t left = MARGIN + LABELS;
    for (int64_t column = 0; column < grid->columns; column++) {
        svg_number(svg, "n", left + column * CELL + CELL / 2, top - 8, column);
    }
    for (int64_t row = 0; row < grid->rows; row++) {
        int64_t y = top + row * CELL;
        svg_number(svg, "n", left - LABELS / 2, y + CELL / 2 + 4, mapping_grid_row(grid, row));
        for (int64_t column = 0; column < grid->columns; column++) {
            int64_t step = 0, worker = mapping_grid_cell(grid, index, row, column, &step);
            if (worker < 0) break;
            svg_cell(svg, left + column * CELL, y, worker_color(worker),
                     base_format(arena, "%" PRId64 "%s", worker, grid->replicas ? "*" : ""),
                     base_format(arena, "%" PRId64, step));
        }
    }
}

static void svg_legend(Svg *svg, int64_t top)
{
    const MappingGrid *grid = &svg->grid;
    int64_t x = MARGIN + LABELS;
    svg_cell(svg, x, top, worker_color(0), grid->replicas ? "w*" : "w", "s");
    svg_text(svg, "t", x + CELL + 12, top + 15,
             grid->replicas ? "w*: worker, the lowest of the task's owners; one colour each"
                            : "w: worker, one colour each");
    svg_text(svg, "t", x + CELL + 12, top + 33, "s: step, the task's place in its worker's order");
    if (!mapping_grid_is_cut(grid)) return;
    svg_text(svg, "t", x + CELL + 12, top + 51,
             base_format(svg->sb->arena,
                         "cut: %" PRId64 " of %" PRId64 " rows, %" PRId64 " of %" PRId64
                         " columns, %" PRId64 " of %" PRId64 " grids are shown",
                         grid->rows, grid->all_rows, grid->columns, grid->all_columns, grid->shown,
                         grid->grids));
}

static void svg_head(Svg *svg, int64_t width, int64_t height)
{
    Sb counts = base_sb(svg->sb->arena);
    base_sb_str(&counts, "shape ");
    mapping_grid_shape(&svg->grid, " × ", &counts);
    base_sb_str(&counts, " · ");
    mapping_grid_counts(&svg->grid, &counts);
    base_sb_printf(svg->sb,
                   "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %" PRId64 " %" PRId64
                   "\" font-family=\"ui-sans-serif, Helvetica, Arial, sans-serif\" "
                   "text-anchor=\"middle\">\n<title>%s</title>\n"
                   "<style>rect{stroke:#fff}.w{font-size:15px;font-weight:600;fill:#111}"
                   ".l{font-size:10px;font-weight:600;fill:#111}"
                   ".s,.n{font-size:11px;fill:#555}.t{"
                   "font-size:13px;fill:#333;text-anchor:start}"
                   ".h{font:600 16px ui-monospace,Menlo,monospace;fill:#111;text-anchor:start}"
                   "</style>\n<path fill=\"#fff\" d=\"M0 0h%" PRId64 "v%" PRId64 "H0z\"/>\n",
                   width, height, svg->title, width, height);
    svg_text(svg, "h", MARGIN, MARGIN + 12, svg->title);
    svg_text(svg, "t", MARGIN, MARGIN + 34, base_sb_text(&counts));
}

bool mapping_draw_svg(Sb *sb, const Mapping *m)
{
    if (m->workers < 0 || m->steps < 0) return false;
    Svg svg = {.sb = sb};
    int64_t cells = m->rank > 2 ? MAPPING_DRAW_SVG_CELLS / 4 : MAPPING_DRAW_SVG_CELLS;
    mapping_grid_init(&svg.grid, m, cells, cells);
    svg.title = mapping_text(sb->arena, m, NULL, NULL); /* holds nothing that XML must escape */
    int caption = m->rank > 2 ? CAPTION : 0;
    int64_t each = caption + LABELS + svg.grid.rows * CELL;
    int64_t width = 2 * MARGIN + LABELS + svg.grid.columns * CELL;
    int64_t title_width = (int64_t)2 * MARGIN + (int64_t)strlen(svg.title) * CHARACTER + CHARACTER;
    int64_t legend_width = 2 * MARGIN + LABELS + CELL + 400;
    if (width < title_width) width = title_width;
    if (width < legend_width) width = legend_width;
    svg_head(&svg, width, 2 * MARGIN + TITLE + svg.grid.shown * each + LEGEND);
    int64_t top = MARGIN + TITLE;
    for (int64_t index = 0; index < svg.grid.shown; index++, top += each) {
        if (caption) {
            Sb name = base_sb(sb->arena);
            mapping_grid_name(&svg.grid, index, &name);
            svg_text(&svg, "t", MARGIN + LABELS, top + 12, base_sb_text(&name));
        }
        svg_grid(&svg, index, top + caption + LABELS - 6);
    }
    svg_legend(&svg, top + 16);
    base_sb_str(sb, "</svg>\n");
    return true;
}
