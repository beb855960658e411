"""Kernels of one thread's arithmetic: expressions and statements of every element type.

An expression is its text and a function that gives its value in an environment, made together; a
statement is its lines and a function that runs them. So the oracle never reads the text."""
import math

import elems
from elems import ELEMS, Undefined
from maps import random_map
from write import Tensor, pick, samples

INTS = [ELEMS[n] for n in "i8 i16 i32 i64 u8 u16 u32 u64".split()]
FLOATS = [ELEMS[n] for n in "f16 bf16 f32 f64".split()]
NARROW = [ELEMS[n] for n in "i4 u4 f8e4m3 f8e5m2 tf32".split()]
INDEX, BOOL = ELEMS["index"], ELEMS["bool"]
BINDS = {"*": 9, "/": 9, "%": 9, "+": 8, "-": 8, "<<": 7, ">>": 7, "&": 6, "^": 5, "|": 4,
         "==": 3, "!=": 3, "<": 3, "<=": 3, ">": 3, ">=": 3, "&&": 2, "||": 1}


class Leave(Exception):
    """`break`, `continue`, or `return` with a value."""

    def __init__(self, how, value=None):
        super().__init__(how)
        self.how, self.value = how, value


class Expr:
    """`binds` is that of its outermost operator, 10 for what needs no parentheses. `product` holds the
    factors where the language may make an fma of it. A literal has no type of its own."""

    def __init__(self, text, elem, value, binds=10, product=None, literal=False):
        self.text, self.elem, self.value = text, elem, value
        self.binds, self.product, self.literal = binds, product, literal

    def inside(self, binds):
        return self.text if self.binds >= binds else f"({self.text})"


def operate(op, a, b):
    """`a op b`, by the language's rule of contraction."""
    binds = BINDS[op]
    elem = b.elem if a.literal else a.elem
    text = f"{a.inside(binds if binds != 3 else 4)} {op} {b.inside(binds + 1)}"
    result = BOOL if binds <= 3 else elem
    if op in ("&&", "||"):
        lazy = (lambda e: a.value(e) and b.value(e)) if op == "&&" else (lambda e: a.value(e) or b.value(e))
        return Expr(text, BOOL, lazy, binds)
    if op in "+-" and elem.name in ("f32", "f64") and (a.product or b.product):
        sign = -1.0 if op == "-" else 1.0
        if a.product:
            (p, q), c = a.product, b
            return Expr(text, elem, lambda e: elems.fma(elem, p.value(e), q.value(e), sign * c.value(e)), binds)
        (p, q), c = b.product, a
        return Expr(text, elem, lambda e: elems.fma(elem, sign * p.value(e), q.value(e), c.value(e)), binds)
    return Expr(text, result, lambda e: elems.binary(op, elem, a.value(e), b.value(e)), binds,
                (a, b) if op == "*" and elem.real else None)


def call(name, elem, arguments, compute):
    text = f"{name}({', '.join(a.text for a in arguments)})"
    return Expr(text, elem, lambda e: compute(*[a.value(e) for a in arguments]))


def literal(elem, value):
    return Expr(elem.literal(value), elem, lambda e: value, 10 if value >= 0 else 9.5, literal=True)


def constant(elem, value):
    """A value that brings its type along."""
    return Expr(f"{elem}({elem.literal(value)})", elem, lambda e: value)


def cast(to, a):
    return Expr(f"{to}({a.text})", to, lambda e: elems.convert(to, a.elem, a.value(e)))


def choose(c, a, b):
    text = f"{c.inside(1)} ? {a.inside(1)} : {b.inside(0)}"
    return Expr(text, a.elem, lambda e: a.value(e) if c.value(e) else b.value(e), 0)


