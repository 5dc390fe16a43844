"""A broker of Kafka for one comparison, and what its topics hold."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from servers import PATIENCE, ROOT, free_port, running

PARTITIONS = 4
JAVA = ["java", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp", f"{ROOT}/.larder/jars/kafka/*", "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn"]
SETTINGS = """
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
controller.quorum.bootstrap.servers=127.0.0.1:{controller}
log.dirs={folder}/data
offsets.topic.replication.factor=1
offsets.topic.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=1
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
group.initial.rebalance.delay.ms=0
log.cleaner.dedupe.buffer.size=10485760
auto.create.topics.enable=false
"""


@dataclass
class Kafka:
    """A running broker."""

    brokers: str

    def create(self, *topics: str) -> None:
        admin = AdminClient({"bootstrap.servers": self.brokers})
        for made in admin.create_topics([NewTopic(topic, PARTITIONS) for topic in topics]).values():
            made.result(PATIENCE)

    def produce(self, topic: str, events: Sequence[dict[str, Any]], seconds: float) -> None:
        """Write events evenly over some time."""
        producer = Producer({"bootstrap.servers": self.brokers, "enable.idempotence": True, "linger.ms": 5})
        began = time.monotonic()
        for number, event in enumerate(events):
            producer.produce(topic, json.dumps(event), key=str(event["card_id"]))
            ahead = seconds * number / len(events) - (time.monotonic() - began)
            producer.poll(max(ahead, 0))
        assert producer.flush(PATIENCE) == 0

    def ends(self, topic: str) -> list[int]:
        """The offset after the last record of each partition."""
        consumer = Consumer({"bootstrap.servers": self.brokers, "group.id": "check"})
        ends = [consumer.get_watermark_offsets(TopicPartition(topic, part), PATIENCE)[1] for part in range(PARTITIONS)]
        consumer.close()
        return ends

    def read(self, topic: str, isolation: str = "read_committed", begin: Sequence[int] = (0,) * PARTITIONS) -> list[dict[str, Any]]:
        """The events of a topic from some offsets up to its end as it is now."""
        settings = {"bootstrap.servers": self.brokers, "group.id": "check", "isolation.level": isolation, "enable.partition.eof": True}
        consumer = Consumer({**settings, "auto.offset.reset": "earliest", "enable.auto.commit": False})
        consumer.assign([TopicPartition(topic, part, offset) for part, offset in enumerate(begin)])
        events, open_parts = [], set(range(PARTITIONS))
        last = time.monotonic() + PATIENCE
        while open_parts:
            assert time.monotonic() < last, f"topic {topic}: no end after {PATIENCE:.0f} s"
            for message in consumer.consume(1000, 0.2):
                if message.error() is None:
                    events.append(json.loads(message.value()))
                else:
                    open_parts.discard(message.partition())
        consumer.close()
        return events


@contextmanager
def kafka(folder: Path) -> Iterator[Kafka]:
    """Run a broker on free ports; the folder keeps its data."""
    folder.mkdir(parents=True)
    port = free_port()
    settings = folder / "server.properties"
    settings.write_text(SETTINGS.format(port=port, controller=free_port(), folder=folder.resolve()))
    cluster = "larderengines000000000"  # an id of 22 characters of base64
    subprocess.run(
        [*JAVA, "kafka.tools.StorageTool", "format", "--standalone", "-t", cluster, "-c", settings], check=True, stdout=subprocess.DEVNULL, timeout=PATIENCE
    )
    broker = Kafka(f"127.0.0.1:{port}")

    def ready() -> bool:
        try:
            return bool(AdminClient({"bootstrap.servers": broker.brokers, "log_level": 0}).list_topics(timeout=2).brokers)
        except KafkaException:
            return False

    with running([*JAVA, "kafka.Kafka", settings], folder / "kafka.log", ready):
        yield broker
