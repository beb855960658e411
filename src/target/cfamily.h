/* target/cfamily - the writer of expressions and statements that C and CUDA C++ share.
 *
 * Entry points: `cfamily_writer`, `cfamily_block`, `cfamily_expr`. A target makes a writer with its
 * hooks, declares what its prelude and parameters need, and lets the writer print the body. The
 * writer knows everything whose text is the same in both languages; a hook that returns true has
 * written the node itself. Nothing is allocated but in the kernel's arena.
 *
 * Names. Every size, parameter, tensor and variable has a unique C name near its own. The words
 * `thread`, `block_x`, `grid_x` (y, z) stand for TID, BID and GDIM; the target declares them.
 *
 * The prelude's vocabulary. Text printed here calls functions that each target's prelude defines,
 * named after element types (T: f32, i32 …; `index` counts as i32 or i64):
 *   hd_cast_T_f32, hd_cast_T_f64   floats to integers (saturating, NaN gives 0) and to the narrow
 *                                  floats (f16 bf16 f8e4m3 f8e5m2 tf32; rounded to nearest even)
 *   hd_cast_f32_T                  a narrow float to f32, exactly
 *   hd_odd_i64, hd_odd_u64         to f64, rounded to odd, so that the next rounding is the only
 * one hd_wrap_i4, hd_wrap_u4         the low four bits of an int hd_bitcast_T_U                 U
 * the unsigned integer of T's width (f16 bf16 tf32 f8… f32 f64) hd_bitcast_U_T                 and
 * back hd_min_T, hd_max_T             integers of 32 and 64 bits, f32, f64 (NaN if either is)
 *   hd_div_T, hd_mod_T             truncating, of i32 i64 u32 u64; defined for 0 and overflow
 *   hd_floordiv_T, hd_floormod_T   flooring, of i32 i64 (index)
 *   hd_shl_T, hd_shr_T             i32 i64 u32 u64 by a u32; amounts past the width shift all out
 *   hd_fma_T hd_sqrt_T hd_abs_T hd_floor_T hd_ceil_T hd_trunc_T hd_rint_T hd_copysign_T
 *   hd_isnan_T hd_isinf_T hd_fmod_T  of f32 and f64; hd_abs_T also of i32 i64 u32 u64;
 *                                  hd_fma_T also of the narrow floats (rounded once)
 *   hd_approx_F_T for F exp2 log2 rcp rsqrt sqrt sin cos tanh: of f32 and f64, as the hardware does
 *   hd_popcount_T hd_clz_T hd_ctz_T  of u8 u16 u32 u64;  hd_mulhi_T of i32 i64 u32 u64
 *   hd_prmt_u32(a, b, selector), hd_lop3_u32(a, b, c, truth table)
 *   hd_dot4_ss(a, b, c)            i8x4 · i8x4 + i32; us, su, uu: the first, second, both u8x4
 *   hd_of_block(p, r)              where block r of the cluster has what this one has at p
 *   hd_load_i4(p, i), hd_store_i4(p, i, v), and u4: packed elements, even ones in the low half
 */
#ifndef TARGET_CFAMILY_H
#define TARGET_CFAMILY_H

#include "ir/build.h"

/* C's precedence levels; an expression is put in parentheses where the context binds tighter. */
typedef enum {
    C_ANY,
    C_SELECT,
    C_OR,
    C_AND,
    C_BITOR,
    C_BITXOR,
    C_BITAND,
    C_EQ,
    C_LT,
    C_SHIFT,
    C_ADD,
    C_MUL,
    C_UNARY,
    C_POSTFIX
} CPrec;

typedef struct CWriter CWriter;

/* What differs between the languages. Any hook may be NULL. */
typedef struct CHooks {
    const char *(*elem_type)(CWriter *w, Elem elem); /* name of an element's type */
    void (*vector_type)(CWriter *w, IrType type);    /* prints a type of several lanes */
    bool (*expr)(CWriter *w, const IrExpr *e, CPrec prec);
    bool (*stmt)(CWriter *w, const IrStmt *s);
    const char *unroll; /* the line before a loop to unroll; NULL: HD_UNROLL */
    const char *roll;   /* before one that is not to be; NULL: nothing */
} CHooks;

struct CWriter {
    IrKernel *kernel;
    Sb *out;
    const CHooks *hooks;
    void *user;     /* the target's own */
    int depth;      /* indentation */
    int index_bits; /* width of `index`: 32 or 64 */
    bool lines;     /* write #line directives */
    bool brief;     /* only where the .hd line changes: for people, not for a line table */
    uint32_t said;  /* the line of the last directive */
    const char **var_names, **tensor_names, **size_names, **param_names;
    Map used;                  /* names taken, by their hash */
    const Source *line_source; /* where the C compiler thinks the next line is; NULL: its own */
    uint32_t line;
};

/* A writer for `kernel` that appends to `out`; names are chosen here. */
CWriter cfamily_writer(IrKernel *kernel, Sb *out, const CHooks *hooks, void *user, int index_bits);
/* A name that no one else in the kernel has, near `want`. */
const char *cfamily_fresh(CWriter *w, const char *want);

/* ---- expressions ----------------------------------------------------------------------------- */
void cfamily_expr(CWriter *w, const IrExpr *e, CPrec prec);
/* The operand as f32 where its type is a narrow float; else as it is. */
void cfamily_wide(CWriter *w, const IrExpr *e, CPrec prec);
void cfamily_literal(CWriter *w, Scalar value, CPrec prec);
void cfamily_type(CWriter *w, IrType type);
const char *cfamily_elem_type(CWriter *w, Elem elem);
const char *cfamily_suffix(const CWriter *w, Elem elem); /* "f32"; of index "i32" or "i64" */
bool cfamily_is_narrow(Elem elem);                       /* a float computed with in f32 */
bool cfamily_is_packed(Elem elem);                       /* i4, u4 */
/* `name(operand, operand …)` */
void cfamily_call(CWriter *w, const char *name, int count, const IrExpr *const *args);
/* Offset in elements of an access with these operands; `flags` of its node. */
const IrExpr *cfamily_offset(CWriter *w, const IrTensor *t, uint32_t flags,
                             const IrExpr *const *index);
/* The tensor's name; of another block's, what stands for it. The offset becomes that in there. */
/* The block's rank in an offset of such a tensor, which becomes that in the block. */
const IrExpr *cfamily_block_of(CWriter *w, const IrExpr **offset);
const char *cfamily_tensor(CWriter *w, const IrTensor *t, const IrExpr **offset);
int cfamily_index_count(const IrTensor *t, uint32_t flags); /* how many operands are indices */
void cfamily_element(CWriter *w, const IrTensor *t, const IrExpr *offset); /* the lvalue */

/* ---- statements and lines -------------------------------------------------------------------- */
void cfamily_block(CWriter *w, const IrBlock *block); /* the statements, at w->depth */
void cfamily_stmt(CWriter *w, const IrStmt *stmt);
/* One line: indentation, text, newline. */
void cfamily_line(CWriter *w, const char *fmt, ...) BASE_PRINTF(2, 3);
void cfamily_open(CWriter *w);                 /* indentation of a line written in pieces */
void cfamily_close(CWriter *w, const char *s); /* its last piece, and the newline */
/* `#line` for the origin if the compiler would count another line; call at a line's start. */
void cfamily_origin(CWriter *w, uint32_t origin);
void cfamily_string(Sb *out, const char *text); /* a C string literal */

#endif
