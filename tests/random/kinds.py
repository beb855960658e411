"""The kinds of programs, and one of them from a seed."""
import random

from elems import Undefined
from scalars import scalar_kernel
from tiles import tile_kernel
from write import Program

KINDS = {"scalars": (scalar_kernel, 2), "tiles": (tile_kernel, 2)}
MOST = 90000    # characters


def program(seed, kind=None):
    """(kind, text) of the program that a seed gives: the first of its tries that has a meaning."""
    kind = kind or list(KINDS)[seed % len(KINDS)]
    make, kernels = KINDS[kind]
    for attempt in range(1000):
        rng = random.Random(f"{kind} {seed} {attempt}")
        made = Program(f"{kind}, seed {seed}")
        try:
            for k in range(kernels):
                make(rng, made, k)
        except (Undefined, OverflowError):
            continue
        if len(made.text) < MOST:
            return kind, made.text
    raise ValueError(f"no program for seed {seed}")
