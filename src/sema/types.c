/* Types: hash-consing, classes of element types, texts. */
#include "sema/internal.h"

static uint64_t type_hash(const Type *proto)
{
    uint64_t words[] = {(uint64_t)proto->kind,
                        (uint64_t)proto->elem,
                        (uint64_t)proto->lanes,
                        (uint64_t)proto->rank,
                        (uint64_t)proto->space * 2 + proto->writable,
                        base_key(proto->of),
                        base_key(proto->symbol),
                        (uint64_t)proto->count};
    uint64_t hash = base_hash(words, sizeof words, 0);
    if (!proto->count) return hash;
    return base_hash(proto->items, (size_t)proto->count * sizeof *proto->items, hash);
}

static bool type_equals(const Type *a, const Type *b)
{
    if (a->kind != b->kind || a->elem != b->elem || a->lanes != b->lanes || a->rank != b->rank ||
        a->space != b->space || a->writable != b->writable || a->of != b->of ||
        a->symbol != b->symbol || a->count != b->count)
        return false;
    return !a->count || memcmp(a->items, b->items, (size_t)a->count * sizeof *a->items) == 0;
}

static const Type *make(Sema *s, const Type *proto)
{
    uint64_t hash = type_hash(proto);
    TypeNode *first = base_map_get(&s->types, hash);
    for (TypeNode *node = first; node; node = node->next)
        if (type_equals(&node->type, proto)) return &node->type;
    TypeNode *node = NEW(s->arena, TypeNode);
    node->type = *proto;
    if (proto->count)
        node->type.items =
            base_copy(s->arena, proto->items, (size_t)proto->count * sizeof *proto->items);
    node->type.id = ++s->type_count;
    node->next = first;
    base_map_put(&s->types, hash, node);
    return &node->type;
}

/* A type outside the table, equal only to itself. */
static const Type *unique(Sema *s, TypeKind kind)
{
    Type *type = NEW(s->arena, Type);
    type->kind = kind;
    type->id = ++s->type_count;
    return type;
}

void sema_types_init(Sema *s)
{
    s->types = base_map(s->arena);
    for (int elem = ELEM_NONE + 1; elem < ELEM_COUNT; elem++)
        s->scalar[elem] = make(s, &(Type){.kind = TYPE_SCALAR, .elem = (Elem)elem});
    s->index = s->scalar[ELEM_INDEX];
    s->boolean = s->scalar[ELEM_BOOL];
    s->poison = make(s, &(Type){.kind = TYPE_POISON});
    s->none = make(s, &(Type){.kind = TYPE_VOID});
    s->mapping = make(s, &(Type){.kind = TYPE_MAPPING});
    s->group = make(s, &(Type){.kind = TYPE_GROUP});
    s->string = make(s, &(Type){.kind = TYPE_STRING});
    s->range = make(s, &(Type){.kind = TYPE_RANGE});
    s->module_type = make(s, &(Type){.kind = TYPE_MODULE});
    s->mbarrier = make(s, &(Type){.kind = TYPE_MBARRIER});
    s->barrier = make(s, &(Type){.kind = TYPE_BARRIER});
    s->literal_int = unique(s, TYPE_SCALAR);
    s->literal_float = unique(s, TYPE_SCALAR);
}

bool sema_type_is_barrier(const Type *type)
{
    return type->kind == TYPE_MBARRIER || type->kind == TYPE_BARRIER;
}

const Type *sema_scalar(Program *program, Elem elem)
{
    return ((Sema *)program)->scalar[elem];
}

const Type *sema_type_vector(Sema *s, const Type *of, int lanes)
{
    return make(s, &(Type){.kind = TYPE_VECTOR, .of = of, .lanes = lanes});
}

const Type *sema_type_tensor(Sema *s, const Type *of, int rank, Space space, bool writable)
{
    return make(
        s,
        &(Type){.kind = TYPE_TENSOR, .of = of, .rank = rank, .space = space, .writable = writable});
}

const Type *sema_type_list(Sema *s, TypeKind kind, const Type *of, int count,
                           const Type *const *items)
{
    return make(s, &(Type){.kind = kind, .of = of, .count = count, .items = items});
}

const Type *sema_type_of(Sema *s, TypeKind kind, const Type *of)
{
    return make(s, &(Type){.kind = kind, .of = of});
}

const Type *sema_type_var(Sema *s, const Symbol *symbol)
{
    return make(s, &(Type){.kind = TYPE_VAR, .symbol = symbol});
}

const Type *sema_type_readonly(Sema *s, const Type *type)
{
    if (type->kind != TYPE_TENSOR || !type->writable) return type;
    return sema_type_tensor(s, type->of, type->rank, type->space, false);
}

/* ---- classes ------------------------------------------------------------------------------- */

unsigned sema_type_mask(const Type *type)
{
    if (type->kind == TYPE_SCALAR && type->elem) return 1u << vocab_elem(type->elem)->cls;
    if (type->kind == TYPE_VAR) return ((const GenericSymbol *)type->symbol)->mask;
    return type->kind == TYPE_VECTOR ? MASK_VECTOR : 0;
}

bool sema_type_within(const Type *type, unsigned mask)
{
    if (type->kind == TYPE_POISON) return true;
    unsigned have = sema_type_mask(type);
    return have && !(have & ~mask);
}

bool sema_type_literal(const Sema *s, const Type *type)
{
    return type == s->literal_int || type == s->literal_float;
}

const Type *sema_type_element(const Type *type)
{
    if (type->kind == TYPE_TENSOR && type->space == SPACE_REG) type = type->of;
    return type->kind == TYPE_VECTOR ? type->of : type;
}

