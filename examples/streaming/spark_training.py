"""Reads a training set of Larder into Spark, over Arrow Flight.

    spark_training.py --larder localhost:6570 --service card_risk --spine labels.parquet --out train.parquet

Each partition of the spine is one call, and its rows travel as Arrow from end to end.
All partitions must get the same definitions, so apply none meanwhile.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import larderdb
import pyarrow as pa
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.pandas.types import from_arrow_schema


def joined(address: str, service: str, spine: pa.Table) -> pa.Table:
    """The rows of a spine with their features."""
    with larderdb.Client(address) as client:
        return client.training_set(spine, service=service).data


def training_set(spine: DataFrame, address: str, service: str) -> DataFrame:
    """A training set as a data frame of Spark; the spine has a column event_time."""
    empty = joined(address, service, spine.limit(0).toArrow())

    def join(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        if rows := list(batches):
            yield from joined(address, service, pa.Table.from_batches(rows)).cast(empty.schema).to_batches()

    return spine.mapInArrow(join, from_arrow_schema(empty.schema))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--larder", required=True, help="HOST:PORT of gRPC")
    parser.add_argument("--service", required=True, help="the feature service")
    parser.add_argument("--spine", required=True, help="Parquet: join keys, event_time and labels")
    parser.add_argument("--out", required=True, help="folder of Parquet files to write")
    args = parser.parse_args()
    spark = (
        SparkSession.builder.appName("training")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.parquet.outputTimestampType", "TIMESTAMP_MICROS")  # Spark's own choice, INT96, has no time zone
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .getOrCreate()
    )
    training_set(spark.read.parquet(args.spine), args.larder, args.service).write.parquet(args.out)


if __name__ == "__main__":
    main()
