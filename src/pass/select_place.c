/* Factors that an instruction reads from shared memory itself, by a descriptor (PTX ISA,
 * "Asynchronous Warpgroup Level Matrix Shared Memory Layout").
 *
 * Shared memory is seen as lines of 32, 64 or 128 bytes whose 16-byte chunks change places by the
 * number of their line: the tensor's own swizzle must be that one. Eight lines make a block. Where
 * k is the contiguous dimension ("K-major"), a line holds k for one row, `stride` is from one block
 * of eight rows to the next. Where it is the other ("MN-major", of 16-bit elements only), a line
 * holds rows (or columns) for one k; `leading` is from these to the next that make a line,
 * `stride` from eight k to the next eight. The layout is compared with that by evaluation.
 */
#include "pass/select.h"

enum { CHUNK = 16, LINES = 8, WIDEST = 128 };

typedef struct Place {
    const IrLayout *layout;
    int dim[2];              /* of the tensor, for the operand's own dimension and for k */
    int64_t bytes;           /* of an element */
    int64_t line;            /* elements */
    int64_t extent;          /* of the own dimension, */
    int64_t depth;           /* and of k */
    int64_t leading, stride; /* elements */
    bool turned;
} Place;

/* Offset of an element before the swizzle, the tensor's other indices 0. */
static int64_t straight(const Place *p, int64_t own, int64_t k)
{
    int64_t sum = 0;
    for (int i = 0; i < p->layout->count; i++) {
        const IrLayoutDigit *d = &p->layout->digits[i];
        int64_t v = d->dim == p->dim[0] ? own : d->dim == p->dim[1] ? k : 0;
        v /= d->divide;
        sum += (d->extent ? v % d->extent : v) * d->place;
    }
    return sum;
}

/* The tensor's swizzle is the hardware's for lines of this many bytes; 0 if it is none. */
static int64_t line_bytes(const IrLayout *l, int64_t bytes)
{
    if (!l || l->swizzle_bits < 1 || l->swizzle_bits > 3) return 0;
    bool chunks = bytes << l->swizzle_to == CHUNK;
    return chunks && l->swizzle_from == l->swizzle_to + 3 ? CHUNK << l->swizzle_bits : 0;
}

static bool is_straight(const Place *p)
{
    for (int64_t i = 0; i < p->extent; i++)
        for (int64_t k = 0; k < p->depth; k++)
            if (straight(p, i, k) != i % LINES * p->line + i / LINES * p->stride + k) return false;
    return true;
}

static bool is_turned(const Place *p)
{
    for (int64_t i = 0; i < p->extent; i++)
        for (int64_t k = 0; k < p->depth; k++) {
            int64_t at = i % p->line + i / p->line * p->leading;
            if (straight(p, i, k) != at + k % LINES * p->line + k / LINES * p->stride) return false;
        }
    return true;
}

/* The dimension whose index is `var` and something free of both variables; -1. */
static int dim_of(IrKernel *k, const IrExpr *load, const IrVar *var, const IrVar *other)
{
    int found = -1;
    for (int d = 0; d < load->tensor->rank; d++) {
        if (!pass_uses_var(load->args[d], var)) continue;
        PassAffine a = pass_affine(k, load->args[d]);
        for (int i = 0; i < a.count; i++) {
            const IrExpr *atom = a.terms[i].atom;
            bool own = atom->op == IR_VAR && atom->var == var && a.terms[i].coef == 1;
            if (!own && (pass_uses_var(atom, var) || pass_uses_var(atom, other))) return -1;
        }
        if (found >= 0 || pass_uses_var(load->args[d], other)) return -1;
        found = d;
    }
    return found;
}

/* The tensor's index `dim` at the operand's tile `tile`. */
static const IrExpr *index_at(Select *s, const SelectOperand *o, const IrExpr *tile, int dim)
{
    IrKernel *k = s->k;
    PassClone c = pass_clone_begin(k);
    for (int d = 0; d < 2; d++) {
        const IrExpr *at = select_sum(k, o->origin[d], select_times(k, tile, o->tile_step[d]));
        pass_clone_bind(&c, o->vars[d], at);
    }
    return pass_clone_expr(&c, o->load->args[dim]);
}

