"""Kernels that move tiles: windows, layouts, distributions, reductions, products and pipelines.

Values are small and whole, so that sums are exact in any order. Each step is written and, at once,
done to the oracle's tiles."""
import itertools


from elems import ELEMS, Undefined
from maps import random_map
from write import Tensor, pick, small

LAYOUTS = ["", "", " layout col", " layout pad(1)", " layout pad(8)", " layout swizzle", " layout col pad(4)"]
FRAGMENT = "repeat(2, 1) * spatial(8, 4) * repeat(1, 2)"    # the sums of m16n8k16, and of most others
FACTORS = {"f16": "f32", "bf16": "f32", "i8": "i32", "u8": "i32", "f8e4m3": "f32", "f64": "f64", "f32": "f32"}


class Tile:
    """A tile in shared memory, or, with a mapping, in registers."""

    def __init__(self, name, elem, shape, over=None):
        self.name, self.elem, self.shape, self.over = name, elem, tuple(shape), over
        self.at = {}

    def points(self):
        return itertools.product(*map(range, self.shape))


def whole(elem, value):
    """A value that is exact in its type, however it was summed."""
    if elem.real and abs(value) > 2 ** elem.digits:
        raise Undefined
    return elem.fit(value)


class Kernel:
    def __init__(self, rng, number):
        self.rng, self.name = rng, f"k{number}"
        self.threads = rng.choice([32, 64, 128])
        self.lines, self.tiles, self.arguments, self.count = [], [], [], 0
        self.elem = pick(rng, "f32", "f16", "bf16", "i32", "i8", "u8", "i64", "f64", "u16", "f8e5m2")
        self.shape = (rng.choice([8, 16, 24, 32]), rng.choice([8, 16, 32, 48]))

    def fresh(self, stem):
        self.count += 1
        return f"{stem}{self.count}"

    def write(self, *lines):
        self.lines += lines

    def input(self, elem, shape):
        x = Tensor(self.fresh("x"), elem, shape).randomise(self.rng, small(self.rng, elem))
        self.arguments.append(x)
        return x

    def window(self, shape, x, fill):
        """A view of a parameter with these extents: its text, and the place of each of its elements."""
        rng = self.rng
        turned = rng.random() < 0.3
        base, extents = (f"{x.name}.transpose()", x.shape[::-1]) if turned else (x.name, x.shape)
        low = [rng.choice([0, 0, 1, 3, 4, 7, 8, -2, -8]) for _ in shape]
        if all(0 <= l and l + n <= e for l, n, e in zip(low, shape, extents)) and rng.random() < 0.5:
            text = f"{base}[{', '.join(f'{l}:{l + n}' for l, n in zip(low, shape))}]"
        else:
            text = f"{base}.tile({', '.join(map(str, shape))}) at ({', '.join(map(str, low))}){fill}"

        def place(at):
            here = [l + i for l, i in zip(low, at)]
            return x.offset(here[::-1] if turned else here)
        return text, place

    def tile(self, elem, shape, kind=None):
        rng = self.rng
        if (kind or rng.choice(["shared", "reg"])) == "shared":
            t = Tile(self.fresh("s"), elem, shape)
            self.write(f"shared {t.name}: {elem}[{', '.join(map(str, shape))}]{rng.choice(LAYOUTS)}")
        else:
            t = Tile(self.fresh("r"), elem, shape, random_map(rng, shape, self.threads))
            self.write(f"reg {t.name}: {elem}[{', '.join(map(str, shape))}] over {t.over.text}")
        self.tiles.append(t)
        return t

    def some(self, test=lambda t: True):
        known = [t for t in self.tiles if t.elem is self.elem and test(t)]
        return self.rng.choice(known) if known else None

    # ---- steps --------------------------------------------------------------------------------

    def load(self):
        rng, elem = self.rng, self.elem
        t = self.tile(elem, self.shape)
        x = self.input(elem, [rng.randint(n, n + 20) if rng.random() < 0.7 else rng.randint(1, n)
                              for n in self.shape])
        value = rng.choice([0, 0, 1, 3])
        text, place = self.window(t.shape, x, f" else {elem.literal(elem.fit(value))}")
        self.write(f"copy({t.name}, {text})")
        for at in t.points():
            t.at[at] = elem.fit(value) if place(at) is None else x.values[place(at)]

    def move(self):
        a = self.some()
        turned = a.over is None and self.rng.random() < 0.4
        b = self.tile(a.elem, a.shape[::-1] if turned else a.shape)
        if turned:
            source, target = f"{a.name}.transpose()", b.name
        else:
            source, target = a.name, b.name
        if a.over and b.over:
            via = self.tile(a.elem, a.shape, "shared")
            self.write(f"copy({target}, {source}) via {via.name}")
            self.tiles.remove(via)
        else:
            self.write(f"copy({target}, {source})")
        b.at = {at: a.at[at[::-1] if turned else at] for at in b.points()}

    def change(self):
        t, rng = self.some(lambda t: t.over), self.rng
        if not t:
            return
        by, plus = rng.choice([1, 2]), rng.randint(0, 3)
        if rng.random() < 0.3:
            text = f"{t.name} * {by} + {plus}" if not t.elem.real else f"{t.name} * {by}.0 + {plus}.0"
            self.write(f"{t.name} = {text}")
        else:
            self.write(f"for (i, j) in {t.name} {{ {t.name}[i, j] = {t.name}[i, j] * {by} + {plus} + {t.elem}(i % 3 + j % 2) }}")
        loop = self.lines[-1].startswith("for")
        for at, value in t.at.items():
            t.at[at] = whole(t.elem, value * by + plus + (at[0] % 3 + at[1] % 2 if loop else 0))

    def exchange(self):
        """All of a shared tile from another one, by tasks."""
        a = self.some(lambda t: not t.over)
        if not a:
            return
        b = self.tile(a.elem, a.shape, "shared")
        down, right = self.rng.randrange(a.shape[0]), self.rng.randrange(a.shape[1])
        over = random_map(self.rng, a.shape, self.threads)
        domain = over.text if self.rng.random() < 0.6 else f"auto({a.shape[0]}, {a.shape[1]})"
        self.write("sync", f"for (i, j) in {domain} on thread {{",
                   f"    {b.name}[i, j] = {a.name}[(i + {down}) % {a.shape[0]}, (j + {right}) % {a.shape[1]}]", "}", "sync")
        b.at = {(i, j): a.at[(i + down) % a.shape[0], (j + right) % a.shape[1]] for i, j in b.points()}

    def owners(self):
        """Who owns what: each element becomes the number of its thread, and of its step."""
        t = self.some(lambda t: t.over and t.over.replicas == 1)
        if not t:
            return
        self.write(f"for (i, j) in {t.name} {{ {t.name}[i, j] = {t.elem}(thread % 5) }}")
        for worker in range(self.threads):
            for at in t.over.tasks(worker):
                t.at[at] = t.elem.fit(worker % 5)

    def reduced(self):
        t, rng = self.some(lambda t: t.over), self.rng
        if not t:
            return
        k, name = rng.randrange(2), self.fresh("q")
        f, combine = rng.choice([("add", sum), ("max", max), ("min", min)])
        keep = "i" if k == 1 else "j"
        self.write(f"reg {name}: {t.elem}[{t.shape[1 - k]}] over ({t.over.text}).drop({k})",
                   f"reduce[{f}]({name}, {t.name}, {k})",
                   f"for (i, j) in {t.name} {{ {t.name}[i, j] = {name}[{keep}] }}")
        lines = {}
        for at, value in t.at.items():
            lines.setdefault(at[1 - k], []).append(value)
        result = {}
        for i, values in lines.items():
            if t.elem.real and sum(map(abs, values)) > 2 ** t.elem.digits:
                raise Undefined
            result[i] = t.elem.fit(combine(values))
        t.at = {at: result[at[1 - k]] for at in t.at}

    def store(self):
        rng, t = self.rng, self.some()
        y = Tensor(self.fresh("y"), t.elem, [n + rng.randint(-5, 12) for n in t.shape], "inout")
        y.randomise(rng, small(rng, t.elem))
        self.arguments.append(y)
        text, place = self.window(t.shape, y, "")
        self.write(f"copy({text}, {t.name})")
        for at, value in t.at.items():
            if place(at) is not None:
                y.values[place(at)] = value

    def product(self):
        """A loop of products, perhaps with its copies ahead, of tiles that are zeros outside."""
        rng = self.rng
        elem = pick(rng, *FACTORS)
        of, warps = ELEMS[FACTORS[elem.name]], self.threads // 32
        depth = rng.choice([16, 32, 64])
        across = rng.choice([w for w in (1, 2, 4) if warps % w == 0])
        down = warps // across
        m, n = 16 * down * rng.choice([1, 2]), 8 * across * rng.choice([1, 2, 4])
        over = f"spatial({down}, {across}) * repeat({m // 16 // down}, {n // 8 // across}) * {FRAGMENT}"
        k, stages = rng.choice([0, 1, depth - 1, depth, depth + 8, 3 * depth - 5, 5 * depth]), rng.randint(1, 4)
        turned = [rng.random() < 0.4 for _ in range(2)]
        mine, rows, columns = self.fresh("p"), m - rng.randint(0, 9), n - rng.randint(0, 7)
        shapes = [(m, depth), (depth, n)]
        inputs = [self.input(elem, s[::-1] if t else s) for s, t in zip([(rows, k), (k, columns)], turned)]
        names, places = [self.fresh("s") for _ in range(2)], ["(0, t)", "(t, 0)"]
        for name, shape, t in zip(names, shapes, turned):
            self.write(f"shared {name}: {elem}[{', '.join(map(str, shape[::-1] if t else shape))}]{rng.choice(LAYOUTS)}")
        ahead = f" pipeline({stages})" if rng.random() < 0.8 else ""
        self.write(f"reg {mine}: {of}[{m}, {n}] over {over} = 1", f"for t in range(0, {k}, {depth}){ahead} {{")
        for name, shape, x, t, place in zip(names, shapes, inputs, turned, places):
            if t:
                shape, place = shape[::-1], f"({place[1:-1].split(', ')[1]}, {place[1:-1].split(', ')[0]})"
            self.write(f"    copy({name}, {x.name}.tile({shape[0]}, {shape[1]}) at {place} else 0)")
        a, b = (f"{name}.transpose()" if t else name for name, t in zip(names, turned))
        self.write(f"    mma({mine}, {a}, {b})", "}")
        y = Tensor(self.fresh("y"), of, (rows, columns), "inout").randomise(rng, small(rng, of))
        self.arguments.append(y)
        self.write(f"copy({y.name}.tile({m}, {n}) at (0, 0), {mine})")
        left, right = ({(i, j): x.values[x.offset((j, i) if t else (i, j))] for i in range(s[0]) for j in range(s[1])}
                       for x, t, s in zip(inputs, turned, [(rows, k), (k, columns)]))
        for i in range(rows):
            for j in range(columns):
                y.values[i * columns + j] = whole(of, 1 + sum(left[i, p] * right[p, j] for p in range(k)))


def tile_kernel(rng, program, number):
    kernel = Kernel(rng, number)
    kernel.load()
    steps = [kernel.load, kernel.move, kernel.change, kernel.exchange, kernel.owners, kernel.reduced, kernel.store]
    for _ in range(rng.randint(3, 9)):
        rng.choice(steps)()
    if rng.random() < 0.4:
        kernel.product()
    kernel.store()
    parameters = ", ".join(t.parameter for t in kernel.arguments)
    program.kernel(kernel.name, "\n".join([f"kernel {kernel.name}({parameters})",
                                           f"    launch grid(1), block({kernel.threads})", "{",
                                           *["    " + line for line in kernel.lines], "}"]), kernel.arguments)
