/* The grammar of the .hd language. LALR(1) without conflicts; each action calls one builder.
 * Line ends arrive as SEP from the token filter (src/syntax/filter.c), which also puts one before
 * every block's `}` and before the end, and which tells a set's `{` (SET_OPEN) from a block's. */
%require "3.8"
%define api.pure full
%define api.prefix {hd_yy}
%define api.token.prefix {TOK_}
%define api.location.type {Span}
%define parse.error custom
%define lr.default-reduction consistent
%expect 0
%locations
%param {struct Parse *parse}

%code requires {
#include "syntax/parse.h"
}
%code provides {
int hd_yylex(HD_YYSTYPE *value, Span *span, Parse *parse);
}
%code {
#include "syntax/build.h"

#define YYSTACK_USE_ALLOCA 0
#define YYMALLOC(size) base_alloc(parse->arena, (size_t)(size))
#define YYFREE(data) ((void)(data))
#define YYINITDEPTH 400
#define YYMAXDEPTH 20000
#define YYLLOC_DEFAULT(current, rhs, n) ((current) = syntax_span(rhs, n))

/* From the first to the last symbol that is not empty. */
static inline Span syntax_span(const Span *rhs, int n)
{
    if (n == 0) return (Span){rhs[0].end, rhs[0].end};
    int first = 1, last = n;
    while (first < n && rhs[first].begin == rhs[first].end) first++;
    while (last > first && rhs[last].begin == rhs[last].end) last--;
    return (Span){rhs[first].begin, rhs[last].end};
}

static void hd_yyerror(const Span *span, Parse *parse, const char *text);
}

/* Every member is as wide as the union: a narrow store that a wide copy follows stalls. */
%union {
    const Name *name;
    Ast *node;
    ListStart list;
    uint64_t flags;
    uint64_t op;
}

/* Whatever error recovery throws away must leave the list stack as it was. */
%destructor { syntax_list_drop(parse, $$); } <list>

%token END 0 "the end of the file"
%token START_FILE "a file" START_EXPR "an expression alone"
%token SEP "the end of the line"
%token COMMENT "a comment"
%token <name> NAME "a name"
%token <name> ATTRIBUTE "an attribute"
%token <node> INT "an integer" FLOAT "a number" STRING "a string"
%token <name> HOLE "_"
%token LPAREN "(" RPAREN ")" LBRACKET "[" RBRACKET "]" LBRACE "{" RBRACE "}" SET_OPEN "a set"
%token COMMA "," SEMI ";" COLON ":" QUESTION "?" DOT "." ARROW "->"
%token ASSIGN "=" ASSIGN_ADD "+=" ASSIGN_SUB "-=" ASSIGN_MUL "*=" ASSIGN_DIV "/=" ASSIGN_MOD "%="
%token ASSIGN_AND "&=" ASSIGN_OR "|=" ASSIGN_XOR "^=" ASSIGN_SHL "<<=" ASSIGN_SHR ">>="
%token OROR "||" ANDAND "&&" EQ "==" NE "!=" LT "<" LE "<=" GT ">" GE ">="
%token BITOR "|" BITXOR "^" BITAND "&" SHL "<<" SHR ">>"
%token PLUS "+" MINUS "-" STAR "*" SLASH "/" PERCENT "%" NOT "!" TILDE "~"

%token IMPORT "import" PUB "pub" CONST "const" FN "fn" KERNEL "kernel" MAPPING "mapping"
%token TEST "test" BENCH "bench"
%token LET "let" VAR "var" SHARED "shared" REG "reg" FOR "for" UNROLL "unroll" WHILE "while"
%token IF "if" ELSE "else" BREAK "break" CONTINUE "continue" RETURN "return" SYNC "sync"
%token AWAIT "await" SCOPE "scope" ASSERT "assert" PRINT "print" CHECK "check"
%token ON "on" IN "in" OVER "over" WITHIN "within" WHERE "where" TUNE "tune" LAUNCH "launch"
%token REQUIRE "require" LAYOUT "layout" OUT "out" INOUT "inout" PIPELINE "pipeline" REGS "regs"
%token <node> TRUE "true" FALSE "false" INF "inf" NAN "nan"
/* contextual: free as names */
%token <name> AS "as" AT "at" ORDER "order" GRID "grid" RESIDENT "resident" RANDOM "random"
%token <name> ZERO "zero" THREAD "thread" LANE "lane" WARP "warp" WARPGROUP "warpgroup"
%token <name> BLOCK "block" ROW "row" COL "col" STRIDED "strided" PAD "pad" SWIZZLE "swizzle"
%token <name> CLUSTER "cluster" OCCUPANCY "occupancy" VIA "via"

