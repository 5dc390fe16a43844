"""What callers give rows as, and get them back as: pandas, polars, Arrow or a dict of lists."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import pyarrow as pa

from larderdb import _values
from larderdb.errors import InvalidRowsError

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


@dataclass(frozen=True)
class Frame:
    """Rows, whose columns are read when they are asked for."""

    names: list[str]
    column: Callable[[str], Any]  # as an Arrow array
    table: Callable[[], Any]  # all columns, as an Arrow table
    rows: Callable[[], int]
    shape: Shape
    index: tuple[str, ...] = ()  # the names of what pandas has beside the columns

    @classmethod
    def of(cls, rows: Any) -> Frame:
        """Return the rows that a caller gave."""
        # A caller who gives a data frame has imported its library.
        pandas, polars = sys.modules.get("pandas"), sys.modules.get("polars")
        if isinstance(rows, Mapping):
            return _of_mapping(rows)
        if isinstance(rows, pa.Table):
            return _of_arrow(rows)
        if pandas is not None and isinstance(rows, pandas.DataFrame):
            return _of_pandas(rows)
        if polars is not None and isinstance(rows, polars.DataFrame):
            return _of_polars(rows)
        raise InvalidRowsError(
            f"rows are a mapping of lists, a pandas or polars DataFrame, or a pyarrow.Table; not a {type(rows).__name__}"
            + _remedy(rows, polars)
        )


def _remedy(rows: Any, polars: Any) -> str:
    if polars is not None and isinstance(rows, polars.LazyFrame):
        return "; collect it first, as in frame.collect()"
    if isinstance(rows, (list, tuple)) and rows and isinstance(rows[0], Mapping):
        return "; for a list of records, give pandas.DataFrame(records) or pyarrow.Table.from_pylist(records)"
    if hasattr(rows, "to_frame"):
        return "; give rows.to_frame()"
    if hasattr(rows, "__arrow_c_stream__") or isinstance(rows, pa.RecordBatch):
        return "; give pyarrow.table(rows)"
    return ""


def check_names(names: Iterable[Any], library: str = "") -> list[str]:
    """Return the names of columns as texts; refuse two that are the same."""
    texts: list[str] = []
    for name in names:
        if isinstance(name, tuple):
            raise InvalidRowsError(
                f"the columns have names of several levels, as in {name!r}; give them plain ones, as in "
                'rows.columns = ["_".join(map(str, name)) for name in rows.columns]'
            )
        if not isinstance(name, str) and library != "pandas":
            raise InvalidRowsError(f"the name of a column is {name!r} ({type(name).__name__}); give it one that is a str")
        texts.append(str(name))
    if len(set(texts)) < len(texts):
        twice = next(name for at, name in enumerate(texts) if name in texts[:at])
        raise InvalidRowsError(f"the rows have two columns {twice!r}; drop or rename one", "DUPLICATE_COLUMN", column=twice)
    return texts


# Mappings of lists.


def _of_mapping(rows: Mapping[str, Any]) -> Frame:
    names = check_names(rows)

    def table() -> Any:
        columns = {name: _values.array(name, rows[name]) for name in names}
        check_lengths({name: len(column) for name, column in columns.items()})
        return pa.table(columns)

    def count() -> int:
        return len(_values.array(names[0], rows[names[0]])) if names else 0

    shape = Shape(
        lambda table: table.to_pydict(),
        lambda array: array.to_pylist(),
        lambda table: {**rows, **table.to_pydict()},
    )
    return Frame(names, lambda name: _values.array(name, rows[name]), table, count, shape)


def check_lengths(lengths: Mapping[str, int]) -> None:
    """Refuse columns of different lengths."""
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name!r} has {rows}" for name, rows in lengths.items())
        raise InvalidRowsError(f"the columns have different numbers of rows: {told}; give each a value for every row", "ROW_COUNT")


# Arrow.


def _of_arrow(rows: Any) -> Frame:
    shape = Shape(_same, _same, lambda table: _beside(rows, table))
    names = check_names(rows.column_names)
    return Frame(names, lambda name: _values.whole(rows[name]), lambda: rows, lambda: int(rows.num_rows), shape)


def _same(arrow: Any) -> Any:
    return arrow


def _beside(rows: Any, table: Any) -> Any:
    for name, column in zip(table.column_names, table.columns):
        rows = rows.append_column(name, column)
    return rows


# polars.


def _of_polars(rows: Any) -> Frame:
    import polars as pl

    def table(some: Any) -> Any:
        for name, kind in some.schema.items():
            if kind in (pl.Object, pl.Int128, pl.UInt128):
                raise _no_arrow_type(name, kind, "polars has no form of it for others")
        try:
            return some.to_arrow(compat_level=pl.CompatLevel.oldest())
        except _values.REFUSED as error:  # of types that are in others
            if some.width == 1:
                raise _no_arrow_type(some.columns[0], some.dtypes[0], str(error).split("\n")[0]) from error
            for name in some.columns:
                table(some.select(name))
            raise

    def frame(table: Any) -> Any:
        return pl.DataFrame() if not table.column_names else pl.from_arrow(table)

    shape = Shape(frame, pl.from_arrow, lambda table: rows.hstack(pl.from_arrow(table)))
    return Frame(
        list(rows.columns),
        lambda name: _values.whole(table(rows.select(name)).column(0)),
        lambda: table(rows),
        lambda: int(rows.height),
        shape,
    )


def _no_arrow_type(name: str, kind: Any, reason: Any) -> InvalidRowsError:
    return InvalidRowsError(
        f"{name!r} ({kind}) has no Arrow type: {reason}; cast the column, or join it to the answer by an id", column=name
    )


# pandas.


def _of_pandas(rows: Any) -> Frame:
    import pandas as pd

    index = rows.index
    names = check_names(rows.columns, "pandas")

    def table() -> Any:
        columns = [_pandas_column(name, rows.iloc[:, at]) for at, name in enumerate(names)]
        return pa.Table.from_arrays(columns, names)

    shape = Shape(
        lambda table: _to_pandas(table, index),
        lambda array: pd.Series(array.to_numpy(zero_copy_only=False), index),
        lambda table: pd.concat([rows, _to_pandas(table, index)], axis=1),
    )
    return Frame(
        names,
        lambda name: _values.whole(_pandas_column(name, rows.iloc[:, names.index(name)])),
        table,
        lambda: len(rows),
        shape,
        tuple(str(level) for level in index.names if level is not None),
    )


def _pandas_column(name: str, series: Any) -> Any:
    """A column of a data frame as an Arrow array, or a chunked one."""
    import pandas as pd

    def convert(some: Any) -> Any:
        return pa.Table.from_pandas(some.to_frame(name), preserve_index=False).column(0)

    of_objects = series.dtype == object
    if of_objects and pd.api.types.infer_dtype(series) not in ("string", "bytes", "integer", "floating", "boolean"):
        _values.check_objects(name, series)
    try:
        return convert(series)
    except _values.REFUSED as error:
        if not of_objects:
            raise _no_arrow_type(name, series.dtype, str(error).split("\n")[0]) from error
        raise _values.refused(name, series, error, lambda some: pa.array(some, from_pandas=True)) from error


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
