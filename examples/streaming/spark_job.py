"""Enriches card payments with Spark, and pushes them to a stream of Larder, each batch
once.

    spark_job.py --brokers localhost:9092 --checkpoints /var/lib/spark/payments --larder http://localhost:6571

It reads the topic raw_payments. A batch that Spark runs again, after a crash, has the
same events in the same partitions, and is pushed with the same idempotency keys; Larder
keeps keys for a day and adds nothing then. With --topic it writes to a topic of Kafka
instead; Spark's sink may write an event twice there, so the stream needs an event_id.
"""

from __future__ import annotations

import argparse
import itertools
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from pyspark.sql import Column, DataFrame, Row, SparkSession
from pyspark.sql import functions as F
from rates import RATES

EVENTS = "id string, card_id long, amount double, currency string, happened timestamp"
EVENTS_PER_PUSH = 5_000
ATTEMPTS = 30


def enriched(raw: DataFrame) -> DataFrame:
    """Payments in euros, as JSON in the column value. Those in a currency without a rate are left out."""
    pairs: list[Column] = [F.lit(x) for pair in RATES.items() for x in pair]
    payments = raw.select("partition", "offset", F.from_json(F.col("value").cast("string"), EVENTS).alias("p"))
    payments = payments.select("partition", "offset", "p.*")
    return (
        payments.withColumn("amount_eur", F.col("amount") * F.create_map(*pairs)[F.col("currency")])
        .where("amount_eur is not null")
        .select("partition", "offset", "card_id", F.to_json(F.struct("id", "card_id", "amount_eur", "happened")).alias("value"))
    )


def push(url: str, key: str, events: list[str]) -> None:
    """Push events as lines of JSON. A server that is busy or away is tried again."""
    request = urllib.request.Request(
        url,
        "\n".join(events).encode(),
        {"Content-Type": "application/x-ndjson", "Idempotency-Key": key},
        method="POST",
    )
    for attempt in itertools.count(1):
        try:
            urllib.request.urlopen(request, timeout=60).read()
            return
        except urllib.error.HTTPError as error:
            if error.code not in (429, 503, 504) or attempt == ATTEMPTS:
                raise RuntimeError(f"{url}: HTTP {error.code}: {error.read(2000).decode(errors='replace')}") from error
            time.sleep(float(error.headers.get("Retry-After") or 1))
        except urllib.error.URLError:
            if attempt == ATTEMPTS:
                raise
            time.sleep(1)


def push_partition(url: str, key: str, rows: Iterator[Row]) -> None:
    """Push the events of a partition of Kafka, in chunks.

    A batch that runs again has the same chunks, but Spark may number its own partitions
    differently then. So Kafka's partition and offset are in the keys.
    """
    while chunk := list(itertools.islice(rows, EVENTS_PER_PUSH)):
        push(url, f"{key}-{chunk[0].partition}-{chunk[0].offset}", [row.value for row in chunk])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--brokers", required=True, help="HOST:PORT,...")
    parser.add_argument("--checkpoints", required=True, type=Path, help="folder that outlives the job")
    parser.add_argument("--larder", help="address of HTTP, to push events to")
    parser.add_argument("--stream", default="payments_pushed", help="the stream that they are pushed to")
    parser.add_argument("--topic", help="the topic to write events to instead")
    parser.add_argument("--per-batch", type=int, default=50_000, help="the most events in a batch")
    parser.add_argument("--jars", type=Path, default=Path(".larder/jars/spark"), help="folder of spark-sql-kafka and what it needs")
    args = parser.parse_args()
    if (args.larder is None) == (args.topic is None):
        parser.error("give --larder or --topic")

    spark = (
        SparkSession.builder.appName("payments")
        .config("spark.jars", ",".join(str(path) for path in args.jars.glob("*.jar")))
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .getOrCreate()
    )
    raw = (
        spark.readStream.format("kafka")
        .option("kafka.bootstrap.servers", args.brokers)
        .option("subscribe", "raw_payments")
        .option("startingOffsets", "earliest")
        .option("maxOffsetsPerTrigger", args.per_batch)
        .load()
    )
    payments = enriched(raw)
    if args.topic:
        keyed = payments.select(F.col("card_id").cast("string").alias("key"), "value")
        writer = keyed.writeStream.format("kafka").option("kafka.bootstrap.servers", args.brokers).option("topic", args.topic)
    else:
        url = f"{args.larder}/v1/streams/{args.stream}/events"

        def push_batch(batch: DataFrame, epoch: int) -> None:
            # The id of the query is the checkpoint's: with another checkpoint, other keys.
            query_id = batch.sparkSession.sparkContext.getLocalProperty("sql.streaming.queryId")
            key = f"{query_id}-{epoch}"
            batch.foreachPartition(lambda rows: push_partition(url, key, rows))

        writer = payments.writeStream.foreachBatch(push_batch)
    writer.option("checkpointLocation", str(args.checkpoints)).trigger(processingTime="1 second").start().awaitTermination()


if __name__ == "__main__":
    main()
