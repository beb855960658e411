/* The formatter's pieces; private to syntax/. format_items.c cuts the source into items, and
 * format.c lays them out. */
#ifndef SYNTAX_FORMAT_H
#define SYNTAX_FORMAT_H

#include "syntax/parse.h"

/* A token or a comment, with what stood between it and the one before. */
typedef struct FormatItem {
    int kind;            /* a token; TOK_COMMENT */
    uint32_t begin, end; /* offsets */
    uint32_t breaks;     /* line ends before it */
    uint32_t match;      /* brackets: index of the other one */
    bool starts;         /* the first token of a statement or declaration */
    bool semicolon;      /* a `;` before it ended the last one */
    bool line_comment;   /* runs to the end of its line */
} FormatItem;

typedef struct FormatItems {
    FormatItem *data;
    size_t len, cap;
} FormatItems;

/* False if the source does not scan, or its brackets do not nest. */
bool syntax_format_items(Arena *arena, Interner *interner, const Source *source,
                         FormatItems *items);
Parse *syntax_parse_start(Arena *arena, Interner *interner, Diags *diags, const Source *source);

#endif
