/* What the renderers of the diag floor share; private to it. */
#ifndef DIAG_RENDER_H
#define DIAG_RENDER_H

#include "diag/diag.h"

typedef struct SortedDiag {
    const Diag *diag;
    size_t order; /* of reporting; decides among equal places */
} SortedDiag;

/* All diagnostics in source order; `diags->list.len` of them. */
SortedDiag *diag_sorted(Diags *diags);
const char *diag_severity_text(Severity severity);

#endif