class Scope:
    """What generated code may name, and how deep it may still go."""

    def __init__(self, rng, names, tables=(), arrays=(), functions=()):
        self.rng, self.names = rng, list(names)     # names: (name, elem, may it change)
        self.tables, self.arrays, self.functions = tables, list(arrays), functions
        self.loops, self.returns, self.count = 0, None, [0]

    def fresh(self, stem):
        self.count[0] += 1
        return f"{stem}{self.count[0]}"

    # ---- expressions --------------------------------------------------------------------------

    def expression(self, elem, depth):
        """An expression of that type."""
        rng = self.rng
        if depth <= 0 or rng.random() < 0.12:
            return self.leaf(elem)
        if elem is BOOL:
            return self.condition(depth)
        ways = [self.arithmetic] * 6 + [self.function, self.conversion, self.choice, self.vector, self.looked_up]
        if elem.integer:
            ways += [self.division, self.shift, self.bitwise, self.bitwise]
        if self.functions:
            ways += [self.called]
        made = rng.choice(ways)(elem, depth - 1)
        return made or self.leaf(elem)

    def leaf(self, elem):
        known = [n for n, of, _ in self.names if of is elem]
        if known and self.rng.random() < 0.85:
            name = self.rng.choice(known)
            return Expr(name, elem, lambda e: e[name])
        if self.names and self.rng.random() < 0.4 and elem is not BOOL:
            name, of, _ = self.rng.choice(self.names)
            if elem.index and (of.bits > 32 or of.real) and not of.index:
                return constant(elem, self.rng.randint(-20, 20))
            return cast(elem, Expr(name, of, lambda e: e[name]))
        if elem is BOOL:
            value = self.rng.random() < 0.5
            return Expr(elem.literal(value), BOOL, lambda e: value)
        return constant(elem, self.some_literal(elem))

    def some_literal(self, elem):
        if elem.index:
            return self.rng.randint(-20, 20)
        while True:
            value = self.rng.choice(samples(self.rng, elem, 3))
            if elem.real and math.isfinite(value) or elem.integer and value != elem.range[0]:
                return value

    def operand(self, elem, depth):
        """An expression or a literal."""
        if self.rng.random() < 0.2:
            return literal(elem, self.some_literal(elem))
        return self.expression(elem, depth)

    def arithmetic(self, elem, depth):
        op = self.rng.choice("+-*" if not elem.real else "++-**/")
        a, b = self.expression(elem, depth), self.operand(elem, depth)
        if self.rng.random() < 0.2 and not b.literal:
            a, b = literal(elem, self.some_literal(elem)), a
        return operate(op, a, b)

    def division(self, elem, depth):
        op, a = self.rng.choice("/%"), self.expression(elem, depth)
        if self.rng.random() < 0.4:
            value = self.some_literal(elem)
            return operate(op, a, literal(elem, value or 3))
        divisor = self.expression(elem, depth)
        zero = literal(elem, 0)
        if self.rng.random() < 0.5:
            return operate(op, a, operate("|", divisor, literal(elem, 1)))
        return choose(operate("!=", divisor, zero), operate(op, a, divisor), self.expression(elem, depth))

    def shift(self, elem, depth):
        op, a = self.rng.choice(["<<", ">>"]), self.expression(elem, depth)
        most = 7 if elem.index else elem.bits - 1
        if self.rng.random() < 0.5:
            return operate(op, a, literal(elem, self.rng.randint(0, most)))
        return operate(op, a, operate("&", self.expression(elem, depth), literal(elem, most)))

    def bitwise(self, elem, depth):
        if self.rng.random() < 0.2:
            a = self.expression(elem, depth)
            return Expr("~" + a.inside(10), elem, lambda e: elem.fit(~a.value(e)), 9.5)
        return operate(self.rng.choice("&|^"), self.expression(elem, depth), self.operand(elem, depth))

    def function(self, elem, depth):
        a = self.expression(elem, depth)
        names = ["-", "min", "max", "abs"]
        names += ["sqrt", "floor", "ceil", "trunc", "rint", "fma", "copysign"] if elem.real else []
        names += ["popcount", "clz", "ctz", "mulhi"] if elem.integer and not elem.index and elem.bits > 4 else []
        name = self.rng.choice(names)
        if name == "-":
            return Expr("-" + a.inside(10), elem, lambda e: elems.unary("-", elem, a.value(e)), 9.5)
        if name in ("min", "max"):
            return call(name, elem, [a, self.operand(elem, depth)], lambda x, y: elems.binary(name, elem, x, y))
        if name == "mulhi":
            return call(name, elem, [a, self.operand(elem, depth)], lambda x, y: elem.fit(x * y >> elem.bits))
        if name == "fma":
            return call(name, elem, [a, self.operand(elem, depth), self.operand(elem, depth)],
                        lambda x, y, z: elems.fma(elem, x, y, z))
        if name == "copysign":
            return call(name, elem, [a, self.operand(elem, depth)], signed_as)
        return call(name, elem, [a], lambda x: elems.unary(name, elem, x))

    def conversion(self, elem, depth):
        of = self.rng.choice(INTS + FLOATS + FLOATS + NARROW + [BOOL, INDEX])
        if elem.index:
            of = self.rng.choice(INTS)
            small = call(f"{of}", of, [self.expression(of, depth)], lambda x: x)
            wide = cast(elem, small) if of.bits <= 32 else None
            return operate("%", wide, literal(elem, 37)) if wide else None
        same = [e for e in INTS + FLOATS if e.bits == elem.bits and e is not elem]
        if self.rng.random() < 0.25 and same and elem.name not in ("tf32", "f8e4m3", "f8e5m2", "i4", "u4"):
            of = self.rng.choice(same)
            a = self.expression(of, depth)
            return Expr(f"bitcast[{elem}]({a.text})", elem, lambda e: same_bits(elem, of, a.value(e)))
        if of is elem:
            return None
        return cast(elem, self.expression(of, depth))

    def choice(self, elem, depth):
        return choose(self.condition(depth), self.expression(elem, depth), self.expression(elem, depth))

    def condition(self, depth):
        rng = self.rng
        if depth > 0 and rng.random() < 0.35:
            if rng.random() < 0.2:
                a = self.condition(depth - 1)
                return Expr("!" + a.inside(10), BOOL, lambda e: not a.value(e), 9.5)
            return operate(rng.choice(["&&", "||"]), self.condition(depth - 1), self.condition(depth - 1))
        known = [of for _, of, _ in self.names if of is not BOOL]
        elem = rng.choice(known or INTS)
        op = rng.choice(["==", "!=", "<", "<=", ">", ">="])
        return operate(op, self.expression(elem, depth - 1), self.operand(elem, depth - 1))

    def vector(self, elem, depth):
        """One lane of an expression of vectors."""
        if elem.index or elem is BOOL:
            return None
        lanes, rng = self.rng.choice([2, 3, 4, 8]), self.rng
        name, at = f"{elem}x{lanes}", rng.randrange(lanes)
        lane = [self.expression(elem, min(depth, 1)) for _ in range(lanes)]
        result = Expr(f"{name}({', '.join(a.text for a in lane)})", elem, lane[at].value)
        for _ in range(rng.randint(1, 2)):
            op = rng.choice("+-*" if elem.real else "+-*&|^")
            other = self.expression(elem, min(depth, 1))
            if rng.random() < 0.5:
                other = Expr(f"{name}({other.text})", elem, other.value)
            result = operate(op, result, other)
        suffix = f".{'xyzw'[at]}" if at < 4 and rng.random() < 0.5 else f"[{at}]"
        return Expr(result.inside(11 if result.binds < 10 else 10) + suffix, elem, result.value)

    def looked_up(self, elem, depth):
        """An element of a table, of a private array, or of a tensor, perhaps outside of it."""
        known = [t for t in self.tables if t[1] is elem] + [t for t in self.arrays if t[1] is elem]
        if not known:
            return None
        name, _, values = self.rng.choice(known)
        size = values if isinstance(values, int) else len(values)
        at = self.expression(INDEX, min(depth, 2))
        if name.startswith("x"):
            other = self.operand(elem, depth)
            return Expr(f"({name}[{at.text}] else {other.text})", elem,
                        lambda e: values[at.value(e)] if 0 <= at.value(e) < size else other.value(e))
        at = operate("%", at, literal(INDEX, size))
        if isinstance(values, int):
            return Expr(f"{name}[{at.text}]", elem, lambda e: e[name][at.value(e)])
        return Expr(f"{name}[{at.text}]", elem, lambda e: values[at.value(e)])

    def called(self, elem, depth):
        known = [f for f in self.functions if f.elem is elem]
        if not known:
            return None
        f = self.rng.choice(known)
        return call(f.name, elem, [self.expression(of, depth) for _, of, _ in f.names], f.run)

    # ---- statements ---------------------------------------------------------------------------

    def block(self, depth, count):
        """Statements in a scope of their own: lines, and what runs them."""
        names, arrays = len(self.names), len(self.arrays)
        made = [self.statement(depth) for _ in range(count)]
        del self.names[names:]
        del self.arrays[arrays:]

        def run(e):
            for _, step in made:
                step(e)
        return ["    " + line for lines, _ in made for line in lines], run

    def statement(self, depth):
        ways = [self.declared, self.declared, self.assigned, self.assigned, self.assigned]
        if depth > 0:
            ways += [self.branch, self.branch, self.counted, self.repeated, self.array, self.stored]
        if self.loops or self.returns:
            ways += [self.left]
        return self.rng.choice(ways)(depth) or self.declared(depth)

    def declared(self, _):
        rng = self.rng
        elem = rng.choice(INTS + FLOATS + [INDEX, BOOL] + ([rng.choice(NARROW)] if rng.random() < 0.3 else []))
        a, name = self.expression(elem, rng.randint(1, 3)), self.fresh("v")
        word = rng.choice(["let", "var"])
        kind = f": {elem}" if rng.random() < 0.3 and elem is not INDEX else ""
        self.names.append((name, elem, word == "var"))
        return [f"{word} {name}{kind} = {a.text}"], lambda e: e.__setitem__(name, a.value(e))

    def assigned(self, _):
        known = [(n, elem) for n, elem, changes in self.names if changes]
        if not known:
            return None
        name, elem = self.rng.choice(known)
        old = Expr(name, elem, lambda e: e[name])
        if elem is BOOL or elem.index or self.rng.random() < 0.4:
            a = self.expression(elem, 3)
            if elem.index:              # keeps it small, in whatever loop this stands
                a = operate("%", a, literal(INDEX, 50))
            return [f"{name} = {a.text}"], lambda e: e.__setitem__(name, a.value(e))
        op = self.rng.choice("+-*" if elem.real else "+-*&|^")
        a = self.operand(elem, 2)
        b = operate(op, old, a)
        return [f"{name} {op}= {a.text}"], lambda e: e.__setitem__(name, b.value(e))

    def branch(self, depth):
        c = self.condition(2)
        lines, then = self.block(depth - 1, self.rng.randint(1, 3))
        lines = [f"if {c.text} {{"] + lines
        other = None
        if self.rng.random() < 0.6:
            more, other = self.block(depth - 1, self.rng.randint(1, 2))
            lines += ["} else {"] + more

        def run(e):
            if c.value(e):
                then(e)
            elif other:
                other(e)
        return lines + ["}"], run

    def counted(self, depth):
        rng, name = self.rng, self.fresh("n")
        unroll = rng.random() < 0.25
        low, step = rng.choice([0, 0, 0, -3, 2]), rng.choice([1, 1, 2, 3])
        span = literal(INDEX, rng.randint(0, 5))
        if not unroll and rng.random() < 0.6:
            span = operate("%", self.expression(INDEX, 1), literal(INDEX, 6))
        high = operate("+", span, literal(INDEX, low)) if low else span
        words = high.text if (low, step) == (0, 1) else f"{low}, {high.text}" if step == 1 else f"{low}, {high.text}, {step}"
        self.names.append((name, INDEX, False))
        self.loops += 1
        lines, body = self.block(depth - 1, rng.randint(1, 3))
        self.loops -= 1
        self.names.pop()

        def run(e):
            for i in range(low, high.value(e), step):
                e[name] = i
                if leaves(body, e):
                    break
        return [f"{'unroll ' if unroll else ''}for {name} in range({words}) {{"] + lines + ["}"], run

    def repeated(self, depth):
        """A `while`, whose count ends it in any case."""
        c, name, most = self.condition(2), self.fresh("c"), self.rng.randint(1, 6)
        self.loops += 1
        lines, body = self.block(depth - 1, self.rng.randint(1, 3))
        self.loops -= 1

        def run(e):
            count = 0
            while count < most and c.value(e):
                count += 1
                if leaves(body, e):
                    break
        return [f"var {name} = 0", f"while {name} < {most} && {c.inside(3)} {{", f"    {name} += 1"] + lines + ["}"], run

    def left(self, _):
        c = self.condition(2)
        how = self.rng.choice((["break", "continue"] if self.loops else []) + (["return"] if self.returns else []))
        if how != "return":
            return [f"if {c.text} {{ {how} }}"], lambda e: leave_if(c.value(e), how)
        a = self.expression(self.returns, 2)
        return [f"if {c.text} {{ return {a.text} }}"], lambda e: leave_if(c.value(e), how, lambda: a.value(e))

    def array(self, _):
        elem, size, name = self.rng.choice(INTS + FLOATS), self.rng.randint(2, 9), self.fresh("p")
        value = self.some_literal(elem)
        self.arrays.append((name, elem, size))
        return ([f"reg {name}: {elem}[{size}] = {elem.literal(value)}"],
                lambda e: e.__setitem__(name, [value] * size))

    def stored(self, _):
        if not self.arrays:
            return None
        name, elem, size = self.rng.choice(self.arrays)
        at, a = operate("%", self.expression(INDEX, 2), literal(INDEX, size)), self.expression(elem, 2)

        def run(e):
            e[name][at.value(e)] = a.value(e)
        return [f"{name}[{at.text}] = {a.text}"], run


