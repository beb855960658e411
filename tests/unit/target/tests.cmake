# Where the CUDA text finds its machine when it runs on the host.
foreach(test target_test_cuda target_test_ops)
  target_compile_definitions(${test} PRIVATE CUDA_HOST="${CMAKE_SOURCE_DIR}/tests/cuda_host")
endforeach()
# Programs are held against the interpreter of the passes' tests.
target_sources(target_test_programs PRIVATE pass/interp.c pass/interp_machine.c pass/kernels.c)
target_compile_definitions(target_test_programs PRIVATE HD_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
