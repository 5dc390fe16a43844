"""Enriches card payments with Flink, and writes them to the topic of a stream of Larder,
each exactly once.

    flink_job.py --brokers localhost:9092 --checkpoints /var/lib/flink/payments

It reads the topic raw_payments and writes payments_eur. A checkpoint commits a
transaction of the sink, and Larder reads what is committed only, so an event becomes
visible with the checkpoint after it. Started again, the job goes on from its newest
checkpoint; what a killed one had not committed is aborted and written anew.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from pyflink.table import EnvironmentSettings, TableEnvironment
from rates import RATES

SOURCE = """
CREATE TABLE raw_payments (
  id STRING, card_id BIGINT, amount DOUBLE, currency STRING, happened TIMESTAMP_LTZ(6)
) WITH (
  'connector' = 'kafka', 'topic' = 'raw_payments', 'properties.bootstrap.servers' = '{brokers}',
  'properties.group.id' = 'flink-payments', 'scan.startup.mode' = 'earliest-offset',
  'format' = 'json', 'json.timestamp-format.standard' = 'ISO-8601'
)"""

# The timeout of transactions must be longer than the job may be down: a broker aborts
# those that are older, and with them events of a checkpoint that the job believes are
# written. It must not be above the broker's transaction.max.timeout.ms.
SINK = """
CREATE TABLE payments_eur (
  id STRING, card_id BIGINT, amount_eur DOUBLE, happened TIMESTAMP_LTZ(6)
) WITH (
  'connector' = 'kafka', 'topic' = 'payments_eur', 'properties.bootstrap.servers' = '{brokers}',
  'format' = 'json', 'json.timestamp-format.standard' = 'ISO-8601',
  'sink.delivery-guarantee' = 'exactly-once', 'sink.transactional-id-prefix' = 'flink-payments',
  'properties.transaction.timeout.ms' = '900000'
)"""

# A payment in a currency without a rate is left out.
ENRICH = """
INSERT INTO payments_eur
SELECT id, card_id, amount * MAP[{rates}][currency], happened
FROM raw_payments
WHERE currency IN ({currencies})"""


def newest_checkpoint(folder: Path) -> Path | None:
    """The newest checkpoint that is whole, of any run of the job."""
    whole = sorted(folder.glob("*/chk-*/_metadata"), key=lambda path: path.stat().st_mtime)
    return whole[-1].parent if whole else None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--brokers", required=True, help="HOST:PORT,...")
    parser.add_argument("--checkpoints", required=True, type=Path, help="folder that outlives the job")
    parser.add_argument("--interval", default="1 s", help="between checkpoints: how late an event may be")
    parser.add_argument("--jars", type=Path, default=Path(".larder/jars/flink"), help="folder of flink-sql-connector-kafka")
    args = parser.parse_args()

    tables = TableEnvironment.create(EnvironmentSettings.in_streaming_mode())
    config = tables.get_config()
    config.set("pipeline.jars", ";".join(path.resolve().as_uri() for path in args.jars.glob("*.jar")))
    config.set("table.local-time-zone", "UTC")
    config.set("execution.checkpointing.interval", args.interval)
    config.set("execution.checkpointing.dir", args.checkpoints.resolve().as_uri())
    config.set("execution.checkpointing.externalized-checkpoint-retention", "RETAIN_ON_CANCELLATION")
    if checkpoint := newest_checkpoint(args.checkpoints):
        print("going on from", checkpoint, flush=True)
        config.set("execution.state-recovery.path", checkpoint.resolve().as_uri())

    rates = ", ".join(f"'{currency}', CAST({rate!r} AS DOUBLE)" for currency, rate in RATES.items())
    tables.execute_sql(SOURCE.format(brokers=args.brokers))
    tables.execute_sql(SINK.format(brokers=args.brokers))
    currencies = ", ".join(f"'{currency}'" for currency in RATES)
    tables.execute_sql(ENRICH.format(rates=rates, currencies=currencies)).wait()


if __name__ == "__main__":
    main()
