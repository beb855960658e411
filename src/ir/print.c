/* The text form of kernels; text.h describes it. */
#include "ir/text.h"

#include <inttypes.h>

const IrFlagInfo ir_flags[] = {
#define OF(kind) (UINT32_C(1) << IR_STMT_##kind)
#define FLAG(id, bit, text, kinds) {text, IR_##id, kinds},
#include "ir/flags.def"
#undef FLAG
#undef OF
    {0},
};
const char *const ir_scope_words[5] = {"warp", "group", "block", "cluster", "grid"};
const char *const ir_order_words[4] = {"relaxed", "acquire", "release", "acq_rel"};
const char *const ir_space_words[5] = {"param", "shared", "tile", "private", "table"};

int ir_index_count(const IrTensor *t, uint32_t flags)
{
    return flags & IR_LINEAR ? 1 : t->rank;
}

int ir_atomic_values(Builtin builtin)
{
    return builtin == BUILTIN_ATOMIC_LOAD ? 0 : builtin == BUILTIN_ATOMIC_CAS ? 2 : 1;
}

void ir_default_facts(const IrStmt *s, const IrVar *var, IrVar *facts)
{
    *facts = *var;
    facts->lo = INT64_MIN;
    facts->hi = INT64_MAX;
    facts->multiple = 1;
    if (s->kind == IR_STMT_LET) ir_let_facts(facts, s->args[0]);
    if (s->kind == IR_STMT_FOR) ir_for_facts(facts, s->args[0], s->args[1], s->args[2]);
    if (s->kind != IR_STMT_TASKS) return;
    facts->lo = 0;
    for (int i = 0; i < s->tasks->mapping->rank; i++) {
        int64_t extent = s->tasks->mapping->shape[i];
        if (s->tasks->vars[i] == var && extent > 0) facts->hi = extent - 1;
    }
}

static void print_bound(Sb *out, int64_t v)
{
    if (v == INT64_MIN || v == INT64_MAX) {
        base_sb_str(out, v < 0 ? "-inf" : "inf");
    } else {
        base_sb_printf(out, "%" PRId64, v);
    }
}

/* Name, type (index goes without saying in loops), and facts beyond the default ones. */
static void print_def(IrPrinter *p, const IrStmt *s, const IrVar *var)
{
    Sb *out = p->out;
    bool loop = s->kind == IR_STMT_FOR || s->kind == IR_STMT_TASKS || s->kind == IR_STMT_REGION;
    ir_print_name(out, var->name);
    base_sb_printf(out, ".%" PRIu32, var->id);
    if (!loop || var->type.elem != ELEM_INDEX || var->type.lanes != 1) {
        base_sb_str(out, ": ");
        ir_print_type(out, var->type);
    }
    IrVar facts;
    ir_default_facts(s, var, &facts);
    if (facts.lo == var->lo && facts.hi == var->hi && facts.multiple == var->multiple) return;
    base_sb_str(out, " as [");
    print_bound(out, var->lo);
    base_sb_str(out, ", ");
    print_bound(out, var->hi);
    base_sb_char(out, ']');
    if (var->multiple != 1) base_sb_printf(out, " by %" PRId64, var->multiple);
}

static void print_string(Sb *out, const char *text)
{
    base_sb_char(out, '"');
    for (; text && *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c == '"' || c == '\\') {
            base_sb_printf(out, "\\%c", c);
        } else if (c == '\n') {
            base_sb_str(out, "\\n");
        } else if (c < ' ' || c == 127) {
            base_sb_printf(out, "\\x%02x", c);
        } else {
            base_sb_char(out, (char)c);
        }
    }
    base_sb_char(out, '"');
}

static void print_operands(IrPrinter *p, int count, const IrExpr *const *args)
{
    for (int i = 0; i < count; i++) {
        if (i) base_sb_str(p->out, ", ");
        ir_print_operand(p, args[i]);
    }
}

static const char *runtime_name(void *user, int id)
{
    return base_format(user, "?%d", id);
}

static void print_mapping(IrPrinter *p, const Mapping *m)
{
    base_sb_str(p->out, mapping_text(p->out->arena, m, runtime_name, p->out->arena));
}

/* ---- statements ------------------------------------------------------------------------------ */

