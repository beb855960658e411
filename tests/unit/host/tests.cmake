# The driver's stand-in is that of the runtime's tests.
add_dependencies(host_test_measure fake_cuda)
target_compile_definitions(host_test_measure PRIVATE FAKE_CUDA="$<TARGET_FILE:fake_cuda>")
