"""The repository that `feast init` makes, with its Parquet file also in Postgres."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import servers

TABLE = "driver_hourly_stats_source"  # which the importer names after the source


def make(comparison: Any, larder: Any, now: datetime) -> None:
    servers.feast(comparison.folder, "init", "drivers")
    comparison.project = "drivers"
    comparison.repository = comparison.folder / "drivers" / "feature_repo"
    file = comparison.repository / "data" / "driver_stats.parquet"
    larder.command("load", str(file), "--table", TABLE)


def after(comparison: Any, larder: Any, feast: Any) -> None:
    """Push as the template's own test_workflow.py does, and read back."""
    ours = comparison.addresses(larder)
    theirs = comparison.ask_all(feast, "AFTER")
    comparison.compare_all("AFTER", comparison.ask_all(ours, "AFTER"), theirs)
