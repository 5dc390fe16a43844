"""Writes testdata/spark with PySpark 4.0 (it needs Java): python spark.py testdata/spark"""

import datetime as dt
import decimal
import glob
import pathlib
import shutil
import sys

from pyspark.sql import SparkSession
from pyspark.sql import types as t

UTC = dt.timezone.utc
SCHEMA = t.StructType([
    t.StructField("i32", t.IntegerType()), t.StructField("i64", t.LongType(), nullable=False), t.StructField("f32", t.FloatType()), t.StructField("f64", t.DoubleType()),
    t.StructField("b", t.BooleanType()), t.StructField("s", t.StringType()), t.StructField("bin", t.BinaryType()), t.StructField("d9", t.DecimalType(9, 2)),
    t.StructField("d18", t.DecimalType(18, 2)), t.StructField("day", t.DateType()), t.StructField("at", t.TimestampType()),
    t.StructField("l", t.ArrayType(t.LongType())), t.StructField("m", t.MapType(t.StringType(), t.LongType())), t.StructField("st", t.StructType([t.StructField("a", t.LongType())])),
])


def row(i: int) -> tuple:
    values = (i, i << 30, i / 3, i / 7, i % 2 == 0, f"v{i % 4}", bytes([i]), decimal.Decimal(i) / 100, decimal.Decimal(-i) * 10**9, dt.date(2026, 1, 1 + i % 28),
              dt.datetime(2026, 2, 1, 0, 0, i % 60, i, tzinfo=UTC), list(range(i % 3)), {f"k{i}": i}, (i,))
    return tuple(None if i % 5 == 2 and k != 1 else v for k, v in enumerate(values))


spark = SparkSession.builder.master("local[1]").config("spark.sql.session.timeZone", "UTC").config("spark.ui.enabled", "false").getOrCreate()
frame = spark.createDataFrame([row(i) for i in range(40)], SCHEMA).coalesce(1)
out = pathlib.Path(sys.argv[1])
out.mkdir(exist_ok=True)
for version, codec, times in (("v1", "snappy", "INT96"), ("v1", "gzip", "TIMESTAMP_MICROS"), ("v2", "zstd", "TIMESTAMP_MICROS"), ("v2", "lz4_raw", "INT96"), ("v1", "uncompressed", "TIMESTAMP_MILLIS")):
    spark.conf.set("spark.sql.parquet.outputTimestampType", times)
    frame.write.mode("overwrite").option("compression", codec).option("parquet.writer.version", version).parquet("/tmp/spark-out")
    (part,) = glob.glob("/tmp/spark-out/part-*.parquet")
    shutil.copy(part, out / f"spark-{version}-{codec}-{times.lower()}.parquet")
shutil.rmtree("/tmp/spark-out")
