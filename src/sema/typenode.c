/* Type nodes to types; extents, `over` and layouts. */
#include "sema/internal.h"

static const Type *type_name(Sema *s, Ast *node)
{
    const Type *type = sema_lookup_type(s, node->name);
    if (type) return sema_resolve(s, type);
    if (strcmp(node->name->text, "mapping") == 0) return s->mapping;
    sema_unknown(s, DIAG_UNKNOWN_TYPE, node->name, node->span);
    return s->poison;
}

static const Type *element_type(Sema *s, Ast *node, bool shared)
{
    const Type *type = sema_type_node(s, node);
    if (shared && sema_type_is_barrier(type)) return type;
    if (type->kind == TYPE_POISON || (sema_type_mask(type) && type->kind != TYPE_VECTOR))
        return type;
    diag_report(s->diags, DIAG_BAD_TYPE_HERE, node->span, sema_text(s, type),
                "the element of a tensor",
                "use a scalar type; consecutive elements are accessed together where they can be");
    return s->poison;
}

static const Type *tensor_type(Sema *s, Ast *node)
{
    const Type *of = element_type(s, KID(node, TypeTensor, elem), node->flags & AST_SHARED_SPACE);
    if (of->kind == TYPE_POISON) return of;
    Space space = node->flags & AST_SHARED_SPACE ? SPACE_SHARED
                  : node->flags & AST_REG_SPACE  ? SPACE_REG
                                                 : SPACE_GLOBAL;
    int rank = (int)KID(node, TypeTensor, extents)->count;
    return sema_type_tensor(s, of, rank, space, false);
}

static const Type *list_type(Sema *s, TypeKind kind, Ast *list, Ast *result)
{
    const Type **items = NEW_ARRAY(s->arena, const Type *, list->count);
    for (uint32_t i = 0; i < list->count; i++) items[i] = sema_type_node(s, list->kid[i]);
    const Type *of = kind != TYPE_FN ? NULL : result ? sema_type_node(s, result) : s->none;
    return sema_type_list(s, kind, of, (int)list->count, items);
}

const Type *sema_type_node(Sema *s, Ast *node)
{
    const Type *type = s->poison;
    if (node->kind == AST_TypeName)
        type = type_name(s, node);
    else if (node->kind == AST_TypeTensor)
        type = tensor_type(s, node);
    else if (node->kind == AST_TypeFn)
        type = list_type(s, TYPE_FN, KID(node, TypeFn, params), KID(node, TypeFn, result));
    else if (node->kind == AST_TypeTuple)
        type = list_type(s, TYPE_TUPLE, KID(node, TypeTuple, items), NULL);
    return node->type = type;
}

void sema_index_list(Sema *s, Ast *list)
{
    for (uint32_t i = 0; i < list->count; i++) sema_index(s, list->kid[i]);
}

void sema_type_parts(Sema *s, Ast *node)
{
    if (node->kind == AST_TypeTuple) {
        Ast *items = KID(node, TypeTuple, items);
        for (uint32_t i = 0; i < items->count; i++) sema_type_parts(s, items->kid[i]);
    }
    if (node->kind != AST_TypeTensor) return;
    sema_index_list(s, KID(node, TypeTensor, extents));
    if (KID(node, TypeTensor, over)) sema_mapping_expr(s, KID(node, TypeTensor, over));
    if (KID(node, TypeTensor, layout)) sema_layout(s, KID(node, TypeTensor, layout));
}

/* ---- layouts ------------------------------------------------------------------------------- */

static void layout_word(Sema *s, Ast *word)
{
    static const struct {
        const char *text, *takes;
        uint32_t min, max;
    } words[] = {
        {"row", "no argument", 0, 0},
        {"col", "no argument", 0, 0},
        {"strided", "no argument", 0, 0},
        {"pad", "one argument, the number of elements to add to a row", 1, 1},
        {"swizzle", "nothing, or up to three numbers", 0, 3},
    };
    Ast *args = KID(word, LayoutWord, args);
    for (size_t i = 0; i < BASE_LEN(words); i++) {
        if (strcmp(word->name->text, words[i].text) != 0) continue;
        if (args->count < words[i].min || args->count > words[i].max)
            diag_report(
                s->diags, DIAG_LAYOUT_WORD, word->span,
                base_format(s->arena, "`layout %s` takes %s", words[i].text, words[i].takes));
    }
    sema_index_list(s, args);
}

void sema_layout(Sema *s, Ast *layout)
{
    Ast *parts = KID(layout, Layout, parts);
    int orders = 0;
    for (uint32_t i = 0; i < parts->count; i++) {
        Ast *part = parts->kid[i];
        if (part->kind != AST_LayoutWord) {
            sema_mapping_expr(s, part);
            orders++;
            continue;
        }
        layout_word(s, part);
        const char *text = part->name->text;
        orders += strcmp(text, "pad") != 0 && strcmp(text, "swizzle") != 0;
        if (orders > 1) {
            diag_report(s->diags, DIAG_LAYOUT_WORD, part->span,
                        "a layout has one order: keep one of `row`, `col`, `strided` or a mapping");
            orders = 1;
        }
    }
}
