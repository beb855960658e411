/* Declarations of shared tensors, register tiles, private arrays; constant tables. */
#include "lower/internal.h"

/* Compile-time extents of a declaration; false after a report. */
static bool extents_of(Lower *l, const Ast *list, int64_t *extents)
{
    bool good = true;
    int64_t product = 1;
    for (uint32_t d = 0; d < list->count && d < MAX_RANK; d++) {
        if (!lower_int(l, list->kid[d], &extents[d])) {
            good = false;
        } else if (extents[d] < 1) {
            lower_error(l, BAD_EXTENT, list->kid[d]->span, lower_number(l, extents[d]));
            good = false;
        } else if (!base_mul(product, extents[d], &product) || product > INT32_MAX) {
            lower_error(l, TOO_LARGE, list->span);
            good = false;
        }
    }
    return good;
}

static void constants(Lower *l, int rank, const int64_t *extents, const IrExpr **out)
{
    for (int d = 0; d < rank; d++) out[d] = ir_index(l->k, extents[d]);
}

/* Extents that are known at launch at the latest; false after a report. Where all are constants,
 * *fixed, they are as checked as any. */
static bool launch_extents(Lower *l, const Ast *list, const IrExpr **shape, bool *fixed)
{
    bool failed = l->failed, good = true;
    *fixed = true;
    l->failed = false;
    for (uint32_t d = 0; d < list->count && d < MAX_RANK; d++) {
        const IrExpr *e = lower_at_launch(l, lower_index(l, list->kid[d]));
        if (!e && !l->failed) lower_error(l, NOT_AT_LAUNCH, list->kid[d]->span);
        good = good && e && !l->failed;
        if (!good) continue;
        shape[d] = e;
        *fixed = *fixed && ir_is_const(e);
        if (ir_is_const(e) && e->value.i < 1) {
            lower_error(l, BAD_EXTENT, list->kid[d]->span, lower_number(l, e->value.i));
            good = false;
        }
    }
    l->failed |= failed;
    return good;
}

static bool product_fits(Lower *l, const Ast *list, const IrExpr *const *shape, int64_t *extents)
{
    int64_t product = 1;
    for (uint32_t d = 0; d < list->count; d++) {
        extents[d] = shape[d]->value.i;
        if (base_mul(product, extents[d], &product) && product <= INT32_MAX) continue;
        lower_error(l, TOO_LARGE, list->span);
        return false;
    }
    return true;
}

void lower_shared(Lower *l, const Ast *node)
{
    const Ast *list = KID(node, Shared, extents), *layout = KID(node, Shared, layout);
    int64_t extents[MAX_RANK];
    const IrExpr *shape[MAX_RANK];
    bool fixed;
    if (!node->symbol) return;
    lower_bind(l, node->symbol, value_poison());
    if (!launch_extents(l, list, shape, &fixed)) return;
    if (fixed && !product_fits(l, list, shape, extents)) return;
    int rank = (int)list->count;
    Elem elem = lower_ir_type(l, node->symbol->type->of).elem;
    lower_at(l, node);
    IrTensor *tensor = ir_new_tensor(l->k, node->name, IR_SHARED, elem, rank, shape);
    if (fixed)
        tensor->layout = lower_layout(l, layout, rank, extents, elem);
    else if (layout)
        lower_launch_layout(l, layout, tensor);
    tensor->scope = l->scope;
    tensor->read = tensor->written = true;
    if (lower_arrivals(l, node, tensor))
        lower_bind(l, node->symbol, value_view(lower_whole(l, tensor)));
}

const View *lower_new_tile(Lower *l, const Name *name, Elem elem, const Mapping *over, int leading,
                           const int64_t *extents)
{
    const IrExpr *shape[MAX_RANK];
    constants(l, leading + over->rank, extents, shape);
    IrTensor *tensor = ir_new_tensor(l->k, name, IR_TILE, elem, leading + over->rank, shape);
    tensor->over = over;
    tensor->first = l->group.first;
    tensor->read = tensor->written = true;
    return lower_whole(l, tensor);
}

static const char *shape_text(Lower *l, int rank, const int64_t *extents)
{
    Sb sb = base_sb(l->arena);
    for (int d = 0; d < rank; d++)
        base_sb_printf(&sb, "%s%lld", d ? ", " : "(", (long long)extents[d]);
    base_sb_str(&sb, rank == 1 ? ",)" : ")");
    return base_sb_text(&sb);
}