%precedence BARE /* `random T` before its brackets */
%right QUESTION COLON
%left OROR
%left ANDAND
%nonassoc EQ NE LT LE GT GE
%left BITOR
%left BITXOR
%left BITAND
%left SHL SHR
%left PLUS MINUS
%left STAR SLASH PERCENT
%precedence UNARY
%precedence LPAREN LBRACKET DOT AT ORDER

%type <name> name group_word random_word layout_word
%type <node> opt_attributes import_path import_names import_alias item decl mapping_decl mapping_params opt_shape
%type <node> generics_part generic opt_bound params_part param opt_result wheres_part
%type <node> kernel_clause tune launch opt_cluster opt_occupancy args set
%type <node> opt_type type tensor_type extents opt_extents opt_over opt_layout layout_part
%type <node> layout_product layout_factor block stmt_node opt_message let var binding shared reg
%type <node> if_stmt loop opt_within group full dims expr literal
%type <node> call_part call_arg index_part index_arg
%type <node> binder
%type <list> items attributes dotted names binders exprs fulls generics params wheres clauses tunes opt_types
%type <list> types layout_parts stmts stmt lets vars shareds regs call_args index_args
%type <flags> opt_pub direction space opt_unroll opt_resident
%type <op> assign_op

%%
start:
    START_FILE items                   { parse->result = syntax_file(parse, $2, @2); }
  | START_EXPR full SEP                { parse->result = $2; } ;

/* ---- declarations */

items:
    %empty                             { $$ = syntax_list_begin(parse); }
  | items SEP                          { yyerrok; $$ = syntax_add_item(parse, $1, NULL); }
  | items item SEP                     { yyerrok; $$ = syntax_add_item(parse, $1, $2); }
  | items error SEP                    { yyerrok; $$ = syntax_add_item(parse, $1, ERROR(@2)); } ;

item:
    opt_attributes opt_pub decl        { $$ = syntax_item(parse, $3, $1, $2, @$); } ;

opt_attributes:
    %empty                             { $$ = NULL; }
  | attributes                         { $$ = syntax_list(parse, $1, @$); } ;

attributes:
    ATTRIBUTE
        { $$ = syntax_first(parse, NAMED(MAKE0(Attribute, @$), $1, @1)); }
  | attributes ATTRIBUTE
        { $$ = syntax_more(parse, $1, NAMED(MAKE0(Attribute, @2), $2, @2)); } ;

opt_pub:
    %empty                             { $$ = 0; }
  | PUB                                { $$ = AST_PUB; } ;

decl:
    IMPORT import_path import_names import_alias
        { $$ = FLAG(NAMED(MAKE(Import, @$, $3, $4), $2->name, @2), $2->flags); }
  | CONST name opt_type ASSIGN full    { $$ = NAMED(MAKE(Const, @$, $3, $5), $2, @2); }
  | mapping_decl
  | FN name generics_part params_part opt_result wheres_part block
        { $$ = NAMED(MAKE(Fn, @$, $3, $4, $5, $6, $7), $2, @2); }
  | FN name generics_part params_part opt_result wheres_part ASSIGN STRING
        { $$ = NAMED(MAKE(Fn, @$, $3, $4, $5, $6, $8), $2, @2); }
  | FN error block                     { $$ = ERROR(@$); }
  | FN error                           { $$ = ERROR(@$); }
  | KERNEL name generics_part params_part clauses block
        { $$ = NAMED(syntax_kernel(parse, @$, $3, $4, $5, $6), $2, @2); }
  | KERNEL error block                 { $$ = ERROR(@$); }
  | KERNEL error                       { $$ = ERROR(@$); }
  | TEST STRING block                  { $$ = NAMED(MAKE(Test, @$, $3), $2->name, @2); }
  | TEST error block                   { $$ = ERROR(@$); }
  | TEST error                         { $$ = ERROR(@$); }
  | BENCH STRING block
        { $$ = NAMED(MAKE(Bench, @$, NULL, NULL, $3), $2->name, @2); }
  | BENCH STRING FOR name IN set block
        { $$ = NAMED(MAKE(Bench, @$, NAME($4, @4), $6, $7), $2->name, @2); }
  | BENCH error block                  { $$ = ERROR(@$); }
  | BENCH error                        { $$ = ERROR(@$); } ;

