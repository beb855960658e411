/* The checker's state: symbols with what only the checker knows, scopes, the module in hand. */
#ifndef SEMA_STATE_H
#define SEMA_STATE_H

#include "sema/sema.h"

/* ---- classes of element types, as sets: a bound is the set it admits --------------------- */
enum {
    MASK_BOOL = 1 << CLASS_BOOL,
    MASK_SINT = 1 << CLASS_SINT,
    MASK_UINT = 1 << CLASS_UINT,
    MASK_FLOAT = 1 << CLASS_FLOAT,
    MASK_INDEX = 1 << CLASS_INDEX,
    MASK_VECTOR = 1 << 5,
    MASK_INT = MASK_SINT | MASK_UINT | MASK_INDEX,
    MASK_NUM = MASK_INT | MASK_FLOAT,
    MASK_SCALAR = MASK_NUM | MASK_BOOL,
    MASK_ANY = MASK_SCALAR | MASK_VECTOR,
};

/* A symbol of a generic type parameter knows its bound. */
typedef struct GenericSymbol {
    Symbol symbol;
    unsigned mask;  /* of a type parameter */
    bool inferable; /* of an integer or mapping parameter: some parameter's type mentions it */
} GenericSymbol;

/* One mention of a function, constant or mapping in the body of another item. */
typedef struct Edge {
    struct Item *to;
    Span span;
} Edge;

typedef enum { ITEM_NEW, ITEM_BUSY, ITEM_DONE } ItemState;

/* A top-level declaration. `locals` are the names its signature binds, in order: generics, tunes,
 * parameters, sizes. */
typedef struct Item {
    Symbol symbol;
    VEC(Symbol *) locals;
    VEC(Edge) edges;
    ItemState state;  /* of a constant's type */
    ItemState walked; /* by the search for cycles */
    bool cyclic;      /* a circle through it is reported */
    uint32_t fault;   /* where something in it first did not parse; 0 */
} Item;

/* Where an expression or statement stands: decides which names and statements mean something. */
typedef enum { PLACE_CONST, PLACE_CLAUSE, PLACE_FN, PLACE_KERNEL, PLACE_TEST } Place;

typedef struct Local {
    Symbol *symbol;
    struct Local *outer; /* the binding this one hides */
    uint32_t depth;
} Local;

/* Names bound in the bodies being checked. Emptied after each item at a cost of the slots used. */
typedef struct Scope {
    struct ScopeSlot {
        const Name *name;
        Local *local;
    } * slots;
    uint32_t slot_count;
    VEC(uint32_t) used_slots;
    VEC(const Name *) trail; /* bound names, innermost last */
    VEC(uint32_t) marks;     /* length of the trail where each open scope began */
} Scope;

typedef struct Narrowing {
    const Symbol *var;
    const Type *type;
} Narrowing;

typedef struct TypeNode {
    Type type;
    struct TypeNode *next; /* same hash */
} TypeNode;

/* An imported name of a module, for the warning about unused ones. */
typedef struct Imported {
    Ast *node; /* the Name, or the Import */
    const Symbol *symbol;
    bool used;
} Imported;

typedef struct ModuleState {
    Module module;
    bool loading;
    bool broken;          /* a declaration did not parse: unknown names may be its fault */
    Map imported;         /* name -> Imported */
    VEC(uint32_t) faults; /* where the text did not parse, ascending */
    struct ModuleState *importer;
} ModuleState;

typedef struct Sema {
    Program program; /* first: a Program is its Sema */
    Arena *arena;
    Diags *diags;
    SemaLibrary library;
    void *library_user;
    Map modules; /* interned identity -> ModuleState */
    ModuleState *module;

    Map types; /* hash -> TypeNode chain */
    uint32_t type_count;
    const Type *scalar[ELEM_COUNT];
    const Type *poison, *none, *mapping, *group, *string, *range, *module_type, *mbarrier, *barrier;
    const Type *literal_int, *literal_float; /* of literals that have not met a type */
    const Type *index, *boolean;

    Map prelude;       /* name -> Symbol: built-ins, operators, specials */
    Map prelude_types; /* name -> Type */
    Scope scope;
    Map unknown; /* name -> Item in which it was reported */
    int suggestions;

    Item *item;
    Ast *owner;
    Place place;
    const Type *result; /* of the function being checked */
    int loops;
    int lone;                /* the statement's group is one warp: 32, one warpgroup: 128; else 0 */
    bool broken;             /* a statement of this body did not parse */
    bool wants_instructions; /* `mma` is used: stdlib/mma must be there */
    VEC(Narrowing) narrowings;
    VEC(Symbol *) watched; /* variables, for the warning about unused ones */
    VEC(Item *) items;
} Sema;

#endif
