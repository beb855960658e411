/* Pipelines whose copies the copy engines make (from sm_90 on).
 *
 * Where each copy of a pipeline is a box, one thread of the group asks for the boxes of a round,
 * and an mbarrier of the round's stage counts their bytes. All threads wait for its phase, so that
 * the barrier of a round only says that the last round has been read. The phases of a stage go on
 * where the pipeline is run again: their parities are bits of a variable of the whole kernel.
 *
 * Engines demand bases and rows of multiples of 16 bytes, which one variant of a kernel is known to
 * have. They report no index out of bounds, and nobody waits for what a round that is left early
 * has asked for. */
#include "lower/pipeline.h"

enum { STAGES_OF_ENGINES = 32 };

static bool may_take(const Pipeline *p)
{
    const LowerOptions *o = p->l->options;
    const Group *group = &p->l->group;
    bool one_group = group->base >= 0 && !group->single;
    return !o->cpu && !o->check && o->arch >= 90 && o->alignment >= 16 && one_group &&
           p->stages <= STAGES_OF_ENGINES && !pipeline_leaves(p->body, false);
}

/* Lowers a round of copies that goes nowhere, without a word. */
static bool all_are_boxes(Pipeline *p)
{
    Lower *l = p->l;
    bool failed = l->failed, quiet = l->quiet;
    IrVar *var = ir_new_var(l->k, lower_name(l, "round"), (IrType){ELEM_INDEX, 1}, false);
    l->failed = false;
    l->quiet = true;
    pipeline_copy_ahead(p, ir_var(l->k, var), ir_new_block(l->k));
    bool all = !l->failed && p->boxes.len == p->moves.len;
    l->failed = failed;
    l->quiet = quiet;
    return all;
}

/* Will this product's sums be made by warpgroups that read both factors where they lie? The pass
 * `select` asks the same of the instructions, and decides. */
static bool by_warpgroups(Pipeline *p, const Ast *call)
{
    Lower *l = p->l;
    const Ast *args = KID(call, Call, args), *acc = args->kid[0];
    const IrTensor *a = pipeline_shown(l, args->kid[1], p->body);
    const IrTensor *b = pipeline_shown(l, args->kid[2], p->body);
    const Value *sums = acc->kind == AST_Name && acc->symbol ? lower_slot(l, acc->symbol) : NULL;
    if (!a || !b || !sums || sums->kind != VALUE_VIEW) return false;
    if (pipeline_mention(l, p->body, acc->symbol, call)) return false;
    const IrTensor *t = sums->view->tensor;
    if (!t->over || t->over->rank != 2 || a->space != IR_SHARED || b->space != IR_SHARED)
        return false;
    lower_find_instructions(l, sums->view, &(View){.tensor = a}, &(View){.tensor = b});
    for (size_t i = 0; i < l->k->instructions.len; i++) {
        const IrInstruction *in = &l->k->instructions.data[i];
        bool types = in->acc_elem == t->elem && in->a_elem == a->elem && in->b_elem == b->elem;
        if (types && !in->a && !in->b && t->over->workers % in->acc->workers == 0 &&
            mapping_units_agree(t->over, in->acc, in->acc->workers))
            return true;
    }
    return false;
}

/* Does a round make one product, by warpgroups, and nothing else of its sums? */
static bool has_flight(Pipeline *p)
{
    const Ast *product = NULL;
    for (uint32_t i = 0; i < p->body->count; i++) {
        const Ast *stmt = p->body->kid[i];
        const Ast *e = stmt->kind == AST_ExprStmt ? KID(stmt, ExprStmt, expr) : NULL;
        bool mma = e && e->kind == AST_Call && e->call && e->call->kind == CALL_BUILTIN &&
                   e->call->builtin == BUILTIN_MMA;
        if (mma && product) return false;
        if (mma) product = e;
    }
    return product && p->stages >= 3 && by_warpgroups(p, product);
}

void pipeline_take_engines(Pipeline *p)
{
    Lower *l = p->l;
    if (!may_take(p)) return;
    p->engines = true;
    p->engines = all_are_boxes(p);
    if (!p->engines) return;
    if (has_flight(p)) p->ahead = p->stages - 2;
    lower_at(l, p->moves.data[0].node);
    p->full = lower_new_mbarriers(l, "full", p->stages);
    p->phases = ir_new_var(l->k, lower_name(l, "phases"), (IrType){ELEM_U32, 1}, true);
    IrBlock *first = ir_new_block(l->k), *body = l->k->body;
    ir_let(l->k, first, p->phases, ir_int(l->k, ELEM_U32, 0));
    ir_splice(l->k, first, body);
    body->stmts = first->stmts;
    lower_at(l, p->node);
}

void pipeline_add_box(Pipeline *p, const Move *m, const View *dst, const View *src)
{
    Lower *l = p->l;
    Box box = {.call = m->node, .builtin = BUILTIN_TMA_LOAD, .window = src, .tile = dst};
    bool same = src->tensor->elem == dst->tensor->elem && src->rank == dst->rank;
    if (same && !src->tensor->strides && lower_box(l, &box)) VEC_PUSH(l->arena, p->boxes, box);
}

static int64_t bytes_of(const Box *box)
{
    int64_t bytes = vocab_elem_bytes(box->tile->tensor->elem);
    for (int d = 0; d < box->tile->rank; d++) bytes *= box->tile->extents[d]->value.i;
    return bytes;
}

void pipeline_load(Pipeline *p, const IrExpr *stage)
{
    Lower *l = p->l;
    IrKernel *k = l->k;
    IrBlock *outer = l->block;
    int64_t bytes = 0;
    const IrExpr *first = ir_binary(k, IR_EQ, l->group.thread, ir_index(k, 0));
    l->block = ir_if(k, l->block, first, false)->body;
    for (size_t i = 0; i < p->boxes.len; i++) bytes += bytes_of(&p->boxes.data[i]);
    const IrExpr *operands[] = {stage, ir_index(k, bytes)};
    lower_mbarrier_do(l, BUILTIN_MBARRIER_EXPECT, p->full, 2, operands)->flags |= IR_TRANSFER;
    const IrExpr *full = ir_load(k, p->full, 1, &stage, NULL, NULL);
    for (size_t i = 0; i < p->boxes.len; i++) lower_bulk(l, &p->boxes.data[i], full, NULL);
    l->block = outer;
}

void pipeline_await(Pipeline *p, const IrExpr *stage)
{
    IrKernel *k = p->l->k;
    IrType word = {ELEM_U32, 1};
    const IrExpr *one = ir_int(k, ELEM_U32, 1), *number = ir_cast(k, word, stage);
    const IrExpr *phases = ir_var(k, p->phases), *bit = ir_binary(k, IR_SHL, one, number);
    const IrExpr *parity = ir_binary(k, IR_BITAND, ir_binary(k, IR_SHR, phases, number), one);
    parity = ir_cast(k, (IrType){ELEM_INDEX, 1}, parity);
    lower_mbarrier_do(p->l, BUILTIN_MBARRIER_WAIT, p->full, 2, (const IrExpr *[]){stage, parity});
    ir_set(k, p->l->block, p->phases, ir_binary(k, IR_BITXOR, phases, bit));
}