import_path:
    dotted                             { $$ = syntax_dotted(parse, $1, @$); }
  | STRING                             { $$ = FLAG($1, AST_QUOTED); } ;

dotted:
    name                               { $$ = syntax_first(parse, NAME($1, @1)); }
  | dotted DOT name                    { $$ = syntax_more(parse, $1, NAME($3, @3)); } ;

import_names:
    %empty                             { $$ = syntax_empty(parse, @$); }
  | LPAREN names opt_comma RPAREN      { $$ = syntax_list(parse, $2, @$); } ;

import_alias:
    %empty                             { $$ = NULL; }
  | AS name                            { $$ = NAME($2, @2); } ;

names:
    name                               { $$ = syntax_first(parse, NAME($1, @1)); }
  | names COMMA name                   { $$ = syntax_more(parse, $1, NAME($3, @3)); } ;

mapping_decl:
    MAPPING name mapping_params opt_shape ASSIGN expr
        { $$ = NAMED(MAKE(MappingDecl, @$, $3, $4, $6), $2, @2); } ;

mapping_params:
    %empty                             { $$ = syntax_empty(parse, @$); }
  | LPAREN RPAREN                      { $$ = syntax_empty(parse, @$); }
  | LPAREN names opt_comma RPAREN      { $$ = syntax_list(parse, $2, @$); } ;

opt_shape:
    %empty                             { $$ = NULL; }
  | COLON dims                         { $$ = $2; } ;

generics_part:
    %empty                             { $$ = syntax_empty(parse, @$); }
  | LBRACKET generics opt_comma RBRACKET { $$ = syntax_list(parse, $2, @$); } ;

generics:
    generic                            { $$ = syntax_first(parse, $1); }
  | generics COMMA generic             { $$ = syntax_more(parse, $1, $3); } ;

generic:
    name opt_bound                     { $$ = NAMED(MAKE(Generic, @$, $2), $1, @1); } ;

opt_bound:
    %empty                             { $$ = NULL; }
  | COLON type                         { $$ = $2; }
  | COLON MAPPING                      { $$ = syntax_mapping_bound(parse, @2); } ;

params_part:
    LPAREN RPAREN                      { $$ = syntax_empty(parse, @$); }
  | LPAREN params opt_comma RPAREN     { $$ = syntax_list(parse, $2, @$); } ;

params:
    param                              { $$ = syntax_first(parse, $1); }
  | params COMMA param                 { $$ = syntax_more(parse, $1, $3); } ;

param:
    name COLON direction type          { $$ = FLAG(NAMED(MAKE(Param, @$, $4), $1, @1), $3); } ;

direction:
    %empty                             { $$ = 0; }
  | OUT                                { $$ = AST_OUT; }
  | INOUT                              { $$ = AST_INOUT; } ;

opt_result:
    %empty                             { $$ = NULL; }
  | ARROW type                         { $$ = $2; } ;

wheres_part:
    wheres                             { $$ = syntax_list(parse, $1, @$); } ;

wheres:
    %empty                             { $$ = syntax_list_begin(parse); }
  | wheres WHERE exprs                 { $$ = syntax_joined($1, $3); } ;

/* What a clause lists lies on the list stack just above what came before: one list holds all. */
clauses:
    %empty                             { $$ = syntax_list_begin(parse); }
  | clauses WHERE exprs                { $$ = syntax_joined($1, $3); }
  | clauses TUNE tunes                 { $$ = syntax_joined($1, $3); }
  | clauses kernel_clause              { $$ = syntax_more(parse, $1, $2); } ;

