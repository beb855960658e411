"""A program's text: kernels, the data of their tests, and what they are to give."""
import math

from elems import ELEMS

POOL = 29       # numbers that the elements of inputs are taken from, in turn
LINE = 100


def wrap(items, indent):
    lines, line = [], " " * indent
    for item in items:
        if len(line) + len(item) + 2 > LINE and line.strip():
            lines.append(line.rstrip())
            line = " " * indent
        line += item + ", "
    return "\n".join(lines + [line.rstrip().rstrip(",")])


class Tensor:
    """A kernel's parameter: its elements, flat, before and after the launch."""

    def __init__(self, name, elem, shape, mode=""):
        self.name, self.elem, self.shape, self.mode = name, elem, tuple(shape), mode
        self.size = math.prod(shape)
        self.values = [elem.fit(0)] * self.size
        self.fill = None
        self.declared = ", ".join(map(str, shape))
        self.layout = ""

    def randomise(self, rng, pool):
        """Elements from a pool of values, at a stride that meets all of them."""
        pool = [pool[k % len(pool)] for k in range(POOL)]
        self.fill = (pool, rng.randrange(1, POOL), rng.randrange(POOL))
        _, step, start = self.fill
        self.values = [pool[(start + step * i) % POOL] for i in range(self.size)]
        return self

    def offset(self, at):
        flat = 0
        for i, extent in zip(at, self.shape):
            if not 0 <= i < extent:
                return None
            flat = flat * extent + i
        return flat

    @property
    def parameter(self):
        mode = self.mode + " " if self.mode else ""
        return f"{self.name}: {mode}{self.elem}[{self.declared}]{self.layout}"

    def loops(self, body):
        """Loops over all elements around `body`, a function of subscripts and of the flat number."""
        names = [f"e{k}" for k in range(len(self.shape))]
        flat = "0"
        for name, extent in zip(names, self.shape):
            flat = name if flat == "0" else f"({flat}) * {extent} + {name}"
        open_loops = "".join(f"for {n} in range({e}) {{ " for n, e in zip(names, self.shape))
        return open_loops + body(", ".join(names), flat) + " }" * len(names)


class Program:
    def __init__(self, title):
        self.head = [f"//! {title}"]
        self.imports, self.parts, self.tests, self.consts = [], [], [], 0

    def table(self, elem, values):
        name = f"DATA{self.consts}"
        self.consts += 1
        of = "i32" if elem.name == "bool" else elem
        texts = [str(int(v)) if elem.name == "bool" else elem.literal(v) for v in values]
        self.parts.append(f"const {name}: {of}[{len(values)}] = [\n{wrap(texts, 4)}\n]")
        return name

    def kernel(self, name, text, arguments, generics=""):
        """Adds a kernel and its test. Arguments: Tensors, whose `values` are those that the kernel is to
        leave, or (name, elem, value)."""
        self.parts.append(text)
        lines, passed, after = [], [], []
        for a in arguments:
            if not isinstance(a, Tensor):
                passed.append(a[1].literal(a[2]))
                continue
            passed.append(a.name)
            lines.append(f"let {a.name} = zero {a.elem}[{', '.join(map(str, a.shape))}]")
            suffix = " != 0" if a.elem.name == "bool" else ""
            if a.fill:
                pool, step, start = a.fill
                table = self.table(a.elem, pool)
                lines.append(a.loops(lambda at, flat, a=a, t=table, s=step, o=start, x=suffix:
                                     f"{a.name}[{at}] = {t}[({o} + {s} * ({flat})) % {POOL}]{x}"))
            if a.mode:
                table = self.table(a.elem, a.values)
                lines_after = a.loops(lambda at, flat, a=a, t=table, x=suffix: f"w{a.name}[{at}] = {t}[{flat}]{x}")
                after += [f"let w{a.name} = zero {a.elem}[{', '.join(map(str, a.shape))}]", lines_after,
                          f'check equal({a.name}, w{a.name}), "{a.name}"']
        lines.append(f"{name}{generics}({', '.join(passed)})")
        body = "\n".join("    " + line for line in lines + after)
        self.tests.append(f'test "{name}" {{\n{body}\n}}')

    @property
    def text(self):
        return "\n".join(self.head + sorted(set(self.imports))) + "\n\n" + "\n\n".join(self.parts + self.tests) + "\n"


def samples(rng, elem, count=POOL):
    """Values of a type, its awkward ones among them."""
    if elem.name == "bool":
        return [rng.random() < 0.5 for _ in range(count)]
    if elem.real:
        top = elem.top
        odd = [0.0, -0.0, 1.0, -1.0, 0.5, math.inf, -math.inf, top, -top, math.ldexp(1.0, elem.low), 3.0, -7.5]
        plain = [elem.fit(rng.uniform(-9, 9)) for _ in range(count)]
        odd = [elem.fit(v) for v in odd]
        return [v if math.isnan(v) or rng.random() < 0.75 else rng.choice([o for o in odd if not math.isnan(o)])
                for v in plain]
    low, high = (-99, 99) if elem.index else elem.range
    odd = [low, low + 1, high, high - 1, 0, 1, 2, 3, 7, max(low, -1), max(low, -2), max(low, -7)]
    return [rng.choice(odd) if rng.random() < 0.5 else rng.randint(low, high) for _ in range(count)]


def small(rng, elem, count=POOL, most=4):
    """Small whole values, whose sums and products are exact."""
    if elem.name == "bool":
        return samples(rng, elem, count)
    low = 0 if not elem.real and not elem.signed else -most
    return [elem.fit(rng.randint(low, most)) for _ in range(count)]


def pick(rng, *names):
    return ELEMS[rng.choice(names)]
