"""NumPy arrays through ctypes: two emitted libraries in one process, in each other's sight."""
import ctypes
import sys

import numpy as np


class Device(ctypes.Structure):
    _fields_ = [("type", ctypes.c_int), ("id", ctypes.c_int)]


class Type(ctypes.Structure):
    _fields_ = [("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16)]


class Tensor(ctypes.Structure):
    _fields_ = [("data", ctypes.c_void_p), ("device", Device), ("ndim", ctypes.c_int),
                ("dtype", Type), ("shape", ctypes.POINTER(ctypes.c_int64)),
                ("strides", ctypes.POINTER(ctypes.c_int64)), ("byte_offset", ctypes.c_uint64)]


def tensor(array):
    ints = ctypes.c_int64 * array.ndim
    code = {"i": 0, "u": 1, "f": 2}[array.dtype.kind]
    t = Tensor(array.ctypes.data, Device(1, 0), array.ndim, Type(code, 8 * array.itemsize, 1),
               ints(*array.shape), ints(*(s // array.itemsize for s in array.strides)), 0)
    return ctypes.byref(t)


kernels = ctypes.CDLL(sys.argv[1], mode=ctypes.RTLD_GLOBAL)
other = ctypes.CDLL(sys.argv[2], mode=ctypes.RTLD_GLOBAL)
kernels.kernels_error.restype = ctypes.c_char_p
rng = np.random.default_rng(1)

x = rng.standard_normal(1001).astype(np.float32)
y = rng.standard_normal(1001).astype(np.float32)
want = (np.float32(2.5) * x.astype(np.float64) + y).astype(np.float32)
assert kernels.saxpy(ctypes.c_float(2.5), tensor(x), tensor(y)) == 0, kernels.kernels_error()
assert np.allclose(y, want, rtol=1e-6, atol=1e-6)

a = rng.standard_normal((65, 33)).astype(np.float32)
b = rng.standard_normal((33, 17)).astype(np.float32)
c = np.zeros((65, 17), np.float32)
assert kernels.matmul(tensor(a), tensor(b), tensor(c)) == 0, kernels.kernels_error()
assert np.allclose(c, a @ b, rtol=1e-5, atol=1e-5)

d = np.zeros_like(a)
assert kernels.mirror(tensor(a), tensor(d)) == 0, kernels.kernels_error()
assert (d == a[:, ::-1]).all()
long = np.zeros((2, 100000), np.float32)
assert kernels.mirror(tensor(long), tensor(np.empty_like(long))) == 1
message = kernels.kernels_error().decode()
assert "mirror needs 400000 bytes of shared memory a block" in message, message
assert "`row: f32[n]` takes 400000 (n = 100000)" in message, message

v = np.arange(-100, 100, dtype=np.int32)
w = np.empty_like(v)
assert other.negate(tensor(v), tensor(w)) == 0
assert (w == -v).all()

other.other_error.restype = ctypes.c_char_p
v = np.arange(64 * 12, dtype=np.int32)
w = np.empty_like(v)
assert other.turned(tensor(v), tensor(w)) == 0, other.other_error()
assert (w.reshape(4, 3, 64) == np.roll(v.reshape(4, 3, 64), -1, axis=1)).all()
assert other.turned(tensor(v[:-64]), tensor(w[:-64])) == 1
message = other.other_error().decode()
assert "a multiple of the 3 blocks of a cluster`, but n = 704" in message, message

assert kernels.matmul(tensor(np.asfortranarray(a)), tensor(b), tensor(c)) == 1
print(kernels.kernels_error().decode())
