"""Exact values of the element types, as docs/language.md defines them: the oracle's arithmetic.

Integers are Python's, wrapped to their width; floats are Python's doubles, rounded once into their
format after each operation. `index` is the mathematical integer."""
import math
import struct
from fractions import Fraction


class Undefined(Exception):
    """The language gives this no meaning: a program that comes here is not written."""


class Elem:
    """An element type: integers have `signed`, floats the digits of their mantissa and exponents."""

    def __init__(self, name, bits, signed=None, digits=0, low=0, top=0.0):
        self.name, self.bits, self.signed = name, bits, signed
        self.digits, self.low, self.top = digits, low, top
        self.real = digits > 0
        self.index = name == "index"
        self.integer = not self.real and name != "bool"

    def __repr__(self):
        return self.name

    @property
    def range(self):
        if self.index:
            return -2 ** 40, 2 ** 40
        if self.signed:
            return -2 ** (self.bits - 1), 2 ** (self.bits - 1) - 1
        return 0, 2 ** self.bits - 1

    def fit(self, value):
        """`value`, an exact number, in this type."""
        if self.name == "bool":
            return bool(value)
        if self.real:
            return round_float(self, value)
        if self.index:
            if abs(value) >= 2 ** 62:
                raise Undefined
            return value
        low = -2 ** (self.bits - 1) if self.signed else 0
        return (value - low) % 2 ** self.bits + low

    def literal(self, value):
        """The text of a value, as a literal that meets this type."""
        if self.name == "bool":
            return "true" if value else "false"
        if not self.real:
            return str(value)
        if math.isnan(value):
            return "nan"
        if math.isinf(value):
            return "-inf" if value < 0 else "inf"
        text = repr(value)
        return text if "." in text or "e" in text else text + ".0"


ELEMS = {e.name: e for e in [
    Elem("bool", 8), Elem("index", 64, True),
    *(Elem(f"{s}{bits}", bits, s == "i") for s in "iu" for bits in (4, 8, 16, 32, 64)),
    Elem("f8e4m3", 8, digits=4, low=-9, top=448.0), Elem("f8e5m2", 8, digits=3, low=-16, top=57344.0),
    Elem("f16", 16, digits=11, low=-24, top=65504.0),
    Elem("bf16", 16, digits=8, low=-133, top=math.ldexp(255, 120)),
    Elem("tf32", 32, digits=11, low=-136, top=math.ldexp(2047, 117)),
    Elem("f32", 32, digits=24, low=-149, top=math.ldexp(2 ** 24 - 1, 104)),
    Elem("f64", 64, digits=53, low=-1074, top=math.ldexp(2 ** 53 - 1, 971))]}


def round_float(elem, value):
    """Rounds an exact number (int, Fraction or double), once, to nearest even."""
    if isinstance(value, float):
        if elem.bits == 64 or value == 0 or math.isnan(value):
            return value
        if math.isinf(value):
            return value if elem.name != "f8e4m3" else math.nan
    if value == 0:
        return 0.0
    exact = Fraction(value)
    above, below = abs(exact.numerator).bit_length(), exact.denominator.bit_length()
    exponent = above - below            # 2^(exponent - 1) < |value| < 2^(exponent + 1)
    if abs(exact) >= Fraction(2) ** exponent:
        exponent += 1
    quantum = max(exponent - elem.digits, elem.low)
    result = Fraction(round(exact / Fraction(2) ** quantum)) * Fraction(2) ** quantum
    if abs(result) > Fraction(elem.top):
        return math.nan if elem.name == "f8e4m3" else math.copysign(math.inf, exact)
    return float(result) if result else math.copysign(0.0, exact)


def convert(to, of, value):
    """`to(value)` of a value of type `of`."""
    if not to.real and of.real:
        if to.name == "bool":
            raise Undefined
        if math.isnan(value):
            return 0
        low, top = (-2 ** 63, 2 ** 63 - 1) if to.index else to.range
        if math.isinf(value):
            value = top if value > 0 else low
        return to.fit(min(max(math.trunc(value), low), top))
    if to.real and not of.real:
        return round_float(to, int(value))
    return to.fit(value if to.real else int(value))


