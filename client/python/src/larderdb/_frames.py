"""What callers give rows as, and get them back as: pandas, polars, Arrow or a dict of lists."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import pyarrow as pa

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

Rows: TypeAlias = "Mapping[str, Sequence[Any]] | pd.DataFrame | pl.DataFrame | pa.Table"
"""Rows as columns of one length: a mapping of lists or arrays, or a data frame."""

FrameT = TypeVar("FrameT", bound="pd.DataFrame | pl.DataFrame | pa.Table")


@dataclass(frozen=True)
class Shape:
    """How an answer is to look: as its question did."""

    frame: Callable[[Any], Any]  # of an Arrow table
    series: Callable[[Any], Any]  # of an Arrow array
    beside: Callable[[Any], Any]  # the rows of the question, with the columns of an Arrow table beside


def read(rows: Rows) -> tuple[dict[str, Any], Shape]:
    """Return the columns of rows as Arrow arrays, and the shape of the answer to them."""
    if isinstance(rows, Mapping):
        columns = {name: _array(name, values) for name, values in rows.items()}
        return columns, Shape(
            lambda table: table.to_pydict(),
            lambda array: array.to_pylist(),
            lambda table: {**rows, **table.to_pydict()},
        )
    table, shape = _read_frame(rows)
    return {name: _whole(column) for name, column in zip(table.column_names, table.columns)}, shape


def read_table(rows: Rows) -> tuple[Any, Shape]:
    """Return rows as an Arrow table, and the shape of the answer to them."""
    if not isinstance(rows, Mapping):
        return _read_frame(rows)
    columns, shape = read(rows)
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"the columns have different numbers of rows: {lengths}")
    return pa.table(columns), shape


def _read_frame(rows: Any) -> tuple[Any, Shape]:
    if isinstance(rows, pa.Table):
        _check_names(rows.column_names)
        return rows, Shape(_same, _same, lambda table: _beside(rows, table))
    # A caller who gives a data frame has imported its library.
    pandas, polars = sys.modules.get("pandas"), sys.modules.get("polars")
    if pandas is not None and isinstance(rows, pandas.DataFrame):
        index = rows.index
        _check_names(rows.columns)
        return _of_pandas(rows), Shape(
            lambda table: _to_pandas(table, index),
            lambda array: pandas.Series(array.to_numpy(zero_copy_only=False), index),
            lambda table: pandas.concat([rows, _to_pandas(table, index)], axis=1),
        )
    if polars is not None and isinstance(rows, polars.DataFrame):
        return _of_polars(rows), Shape(
            polars.from_arrow, polars.from_arrow, lambda table: rows.hstack(polars.from_arrow(table))
        )
    raise TypeError(
        f"rows are a mapping of lists, a pandas or polars DataFrame, or a pyarrow.Table; not {type(rows).__name__}"
    )


def _check_names(names: Iterable[Any]) -> None:
    seen: set[str] = set()
    for name in map(str, names):
        if name in seen:
            raise ValueError(f"the rows have two columns {name!r}; drop or rename one")
        seen.add(name)


def _of_pandas(rows: Any) -> Any:
    try:
        return pa.Table.from_pandas(rows, preserve_index=False)
    except (pa.ArrowException, TypeError, ValueError, NotImplementedError) as error:
        for name in rows.columns:
            try:
                pa.Table.from_pandas(rows[[name]], preserve_index=False)
            except (pa.ArrowException, TypeError, ValueError, NotImplementedError) as reason:
                raise _no_arrow_type(name, rows[name].dtype, reason) from error
        raise


def _of_polars(rows: Any) -> Any:
    import polars as pl

    for name, kind in rows.schema.items():
        if kind in (pl.Object, pl.Int128, pl.UInt128):
            raise _no_arrow_type(name, kind, "polars has no form of it for others")
    return rows.to_arrow(compat_level=pl.CompatLevel.oldest())


def _no_arrow_type(name: Any, kind: Any, reason: Any) -> TypeError:
    return TypeError(
        f"{name!r} ({kind}) has no Arrow type: {reason}; cast the column, or join it to the answer by an id"
    )


def _same(arrow: Any) -> Any:
    return arrow


def _beside(rows: Any, table: Any) -> Any:
    for name, column in zip(table.column_names, table.columns):
        rows = rows.append_column(name, column)
    return rows


def _whole(column: Any) -> Any:
    """A column of a table as one array."""
    combined = column.combine_chunks()
    return combined.combine_chunks() if isinstance(combined, pa.ChunkedArray) else combined


def _array(name: str, values: Iterable[Any]) -> Any:
    if isinstance(values, pa.ChunkedArray):
        return _whole(values)
    if isinstance(values, pa.Array):
        return values
    if isinstance(values, (str, bytes)) or not isinstance(values, Iterable):
        raise TypeError(f"{name!r} is {type(values).__name__}; give a list with a value for each row")
    try:
        array = pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        raise TypeError(f"{name!r} is no list of values of one type: {error}") from error
    return _whole(array) if isinstance(array, pa.ChunkedArray) else array


def _to_pandas(table: Any, index: Any) -> Any:
    """A data frame on the caller's index. Integers and booleans with nulls get
    pandas' nullable types: numpy's have no null, and a float can't hold every int64."""
    import pandas as pd

    nullable = {pa.int32(): pd.Int32Dtype(), pa.int64(): pd.Int64Dtype(), pa.bool_(): pd.BooleanDtype()}
    columns = {}
    for name, column in zip(table.column_names, table.columns):
        series = column.to_pandas(types_mapper=nullable.get if column.null_count else None)
        series.index = index
        columns[name] = series
    return pd.DataFrame(columns, index=index)
