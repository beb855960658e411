/* What the runtime's tests share: an arena per test, tensors on the stack, temporary folders. */
#ifndef TEST_RUNTIME_FIXTURE_H
#define TEST_RUNTIME_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <dlpack/dlpack.h> /* Debian's: the runtime must agree with it */

#include "base/base.h"
#include "runtime/host.h"

typedef struct Fixture {
    Escape escape;
    Arena *arena;
    char dir[64];
} Fixture;

static inline int fixture_init(Fixture *f)
{
    f->arena = base_arena_create(&f->escape);
    strcpy(f->dir, "/tmp/hd_test_XXXXXX");
    return mkdtemp(f->dir) ? 0 : -1;
}

static inline int fixture_end(Fixture *f)
{
    char command[192];
    snprintf(command, sizeof command, "chmod -R u+w %s; rm -rf %s", f->dir, f->dir);
    base_arena_destroy(f->arena);
    return system(command);
}

static inline int fixture_setup(void **state)
{
    Fixture *f = calloc(1, sizeof *f);
    *state = f;
    return f ? fixture_init(f) : -1;
}

static inline int fixture_teardown(void **state)
{
    int status = fixture_end(*state);
    free(*state);
    return status;
}

static const DLDevice on_cpu = {kDLCPU, 0};

#define FIXTURE_TEST(t) cmocka_unit_test_setup_teardown(t, fixture_setup, fixture_teardown)

static inline DLTensor tensor(void *data, int code, int bits, int rank, int64_t *shape)
{
    DLTensor t = {.data = data, .ndim = rank, .shape = shape};
    t.device.device_type = kDLCPU;
    t.dtype = (DLDataType){(uint8_t)code, (uint8_t)bits, 1};
    return t;
}

static inline DLTensor tensor_f32(float *data, int rank, int64_t *shape)
{
    return tensor(data, kDLFloat, 32, rank, shape);
}

/* xorshift64*: tests are the same on every run. */
static inline uint64_t random_next(uint64_t *seed)
{
    *seed ^= *seed >> 12;
    *seed ^= *seed << 25;
    *seed ^= *seed >> 27;
    return *seed * UINT64_C(2685821657736338717);
}

#endif
