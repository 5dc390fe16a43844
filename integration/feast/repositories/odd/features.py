"""Definitions that try what a repository may have: every simple type, keys of several
columns, aliases, names that collide, and views without an entity."""

from datetime import timedelta
from typing import Any

from feast import Entity, FeatureService, FeatureView, Field, PushSource, RequestSource, ValueType
from feast.infra.offline_stores.contrib.postgres_offline_store.postgres_source import PostgreSQLSource
from feast.on_demand_feature_view import on_demand_feature_view
from feast.types import Array, Bool, Bytes, Float32, Float64, Int32, Int64, String, UnixTimestamp

user = Entity(name="user", join_keys=["user_id"], value_type=ValueType.INT64)
device = Entity(name="device", join_keys=["device_id"], value_type=ValueType.STRING)
shard = Entity(name="shard", join_keys=["shard_id"], value_type=ValueType.INT32)
left = Entity(name="left", join_keys=["left_part"], value_type=ValueType.STRING)
right = Entity(name="right", join_keys=["right_part"], value_type=ValueType.STRING)


def table(name: str, of: str = "", at: str = "event_timestamp", created: str = "created") -> PostgreSQLSource:
    return PostgreSQLSource(name=name, table=f"odd.{of or name}", timestamp_field=at, created_timestamp_column=created)


SCALARS = {
    "an_int32": Int32,
    "an_int64": Int64,
    "a_float32": Float32,
    "a_float64": Float64,
    "a_bool": Bool,
    "a_string": String,
    "some_bytes": Bytes,
    "a_time": UnixTimestamp,
}
LISTS = {
    "int32s": Array(Int32),
    "int64s": Array(Int64),
    "float32s": Array(Float32),
    "float64s": Array(Float64),
    "bools": Array(Bool),
    "strings": Array(String),
}

scalars = FeatureView(
    name="scalars",
    entities=[user],
    ttl=timedelta(0),
    schema=[Field(name=name, dtype=kind) for name, kind in SCALARS.items()],
    source=table("scalars"),
)
nulls = FeatureView(
    name="nulls",
    entities=[user],
    ttl=timedelta(0),
    schema=[Field(name=name, dtype=kind) for name, kind in SCALARS.items()],
    source=table("nulls"),
)
lists = FeatureView(
    name="lists",
    entities=[user],
    ttl=timedelta(days=3650),
    schema=[Field(name=name, dtype=kind) for name, kind in LISTS.items()],
    source=table("lists"),
)
more_lists = FeatureView(
    name="more_lists",
    entities=[user],
    ttl=timedelta(0),
    schema=[Field(name="blobs", dtype=Array(Bytes)), Field(name="times", dtype=Array(UnixTimestamp))],
    source=table("more_lists", of="lists"),
)
spend = FeatureView(
    name="spend",
    entities=[user],
    ttl=timedelta(hours=2),
    schema=[Field(name="total", dtype=Float64), Field(name="visits", dtype=Int64), Field(name="score", dtype=Float64)],
    source=table("spend"),
)
rating = FeatureView(
    name="rating",
    entities=[user],
    ttl=timedelta(0),
    schema=[Field(name="score", dtype=Float64)],
    source=table("rating", at="event_time", created=""),
)
user_device = FeatureView(
    name="user_device",
    entities=[user, device],
    ttl=timedelta(hours=2),
    schema=[Field(name="logins", dtype=Int64)],
    source=table("user_device"),
)
pair = FeatureView(
    name="pair",
    entities=[left, right],
    ttl=timedelta(0),
    schema=[Field(name="weight", dtype=Float64), Field(name="note", dtype=String)],
    source=table("pair"),
)
shards = FeatureView(
    name="shards",
    entities=[shard],
    ttl=timedelta(0),
    schema=[Field(name="load", dtype=Float32)],
    source=table("shards"),
)
world = FeatureView(
    name="world",
    entities=[],
    ttl=timedelta(0),
    schema=[Field(name="rate", dtype=Float64)],
    source=table("world", at="event_time"),
)
clicks_push = PushSource(name="clicks_push", batch_source=table("clicks"))
clicks = FeatureView(
    name="clicks",
    entities=[user],
    ttl=timedelta(days=1),
    schema=[Field(name="clicks", dtype=Int64), Field(name="page", dtype=String)],
    source=clicks_push,
)

payment = RequestSource(name="payment", schema=[Field(name="amount", dtype=Float64), Field(name="limit", dtype=Int64)])


@on_demand_feature_view(
    sources=[spend, payment], schema=[Field(name="ratio", dtype=Float64), Field(name="over", dtype=Bool)], mode="python"
)
def against_spend(inputs: dict[str, Any]) -> dict[str, Any]:
    return {
        "ratio": [amount / (total + 1.0) for amount, total in zip(inputs["amount"], inputs["total"])],
        "over": [amount > limit for amount, limit in zip(inputs["amount"], inputs["limit"])],
    }


number = RequestSource(name="number", schema=[Field(name="number", dtype=Float64)])


@on_demand_feature_view(sources=[number], schema=[Field(name="doubled", dtype=Float64)], mode="python")
def of_the_request(inputs: dict[str, Any]) -> dict[str, Any]:
    return {"doubled": [one * 2.0 for one in inputs["number"]]}


everything = FeatureService(name="everything", features=[scalars, lists])
nothing = FeatureService(name="nothing", features=[nulls])
some = FeatureService(name="some", features=[spend[["visits", "total"]], user_device, world])
friends = FeatureService(
    name="friends",
    features=[
        rating.with_name("mine"),  # Feast can't sort services where only some views have an alias
        rating.with_name("friend").with_join_key_map({"user_id": "friend_id"}),
        spend.with_name("spending")[["visits"]],
    ],
)
payments = FeatureService(name="payments", features=[spend[["total"]], against_spend])
