# The stand-in for libcuda that test_cuda and test_library load at run time.
add_library(fake_cuda MODULE runtime/fake/cuda.c)
target_include_directories(fake_cuda PRIVATE ${CMAKE_SOURCE_DIR}/src)
foreach(test runtime_test_cuda runtime_test_library)
  if(TARGET ${test})
    add_dependencies(${test} fake_cuda)
    target_compile_definitions(${test} PRIVATE FAKE_CUDA="$<TARGET_FILE:fake_cuda>")
  endif()
endforeach()

# test_alloc makes each allocation of the runtime fail in turn.
if(TARGET runtime_test_alloc)
  add_dependencies(runtime_test_alloc fake_cuda)
  target_compile_definitions(runtime_test_alloc PRIVATE FAKE_CUDA="$<TARGET_FILE:fake_cuda>")
  target_link_options(runtime_test_alloc PRIVATE
    -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=aligned_alloc)
endif()
