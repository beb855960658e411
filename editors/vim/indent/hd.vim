" Indentation of the hd language, as `hdc fmt` lays it out: a block's lines one step in, and what
" continues a statement one step further than the statement.
if exists('b:did_indent')
  finish
endif
let b:did_indent = 1

setlocal indentexpr=HdIndent(v:lnum)
setlocal indentkeys=0{,0},0),0],!^F,o,O,0=tune,0=where,0=launch,0=require,0=within
let b:undo_indent = 'setlocal indentexpr< indentkeys<'

if exists('*HdIndent')
  finish
endif

" A bracket in a string or comment does not count; most lines hold neither, and are quick.
let s:skip = 'getline(".") =~# "[\"/*]" && '
      \ . 'synIDattr(synID(line("."), col("."), 1), "name") =~# "Comment\\|String\\|Escape"'
" A bracket is not open across these.
let s:top = '^\%(pub\|fn\|kernel\|test\|bench\|import\|const\)\>'
" Words that continue a header, in front of a line.
let s:clause = '^\s*\%(tune\|where\|launch\|require\)\>'
let s:continues = '^\s*\%(within\|over\|in\|layout\|via\|else\)\>'
      \ . '\|^\s*\%(->\|[-+*%&|^<>=?:.,]\|!=\|/[^/*]\)'

" The line without strings and comments.
function! s:Code(lnum) abort
  let text = substitute(getline(a:lnum), '"\%([^"\\]\|\\.\)*"', '""', 'g')
  return substitute(text, '//.*$\|/\*.\{-}\*/', '', 'g')
endfunction

" The innermost bracket that is open where the line begins: [its character, its line].
function! s:Open(lnum) abort
  call cursor(a:lnum, 1)
  let top = search(s:top, 'bnW')
  let [line, column] = searchpairpos('[([{]', '', '[)\]}]', 'bW', s:skip, top)
  return line ? [getline(line)[column - 1], line] : ['', 0]
endfunction

function! s:IsComment(lnum) abort
  return synIDattr(synID(a:lnum, indent(a:lnum) + 1, 1), 'name') =~# 'Comment'
endfunction

" The last line before this one that holds code.
function! s:Before(lnum) abort
  let lnum = prevnonblank(a:lnum - 1)
  while lnum > 0 && s:IsComment(lnum)
    let lnum = prevnonblank(lnum - 1)
  endwhile
  return lnum
endfunction

function! s:Continues(lnum) abort
  let before = s:Before(a:lnum)
  if before == 0
    return 0
  endif
  let code = s:Code(before)
  return getline(a:lnum) =~# s:continues && code !~# '[{}]\s*$'
        \ || code =~# '[-+*/%&|^<>=?:,]\s*$'
endfunction

" The line on which the statement of this line begins.
function! s:Statement(lnum) abort
  let lnum = a:lnum
  while lnum > 1
    let [bracket, line] = s:Open(lnum)
    if bracket ==# '(' || bracket ==# '['
      let lnum = line
    elseif s:Continues(lnum)
      let lnum = s:Before(lnum)
    elseif s:Code(lnum) =~# '^\s*{' && bracket ==# '{'
      let lnum = s:Before(lnum)
    else
      break
    endif
  endwhile
  return lnum
endfunction

function! HdIndent(lnum) abort
  let step = shiftwidth()
  if synIDattr(synID(a:lnum, 1, 1), 'name') ==# 'hdComment' && getline(a:lnum) !~# '^\s*/[/*]'
    return -1
  endif
  let [bracket, open] = s:Open(a:lnum)
  let text = getline(a:lnum)
  if bracket ==# ''
    if text =~# s:clause
      return step
    endif
    return text !~# '^\s*[{}]' && s:Continues(a:lnum)
          \ ? indent(s:Statement(a:lnum)) + step : 0
  endif
  let base = indent(s:Statement(open))
  if text =~# '^\s*[)\]}]'
    return base
  elseif bracket !=# '{'
    return base + step
  elseif text =~# '^\s*{' && s:Code(s:Before(a:lnum)) !~# '[{};]\s*$'
    return indent(s:Statement(s:Before(a:lnum)))
  endif
  return base + (s:Continues(a:lnum) ? 2 * step : step)
endfunction
