"""Writes Parquet files as today's writers do, and compares what was read of them with
what pyarrow reads, value by value.

    matrix.py write DIR        writes DIR/*.parquet
    matrix.py small DIR        writes small files, of which each byte can be changed
    matrix.py compare DIR ...  compares each *.parquet of the folders with the *.arrows of that name in DIR
                               and with ours/*.parquet
"""

import datetime as dt
import decimal
import itertools
import pathlib
import sys

import duckdb
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

ROWS = 230
UTC = dt.timezone.utc
EPOCH = dt.datetime(2026, 2, 1, tzinfo=UTC)


def values(i: int) -> dict[str, object]:
    """Row i: one value of each type."""
    at = EPOCH + dt.timedelta(seconds=i, microseconds=i)
    return {
        "b": i % 3 == 0, "i8": i % 128, "i16": -i, "i32": i * 1000, "i64": i << 40, "u8": i % 256, "u16": i, "u32": i * 1000, "u64": (1 << 63) + i,
        "f32": [0.5, float("nan"), float("inf"), -0.0][i % 4], "f64": i / 7 if i % 9 else float("nan"),
        "s": ["", "größe", "x" * 300, f"v{i}"][i % 4], "few": "abc"[i % 3], "bin": bytes([i % 256]) * (i % 5), "fixed": i.to_bytes(4, "big"),
        "d9": decimal.Decimal(i) / 100, "d18": decimal.Decimal(-i * 10**12) / 100, "d38": decimal.Decimal(i) * 10**20,
        "day": at.date(), "ms": at.replace(microsecond=1000), "us": at, "naive": at.replace(tzinfo=None), "t32": dt.time(1, 2, i % 60), "t64": dt.time(1, 2, 3, i),
        "l": list(range(i % 4)), "ls": [f"e{k}" if k else None for k in range(i % 3)], "ll": [[i], [], [i, i]][: i % 4], "st": {"a": i, "b": {"c": f"s{i}"}}, "m": [(f"k{k}", k) for k in range(i % 3)],
        "sl": [{"a": k, "b": None} for k in range(i % 3)],
    }


TYPES = {
    "b": pa.bool_(), "i8": pa.int8(), "i16": pa.int16(), "i32": pa.int32(), "i64": pa.int64(), "u8": pa.uint8(), "u16": pa.uint16(), "u32": pa.uint32(), "u64": pa.uint64(),
    "f32": pa.float32(), "f64": pa.float64(), "s": pa.string(), "few": pa.string(), "bin": pa.binary(), "fixed": pa.binary(4),
    "d9": pa.decimal128(9, 2), "d18": pa.decimal128(18, 2), "d38": pa.decimal128(38, 0),
    "day": pa.date32(), "ms": pa.timestamp("ms", "UTC"), "us": pa.timestamp("us", "UTC"), "naive": pa.timestamp("us"), "t32": pa.time32("ms"), "t64": pa.time64("us"),
    "l": pa.list_(pa.int64()), "ls": pa.large_list(pa.string()), "ll": pa.list_(pa.list_(pa.int32())), "st": pa.struct({"a": pa.int64(), "b": pa.struct({"c": pa.string()})}),
    "m": pa.map_(pa.string(), pa.int64()), "sl": pa.list_(pa.struct({"a": pa.int32(), "b": pa.string()})),
}

NULLS = {"none": lambda i: False, "some": lambda i: i % 5 == 2, "all": lambda i: True}


def table(null) -> pa.Table:
    rows = [values(i) for i in range(ROWS)]
    columns, fields = [], []
    for name, kind in TYPES.items():
        columns.append(pa.array([None if null(i) else r[name] for i, r in enumerate(rows)], kind))
        fields.append(pa.field(name, kind, nullable=null is not NULLS["none"]))
    fields.append(pa.field("dictionary", pa.dictionary(pa.int32(), pa.string()), nullable=null is not NULLS["none"]))
    columns.append(columns[list(TYPES).index("few")].dictionary_encode())
    return pa.table(columns, schema=pa.schema(fields))


