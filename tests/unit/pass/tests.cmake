foreach(test pass_test_programs pass_test_text)
  target_compile_definitions(${test} PRIVATE HD_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
endforeach()