def bits_of(elem, value):
    if not elem.real:
        return int(value) % 2 ** elem.bits
    if elem.name in ("f16", "f32", "f64"):
        return int.from_bytes(struct.pack({"f16": "<e", "f32": "<f", "f64": "<d"}[elem.name], value), "little")
    if elem.name in ("bf16", "tf32"):
        return int.from_bytes(struct.pack("<f", value), "little") >> (32 - elem.bits)
    raise Undefined


def from_bits(elem, bits):
    if not elem.real:
        return elem.fit(bits)
    if elem.name == "bf16":
        elem, bits = ELEMS["f32"], bits << 16
    form = {"f16": "<e", "f32": "<f", "f64": "<d"}[elem.name]
    return struct.unpack(form, bits.to_bytes(elem.bits // 8, "little"))[0]


def binary(op, elem, a, b):
    if op in ("==", "!=", "<", "<=", ">", ">="):
        return {"==": a == b, "!=": a != b, "<": a < b, "<=": a <= b, ">": a > b, ">=": a >= b}[op]
    if elem.real:
        return binary_float(op, elem, a, b)
    if op in ("/", "%"):
        if b == 0:
            raise Undefined
        quotient = a // b if elem.index or (a < 0) == (b < 0) else -(abs(a) // abs(b))
        return elem.fit(quotient if op == "/" else a - quotient * b)
    if op in ("<<", ">>"):
        if not 0 <= b < elem.bits:
            raise Undefined
        return elem.fit(a << b if op == "<<" else a >> b)
    if op in ("min", "max"):
        return (min if op == "min" else max)(a, b)
    return elem.fit({"+": lambda: a + b, "-": lambda: a - b, "*": lambda: a * b, "&": lambda: a & b,
                     "|": lambda: a | b, "^": lambda: a ^ b}[op]())


def binary_float(op, elem, a, b):
    if op in ("min", "max"):
        if math.isnan(a) or math.isnan(b):
            return math.nan
        order = sorted([a, b], key=lambda v: (v, math.copysign(1.0, v)))
        return order[0] if op == "min" else order[1]
    if op == "/" and b == 0:
        if a == 0 or math.isnan(a):
            return math.nan
        return math.copysign(math.inf, math.copysign(1, a) * math.copysign(1, b))
    try:
        exact = {"+": lambda: a + b, "-": lambda: a - b, "*": lambda: a * b, "/": lambda: a / b}[op]()
    except OverflowError:
        raise Undefined from None
    return round_float(elem, exact)


def fma(elem, a, b, c):
    if not all(map(math.isfinite, (a, b, c))):
        return round_float(elem, a * b + c)
    exact = Fraction(a) * Fraction(b) + Fraction(c)
    if exact == 0:
        return a * b + c if a * b == 0 else 0.0     # the sign of a zero is that of IEEE's sum
    if elem.bits == 64:
        try:
            return exact.numerator / exact.denominator
        except OverflowError:
            raise Undefined from None
    return round_float(elem, exact)


def unary(op, elem, a):
    if op == "-":
        return -a if elem.real else elem.fit(-a)
    if op == "~":
        return elem.fit(~a)
    if op == "abs":
        return abs(a) if elem.real else elem.fit(abs(a))
    bits = int(a) % 2 ** elem.bits if not elem.real else 0
    if op == "popcount":
        return elem.fit(bin(bits).count("1"))
    if op == "clz":
        return elem.fit(elem.bits - bits.bit_length())
    if op == "ctz":
        return elem.fit((bits & -bits).bit_length() - 1 if bits else elem.bits)
    if op == "sqrt":
        return round_float(elem, math.sqrt(a)) if a >= 0 else math.nan
    if not math.isfinite(a):
        return a
    whole = {"floor": math.floor, "ceil": math.ceil, "trunc": math.trunc, "rint": round}[op](a)
    return math.copysign(float(whole), a)