static void print_let(IrPrinter *p, const IrStmt *s)
{
    base_sb_str(p->out, s->var->mutable ? "var " : "let ");
    print_def(p, s, s->var);
    base_sb_str(p->out, " = ");
    ir_print_operand(p, s->args[0]);
}

static void print_use(IrPrinter *p, const IrStmt *s)
{
    base_sb_printf(p->out, "%s ", ir_stmt_text(s->kind));
    ir_print_name(p->out, s->var->name);
    base_sb_printf(p->out, ".%" PRIu32, s->var->id);
    if (s->kind == IR_STMT_SET) base_sb_str(p->out, " = ");
    print_operands(p, s->count, s->args);
}

static void print_store(IrPrinter *p, const IrStmt *s)
{
    int count = ir_index_count(s->tensor, s->flags);
    const IrExpr *guard = s->flags & IR_GUARDED ? s->args[count + 1] : NULL;
    base_sb_str(p->out, "store ");
    ir_print_access(p, s->tensor, s->flags, 1, count, s->args, guard, NULL);
    base_sb_str(p->out, " = ");
    ir_print_operand(p, s->args[count]);
}

static void print_for(IrPrinter *p, const IrStmt *s)
{
    base_sb_str(p->out, "for ");
    print_def(p, s, s->var);
    base_sb_str(p->out, " in ");
    ir_print_operand(p, s->args[0]);
    base_sb_str(p->out, " .. ");
    ir_print_operand(p, s->args[1]);
    if (ir_is_int(s->args[2], 1)) return;
    base_sb_str(p->out, " step ");
    ir_print_operand(p, s->args[2]);
}

static void print_tasks(IrPrinter *p, const IrStmt *s)
{
    base_sb_str(p->out, "tasks (");
    for (int i = 0; i < s->tasks->mapping->rank; i++) {
        if (i) base_sb_str(p->out, ", ");
        print_def(p, s, s->tasks->vars[i]);
    }
    base_sb_str(p->out, ") in ");
    print_mapping(p, s->tasks->mapping);
    base_sb_str(p->out, " on ");
    ir_print_operand(p, s->args[0]);
    if (s->tasks->level != 1) base_sb_printf(p->out, " level %d", s->tasks->level);
    if (s->count > 1) {
        base_sb_str(p->out, " with (");
        print_operands(p, s->count - 1, s->args + 1);
        base_sb_char(p->out, ')');
    }
    if (!s->text) return;
    base_sb_str(p->out, " by ");
    print_string(p->out, s->text);
}

static void print_group(IrPrinter *p, const IrStmt *s)
{
    base_sb_printf(p->out, " %s", ir_scope_words[s->scope]);
    if (s->imm) base_sb_printf(p->out, " %" PRId64, s->imm);
    if (s->imm2) base_sb_printf(p->out, ", %" PRId64, s->imm2);
}

static void print_barrier(IrPrinter *p, const IrStmt *s)
{
    base_sb_str(p->out, "barrier");
    print_group(p, s);
}

static void print_collective(IrPrinter *p, const IrStmt *s)
{
    base_sb_str(p->out, "collective ");
    print_def(p, s, s->var);
    base_sb_printf(p->out, " = %s(", vocab_builtin(s->builtin)->text);
    print_operands(p, s->count, s->args);
    base_sb_char(p->out, ')');
    if (s->builtin == BUILTIN_UNIFORM) print_group(p, s);
}

static void print_atomic(IrPrinter *p, const IrStmt *s)
{
    int count = ir_index_count(s->tensor, s->flags);
    base_sb_str(p->out, "atomic ");
    if (s->var) {
        print_def(p, s, s->var);
        base_sb_str(p->out, " = ");
    }
    const char *text = vocab_builtin(s->builtin)->text, *dot = strchr(text, '.');
    base_sb_printf(p->out, "%s ", dot ? dot + 1 : text);
    int guard = s->flags & IR_GUARDED ? s->count - 1 : s->count;
    ir_print_access(p, s->tensor, s->flags, 1, count, s->args,
                    guard < s->count ? s->args[guard] : NULL, NULL);
    base_sb_str(p->out, " (");
    print_operands(p, guard - count, s->args + count);
    base_sb_printf(p->out, ") %s %s", ir_order_words[s->order], ir_scope_words[s->scope]);
}

