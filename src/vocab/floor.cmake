# Rounding and remainders of the float formats.
target_link_libraries(hd_vocab PUBLIC m)
