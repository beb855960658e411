/* What the files of sema/ offer each other. Functions that take an expression write its type. */
#ifndef SEMA_INTERNAL_H
#define SEMA_INTERNAL_H

#include "sema/state.h"

/* ---- types.c ---- */
void sema_types_init(Sema *s);
const Type *sema_type_vector(Sema *s, const Type *of, int lanes);
const Type *sema_type_tensor(Sema *s, const Type *of, int rank, Space space, bool writable);
const Type *sema_type_list(Sema *s, TypeKind kind, const Type *of, int count,
                           const Type *const *items);
const Type *sema_type_of(Sema *s, TypeKind kind, const Type *of);
const Type *sema_type_var(Sema *s, const Symbol *symbol);
const Type *sema_type_readonly(Sema *s, const Type *type);
unsigned sema_type_mask(const Type *type);
bool sema_type_within(const Type *type, unsigned mask); /* poison is within every mask */
bool sema_type_literal(const Sema *s, const Type *type);
bool sema_type_is_barrier(const Type *type);     /* an mbarrier, or one of the hardware */
const Type *sema_type_element(const Type *type); /* of a vector or register tile; else itself */
bool sema_type_sound(const Type *fn);            /* no poison in a function type */
const char *sema_mask_text(unsigned mask);       /* "an integer type" */
const char *sema_text(Sema *s, const Type *type);

/* ---- scope.c ---- */
void sema_scope_open(Sema *s);
void sema_scope_close(Sema *s);
void sema_scope_clear(Sema *s);
Symbol *sema_symbol_new(Sema *s, SymbolKind kind, Ast *decl, const Name *name, Span span,
                        const Type *type);
/* Binds in the innermost scope; reports a second binding of the name there. */
void sema_bind(Sema *s, Symbol *symbol);
Symbol *sema_declare(Sema *s, SymbolKind kind, Ast *decl, const Name *name, Span span,
                     const Type *type);
Symbol *sema_lookup_local(Sema *s, const Name *name);
Symbol *sema_lookup(Sema *s, const Name *name); /* locals, module, prelude; NULL */
const Type *sema_lookup_type(Sema *s, const Name *name);
void sema_unknown(Sema *s, DiagCode code, const Name *name, Span span);
/* Notes what a word of CUDA or C, or a name of the library, is here; false if it is neither. */
bool sema_hint(Sema *s, Diag *diag, const Name *name, bool type);
void sema_suggest_public(Sema *s, Diag *diag, const Name *name, const Module *module);
void sema_prelude_init(Sema *s);
void sema_mention(Sema *s, Symbol *symbol, Span span); /* marks it used; an edge if it is an item */

/* ---- module.c ---- */
ModuleState *sema_module_load(Sema *s, Ast *import, ModuleState *importer);

/* ---- item.c, signature.c ---- */
void sema_items_declare(Sema *s, ModuleState *state);
void sema_items_check(Sema *s, ModuleState *state);
void sema_const_resolve(Sema *s, Item *item);
void sema_signature(Sema *s, Item *item);
void sema_signature_check(Sema *s, Item *item);
void sema_instruction(Sema *s, const Ast *fn); /* a function whose body is a string */
void sema_mapping_decl(Sema *s, Ast *decl);

/* ---- typenode.c ---- */
const Type *sema_type_node(Sema *s, Ast *node);
/* Extents, `over` and layout of a tensor type. */
void sema_type_parts(Sema *s, Ast *node);
void sema_layout(Sema *s, Ast *layout);
void sema_index_list(Sema *s, Ast *list);

/* ---- expr.c, operator.c, literal.c, access.c ---- */
const Type *sema_infer(Sema *s, Ast *e); /* maybe a literal type: settle or adapt it */
const Type *sema_value(Sema *s, Ast *e); /* settled, and a value */
const Type *sema_settle(Sema *s, Ast *e, const Type *type);
bool sema_literal_is_integer(const Ast *e); /* an operator of integers makes it no float's */
const Type *sema_settle_pair(Sema *s, Ast *a, Ast *b);
void sema_expect(Sema *s, Ast *e, const Type *want);
/* Makes `e` of type `have` a `want`; false after reporting. */
bool sema_adapt(Sema *s, Ast *e, const Type *have, const Type *want);
bool sema_adapts(Sema *s, const Type *have, const Type *want); /* would a literal type adapt? */
void sema_mismatch(Sema *s, Ast *e, const Type *have, const Type *want);
/* Is `e` a constant declared without a type? Then it could be declared as a `want`. */
void sema_note_const(Sema *s, Diag *diag, const Ast *e, const Type *want);
void sema_index(Sema *s, Ast *e);
void sema_condition(Sema *s, Ast *e, const char *what);
void sema_mapping_expr(Sema *s, Ast *e);
bool sema_same(const Type *a, const Type *b); /* equal, but for writability; poison is equal */
bool sema_is_value(const Type *type);
const Type *sema_not_a_value(Sema *s, Ast *e, const Type *type);
const Type *sema_symbol_type(Sema *s, Ast *e, Symbol *symbol);
const Type *sema_operand_error(Sema *s, Ast *at, const char *name, const char *needs,
                               const Type *found);
