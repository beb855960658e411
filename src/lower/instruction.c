/* Machine instructions: functions of the library whose body is their PTX name. A kernel that
 * multiplies is given those that its architecture has for the types at hand. */
#include "lower/internal.h"

/* The types of a product, and what a generic number of columns may be: a divisor of `columns`. */
typedef struct Wanted {
    Elem acc, a, b;
    int64_t columns;
} Wanted;

/* `m64n{n}k16`: what generic integers stand for is put into the name. */
static const char *text_of(Lower *l, const Ast *fn)
{
    const Ast *generics = KID(fn, Fn, generics);
    const char *text = KID(fn, Fn, body)->name->text;
    Sb out = base_sb(l->arena);
    for (const char *p = text; *p; p++) {
        size_t len = strcspn(p + 1, "}");
        const Ast *generic = NULL;
        for (uint32_t i = 0; *p == '{' && i < generics->count; i++) {
            const char *name = generics->kid[i]->name->text;
            if (strlen(name) == len && strncmp(name, p + 1, len) == 0) generic = generics->kid[i];
        }
        const Value *value = generic ? lower_slot(l, generic->symbol) : NULL;
        if (value && value->kind == VALUE_EXPR && ir_is_const(value->expr)) {
            base_sb_str(&out, lower_number(l, value->expr->value.i));
            p += len + 1;
        } else {
            base_sb_char(&out, *p);
        }
    }
    return base_sb_text(&out);
}

static Elem elem_of(Lower *l, const Ast *fn, int param)
{
    return lower_ir_type(l, KID(fn, Fn, params)->kid[param]->symbol->type->of).elem;
}

static const Mapping *fragment_of(Lower *l, const Ast *fn, int param)
{
    const Ast *type = KID(KID(fn, Fn, params)->kid[param], Param, type);
    const Ast *over = KID(type, TypeTensor, over), *extents = KID(type, TypeTensor, extents);
    int64_t shape[MAX_RANK];
    for (uint32_t d = 0; d < extents->count; d++)
        if (!lower_int(l, extents->kid[d], &shape[d])) return NULL;
    return over ? lower_mapping_solved(l, over, (int)extents->count, shape, 0) : NULL;
}

static bool is_there(const Lower *l, const IrInstruction *in)
{
    for (size_t i = 0; i < l->k->instructions.len; i++) {
        const IrInstruction *other = &l->k->instructions.data[i];
        if (strcmp(other->text, in->text) == 0 && !other->a == !in->a) return true;
    }
    return false;
}

/* With the generics as they are bound. */
static void add(Lower *l, const Ast *fn)
{
    IrInstruction in = {.text = text_of(l, fn),
                        .acc_elem = elem_of(l, fn, 0),
                        .a_elem = elem_of(l, fn, 1),
                        .b_elem = elem_of(l, fn, 2)};
    const Ast *a = KID(KID(fn, Fn, params)->kid[1], Param, type);
    if (!lower_int(l, KID(a, TypeTensor, extents)->kid[1], &in.depth)) return;
    in.acc = fragment_of(l, fn, 0);
    in.a = fragment_of(l, fn, 1);
    in.b = fragment_of(l, fn, 2);
    if (in.acc && !is_there(l, &in)) VEC_PUSH(l->arena, l->k->instructions, in);
}

static bool holds(Lower *l, const Ast *fn)
{
    const Ast *wheres = KID(fn, Fn, wheres);
    for (uint32_t i = 0; i < wheres->count; i++) {
        const IrExpr *cond = lower_expr(l, wheres->kid[i]);
        if (!ir_is_const(cond) || !cond->value.i) return false;
    }
    return true;
}

static void add_fitting(Lower *l, const Ast *fn, const Wanted *wanted)
{
    if (elem_of(l, fn, 0) != wanted->acc || elem_of(l, fn, 1) != wanted->a ||
        elem_of(l, fn, 2) != wanted->b)
        return;
    const Ast *generics = KID(fn, Fn, generics);
    if (generics->count == 0) {
        if (holds(l, fn)) add(l, fn);
        return;
    }
    const Symbol *n = generics->kid[0]->symbol;
    Value before = *lower_slot(l, n);
    for (int64_t columns = 1; columns <= wanted->columns; columns++) {
        if (wanted->columns % columns != 0) continue;
        lower_bind(l, n, value_expr(ir_index(l->k, columns)));
        if (holds(l, fn)) add(l, fn);
    }
    lower_bind(l, n, before);
}

void lower_find_instructions(Lower *l, const View *acc, const View *a, const View *b)
{
    if (l->options->cpu || !ir_is_const(acc->extents[1])) return;
    Wanted wanted = {.acc = acc->tensor->elem,
                     .a = a->tensor->elem,
                     .b = b->tensor->elem,
                     .columns = acc->extents[1]->value.i};
    for (size_t m = 0; m < l->program->modules.len; m++) {
        const Module *module = l->program->modules.data[m];
        if (!module->is_std || strncmp(module->path->text, "std.mma", 7) != 0) continue;
        const Ast *items = KID(module->file, File, items);
        for (uint32_t i = 0; i < items->count; i++) {
            const Ast *item = items->kid[i];
            if (item->kind == AST_Fn && KID(item, Fn, body)->kind == AST_Str)
                add_fitting(l, item, &wanted);
        }
    }
}

const char *lower_add_instruction(Lower *l, const Ast *fn)
{
    if (!l->options->cpu) add(l, fn);
    return text_of(l, fn);
}
