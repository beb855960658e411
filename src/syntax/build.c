/* Constructors of AST nodes, called by the grammar's actions. */
#include "syntax/build.h"

static bool is_literal(AstKind kind)
{
    return kind == AST_Int || kind == AST_Float || kind == AST_Bool;
}

/* A node's height stands in `value.i`, which only literals use otherwise. */
static int64_t height_of(const Ast *node)
{
    return node && !is_literal(node->kind) ? node->value.i : 0;
}

static Ast *new_node(Parse *parse, AstKind kind, Span span, uint32_t count)
{
    Ast *node = base_alloc(parse->arena, sizeof(Ast) + count * sizeof(Ast *));
    node->kind = kind;
    node->span = span;
    node->count = count;
    node->kid = (Ast **)(node + 1);
    return node;
}

static Ast *with_kids(Parse *parse, Ast *node, Ast *const *kids)
{
    int64_t height = 0;
    for (uint32_t i = 0; i < node->count; i++) {
        node->kid[i] = kids[i];
        int64_t h = height_of(kids[i]);
        if (h > height) height = h;
    }
    node->value.i = height + 1;
    if (height >= PARSE_MAX_HEIGHT) syntax_too_deep(parse, node->span, PARSE_MAX_HEIGHT);
    return node;
}

Ast *syntax_node(Parse *parse, AstKind kind, Span span, int count, Ast *const *kids)
{
    return with_kids(parse, new_node(parse, kind, span, (uint32_t)count), kids);
}

/* ---- lists */

ListStart syntax_list_begin(const Parse *parse)
{
    return (ListStart){parse->stack.len};
}

void syntax_list_drop(Parse *parse, ListStart list)
{
    if (parse->stack.len > list.start) parse->stack.len = list.start;
}

void syntax_push(Parse *parse, Ast *node)
{
    VEC_PUSH(parse->arena, parse->stack, node);
}

ListStart syntax_first(Parse *parse, Ast *node)
{
    ListStart list = syntax_list_begin(parse);
    syntax_push(parse, node);
    return list;
}

ListStart syntax_more(Parse *parse, ListStart list, Ast *node)
{
    syntax_push(parse, node);
    return list;
}

ListStart syntax_joined(ListStart outer, ListStart inner)
{
    (void)inner; /* its kids lie right above the outer list's */
    return outer;
}

Ast *syntax_list(Parse *parse, ListStart list, Span span)
{
    size_t count = parse->stack.len - list.start;
    Ast *node = new_node(parse, AST_List, span, (uint32_t)count);
    with_kids(parse, node, count ? parse->stack.data + list.start : NULL);
    parse->stack.len = list.start;
    return node;
}

Ast *syntax_list_after(Parse *parse, Ast *first, ListStart rest, Span span)
{
    syntax_push(parse, NULL);
    Ast **kids = parse->stack.data + rest.start;
    memmove(kids + 1, kids, (parse->stack.len - 1 - rest.start) * sizeof *kids);
    kids[0] = first;
    return syntax_list(parse, rest, span);
}

Ast *syntax_single(Parse *parse, Ast *node)
{
    return with_kids(parse, new_node(parse, AST_List, node->span, 1), &node);
}

Ast *syntax_empty(Parse *parse, Span at)
{
    return with_kids(parse, new_node(parse, AST_List, at, 0), NULL);
}

/* ---- particular nodes */

Ast *syntax_file(Parse *parse, ListStart items, Span span)
{
    Ast *list = syntax_list(parse, items, span);
    Ast *file = syntax_node(parse, AST_File, span, 1, &list);
    if (parse->file_doc.len)
        file->doc = base_intern(parse->interner, parse->file_doc.data, parse->file_doc.len);
    return file;
}

/* A declaration is finished: its doc comment is the one noted at its first word. */
static void set_attributes(Parse *parse, Ast *node, Ast *attributes)
{
    if (node->kind == AST_Kernel)
        KID(node, Kernel, attributes) = attributes;
    else if (node->kind != AST_Error)
        syntax_error(parse, DIAG_ATTRIBUTE, attributes->kid[0]->span,
                     attributes->kid[0]->name->text, "stands before a kernel only");
}

