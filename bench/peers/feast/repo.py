"""Fills Feast from the tables of the private Postgres: repo.py FOLDER VIEWS FEATURES.

FOLDER holds feature_store.yaml. The definitions are Larder's: an entity, VIEWS views
of FEATURES doubles each, expiring after a year. Of the feature service "precomputed"
Feast also keeps the whole vector of each entity, to be read at once.
"""

import sys
from datetime import datetime, timedelta, timezone

from feast import Entity, FeatureService, FeatureStore, FeatureView, Field, ValueType
from feast.infra.offline_stores.contrib.postgres_offline_store.postgres_source import PostgreSQLSource
from feast.types import Float64


def main(folder: str, views: int, features: int) -> None:
    entity = Entity(name="entity", join_keys=["entity_id"], value_type=ValueType.INT64)
    all_views = [
        FeatureView(
            name=f"view_{i}",
            entities=[entity],
            ttl=timedelta(days=365),
            schema=[Field(name=f"f{f}", dtype=Float64) for f in range(features)],
            source=PostgreSQLSource(name=f"view_{i}", table=f"bench.view_{i}", timestamp_field="event_time"),
        )
        for i in range(views)
    ]
    store = FeatureStore(repo_path=folder)
    service = FeatureService(name="precomputed", features=all_views, precompute_online=True)
    store.apply([entity, *all_views, service])
    now = datetime.now(timezone.utc)
    store.materialize(now - timedelta(days=1), now)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
