target_compile_definitions(compile_test_figures PRIVATE HD_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
target_compile_definitions(compile_test_mma PRIVATE HD_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
