# Texts that emitted files open with, embedded.
function(hd_target_text name input)
  set(output ${CMAKE_CURRENT_BINARY_DIR}/${name}.c)
  add_custom_command(
    OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -DNAME=${name} -DINPUT=${input} -DOUTPUT=${output}
            -P ${CMAKE_CURRENT_SOURCE_DIR}/target/embed.cmake
    DEPENDS ${input} ${CMAKE_CURRENT_SOURCE_DIR}/target/embed.cmake)
  target_sources(hd_target PRIVATE ${output})
endfunction()
hd_target_text(target_abi_bytes ${CMAKE_CURRENT_SOURCE_DIR}/runtime/module.h)
hd_target_text(target_cpu_atomics_bytes ${CMAKE_CURRENT_SOURCE_DIR}/target/cpu/atomics.h)
hd_target_text(target_cpu_watch_bytes ${CMAKE_CURRENT_SOURCE_DIR}/target/cpu/watch.h)
hd_target_text(target_cpu_prelude_bytes ${CMAKE_CURRENT_SOURCE_DIR}/target/cpu/prelude.h)
hd_target_text(target_cuda_prelude_bytes ${CMAKE_CURRENT_SOURCE_DIR}/target/cuda/prelude.cuh)
hd_target_text(target_cuda_sync_bytes ${CMAKE_CURRENT_SOURCE_DIR}/target/cuda/prelude_sync.cuh)