Ast *syntax_item(Parse *parse, Ast *node, Ast *attributes, uint64_t flags, Span span)
{
    if (attributes) set_attributes(parse, node, attributes);
    while (parse->docs.len && VEC_LAST(parse->docs).at >= span.begin) {
        DocAt doc = parse->docs.data[--parse->docs.len];
        if (doc.at == span.begin) node->doc = doc.text;
    }
    node->flags |= (uint32_t)flags;
    node->span = span;
    return node;
}

/* Sorts the clauses, which stand in any order, into the kernel's lists. */
Ast *syntax_kernel(Parse *parse, Span span, Ast *generics, Ast *params, ListStart clauses,
                   Ast *body)
{
    Ast *all = syntax_list(parse, clauses, (Span){params->span.end, body->span.begin});
    ListStart none = syntax_list_begin(parse);
    Ast *parts[3], *launch = NULL;
    for (int part = 0; part < 3; part++) {
        for (uint32_t i = 0; i < all->count; i++) {
            Ast *clause = all->kid[i];
            int place = clause->kind == AST_Tune ? 0 : clause->kind == AST_Require ? 2 : 1;
            if (clause->kind != AST_Launch && place == part) syntax_push(parse, clause);
        }
        parts[part] = syntax_list(parse, none, all->span);
    }
    for (uint32_t i = 0; i < all->count; i++) {
        if (all->kid[i]->kind != AST_Launch) continue;
        if (launch)
            syntax_error(parse, DIAG_SYNTAX, all->kid[i]->span, "a kernel has one `launch` clause",
                         NULL);
        launch = all->kid[i];
    }
    return syntax_node(
        parse, AST_Kernel, span, 8,
        (Ast *const[]){generics, params, parts[0], parts[1], parts[2], launch, NULL, body});
}

Ast *syntax_type_name(Parse *parse, const Name *name, Span span)
{
    if (!parse->no_args) parse->no_args = syntax_empty(parse, (Span){0, 0});
    return syntax_named(syntax_node(parse, AST_TypeName, span, 1, &parse->no_args), name, span);
}

Ast *syntax_mapping_bound(Parse *parse, Span span)
{
    return syntax_type_name(parse, base_intern_cstr(parse->interner, "mapping"), span);
}

Ast *syntax_random(Parse *parse, Span span, const Name *elem, Span elem_span, Ast *extents,
                   Ast *args)
{
    Ast *type = syntax_type_name(parse, elem, elem_span);
    if (extents)
        type = syntax_node(parse, AST_TypeTensor, diag_join(elem_span, extents->span), 4,
                           (Ast *const[]){type, extents, NULL, NULL});
    if (!args) args = syntax_empty(parse, (Span){span.end, span.end});
    return syntax_node(parse, AST_Random, span, 2, (Ast *const[]){type, args});
}

Ast *syntax_paren(Parse *parse, Ast *node, Span span)
{
    (void)parse;
    node->flags |= AST_PAREN;
    node->span = span;
    return node;
}

Ast *syntax_literal(Parse *parse, AstKind kind, const Token *token, Span span)
{
    Ast *node = new_node(parse, kind, span, 0);
    node->flags = token->flags;
    node->name = token->name;
    node->name_span = span;
    if (kind == AST_Int || kind == AST_Bool) node->value.i = token->i;
    if (kind == AST_Float) node->value.f = token->f;
    return node;
}

Ast *syntax_set_values(const Ast *set)
{
    return KID(set, Set, items);
}

/* `(i, j)`, and `(i)`, rather than `i`: the list begins before its first name. */
uint32_t syntax_tuple_flag(const Ast *names)
{
    return names->span.begin < names->kid[0]->span.begin ? AST_TUPLE : 0;
}

Ast *syntax_dotted(Parse *parse, ListStart names, Span span)
{
    Sb sb = base_sb(parse->arena);
    for (size_t i = names.start; i < parse->stack.len; i++) {
        if (i > names.start) base_sb_char(&sb, '.');
        base_sb_mem(&sb, parse->stack.data[i]->name->text, parse->stack.data[i]->name->len);
    }
    syntax_list_drop(parse, names);
    const Name *path = base_intern(parse->interner, sb.data, sb.len);
    return NAME(path, span);
}
