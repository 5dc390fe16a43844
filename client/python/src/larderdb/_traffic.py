"""Which version of a model scores whom, as every server decides it."""

from __future__ import annotations

import hashlib

BUCKETS = 10_000


def bucket(salt: str, value: str | int) -> int:
    """Return the bucket, from 0 to 9,999, that a value of ``split_by`` falls in.

    Args:
        salt: the model's ``salt``, or its name where it has none.
        value: the value; an integer counts as its decimal digits.
    """
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise TypeError(f"a value to split by is an int or a str, not {type(value).__name__}")
    digest = hashlib.sha256(f"{salt}:{value}".encode()).digest()
    return int.from_bytes(digest[:4], "big") % BUCKETS
