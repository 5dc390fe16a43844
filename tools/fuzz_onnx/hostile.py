"""Feature values: harmless ones, as a trial has them, and those of an enemy."""

import numpy as np

FLOATS = [np.nan, np.inf, -np.inf, 3.4e38, -3.4e38, 1e-45, -1e-45, -0.0, 0.0, 1.0, -1.0, 2.0, 0.5, 127.5, 256.0, -129.0, 65504.0, 65520.0, 2**31, 2**31 - 128, -(2**31), 2.0**63, -(2.0**63), 1e10, 88.8, -104.0, 1e19]
DOUBLES = [*FLOATS, 1e308, -1e308, 5e-324, 2.0**53 + 2]
INTS = [0, 1, -1, 2, 3, 4, 5, 7, 31, 32, 63, 64, -2, -3, -5, 100, 127, 128, 255, 256, 1000, 2**24 + 1, 2**31 - 1, -(2**31)]
LONGS = [*INTS, 2**31, 2**32, 2**62, 2**63 - 1, -(2**63), -(2**31) - 1]
TEXTS = ["", "a", "b", "1", "0", "-1", "1e999", "-1e999", "1e-999", "nan", "NaN", "-inf", "inf", "0x10", "1_000", " 1", "1 ", "99999999999999999999", "-99999999999999999999", "2.5", "é", "日本", "\u0000", "a\u0000b", "x" * 10_000, "9" * 10_000, "true", "\ud7ff", "c0", "none"]


def harmless(kind, shape, first=0):
    size = int(np.prod(shape))
    rows = np.arange(size) // max(1, size // max(1, shape[0]))
    if kind == "string":
        return np.full(shape, "", dtype=object)
    if kind in ("float", "double"):
        return ((rows + first) % 10 / 10).astype(np.float32 if kind == "float" else np.float64).reshape(shape)
    return np.zeros(shape, dtype={"int64": np.int64, "int32": np.int32, "bool": np.bool_}[kind])


def enemy(rng, kind, shape):
    """Values of one of three moods: all the same, a mixture of a few, of all."""
    size = int(np.prod(shape))
    pool = {"float": FLOATS, "double": DOUBLES, "int64": LONGS, "int32": INTS, "bool": [False, True], "string": TEXTS}[kind]
    some = rng.sample(pool, min(len(pool), rng.choice([1, 2, 3, len(pool)])))
    if kind == "string" and size > 100:
        some = [t for t in some if len(t) < 1000] or ["a"]
    dtype = {"float": np.float32, "double": np.float64, "int64": np.int64, "int32": np.int32, "bool": np.bool_, "string": object}[kind]
    values = np.empty(size, dtype=dtype)
    for k, value in enumerate(rng.choices(some, k=size)):
        values[k] = value
    return values.reshape(shape)
