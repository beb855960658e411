/* Private to select: what its files share. */
#ifndef PASS_SELECT_H
#define PASS_SELECT_H

#include "pass/internal.h"

enum { SELECT_WARP = 32, SELECT_WARPGROUP = 128 };

/* The loop of a pipeline that fills a stage when the round after the one that read it has begun,
 * so that a product may be under way that long; NULL: not in one. */
typedef struct SelectFlight {
    const IrStmt *loop, *product; /* the loop's only one */
    Map touched, filled;          /* tensors: by all else in the loop; by copy engines */
    bool taken;
} SelectFlight;

typedef struct Select {
    PassContext *ctx;
    SelectFlight flight;
    IrKernel *k;
    PassScope scope;
    PassFacts facts;
    Map gone;    /* staged tensors that nobody reads any more, by address */
    bool copies; /* products are done, and the copies that they made needless have gone */
} Select;

/* The fragments of one operand that a warp holds at a time: `tiles` of them, each `fragment` large,
 * `tile_step` apart, the first at `origin`. The element at (row, column) is what `load` is where
 * `vars` have these values. */
typedef struct SelectOperand {
    const Mapping *fragment; /* NULL: the instruction reads it from shared memory itself */
    int side;                /* 0: a, whose columns are k; 1: b, whose rows are */
    int64_t extent[2];       /* of what one instruction takes */
    const IrExpr *load;
    const IrVar *vars[2];
    const IrExpr *origin[2];
    int64_t tiles, tile_step[2];
    const IrTensor *array; /* where they are: tile t, element e at `first + t * apart + e` */
    const IrExpr *first;
    int64_t apart;
    bool stores;        /* from `array` to where `load` reads */
    const char *reason; /* why not by ldmatrix or stmatrix */
} SelectOperand;

/* ---- select_load.c --------------------------------------------------------------------------- */
/* Appends what fills `operand->array`, which is made: by ldmatrix, or element by element. */
void select_load(Select *s, SelectOperand *operand, IrBlock *to);
/* By ldmatrix, or stmatrix if it `stores`, or not at all: then `reason` is set. `array` may be
 * there already, with `first` and `apart`. */
bool select_matrices(Select *s, SelectOperand *operand, IrBlock *to);

/* ---- select_place.c -------------------------------------------------------------------------- */
/* Traps where the operand's elements at two places, of (o->vars[0], o->vars[1]), lie outside. */
void select_check_ends(Select *s, const SelectOperand *operand, const IrExpr *const ends[2][2],
                       IrBlock *to);
/* How the factor lies for an instruction that reads it from shared memory (IR_TURNED and the rest
 * of imm, ir.h); NULL in *why, or why it cannot. */
int64_t select_place(Select *s, const SelectOperand *operand, const char **why);
/* The load of the first element that tile `tile` of it begins with, its offset before the swizzle,
 * which changes nothing there. */
const IrExpr *select_corner(Select *s, const SelectOperand *operand, const IrExpr *tile);

/* ---- select_product.c ------------------------------------------------------------------------ */
/* Appends what a task loop flagged IR_MMA becomes; false, and the reason reported, if it stays. */
bool select_product(Select *s, const IrStmt *tasks, IrBlock *to);

/* ---- select_flight.c ------------------------------------------------------------------------- */
/* What the loop lets be under way. */
SelectFlight select_flight(Select *s, const IrStmt *loop);
/* May this product, whose sums and factors these are, go on after its round? */
bool select_may_fly(Select *s, const IrStmt *tasks, const IrTensor *sums, const IrTensor *a,
                    const IrTensor *b);

/* ---- select_unroll.c ------------------------------------------------------------------------- */
/* Unrolls the loops marked so that have instructions in them. */
void select_unroll(IrKernel *k, IrBlock *block);

/* ---- small things (select.c) ----------------------------------------------------------------- */
/* An unrolled loop, whose body is returned; of one iteration none, and *counter is 0. */
IrBlock *select_loop(IrKernel *k, IrBlock *to, const char *name, int64_t trip,
                     const IrExpr **counter);
bool select_is_var(const IrExpr *e, const IrVar *var);
const IrExpr *select_sum(IrKernel *k, const IrExpr *a, const IrExpr *b);
const IrExpr *select_times(IrKernel *k, const IrExpr *a, int64_t b);
/* Coordinate `dim` of the worker's part of a mapping. */
const IrExpr *select_worker_part(IrKernel *k, const Mapping *m, const IrExpr *worker, int dim);
IrStmt *select_machine(IrKernel *k, IrBlock *to, Builtin builtin, const IrTensor *t,
                       const IrExpr *offset, const char *text);

/* ---- tiles of warps (select.c) --------------------------------------------------------------- */
/* In a task loop: the first slot of the tile, if this is the element of the task; else NULL. Before
 * its coordinates only constants. */
const IrExpr *select_own_slot(IrKernel *k, const IrStmt *tasks, const IrTensor *tile,
                              const IrExpr *const *index);
/* Are its workers threads in order, whole units (warps, warpgroups) of them? */
bool select_has_units(Select *s, const IrStmt *tasks, int64_t unit);
/* Coordinate `dim` of the part of the running thread's unit. */
const IrExpr *select_unit_part(IrKernel *k, const IrStmt *tasks, int64_t unit, int dim);
/* An instruction written by hand that does not fit. */
void select_refuse(Select *s, const IrStmt *tasks, const IrTensor *tile, const char *reason);

/* ---- select_copy.c --------------------------------------------------------------------------- */
/* Copies between shared memory and register tiles. */
bool select_copy(Select *s, const IrStmt *tasks, IrBlock *to);

/* ---- select_exchange.c ----------------------------------------------------------------------- */
/* Copies from register tiles to global memory, after lanes have exchanged words. */
bool select_exchange(Select *s, const IrStmt *tasks, IrBlock *to);

#endif
