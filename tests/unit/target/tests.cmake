# Where the CUDA text finds its machine when it runs on the host.
foreach(test target_test_cuda target_test_ops)
  target_compile_definitions(${test} PRIVATE CUDA_HOST="${CMAKE_SOURCE_DIR}/tests/cuda_host")
endforeach()
