/* Levels: the number of threads that must come to a statement together, because of the barriers
 * and collectives in it. What may jump past one of them must be decided together, too. */
#include "pass/fission.h"

typedef struct Frame {
    const struct Frame *outer;
    const IrStmt *owner; /* whose body the block is; NULL: the kernel */
    const IrBlock *block;
    size_t at;
} Frame;

static int64_t larger(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

int64_t fission_level(const Fission *f, const IrStmt *s)
{
    uintptr_t level = (uintptr_t)base_map_get(&f->levels, base_key(s));
    return level ? (int64_t)level : 1;
}

void fission_set_level(Fission *f, const IrStmt *s, int64_t level)
{
    base_map_put(&f->levels, base_key(s), (void *)(uintptr_t)level);
}

static int64_t own_level(const Fission *f, const IrStmt *s)
{
    if (s->flags & IR_ONCE) return f->k->block_size;
    if (s->kind == IR_STMT_COLLECTIVE) return s->builtin == BUILTIN_UNIFORM ? s->imm : 32;
    if (s->kind != IR_STMT_BARRIER) return 1;
    if (s->scope == IR_SCOPE_WARP) return 32;
    return s->scope == IR_SCOPE_GROUP ? s->imm : f->k->block_size;
}

static int64_t block_level(const Fission *f, const IrBlock *block, size_t from)
{
    int64_t level = 1;
    for (size_t i = from; block && i < block->stmts.len; i++)
        level = larger(level, fission_level(f, block->stmts.data[i]));
    return level;
}

/* From barriers and collectives alone. A role in which threads meet is a piece of the whole group
 * around it, `count` threads: smaller groups of those do not know statically whether they run it.
 */
static void raw_levels(Fission *f, IrBlock *block, int64_t count)
{
    for (size_t i = 0; block && i < block->stmts.len; i++) {
        IrStmt *s = block->stmts.data[i];
        bool role = s->kind == IR_STMT_ROLE;
        raw_levels(f, s->body, role ? s->imm2 : count);
        raw_levels(f, s->other, count);
        int64_t level = larger(block_level(f, s->body, 0), block_level(f, s->other, 0));
        if (role && level > 1) level = count;
        fission_set_level(f, s, larger(level, own_level(f, s)));
    }
}

static bool is_loop(const IrStmt *s)
{
    return s && (s->kind == IR_STMT_FOR || s->kind == IR_STMT_WHILE || s->kind == IR_STMT_TASKS);
}

/* What stands between a jump and its target's end. */
static int64_t jump_level(const Fission *f, const IrStmt *jump, const Frame *frame)
{
    int64_t level = 1;
    for (; frame && frame->owner; frame = frame->outer) {
        level = larger(level, block_level(f, frame->block, frame->at + 1));
        bool loop = is_loop(frame->owner);
        if (jump->kind != IR_STMT_LEAVE) {
            if (loop) return larger(level, fission_level(f, frame->owner));
        } else if (frame->owner->kind == IR_STMT_REGION && frame->owner->var == jump->var) {
            return level;
        } else if (loop) {
            level = larger(level, fission_level(f, frame->owner));
        }
    }
    return level;
}

static int64_t jumps(Fission *f, const IrBlock *block, const IrStmt *owner, const Frame *outer)
{
    int64_t level = 1;
    for (size_t i = 0; block && i < block->stmts.len; i++) {
        const IrStmt *s = block->stmts.data[i];
        Frame frame = {outer, owner, block, i};
        int64_t own = 1;
        if (s->kind == IR_STMT_LEAVE || s->kind == IR_STMT_BREAK || s->kind == IR_STMT_CONTINUE)
            own = jump_level(f, s, &frame);
        own = larger(own, jumps(f, s->body, s, &frame));
        own = larger(own, jumps(f, s->other, s, &frame));
        if (own > fission_level(f, s)) fission_set_level(f, s, own);
        level = larger(level, own);
    }
    return level;
}

void fission_find_levels(Fission *f, IrBlock *block)
{
    raw_levels(f, block, f->k->block_size);
    jumps(f, block, NULL, NULL);
}
