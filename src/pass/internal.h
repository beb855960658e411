/* What the passes share: their context, cloning and rewriting of statements, the values of
 * variables in scope, affine forms, slots of tile accesses. */
#ifndef PASS_INTERNAL_H
#define PASS_INTERNAL_H

#include "pass/pass.h"

typedef struct PassContext {
    IrKernel *k;
    Diags *diags;
    const PassOptions *options;
    Map names; /* expression id + 1 to the Name of the variable that it was the value of */
} PassContext;

#define PASS(id, name, target, function, requires, ensures) bool function(PassContext *ctx);
#include "pass/passes.def"
#undef PASS

/* ---- statements (rewrite.c) ------------------------------------------------------------------ */
/* A name of the kernel's own; names need not be unique. */
const Name *pass_make_name(IrKernel *k, const char *fmt, ...) BASE_PRINTF(2, 3);
Span pass_span(const IrKernel *k, uint32_t origin);
/* An immutable variable. */
IrVar *pass_new_let(IrKernel *k, IrBlock *b, const Name *name, const IrExpr *value);
/* Replaces every operand below `block`, in place. */
void pass_map_block(IrKernel *k, IrBlock *block, IrReplace replace, void *user);
/* Offers each statement, outer before inner, to `try`, which may append what replaces it to `to`
 * and return true; what it refuses stays, and its blocks are gone through. */
typedef bool (*PassTry)(void *user, IrStmt *s, IrBlock *to);
void pass_replace_stmts(IrKernel *k, IrBlock *block, PassTry try, void *user);
IrBlock pass_take(IrBlock *block); /* all that it holds; it is empty then */
void pass_map_stmt(IrKernel *k, IrStmt *stmt, IrReplace replace, void *user); /* own operands */

/* A copy of statements with variables replaced. `values`: variable id + 1 to the expression that
 * its uses become; variables that the copied statements define are made anew. */
typedef struct PassClone {
    IrKernel *k;
    Map values; /* to const IrExpr * */
    Map vars;   /* to IrVar *, for assignments and labels */
} PassClone;
PassClone pass_clone_begin(IrKernel *k);
void pass_clone_bind(PassClone *c, const IrVar *var, const IrExpr *value);
void pass_clone_into(PassClone *c, IrBlock *to, const IrBlock *from);
void pass_clone_one(PassClone *c, IrBlock *to, IrStmt *from);
const IrExpr *pass_clone_expr(PassClone *c, const IrExpr *e);

/* Index operands of a memory access: how many, before value or guard. */
int pass_load_indices(const IrExpr *load);
int pass_store_indices(const IrStmt *store); /* STORE or ATOMIC */
static inline const IrExpr *pass_store_value(const IrStmt *s)
{
    return s->args[pass_store_indices(s)];
}

/* Another STORE like `store`, which has a linear offset. guard: NULL for none. */
void pass_append_store(IrKernel *k, IrBlock *to, const IrStmt *store, const IrExpr *offset,
                       const IrExpr *value, const IrExpr *guard);
/* Gives a STORE or ATOMIC one linear offset instead of its indices. */
void pass_store_linear(IrKernel *k, IrStmt *store, const IrExpr *offset);

/* Does an operand at or below satisfy `test`? */
typedef bool (*PassTest)(void *user, const IrExpr *e);
bool pass_any_below(IrBlock *block, PassTest test, void *user);
bool pass_any_operand(const IrStmt *stmt, PassTest test, void *user);
bool pass_uses_var(const IrExpr *e, const IrVar *var);
bool pass_const_loop(const IrStmt *loop, int64_t *lo, int64_t *step, int64_t *trip);
bool pass_is_straight(const IrBlock *body);  /* not empty: LET, SET and STORE alone */
int64_t pass_most_trips(const IrStmt *loop); /* of a FOR; 0 if no bound is known */

/* ---- affine forms (affine.c) ----------------------------------------------------------------- */
/* constant + sum of coefficient * atom, atoms distinct; only `index` arithmetic is taken apart,
 * because it alone cannot wrap. */
typedef struct PassTerm {
    const IrExpr *atom;
    int64_t coef;
} PassTerm;
typedef struct PassAffine {
    int64_t constant;
    int count;
    PassTerm *terms;
} PassAffine;
PassAffine pass_affine(IrKernel *k, const IrExpr *e);
int64_t pass_affine_coef(const PassAffine *a, const IrExpr *atom);
const IrExpr *pass_affine_build(IrKernel *k, const PassAffine *a);

/* ---- registers (registers.c) ----------------------------------------------------------------- */
/* What a thread of CUDA has beside its parts of tiles and its arrays. */
int64_t pass_registers_left(const PassContext *ctx);
/* The same in a loop: beside those that live while it runs, and what its rounds compute with. */
int64_t pass_registers_in(const PassContext *ctx, const IrStmt *loop);

