/* The reader of the text form: the kernel's header. Statements are in read_stmt.c. */
#include "ir/read.h"

/* ---- tensors --------------------------------------------------------------------------------- */

static bool read_layout_digit(IrReader *r, IrLayoutDigit *d, int rank)
{
    Token word = r->token;
    if (word.kind != TOKEN_WORD || word.len != 2 || word.text[0] != 'd')
        return ir_read_fail(r, "a dimension, `d0`, expected");
    *d = (IrLayoutDigit){.dim = word.text[1] - '0', .divide = 1, .place = 1};
    if (d->dim < 0 || d->dim >= rank) return ir_read_fail(r, "no such dimension");
    ir_read_advance(r);
    if (ir_read_accept(r, "/")) d->divide = ir_read_int(r, 1, INT64_MAX);
    if (ir_read_accept(r, "%")) d->extent = ir_read_int(r, 1, INT64_MAX);
    if (ir_read_accept(r, "*")) d->place = ir_read_int(r, 0, INT64_MAX);
    return !r->error;
}

static bool read_layout(IrReader *r, IrTensor *t)
{
    IrLayout *layout = NEW(r->arena, IrLayout);
    VEC(IrLayoutDigit) digits = {0};
    while (!ir_read_is(r, "size")) {
        IrLayoutDigit d;
        if (digits.len && !ir_read_expect(r, "+")) return false;
        if (!read_layout_digit(r, &d, t->rank)) return false;
        VEC_PUSH(r->arena, digits, d);
    }
    ir_read_advance(r);
    layout->size = ir_read_int(r, 0, INT64_MAX);
    layout->count = (int)digits.len;
    layout->digits = digits.data;
    if (ir_read_accept(r, "swizzle")) {
        ir_read_expect(r, "(");
        layout->swizzle_bits = (int)ir_read_int(r, 1, 30);
        ir_read_expect(r, ",");
        layout->swizzle_from = (int)ir_read_int(r, 0, 30);
        ir_read_expect(r, ",");
        layout->swizzle_to = (int)ir_read_int(r, 0, 30);
        ir_read_expect(r, ")");
    }
    t->layout = layout;
    return !r->error;
}

static bool read_strides(IrReader *r, IrTensor *t)
{
    const IrExpr *args[READ_ARGS];
    if (!ir_read_expect(r, "(")) return false;
    int count = ir_read_operands(r, ")", args);
    if (count != t->rank) return ir_read_fail(r, "%d strides of %d dimensions", count, t->rank);
    t->strides = base_copy(r->arena, (const void *)args, (size_t)count * sizeof *args);
    return !r->error;
}

static bool read_table(IrReader *r, IrTensor *t)
{
    VEC(Scalar) values = {0};
    do {
        Scalar value;
        if (!ir_read_literal(r, t->elem, &value)) return false;
        VEC_PUSH(r->arena, values, value);
    } while (ir_read_accept(r, ","));
    t->table = values.data;
    if (ir_tensor_size(t) == (int64_t)values.len) return true;
    return ir_read_fail(r, "%zu values are not the table's elements", values.len);
}

/* `staged` or `of`, and a tensor that may come later. */
static bool read_other(IrReader *r, const char *word, IrTensor *t)
{
    const Name *name;
    uint32_t id;
    if (!ir_read_accept(r, word)) return true;
    if (!ir_read_id(r, &name, &id)) return false;
    VEC_PUSH(r->arena, r->tensor_uses, ((struct TensorUse){t, id, word[0] == 'o'}));
    return true;
}

