/* The table of node kinds, and trees as S-expressions. */
#include "syntax/ast.h"

#define ONE AST_FIELD_ONE
#define OPT AST_FIELD_OPT
#define LIST AST_FIELD_LIST
#define F(name, kind) {#name, kind},
#define AST(id, text, cls, fields)                                                                 \
    static const AstField fields_##id[] = {fields{NULL, AST_FIELD_OPT}};
#include "syntax/ast.def"
#undef AST

static const AstInfo infos[AST_KIND_COUNT] = {
#define AST(id, text, cls, fields)                                                                 \
    [AST_##id] = {text, AST_CLASS_##cls, (int)BASE_LEN(fields_##id) - 1, fields_##id},
#include "syntax/ast.def"
#undef AST
};
#undef F
#undef ONE
#undef OPT
#undef LIST

const AstInfo *ast_info(AstKind kind)
{
    return &infos[kind];
}

/* ---- S-expressions */

static const struct {
    uint32_t flag;
    const char *text;
} flag_names[] = {
    {AST_PUB, "pub"},         {AST_QUOTED, "quoted"},     {AST_OUT, "out"},
    {AST_INOUT, "inout"},     {AST_RESIDENT, "resident"}, {AST_SHARED_SPACE, "shared"},
    {AST_REG_SPACE, "reg"},   {AST_UNROLL, "unroll"},     {AST_TUPLE, "tuple"},
    {AST_GRID, "grid"},       {AST_U64, "u64"},           {AST_PAREN, "paren"},
    {AST_CLUSTER, "cluster"},
};

static void put_quoted(Sb *out, const Name *name)
{
    base_sb_char(out, '"');
    for (uint32_t i = 0; i < name->len; i++) {
        unsigned char c = (unsigned char)name->text[i];
        if (c == '\n')
            base_sb_str(out, "\\n");
        else if (c == '"' || c == '\\')
            base_sb_printf(out, "\\%c", c);
        else if (c < 0x20 || c == 0x7f)
            base_sb_printf(out, "\\u{%x}", (unsigned)c);
        else
            base_sb_char(out, (char)c);
    }
    base_sb_char(out, '"');
}

static bool is_word(const Name *name)
{
    for (uint32_t i = 0; i < name->len; i++) {
        char c = name->text[i];
        bool part = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '_' || c == '.' || c == '-' || c == '+';
        if (!part) return false;
    }
    return name->len > 0;
}

static void put_head(const Ast *node, Sb *out)
{
    base_sb_str(out, infos[node->kind].text);
    if (node->kind == AST_Int)
        base_sb_printf(out, node->flags & AST_U64 ? " %llu" : " %lld", (long long)node->value.i);
    if (node->op != OP_NONE) base_sb_printf(out, " %s", vocab_op(node->op)->text);
    if (node->name) {
        base_sb_char(out, ' ');
        if (is_word(node->name) && node->kind != AST_Str)
            base_sb_mem(out, node->name->text, node->name->len);
        else
            put_quoted(out, node->name);
    }
    for (size_t i = 0; i < BASE_LEN(flag_names); i++)
        if ((node->flags & flag_names[i].flag) && flag_names[i].flag != AST_PAREN)
            base_sb_printf(out, " :%s", flag_names[i].text);
    if (node->doc) {
        base_sb_str(out, " :doc ");
        put_quoted(out, node->doc);
    }
}

static void put_node(const Ast *node, Sb *out, int depth);

/* Items, statements and their lists take a line each; the rest stays on its parent's line. */
static bool own_line(const Ast *node)
{
    AstClass cls = infos[node->kind].cls;
    return cls == AST_CLASS_ITEM || cls == AST_CLASS_STMT;
}

static void put_kid(const Ast *node, const char *label, Sb *out, int depth)
{
    if (own_line(node)) {
        base_sb_char(out, '\n');
        base_sb_indent(out, depth + 1);
        depth++;
    } else {
        base_sb_char(out, ' ');
    }
    if (label) base_sb_printf(out, "%s=", label);
    put_node(node, out, depth);
}

static void put_node(const Ast *node, Sb *out, int depth)
{
    const AstInfo *info = &infos[node->kind];
    base_sb_char(out, '(');
    put_head(node, out);
    for (uint32_t i = 0; i < node->count; i++) {
        const Ast *kid = node->kid[i];
        const AstField *field = node->kind == AST_List ? NULL : &info->fields[i];
        if (!kid) continue;
        if (field && field->kind == AST_FIELD_LIST && kid->count == 0) continue;
        bool label = field && field->kind == AST_FIELD_OPT;
        put_kid(kid, label ? field->name : NULL, out, depth);
    }
    base_sb_char(out, ')');
}

void syntax_print_ast(const Ast *node, Sb *out)
{
    put_node(node, out, 0);
    base_sb_char(out, '\n');
}