def signed_as(x, y):
    if math.isnan(y) or math.isnan(x):
        raise Undefined
    return math.copysign(x, y)


def same_bits(to, of, value):
    if of.real and math.isnan(value):
        raise Undefined
    return elems.from_bits(to, elems.bits_of(of, value))


def leave_if(condition, how, value=lambda: None):
    if condition:
        raise Leave(how, value())


def leaves(body, env):
    """Runs a round of a loop; does it end the loop?"""
    try:
        body(env)
    except Leave as left:
        if left.how == "return":
            raise
        return left.how == "break"
    return False


class Function:
    """`fn` with scalar parameters, that returns from anywhere."""

    def __init__(self, rng, number, tables, functions):
        self.name, self.elem = f"h{number}", rng.choice(INTS + FLOATS)
        self.names = [(f"a{k}", rng.choice(INTS + FLOATS + [self.elem, INDEX]), False) for k in range(rng.randint(1, 3))]
        scope = Scope(rng, self.names, [t for t in tables if not t[0].startswith("x")], (), functions)
        scope.returns = self.elem
        lines, self.body = scope.block(2, rng.randint(0, 3))
        self.result = scope.expression(self.elem, 3)
        parameters = ", ".join(f"{n}: {of}" for n, of, _ in self.names)
        self.text = "\n".join([f"fn {self.name}({parameters}) -> {self.elem} {{", *lines,
                               f"    return {self.result.text}", "}"])

    def run(self, *values):
        env = dict(zip((n for n, _, _ in self.names), values))
        try:
            self.body(env)
            return self.result.value(env)
        except Leave as left:
            return left.value


