/* Names, lines and statements of C's text. */
#include "target/cfamily.h"

#include <ctype.h>

/* ---- names ----------------------------------------------------------------------------------- */

/* What no name may be: the languages' words and the names that preludes and targets declare. */
static const char *const RESERVED[] = {
    "auto",     "break",    "case",     "char",      "const",     "continue",  "default",
    "do",       "double",   "else",     "enum",      "extern",    "float",     "for",
    "goto",     "if",       "inline",   "int",       "long",      "register",  "restrict",
    "return",   "short",    "signed",   "sizeof",    "static",    "struct",    "switch",
    "typedef",  "typeof",   "union",    "unsigned",  "void",      "volatile",  "while",
    "asm",      "bool",     "true",     "false",     "catch",     "class",     "constexpr",
    "delete",   "explicit", "export",   "friend",    "mutable",   "namespace", "new",
    "noexcept", "nullptr",  "operator", "private",   "protected", "public",    "template",
    "this",     "throw",    "try",      "typeid",    "typename",  "using",     "virtual",
    "alignas",  "alignof",  "and",      "or",        "not",       "xor",       "compl",
    "bitand",   "bitor",    "decltype", "concept",   "requires",  "thread",    "block_x",
    "block_y",  "block_z",  "grid_x",   "grid_y",    "grid_z",    "args",      "begin",
    "end",      "block",    "main",     "threadIdx", "blockIdx",  "blockDim",  "gridDim",
    "warpSize", "linux",    "unix",     "half",      "signbit",   "min",       "max",
    "abs",      "exp",      "log",      "sin",       "cos",       "pow",       "index",
    "y0",       "y1",       "j0",       "j1",        "yn",        "jn",        "memcpy",
    "memset",   "NULL",     "INFINITY", "NAN",       "printf",
};

static uint64_t name_key(const char *name)
{
    return base_hash(name, strlen(name), 0);
}

static bool take(CWriter *w, const char *name)
{
    if (base_map_get(&w->used, name_key(name))) return false;
    base_map_put(&w->used, name_key(name), w);
    return true;
}

/* `want` with only letters, digits and underscores, not beginning as the prelude's names do. */
static char *sanitize(CWriter *w, const char *want)
{
    bool prefix = !isalpha((unsigned char)want[0]) || strncmp(want, "hd_", 3) == 0;
    char *name = base_format(w->kernel->arena, "%s%s", prefix ? "v_" : "", want);
    for (char *p = name; *p; ++p)
        if (!isalnum((unsigned char)*p)) *p = '_';
    return name;
}

const char *cfamily_fresh(CWriter *w, const char *want)
{
    char *name = sanitize(w, want);
    if (take(w, name)) return name;
    for (int n = 2;; ++n) {
        char *other = base_format(w->kernel->arena, "%s_%d", name, n);
        if (take(w, other)) return other;
    }
}

CWriter cfamily_writer(IrKernel *kernel, Sb *out, const CHooks *hooks, void *user, int index_bits)
{
    CWriter w = {.kernel = kernel,
                 .out = out,
                 .hooks = hooks,
                 .user = user,
                 .index_bits = index_bits,
                 .lines = true};
    Arena *arena = kernel->arena;
    w.used = base_map(arena);
    for (size_t i = 0; i < BASE_LEN(RESERVED); ++i) take(&w, RESERVED[i]);
    w.param_names = NEW_ARRAY(arena, const char *, kernel->params.len + 1);
    w.size_names = NEW_ARRAY(arena, const char *, kernel->sizes.len + 1);
    w.tensor_names = NEW_ARRAY(arena, const char *, kernel->tensors.len + 1);
    w.var_names = NEW_ARRAY(arena, const char *, kernel->vars.len + 1);
    for (size_t i = 0; i < kernel->params.len; ++i)
        w.param_names[i] = cfamily_fresh(&w, kernel->params.data[i].name->text);
    for (size_t i = 0; i < kernel->sizes.len; ++i)
        w.size_names[i] = cfamily_fresh(&w, kernel->sizes.data[i]->text);
    for (size_t i = 0; i < kernel->tensors.len; ++i) {
        const IrTensor *t = kernel->tensors.data[i];
        if (t->of) continue;
        w.tensor_names[i] =
            t->space == IR_PARAM ? w.param_names[t->param] : cfamily_fresh(&w, t->name->text);
    }
    for (size_t i = 0; i < kernel->tensors.len; ++i)
        if (kernel->tensors.data[i]->of)
            w.tensor_names[i] = w.tensor_names[kernel->tensors.data[i]->of->id];
    for (size_t i = 0; i < kernel->vars.len; ++i)
        w.var_names[i] = cfamily_fresh(&w, kernel->vars.data[i]->name->text);
    return w;
}