static bool read_tensor_clauses(IrReader *r, IrTensor *t)
{
    if (ir_read_accept(r, "strides") && !read_strides(r, t)) return false;
    if (ir_read_accept(r, "storage") && !(t->storage = ir_read_expr(r))) return false;
    if (ir_read_accept(r, "over")) {
        t->over = ir_read_mapping(r);
        if (!t->over) return false;
        if (t->over->rank > t->rank) return ir_read_fail(r, "the mapping has more dimensions");
        if (ir_read_accept(r, "first")) t->first = ir_read_int(r, 1, INT32_MAX);
    }
    if (ir_read_accept(r, "layout") && !read_layout(r, t)) return false;
    if (ir_read_accept(r, "scope")) {
        int64_t number = ir_read_int(r, 1, INT32_MAX);
        VEC_PUSH(r->arena, r->scope_uses, (struct ScopeUse){t, number});
    }
    t->bulk = ir_read_accept(r, "bulk");
    if (ir_read_accept(r, "arrivals")) t->arrivals = ir_read_int(r, 1, INT32_MAX);
    if (ir_read_accept(r, "barrier")) t->barrier = (int)ir_read_int(r, 1, IR_BARRIERS - 1);
    if (!read_other(r, "of", t) || !read_other(r, "staged", t)) return false;
    if (t->space == IR_TABLE) return ir_read_expect(r, "=") && read_table(r, t);
    return !r->error;
}

/* A new tensor under its id: the tensors' numbers need not be in the order of the lines. */
static IrTensor *enter_tensor(IrReader *r, const Name *name, uint32_t id, IrSpace space)
{
    IrKernel *k = r->k;
    while (k->tensors.len <= id) VEC_PUSH(k->arena, k->tensors, NULL);
    if (k->tensors.data[id]) ir_read_fail(r, "tensor %u is defined twice", id);
    IrTensor *t = NEW(k->arena, IrTensor);
    *t = (IrTensor){.name = name, .id = id, .space = space};
    t->origin = ir_origin(k, ORIGIN_SOURCE, (Span){0}, 0, "read");
    return k->tensors.data[id] = t;
}

/* After `name.id`. */
static bool read_tensor(IrReader *r, const Name *name, uint32_t id, IrSpace space, int mode)
{
    const IrExpr *args[READ_ARGS];
    IrType type;
    if (!ir_read_expect(r, ":")) return false;
    if (!ir_read_type(r, &type) || type.lanes != 1) return ir_read_fail(r, "a type expected");
    if (!ir_read_expect(r, "[")) return false;
    int rank = ir_read_operands(r, "]", args);
    if (rank > MAPPING_MAX_RANK) return ir_read_fail(r, "rank %d is too high", rank);
    IrTensor *t = enter_tensor(r, name, id, space);
    t->elem = type.elem;
    t->rank = rank;
    t->extents = base_copy(r->arena, (const void *)args, (size_t)rank * sizeof *args);
    t->read = mode & 1;
    t->written = mode & 2;
    if (space == IR_PARAM) {
        t->param = (int)r->k->params.len;
        IrParam param = {.name = name, .is_tensor = true, .elem = type.elem, .tensor = t};
        VEC_PUSH(r->k->arena, r->k->params, param);
    }
    return !r->error && read_tensor_clauses(r, t);
}

static int read_mode(IrReader *r)
{
    return ir_read_accept(r, "inout") ? 3
           : ir_read_accept(r, "out") ? 2
           : ir_read_accept(r, "in")  ? 1
                                      : 0;
}

/* ---- header lines ---------------------------------------------------------------------------- */

static bool read_size_line(IrReader *r)
{
    ir_new_size(r->k, ir_read_name(r));
    return !r->error;
}

static bool read_param(IrReader *r)
{
    IrType type;
    int mode = read_mode(r);
    const Name *name = ir_read_name(r);
    if (ir_read_accept(r, ".")) {
        uint32_t id = (uint32_t)ir_read_int(r, 0, 4096 + (r->end - r->text));
        return !r->error && read_tensor(r, name, id, IR_PARAM, mode);
    }
    if (!ir_read_expect(r, ":")) return false;
    if (!ir_read_type(r, &type) || type.lanes != 1) return ir_read_fail(r, "a type expected");
    VEC_PUSH(r->k->arena, r->k->params, (IrParam){.name = name, .elem = type.elem});
    return !r->error;
}

