/* What the grammar's actions call: one constructor each. Private to syntax/ and grammar/. */
#ifndef SYNTAX_BUILD_H
#define SYNTAX_BUILD_H

#include "syntax/parse.h"

/* For actions, where `parse` is in scope. */
#define MAKE(id, span, ...)                                                                        \
    syntax_node(parse, AST_##id, (span), (int)BASE_LEN(((Ast *const[]){__VA_ARGS__})),             \
                (Ast *const[]){__VA_ARGS__})
#define MAKE0(id, span) syntax_node(parse, AST_##id, (span), 0, NULL)
#define ERROR(span) MAKE0(Error, span)
#define NAMED(node, text, span) syntax_named((node), (text), (span))
#define NAME(text, span) syntax_named(MAKE0(Name, (span)), (text), (span))
#define FLAG(node, more) syntax_flagged((node), (uint32_t)(more))
#define OPERATOR(which, node) syntax_operator((node), (Op)(which))
#define UNARY(id, operand, span) syntax_operator(MAKE(Unary, (span), (operand)), OP_##id)
#define BINARY(id, left, right, span)                                                              \
    syntax_operator(MAKE(Binary, (span), (left), (right)), OP_##id)
#define GROUP(text, span, index, end) NAMED(MAKE(Group, (span), (index), (end)), (text), (span))

/* Nodes: as many kids as the row of ast.def has fields. */
Ast *syntax_node(Parse *parse, AstKind kind, Span span, int count, Ast *const *kids);

static inline Ast *syntax_named(Ast *node, const Name *name, Span span)
{
    node->name = name;
    node->name_span = span;
    return node;
}

static inline Ast *syntax_flagged(Ast *node, uint32_t flags)
{
    node->flags |= flags;
    return node;
}

static inline Ast *syntax_operator(Ast *node, Op op)
{
    node->op = op;
    return node;
}

/* Lists: kids are pushed on the parse's stack and taken off it whole. */
ListStart syntax_list_begin(const Parse *parse);
void syntax_list_drop(Parse *parse, ListStart list);
void syntax_push(Parse *parse, Ast *node);
ListStart syntax_first(Parse *parse, Ast *node);
ListStart syntax_more(Parse *parse, ListStart list, Ast *node);
ListStart syntax_joined(ListStart outer, ListStart inner);
Ast *syntax_list(Parse *parse, ListStart list, Span span);
Ast *syntax_list_after(Parse *parse, Ast *first, ListStart rest, Span span);
Ast *syntax_single(Parse *parse, Ast *node);
Ast *syntax_empty(Parse *parse, Span at);

/* Particular nodes. */
Ast *syntax_file(Parse *parse, ListStart items, Span span);
Ast *syntax_item(Parse *parse, Ast *node, Ast *attributes, uint64_t flags, Span span);
Ast *syntax_kernel(Parse *parse, Span span, Ast *generics, Ast *params, ListStart clauses,
                   Ast *body);
Ast *syntax_mapping_bound(Parse *parse, Span span);
Ast *syntax_type_name(Parse *parse, const Name *name, Span span);
/* `random T[…](…)`: extents and arguments may be NULL. */
Ast *syntax_random(Parse *parse, Span span, const Name *elem, Span elem_span, Ast *extents,
                   Ast *args);
Ast *syntax_paren(Parse *parse, Ast *node, Span span);
Ast *syntax_literal(Parse *parse, AstKind kind, const Token *token, Span span);
Ast *syntax_set_values(const Ast *set);
uint32_t syntax_tuple_flag(const Ast *names);
Ast *syntax_dotted(Parse *parse, ListStart names, Span span);

#endif
