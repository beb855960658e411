/* The façade of lowering: parameters, launch, and the helpers every file uses. */
#include "lower/internal.h"

/* ---- helpers -------------------------------------------------------------------------------- */

Diag *lower_report(Lower *l, DiagCode code, Span span, int count, const char *const *args)
{
    l->failed = true;
    if (l->quiet) return &l->diags->ignored;
    Diag *diag = diag_report_args(l->diags, code, span, count, args);
    for (uint32_t o = l->call_origin; o; o = l->k->origins.data[o].parent) {
        const Origin *call = &l->k->origins.data[o];
        bool is_call = call->span.begin <= span.begin && span.end <= call->span.end;
        if (call->kind == ORIGIN_INLINED && !is_call)
            diag_label(l->diags, diag, call->span, "instantiated from here");
    }
    return diag;
}

void lower_at(Lower *l, const Ast *node)
{
    OriginKind kind = l->call_origin ? ORIGIN_INSTANTIATED : ORIGIN_SOURCE;
    ir_set_origin(l->k, ir_origin(l->k, kind, node->span, l->call_origin, "lower"));
}

char *lower_text(Lower *l, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    char *text = base_vformat(l->arena, fmt, args);
    va_end(args);
    return text;
}

const char *lower_number(Lower *l, int64_t value)
{
    return lower_text(l, "%lld", (long long)value);
}

const char *lower_expr_text(Lower *l, const IrExpr *e)
{
    Sb sb = base_sb(l->arena);
    ir_print_expr(l->k, e, &sb);
    char *text = base_sb_text(&sb), *end = text;
    for (const char *p = text; *p; p++)
        if (*p != '$') *end++ = *p; /* the IR's mark of a size */
    *end = '\0';
    return text;
}

const Name *lower_name(Lower *l, const char *text)
{
    return base_intern_cstr(l->program->interner, text);
}

enum { ENV_PAGE = 32 };

static const Type *bound_type(void *user, const Symbol *symbol)
{
    const Lower *l = user;
    const Value *value = lower_slot(l, symbol);
    return value->kind == VALUE_TYPE ? value->type : NULL;
}

const Type *lower_resolve(Lower *l, const Type *type)
{
    return sema_substitute(l->program, type, bound_type, l);
}

IrType lower_ir_type(Lower *l, const Type *type)
{
    type = lower_resolve(l, type);
    if (type->kind == TYPE_SCALAR) return (IrType){type->elem, 1};
    if (type->kind == TYPE_VECTOR) return (IrType){type->of->elem, type->lanes};
    if (type->kind == TYPE_MBARRIER || type->kind == TYPE_BARRIER) return (IrType){ELEM_U64, 1};
    return (IrType){ELEM_INDEX, 1};
}

/* The environment is sparse: a kernel sees few of a program's symbols. */
Value *lower_slot(const Lower *l, const Symbol *symbol)
{
    Lower *self = (Lower *)(uintptr_t)l; /* a page made on the first look is no visible change */
    uint64_t number = symbol->id / ENV_PAGE + 1;
    if (number != l->last_page) {
        Value *page = base_map_get(&l->env, number);
        if (!page) {
            page = NEW_ARRAY(l->arena, Value, ENV_PAGE);
            base_map_put(&self->env, number, page);
        }
        self->last_page = number;
        self->page = page;
    }
    return &l->page[symbol->id % ENV_PAGE];
}

/* ---- the kernel's head ---------------------------------------------------------------------- */

static void bind_generics(Lower *l, const Ast *decl)
{
    const Ast *generics = KID(decl, Kernel, generics);
    for (uint32_t i = 0; i < generics->count; i++) {
        const Ast *node = generics->kid[i];
        if (node->kind != AST_Generic || !node->symbol) continue;
        const LowerDefine *define = lower_find_define(l->options, node->name);
        SymbolKind kind = node->symbol->kind;
        bool by_call = kind == SYMBOL_GENERIC_FN || kind == SYMBOL_GENERIC_MAPPING;
        if (!define || (by_call && !define->value)) {
            const char *how = by_call ? "in brackets, where a test calls the kernel"
                                      : lower_text(l, "-D %s=…", node->name->text);
            lower_error(l, GENERIC_UNBOUND, node->name_span, node->name->text, how);
            lower_bind(l, node->symbol, value_poison());
        } else if (define->value) {
            lower_bind(l, node->symbol, lower_value(l, define->value));
        } else if (kind == SYMBOL_GENERIC_TYPE) {
            Elem elem = define->elem == ELEM_NONE ? ELEM_F32 : define->elem;
            lower_bind(l, node->symbol,
                       (Value){.kind = VALUE_TYPE, .type = sema_scalar(l->program, elem)});
        } else {
            lower_bind(l, node->symbol, value_expr(ir_index(l->k, define->number)));
        }
    }
}