static bool read_allocation(IrReader *r, IrSpace space)
{
    const Name *name;
    uint32_t id;
    int mode = read_mode(r);
    return ir_read_id(r, &name, &id) && read_tensor(r, name, id, space, mode);
}

static bool read_shared(IrReader *r)
{
    return read_allocation(r, IR_SHARED);
}

static bool read_tile(IrReader *r)
{
    return read_allocation(r, IR_TILE);
}

static bool read_private(IrReader *r)
{
    return read_allocation(r, IR_PRIVATE);
}

static bool read_table_line(IrReader *r)
{
    return read_allocation(r, IR_TABLE);
}

static bool read_require(IrReader *r)
{
    IrRequire require = {.cond = ir_read_expr(r)};
    require.text = ir_read_string(r);
    require.origin = ir_origin(r->k, ORIGIN_SOURCE, (Span){0}, 0, "read");
    VEC_PUSH(r->k->arena, r->k->requires, require);
    return !r->error;
}

static bool read_grid(IrReader *r)
{
    for (int i = 0; i < 3 && !r->error; i++) {
        r->k->grid[i] = ir_read_expr(r);
        if (i < 2) ir_read_expect(r, ",");
    }
    return !r->error;
}

static bool read_block_line(IrReader *r)
{
    enum { THREADS_MAX = 1 << 20 };
    r->k->block_size = ir_read_int(r, 1, THREADS_MAX);
    r->k->block_dims[0] = r->k->block_size;
    if (!ir_read_accept(r, "(")) return !r->error;
    for (int i = 0; i < 3; i++) {
        if (i) ir_read_expect(r, ",");
        r->k->block_dims[i] = ir_read_int(r, 0, THREADS_MAX);
    }
    return ir_read_expect(r, ")");
}

static bool read_fragment(IrReader *r, Elem *elem, const Mapping **mapping)
{
    IrType type;
    if (!ir_read_type(r, &type) || type.lanes != 1) return ir_read_fail(r, "a type expected");
    *elem = type.elem;
    if (!ir_read_expect(r, "over")) return false;
    if (!ir_read_accept(r, "shared")) *mapping = ir_read_mapping(r);
    return !r->error;
}

static bool read_instruction(IrReader *r)
{
    IrInstruction i = {.text = ir_read_string(r)};
    if (!ir_read_expect(r, "depth")) return false;
    i.depth = ir_read_int(r, 1, INT32_MAX);
    if (!read_fragment(r, &i.acc_elem, &i.acc) || !read_fragment(r, &i.a_elem, &i.a) ||
        !read_fragment(r, &i.b_elem, &i.b))
        return false;
    if (!i.acc) return ir_read_fail(r, "an instruction's sums lie in registers");
    VEC_PUSH(r->k->arena, r->k->instructions, i);
    return true;
}

static bool read_cluster(IrReader *r)
{
    enum { BLOCKS_MAX = 1024 };
    r->k->cluster = ir_read_int(r, 1, BLOCKS_MAX);
    return !r->error;
}

static bool read_occupancy(IrReader *r)
{
    r->k->occupancy = ir_read_int(r, 1, INT32_MAX);
    return !r->error;
}

static bool read_resident(IrReader *r)
{
    return r->k->resident = true;
}

static bool read_fast(IrReader *r)
{
    return r->k->fast = true;
}

static bool read_waits(IrReader *r)
{
    return r->k->waits = true;
}

static const struct {
    const char *word;
    bool (*read)(IrReader *r);
} header[] = {
    {"size", read_size_line},    {"param", read_param},      {"require", read_require},
    {"grid", read_grid},         {"block", read_block_line}, {"cluster", read_cluster},
    {"resident", read_resident}, {"shared", read_shared},    {"tile", read_tile},
    {"private", read_private},   {"table", read_table_line}, {"instruction", read_instruction},
    {"fast", read_fast},         {"waits", read_waits},      {"occupancy", read_occupancy},
};

