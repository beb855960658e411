/* How many registers a thread has. */
#include "pass/internal.h"

enum { FILE_REGISTERS = 65536, MOST_REGISTERS = 255 };

int64_t pass_registers_left(const PassContext *ctx)
{
    const IrKernel *k = ctx->k;
    int64_t threads = k->block_size * (k->occupancy > 0 ? k->occupancy : 1);
    int64_t left = FILE_REGISTERS / (threads > 0 ? threads : 1);
    if (left > MOST_REGISTERS) left = MOST_REGISTERS;
    for (size_t i = 0; i < k->tensors.len; i++) {
        const IrTensor *t = k->tensors.data[i];
        int bits = vocab_elem(t->elem)->bits;
        if (t->space == IR_TILE) left -= ir_tile_slots(t) * bits / 32;
        if (t->space == IR_PRIVATE) left -= ir_tensor_size(t) * bits / 32;
    }
    return left;
}