/* A size variable gets its number at its first appearance, or a constant from -D. */
static void bind_size(Lower *l, const Ast *extent)
{
    if (extent->kind != AST_Name || !extent->symbol || extent->symbol->kind != SYMBOL_SIZE) return;
    if (lower_slot(l, extent->symbol)->kind != VALUE_NONE) return;
    const LowerDefine *define = lower_find_define(l->options, extent->name);
    const IrExpr *size =
        define ? ir_index(l->k, define->number) : ir_size(l->k, ir_new_size(l->k, extent->name));
    lower_bind(l, extent->symbol, value_expr(size));
}

static bool is_strided(const Ast *layout)
{
    if (!layout) return false;
    const Ast *parts = KID(layout, Layout, parts);
    return parts->count == 1 && parts->kid[0]->kind == AST_LayoutWord &&
           strcmp(parts->kid[0]->name->text, "strided") == 0;
}

static void add_strides(Lower *l, IrTensor *tensor)
{
    const IrExpr **strides = NEW_ARRAY(l->arena, const IrExpr *, (size_t)tensor->rank);
    for (int d = 0; d < tensor->rank; d++) {
        char *name = lower_text(l, "%s_stride%d", tensor->name->text, d);
        strides[d] = ir_size(l->k, ir_new_size(l->k, lower_name(l, name)));
    }
    tensor->strides = strides;
}

/* `e`, or a constant after a report: the host computes it from what it knows before the launch. */
static const IrExpr *for_host(Lower *l, const IrExpr *e, Span span)
{
    if (ir_for_host(e)) return e;
    if (!l->failed)
        lower_error(l, LAUNCH, span,
                    "the host computes this from sizes and integer parameters alone, without "
                    "tensors or floats");
    return ir_index(l->k, 1);
}

static void add_tensor_param(Lower *l, const Ast *param, const Ast *type, IrParam *out)
{
    const Ast *extents = KID(type, TypeTensor, extents);
    const IrExpr *shape[MAX_RANK];
    for (uint32_t d = 0; d < extents->count; d++)
        shape[d] = for_host(l, lower_index(l, extents->kid[d]), extents->kid[d]->span);
    const Type *resolved = lower_resolve(l, param->symbol->type);
    out->is_tensor = true;
    out->elem = lower_ir_type(l, resolved->of).elem;
    IrTensor *tensor =
        ir_new_tensor(l->k, param->name, IR_PARAM, out->elem, (int)extents->count, shape);
    tensor->param = (int)l->k->params.len;
    tensor->written = (param->flags & (AST_OUT | AST_INOUT)) != 0;
    tensor->read = (param->flags & AST_OUT) == 0;
    const Ast *layout = KID(type, TypeTensor, layout);
    if (is_strided(layout))
        add_strides(l, tensor);
    else if (layout)
        lower_error(l, LAYOUT, layout->span,
                    "a kernel parameter is row-major, or `layout strided`");
    out->tensor = tensor;
    lower_bind(l, param->symbol, value_view(lower_whole(l, tensor)));
}

/* What extents may speak of: the sizes, and the scalars, before or after the tensor. */
static void bind_params(Lower *l, const Ast *params)
{
    for (uint32_t i = 0; i < params->count; i++) {
        const Ast *param = params->kid[i];
        if (param->kind != AST_Param) continue;
        const Ast *type = KID(param, Param, type);
        if (type->kind != AST_TypeTensor) {
            Elem elem = lower_ir_type(l, param->symbol->type).elem;
            lower_bind(l, param->symbol, value_expr(ir_arg(l->k, (int)i, elem)));
            continue;
        }
        const Ast *extents = KID(type, TypeTensor, extents);
        for (uint32_t d = 0; d < extents->count; d++) bind_size(l, extents->kid[d]);
    }
}