static bool read_header_line(IrReader *r)
{
    while (ir_read_accept(r, "%")) {
        int64_t number = ir_read_int(r, 1, (int64_t)r->temps.len + 1);
        ir_read_expect(r, "=");
        const IrExpr *e = ir_read_expr(r);
        if (r->error || number != (int64_t)r->temps.len + 1 || !ir_read_line_end(r))
            return ir_read_fail(r, "`%%` out of order");
        VEC_PUSH(r->arena, r->temps, e);
    }
    for (size_t i = 0; i < BASE_LEN(header); i++) {
        if (!ir_read_accept(r, header[i].word)) continue;
        bool ok = header[i].read(r) && ir_read_line_end(r);
        r->temps.len = 0;
        return ok;
    }
    return ir_read_fail(r, "a line of the kernel's header expected");
}

/* ---- kernel ---------------------------------------------------------------------------------- */

static bool finish(IrReader *r)
{
    IrKernel *k = r->k;
    if (!k->block_size) return ir_read_fail(r, "the kernel's header has no `block`");
    for (size_t i = 0; i < k->tensors.len; i++)
        if (!k->tensors.data[i]) return ir_read_fail(r, "tensor %zu is missing", i);
    for (size_t i = 0; i < k->vars.len; i++) {
        if (k->vars.data[i]) continue; /* ids of variables that passes removed */
        IrVar *var = k->vars.data[i] = NEW(k->arena, IrVar);
        *var = (IrVar){.id = (uint32_t)i, .type = {ELEM_INDEX, 1}, .multiple = 1};
        var->name = base_intern_cstr(r->interner, "removed");
        var->lo = INT64_MIN;
        var->hi = INT64_MAX;
    }
    for (size_t i = 0; i < r->tensor_uses.len; i++) {
        const struct TensorUse *use = &r->tensor_uses.data[i];
        if (use->id >= k->tensors.len) return ir_read_fail(r, "no tensor %u", use->id);
        *(use->of ? &use->tensor->of : &use->tensor->staged) = k->tensors.data[use->id];
    }
    for (size_t i = 0; i < r->scope_uses.len; i++) {
        int64_t number = r->scope_uses.data[i].number;
        if (number > (int64_t)r->scopes.len) return ir_read_fail(r, "no scope %d", (int)number);
        r->scope_uses.data[i].tensor->scope = r->scopes.data[number - 1];
    }
    return !r->error;
}

static bool read_kernel(IrReader *r, Diags *diags)
{
    ir_read_advance(r);
    while (r->token.kind == TOKEN_LINE) ir_read_advance(r);
    if (!ir_read_expect(r, "kernel")) return false;
    const Name *name = ir_read_name(r);
    if (r->error) return false;
    r->k = ir_kernel_create(r->arena, diags, name);
    ir_set_origin(r->k, ir_origin(r->k, ORIGIN_SOURCE, (Span){0}, 0, "read"));
    if (r->token.kind == TOKEN_STRING) r->k->instance = ir_read_string(r);
    if (!ir_read_line_end(r)) return false;
    while (!ir_read_accept(r, "{"))
        if (!read_header_line(r)) return false;
    if (!ir_read_block(r, r->k->body) || !ir_read_line_end(r)) return false;
    if (r->token.kind != TOKEN_END) return ir_read_fail(r, "text after the kernel");
    return finish(r);
}

IrKernel *ir_read(Arena *arena, Interner *interner, Diags *diags, const char *text, size_t len,
                  const char **error)
{
    IrReader r = {.arena = arena, .interner = interner, .line = 1};
    r.text = r.at = base_strndup(arena, text, len);
    r.end = r.text + len;
    Source *source = diags ? diag_add_source(diags, "<ir>", r.text, len) : NULL;
    if (source) r.base = source->base;
    bool ok = read_kernel(&r, diags) && !r.error;
    if (error) *error = ok ? NULL : r.error ? r.error : "broken text";
    return ok ? r.k : NULL;
}