static void print_mbarrier(IrPrinter *p, const IrStmt *s)
{
    int count = ir_index_count(s->tensor, s->flags);
    base_sb_printf(p->out, "mbarrier %s ", strchr(vocab_builtin(s->builtin)->text, '.') + 1);
    ir_print_access(p, s->tensor, s->flags, 1, count, s->args, NULL, NULL);
    base_sb_str(p->out, " (");
    print_operands(p, s->count - count, s->args + count);
    base_sb_char(p->out, ')');
}

static void print_bulk(IrPrinter *p, const IrStmt *s)
{
    base_sb_printf(p->out, "bulk %s ", strchr(vocab_builtin(s->builtin)->text, '.') + 1);
    ir_print_access(p, s->tensor, s->flags, 1, s->tensor->rank, s->args, NULL, NULL);
    base_sb_str(p->out, " (");
    print_operands(p, s->count - s->tensor->rank, s->args + s->tensor->rank);
    base_sb_printf(p->out, ") %" PRId64, s->imm);
}

static void print_role(IrPrinter *p, const IrStmt *s)
{
    base_sb_printf(p->out, "role %" PRId64 ", %" PRId64, s->imm, s->imm2);
    if (!s->count) return;
    base_sb_str(p->out, " registers ");
    print_operands(p, 1, s->args);
}

static void print_machine(IrPrinter *p, const IrStmt *s)
{
    base_sb_printf(p->out, "machine %s ", vocab_builtin(s->builtin)->text);
    ir_print_access(p, s->tensor, s->flags, 1, 1, s->args, NULL, NULL);
    base_sb_str(p->out, " (");
    print_operands(p, s->count - 1, s->args + 1);
    base_sb_str(p->out, ") ");
    print_string(p->out, s->text);
    if (s->imm || s->imm2) base_sb_printf(p->out, " %" PRId64 ", %" PRId64, s->imm, s->imm2);
}

static void print_message(IrPrinter *p, const IrStmt *s)
{
    base_sb_printf(p->out, "%s ", ir_stmt_text(s->kind));
    print_operands(p, s->count, s->args);
    if (s->count) base_sb_char(p->out, ' ');
    print_string(p->out, s->text);
}

static void print_plain(IrPrinter *p, const IrStmt *s)
{
    base_sb_str(p->out, ir_stmt_text(s->kind));
    if (s->kind == IR_STMT_WAIT || s->kind == IR_STMT_BULK_WAIT)
        base_sb_printf(p->out, " %" PRId64, s->imm);
    if (s->kind == IR_STMT_ORDER)
        base_sb_printf(p->out, " %s %" PRId64, vocab_builtin(s->builtin)->text, s->imm);
    if (s->kind == IR_STMT_REGION) {
        base_sb_char(p->out, ' ');
        print_def(p, s, s->var);
    }
    for (size_t i = 0; s->kind == IR_STMT_SCOPE && i < p->scopes.len; i++)
        if (p->scopes.data[i] == s) base_sb_printf(p->out, " %zu", i + 1);
    if (s->count) base_sb_char(p->out, ' ');
    print_operands(p, s->count, s->args);
}

typedef void (*StmtPrinter)(IrPrinter *p, const IrStmt *s);

static const StmtPrinter stmt_printers[IR_STMT_COUNT] = {
    [IR_STMT_LET] = print_let,         [IR_STMT_SET] = print_use,
    [IR_STMT_STORE] = print_store,     [IR_STMT_FOR] = print_for,
    [IR_STMT_TASKS] = print_tasks,     [IR_STMT_LEAVE] = print_use,
    [IR_STMT_BARRIER] = print_barrier, [IR_STMT_COLLECTIVE] = print_collective,
    [IR_STMT_ATOMIC] = print_atomic,   [IR_STMT_TRAP] = print_message,
    [IR_STMT_PRINT] = print_message,   [IR_STMT_MACHINE] = print_machine,
    [IR_STMT_ROLE] = print_role,       [IR_STMT_MBARRIER] = print_mbarrier,
    [IR_STMT_BULK] = print_bulk,
};

static void print_block(IrPrinter *p, const IrBlock *block);

