/* Rows of memory written past the cache, or asked for ahead; follows the prelude. */
#if defined(__AVX512F__)
typedef float hd_wide __attribute__((vector_size(64)));
#define HD_STORE_WIDE(to, x) __builtin_ia32_movntps512(to, x)
#elif defined(__AVX__)
typedef float hd_wide __attribute__((vector_size(32)));
#define HD_STORE_WIDE(to, x) __builtin_ia32_movntps256(to, x)
#elif defined(__SSE2__)
typedef float hd_wide __attribute__((vector_size(16)));
#define HD_STORE_WIDE(to, x) __builtin_ia32_movntps(to, x)
#endif
#if defined(HD_STORE_WIDE) && defined(__clang__)
#undef HD_STORE_WIDE
#define HD_STORE_WIDE(to, x) __builtin_nontemporal_store(x, (hd_wide *)(to))
#endif
#define HD_CACHED (8 << 20) /* bytes of a tensor that may well stay in a cache */

/* Copies into a tensor of `all` bytes, whole lines of a large one without reading them first. */
static __attribute__((unused, noinline)) void
hd_stream(void *restrict to, const void *restrict from, int64_t bytes, int64_t all)
{
    char *out = to;
    const char *in = from;
    if (bytes <= 0) return;
#ifdef HD_STORE_WIDE
    int64_t head = (int64_t)(-(uintptr_t)out & 63);
    if (all > HD_CACHED && bytes >= head + 64) {
        if (head) memcpy(out, in, (size_t)head);
        int64_t i = head;
        for (; i + 64 <= bytes; i += 64)
            for (int64_t j = i; j < i + 64; j += (int64_t)sizeof(hd_wide)) {
                hd_wide x;
                memcpy(&x, in + j, sizeof x);
                HD_STORE_WIDE((float *)(void *)(out + j), x);
            }
        if (i < bytes) memcpy(out + i, in + i, (size_t)(bytes - i));
        return;
    }
#endif
    memcpy(out, in, (size_t)bytes);
}

/* Asks for memory that is read soon. */
HD_FN void hd_prefetch(const void *from, int64_t bytes)
{
    for (int64_t i = 0; i < bytes; i += 64) __builtin_prefetch((const char *)from + i);
}

/* What was copied so is seen by whoever sees what comes after. */
HD_FN void hd_stream_end(void)
{
#ifdef HD_STORE_WIDE
    __builtin_ia32_sfence();
#endif
}