kernel_clause:
    REQUIRE expr opt_message           { $$ = MAKE(Require, @$, $2, $3); }
  | launch ;

tunes:
    tune                               { $$ = syntax_first(parse, $1); }
  | tunes COMMA tune                   { $$ = syntax_more(parse, $1, $3); } ;

tune:
    name IN set
        { $$ = NAMED(MAKE(Tune, @$, syntax_set_values($3)), $1, @1); } ;

launch:
    LAUNCH opt_resident GRID args opt_resident COMMA opt_cluster BLOCK LPAREN full RPAREN
    opt_occupancy
        { $$ = FLAG(MAKE(Launch, @$, $4, $7, $10, $12), $2 | $5); } ;

opt_cluster:
    %empty                             { $$ = NULL; }
  | CLUSTER LPAREN full RPAREN COMMA   { $$ = $3; } ;

opt_occupancy:
    %empty                             { $$ = NULL; }
  | COMMA OCCUPANCY LPAREN full RPAREN { $$ = $4; } ;

args:
    LPAREN fulls opt_comma RPAREN      { $$ = syntax_list(parse, $2, @$); } ;

opt_resident:
    %empty                             { $$ = 0; }
  | RESIDENT                           { $$ = AST_RESIDENT; } ;

set:
    SET_OPEN fulls opt_comma RBRACE    { $$ = MAKE(Set, @$, syntax_list(parse, $2, @2)); } ;

/* ---- types */

opt_type:
    %empty                             { $$ = NULL; }
  | COLON type                         { $$ = $2; } ;

type:
    NAME                               { $$ = syntax_type_name(parse, $1, @1); }
  | tensor_type
  | LPAREN types opt_comma RPAREN      { $$ = MAKE(TypeTuple, @$, syntax_list(parse, $2, @2)); }
  | FN LPAREN opt_types RPAREN         { $$ = MAKE(TypeFn, @$, syntax_list(parse, $3, @3), NULL); }
  | FN LPAREN opt_types RPAREN ARROW type
        { $$ = MAKE(TypeFn, @$, syntax_list(parse, $3, @3), $6); } ;

opt_types:
    %empty                             { $$ = syntax_list_begin(parse); }
  | types ;

types:
    type                               { $$ = syntax_first(parse, $1); }
  | types COMMA type                   { $$ = syntax_more(parse, $1, $3); } ;

tensor_type:
    NAME extents opt_over opt_layout
        { $$ = MAKE(TypeTensor, @$, syntax_type_name(parse, $1, @1), $2, $3, $4); }
  | space NAME extents opt_over opt_layout
        { $$ = FLAG(MAKE(TypeTensor, @$, syntax_type_name(parse, $2, @2), $3, $4, $5), $1); } ;

space:
    SHARED                             { $$ = AST_SHARED_SPACE; }
  | REG                                { $$ = AST_REG_SPACE; } ;

extents:
    LBRACKET fulls opt_comma RBRACKET  { $$ = syntax_list(parse, $2, @$); } ;

opt_extents:
    %empty                             { $$ = syntax_empty(parse, @$); }
  | extents ;

opt_over:
    %empty                             { $$ = NULL; }
  | OVER expr                          { $$ = $2; } ;

opt_layout:
    %empty                             { $$ = NULL; }
  | LAYOUT layout_parts                { $$ = MAKE(Layout, @$, syntax_list(parse, $2, @2)); } ;

layout_parts:
    layout_part                        { $$ = syntax_first(parse, $1); }
  | layout_parts layout_part           { $$ = syntax_more(parse, $1, $2); } ;

layout_part:
    layout_word
        { $$ = NAMED(MAKE(LayoutWord, @$, syntax_empty(parse, @$)), $1, @1); }
  | PAD args                           { $$ = NAMED(MAKE(LayoutWord, @$, $2), $1, @1); }
  | SWIZZLE args                       { $$ = NAMED(MAKE(LayoutWord, @$, $2), $1, @1); }
  | layout_product ;

