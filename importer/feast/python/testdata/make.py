"""Writes answers.json: what Feast answers for on-demand views, value by value.

    FEAST/bin/python importer/feast/python/testdata/make.py

FEAST is a virtual environment with feast==0.67.0. Each row is asked for alone and with
all others, as its servers do it: the function, then the conversion to Feast's values.
"""

import json
import linecache
import math
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from feast import Field, RequestSource
from feast.on_demand_feature_view import on_demand_feature_view
from feast.type_map import python_values_to_proto_values
from feast.types import Bool, Float64, Int64, String

TYPES = {"float64": Float64, "int64": Int64, "string": String, "bool": Bool}
COLUMNS = {"a": "float64", "b": "float64", "n": "int64", "m": "int64", "s": "string", "t": "string"}
ROWS = [
    [1.5, 2.0, 3, 2, "x", "y"],
    [None, 2.0, 3, 0, "x", None],
    [0.0, 0.0, 0, 0, "", ""],
    [1.0, 0.0, 1, 0, "é", "z"],
    [-3.75, None, None, 7, None, "x"],
    [None, None, None, None, None, None],
    [2.5, 1e300, -7, 100, "abc", "abc"],
    [1.0, 1.0, None, None, "y", "x"],
    [1e308, -0.0, 12, 5, "X", "x"],
]
PANDAS = """
float64 df["a"] + df["b"]
float64 df["a"] + df["n"] * 2
float64 df["n"] + df["m"]
int64 df["n"] + df["m"]
int64 1 - df["n"]
float64 (df["a"] - 1) * (df["b"] - 1_000)
float64 df["n"] * 0.5 - df["a"] / 4
float64 -df["a"]
float64 df["a"] * -1
float64 df["n"] / 100
float64 df["a"] / df["b"]
float64 df["n"] / df["m"] + 1
float64 (df["a"] / df["b"]).fillna(0)
float64 (df["a"] / df["b"] + df["n"] / df["m"]).fillna(-1) / 2
bool df["a"] / df["b"] > 1
bool df["a"] / df["b"] != 1
string df["s"] + "x" + df["t"]
bool df["a"] > 1
bool df["a"] <= 5
bool df["a"] >= df["n"]
bool df["n"] != df["m"]
bool df["a"] == df["b"]
bool df["s"] < df["t"]
bool df["s"] == "x"
bool (df["a"] > 1) & ~(df["s"] == "x")
int64 ((df["a"] > 1) | (df["b"] < 2)).astype(int)
float64 (df["a"] > 1).astype("float64")
float64 df["a"].fillna(0)
int64 df["n"].fillna(0) + 1
string df["s"].fillna("none")
float64 (df["n"] + df["m"]).fillna(0.5)
float64 df["n"].astype(float)
int64 df["n"].astype(int)
float64 df["a"].abs() + abs(df["b"])
int64 df["n"].abs()
float64 np.where(df["a"] > 0, df["a"], 0)
float64 np.where(df["n"] > 2, 1, 0.5)
int64 np.where(df["s"] > "m", df["n"], df["m"])
string np.where(df["s"] == "x", "yes", "no")
float64 np.where((df["a"] > 1) & (df["b"] > 1), df["a"] * df["b"], df["n"])
float64 np.where(df["a"] > 1, df["n"] / df["m"], df["m"])
bool df["a"].isnull()
bool df["n"].notnull()
float64 np.sqrt(df["a"])
float64 np.sqrt(df["n"] ** 2 + df["a"]).fillna(-1)
bool np.sqrt(df["a"]) >= 1
float64 df["a"] ** 2
int64 -df["n"] ** 2
float64 np.maximum(df["a"], df["n"])
float64 np.minimum(df["a"], 2)
int64 np.maximum(df["n"], df["m"])
int64 np.minimum(df["n"], 1)
float64 df["a"]
int64 df["n"]
string df["s"]
"""
PYTHON = """
float64 [a + b for a, b in zip(x["a"], x["b"])]
int64 [a * 2 for a in x["n"]]
float64 [a / b for a, b in zip(x["a"], x["b"])]
float64 [a / 4 for a in x["n"]]
int64 [1 if a > 1 else 0 for a in x["a"]]
float64 [a if a is not None else 0.0 for a in x["a"]]
float64 [a if a > b else b for a, b in zip(x["a"], x["b"])]
int64 [(a or 0) + 1 for a in x["n"]]
bool [a == "x" for a in x["s"]]
bool [a != 1 for a in x["a"]]
bool [a is None for a in x["a"]]
bool [a > 1 and b > 1 for a, b in zip(x["a"], x["b"])]
bool [not a > 1 or b == 2 for a, b in zip(x["a"], x["b"])]
float64 [float(a) for a in x["n"]]
int64 [int(a > 1) for a in x["a"]]
int64 [abs(a) for a in x["n"]]
string [a + "!" for a in x["s"]]
string ["big" if a > 2 else "small" for a in x["n"]]
float64 x["a"]
"""
FAILED = "failed"


def view(source, mode, typ):
    """The on-demand view of a function's source."""
    name = f"<{len(linecache.cache)}>"
    linecache.cache[name] = (len(source), None, source.splitlines(True), name)
    scope = {"pd": pd, "np": np}
    exec(compile(source, name, "exec"), scope)
    request = RequestSource(name="r", schema=[Field(name=n, dtype=TYPES[t]) for n, t in COLUMNS.items()])
    return on_demand_feature_view(sources=[request], schema=[Field(name="out", dtype=TYPES[typ])], mode=mode)(scope["f"])


def answers(v, rows):
    columns = {n: [row[k] for row in rows] for k, n in enumerate(COLUMNS)}
    try:
        if v.mode == "python":
            out = v.transform_dict(columns)["out"]
        else:
            out = v.transform_arrow(pa.Table.from_pydict(columns), False)["out"].to_numpy()
        values = python_values_to_proto_values(out, v.schema[0].dtype.to_value_type())
    except Exception:
        return [FAILED] * len(rows)
    found = [None if p.WhichOneof("val") is None else getattr(p, p.WhichOneof("val")) for p in values]
    return [str(x).replace("inf", "Infinity") if isinstance(x, float) and not math.isfinite(x) else x for x in found]


def case(mode, line):
    typ, expression = line.split(" ", 1)
    if mode == "python":
        source = f'def f(x):\n    return {{"out": {expression}}}\n'
    else:
        source = f'def f(df):\n    out = pd.DataFrame()\n    out["out"] = {expression}\n    return out\n'
    v = view(source, mode, typ)
    together, alone = answers(v, ROWS), [answers(v, [row])[0] for row in ROWS]
    for a, b in zip(together, alone):
        assert a == b or FAILED in (a, b), (source, a, b)
    return {"source": source, "mode": mode, "type": typ, "answers": [b if a == FAILED else a for a, b in zip(together, alone)]}


cases = [case("pandas", line) for line in PANDAS.strip().splitlines()] + [case("python", line) for line in PYTHON.strip().splitlines()]
out = {"columns": COLUMNS, "rows": ROWS, "cases": cases}
text = "{\n" + ",\n".join(
    f' "{key}": ' + (json.dumps(value) if key == "columns" else "[\n  " + ",\n  ".join(json.dumps(x) for x in value) + "\n ]") for key, value in out.items()
)
(Path(__file__).parent / "answers.json").write_text(text + "\n}\n")