static void print_stmt(IrPrinter *p, const IrStmt *s)
{
    ir_print_shared(p, s->count, s->args);
    base_sb_indent(p->out, p->depth);
    StmtPrinter printer = stmt_printers[s->kind];
    (printer ? printer : print_plain)(p, s);
    for (const IrFlagInfo *f = ir_flags; f->flag; f++)
        if (s->flags & f->flag && *f->text) base_sb_printf(p->out, " %s", f->text);
    ir_print_line_end(p);
    if (s->body) {
        base_sb_str(p->out, " {\n");
        print_block(p, s->body);
        base_sb_indent(p->out, p->depth);
        base_sb_char(p->out, '}');
    }
    if (s->other) {
        base_sb_str(p->out, " else {\n");
        print_block(p, s->other);
        base_sb_indent(p->out, p->depth);
        base_sb_char(p->out, '}');
    }
    base_sb_char(p->out, '\n');
}

static void print_block(IrPrinter *p, const IrBlock *block)
{
    p->depth++;
    for (size_t i = 0; i < block->stmts.len; i++) print_stmt(p, block->stmts.data[i]);
    p->depth--;
}

/* ---- header ---------------------------------------------------------------------------------- */

static void print_layout(IrPrinter *p, const IrLayout *layout)
{
    Sb *out = p->out;
    base_sb_str(out, " layout ");
    for (int i = 0; i < layout->count; i++) {
        const IrLayoutDigit *d = &layout->digits[i];
        base_sb_printf(out, "%sd%d", i ? " + " : "", d->dim);
        if (d->divide != 1) base_sb_printf(out, " / %" PRId64, d->divide);
        if (d->extent) base_sb_printf(out, " %% %" PRId64, d->extent);
        if (d->place != 1) base_sb_printf(out, " * %" PRId64, d->place);
    }
    base_sb_printf(out, "%ssize %" PRId64, layout->count ? " " : "", layout->size);
    if (layout->swizzle_bits)
        base_sb_printf(out, " swizzle (%d, %d, %d)", layout->swizzle_bits, layout->swizzle_from,
                       layout->swizzle_to);
}

static void print_table(IrPrinter *p, const IrTensor *t)
{
    int64_t size = ir_tensor_size(t);
    base_sb_str(p->out, " = ");
    for (int64_t i = 0; i < size; i++)
        base_sb_printf(p->out, "%s%s", i ? ", " : "", scalar_text(p->out->arena, t->table[i]));
}

static void print_other(IrPrinter *p, const char *word, const IrTensor *t)
{
    if (!t) return;
    base_sb_str(p->out, word);
    ir_print_name(p->out, t->name);
    base_sb_printf(p->out, ".%" PRIu32, t->id);
}

static void print_tensor(IrPrinter *p, const IrTensor *t)
{
    Sb *out = p->out;
    ir_print_shared(p, t->rank, t->extents);
    if (t->strides) ir_print_shared(p, t->rank, t->strides);
    if (t->storage) ir_print_shared(p, 1, &t->storage);
    base_sb_str(out, ir_space_words[t->space]);
    if (t->written) base_sb_str(out, t->read ? " inout" : " out");
    if (!t->written && t->read) base_sb_str(out, " in");
    base_sb_char(out, ' ');
    ir_print_name(out, t->name);
    base_sb_printf(out, ".%" PRIu32 ": %s[", t->id, vocab_elem(t->elem)->text);
    print_operands(p, t->rank, t->extents);
    base_sb_char(out, ']');
    if (t->strides) {
        base_sb_str(out, " strides (");
        print_operands(p, t->rank, t->strides);
        base_sb_char(out, ')');
    }
    if (t->storage) {
        base_sb_str(out, " storage ");
        print_operands(p, 1, &t->storage);
    }
    if (t->over) {
        base_sb_str(out, " over ");
        print_mapping(p, t->over);
    }
    if (t->first) base_sb_printf(out, " first %" PRId64, t->first);
    if (t->layout) print_layout(p, t->layout);
    for (size_t i = 0; t->scope && i < p->scopes.len; i++)
        if (p->scopes.data[i] == t->scope) base_sb_printf(out, " scope %zu", i + 1);
    if (t->bulk) base_sb_str(out, " bulk");
    if (t->arrivals) base_sb_printf(out, " arrivals %" PRId64, t->arrivals);
    if (t->barrier) base_sb_printf(out, " barrier %d", t->barrier);
    print_other(p, " of ", t->of);
    print_other(p, " staged ", t->staged);
    if (t->table) print_table(p, t);
    base_sb_char(out, '\n');
    ir_print_line_end(p);
}