layout_word:
    ROW | COL | STRIDED
  | SWIZZLE %prec BARE ;

/* A mapping as a layout: a product of factors, none of which is a layout word. */
layout_product:
    layout_factor
  | layout_product STAR layout_factor  { $$ = BINARY(MUL, $1, $3, @$); } ;

layout_factor:
    NAME                               { $$ = NAME($1, @1); }
  | layout_factor call_part            { $$ = MAKE(Call, @$, $1, $2); }
  | layout_factor index_part           { $$ = MAKE(Index, @$, $1, $2); }
  | layout_factor DOT name             { $$ = NAMED(MAKE(Member, @$, $1), $3, @3); }
  | layout_factor ORDER dims           { $$ = MAKE(Order, @$, $1, $3); } ;

/* ---- statements */

block:
    LBRACE stmts RBRACE                { $$ = MAKE(Block, @$, syntax_list(parse, $2, @2)); } ;

stmts:
    %empty                             { yyerrok; $$ = syntax_enter_block(parse); }
  | stmts SEP                          { yyerrok; $$ = syntax_add_nothing(parse, $1); }
  | stmts stmt SEP                     { yyerrok; $$ = syntax_add_statement(parse, $1, $2, @2); }
  | stmts error SEP                    { yyerrok; $$ = syntax_add_error(parse, $1, @2); } ;

/* A statement's nodes stay on the list stack, where the block's list takes them. */
stmt:
    LET lets                           { $$ = $2; }
  | VAR vars                           { $$ = $2; }
  | SHARED shareds                     { $$ = $2; }
  | REG regs                           { $$ = $2; }
  | stmt_node                          { $$ = syntax_first(parse, $1); } ;

stmt_node:
    mapping_decl                       { $$ = syntax_item(parse, $1, NULL, 0, @$); }
  | expr                               { $$ = MAKE(ExprStmt, @$, $1); }
  | expr assign_op full                { $$ = OPERATOR($2, MAKE(Assign, @$, $1, $3)); }
  | expr VIA expr                      { $$ = MAKE(Via, @$, $1, $3); }
  | if_stmt
  | loop
  | WHILE full block                   { $$ = MAKE(While, @$, $2, $3); }
  | WHILE error block                  { $$ = ERROR(@$); }
  | WHILE error                        { $$ = ERROR(@$); }
  | ON group block                     { $$ = MAKE(On, @$, $2, NULL, $3); }
  | ON group REGS expr block           { $$ = MAKE(On, @$, $2, $4, $5); }
  | ON error block                     { $$ = ERROR(@$); }
  | ON error                           { $$ = ERROR(@$); }
  | SCOPE block                        { $$ = MAKE(Scope, @$, $2); }
  | BREAK                              { $$ = MAKE0(Break, @$); }
  | CONTINUE                           { $$ = MAKE0(Continue, @$); }
  | RETURN                             { $$ = MAKE(Return, @$, NULL); }
  | RETURN full                        { $$ = MAKE(Return, @$, $2); }
  | SYNC                               { $$ = MAKE(Sync, @$, NULL); }
  | SYNC group_word                    { $$ = MAKE(Sync, @$, GROUP($2, @2, NULL, NULL)); }
  | SYNC GRID
        { $$ = MAKE(Sync, @$, FLAG(GROUP($2, @2, NULL, NULL), AST_GRID)); }
  | SYNC CLUSTER
        { $$ = MAKE(Sync, @$, FLAG(GROUP($2, @2, NULL, NULL), AST_CLUSTER)); }
  | AWAIT full                         { $$ = MAKE(Await, @$, $2); }
  | ASSERT full opt_message            { $$ = MAKE(Assert, @$, $2, $3); }
  | CHECK full opt_message             { $$ = MAKE(Check, @$, $2, $3); }
  | REQUIRE full opt_message           { $$ = MAKE(Require, @$, $2, $3); }
  | PRINT fulls                        { $$ = MAKE(Print, @$, syntax_list(parse, $2, @2)); } ;

opt_message:
    %empty                             { $$ = NULL; }
  | COMMA STRING                       { $$ = $2; } ;

