" Run by tests/editors/run: vim -es … -S check.vim, with the cases in $HD_CASES and the answers to
" $HD_OUT. Highlighting: the group at each token. Indentation: of a file whose lines lost theirs.
set nomore nohidden noswapfile
let s:out = []
for s:case in json_decode(join(readfile($HD_CASES), ''))
  execute 'edit!' fnameescape(s:case.file)
  if &filetype !=# 'hd'
    call add(s:out, s:case.file . ': its filetype is `' . &filetype . '`')
  endif
  for s:token in get(s:case, 'tokens', [])
    let s:name = ''
    for s:at in [s:token.column, s:token.column + strlen(s:token.text) - 1]
      let s:name = synIDattr(synID(s:token.line, s:at, 1), 'name')
      if s:name !~# '^\%(' . s:token.want . '\)$'
        call add(s:out, printf('%s:%d:%d: `%s` should be %s, is `%s`', s:case.file, s:token.line,
              \ s:at, s:token.text, s:token.want, s:name))
        break
      endif
    endfor
  endfor
  if has_key(s:case, 'indented')
    let s:want = readfile(s:case.indented)
    silent %s/^\s\+//e
    silent normal! gg=G
    for s:line in range(1, line('$'))
      if getline(s:line) !=# get(s:want, s:line - 1, '')
        call add(s:out, printf('%s:%d: indented as `%s` instead of `%s`', s:case.file, s:line,
              \ getline(s:line), get(s:want, s:line - 1, '')))
      endif
    endfor
  endif
  bwipeout!
endfor
call writefile(s:out, $HD_OUT)
qall!
