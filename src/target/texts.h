/* The embedded texts of the targets, by their place in floor.cmake's list. Private to target/. */
#ifndef TARGET_TEXTS_H
#define TARGET_TEXTS_H

enum {
    TEXT_CPU_PRELUDE,
    TEXT_CPU_VECTORS,
    TEXT_CPU_ROWS,
    TEXT_CPU_ATOMICS,
    TEXT_CPU_APPROX,
    TEXT_CPU_WATCH,
    TEXT_CPU_CLOCKS,
    TEXT_CPU_CONTEXT,
    TEXT_CPU_THREADS,
    TEXT_CPU_ENGINES,
    TEXT_CPU_BLOCKS,
    TEXT_CUDA_PRELUDE,
    TEXT_CUDA_APPROX,
    TEXT_CUDA_SYNC,
    TEXT_CUDA_MMA,
    TEXT_CUDA_CACHE
};

const char *target_text(int which);

#endif
