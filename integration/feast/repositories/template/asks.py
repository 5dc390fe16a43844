"""What the template's own test_workflow.py asks, and a little more."""

import os
from datetime import datetime

from asking import NO_VALUES_OF_REQUESTS, ON_DEMAND_MISSING, Ask, Write

DRIVERS = [1001, 1002, 1003, 1004, 1005]
NOT_IN_LARDER = dict.fromkeys(["driver_metadata", "driver_profile"], "maps and structs are no types of Larder")
VALUES = {"val_to_add": [1000, 1001, 1002, -1, 0], "val_to_add_2": [2000, 2002, 2003, 0, 2**40]}
NOT_BY_GRPC = {"gRPC": NO_VALUES_OF_REQUESTS}
STATS = ["conv_rate", "acc_rate", "avg_daily_trips", "driver_config"]

ASKS = [
    Ask(
        "features and on-demand features",
        {"driver_id": DRIVERS, **VALUES},
        ["driver_hourly_stats:acc_rate", "transformed_conv_rate:conv_rate_plus_val1", "transformed_conv_rate:conv_rate_plus_val2"],
        fails=NOT_BY_GRPC,
    ),
    Ask("a feature service", {"driver_id": DRIVERS, **VALUES}, service="driver_activity_v1", fails=NOT_BY_GRPC),
    Ask("a feature service of all", {"driver_id": DRIVERS, **VALUES}, service="driver_activity_v2", lacks=NOT_IN_LARDER, fails=NOT_BY_GRPC),
    Ask(
        "a feature service with a push source",
        {"driver_id": DRIVERS, **VALUES},
        service="driver_activity_v3",
        lacks=NOT_IN_LARDER,
        fails=NOT_BY_GRPC,
    ),
    Ask("full names", {"driver_id": DRIVERS}, [f"driver_hourly_stats:{name}" for name in STATS], full=True),
    Ask("no such driver", {"driver_id": [1001, 7, 1001, -(2**63)]}, [f"driver_hourly_stats:{name}" for name in STATS]),
    Ask(
        "on demand for no such driver",
        {"driver_id": [7, 1001], "val_to_add": [1, 2], "val_to_add_2": [3, 4]},
        service="driver_activity_v1",
        differs={name: {0: ON_DEMAND_MISSING} for name in ["conv_rate_plus_val1", "conv_rate_plus_val2"]},
        fails=NOT_BY_GRPC,
    ),
]

NOW = datetime.fromisoformat(os.environ["NOW"])

AFTER = [
    Write(
        "push",
        {
            "driver_id": [2001],
            "event_timestamp": [NOW],
            "created": [NOW],
            "conv_rate": [1.0],
            "acc_rate": [1.0],
            "avg_daily_trips": [1000],
            "driver_metadata": [{"vehicle_type": "truck"}],
            "driver_config": ["{}"],
            "driver_profile": [{"name": "driver_2001", "age": "30"}],
        },
        source="driver_stats_push_source",
    ),  # fmt: skip
    Ask("pushed rows", {"driver_id": [2001, 1001, 7]}, [f"driver_hourly_stats_fresh:{name}" for name in STATS]),
]
