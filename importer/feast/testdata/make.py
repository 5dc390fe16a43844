"""Writes the registries that the importer's tests read, with Feast itself:

    FEAST/bin/python importer/feast/testdata/make.py importer/feast/testdata

FEAST is a virtual environment with one release of feast and psycopg. The registry goes
into a folder named like the release. Nothing is connected to: the objects go straight
into a registry file.
"""

import sys
from datetime import timedelta
from pathlib import Path

import feast
import numpy as np
import pandas as pd
from feast import (
    BigQuerySource,
    Entity,
    FeatureService,
    FeatureView,
    Field,
    FileSource,
    KafkaSource,
    PushSource,
    RequestSource,
    SnowflakeSource,
    StreamFeatureView,
    ValueType,
)
from feast.data_format import JsonFormat
from feast.infra.offline_stores.contrib.postgres_offline_store.postgres_source import (
    PostgreSQLSource,
)
from feast.infra.registry.registry import Registry
from feast.on_demand_feature_view import on_demand_feature_view
from feast.repo_config import RegistryConfig
from feast.types import Array, Bool, Bytes, Float32, Float64, Int32, Int64, String, UnixTimestamp

PROJECT = "rides"

driver = Entity(name="driver", join_keys=["driver_id"], value_type=ValueType.INT64, description="who drives", owner="rides@example.com")
customer = Entity(name="customer", join_keys=["customer_id"])
location = Entity(name="location", join_keys=["location_id"], tags={"kind": "place"})

# Sources.
driver_stats = PostgreSQLSource(
    name="driver_stats", table="driver_stats", timestamp_field="event_timestamp", created_timestamp_column="created",
    description="hourly", owner="rides@example.com", tags={"team": "rides"},
)
driver_push = PushSource(name="driver_push", batch_source=driver_stats)
orders = PostgreSQLSource(name="orders-daily", query="SELECT * FROM orders WHERE paid;", timestamp_field="day", field_mapping={"n": "order_count"})
quoted = PostgreSQLSource(name="places", table='geo."Places"', timestamp_field="seen")
weather = PostgreSQLSource(name="weather", table="Weather", timestamp_field="at")
trips = FileSource(name="trips", path="data/trips.parquet", timestamp_field="event_timestamp")
clicks = BigQuerySource(name="clicks", table="project.web.clicks", timestamp_field="event_timestamp")
ratings = SnowflakeSource(name="ratings", database="DB", schema="PUBLIC", table="RATINGS", timestamp_field="event_timestamp")
positions = KafkaSource(
    name="positions", kafka_bootstrap_servers="localhost:9092", topic="positions", timestamp_field="at",
    message_format=JsonFormat("driver_id integer, speed double, at timestamp"), batch_source=PostgreSQLSource(name="positions_history", table="positions", timestamp_field="at"),
)
ride = RequestSource(name="ride", schema=[Field(name="fare", dtype=Float64), Field(name="seats", dtype=Int64)])


# Feature views. Join keys are in the schema, so that nothing has to be inferred.
def view(name, entities, keys, features, source, **more):
    return FeatureView(
        name=name, entities=entities, source=source,
        schema=[Field(name=n, dtype=t) for n, t in {**keys, **features}.items()], **more,
    )


stats = view(
    "driver_stats", [driver], {"driver_id": Int64}, {"conv_rate": Float32, "acc_rate": Float64, "trips": Int64},
    driver_stats, ttl=timedelta(hours=2), tags={"team": "rides"}, owner="rides@example.com", description="of the last hour",
)
fresh = view("driver_fresh", [driver], {"driver_id": Int64}, {"conv_rate": Float32, "trips": Int64}, driver_push, ttl=timedelta(days=1))
order = view("driver_orders", [driver, customer], {"driver_id": Int64, "customer_id": String}, {"order_count": Int32, "spent": Float64}, orders, online=False)
place = view("place", [location], {"location_id": Int64}, {"height": Float64, "tags": Array(String), "open": Bool, "since": UnixTimestamp, "shape": Bytes, "history": Array(Float32)}, quoted)
global_weather = view("weather", [], {}, {"temperature": Float64}, weather)
trip = view("trips", [driver], {"driver_id": Int64}, {"distance": Float64}, trips)
click = view("clicks", [customer], {"customer_id": String}, {"count": Int64}, clicks)
rating = view("ratings", [driver], {"driver_id": Int64}, {"stars": Float32}, ratings)
speed = StreamFeatureView(
    name="driver_speed", entities=[driver], source=positions, ttl=timedelta(minutes=10), timestamp_field="at",
    schema=[Field(name="driver_id", dtype=Int64), Field(name="speed", dtype=Float64)], mode="spark", aggregations=[],
)
views = [stats, fresh, order, place, global_weather, trip, click, rating]


