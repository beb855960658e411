/* mma: products of tiles of matrices; calls of single machine instructions.
 *
 * Lowered to the task loop that says what is computed (IrInstruction, ir.h): a target without
 * matrix instructions runs it as it stands, another replaces it. Its factors are read from shared
 * memory; a factor in registers is copied there first, to a tensor that names the tile (`staged`),
 * so that whoever can take the registers as they are does without the copy. */
#include "lower/internal.h"

typedef struct Product {
    const Ast *node;
    const View *acc, *a, *b;
    const char *text; /* of the instruction that was called; NULL: any */
    bool begun;       /* wgmma.mma: only begun here, what it reads is waited for by hand */
} Product;

/* ---- operands ----------------------------------------------------------------------------------
 */

/* A shared tensor for the tile; a copy for each group where several run this at once. */
static const View *stage(Lower *l, const Ast *node, const View *tile)
{
    bool several = l->group.base < 0;
    int first = several ? 1 : 0, rank = tile->rank + first;
    const IrExpr *shape[MAX_RANK];
    if (several) shape[0] = ir_index(l->k, l->k->block_size / l->group.size);
    for (int d = 0; d < tile->rank; d++) shape[first + d] = tile->extents[d];
    const Name *name = lower_name(l, lower_text(l, "%s_staged", tile->tensor->name->text));
    IrTensor *tensor = ir_new_tensor(l->k, name, IR_SHARED, tile->tensor->elem, rank, shape);
    tensor->scope = l->scope;
    tensor->read = tensor->written = true;
    tensor->staged = tile->tensor;
    if (!l->options->cpu) tensor->layout = lower_swizzle(l, rank, shape, tensor->elem);
    View *view = base_copy(l->arena, lower_whole(l, tensor), sizeof *view);
    if (several) {
        view->rank = tile->rank;
        view->offset[0] = ir_binary(l->k, IR_DIV, ir_tid(l->k), ir_index(l->k, l->group.size));
        view->dim[0] = -1;
        for (int d = 0; d < tile->rank; d++) {
            view->dim[d + 1] = d;
            view->extents[d] = tile->extents[d];
        }
    }
    Value source = value_view(tile);
    lower_copy_values(l, node, view, &source);
    return view;
}

static const View *factor(Lower *l, const Ast *node, Value value)
{
    if (value.kind != VALUE_VIEW) return NULL;
    return value.view->tensor->over ? stage(l, node, value.view) : value.view;
}

/* ---- checks ------------------------------------------------------------------------------------
 */

static bool extents_match(Lower *l, const Product *p)
{
    const struct {
        const IrExpr *one, *other;
        const char *what;
    } pairs[] = {{p->acc->extents[0], p->a->extents[0], "rows"},
                 {p->acc->extents[1], p->b->extents[1], "columns"},
                 {p->a->extents[1], p->b->extents[0], NULL}};
    for (size_t i = 0; i < BASE_LEN(pairs); i++) {
        if (pairs[i].one == pairs[i].other) continue;
        const char *text =
            pairs[i].what
                ? lower_text(l, "the sums have %s %s", lower_expr_text(l, pairs[i].one),
                             pairs[i].what)
                : lower_text(l, "%s columns of the first factor", lower_expr_text(l, pairs[i].one));
        lower_error(l, SHAPE_MISMATCH, p->node->span, text,
                    lower_text(l, "%s %s", lower_expr_text(l, pairs[i].other),
                               i == 0   ? "of the first factor"
                               : i == 1 ? "of the second factor"
                                        : "rows of the second"));
        return false;
    }
    return true;
}

/* Sums hold what the factors hold, and more. */
static bool holds_sums(Elem acc, Elem factor)
{
    if (acc == ELEM_TF32 || factor == ELEM_TF32) return acc == ELEM_F32 || acc == ELEM_F64;
    return acc == factor || vocab_elem(acc)->bits > vocab_elem(factor)->bits;
}

/* Whole numbers with whole numbers; factors of two types only where both are narrow. */
static bool types_match(Lower *l, const Product *p)
{
    Elem acc = p->acc->tensor->elem, a = p->a->tensor->elem, b = p->b->tensor->elem;
    bool floats = vocab_elem_is_float(acc);
    bool alike = a == b || (vocab_elem(a)->bits == vocab_elem(b)->bits && vocab_elem(a)->bits <= 8);
    bool good = alike && a != ELEM_BOOL && b != ELEM_BOOL && vocab_elem_is_float(a) == floats &&
                vocab_elem_is_float(b) == floats && holds_sums(acc, a);
    if (!good)
        lower_error(l, MMA, p->node->span,
                    lower_text(l, "sums of %s with factors of %s and %s", vocab_elem(acc)->text,
                               vocab_elem(a)->text, vocab_elem(b)->text));
    return good;
}