lets:
    let                                { $$ = syntax_first(parse, $1); }
  | lets COMMA let                     { $$ = syntax_more(parse, $1, $3); } ;

let:
    binding opt_type ASSIGN full       { $$ = MAKE(Let, @$, $1, $2, $4); } ;

vars:
    var                                { $$ = syntax_first(parse, $1); }
  | vars COMMA var                     { $$ = syntax_more(parse, $1, $3); } ;

var:
    binding opt_type ASSIGN full       { $$ = MAKE(Var, @$, $1, $2, $4); }
  | binding COLON type                 { $$ = MAKE(Var, @$, $1, $3, NULL); } ;

binding:
    binder                             { $$ = syntax_single(parse, $1); }
  | LPAREN binders opt_comma RPAREN    { $$ = syntax_list(parse, $2, @$); } ;

binders:
    binder                             { $$ = syntax_first(parse, $1); }
  | binders COMMA binder               { $$ = syntax_more(parse, $1, $3); } ;

binder:
    name                               { $$ = NAME($1, @1); }
  | HOLE                               { $$ = NAME($1, @1); } ;

shareds:
    shared                             { $$ = syntax_first(parse, $1); }
  | shareds COMMA shared               { $$ = syntax_more(parse, $1, $3); } ;

shared:
    name COLON NAME opt_extents opt_layout
        { $$ = NAMED(MAKE(Shared, @$, syntax_type_name(parse, $3, @3), $4, $5, NULL), $1, @1); }
  | name COLON NAME extents LPAREN full RPAREN
        { $$ = NAMED(MAKE(Shared, @$, syntax_type_name(parse, $3, @3), $4, NULL, $6), $1, @1); } ;

regs:
    reg                                { $$ = syntax_first(parse, $1); }
  | regs COMMA reg                     { $$ = syntax_more(parse, $1, $3); } ;

reg:
    name COLON NAME opt_extents opt_over
        { $$ = NAMED(MAKE(Reg, @$, syntax_type_name(parse, $3, @3), $4, $5, NULL), $1, @1); }
  | name COLON NAME opt_extents opt_over ASSIGN full
        { $$ = NAMED(MAKE(Reg, @$, syntax_type_name(parse, $3, @3), $4, $5, $7), $1, @1); } ;

if_stmt:
    IF full block                      { $$ = MAKE(If, @$, $2, $3, NULL); }
  | IF full block ELSE block           { $$ = MAKE(If, @$, $2, $3, $5); }
  | IF full block ELSE if_stmt         { $$ = MAKE(If, @$, $2, $3, $5); }
  | IF error block                     { $$ = ERROR(@$); }
  | IF error block ELSE block          { $$ = ERROR(@$); }
  | IF error block ELSE if_stmt        { $$ = ERROR(@$); }
  | IF error                           { $$ = ERROR(@$); } ;

loop:
    opt_unroll FOR binding IN expr opt_within block
        { $$ = FLAG(MAKE(For, @$, $3, $5, NULL, $6, NULL, $7), $1 | syntax_tuple_flag($3)); }
  | opt_unroll FOR binding IN expr PIPELINE LPAREN full RPAREN block
        { $$ = FLAG(MAKE(For, @$, $3, $5, NULL, NULL, $8, $10), $1 | syntax_tuple_flag($3)); }
  | opt_unroll FOR binding IN expr ON group opt_within block
        { $$ = FLAG(MAKE(For, @$, $3, $5, $7, $8, NULL, $9), $1 | syntax_tuple_flag($3)); }
  | opt_unroll FOR binding IN expr WITHIN dims ON group block
        { $$ = FLAG(MAKE(For, @$, $3, $5, $9, $7, NULL, $10), $1 | syntax_tuple_flag($3)); }
  | opt_unroll FOR error block         { $$ = ERROR(@$); }
  | opt_unroll FOR error               { $$ = ERROR(@$); } ;

opt_unroll:
    %empty                             { $$ = 0; }
  | UNROLL                             { $$ = AST_UNROLL; } ;

opt_within:
    %empty                             { $$ = NULL; }
  | WITHIN dims                        { $$ = $2; } ;