static void add_params(Lower *l, const Ast *decl)
{
    const Ast *params = KID(decl, Kernel, params);
    bind_params(l, params);
    for (uint32_t i = 0; i < params->count; i++) {
        const Ast *param = params->kid[i];
        if (param->kind != AST_Param) continue;
        const Ast *type = KID(param, Param, type);
        lower_at(l, param);
        IrParam out = {.name = param->name, .span = param->span};
        if (type->kind == AST_TypeTensor) {
            add_tensor_param(l, param, type, &out);
        } else {
            out.elem = lower_ir_type(l, param->symbol->type).elem;
        }
        VEC_PUSH(l->arena, l->k->params, out);
    }
}

/* A `where` list: true, false, or (reported) an error. */
static bool wheres_hold(Lower *l, const Ast *wheres, const Ast **broken)
{
    for (uint32_t i = 0; i < wheres->count; i++) {
        const IrExpr *cond = lower_expr(l, wheres->kid[i]);
        if (!ir_is_const(cond)) {
            lower_error(l, NOT_CONSTANT, wheres->kid[i]->span);
        } else if (!cond->value.i) {
            *broken = wheres->kid[i];
            return false;
        }
    }
    return true;
}

/* `occupancy(n)`: what n blocks at a time leave each. */
static void lower_occupancy(Lower *l, const Ast *node)
{
    const LowerOptions *o = l->options;
    IrKernel *k = l->k;
    int64_t blocks;
    k->shared_limit = o->shared_limit;
    if (!node || !lower_int(l, node, &blocks)) return;
    if (blocks < 1 || blocks > MAX_OCCUPANCY) {
        lower_error(l, LAUNCH, node->span,
                    lower_text(l, "a multiprocessor runs 1 to %d blocks at a time, not %lld",
                               (int)MAX_OCCUPANCY, (long long)blocks));
    } else if (!o->cpu && blocks * k->block_size > o->threads_limit) {
        lower_error(l, LAUNCH, node->span,
                    lower_text(l,
                               "%lld blocks of %lld threads are %lld, but a multiprocessor "
                               "of sm_%d runs %lld",
                               (long long)blocks, (long long)k->block_size,
                               (long long)(blocks * k->block_size), o->arch,
                               (long long)o->threads_limit));
    } else {
        k->occupancy = blocks;
        if (!o->cpu)
            k->shared_limit = (o->shared_limit + o->shared_reserved) / blocks - o->shared_reserved;
    }
}

static void lower_launch(Lower *l, const Ast *launch)
{
    IrKernel *k = l->k;
    for (int d = 0; d < 3; d++) {
        k->grid[d] = ir_index(k, 1);
        k->block_dims[d] = 1;
    }
    k->block_size = 1;
    if (!launch) return;
    k->resident = (launch->flags & AST_RESIDENT) != 0;
    const Ast *grid = KID(launch, Launch, grid), *block = KID(launch, Launch, block);
    if (grid->count > 3) lower_error(l, LAUNCH, grid->span, "a grid has at most three dimensions");
    for (uint32_t d = 0; d < grid->count && d < 3; d++)
        k->grid[d] = for_host(l, lower_index(l, grid->kid[d]), grid->kid[d]->span);
    int64_t dims[3] = {1, 1, 1};
    uint32_t count = block->kind == AST_List ? block->count : 1;
    for (uint32_t d = 0; d < count && d < 3; d++) {
        const Ast *extent = block->kind == AST_List ? block->kid[d] : block;
        if (!lower_int(l, extent, &dims[d])) return;
        if (dims[d] < 1 || dims[d] > MAX_BLOCK) {
            lower_error(l, LAUNCH, extent->span,
                        lower_text(l, "a block has 1 to %d threads, not %lld", (int)MAX_BLOCK,
                                   (long long)dims[d]));
            return;
        }
    }
    int64_t size = dims[0] * dims[1] * dims[2];
    if (size > MAX_BLOCK) {
        lower_error(l, LAUNCH, block->span,
                    lower_text(l, "a block has at most %d threads, but %lld * %lld * %lld is %lld",
                               (int)MAX_BLOCK, (long long)dims[0], (long long)dims[1],
                               (long long)dims[2], (long long)size));
        return;
    }
    memcpy(k->block_dims, dims, sizeof dims);
    k->block_size = size;
    lower_launch_cluster(l, launch);
    lower_occupancy(l, KID(launch, Launch, occupancy));
}

