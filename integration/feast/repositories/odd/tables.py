"""The tables of the odd repository. Times are relative to now, because of the TTLs."""

from datetime import datetime, timedelta
from typing import Any

import grpc_client
import psycopg

BIG, SMALL = 2**63 - 1, -(2**63)
NAN, INFINITY = float("nan"), float("inf")

ROW = "user_id bigint, event_timestamp timestamptz, created timestamptz"
SCALARS = (
    f"{ROW}, an_int32 int, an_int64 bigint, a_float32 real, a_float64 double precision, a_bool boolean, a_string text,"
    " some_bytes bytea, a_time timestamptz"
)
LISTS = (
    f"{ROW}, int32s int[], int64s bigint[], float32s real[], float64s double precision[], bools boolean[], strings text[],"
    " blobs bytea[], times timestamptz[]"
)


def make(comparison: Any, larder: Any, now: datetime) -> None:
    """Fill Postgres, and make the repository of Feast over it."""
    with psycopg.connect(larder.postgres, autocommit=True) as database:
        fill(database, now)
    comparison.write_store(larder.postgres)


def fill(database: psycopg.Connection, now: datetime) -> None:
    """Make and fill the tables."""
    hour, day = timedelta(hours=1), timedelta(days=1)
    at = now - hour
    noon = datetime.fromisoformat("2026-03-01T12:00:00+00:00")

    def table(name: str, columns: str, rows: list[tuple[object, ...]]) -> None:
        database.execute(f"CREATE TABLE odd.{name} ({columns})")
        with database.cursor() as cursor:
            cursor.executemany(f"INSERT INTO odd.{name} VALUES ({', '.join(['%s'] * len(rows[0]))})", rows)

    database.execute("CREATE SCHEMA odd")
    table(
        "scalars",
        SCALARS,
        [
            (1, at, at, 7, 8, 0.5, 0.25, True, "plain", b"\x01\x02", noon),
            (3, at, at, 2**31 - 1, BIG, 3.4028234663852886e38, 1.7976931348623157e308, False, "", b"", noon - 60 * 365 * day),
            (4, at, at, -(2**31), SMALL, 1e-45, 5e-324, True, 'Grüße, 東京 \U0001f9ca "quoted" \\ \n', b"\x00\xff", noon),
            (5, at, at, 0, 2**53 + 1, 0.1, 0.1, False, "null", b"null", noon),
            (6, at, at, 1, 1, -0.0, -0.0, True, " ", b" ", noon),
            # Of rows with one event time, the one that was created last counts.
            (7, at, at, 1, 1, 1.0, 1.0, False, "first", b"1", noon),
            (7, at, at + timedelta(minutes=2), 3, 3, 3.0, 3.0, False, "third", b"3", noon),
            (7, at, at + timedelta(minutes=1), 2, 2, 2.0, 2.0, False, "second", b"2", noon),
            # A late row never replaces a newer one.
            (8, at, at, 20, 20, 20.0, 20.0, True, "newer", b"20", noon),
            (8, at - hour, at + timedelta(minutes=5), 10, 10, 10.0, 10.0, True, "older, and late", b"10", noon),
            (-9, at, at, -9, -9, -9.0, -9.0, True, "a negative key", b"9", noon),
            (0, at, at, 0, 0, 0.0, 0.0, False, "key 0", b"0", noon),
            (BIG, at, at, 0, 0, 0.0, 0.0, False, "the largest key", b"0", noon),
        ],
    )
    # Apart from the extremes: Feast reads a column of integers with a null as floats, and rounds them.
    table(
        "nulls",
        SCALARS,
        [
            (1, at, at, 7, 8, 0.5, 0.25, True, "plain", b"\x01\x02", noon),
            (2, at, at, None, None, None, None, None, None, None, None),
            (3, at, at, 1, None, 1.0, None, True, None, b"1", None),
            (4, at, at, None, 1, None, 1.0, None, "1", None, noon),
        ],
    )
    table(
        "lists",
        LISTS,
        [
            (
                1,
                at,
                at,
                [1, 2],
                [3, 4],
                [0.5, 1.5],
                [0.25, 0.75],
                [True, False],
                ["a", "b"],
                [b"\x01", b"\xff\x00"],
                [noon, noon - 60 * 365 * day],
            ),
            (2, at, at, None, None, None, None, None, None, None, None),
            (3, at, at, [], [], [], [], [], [], [], []),
            (4, at, at, [2**31 - 1], [BIG, SMALL], [0.1], [5e-324], [False], ["", "東京", "a,b", "{}"], [b""], [noon]),
            (5, at, at, [0], [0], [0.5, NAN], [NAN, 0.25, INFINITY], [True], [""], [b""], [noon]),
        ],
    )
    table(
        "spend",
        "user_id bigint, event_timestamp timestamptz, created timestamptz, total double precision, visits bigint, score double precision",
        [
            (1, at, at, 9.0, 3, 0.5),
            (2, at, at, None, None, None),
            (3, now - 5 * hour, now - 5 * hour, 99.0, 33, 0.75),  # older than the TTL
            (4, now - timedelta(minutes=90), at, 0.1, 0, 0.0),
            (5, at, at, -1.0, 1, 1.0),  # the divisor is 0
        ],
    )
    table(
        "rating",
        "user_id bigint, event_time timestamptz, score double precision",
        [
            (1, at, 1.5),
            (2, now - 400 * day, 2.5),
            (3, at, None),
            (4, now - 20 * day, 4.5),
            (5, at, NAN),
            (6, at, INFINITY),
            (7, at, -INFINITY),
        ],
    )
    table(
        "user_device",
        "user_id bigint, device_id text, event_timestamp timestamptz, created timestamptz, logins bigint",
        [
            (1, "23", at, at, 123),
            (12, "3", at, at, 1230),
            (1, "", at, at, 100),
            (1, "phone", now - 3 * hour, at, 5),  # older than the TTL
            (2, "phone", at, at, None),
            (2, "Телефон", at, at, 7),
        ],
    )
    table(
        "pair",
        "left_part text, right_part text, event_timestamp timestamptz, created timestamptz, weight double precision, note text",
        [
            ("a", "bc", at, at, 1.0, "a and bc"),
            ("ab", "c", at, at, 2.0, "ab and c"),
            ("", "abc", at, at, 3.0, "nothing and abc"),
            ("abc", "", at, at, 4.0, "abc and nothing"),
            ("", "", at, at, 5.0, "nothing at all"),
            ("a|b", "c", at, at, 6.0, None),
            ("a", "b|c", at, at, None, "one null"),
            ("right", "left", at, at, 7.0, "the other way round"),
            ("ключ", "鍵", at, at, 8.0, "unicode"),
            ("x" * 300, "y", at, at, 9.0, "a long key"),
        ],
    )
    table(
        "shards",
        "shard_id int, event_timestamp timestamptz, created timestamptz, load real",
        [(1, at, at, 0.25), (-(2**31), at, at, 0.5), (2**31 - 1, at, at, 0.75)],
    )
    table("world", "event_time timestamptz, created timestamptz, rate double precision", [(at, at, 1.25), (at - day, at - day, 1.0)])
    table(
        "clicks",
        "user_id bigint, event_timestamp timestamptz, created timestamptz, clicks bigint, page text",
        [(1, at, at, 11, "home"), (2, at, at, 22, "cart")],
    )


