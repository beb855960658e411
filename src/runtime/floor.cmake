target_link_libraries(hd_runtime PUBLIC Threads::Threads ${CMAKE_DL_LIBS} m)
# The text of emitted C: module.h opens it; the rest is what a self-contained library needs.
hd_embed(hd_runtime library
  runtime/module.h runtime/dlpack.h runtime/host.h runtime/cpu.h runtime/cuda.h runtime/driver.h
  runtime/cuda_internal.h
  runtime/eval.c runtime/maps.c runtime/host.c runtime/pool.c runtime/cpu.c runtime/resident.c
  runtime/cuda.c runtime/cuda_launch.c runtime/emitted.inc)