group:
    group_word                         { $$ = GROUP($1, @$, NULL, NULL); }
  | group_word LBRACKET expr RBRACKET  { $$ = GROUP($1, @$, $3, NULL); }
  | group_word LBRACKET expr COLON expr RBRACKET
                                       { $$ = GROUP($1, @$, $3, $5); }
  | group_word IN GRID                 { $$ = FLAG(GROUP($1, @$, NULL, NULL), AST_GRID); } ;

group_word:
    THREAD | LANE | WARP | WARPGROUP | BLOCK ;

assign_op:
    ASSIGN     { $$ = OP_NONE; }
  | ASSIGN_ADD { $$ = OP_ADD; }        | ASSIGN_SUB { $$ = OP_SUB; }
  | ASSIGN_MUL { $$ = OP_MUL; }        | ASSIGN_DIV { $$ = OP_DIV; }
  | ASSIGN_MOD { $$ = OP_MOD; }        | ASSIGN_AND { $$ = OP_BITAND; }
  | ASSIGN_OR  { $$ = OP_BITOR; }      | ASSIGN_XOR { $$ = OP_BITXOR; }
  | ASSIGN_SHL { $$ = OP_SHL; }        | ASSIGN_SHR { $$ = OP_SHR; } ;

/* ---- expressions */

/* A whole expression: only here may a guarded read stand without parentheses. */
full:
    expr
  | expr ELSE full                     { $$ = MAKE(Else, @$, $1, $3); } ;

fulls:
    full                               { $$ = syntax_first(parse, $1); }
  | fulls COMMA full                   { $$ = syntax_more(parse, $1, $3); } ;

exprs:
    expr                               { $$ = syntax_first(parse, $1); }
  | exprs COMMA expr                   { $$ = syntax_more(parse, $1, $3); } ;

dims:
    LPAREN exprs opt_comma RPAREN      { $$ = syntax_list(parse, $2, @$); } ;

expr:
    name                               { $$ = NAME($1, @1); }
  | literal
  | LPAREN full RPAREN                 { $$ = syntax_paren(parse, $2, @$); }
  | LPAREN full COMMA RPAREN           { $$ = MAKE(Tuple, @$, syntax_single(parse, $2)); }
  | LPAREN full COMMA fulls opt_comma RPAREN
        { $$ = MAKE(Tuple, @$, syntax_list_after(parse, $2, $4, @$)); }
  | LBRACKET fulls opt_comma RBRACKET  { $$ = MAKE(Array, @$, syntax_list(parse, $2, @$)); }
  | expr call_part                     { $$ = MAKE(Call, @$, $1, $2); }
  | expr index_part                    { $$ = MAKE(Index, @$, $1, $2); }
  | expr DOT name                      { $$ = NAMED(MAKE(Member, @$, $1), $3, @3); }
  | expr AT dims                       { $$ = MAKE(At, @$, $1, $3); }
  | expr ORDER dims                    { $$ = MAKE(Order, @$, $1, $3); }
  | random_word NAME %prec BARE
        { $$ = NAMED(syntax_random(parse, @$, $2, @2, NULL, NULL), $1, @1); }
  | random_word NAME extents %prec BARE
        { $$ = NAMED(syntax_random(parse, @$, $2, @2, $3, NULL), $1, @1); }
  | random_word NAME extents call_part
        { $$ = NAMED(syntax_random(parse, @$, $2, @2, $3, $4), $1, @1); }
  | MINUS expr %prec UNARY             { $$ = UNARY(NEG, $2, @$); }
  | NOT expr %prec UNARY               { $$ = UNARY(NOT, $2, @$); }
  | TILDE expr %prec UNARY             { $$ = UNARY(BITNOT, $2, @$); }
  | expr OROR expr                     { $$ = BINARY(OR, $1, $3, @$); }
  | expr ANDAND expr                   { $$ = BINARY(AND, $1, $3, @$); }
  | expr EQ expr                       { $$ = BINARY(EQ, $1, $3, @$); }
  | expr NE expr                       { $$ = BINARY(NE, $1, $3, @$); }
  | expr LT expr                       { $$ = BINARY(LT, $1, $3, @$); }
  | expr LE expr                       { $$ = BINARY(LE, $1, $3, @$); }
  | expr GT expr                       { $$ = BINARY(GT, $1, $3, @$); }
  | expr GE expr                       { $$ = BINARY(GE, $1, $3, @$); }
  | expr BITOR expr                    { $$ = BINARY(BITOR, $1, $3, @$); }
  | expr BITXOR expr                   { $$ = BINARY(BITXOR, $1, $3, @$); }
  | expr BITAND expr                   { $$ = BINARY(BITAND, $1, $3, @$); }
  | expr SHL expr                      { $$ = BINARY(SHL, $1, $3, @$); }
  | expr SHR expr                      { $$ = BINARY(SHR, $1, $3, @$); }
  | expr PLUS expr                     { $$ = BINARY(ADD, $1, $3, @$); }
  | expr MINUS expr                    { $$ = BINARY(SUB, $1, $3, @$); }
  | expr STAR expr                     { $$ = BINARY(MUL, $1, $3, @$); }
  | expr SLASH expr                    { $$ = BINARY(DIV, $1, $3, @$); }
  | expr PERCENT expr                  { $$ = BINARY(MOD, $1, $3, @$); }
  | expr QUESTION expr COLON expr      { $$ = MAKE(Cond, @$, $1, $3, $5); } ;