def after(comparison: Any, larder: Any, feast: Any) -> None:
    """Write by HTTP, gRPC and the SDK, and read back."""
    ours = comparison.addresses(larder)
    now = comparison.now
    for what, path, body in [
        ("a push", "/push", {"push_source_name": "clicks_push", "df": frame(now, 1004), "to": "online"}),
        ("a write", "/write-to-online-store", {"feature_view_name": "clicks", "df": frame(now, 1005)}),
        ("a push to nowhere", "/push", {"push_source_name": "nothing_here", "df": frame(now, 1007)}),
        ("a write to nowhere", "/write-to-online-store", {"feature_view_name": "nothing_here", "df": frame(now, 1007)}),
        ("a body without a frame", "/push", {"push_source_name": "clicks_push"}),
        ("a frame that is a text", "/push", {"push_source_name": "clicks_push", "df": "x"}),
        ("materialize incrementally", "/materialize-incremental", {"end_ts": now.isoformat(), "feature_views": ["rating"]}),
        (
            "materialize",
            "/materialize",
            {"start_ts": "2020-01-01T00:00:00", "end_ts": now.isoformat(), "feature_views": ["rating", "pair"]},
        ),
        ("materialize all", "/materialize", {"disable_event_timestamp": True, "feature_views": ["world"]}),
        (
            "materialize nothing",
            "/materialize",
            {"start_ts": "2020-01-01T00:00:00", "end_ts": now.isoformat(), "feature_views": ["nothing_here"]},
        ),
        ("materialize from later to earlier", "/materialize", {"start_ts": now.isoformat(), "end_ts": "2020-01-01T00:00:00"}),
    ]:
        comparison.same_status(what, path, body, ours, feast)
    for name, request in grpc_client.writes(now):
        comparison.tally.same("odd, gRPC, writes", name, grpc_client.write(ours.grpc, request), grpc_client.write(feast.grpc, request))
    theirs = comparison.ask_all(feast, "AFTER")
    comparison.compare_all("AFTER", comparison.ask_all(ours, "AFTER"), theirs)
    for ask, answer in grpc_client.serving_service(ours.grpc, comparison.questions.AFTER):
        comparison.tally.same("odd, ServingService", ask.name, answer, grpc_client.answers(ours.grpc, [ask])[ask.name])


def frame(now: datetime, user: int) -> dict[str, list[object]]:
    return {"user_id": [user], "event_timestamp": [now.isoformat()], "created": [now.isoformat()], "clicks": [user], "page": ["by HTTP"]}
