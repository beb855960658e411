"""Random task mappings, and what they mean by the formulas of docs/language.md, section 6.1."""
import itertools
import math


class Map:
    """A product of factors. A factor is (form, extents): `order` holds its dimensions, slowest first."""

    def __init__(self, factors):
        self.factors = factors
        rank = len(factors[0][1])
        self.shape = tuple(math.prod(f[1][k] for f in factors if f[0] != "replicate") for k in range(rank))
        self.workers = math.prod(n for f in factors for n in (f[1] if f[0] != "repeat" else []))
        self.replicas = math.prod(f[1][0] for f in factors if f[0] == "replicate")

    @property
    def text(self):
        return " * ".join(factor_text(*f) for f in self.factors)

    def tasks(self, worker):
        """The worker's tasks, in their order."""
        rank = len(self.shape)
        done = [(0,) * rank]
        left = self.workers
        for form, extents, order in self.factors:
            own = 1 if form == "repeat" else math.prod(extents)
            left //= own
            here, worker = divmod(worker, left)
            if form == "replicate":
                continue
            steps = unfold(extents, order)
            steps = steps if form == "repeat" else [steps[here]]
            done = [tuple(a * d + b for a, d, b in zip(task, extents, step)) for task in done for step in steps]
        return done


def unfold(extents, order):
    """All points of a box, in the order in which its dimensions vary."""
    result = []
    for point in itertools.product(*(range(extents[k]) for k in order)):
        task = [0] * len(extents)
        for k, at in zip(order, point):
            task[k] = at
        result.append(tuple(task))
    return result


def factor_text(form, extents, order):
    if form == "replicate":
        return f"replicate({extents[0]})"
    inside = ", ".join(map(str, extents))
    if list(order) == sorted(order):
        return f"{form}({inside})"
    if len(extents) == 2 and (extents[0] + extents[1]) % 3:
        return f"col_{form}({inside})"
    return f"{form}({inside}) order ({', '.join(map(str, order))})"


def primes(n):
    found, p = [], 2
    while n > 1:
        while n % p == 0:
            found.append(p)
            n //= p
        p += 1
    return found


def random_map(rng, shape, workers, replicas=True):
    """A mapping of that shape over so many workers, each task owned once, or by all replicas.

    The primes of the shape are dealt out to `spatial`s until the workers are used up; what is left
    over of either is a `repeat` or a `replicate`. None if the workers do not fit."""
    pool = [(k, p) for k, n in enumerate(shape) for p in primes(n)]
    rng.shuffle(pool)
    spatial = []
    for p in primes(workers):
        at = next((i for i, (_, q) in enumerate(pool) if q == p), None)
        spatial.append((pool.pop(at)) if at is not None else (None, p))
    if any(k is None for k, _ in spatial) and not replicas:
        return None
    atoms = [("replicate", None, p) if k is None else ("spatial", k, p) for k, p in spatial]
    atoms += [("repeat", k, p) for k, p in pool]
    rng.shuffle(atoms)
    if rng.random() < 0.6:              # repeats first, as programs have them, or last
        cut = rng.randrange(len(pool) + 1)
        still = [a for a in atoms if a[0] == "repeat"]
        atoms = still[:cut] + [a for a in atoms if a[0] != "repeat"] + still[cut:]
    return Map(merge(rng, atoms, len(shape)))


def merge(rng, atoms, rank):
    """Neighbours of one form become one factor, often."""
    factors = []
    for form, k, p in atoms:
        if form == "replicate":
            factors.append((form, (p,) + (1,) * (rank - 1), tuple(range(rank))))
            continue
        one = tuple(p if i == k else 1 for i in range(rank))
        if factors and factors[-1][0] == form and rng.random() < 0.7:
            extents = tuple(a * b for a, b in zip(factors[-1][1], one))
            factors[-1] = (form, extents, factors[-1][2])
        else:
            order = list(range(rank))
            if rng.random() < 0.3:
                rng.shuffle(order)
            factors.append((form, one, tuple(order)))
    if not factors or factors[0][0] == "replicate" and len(factors) == 1:
        factors.append(("repeat", (1,) * rank, tuple(range(rank))))
    return factors