# On-demand views.
@on_demand_feature_view(sources=[stats, ride], schema=[Field(name="expected", dtype=Float64), Field(name="per_seat", dtype=Float64)])
def fare_expected(inputs: pd.DataFrame) -> pd.DataFrame:
    df = pd.DataFrame()
    df["expected"] = inputs["fare"] * inputs["conv_rate"]
    # Whole seats only.
    df["per_seat"] = (inputs["fare"] + 1) * 0.5
    return df


@on_demand_feature_view(
    sources=[stats, ride],
    schema=[Field(name="busy", dtype=Int64), Field(name="cheap", dtype=Bool), Field(name="trips_known", dtype=Int64)],
)
def driver_flags(features_df: pd.DataFrame) -> pd.DataFrame:
    out = pd.DataFrame()
    out["busy"] = np.where((features_df["trips"] > 10) & (features_df["acc_rate"] >= 0.5), 1, 0)
    out["cheap"] = features_df["fare"] <= 5
    out["trips_known"] = features_df["trips"].fillna(0)
    return out


@on_demand_feature_view(sources=[stats, ride], schema=[Field(name="ratio", dtype=Float64)])
def fare_ratio(inputs: pd.DataFrame) -> pd.DataFrame:
    df = pd.DataFrame()
    df["ratio"] = inputs["fare"] / inputs["trips"]
    return df


@on_demand_feature_view(sources=[stats, ride], schema=[Field(name="grade", dtype=String)])
def driver_grade(inputs: pd.DataFrame) -> pd.DataFrame:
    df = pd.DataFrame()
    df["grade"] = inputs["conv_rate"].apply(lambda x: "good" if x > 0.5 else "bad")
    return df


@on_demand_feature_view(sources=[stats, ride], schema=[Field(name="fare_double", dtype=Float64)], mode="python")
def fare_python(inputs):
    return {"fare_double": [fare * 2 for fare in inputs["fare"]]}


on_demand = [fare_expected, driver_flags, fare_ratio, driver_grade, fare_python]

# Feature services.
services = [
    FeatureService(name="rides_v1", features=[stats[["trips", "conv_rate"]], fare_expected], owner="rides@example.com", tags={"model": "rides"}),
    FeatureService(name="rides_v2", features=[stats, order[["spent"]], fare_ratio]),
    FeatureService(
        name="route",
        features=[
            place.with_name("origin").with_join_key_map({"location_id": "origin_id"}),
            place[["height"]].with_name("destination").with_join_key_map({"location_id": "destination_id"}),
        ],
    ),
    FeatureService(name="alias", features=[stats.with_name("stats_again"), global_weather]),
]


def sources_of(v):
    found = [v.batch_source]
    if v.stream_source is not None:
        found.append(v.stream_source)
    return found


def make(folder):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "registry.db"
    path.unlink(missing_ok=True)
    (folder / "feature_store.yaml").write_text(
        f"project: {PROJECT}\nprovider: local\nregistry: registry.db\n"
        "offline_store: {type: postgres, host: localhost, port: 5432, database: rides, db_schema: ${RIDES_SCHEMA}, user: rides, password: none}\n"
        "online_store: {type: sqlite, path: online.db}\nentity_key_serialization_version: 2\n"
    )
    registry = Registry(PROJECT, RegistryConfig(path=str(path)), folder)
    for e in (driver, customer, location):
        registry.apply_entity(e, PROJECT, commit=False)
    seen = set()
    for v in views + [speed]:
        for s in sources_of(v):
            if s.name not in seen:
                seen.add(s.name)
                registry.apply_data_source(s, PROJECT, commit=False)
    registry.apply_data_source(ride, PROJECT, commit=False)
    known = {}
    for v in views + [speed] + on_demand:
        registry.apply_feature_view(v, PROJECT, commit=False)
        known[v.name] = v
    for s in services:
        s.infer_features(known)
        registry.apply_feature_service(s, PROJECT, commit=False)
    strip(registry.cached_registry_proto)
    registry.commit()


def strip(proto):
    """Takes the pickles out: they hold paths of this machine, and no reader looks at them."""
    if hasattr(proto, "feature_view_version_history"):
        proto.ClearField("feature_view_version_history")
    for v in list(proto.on_demand_feature_views) + list(proto.stream_feature_views):
        if v.spec.HasField("user_defined_function"):
            v.spec.user_defined_function.body = b""
        if v.spec.HasField("feature_transformation"):
            v.spec.feature_transformation.user_defined_function.body = b""


make(Path(sys.argv[1]) / f"feast-{feast.__version__}")
