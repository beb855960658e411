# The stand-in for libcuda that test_cuda and test_library load at run time.
add_library(fake_cuda MODULE runtime/fake/cuda.c)
target_include_directories(fake_cuda PRIVATE ${CMAKE_SOURCE_DIR}/src)
foreach(test runtime_test_cuda runtime_test_library)
  if(TARGET ${test})
    add_dependencies(${test} fake_cuda)
    target_compile_definitions(${test} PRIVATE FAKE_CUDA="$<TARGET_FILE:fake_cuda>")
  endif()
endforeach()
