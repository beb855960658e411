/* Compile-time tests of types: in `if T == f64 { … }` the name T means f64 inside the branch.
 *
 * While such a branch is checked, every type that enters an expression goes through
 * `sema_resolve`, so that the rest of the checker never meets the narrowed variable.
 */
#include "sema/internal.h"

static void narrow_pair(Sema *s, const Ast *left, const Ast *right)
{
    if (!left->type || !right->type) return;
    if (left->type->kind != TYPE_TYPE || right->type->kind != TYPE_TYPE) return;
    const Type *a = left->type->of, *b = right->type->of;
    if (a->kind != TYPE_VAR && b->kind == TYPE_VAR) {
        const Type *swap = a;
        a = b;
        b = swap;
    }
    if (a->kind == TYPE_VAR && a != b) VEC_PUSH(s->arena, s->narrowings, (Narrowing){a->symbol, b});
}

/* What `cond` being `truth` says about type parameters. */
void sema_narrow(Sema *s, const Ast *cond, bool truth)
{
    if (cond->kind == AST_Unary && cond->op == OP_NOT) {
        sema_narrow(s, KID(cond, Unary, operand), !truth);
        return;
    }
    if (cond->kind != AST_Binary) return;
    if (cond->op == (truth ? OP_AND : OP_OR)) {
        sema_narrow(s, KID(cond, Binary, left), truth);
        sema_narrow(s, KID(cond, Binary, right), truth);
    } else if (cond->op == (truth ? OP_EQ : OP_NE)) {
        narrow_pair(s, KID(cond, Binary, left), KID(cond, Binary, right));
    }
}

typedef struct Narrowed {
    Sema *s;
    size_t first;
} Narrowed;

static const Type *narrowed(void *user, const Symbol *var)
{
    const Narrowed *n = user;
    for (size_t i = n->first; i < n->s->narrowings.len; i++)
        if (n->s->narrowings.data[i].var == var) return n->s->narrowings.data[i].type;
    return NULL;
}

/* `type` under the narrowings from number `first` on. */
const Type *sema_resolve_from(Sema *s, const Type *type, size_t first)
{
    if (s->narrowings.len <= first) return type;
    return sema_substitute(&s->program, type, narrowed, &(Narrowed){s, first});
}

const Type *sema_resolve(Sema *s, const Type *type)
{
    return sema_resolve_from(s, type, 0);
}
