"""Arrow arrays as the types that the schema declares, where nothing is lost."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from larderdb import _columns
from larderdb._columns import is_list
from larderdb.errors import InvalidRowsError


def fit(values: Any, want: Any) -> Any:
    """Return values as the type that the schema declares, where nothing is lost.

    What doesn't fit comes back as it is: the server refuses it in words that
    know the schema. Text is never read as a number, nor a number as text.
    """
    if values.type == want or not _may_become(values.type, want):
        return values
    try:
        return values.cast(want)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return values


def key(name: str, values: Any, kind: str) -> Any:
    """Return the values of a join key as the declared type; refuse rows without one, and
    floats that name no integer: pandas makes floats of integers beside nulls."""
    want = _columns.type_of(kind)
    values = _columns.plain(values)
    if pa.types.is_floating(values.type) and pa.types.is_integer(want):
        _check_whole(f"join key {name!r}", name, values, True)
    if values.null_count:
        raise _no_key(name, pc.index(pc.is_null(values), True).as_py())
    return fit(values, want)


def value(name: str, values: Any, kind: str) -> Any:
    """Return the values of a request value, or of a feature, as the declared type; refuse
    floats that name no integer."""
    want = _columns.type_of(kind)
    fitting = fit(values, want)
    if pa.types.is_floating(fitting.type) and pa.types.is_integer(want):
        _check_whole(repr(name), name, fitting, False)
    return fitting


def _no_key(name: str, row: int) -> InvalidRowsError:
    return InvalidRowsError(
        f"row {row} of join key {name!r} has no value; every row needs its key: drop such rows first, as in "
        f"rows.dropna(subset=[{name!r}])",
        "NULL_JOIN_KEY",
        column=name,
        row=row,
    )


# From here on a float stands for several integers.
_AMBIGUOUS = {16: 2.0**11, 32: 2.0**24, 64: 2.0**53}


def _check_whole(what: str, name: str, values: Any, key: bool) -> None:
    """Refuse floats that are not whole, and those so large that they stand for several
    integers; and, of a key, those that are missing."""
    limit = _AMBIGUOUS[values.type.bit_width]
    floats = values.cast(pa.float64())
    whole = pc.and_(pc.equal(pc.floor(floats), floats), pc.less(pc.abs(floats), limit)).fill_null(not key)
    row = pc.index(whole, False).as_py()
    if row < 0:
        return
    one = floats[row].as_py()
    if key and (one is None or one != one):
        raise _no_key(name, row)
    fault = "is too large for a float to be exact" if one.is_integer() else "is not a whole number"
    raise InvalidRowsError(
        f"row {row} of {what} is {one!r}, which {fault}; give integers, as in "
        f'rows[{name!r}].astype("int64") or, beside nulls, dtype "Int64"',
        column=name,
        row=row,
    )


def _may_become(have: Any, want: Any) -> bool:
    t = pa.types
    if is_list(have) and is_list(want):
        return _may_become(have.value_type, want.value_type)
    if t.is_null(have):
        return True
    if t.is_dictionary(have):
        return _may_become(have.value_type, want)
    if t.is_integer(have) or t.is_floating(have):
        return bool(t.is_integer(want) or t.is_floating(want))
    return False


def conversion(name: str, kind: str) -> str:
    """Say how a column becomes of a type, as definitions write it."""
    column = f"rows[{name!r}]"
    if kind == "timestamp":
        return f"convert the column, as in pandas.to_datetime({column}, utc=True)"
    if kind in ("bytes",) or kind.startswith(("list<", "vector<")):
        return f"give values of {kind}"
    return f'convert the column, as in {column}.astype("{kind}")'