literal:
    INT | FLOAT | INF | NAN | TRUE | FALSE
  | HOLE                               { $$ = MAKE0(Hole, @1); }
  | STRING ;

random_word:
    RANDOM | ZERO ;

call_part:
    LPAREN RPAREN                      { $$ = syntax_empty(parse, @$); }
  | LPAREN call_args opt_comma RPAREN  { $$ = syntax_list(parse, $2, @$); } ;

call_args:
    call_arg                           { $$ = syntax_first(parse, $1); }
  | call_args COMMA call_arg           { $$ = syntax_more(parse, $1, $3); } ;

call_arg:
    full
  | name COLON full                    { $$ = NAMED(MAKE(NamedArg, @$, $3), $1, @1); } ;

index_part:
    LBRACKET index_args opt_comma RBRACKET { $$ = syntax_list(parse, $2, @$); } ;

index_args:
    index_arg                          { $$ = syntax_first(parse, $1); }
  | index_args COMMA index_arg         { $$ = syntax_more(parse, $1, $3); } ;

index_arg:
    full
  | expr COLON expr                    { $$ = MAKE(Range, @$, $1, $3); }
  | expr COLON                         { $$ = MAKE(Range, @$, $1, NULL); }
  | COLON expr                         { $$ = MAKE(Range, @$, NULL, $2); }
  | COLON                              { $$ = MAKE(Range, @$, NULL, NULL); } ;

opt_comma:
    %empty
  | COMMA ;

name:
    NAME | AS | AT | ORDER | GRID | RESIDENT | THREAD | LANE | WARP | WARPGROUP | BLOCK
  | ROW | COL | STRIDED | PAD | SWIZZLE | CLUSTER | OCCUPANCY | VIA
  | random_word %prec BARE ;

%%
static void hd_yyerror(const Span *span, Parse *parse, const char *text)
{
    (void)text; /* syntax errors come through yyreport_syntax_error: this is the full stack */
    syntax_too_deep(parse, *span, YYMAXDEPTH);
}

static int yyreport_syntax_error(const yypcontext_t *context, Parse *parse)
{
    enum { MOST = 128 };
    yysymbol_kind_t kinds[MOST];
    const char *names[MOST];
    int count = yypcontext_expected_tokens(context, kinds, MOST);
    for (int i = 0; i < count; i++) names[i] = yysymbol_name(kinds[i]);
    syntax_unexpected(parse, *yypcontext_location(context),
                      yysymbol_name(yypcontext_token(context)), (size_t)(count < 0 ? 0 : count),
                      names);
    return 0;
}

int syntax_token_find(const char *alias)
{
    for (int token = TOK_NAME; token <= TOK_VIA; token++)
        if (strcmp(yysymbol_name(YYTRANSLATE(token)), alias) == 0) return token;
    return 0;
}
