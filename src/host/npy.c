/* Tensors from and to .npy files. */
#include "host/host.h"

