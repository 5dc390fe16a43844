"""Writes jsonnumbers.tsv: JSON numbers, and what Python reads them as, exactly.

    python3 jsonnumbers.py > jsonnumbers.tsv

Columns: the text; the bits of float64, of float32, and the int64; "-" where it doesn't fit.
"""

import json
import random
import struct
from decimal import Decimal
from fractions import Fraction


def bits64(text):
    x = json.loads(text)
    try:
        x = float(x)
    except OverflowError:
        return "-"
    return "-" if abs(x) == float("inf") else struct.pack(">d", -0.0 if x == 0 and text[0] == "-" else x).hex()


def bits32(text):
    """The float32 that is nearest to the number, ties to even, without rounding twice."""
    exact = abs(Fraction(Decimal(text)))
    low, high = 0, 0x7F800000  # bits of 0 and of infinity; between them floats sort as their bits
    while high - low > 1:
        middle = (low + high) // 2
        if value32(middle) <= exact:
            low = middle
        else:
            high = middle
    below, above = exact - value32(low), value32(high) - exact
    if above < below or above == below and low % 2:
        low = high
    return "-" if low == 0x7F800000 else f"{low | (0x80000000 if text[0] == '-' else 0):08x}"


def value32(bits):
    if bits == 0x7F800000:
        return Fraction(2) ** 128  # where the next float would be
    return Fraction(struct.unpack(">f", struct.pack(">I", bits))[0])


def int64(text):
    x = Fraction(Decimal(text))
    return str(x.numerator) if x.denominator == 1 and -(2**63) <= x < 2**63 else "-"


def texts():
    yield from """0 -0 0.0 -0.0 1 -1 1.0 1e0 1E+2 10e-1 12.50e1 1.5 9007199254740993 9223372036854775807 9223372036854775808 -9223372036854775808
        -9223372036854775809 9223372036854775807.0 922337203685477580.7e1 1e18 1e19 123456789012345678e-17 0.1 0.3 5e-324 2e-324 3e-324 2.2250738585072011e-308
        1.7976931348623157e308 1.7976931348623158e308 1.7976931348623159e308 1e309 3.4028234663852886e38 3.4028235677973366e38 3.4028235677973362e38 1.4e-45 7e-46
        7.1e-46 16777217 16777216.5 16777219 1.000000059604644775390625 1.00000005960464477539062500000001 8.41e21 9.5367431640625e-07
        7.038531e-26 100000000000000000000000000000000000000000000e-44""".split()
    random.seed(21)
    for _ in range(400):
        digits = str(random.getrandbits(random.choice([8, 24, 53, 63, 64, 100])))
        if random.random() < 0.5 and len(digits) > 1:
            at = random.randrange(1, len(digits))
            digits = digits[:at] + "." + digits[at:]
        if random.random() < 0.6:
            digits += random.choice("eE") + random.choice(["", "+", "-"]) + str(random.randrange(random.choice([3, 30, 300])))
        yield random.choice(["", "-"]) + digits


for text in texts():
    print(text, bits64(text), bits32(text), int64(text), sep="\t")