/* ---- lines ----------------------------------------------------------------------------------- */

void cfamily_open(CWriter *w)
{
    base_sb_indent(w->out, w->depth);
}

void cfamily_close(CWriter *w, const char *s)
{
    base_sb_str(w->out, s);
    base_sb_char(w->out, '\n');
    ++w->line;
}

void cfamily_line(CWriter *w, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    cfamily_open(w);
    base_sb_vprintf(w->out, fmt, args);
    cfamily_close(w, "");
    va_end(args);
}

void cfamily_origin(CWriter *w, uint32_t origin)
{
    if (!w->lines || origin == 0 || origin >= w->kernel->origins.len) return;
    Span span = w->kernel->origins.data[origin].span;
    if (span.begin == 0) return;
    Position at = diag_position(w->kernel->diags, span.begin);
    if (!at.source || (at.source == w->line_source && at.line == w->line)) return;
    if (w->brief && at.source == w->line_source && at.line == w->said) return;
    w->said = at.line;
    base_sb_printf(w->out, "#line %u", at.line);
    if (at.source != w->line_source) {
        base_sb_char(w->out, ' ');
        cfamily_string(w->out, at.source->path);
    }
    base_sb_char(w->out, '\n');
    w->line_source = at.source;
    w->line = at.line;
}

/* ---- statements ------------------------------------------------------------------------------ */

void cfamily_block(CWriter *w, const IrBlock *block)
{
    for (size_t i = 0; i < block->stmts.len; ++i) cfamily_stmt(w, block->stmts.data[i]);
}

static void braces(CWriter *w, const IrBlock *block)
{
    ++w->depth;
    cfamily_block(w, block);
    --w->depth;
}

static void let(CWriter *w, const IrStmt *s)
{
    cfamily_open(w);
    if (!s->var->mutable) base_sb_str(w->out, "const ");
    cfamily_type(w, s->var->type);
    base_sb_printf(w->out, " %s", w->var_names[s->var->id]);
    if (s->count > 0) {
        base_sb_str(w->out, " = ");
        cfamily_expr(w, s->args[0], C_ANY);
    }
    cfamily_close(w, ";");
}

static void set(CWriter *w, const IrStmt *s)
{
    cfamily_open(w);
    base_sb_printf(w->out, "%s = ", w->var_names[s->var->id]);
    cfamily_expr(w, s->args[0], C_ANY);
    cfamily_close(w, ";");
}

static void store(CWriter *w, const IrStmt *s)
{
    int count = cfamily_index_count(s->tensor, s->flags);
    const IrExpr *offset = cfamily_offset(w, s->tensor, s->flags, s->args);
    cfamily_open(w);
    if (s->flags & IR_GUARDED) {
        base_sb_str(w->out, "if (");
        cfamily_expr(w, s->args[count + 1], C_ANY);
        base_sb_str(w->out, ") ");
    }
    if (cfamily_is_packed(s->tensor->elem)) {
        const char *name = cfamily_tensor(w, s->tensor, &offset);
        base_sb_printf(w->out, "hd_store_%s(%s, ", vocab_elem(s->tensor->elem)->text, name);
        cfamily_expr(w, offset, C_ANY);
        base_sb_str(w->out, ", ");
        cfamily_expr(w, s->args[count], C_ANY);
        cfamily_close(w, ");");
        return;
    }
    cfamily_element(w, s->tensor, offset);
    base_sb_str(w->out, " = ");
    cfamily_expr(w, s->args[count], C_ANY);
    cfamily_close(w, ";");
}

/* Does the value stay the same while a loop runs? */
static bool may_change(void *user, const IrExpr *e)
{
    (void)user;
    return e->op == IR_LOAD || (e->op == IR_VAR && e->var->mutable);
}

static const char *fixed_bound(CWriter *w, const IrExpr *e, const char *want)
{
    return ir_any(e, may_change, NULL) ? cfamily_fresh(w, want) : NULL;
}

