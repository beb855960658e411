/* What scanner, token filter, grammar actions and messages share; private to syntax/ and grammar/.
 *
 * One `Parse` is one run over one source. The scanner (grammar/hd.l) makes tokens, the filter
 * (filter.c) decides where statements end and keeps brackets balanced, the grammar (grammar/hd.y)
 * calls one builder (build.c) an action, and message.c words what did not parse. At most one
 * diagnostic is reported a statement: the first sets `quiet`, the next separator clears it.
 */
#ifndef SYNTAX_PARSE_H
#define SYNTAX_PARSE_H

#include "syntax/ast.h"

enum {
    PARSE_MAX_BRACKETS = 200, /* brackets open at once */
    PARSE_MAX_HEIGHT = 1000,  /* of the tree: bounds the recursion of every later walk */
    PARSE_MAX_ERRORS = 200,   /* a file with more is not worth reading on */
    PARSE_WORD_SLOTS = 512,   /* a power of two, well above the number of words */
};

/* What a token carries besides its kind and span. */
typedef struct Token {
    const Name *name; /* identifiers: the name; strings: the contents; floats: as written */
    union {
        int64_t i;
        double f;
    };
    uint32_t flags; /* AST_U64, AST_QUOTED */
} Token;

/* A list under construction: its kids lie on `Parse.stack` from `start` on. */
typedef struct ListStart {
    size_t start;
} ListStart;

typedef struct Bracket {
    char kind;       /* ( [ {, or s for a set's { */
    uint32_t at;     /* coordinate */
    uint32_t line;   /* offset of its line's start */
    uint32_t indent; /* column of the statement it stands in */
} Bracket;

typedef struct Word {
    const Name *name;
    int token; /* 0: a word of later parts of the language */
    WordClass cls;
    bool reported; /* its use before its time */
} Word;

typedef struct DocAt {
    uint32_t at; /* coordinate of the declaration's first word */
    const Name *text;
} DocAt;

typedef struct Pending {
    int kind;
    Token token;
    Span span;
    Word *word;      /* NULL if it is none */
    bool newline;    /* first on its line */
    bool failed;     /* something was reported at it or before it */
    uint32_t indent; /* column of the first token of its line */
} Pending;

typedef struct Parse {
    Arena *arena;
    Interner *interner;
    Diags *diags;
    const Source *source;
    void *scanner;
    char *text; /* the scanner's copy of the source */
    Word *words[PARSE_WORD_SLOTS];

    /* scanner */
    uint32_t line;      /* offset of the current line's start */
    bool newline;       /* a line ended since the last token */
    bool keep_comments; /* for the formatter: comments are tokens */
    bool cut;           /* the end came inside a comment */
    uint32_t comment_depth, comment_at;
    Sb doc, file_doc; /* `///` lines waiting for a declaration; `//!` lines */
    VEC(DocAt) docs;  /* of declarations not finished yet */

    /* filter */
    int begin;         /* the start token until it is handed out */
    int last;          /* the token handed out last; 0 at first */
    uint32_t last_end; /* where the last real token ended */
    bool has_pending;  /* a scanned token waits behind synthetic ones */
    Pending pending;
    uint32_t indent; /* column of the current statement */
    VEC(Bracket) brackets;
    uint32_t blocks;        /* open `{` of blocks */
    const Name *first_name; /* the statement's first token, if it is a name */
    uint32_t first_end;
    bool needs_block;  /* the statement's first token was `if`, `for` … */
    bool header;       /* between `kernel`, `fn`, `test`, `bench` and its body */
    bool tuning;       /* in a `tune` clause */
    bool for_header;   /* between `for` and its body */
    bool trust_indent; /* second try: braces do not balance, so columns decide */
    bool unbalanced;   /* a block's brace is missing or stray */

    /* errors; what the scanner reports on a new line may belong to the next statement, so it is
     * noted apart and counts when the token it goes on to read is handed out */
    bool scanning, scan_failed;
    bool quiet;          /* something was reported in this statement */
    bool recovering;     /* the parser skips to a separator */
    uint32_t skip_depth; /* `blocks` where it skips */
    bool item_failed;    /* something was reported in this declaration */
    bool spoiled;        /* a word of later parts stood in this statement */
    bool stop;           /* hand out only the end */
    size_t errors;       /* reported by this parse */

    /* tree */
    VEC(Ast *) stack;
    Ast *no_args; /* the empty list that type names share */
    Ast *result;
} Parse;

/* The scanner (grammar/hd.l). `text` ends with two NULs, which `size` counts. */
void syntax_scan_open(Parse *parse, char *text, size_t size);
int syntax_scan(Parse *parse, Token *token, Span *span, void *scanner);
void syntax_scan_doc(Sb *doc, const char *text, size_t len);

/* Words (parse.c): NULL if `name` is none. */
Word *syntax_word(const Parse *parse, const Name *name);
int syntax_token_find(const char *alias); /* in the grammar; 0 if it knows none */

/* The filter, told by the grammar where the parser stands: past a block's `{`, or past the
 * separator after a statement (whose nodes lie on the list stack already) or a declaration. A use
 * of a word for later parts turns either into an Error. Each returns the list it was given. */
ListStart syntax_enter_block(Parse *parse);
ListStart syntax_add_nothing(Parse *parse, ListStart list);
ListStart syntax_add_error(Parse *parse, ListStart list, Span span);
ListStart syntax_add_statement(Parse *parse, ListStart list, ListStart statement, Span span);
ListStart syntax_add_item(Parse *parse, ListStart list, Ast *item);
/* What ends a statement's line, and what continues it, by token. */
bool syntax_ends_statement(int token);
bool syntax_continues_statement(int token);

/* Errors; `syntax_error` returns NULL if this statement has its diagnostic already. */
Diag *syntax_error(Parse *parse, DiagCode code, Span span, const char *arg0, const char *arg1);
void syntax_too_deep(Parse *parse, Span span, int levels);
void syntax_unexpected(Parse *parse, Span span, const char *found, size_t count,
                       const char *const *expected);
void syntax_bad_character(Parse *parse, const char *text, size_t len, Span span);

/* Literals: a token's value from its text (literal.c). */
void syntax_int(Parse *parse, const char *text, size_t len, Span span, Token *out);
void syntax_float(Parse *parse, const char *text, size_t len, Span span, Token *out);
void syntax_string(Parse *parse, const char *text, size_t len, Span span, Token *out);

#endif
