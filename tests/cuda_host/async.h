// mbarriers of the machine, as the PTX manual has them: a phase ends when its arrivals have all
// come and as many bytes have been copied as were expected.
#ifndef TESTS_CUDA_HOST_ASYNC_H
#define TESTS_CUDA_HOST_ASYNC_H

#include "machine.h"

namespace hd_host
{

static Mbarrier *mbarrier_at(const void *address)
{
    for (int i = 0; i < machine->mbarrier_count; ++i)
        if (machine->mbarriers[i].address == address) return &machine->mbarriers[i];
    fail("an mbarrier that was never initialised");
}

static void mbarrier_init(const void *address, int arrivals)
{
    Machine *m = machine;
    if (m->mbarrier_count == MAX_MBARRIERS) fail("too many mbarriers");
    if (arrivals < 1 || arrivals >= 1 << 20) fail("an mbarrier of no valid count");
    m->mbarriers[m->mbarrier_count++] = {address, arrivals, arrivals, 0, 0};
}

// Has the phase ended? Then the next one begins, and those who wait look again.
static void mbarrier_settle(Mbarrier *b)
{
    Machine *m = machine;
    if (b->pending || b->bytes) return;
    b->pending = b->expected;
    ++b->phase;
    for (int i = 0; i < m->block; ++i)
        if (m->waits[i].at == b->address) {
            m->waits[i].at = nullptr;
            wake(i);
        }
}

static void mbarrier_arrive(const void *address, long bytes)
{
    Mbarrier *b = mbarrier_at(address);
    if (b->pending == 0) fail("more arrivals at an mbarrier than its phase expects");
    b->bytes += bytes;
    if (b->bytes >= 1 << 20) fail("an mbarrier expects more bytes than it can count");
    --b->pending;
    mbarrier_settle(b);
}

static void mbarrier_complete(const void *address, long bytes)
{
    Mbarrier *b = mbarrier_at(address);
    b->bytes -= bytes;
    mbarrier_settle(b);
}

static void mbarrier_wait(const void *address, unsigned int parity, const char *file, int line)
{
    Mbarrier *b = mbarrier_at(address);
    while ((b->phase & 1) == parity) {
        machine->waits[machine->current] = {address, file, line};
        leave();
    }
}

} // namespace hd_host

// ---- what kernels call -------------------------------------------------------------------------
HD_HOST_FN void hd_mbarrier_init(unsigned long long *b, unsigned int arrivals)
{
    hd_host::mbarrier_init(b, (int)arrivals);
}
HD_HOST_FN void hd_mbarrier_ready()
{
}
HD_HOST_FN void hd_mbarrier_arrive(unsigned long long *b)
{
    hd_host::mbarrier_arrive(b, 0);
}
HD_HOST_FN void hd_mbarrier_expect(unsigned long long *b, unsigned int bytes)
{
    hd_host::mbarrier_arrive(b, (long)bytes);
}
HD_HOST_FN void hd_mbarrier_wait(unsigned long long *b, unsigned int parity,
                                 const char *file = __builtin_FILE(), int line = __builtin_LINE())
{
    hd_host::mbarrier_wait(b, parity, file, line);
}
template <int Count> HD_HOST_FN void hd_registers_down()
{
}
template <int Count> HD_HOST_FN void hd_registers_up()
{
}

#endif