# The encodings that a column can have besides dictionaries and plain.
SPLIT = ("i32", "i64", "u32", "u64", "f32", "f64", "fixed", "us", "day", "t32", "t64", "ms", "naive")
DELTA = {
    **dict.fromkeys(("i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "day", "ms", "us", "naive", "t32", "t64"), "DELTA_BINARY_PACKED"),
    "s": "DELTA_BYTE_ARRAY", "few": "DELTA_LENGTH_BYTE_ARRAY", "bin": "DELTA_BYTE_ARRAY", "b": "RLE",
}
ENCODINGS = {
    "dictionary": {"use_dictionary": True},
    "plain": {"use_dictionary": False},
    "split": {"use_dictionary": False, "column_encoding": dict.fromkeys(SPLIT, "BYTE_STREAM_SPLIT")},
    "delta": {"use_dictionary": False, "column_encoding": DELTA},
}


def write_pyarrow(folder: pathlib.Path) -> None:
    tables = {name: table(null) for name, null in NULLS.items()}
    codecs = ("none", "snappy", "gzip", "brotli", "zstd", "lz4")
    for n, (version, pages, codec, encoding) in enumerate(itertools.product(("1.0", "2.4", "2.6"), ("1.0", "2.0"), codecs, ENCODINGS)):
        nulls = list(NULLS)[n % 3]
        pq.write_table(
            tables[nulls], folder / f"pyarrow-{version}-{pages}-{codec}-{encoding}-{nulls}.parquet", version=version, data_page_version=pages, compression=codec,
            row_group_size=(100, ROWS)[n % 2], data_page_size=(200, 1 << 20)[n // 2 % 2], write_page_checksum=n % 5 == 0, write_page_index=n % 7 == 0, store_schema=n % 4 != 3,
            dictionary_pagesize_limit=(300, 1 << 20)[n // 3 % 2], **ENCODINGS[encoding],
        )


DUCKDB = """
SELECT i, CASE WHEN {null} THEN NULL ELSE COLUMNS(* EXCLUDE i) END FROM (
SELECT i, (i % 3 = 0) AS b, (i % 100)::TINYINT AS i8, i::SMALLINT AS i16, i::INTEGER AS i32, i::BIGINT << 20 AS i64, i::UBIGINT AS u64, i::HUGEINT AS huge,
  CASE WHEN i // 100 % 2 = 1 THEN random() ELSE (i // 100)::DOUBLE END AS x, (i / 7)::FLOAT AS f32, 'v' || i AS s, 'few' || (i % 3) AS few, encode('b' || i) AS bin,
  (i / 100)::DECIMAL(9, 2) AS d9, (i / 100)::DECIMAL(18, 2) AS d18, i::DECIMAL(38, 0) AS d38, DATE '2026-01-01' + i::INTEGER AS day, TIME '10:00' AS t,
  TIMESTAMPTZ '2026-02-01 00:00:00+00' + i * INTERVAL 1 SECOND AS us, TIMESTAMP '2026-02-01' + i * INTERVAL 1 SECOND AS naive, [i, NULL] AS l, {{'a': i, 'b': 's' || i}} AS st, MAP {{'k' || i: i}} AS m,
  uuid() AS id, '{{}}'::JSON AS j, CASE WHEN i % 2 = 0 THEN 'even' ELSE 'odd' END::ENUM('even', 'odd') AS e
FROM range(250) t(i))
"""


def write_duckdb(folder: pathlib.Path) -> None:
    duckdb.sql("SET preserve_insertion_order = true; SET threads = 1; SET TimeZone = 'UTC'")
    for version, codec, (nulls, null) in itertools.product(("V1", "V2"), ("uncompressed", "snappy", "gzip", "brotli", "zstd", "lz4_raw"), (("none", "false"), ("some", "i % 5 = 2"))):
        query = DUCKDB.format(null=null)
        duckdb.sql(f"COPY ({query}) TO '{folder}/duckdb-{version}-{codec}-{nulls}.parquet' (FORMAT parquet, PARQUET_VERSION {version}, COMPRESSION {codec}, ROW_GROUP_SIZE 100)")
    scores = "SELECT CASE WHEN i // 10240 % 2 = 1 THEN random() ELSE (i // 10240)::DOUBLE END AS score, 'r' || i AS id FROM range(51200) t(i)"
    duckdb.sql(f"COPY ({scores}) TO '{folder}/duckdb-V2-alternating.parquet' (FORMAT parquet, PARQUET_VERSION V2, ROW_GROUP_SIZE 10240)")


def write_polars(folder: pathlib.Path) -> None:
    names = [n for n in TYPES if n not in ("m", "fixed", "t32")]
    for nulls, null in NULLS.items():
        frame = pl.from_arrow(table(null).select(names)).with_columns(pl.col("few").cast(pl.Categorical).alias("category"))
        for codec, size in itertools.product(("uncompressed", "snappy", "gzip", "brotli", "zstd", "lz4"), (None, 100)):
            frame.write_parquet(folder / f"polars-{codec}-{size}-{nulls}.parquet", compression=codec, row_group_size=size, data_page_size=500 if size else None)


def write_small(folder: pathlib.Path) -> None:
    t = table(NULLS["some"]).select(["i64", "f64", "s", "few", "us", "d9", "l", "st", "dictionary"]).slice(0, 24)
    small = {"row_group_size": 12, "data_page_size": 100}
    pq.write_table(t, folder / "pyarrow-v1-snappy.parquet", compression="snappy", **small)
    pq.write_table(t, folder / "pyarrow-v2-zstd.parquet", compression="zstd", data_page_version="2.0", write_page_index=True, **small)
    delta = {k: v for k, v in DELTA.items() if k in t.column_names}
    pq.write_table(t.drop_columns(["d9", "l", "st", "dictionary"]), folder / "pyarrow-delta-gzip.parquet", compression="gzip", use_dictionary=False, column_encoding=delta, **small)
    split = {k: "BYTE_STREAM_SPLIT" for k in SPLIT if k in t.column_names}
    pq.write_table(t, folder / "pyarrow-split.parquet", compression="none", use_dictionary=False, column_encoding=split, write_page_checksum=True, **small)
    duckdb.sql(f"COPY (SELECT i, i / 7 AS x, 's' || i AS s, [i] AS l, {{'a': i}} AS st FROM range(24) t(i)) TO '{folder}/duckdb-v2.parquet' (FORMAT parquet, PARQUET_VERSION V2)")
    frame = pl.from_arrow(t.drop_columns(["dictionary"]))
    frame.write_parquet(folder / "polars.parquet")
    for codec in ("uncompressed", "lz4", "zstd"):
        frame.write_ipc(folder / f"polars-{codec}.arrow", compression=codec)
        options = pa.ipc.IpcWriteOptions(compression=None if codec == "uncompressed" else codec)
        for suffix, new in (("arrow", pa.ipc.new_file), ("arrows", pa.ipc.new_stream)):
            with new(folder / f"pyarrow-{codec}.{suffix}", t.schema, options=options) as out:
                out.write_table(t, max_chunksize=12)


def plain(column: pa.ChunkedArray) -> list:
    """The values of a column, of extensions what they are stored as."""
    if isinstance(column.type, pa.BaseExtensionType):
        column = pa.chunked_array([c.storage for c in column.chunks], column.type.storage_type)
    return [repr(v) for v in column.to_pylist()]


def compare(out: pathlib.Path, folders: list[pathlib.Path]) -> int:
    failed = 0
    for path in sorted(p for f in folders for p in f.glob("*.parquet")):
        file = pq.ParquetFile(path)
        want = file.read()
        got = pa.ipc.open_stream((out / (path.stem + ".arrows")).read_bytes()).read_all()
        got.validate(full=True)
        ours = pq.ParquetFile(out / "ours" / path.name, page_checksum_verification=True).read()
        if got.column_names != want.column_names or got.num_rows != want.num_rows:
            print(f"{path.name}: {got.num_rows} rows of {got.column_names}; want {want.num_rows} of {want.column_names}")
            failed += 1
            continue
        for name, w, g in zip(want.column_names, want.columns, got.columns):
            if any(c.path == name and c.physical_type == "INT96" for c in map(file.schema.column, range(len(file.schema)))):
                w = w.cast(g.type)  # they are in UTC, which pyarrow leaves out
            for a, b, by in ((plain(w), plain(g), "read"), (plain(w), plain(ours[name]), "written")):
                if a != b:
                    at = next(i for i in range(len(a)) if a[i] != b[i])
                    print(f"{path.name}: column {name} ({w.type}, {g.type}) as {by}, row {at}: {b[at]}, want {a[at]}")
                    failed += 1
    return failed


if __name__ == "__main__":
    folders = [pathlib.Path(p) for p in sys.argv[2:]]
    if sys.argv[1] == "write":
        write_pyarrow(folders[0])
        write_duckdb(folders[0])
        write_polars(folders[0])
    elif sys.argv[1] == "small":
        write_small(folders[0])
    else:
        sys.exit(min(compare(folders[0], folders), 1))