/* The mapping of a tile: solved against its shape and the group, then checked against both. */
static const Mapping *tile_mapping(Lower *l, const Ast *node, int rank, const int64_t *extents,
                                   int *leading)
{
    const Ast *over = KID(node, Reg, over);
    const Mapping *m = lower_mapping_solved(l, over, rank, extents, l->group.size);
    if (!m) return NULL;
    *leading = rank - m->rank;
    if (*leading < 0 || (m->any_rank && *leading < 0)) {
        lower_error(l, MAPPING_SHAPE, over->span, lower_mapping_text(l, m),
                    shape_text(l, m->rank, m->shape), node->name->text,
                    shape_text(l, rank, extents));
        return NULL;
    }
    if (!lower_check_workers(l, m, l->group.size, over->span, "thread")) return NULL;
    for (int d = 0; d < m->rank; d++)
        if (m->shape[d] != extents[*leading + d]) {
            lower_error(l, MAPPING_SHAPE, over->span, lower_mapping_text(l, m),
                        shape_text(l, m->rank, m->shape), node->name->text,
                        shape_text(l, rank, extents));
            return NULL;
        }
    return m;
}

/* `= v`: each owner writes its elements. */
static void initialise(Lower *l, const Ast *node, const View *view)
{
    const Ast *init = KID(node, Reg, init);
    if (!init) return;
    const IrExpr *value = lower_expr(l, init);
    const IrTensor *tensor = view->tensor;
    IrBlock *outer = l->block;
    const IrExpr *index[MAX_RANK];
    int leading = tensor->over ? tensor->rank - tensor->over->rank : tensor->rank;
    for (int d = 0; d < leading; d++) {
        IrVar *var = ir_new_var(l->k, lower_name(l, "s"), (IrType){ELEM_INDEX, 1}, false);
        IrStmt *loop =
            ir_for(l->k, l->block, var, ir_index(l->k, 0), tensor->extents[d], ir_index(l->k, 1));
        loop->flags |= IR_UNROLL;
        index[d] = ir_var(l->k, var);
        l->block = loop->body;
    }
    if (tensor->over) lower_open_tasks(l, tensor->over, 1, index + leading);
    ir_store(l->k, l->block, tensor, index, value, NULL);
    l->block = outer;
}

void lower_reg(Lower *l, const Ast *node)
{
    const Ast *list = KID(node, Reg, extents);
    int64_t extents[MAX_RANK];
    if (!node->symbol) return;
    lower_bind(l, node->symbol, value_poison());
    if (!extents_of(l, list, extents)) return;
    int rank = (int)list->count, leading = 0;
    Elem elem = lower_ir_type(l, node->symbol->type->of).elem;
    lower_at(l, node);
    const View *view;
    if (KID(node, Reg, over)) {
        const Mapping *m = tile_mapping(l, node, rank, extents, &leading);
        if (!m) return;
        view = lower_new_tile(l, node->name, elem, m, leading, extents);
    } else {
        const IrExpr *shape[MAX_RANK];
        constants(l, rank, extents, shape);
        IrTensor *tensor = ir_new_tensor(l->k, node->name, IR_PRIVATE, elem, rank, shape);
        tensor->read = tensor->written = true;
        view = lower_whole(l, tensor);
    }
    initialise(l, node, view);
    lower_bind(l, node->symbol, value_view(view));
}

/* ---- constant tables ------------------------------------------------------------------------ */

static void table_elements(Lower *l, const Ast *array, Elem elem, Scalar *out, size_t *at,
                           size_t size)
{
    const Ast *items = KID(array, Array, items);
    for (uint32_t i = 0; i < items->count; i++) {
        const Ast *item = items->kid[i];
        if (item->kind == AST_Array) {
            table_elements(l, item, elem, out, at, size);
            continue;
        }
        const IrExpr *e = lower_expr(l, item);
        if (!ir_is_const(e))
            lower_error(l, NOT_CONSTANT, item->span);
        else if (*at < size)
            out[(*at)++] = scalar_cast(elem, e->value);
    }
}

const View *lower_table(Lower *l, const Symbol *symbol)
{
    const Ast *value = KID(symbol->decl, Const, value);
    const Type *type = symbol->type;
    int64_t extents[MAX_RANK] = {0};
    const IrExpr *shape[MAX_RANK];
    size_t size = 1, at = 0;
    const Ast *inner = value;
    for (int d = 0; d < type->rank; d++) {
        extents[d] = KID(inner, Array, items)->count;
        size *= (size_t)extents[d];
        if (extents[d] && d + 1 < type->rank) inner = KID(inner, Array, items)->kid[0];
    }
    Elem elem = lower_ir_type(l, type->of).elem;
    Scalar *elements = NEW_ARRAY(l->arena, Scalar, size + 1);
    table_elements(l, value, elem, elements, &at, size);
    constants(l, type->rank, extents, shape);
    IrTensor *tensor = ir_new_tensor(l->k, symbol->name, IR_TABLE, elem, type->rank, shape);
    tensor->table = elements;
    tensor->read = true;
    const View *view = lower_whole(l, tensor);
    lower_bind(l, symbol, value_view(view));
    return view;
}