static bool check(Lower *l, const Product *p)
{
    const Mapping *m = p->acc->tensor->over ? lower_over(l, p->acc, p->node) : NULL;
    if (!m && p->acc->tensor->over) return false;
    if (!m) {
        lower_error(l, MMA, p->node->span, "the sums are a register tile `over` a mapping");
        return false;
    }
    if (p->acc->rank != m->rank) {
        Diag *diag = lower_error(l, MMA, p->node->span,
                                 lower_text(l, "of the sums' %d distributed dimensions %d are left",
                                            m->rank, p->acc->rank));
        diag_note(l->diags, diag,
                  "lay several matrices into a tile of two dimensions, and take each by `tile`");
        return false;
    }
    if (l->group.single) {
        Diag *diag = lower_error(l, SYNC_IN_THREAD, p->node->span);
        diag_label(l->diags, diag, l->group.span, "from here on each thread runs for itself");
        return false;
    }
    return lower_check_workers(l, m, l->group.size, p->node->span, "thread") &&
           extents_match(l, p) && types_match(l, p);
}

/* ---- the loop ----------------------------------------------------------------------------------
 */

static void product_loop(Lower *l, const Product *p)
{
    IrKernel *k = l->k;
    const IrExpr *index[MAX_RANK];
    IrType type = {p->acc->tensor->elem, 1};
    IrBlock *outer = l->block;
    IrStmt *tasks = lower_open_tasks(l, lower_over(l, p->acc, NULL), 1, index);
    tasks->flags |= IR_MMA | (p->text ? IR_FORCED : 0) | (p->begun ? IR_BEGUN : 0);
    tasks->text = p->text;
    IrVar *var = ir_new_var(k, lower_name(l, "p"), (IrType){ELEM_INDEX, 1}, false);
    IrStmt *loop = ir_for(k, l->block, var, ir_index(k, 0), p->a->extents[1], ir_index(k, 1));
    l->block = loop->body;
    const IrExpr *at = ir_var(k, var), *ip[] = {index[0], at}, *pj[] = {at, index[1]};
    const IrExpr *a = ir_cast(k, type, lower_load(l, p->a, ip, NULL));
    const IrExpr *b = ir_cast(k, type, lower_load(l, p->b, pj, NULL));
    const IrExpr *sum = lower_load(l, p->acc, index, NULL), *terms[] = {a, b, sum};
    sum = vocab_elem_is_float(type.elem) ? ir_math(k, IR_FMA, 3, terms)
                                         : ir_binary(k, IR_ADD, ir_binary(k, IR_MUL, a, b), sum);
    lower_store(l, p->acc, index, sum);
    l->block = outer;
}

static void product(Lower *l, const Ast *node, const Value *operands, const char *text)
{
    bool begun = !text && node->call->builtin == BUILTIN_WGMMA_MMA;
    Product p = {.node = node, .text = begun ? "wgmma" : text, .begun = begun};
    if (operands[0].kind != VALUE_VIEW) return;
    lower_at(l, node);
    p.acc = operands[0].view;
    p.a = factor(l, node, operands[1]);
    p.b = factor(l, node, operands[2]);
    if (!p.a || !p.b || !check(l, &p)) return;
    if (!text) lower_find_instructions(l, p.acc, p.a, p.b);
    lower_at(l, node); /* again: the search has been in the library */
    if (!begun) lower_barrier(l, true);
    product_loop(l, &p);
    if (!begun) lower_barrier(l, true);
}

void lower_mma(Lower *l, const Ast *call)
{
    const Ast *args = KID(call, Call, args);
    Value operands[3];
    for (int i = 0; i < 3; i++) {
        Value value = lower_value(l, args->kid[i]);
        operands[i] = lower_materialise(l, args->kid[i], lower_name(l, "factor"), value);
    }
    product(l, call, operands, NULL);
}

void lower_instruction(Lower *l, const Ast *call, const Ast *fn, const Value *operands)
{
    product(l, call, operands, lower_add_instruction(l, fn));
}