static void print_signature(IrPrinter *p)
{
    const IrKernel *k = p->k;
    base_sb_str(p->out, "kernel ");
    ir_print_name(p->out, k->name);
    if (k->instance && *k->instance) {
        base_sb_char(p->out, ' ');
        print_string(p->out, k->instance);
    }
    base_sb_char(p->out, '\n');
    for (size_t i = 0; i < k->sizes.len; i++) {
        base_sb_str(p->out, "size ");
        ir_print_name(p->out, k->sizes.data[i]);
        base_sb_char(p->out, '\n');
    }
    for (size_t i = 0; i < k->params.len; i++) {
        const IrParam *param = &k->params.data[i];
        if (param->is_tensor) {
            print_tensor(p, param->tensor);
        } else {
            base_sb_str(p->out, "param ");
            ir_print_name(p->out, param->name);
            base_sb_printf(p->out, ": %s\n", vocab_elem(param->elem)->text);
        }
    }
}

static void print_fragment(IrPrinter *p, Elem elem, const Mapping *m)
{
    base_sb_printf(p->out, " %s over ", vocab_elem(elem)->text);
    if (m)
        print_mapping(p, m);
    else
        base_sb_str(p->out, "shared");
}

static void print_instruction(IrPrinter *p, const IrInstruction *i)
{
    base_sb_str(p->out, "instruction ");
    print_string(p->out, i->text);
    base_sb_printf(p->out, " depth %" PRId64, i->depth);
    print_fragment(p, i->acc_elem, i->acc);
    print_fragment(p, i->a_elem, i->a);
    print_fragment(p, i->b_elem, i->b);
    base_sb_char(p->out, '\n');
}

static void print_launch(IrPrinter *p)
{
    const IrKernel *k = p->k;
    for (size_t i = 0; i < k->requires.len; i++) {
        const IrRequire *r = &k->requires.data[i];
        ir_print_shared(p, 1, &r->cond);
        base_sb_str(p->out, "require ");
        ir_print_operand(p, r->cond);
        base_sb_char(p->out, ' ');
        print_string(p->out, r->text);
        base_sb_char(p->out, '\n');
        ir_print_line_end(p);
    }
    ir_print_shared(p, 3, (const IrExpr *const *)k->grid);
    base_sb_str(p->out, "grid ");
    print_operands(p, 3, (const IrExpr *const *)k->grid);
    ir_print_line_end(p);
    base_sb_printf(p->out, "\nblock %" PRId64 " (%" PRId64 ", %" PRId64 ", %" PRId64 ")\n",
                   k->block_size, k->block_dims[0], k->block_dims[1], k->block_dims[2]);
    if (k->cluster) base_sb_printf(p->out, "cluster %" PRId64 "\n", k->cluster);
    if (k->occupancy) base_sb_printf(p->out, "occupancy %" PRId64 "\n", k->occupancy);
    if (k->resident) base_sb_str(p->out, "resident\n");
    if (k->fast) base_sb_str(p->out, "fast\n");
    if (k->waits) base_sb_str(p->out, "waits\n");
    for (size_t i = 0; i < k->tensors.len; i++)
        if (k->tensors.data[i]->space != IR_PARAM) print_tensor(p, k->tensors.data[i]);
    for (size_t i = 0; i < k->instructions.len; i++) print_instruction(p, &k->instructions.data[i]);
}

static bool collect_scope(void *user, IrStmt *s)
{
    IrPrinter *p = user;
    if (s->kind == IR_STMT_SCOPE) VEC_PUSH(p->out->arena, p->scopes, s);
    return true;
}

void ir_print(const IrKernel *kernel, Sb *out)
{
    IrPrinter p = {.k = kernel, .out = out, .count = kernel->expr_count, .budget = INT64_MAX};
    p.refs = NEW_ARRAY(out->arena, uint32_t, p.count);
    p.sizes = NEW_ARRAY(out->arena, uint32_t, p.count);
    p.depths = NEW_ARRAY(out->arena, uint32_t, p.count);
    p.temps = NEW_ARRAY(out->arena, uint32_t, p.count);
    ir_walk(kernel->body, collect_scope, &p);
    print_signature(&p);
    print_launch(&p);
    base_sb_str(out, "{\n");
    print_block(&p, kernel->body);
    base_sb_str(out, "}\n");
}