/* ---- divisibility (facts.c) ------------------------------------------------------------------ */
/* What is known of sizes in this variant: by size number, a divisor. */
typedef struct PassFacts {
    IrKernel *k;
    int alignment; /* bytes, of every parameter's base */
    int64_t *sizes;
} PassFacts;
PassFacts pass_facts(IrKernel *k, const PassOptions *options);
int64_t pass_multiple(const PassFacts *f, const IrExpr *e);
/* Elements to which a tensor's storage is aligned (a power of two, at most 16). */
int pass_base_multiple(const PassFacts *f, const IrTensor *t);

/* ---- values in scope (scope.c) --------------------------------------------------------------- */
/* A loop counter of constant range: values lo, lo + step, … (trip of them). */
typedef struct PassCounter {
    const IrExpr *var;
    int64_t lo, step, trip;
    IrStmt *loop; /* the FOR, or the TASKS whose time digit it is */
} PassCounter;
/* Filled while a pass walks down: what immutable variables stand for, as expressions of thread,
 * counters and opaque leaves. Nothing is removed: a variable is defined once. */
typedef struct PassScope {
    IrKernel *k;
    Arena *arena;
    Map values;           /* variable id + 1 to const IrExpr * */
    Map counters;         /* variable id + 1 to PassCounter * */
    Map threads;          /* expression id to its values for all threads, int64_t[block_size] */
    int64_t first, count; /* threads that run the current statement */
    struct PassWorkers *workers; /* the enclosing task loops, innermost first */
} PassScope;
typedef struct PassWorkers {
    const IrStmt *tasks;
    const IrExpr *worker; /* resolved */
    struct PassWorkers *outer;
} PassWorkers;
PassScope pass_scope_begin(IrKernel *k);
const IrExpr *pass_resolve(PassScope *s, const IrExpr *e);
void pass_scope_let(PassScope *s, const IrStmt *let);
void pass_scope_for(PassScope *s, IrStmt *loop);
void pass_scope_tasks(PassScope *s, IrStmt *tasks);
/* Values of an expression of the thread alone, for each thread of the block; NULL if it is more
 * than that. */
const int64_t *pass_scope_threads(PassScope *s, const IrExpr *e);

/* ---- task coordinates (coords.c) ------------------------------------------------------------- */
const IrExpr *pass_task_worker_part(IrKernel *k, const IrStmt *tasks, int dim);
const IrExpr *pass_task_time_part(IrKernel *k, const IrStmt *tasks, int dim,
                                  const IrExpr *const *counters);
const IrExpr *pass_task_extent(IrKernel *k, const IrStmt *tasks, const MappingDigit *digit);

/* ---- slots (slot.c) -------------------------------------------------------------------------- */
/* Why an access has no slot. */
typedef enum {
    SLOT_OK,
    SLOT_RUNTIME,   /* an index depends on a run-time value: `dim`, `culprit` */
    SLOT_NOT_OWNED, /* `worker` does not own `coords` */
    SLOT_VARIES,    /* the slot differs between workers */
    SLOT_REPLICA,   /* replicas would store different values */
} PassSlotKind;
typedef struct PassSlot {
    PassSlotKind kind;
    int dim;
    const IrExpr *culprit;
    int64_t worker, other;
    int64_t coords[MAPPING_MAX_RANK];
} PassSlot;
PassSlotKind pass_slot_check(PassScope *s, const IrTensor *tile, const IrExpr *const *index,
                             PassSlot *why);
/* The slot as an affine expression of counters, for an access that passed the check. NULL if it
 * is none; then *culprit is a counter's loop that must be unrolled. */
const IrExpr *pass_slot_fit(PassScope *s, const IrTensor *tile, const IrExpr *const *index,
                            IrStmt **culprit);
/* Is an integer or condition a function of thread and counters only? And does it then differ
 * between two replicas of an element of the tile? */
bool pass_slot_known(PassScope *s, const IrExpr *e);
bool pass_slot_differs(PassScope *s, const IrTensor *tile, const IrExpr *e, PassSlot *why);
/* Does the role in hand have one owner of an element of the tile, and not another? */
bool pass_slot_excludes(PassScope *s, const IrTensor *tile, PassSlot *why);
void pass_slot_report(IrKernel *k, Diags *diags, uint32_t origin, const IrTensor *tile,
                      const PassSlot *why);
/* A trap where index d of an access lies outside of the tensor (and `path` holds, if not NULL);
 * none where it is known to lie inside. */
void pass_trap_outside(IrKernel *k, IrBlock *to, uint32_t origin, const IrTensor *t, int d,
                       const IrExpr *const *indices, const IrExpr *path);

#endif
