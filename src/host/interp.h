/* The interpreter of `test` and `bench` bodies: a walk over the typed AST. Private to host/.
 * Scalars are exact (vocab/scalar.h); tensors live in host memory; kernels are built on first use,
 * one module for the file's plain kernels and one for each instance with arguments of its own. */
#ifndef HOST_INTERP_H
#define HOST_INTERP_H

#include "host/host.h"

typedef enum { IV_NONE, IV_SCALAR, IV_TENSOR, IV_TUPLE, IV_STRING, IV_TYPE } IValueKind;

typedef struct IValue {
    IValueKind kind;
    union {
        Scalar scalar;
        HostTensor *tensor;
        const Name *string;
        const Type *type;
    };
    int count; /* TUPLE */
    struct IValue *items;
} IValue;

typedef enum { FLOW_NEXT, FLOW_BREAK, FLOW_CONTINUE, FLOW_RETURN } Flow;

typedef struct Instance { /* a built kernel */
    const Symbol *kernel;
    const char *key;
    HdLoadedModule *module;
} Instance;

typedef struct Interp {
    Arena *arena;
    Compile *session;
    Host *host;
    const CompileOptions *options;
    IValue *env;               /* by symbol id */
    VEC(HostTensor *) tensors; /* made so far; destroyed with the interpreter */
    VEC(Instance) instances;
    HdLoadedModule *plain;  /* every kernel of the file at its defaults */
    IValue result;          /* of `return` */
    uint64_t random, noise; /* the states of what `random` gives, and of what outputs begin with */
    Escape stop;            /* where a failed check or an error leaves to */
    Span where;             /* what failed */
    const char *message;
    bool is_skip;        /* the environment lacks something */
    HostTimingSink sink; /* set while a bench runs: kernel calls are measured */
    void *sink_user;
    const char *title;
    CompileStatus built; /* COMPILE_OK until a module could not be built */
} Interp;

BASE_NORETURN void interp_stop(Interp *in, Span where, const char *fmt, ...) BASE_PRINTF(3, 4);
IValue interp_expr(Interp *in, const Ast *node);
Scalar interp_scalar(Interp *in, const Ast *node);
int64_t interp_int(Interp *in, const Ast *node);
Flow interp_block(Interp *in, const Ast *block);
IValue interp_call(Interp *in, const Ast *node);
IValue interp_kernel(Interp *in, const Ast *node);
HostTensor *interp_new_tensor(Interp *in, Span span, Elem elem, int rank, const int64_t *shape);
const Type *interp_resolve(Interp *in, const Type *type);
Elem interp_elem(Interp *in, const Type *type);
static inline IValue ivalue_scalar(Scalar s)
{
    return (IValue){.kind = IV_SCALAR, .scalar = s};
}
static inline IValue ivalue_tensor(HostTensor *t)
{
    return (IValue){.kind = IV_TENSOR, .tensor = t};
}

Interp *interp_create(Host *host, Compile *session, const CompileOptions *options);
void interp_destroy(Interp *interp);
/* Runs a body; false: in->message and in->where say what failed. */
bool interp_run(Interp *in, const Ast *body);

#endif
