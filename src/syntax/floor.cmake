# The scanner and the parser, generated from grammar/. Generated code is built without the warnings
# that the house holds its own code to.
set(HD_GRAMMAR ${CMAKE_SOURCE_DIR}/grammar)
set(HD_GENERATED ${CMAKE_CURRENT_BINARY_DIR}/grammar)
file(MAKE_DIRECTORY ${HD_GENERATED})
bison_target(hd_parser ${HD_GRAMMAR}/hd.y ${HD_GENERATED}/hd.y.c
             DEFINES_FILE ${HD_GENERATED}/hd.y.h COMPILE_FLAGS "-Wall -Werror --no-lines")
flex_target(hd_scanner ${HD_GRAMMAR}/hd.l ${HD_GENERATED}/hd.l.c COMPILE_FLAGS "--noline")
add_flex_bison_dependency(hd_scanner hd_parser)
target_sources(hd_syntax PRIVATE ${BISON_hd_parser_OUTPUTS} ${FLEX_hd_scanner_OUTPUTS})
target_include_directories(hd_syntax PRIVATE ${HD_GENERATED})
set_source_files_properties(${BISON_hd_parser_OUTPUT_SOURCE} ${FLEX_hd_scanner_OUTPUTS}
                            PROPERTIES COMPILE_OPTIONS "-w")
