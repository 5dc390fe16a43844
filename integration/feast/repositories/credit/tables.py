"""The tables of the credit scoring repository, and the training sets over them."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import psycopg
from feast import FeatureStore

from repositories.credit import people
from repositories.credit.asks import FEATURES, HISTORY

sys.path.insert(0, str(Path(__file__).resolve().parents[4] / "client/python/src"))

TTL = timedelta(days=90)
TIMES = "event_timestamp timestamptz, created_timestamp timestamptz"
ZIPCODES = (
    f"zipcode bigint, {TIMES}, city text, state text, location_type text, tax_returns_filed bigint, population bigint, total_wages bigint"
)
HISTORIES = f"dob_ssn text, {TIMES}, " + ", ".join(f"{name} bigint" for name in HISTORY)


def make(comparison: Any, larder: Any, now: datetime) -> None:
    """Fill Postgres, and make the repository of Feast over it."""
    with psycopg.connect(larder.postgres, autocommit=True) as database, database.cursor() as cursor:
        cursor.execute("CREATE SCHEMA credit")
        for name, columns, rows in [
            ("zipcode_table", ZIPCODES, people.zipcodes(now)),
            ("credit_history", HISTORIES, people.histories(now)),
        ]:
            cursor.execute(f"CREATE TABLE credit.{name} ({columns})")
            with cursor.copy(f"COPY credit.{name} FROM STDIN") as copy:
                for row in rows:
                    copy.write_row(row)
            cursor.execute(f"CREATE INDEX ON credit.{name} ({columns.split()[0]}, event_timestamp)")
            cursor.execute(f"ANALYZE credit.{name}")  # or Feast's join takes minutes
    comparison.write_store(larder.postgres)


def after(comparison: Any, larder: Any, feast: Any) -> None:
    """Build a training set with both, and compare them row by row."""
    import larderdb

    names = ["loan_id", "dob_ssn", "zipcode", "loan_amnt", "loan_status", "event_timestamp"]
    spine = pd.DataFrame(list(people.loans(comparison.now)), columns=names)
    features = [*FEATURES, "total_debt_calc:total_debt_due"]
    comparison.say("Feast's get_historical_features")
    job = FeatureStore(repo_path=str(comparison.repository)).get_historical_features(
        entity_df=spine.copy(), features=features, full_feature_names=True
    )
    theirs = rows_of(job.to_df())
    for as_of in ("event_time", "ingest_time"):
        comparison.say(f"Larder's training set, as of {as_of}")
        with larderdb.Client(larder.grpc) as client:
            made = client.training_set(spine, service="credit_scoring", as_of=as_of, event_time_column="event_timestamp")
        compare_sets(comparison, as_of, spine, features, rows_of(made.data), theirs)


def rows_of(frame: pd.DataFrame) -> dict[str, dict[str, Any]]:
    """The rows by loan, with None for every null."""
    frame = frame.astype(object).where(frame.notna(), None)
    return {row["loan_id"]: row for row in frame.to_dict("records")}


def compare_sets(comparison: Any, as_of: str, spine: pd.DataFrame, features: list[str], larder: Any, feast: Any) -> None:
    """Compare the sets. Where they differ, a row had not arrived when the loan was asked for, and Larder has the row before."""
    where = f"credit, training set as of {as_of}"
    comparison.tally.same(where, "loans", list(larder), spine["loan_id"].tolist())
    comparison.tally.same(where, "loans of Feast's", sorted(feast), sorted(larder))
    arrived = had_arrived(comparison.now, spine) if as_of == "ingest_time" else {}
    for loan, ours in larder.items():
        for name in features:
            column = name.replace(":", "__")
            got, want = ours[column], feast[loan][column]
            if got != want and loan in arrived and not column.startswith("zipcode"):
                comparison.tally.same(where, f"loan {loan}: {name}, of what had arrived", got, arrived[loan].get(column))
                comparison.tally.known_difference(where, "a row that had not arrived yet isn't used by Larder's default; Feast uses it")
            else:
                comparison.tally.same(where, f"loan {loan}: {name}", got, want)


def had_arrived(now: datetime, spine: pd.DataFrame) -> dict[str, dict[str, int]]:
    """For the loans for which some row had happened but not arrived: the features of the newest row that had."""
    asked = {loan.dob_ssn: loan for loan in spine.itertuples()}
    newest: dict[str, tuple[datetime, datetime, tuple[int, ...]]] = {}
    hidden = set()
    for person, happened, arrived, *values in people.histories(now):
        loan: Any = asked[str(person)]
        if not loan.event_timestamp - TTL <= happened <= loan.event_timestamp:
            continue
        if arrived > loan.event_timestamp:
            hidden.add(loan.loan_id)
        elif (row := (happened, arrived, tuple(values))) > newest.get(loan.loan_id, row[:0]):
            newest[loan.loan_id] = row
    amounts = dict(zip(spine["loan_id"], spine["loan_amnt"], strict=True))
    return {loan: row_of(newest[loan][2], amounts[loan]) if loan in newest else {} for loan in hidden}


def row_of(values: tuple[int, ...], amount: int) -> dict[str, int]:
    row = {f"credit_history__{name}": value for name, value in zip(HISTORY, values, strict=True)}
    return {**row, "total_debt_calc__total_debt_due": sum(values[:4]) + amount}