static void loop_bound(CWriter *w, const char *name, const IrExpr *e)
{
    if (!name) return;
    base_sb_printf(w->out, ", %s = ", name);
    cfamily_expr(w, e, C_SELECT);
}

static void for_loop(CWriter *w, const IrStmt *s)
{
    const char *var = w->var_names[s->var->id];
    const char *last = fixed_bound(w, s->args[1], base_format(w->kernel->arena, "%s_end", var));
    const char *by = fixed_bound(w, s->args[2], base_format(w->kernel->arena, "%s_step", var));
    if (s->flags & IR_UNROLL)
        cfamily_line(w, "%s", w->hooks->unroll ? w->hooks->unroll : "HD_UNROLL");
    else if (s->flags & IR_ROLL && w->hooks->roll)
        cfamily_line(w, "%s", w->hooks->roll);
    cfamily_open(w);
    base_sb_str(w->out, "for (");
    cfamily_type(w, s->var->type);
    base_sb_printf(w->out, " %s = ", var);
    cfamily_expr(w, s->args[0], C_SELECT);
    loop_bound(w, last, s->args[1]);
    loop_bound(w, by, s->args[2]);
    base_sb_printf(w->out, "; %s < ", var);
    if (last)
        base_sb_str(w->out, last);
    else
        cfamily_expr(w, s->args[1], C_SHIFT);
    if (ir_is_int(s->args[2], 1)) {
        base_sb_printf(w->out, "; ++%s) {", var);
    } else {
        base_sb_printf(w->out, "; %s += ", var);
        if (by)
            base_sb_str(w->out, by);
        else
            cfamily_expr(w, s->args[2], C_SELECT);
        base_sb_str(w->out, ") {");
    }
    cfamily_close(w, "");
    braces(w, s->body);
    cfamily_line(w, "}");
}

static void if_chain(CWriter *w, const IrStmt *s)
{
    cfamily_open(w);
    for (;;) {
        base_sb_str(w->out, "if (");
        cfamily_expr(w, s->args[0], C_ANY);
        cfamily_close(w, ") {");
        braces(w, s->body);
        if (!s->other || s->other->stmts.len == 0) break;
        const IrStmt *only = s->other->stmts.data[0];
        cfamily_open(w);
        if (s->other->stmts.len == 1 && only->kind == IR_STMT_IF) {
            base_sb_str(w->out, "} else ");
            s = only;
            continue;
        }
        cfamily_close(w, "} else {");
        braces(w, s->other);
        break;
    }
    cfamily_line(w, "}");
}

static void while_loop(CWriter *w, const IrStmt *s)
{
    cfamily_open(w);
    base_sb_str(w->out, "while (");
    cfamily_expr(w, s->args[0], C_ANY);
    cfamily_close(w, ") {");
    braces(w, s->body);
    cfamily_line(w, "}");
}

/* A SCOPE, or a REGION, whose end a LEAVE jumps to. */
static void region(CWriter *w, const IrStmt *s)
{
    cfamily_line(w, "{");
    braces(w, s->body);
    cfamily_line(w, "}");
    if (s->var) cfamily_line(w, "%s: __attribute__((unused));", w->var_names[s->var->id]);
}

void cfamily_stmt(CWriter *w, const IrStmt *s)
{
    cfamily_origin(w, s->origin);
    if (w->hooks->stmt && w->hooks->stmt(w, s)) return;
    if (s->kind == IR_STMT_LET)
        let(w, s);
    else if (s->kind == IR_STMT_SET)
        set(w, s);
    else if (s->kind == IR_STMT_STORE)
        store(w, s);
    else if (s->kind == IR_STMT_FOR)
        for_loop(w, s);
    else if (s->kind == IR_STMT_IF)
        if_chain(w, s);
    else if (s->kind == IR_STMT_WHILE)
        while_loop(w, s);
    else if (s->kind == IR_STMT_REGION || s->kind == IR_STMT_SCOPE)
        region(w, s);
    else if (s->kind == IR_STMT_LEAVE)
        cfamily_line(w, "goto %s;", w->var_names[s->var->id]);
    else if (s->kind == IR_STMT_BREAK)
        cfamily_line(w, "break;");
    else if (s->kind == IR_STMT_CONTINUE)
        cfamily_line(w, "continue;");
    else
        base_internal(base_arena_escape(w->kernel->arena), "no C text for the statement %s",
                      ir_stmt_text(s->kind));
}
