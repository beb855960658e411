autocmd BufNewFile,BufRead *.hd setfiletype hd
