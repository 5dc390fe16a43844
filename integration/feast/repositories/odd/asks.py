"""What is asked of the odd repository."""

import os
from datetime import datetime, timedelta

from asking import EVERYWHERE, EXPIRED, FUTURE, LATE, NAN, NO_VALUES_OF_REQUESTS, NULL, NULL_TIME, RETRIED, Ask, Int32, Read, Write

BIG = 2**63 - 1
USERS = [1, 2, 3, 4, 5, 6, 7, 8, -9, 0, BIG, 99]
SCALARS = ["an_int32", "an_int64", "a_float32", "a_float64", "a_bool", "a_string", "some_bytes", "a_time"]
LISTS = ["int32s", "int64s", "float32s", "float64s", "bools", "strings"]
NOT_BY_GRPC = {"gRPC": NO_VALUES_OF_REQUESTS}
NO_LIST = {name: {1: NULL} for name in LISTS}

ASKS = [
    Ask("every simple type", {"user_id": USERS}, [f"scalars:{name}" for name in SCALARS]),
    Ask("every list", {"user_id": [1, 2, 3, 4, 99]}, [f"lists:{name}" for name in LISTS], differs=NO_LIST, sdk_raises="TypeError"),
    Ask(
        "lists of bytes and times",
        {"user_id": [1, 2, 3, 4, 99]},
        ["more_lists:blobs", "more_lists:times"],
        differs={name: {1: NULL} for name in ["blobs", "times"]},
        sdk_raises="TypeError",
    ),
    Ask("a service of both", {"user_id": [1, 2, 3, 4, 99]}, service="everything", differs=NO_LIST, sdk_raises="TypeError"),
    Ask(
        "a service of both, with full names",
        {"user_id": [4, 2, 99, 4]},
        service="everything",
        full=True,
        differs={f"lists__{name}": {1: NULL} for name in LISTS},
    ),
    Ask(
        "stored nulls",
        {"user_id": [1, 2, 3, 4]},
        service="nothing",
        differs={
            **{name: {1: NULL, 2: NULL} for name in ["an_int64", "a_float64", "a_string"]},
            **{name: {1: NULL, 3: NULL} for name in ["an_int32", "a_float32", "a_bool", "some_bytes"]},
            "a_time": {1: NULL_TIME, 2: NULL_TIME},
        },
    ),
    Ask(
        "TTL",
        {"user_id": [1, 2, 3, 4, 99]},
        ["spend:total", "spend:visits", "spend:score"],
        differs={name: {1: NULL, 2: EXPIRED} for name in ["total", "visits", "score"]},
    ),
    Ask(
        "one name in two views, with full names",
        {"user_id": [1, 2, 3, 4]},
        ["spend:score", "rating:score"],
        full=True,
        differs={"spend__score": {1: NULL, 2: EXPIRED}, "rating__score": {2: NULL}},
    ),
    Ask(
        "one name in two views", {"user_id": [1]}, ["spend:score", "rating:score"], raises="FeatureNameCollisionError", feast_raises=RETRIED
    ),
    Ask(
        "the same feature twice",
        {"user_id": [1]},
        ["rating:score", "rating:score"],
        raises="FeatureNameCollisionError",
        feast_raises=RETRIED,
    ),
    Ask(
        "keys of an integer and a text",
        {"user_id": [1, 12, 1, 1, 2, 2, 2, 1], "device_id": ["23", "3", "", "phone", "phone", "Телефон", "nothing", "3"]},
        ["user_device:logins"],
        differs={"logins": {3: EXPIRED, 4: NULL}},
    ),
    Ask(
        "keys of two texts",
        {
            "left_part": ["a", "ab", "", "abc", "", "a|b", "a", "right", "left", "ключ", "x" * 300, "abc", "a"],
            "right_part": ["bc", "c", "abc", "", "", "c", "b|c", "left", "right", "鍵", "y", "abc", "b"],
        },
        ["pair:weight", "pair:note"],
        differs={"weight": {6: NULL}, "note": {5: NULL}},
    ),
    Ask("keys in another order", {"right_part": ["bc", "left"], "left_part": ["a", "right"]}, ["pair:weight"]),
    Ask("an answer longer than its keys", {"user_id": [1] * 500}, ["scalars:a_string", "rating:score"]),
    Ask(
        "views of several keys in one service",
        {"user_id": [1, 1, 3, 2], "device_id": ["23", "phone", "x", "phone"]},
        service="some",
        differs={
            "visits": {2: EXPIRED, 3: NULL},
            "total": {2: EXPIRED, 3: NULL},
            "logins": {1: EXPIRED, 3: NULL},
        },
    ),
    Ask("a view without an entity", {"user_id": [1, 2]}, ["world:rate", "scalars:an_int64"]),
    Ask(
        "aliases and mapped keys",
        {"user_id": [1, 2, 3], "friend_id": [4, 3, 99]},
        service="friends",
        raises="FeatureNameCollisionError",
        feast_raises=RETRIED,
    ),
    Ask(
        "aliases and one key",
        {"user_id": [1, 2], "friend_id": [1, 2]},
        service="friends",
        full=True,
        only=("gRPC",),
        differs={"mine__score": {}, "spending__visits": {1: NULL}},
    ),
    Ask(
        "aliases and mapped keys, with full names",
        {"user_id": [1, 2, 3, 4], "friend_id": [4, 3, 99, 1]},
        service="friends",
        full=True,
        # By gRPC, Feast reads the friend by user_id or friend_id, whichever comes last in a map without order.
        only=("SDK", "HTTP"),
        differs={"mine__score": {2: NULL}, "friend__score": {1: NULL}, "spending__visits": {1: NULL, 2: EXPIRED}},
    ),
    Ask("on demand", {"user_id": [1, 4], "amount": [20.0, 0.5], "limit": [10, 10]}, service="payments", fails=NOT_BY_GRPC),
    Ask(
        "on demand, by name",
        {"user_id": [1, 4], "amount": [20.0, 0.5], "limit": [10, 10]},
        ["against_spend:ratio", "spend:visits"],
        fails=NOT_BY_GRPC,
    ),
    Ask(
        "on demand, of the request alone",
        {"user_id": [1, 99], "number": [20.0, -0.5]},
        ["of_the_request:doubled", "rating:score"],
        fails=NOT_BY_GRPC,
    ),
    Ask(
        "on demand, of rows that are missing, null or expired",
        {"user_id": [1, 2, 3, 99], "amount": [1.0] * 4, "limit": [1] * 4},
        service="payments",
        fails=dict.fromkeys(EVERYWHERE, "a missing value that an on-demand feature reads gives null; Feast fails the request"),
        instead={
            "ratio": [["0.1", "PRESENT"], [None, "NULL_VALUE"], [None, "NULL_VALUE"], [None, "NULL_VALUE"]],
            "over": [[False, "PRESENT"]] * 4,
        },
        instead_mended={
            "ratio": [["0.1", "PRESENT"], [None, "PRESENT"], ["0.01", "PRESENT"], [None, "PRESENT"]],
            "over": [[False, "PRESENT"]] * 4,
        },
    ),
    Ask(
        "on demand, divided by zero",
        {"user_id": [5], "amount": [1.0], "limit": [1]},
        service="payments",
        fails=dict.fromkeys(EVERYWHERE, "a division by zero gives infinity; Feast fails the request"),
        instead={"over": [[False, "PRESENT"]]},
    ),
    Ask("NaN and infinities", {"user_id": [5, 6, 7, 1]}, ["rating:score"], only=("SDK", "HTTP")),
    Ask("NaN and infinities by gRPC", {"user_id": [5, 6, 7, 1]}, ["rating:score"], only=("gRPC",), differs={"score": {0: NAN}}),
    Ask("NaN in lists", {"user_id": [5]}, ["lists:float32s", "lists:float64s"], sdk_raises="ValueError"),
    Ask("keys of 32 bits", {"shard_id": [Int32(1), Int32(-(2**31)), Int32(2**31 - 1), Int32(2)]}, ["shards:load"]),
    Ask("clicks before a push", {"user_id": [1, 2, 99]}, ["clicks:clicks", "clicks:page"]),
    Ask("no such view", {"user_id": [1]}, ["nothing_here:x"], raises="FeatureViewNotFoundException"),
    Ask("no such service", {"user_id": [1]}, service="nothing_here", raises="FeatureServiceNotFoundException"),
    Ask("no request value", {"user_id": [1], "amount": [1.0]}, service="payments", raises="RequestDataNotFoundInEntityRowsException"),
    Ask("no such feature", {"user_id": [1]}, ["rating:nothing_here"], raises="FeastObjectNotFoundException", feast_raises=RETRIED),
    Ask("no key", {"device_id": ["x"]}, ["rating:score"], raises="FeastError", feast_raises=RETRIED),
    Ask("a reference without a view", {"user_id": [1]}, ["score"], raises="FeastError", feast_raises=RETRIED),
    Read("online_read", "scalars", ["an_int64", "a_string"], "user_id", [1, 8, 99]),
]