/* Tiles begin at whole blocks, whatever the loops' counters are. */
static bool begins_blocks(Select *s, const SelectOperand *o, const Place *p)
{
    const IrExpr *none = ir_index(s->k, 0);
    int64_t own =
        pass_multiple(&s->facts, pass_resolve(&s->scope, index_at(s, o, none, p->dim[0])));
    int64_t deep =
        pass_multiple(&s->facts, pass_resolve(&s->scope, index_at(s, o, none, p->dim[1])));
    int64_t unit = p->turned ? p->line : LINES;
    if (own % unit || o->tile_step[o->side] % unit || deep % p->depth) return false;
    for (int i = 0; i < p->layout->count; i++) {
        const IrLayoutDigit *d = &p->layout->digits[i];
        bool within = d->place <= p->line && (d->dim == p->dim[0] || d->dim == p->dim[1]);
        if (!within && d->place % (LINES * p->line)) return false; /* the next panel, say */
    }
    return true;
}

static bool find_form(Place *p)
{
    p->stride = p->extent > LINES ? straight(p, LINES, 0) : LINES * p->line;
    if (is_straight(p)) return true;
    p->turned = p->bytes == 2;
    p->leading = p->extent > p->line ? straight(p, p->line, 0) : LINES * p->line;
    p->stride = p->depth > LINES ? straight(p, 0, LINES) : LINES * p->line;
    return p->turned && is_turned(p);
}

static int64_t descriptor(const Place *p)
{
    int64_t lines = p->line * p->bytes, mode = lines == WIDEST ? 1 : lines == 64 ? 2 : 3;
    uint64_t bits = (uint64_t)(p->turned ? p->leading * p->bytes / CHUNK : 1) << 16;
    bits |= (uint64_t)(p->stride * p->bytes / CHUNK) << 32 | (uint64_t)mode << 62;
    int64_t place;
    memcpy(&place, &bits, sizeof place);
    return place | (p->turned ? IR_TURNED : 0);
}

int64_t select_place(Select *s, const SelectOperand *o, const char **why)
{
    const IrTensor *t = o->load->tensor;
    int side = o->side;
    Place p = {.layout = t->layout, .bytes = vocab_elem_bytes(t->elem)};
    p.dim[0] = dim_of(s->k, o->load, o->vars[side], o->vars[1 - side]);
    p.dim[1] = dim_of(s->k, o->load, o->vars[1 - side], o->vars[side]);
    p.extent = o->extent[side];
    p.depth = o->extent[1 - side];
    p.line = line_bytes(t->layout, p.bytes) / p.bytes;
    *why = NULL;
    bool good =
        p.dim[0] >= 0 && p.dim[1] >= 0 && p.line && find_form(&p) && begins_blocks(s, o, &p);
    if (good) return descriptor(&p);
    *why = base_format(s->k->arena,
                       "`%s` does not lie as wgmma reads it: `layout swizzle` of lines "
                       "of 32, 64 or a multiple of 128 bytes does",
                       t->name->text);
    return 0;
}

void select_check_ends(Select *s, const SelectOperand *o, const IrExpr *const ends[2][2],
                       IrBlock *to)
{
    IrKernel *k = s->k;
    const IrTensor *t = o->load->tensor;
    const IrExpr *index[2][MAPPING_MAX_RANK];
    for (int end = 0; end < 2; end++) {
        PassClone clone = pass_clone_begin(k);
        for (int d = 0; d < 2; d++) pass_clone_bind(&clone, o->vars[d], ends[end][d]);
        for (int d = 0; d < t->rank; d++) index[end][d] = pass_clone_expr(&clone, o->load->args[d]);
        for (int d = 0; d < t->rank; d++)
            if (!end || index[1][d] != index[0][d])
                pass_trap_outside(k, to, o->load->origin, t, d, index[end], NULL);
    }
}

const IrExpr *select_corner(Select *s, const SelectOperand *o, const IrExpr *tile)
{
    IrKernel *k = s->k;
    const IrTensor *t = o->load->tensor;
    IrLayout layout = *t->layout;
    IrTensor plain = *t;
    const IrExpr *index[MAPPING_MAX_RANK];
    layout.swizzle_bits = 0;
    plain.layout = &layout;
    for (int d = 0; d < t->rank; d++) index[d] = index_at(s, o, tile, d);
    const IrExpr *offset = ir_offset(k, &plain, index);
    return ir_load_with(k, t, 1, IR_LINEAR | IR_PROVED, &offset, NULL, NULL);
}