def iteration(rng, size):
    """A loop that visits each of `size` elements once as `g`: launch, lines before, its head, and a bound."""
    threads = rng.choice([1, 32, 64, 96])
    way = rng.randrange(4)
    if way == 0:
        per = rng.choice([1, 2, 3])
        m = random_map(rng, (threads * per,), threads, False)
        return (f"grid(cdiv({size}, {threads * per})), block({threads})",
                [f"for t in {m.text} on thread within ({size} - block.x * {threads * per}) {{",
                 f"    let g = block.x * {threads * per} + t"])
    if way == 1:
        blocks = rng.choice([1, 2, 5])
        return f"grid({blocks}), block({threads})", [f"for g in auto({size}) on thread in grid {{"]
    if way == 2:
        return f"grid(1), block({threads})", [f"for g in auto({size}) on thread {{"]
    return (f"grid(cdiv({size}, {threads})), block({threads})",
            [f"let g = block.x * {threads} + thread", f"if g < {size} {{"])


def scalar_kernel(rng, program, number):
    """A kernel whose every element is computed by itself."""
    name, size = f"k{number}", rng.choice([1, 7, 33, 64, 70])
    inputs = [Tensor(f"x{k}", rng.choice(INTS + FLOATS + FLOATS + NARROW + [BOOL]), [size])
              for k in range(rng.randint(1, 4))]
    for t in inputs:
        t.randomise(rng, samples(rng, t.elem))
    tables = []
    for k in range(rng.randint(0, 2)):
        elem = rng.choice(INTS + FLOATS)
        values = [v for v in samples(rng, elem, 9) if elem.real or v != elem.range[0]]
        tables.append((f"T{number}{k}", elem, values or [elem.fit(1)]))
    seen = tables + [(t.name, t.elem, t.values) for t in inputs if t.elem is not BOOL]
    functions = []
    for k in range(rng.randint(0, 2)):
        functions.append(Function(rng, f"{number}{k}", tables, list(functions)))
    names = [(f"b{k}", t.elem, False) for k, t in enumerate(inputs)] + [("g", INDEX, False)]
    scope = Scope(rng, names, seen, (), functions)
    outputs, changed = [], []
    for k in range(rng.randint(1, 2)):
        elem = rng.choice(INTS + FLOATS + FLOATS + NARROW + [BOOL])
        outputs.append(Tensor(f"y{k}", elem, [size], "out"))
        changed.append((f"r{k}", elem, True))
    scope.names += changed
    lines, body = scope.block(3, rng.randint(2, 7))
    results = [scope.expression(t.elem, 3) for t in outputs]
    loads = [f"    let b{k} = {t.name}[g]" for k, t in enumerate(inputs)]
    loads += [f"    var {n}: {elem} = {elem.literal(elem.fit(1))}" for n, elem, _ in changed]
    stores = []
    for t, r in zip(outputs, results):
        stores += [f"    let s{t.name} = {r.text}"]
        safe = f"isnan(s{t.name}) ? 7.0 : s{t.name}" if t.elem.real else f"s{t.name}"
        stores += [f"    {t.name}[g] = {safe}"]
    for g in range(size):
        env = {"g": g, **{f"b{k}": t.values[g] for k, t in enumerate(inputs)}, **{n: e.fit(1) for n, e, _ in changed}}
        body(env)
        for t, r in zip(outputs, results):
            value = r.value(env)
            t.values[g] = 7.0 if t.elem.real and math.isnan(value) else value
    launch, head = iteration(rng, size)
    parameters = ", ".join(t.parameter for t in inputs + outputs)
    inner = head + ["" + line for line in loads + lines + stores] + ["}"]
    for n, elem, values in tables:
        program.parts.append(f"const {n}: {elem}[{len(values)}] = [{', '.join(map(elem.literal, values))}]")
    program.parts += [f.text for f in functions]
    program.kernel(name, "\n".join([f"kernel {name}({parameters})", f"    launch {launch}", "{",
                                    *["    " + line for line in inner], "}"]), inputs + outputs)