NOW = datetime.fromisoformat(os.environ["NOW"])
HOUR = timedelta(hours=1)

# What is written, to keys that no other question asks for, and then read back.
AFTER = [
    Write(
        "push",
        {"user_id": [1001, 1002, 1003], "event_timestamp": [NOW] * 3, "created": [NOW] * 3, "clicks": [1, 2, 3], "page": ["a", "б", None]},
        source="clicks_push",
    ),
    Write(
        "push what is newer",
        {"user_id": [1001], "event_timestamp": [NOW + HOUR / 3600], "created": [NOW], "clicks": [11], "page": ["aa"]},
        source="clicks_push",
    ),
    Write(
        "push what is late",
        {"user_id": [1002], "event_timestamp": [NOW - HOUR], "created": [NOW], "clicks": [22], "page": ["late"]},
        source="clicks_push",
    ),
    Write(
        "push what is to come",
        {"user_id": [1021], "event_timestamp": [NOW + 24 * HOUR], "created": [NOW], "clicks": [33], "page": ["tomorrow"]},
        source="clicks_push",
    ),
    Write(
        "write to a view",
        {"user_id": [1001], "event_timestamp": [NOW], "created": [NOW], "total": [1e-3], "visits": [2**53 + 1], "score": [0.1]},
        view="spend",
    ),
    Write(
        "write keys of two columns",
        {"user_id": [1001, 100], "device_id": ["1", "11"], "event_timestamp": [NOW] * 2, "created": [NOW] * 2, "logins": [1, 2]},
        view="user_device",
    ),
    Write(
        "write lists",
        {
            "user_id": [1001],
            "event_timestamp": [NOW],
            "created": [NOW],
            "int32s": [[1, -1]],
            "int64s": [[2**62]],
            "float32s": [[0.5]],
            "float64s": [[0.1, -0.0]],
            "bools": [[True]],
            "strings": [["Grüße", ""]],
        },
        view="lists",
    ),  # fmt: skip
    Write(
        "write bytes",
        {
            "user_id": [1001],
            "event_timestamp": [NOW],
            "created": [NOW],
            **{name: [None] for name in SCALARS[:6]},
            "some_bytes": [b"\x00"],
            "a_time": [NOW],
        },
        view="scalars",
        sdk_raises="TypeError",
    ),
    Ask(
        "pushed rows",
        {"user_id": [1001, 1002, 1003, 1004, 1005, 1, 1007, 1011, 1012, 1013]},
        ["clicks:clicks", "clicks:page"],
        differs={"clicks": {1: LATE}, "page": {1: LATE, 2: NULL}},
    ),
    Ask("a row of the future", {"user_id": [1021]}, ["clicks:clicks"], differs={"clicks": {0: FUTURE}}),
    Ask("rows written to a view", {"user_id": [1001, 1006]}, ["spend:total", "spend:visits", "spend:score"]),
    Ask("rows written with two keys", {"user_id": [1001, 100, 10], "device_id": ["1", "11", "011"]}, ["user_device:logins"]),
    Ask("lists that were written", {"user_id": [1001]}, [f"lists:{name}" for name in LISTS]),
]