const Type *sema_infer_unary(Sema *s, Ast *e);
const Type *sema_infer_binary(Sema *s, Ast *e);
const Type *sema_operate(Sema *s, Ast *at, Op op, Ast *left, const Type *lt, Ast *right,
                         const Type *rt);
const Type *sema_operator_on(Sema *s, Op op, const Type *type); /* NULL if not defined */
const Type *sema_infer_index(Sema *s, Ast *e);
const Type *sema_infer_at(Sema *s, Ast *e);
const Type *sema_infer_else(Sema *s, Ast *e);
const Type *sema_infer_member(Sema *s, Ast *e);
/* Is `member` of the form `math.exp`? Then `*out` is the symbol, NULL after reporting. */
bool sema_module_member(Sema *s, Ast *member, Symbol **out);
const Type *sema_method(Sema *s, Ast *call, Ast *member);

/* ---- narrow.c ---- */
void sema_narrow(Sema *s, const Ast *cond, bool truth);
const Type *sema_resolve(Sema *s, const Type *type);
const Type *sema_resolve_from(Sema *s, const Type *type, size_t first);

/* ---- call.c, convert.c, generic.c, builtin.c ---- */
const Type *sema_infer_call(Sema *s, Ast *e);
CallInfo *sema_call_info(Sema *s, Ast *call, CallKind kind);
bool sema_arity(Sema *s, Ast *call, const char *name, size_t min, size_t max);
void sema_poison_args(Sema *s, Ast *call);
const char *sema_plural(Sema *s, size_t count, const char *noun);
const Type *sema_call_fn(Sema *s, Ast *call, Symbol *fn, Ast *brackets);
const Type *sema_call_fn_value(Sema *s, Ast *call, Symbol *fn);
const Type *sema_call_operator(Sema *s, Ast *call, Symbol *fn);
const Type *sema_call_mapping(Sema *s, Ast *call, Symbol *mapping);
bool sema_writable(Sema *s, Ast *e, const Type *type); /* reports a read-only tensor */
const Type *sema_call_kernel(Sema *s, Ast *call, Symbol *kernel, Ast *brackets);
const Type *sema_call_builtin(Sema *s, Ast *call, Builtin builtin, Ast *brackets);
const Type *sema_call_atomic(Sema *s, Ast *call, Builtin builtin);
const Type *sema_call_machine(Sema *s, Ast *call, Builtin builtin);
/* The result of a built-in as a function value on `count` arguments of `types`; NULL if none. */
const Type *sema_builtin_on(Sema *s, Builtin builtin, int count, const Type *const *types);

typedef struct Inference {
    Binding *bindings;
    int count;
} Inference;
Inference sema_inference(Sema *s, Ast *generics);
bool sema_unify(Sema *s, Inference *inference, const Type *pattern, const Type *actual);
const Type *sema_inferred(Sema *s, const Inference *inference, const Type *type);
bool sema_bind_brackets(Sema *s, Inference *inference, Ast *brackets, const char *callee);
bool sema_generics_known(Sema *s, Inference *inference, Ast *call, const char *callee);
/* Checks a name used as a function value against the function type `want`. */
bool sema_fn_value(Sema *s, Ast *value, const Type *want);
/* The symbol if `e` names a function, operator or built-in; else NULL. Binds `e->symbol`. */
Symbol *sema_fn_named(Sema *s, Ast *e);
const Type *sema_fn_type_of(Sema *s, Symbol *symbol); /* where it is fixed; else NULL */

/* ---- stmt.c, loop.c ---- */
void sema_block(Sema *s, Ast *block);
void sema_stmt(Sema *s, Ast *stmt);
void sema_for(Sema *s, Ast *stmt);
void sema_on(Sema *s, Ast *stmt);
void sema_check_alone(Sema *s, const Ast *name, Special special);
void sema_group(Sema *s, Ast *group);
void sema_assign(Sema *s, Ast *stmt);
bool sema_returns(const Ast *stmt);
bool sema_needs_device(Sema *s, Ast *node, const char *what);

/* ---- cycles.c, unused.c ---- */
void sema_cycles(Sema *s);
void sema_unused(Sema *s);

#endif
