# Texts that emitted files open with; in the order of target/texts.h.
hd_embed(hd_target target
  target/cpu/prelude.h target/cpu/vectors.h target/cpu/rows.h target/cpu/atomics.h
  target/cpu/approx.h target/cpu/watch.h target/cpu/clocks.h target/cpu/context.h
  target/cpu/threads.h target/cpu/engines.h target/cpu/blocks.h
  target/cuda/prelude.cuh target/cuda/prelude_approx.cuh
  target/cuda/prelude_sync.cuh target/cuda/prelude_mma.cuh
  target/cuda/prelude_cache.cuh)