const char *sema_mask_text(unsigned mask)
{
    switch (mask) {
    case MASK_BOOL:
        return "bool";
    case MASK_SINT:
        return "a signed integer type";
    case MASK_UINT:
        return "an unsigned integer type";
    case MASK_FLOAT:
        return "a floating-point type";
    case MASK_INDEX:
        return "index";
    case MASK_INT:
        return "an integer type";
    case MASK_NUM:
        return "a numeric type";
    case MASK_SCALAR:
        return "a scalar type";
    default:
        return "an element type";
    }
}

bool sema_same(const Type *a, const Type *b)
{
    if (a == b || a->kind == TYPE_POISON || b->kind == TYPE_POISON) return true;
    return a->kind == TYPE_TENSOR && b->kind == TYPE_TENSOR && a->rank == b->rank &&
           a->space == b->space && sema_same(a->of, b->of);
}

/* Of a function type: no part of the declaration was in error. */
bool sema_type_sound(const Type *fn)
{
    for (int i = 0; i < fn->count; i++)
        if (fn->items[i]->kind == TYPE_POISON) return false;
    return fn->kind != TYPE_POISON && (!fn->of || fn->of->kind != TYPE_POISON);
}

/* ---- substitution -------------------------------------------------------------------------- */

typedef const Type *(*BindingOf)(void *, const Symbol *);

static const Type *substitute_items(Sema *s, const Type *type, BindingOf binding, void *user)
{
    Program *program = &s->program;
    const Type *of = type->of ? sema_substitute(program, type->of, binding, user) : NULL;
    const Type *few[8];
    size_t count = (size_t)type->count;
    const Type **items = count <= BASE_LEN(few) ? few : NEW_ARRAY(s->arena, const Type *, count);
    bool changed = of != type->of;
    for (size_t i = 0; i < count; i++) {
        items[i] = sema_substitute(program, type->items[i], binding, user);
        changed |= items[i] != type->items[i];
    }
    if (!changed) return type;
    Type proto = *type;
    proto.of = of;
    proto.items = items;
    proto.id = 0;
    return make(s, &proto);
}

const Type *sema_substitute(Program *program, const Type *type, BindingOf binding, void *user)
{
    if (type->kind == TYPE_VAR) {
        const Type *bound = binding(user, type->symbol);
        return bound ? bound : type;
    }
    if (!type->of && !type->count) return type;
    return substitute_items((Sema *)program, type, binding, user);
}

/* ---- texts --------------------------------------------------------------------------------- */

static void type_text(Sb *out, const Type *type);

static void list_text(Sb *out, const Type *type)
{
    base_sb_char(out, '(');
    for (int i = 0; i < type->count; i++) {
        if (i) base_sb_str(out, ", ");
        type_text(out, type->items[i]);
    }
    base_sb_char(out, ')');
}

static void tensor_text(Sb *out, const Type *type)
{
    static const char *const spaces[] = {[SPACE_GLOBAL] = "",
                                         [SPACE_SHARED] = "shared ",
                                         [SPACE_REG] = "reg ",
                                         [SPACE_TABLE] = "const ",
                                         [SPACE_HOST] = ""};
    base_sb_str(out, spaces[type->space]);
    type_text(out, type->of);
    base_sb_char(out, '[');
    for (int i = 0; i < type->rank; i++) base_sb_str(out, i ? ", _" : "_");
    base_sb_char(out, ']');
}

static void fn_text(Sb *out, const Type *type)
{
    base_sb_str(out, "fn");
    list_text(out, type);
    if (!type->of || type->of->kind == TYPE_VOID) return;
    base_sb_str(out, " -> ");
    type_text(out, type->of);
}

static void type_text(Sb *out, const Type *type)
{
    switch (type->kind) {
    case TYPE_POISON:
        base_sb_str(out, "unknown");
        break;
    case TYPE_VOID:
        base_sb_str(out, "nothing");
        break;
    case TYPE_SCALAR:
        base_sb_str(out, type->elem ? vocab_elem(type->elem)->text : "a literal");
        break;
    case TYPE_VECTOR:
        type_text(out, type->of);
        base_sb_printf(out, "x%d", type->lanes);
        break;
    case TYPE_VAR:
        base_sb_str(out, type->symbol->name->text);
        break;
    case TYPE_TUPLE:
        list_text(out, type);
        break;
    case TYPE_TENSOR:
        tensor_text(out, type);
        break;
    case TYPE_MAPPING:
        base_sb_str(out, "mapping");
        break;
    case TYPE_FN:
        fn_text(out, type);
        break;
    case TYPE_GROUP:
        base_sb_str(out, "group");
        break;
    case TYPE_STRING:
        base_sb_str(out, "string");
        break;
    case TYPE_RANGE:
        base_sb_str(out, "range");
        break;
    case TYPE_MODULE:
        base_sb_str(out, "module");
        break;
    case TYPE_TYPE:
        base_sb_str(out, "type ");
        type_text(out, type->of);
        break;
    case TYPE_WINDOW:
        base_sb_str(out, "window");
        break;
    case TYPE_MBARRIER:
        base_sb_str(out, "mbarrier");
        break;
    case TYPE_BARRIER:
        base_sb_str(out, "barrier");
        break;
    }
}

char *sema_type_text(Arena *arena, const Type *type)
{
    Sb out = base_sb(arena);
    type_text(&out, type);
    return base_sb_text(&out);
}

const char *sema_text(Sema *s, const Type *type)
{
    if (type == s->literal_int) return "an integer literal";
    if (type == s->literal_float) return "a floating-point literal";
    return sema_type_text(s->arena, type);
}
