/* The typed program as text: the tree, a node a line, with types, symbols and calls. */
#include "sema/internal.h"

/* What the language itself names has no number; the others' do not depend on how much that is. */
static void print_number(Sb *out, const Program *program, const Symbol *symbol)
{
    if (symbol->id >= program->prelude_count)
        base_sb_printf(out, "#%u", symbol->id - program->prelude_count);
}

static void print_call(Sb *out, const Program *program, const CallInfo *call)
{
    static const char *const kinds[] = {
        [CALL_FN] = "fn",           [CALL_FN_VALUE] = "fn_value", [CALL_KERNEL] = "kernel",
        [CALL_BUILTIN] = "builtin", [CALL_CAST] = "cast",         [CALL_MAPPING] = "mapping",
        [CALL_METHOD] = "method"};
    base_sb_printf(out, " calls %s", kinds[call->kind]);
    if (call->callee) {
        base_sb_printf(out, " %s", call->callee->name->text);
        print_number(out, program, call->callee);
    }
    for (int i = 0; i < call->binding_count; i++) {
        const Binding *binding = &call->bindings[i];
        base_sb_printf(out, "%s%s = ", i ? ", " : " [", binding->generic->name->text);
        if (binding->type)
            base_sb_str(out, sema_type_text(out->arena, binding->type));
        else
            base_sb_str(out, binding->value ? "given" : "inferred");
    }
    if (call->binding_count) base_sb_char(out, ']');
}

static void print_value(Sb *out, const Program *program, const Ast *node)
{
    if (node->name) base_sb_printf(out, " %s", node->name->text);
    if (node->op) base_sb_printf(out, " %s", vocab_op(node->op)->text);
    if (node->kind == AST_Int)
        base_sb_printf(out, " %llu", (unsigned long long)node->value.i);
    else if (node->kind == AST_Float && !node->name)
        base_sb_printf(out, " %.17g", node->value.f);
    else if (node->kind == AST_Bool)
        base_sb_str(out, node->value.i ? " true" : " false");
    if (node->symbol) print_number(out, program, node->symbol);
}

static bool empty_list(const Ast *node)
{
    return node->kind == AST_List && node->count == 0;
}

static void print_node(Sb *out, const Program *program, const Ast *node, int depth,
                       const char *field)
{
    base_sb_indent(out, depth);
    if (field) base_sb_printf(out, "%s: ", field);
    base_sb_str(out, ast_info(node->kind)->text);
    print_value(out, program, node);
    const Type *type = node->type;
    if (!type && node->symbol) type = node->symbol->type;
    if (type) base_sb_printf(out, " : %s", sema_type_text(out->arena, type));
    if (node->call) print_call(out, program, node->call);
    base_sb_char(out, '\n');
    const AstInfo *info = ast_info(node->kind);
    for (uint32_t i = 0; i < node->count; i++) {
        const Ast *kid = node->kid[i];
        const char *name = (int)i < info->field_count ? info->fields[i].name : NULL;
        if (kid && !empty_list(kid)) print_node(out, program, kid, depth + 1, name);
    }
}

void sema_print(const Program *program, Sb *out)
{
    const Module *module = program->main;
    base_sb_printf(out, "module %s\n", module->path->text);
    const Ast *items = KID(module->file, File, items);
    for (uint32_t i = 0; i < items->count; i++) print_node(out, program, items->kid[i], 1, NULL);
}
