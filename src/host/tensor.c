/* Host tensors: memory, elements, random contents. */
#include "host/host.h"

#include <stdlib.h>

static const uint8_t dl_codes[ELEM_COUNT] = {
#define ELEM(id, text, cls, bits, dlpack, c_name, cuda_name, npy) [ELEM_##id] = dlpack,
#include "vocab/elems.def"
#undef ELEM
};

HostTensor *host_tensor_create(Elem elem, int rank, const int64_t *shape, HdFailure *failure)
{
    HostTensor *t = calloc(1, sizeof *t);
    int64_t count = 1, bits;
    bool fits = rank <= HOST_MAX_RANK;
    for (int d = 0; d < rank && fits; d++)
        fits = base_mul(count, shape[d], &count) && shape[d] >= 0;
    fits = fits && base_mul(count, vocab_elem(elem)->bits, &bits) && bits < INT64_MAX - 64;
    if (!t || !fits) {
        free(t);
        hd_fail(failure, HD_FAILED, "the tensor is too large");
        return NULL;
    }
    t->elem = elem;
    t->count = count;
    t->bytes = (size_t)(bits + 7) / 8;
    size_t room = (t->bytes + 64) / 64 * 64;
    t->memory = aligned_alloc(64, room);
    if (!t->memory) {
        free(t);
        hd_fail(failure, HD_FAILED, "out of memory for a tensor of %zu bytes", room);
        return NULL;
    }
    memset(t->memory, 0, room);
    for (int d = 0; d < rank; d++) t->shape[d] = shape[d];
    t->dl = (DLTensor){.data = t->memory,
                       .device = {kDLCPU, 0},
                       .ndim = rank,
                       .dtype = {dl_codes[elem], (uint8_t)vocab_elem(elem)->bits, 1},
                       .shape = t->shape};
    return t;
}

void host_tensor_destroy(HostTensor *t)
{
    if (!t) return;
    free(t->memory);
    free(t);
}

Scalar host_tensor_get(const HostTensor *t, int64_t at)
{
    const unsigned char *bytes = t->memory;
    int bits = vocab_elem(t->elem)->bits;
    uint64_t raw = 0;
    if (bits == 4) {
        raw = ((unsigned)bytes[at / 2] >> (at % 2 * 4)) & 15u;
    } else {
        memcpy(&raw, bytes + at * (bits / 8), (size_t)bits / 8);
    }
    return scalar_from_bits(t->elem, raw);
}

void host_tensor_set(HostTensor *t, int64_t at, Scalar value)
{
    unsigned char *bytes = t->memory;
    int bits = vocab_elem(t->elem)->bits;
    uint64_t raw = scalar_bits(value);
    if (bits == 4) {
        unsigned shift = (unsigned)(at % 2) * 4, low = (unsigned)raw & 15u;
        unsigned kept = bytes[at / 2] & ~(15u << shift);
        bytes[at / 2] = (unsigned char)(kept | low << shift);
    } else {
        memcpy(bytes + at * (bits / 8), &raw, (size_t)bits / 8);
    }
}

/* SplitMix64: one add and three mixes a number, any seed. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

void host_tensor_random(HostTensor *t, uint64_t *state, const double *lo, const double *hi)
{
    ElemClass cls = vocab_elem(t->elem)->cls;
    bool is_float = cls == CLASS_FLOAT, is_bool = cls == CLASS_BOOL, is_uint = cls == CLASS_UINT;
    double from = lo ? *lo : is_float ? -1 : is_uint || is_bool ? 0 : -8;
    double to = hi ? *hi : is_float ? 1 : is_bool ? 2 : is_uint ? 16 : 8;
    for (int64_t i = 0; i < t->count; i++) {
        double u = (double)(next_random(state) >> 11) * 0x1p-53, x = from + u * (to - from);
        if (is_float) {
            if (t->elem == ELEM_F32)
                ((float *)t->memory)[i] = (float)x;
            else
                host_tensor_set(t, i, scalar_float(t->elem, x));
        } else {
            host_tensor_set(t, i, scalar_int(t->elem, (int64_t)__builtin_floor(x)));
        }
    }
}

void host_tensor_scramble(HostTensor *t, uint64_t *state)
{
    uint64_t *words = t->memory, keep = t->elem == ELEM_BOOL ? UINT64_C(0x0101010101010101) : ~0ull;
    for (size_t i = 0; i < (t->bytes + 7) / 8; i++) words[i] = next_random(state) & keep;
}

uint64_t host_tensor_digest(const HostTensor *t)
{
    uint64_t hash = base_hash(t->shape, (size_t)t->dl.ndim * sizeof *t->shape, (uint64_t)t->elem);
    return base_hash(t->memory, t->bytes, hash);
}
