/* Functions do not recurse, mappings do not contain themselves: a depth-first search over what
 * mentions what, with a stack of its own because call chains may be long. */
#include "sema/internal.h"

typedef struct Step {
    Item *item;
    size_t next; /* edge to take */
} Step;
typedef VEC(Step) Path;

static void report(Sema *s, const Path *path, size_t first)
{
    const Item *item = path->data[first].item;
    bool functions = false, constants = true;
    for (size_t i = first; i < path->len; i++) {
        functions |= path->data[i].item->symbol.kind == SYMBOL_FN;
        constants &= path->data[i].item->symbol.kind == SYMBOL_CONST;
    }
    if (constants) return; /* reported when their types were wanted */
    const Step *last = &path->data[path->len - 1];
    Span span = last->item->edges.data[last->next - 1].span;
    Diag *diag = diag_report(s->diags, functions ? DIAG_RECURSION : DIAG_DEFINITION_CYCLE, span,
                             item->symbol.name->text);
    for (size_t i = first; i + 1 < path->len; i++) {
        const Step *step = &path->data[i];
        diag_label(s->diags, diag, step->item->edges.data[step->next - 1].span,
                   "`%s` uses `%s` here", step->item->symbol.name->text,
                   path->data[i + 1].item->symbol.name->text);
    }
}

static size_t find(const Path *path, const Item *item)
{
    size_t i = path->len;
    while (path->data[--i].item != item) {
    }
    return i;
}

static void search(Sema *s, Path *path, Item *root)
{
    path->len = 0;
    VEC_PUSH(s->arena, *path, (Step){root, 0});
    root->walked = ITEM_BUSY;
    while (path->len) {
        Step *step = &VEC_LAST(*path);
        if (step->next == step->item->edges.len) {
            step->item->walked = ITEM_DONE;
            path->len--;
            continue;
        }
        Item *to = step->item->edges.data[step->next++].to;
        if (to->walked == ITEM_NEW) {
            to->walked = ITEM_BUSY;
            VEC_PUSH(s->arena, *path, (Step){to, 0});
        } else if (to->walked == ITEM_BUSY && !to->cyclic) {
            to->cyclic = true; /* one report, however many calls close the circle */
            report(s, path, find(path, to));
        }
    }
}

void sema_cycles(Sema *s)
{
    Path path = {0};
    for (size_t i = 0; i < s->items.len; i++)
        if (s->items.data[i]->walked == ITEM_NEW) search(s, &path, s->items.data[i]);
}