static void lower_requires(Lower *l, const Ast *requires_)
{
    for (uint32_t i = 0; i < requires_->count; i++) {
        const Ast *node = requires_->kid[i];
        if (node->kind == AST_Error) continue;
        const Ast *cond = node->kind == AST_Require ? KID(node, Require, cond) : node;
        const Ast *message = node->kind == AST_Require ? KID(node, Require, message) : NULL;
        lower_at(l, node);
        IrRequire require = {.cond = for_host(l, lower_expr(l, cond), cond->span),
                             .text = message && message->name
                                         ? message->name->text
                                         : diag_text(l->arena, l->diags, cond->span),
                             .origin = ir_origin(l->k, ORIGIN_SOURCE, node->span, 0, "lower")};
        VEC_PUSH(l->arena, l->k->requires, require);
    }
}

/* What only holds a copy of registers may yet prove to be needless: select looks again. */
static void check_shared(Lower *l, const Ast *decl)
{
    int64_t bytes = 0;
    for (size_t i = 0; i < l->k->tensors.len; i++) {
        const IrTensor *t = l->k->tensors.data[i];
        if (t->space == IR_SHARED && !t->scope && !t->staged && !t->of && ir_tensor_size(t) > 0)
            bytes += (ir_tensor_size(t) * vocab_elem(t->elem)->bits + 7) / 8;
    }
    if (l->k->shared_limit && bytes > l->k->shared_limit) {
        Diag *diag = lower_error(l, SHARED_LIMIT, decl->name_span, decl->name->text,
                                 lower_number(l, bytes), lower_number(l, l->k->shared_limit));
        const Ast *occupancy = KID(KID(decl, Kernel, launch), Launch, occupancy);
        if (occupancy)
            diag_label(l->diags, diag, occupancy->span, "that many blocks share what there is");
        lower_note_shared(l, diag);
    }
}

static Lower *create(Arena *arena, Program *program, const LowerOptions *options, const Name *name)
{
    Lower *l = NEW(arena, Lower);
    *l = (Lower){.arena = arena, .program = program, .diags = program->diags, .options = options};
    l->k = ir_kernel_create(arena, program->diags, name);
    l->env = base_map(arena);
    l->pinned = base_map(arena);
    l->kept = base_map(arena);
    ir_set_origin(l->k, ir_origin(l->k, ORIGIN_SOURCE, (Span){0, 0}, 0, "lower"));
    l->block = l->k->body;
    return l;
}

LowerStatus lower_kernel(Arena *arena, Program *program, const Symbol *kernel,
                         const LowerOptions *options, const LowerPoint *point, IrKernel **out)
{
    const Ast *decl = kernel->decl;
    Lower *l = create(arena, program, options, kernel->name);
    lower_at(l, decl);
    l->k->fast = KID(decl, Kernel, attributes) != NULL;
    bind_generics(l, decl);
    add_params(l, decl);
    lower_tunes(l, decl, point);
    const Ast *broken = NULL;
    if (!l->failed && !wheres_hold(l, KID(decl, Kernel, wheres), &broken) && !l->failed)
        return LOWER_EXCLUDED;
    lower_launch(l, KID(decl, Kernel, launch));
    lower_requires(l, KID(decl, Kernel, requires));
    if (l->failed) return LOWER_ERROR;
    l->group =
        (Group){.size = l->k->block_size,
                .thread = ir_tid(l->k),
                .span = KID(decl, Kernel, launch) ? KID(decl, Kernel, launch)->span : decl->span};
    if (!l->k->body) l->k->body = ir_new_block(l->k);
    l->block = l->k->body;
    lower_inline(l, KID(decl, Kernel, body), NULL);
    if (l->k->cluster > 1) lower_bound_cluster(l, decl);
    check_shared(l, decl);
    lower_check_registers(l);
    if (l->failed) return LOWER_ERROR;
    *out = l->k;
    return LOWER_OK;
}

const Mapping *lower_mapping_expr(Arena *arena, Program *program, const Ast *expr, int rank,
                                  const int64_t *shape, int64_t workers)
{
    static const LowerOptions none = {0};
    Lower *l = create(arena, program, &none, base_intern_cstr(program->interner, "map"));
    lower_at(l, expr);
    return lower_mapping_solved(l, expr, rank, shape, workers);
}
