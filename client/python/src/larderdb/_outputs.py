"""Outputs of models to columns."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from larderdb import _columns
from larderdb.errors import IncompleteAnswerError
from larderdb.v1 import serving_pb2


def decode(output: serving_pb2.Output, rows: int) -> Iterator[tuple[str, Any]]:
    """Yield the columns of an output, each with an entry for each row.

    The classes of probabilities have a column each. Other outputs with several values of a
    row have one column of lists.
    """
    name, width = output.values.name, math.prod(output.shape)
    if _columns.length(output.values) != rows * width:
        raise IncompleteAnswerError(f"the answer has other values of the output {name!r} than {width} for each of {rows} rows; send the request again")
    values = _columns.decode(output.values)
    if not output.shape:
        yield name, values
    elif len(output.shape) == 1 and len(output.classes) == width:
        for i, label in enumerate(output.classes):
            yield f"{name}[{label}]", values.take(pa.array(range(i, rows * width, width), pa.int64()))
    else:
        yield name, pa.ListArray.from_arrays(pa.array(range(0, rows * width + 1, width), pa.int32()), values)
