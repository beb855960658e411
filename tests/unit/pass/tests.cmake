target_compile_definitions(pass_test_programs PRIVATE HD_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
