"""Both clients have the same methods; errors and warnings are Python's."""

from __future__ import annotations

import inspect
import traceback
import warnings
from typing import Any

import larderdb
import larderdb.onnx
import pandas as pd
import pytest
from larderdb import _words

from conftest import DAY, Server


def methods(of: type) -> dict[str, Any]:
    return {name: method for name, method in inspect.getmembers(of, inspect.isfunction) if not name.startswith("_")}


def test_both_clients_have_the_same_methods() -> None:
    ordinary, awaited = methods(larderdb.Client), methods(larderdb.AsyncClient)
    assert ordinary.keys() == awaited.keys()
    for name, method in ordinary.items():
        assert inspect.signature(method).parameters == inspect.signature(awaited[name]).parameters, name
        assert inspect.iscoroutinefunction(awaited[name]), name
        assert method.__doc__ and awaited[name].__doc__, name


def test_no_argument_has_another_name_for_a_service() -> None:
    for name, method in methods(larderdb.Client).items():
        assert "feature_service" not in inspect.signature(method).parameters, name


@pytest.mark.parametrize(
    ("said", "in_python"),
    [
        ('model "m" has no version 9; larder models show m lists its versions', 'model "m" has no version 9; client.models("m") lists its versions'),
        ("was never materialized on this server; run `larder materialize stats` first", 'run client.materialize("stats") first'),
        ("larder materialize --full stats reads all rows again", 'client.materialize("stats", full=True) reads all rows again'),
        ("larder materialize --full a, b reads all rows again", 'client.materialize("a", "b", full=True) reads all rows again'),
        ("list the versions with `larder apply --list`", "list the versions with client.versions()"),
        ("`larder apply DIR` adds some", "client.apply(folder) adds some"),
        ("run larder plan again and review the changes", "run client.plan(...) again and review the changes"),
        ("or run larder models release m 3 to try it again", 'or run client.release("m", 3) to try it again'),
        ("larder models retire m VERSION removes one", 'client.retire("m", version) removes one'),
        ("larder models retire m --model removes the model", 'client.retire("m", whole_model=True) removes the model'),
        ("choose one with larder models promote m VERSION", 'choose one with client.promote("m", version)'),
        ("build the set with as_of: event_time", 'build the set with as_of="event_time"'),
        ("larder status shows why", "client.status() shows why"),
        ("bring another file by larder models push", "bring another file by client.push_model(...)"),
        ("the source larder has rows", "the source larder has rows"),
    ],
)
def test_remedies_are_calls(said: str, in_python: str) -> None:
    assert in_python in _words.in_python(said)


def test_an_error_of_the_server_names_calls(client: larderdb.Client) -> None:
    with pytest.raises(larderdb.NotFoundError, match=r"list the newest with client.datasets\(\)"):
        client.dataset("none")


def test_tracebacks_are_short(client: larderdb.Client) -> None:
    with pytest.raises(larderdb.NotFoundError) as refused:
        client.materialize("none")
    frames = traceback.extract_tb(refused.value.__traceback__)
    assert len(frames) <= 3, frames


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda c: c.score("m", {}, version="3"), "version is '3' .str.; give an int"),
        (lambda c: c.score(7, {}), "model is 7 .int.; give a str"),
        (lambda c: c.get_features([7], {}), "7 is not a feature"),
        (lambda c: c.get_features(None, {}), "None is not a feature"),
        (lambda c: c.promote("m", "3"), "version is '3' .str.; give an int"),
        (lambda c: c.materialize(["stats"]), r'one by one, as in materialize\("stats"\)'),
        (lambda c: c.materialize("stats", start=DAY.replace(tzinfo=None)), "start is .* which has no time zone"),
        (lambda c: c.verify(["stats"]), r'one by one, as in verify\("stats"\)'),
        (lambda c: c.verify("stats", service="late_v1"), "not both"),
        (lambda c: c.verify(sample=0), "None for every key"),
        (lambda c: c.experiment("m", since="2026"), "since is '2026'; give a datetime"),
        (lambda c: c.drift("m", until="2026"), "until is '2026'; give a datetime"),
        (lambda c: c.drift("m", version="1"), "version is '1' .str.; give an int"),
        (lambda c: c.experiment("m", alpha="x"), "alpha is 'x' .str.; give a number"),
        (lambda c: c.push_model("m", 7), "a model is an onnx.ModelProto, bytes, or the path of a file; not int"),
        (lambda c: c.push_model("m", b"x", tags={"a": 1}), "tags is {'a': 1} .*; give a mapping of str to str"),
        (lambda c: c.push_model("m", b"x", output="score"), r'as in \("probabilities", 1\)'),
        (lambda c: c.set_traffic("m", [1, 2]), "as in {3: 95, 4: 5}"),
        (lambda c: c.set_traffic("m", {1: "all"}), "weight is 'all' .str.; give a number"),
        (lambda c: c.retire("m"), "whole_model=True"),
        (lambda c: c.score(pd.DataFrame({"a": range(9)}), "m"), "model is a DataFrame; give a str"),
        (lambda c: c.shadow("m", [4]), "one by one, as in shadow"),
        (lambda c: c.set_traffic("m", {1: 100}, ramp={"to": 50}), r"ramp is {'to': 50} .dict.; give one such as larderdb.Ramp"),
        (lambda c: c.push_model("m", b""), "the model is empty; export it again"),
        (lambda c: c.plan("defs", project="risk"), "project= goes with to_version="),
        (lambda c: c.plan(to_version=0), "to_version is 0; versions count from 1"),
        (lambda c: c.list("datasets"), "training sets are not definitions"),
        (lambda c: c.search(""), "the text to search for is empty"),
        (lambda c: c.materialize("stats", full=True, start=DAY), "leave out full or start"),
        (lambda c: c.plan(), "give a folder of definitions, or to_version="),
        (lambda c: c.apply("defs", allow_delete="stats"), "give True, or a list of the names"),
        (lambda c: c.datasets(limit="x"), "limit is 'x' .str.; give an int"),
    ],
)
def test_arguments_of_other_types(client: larderdb.Client, call: Any, says: str) -> None:
    with pytest.raises(larderdb.InvalidArgumentError, match=says) as refused:
        call(client)
    assert refused.value.reason in ("BAD_ARGUMENT", "BAD_TIME")


def test_stamps_of_other_things(client: larderdb.Client) -> None:
    other: Any = 7
    with pytest.raises(larderdb.InvalidArgumentError, match="trained_on is 7 .int.; give what client.training_set"):
        larderdb.onnx.stamp(b"junk", other)
    service = client.service("late_v1")
    with pytest.raises(larderdb.InvalidArgumentError, match="the file is not an ONNX model"):
        larderdb.onnx.stamp(b"junk", service)


def test_a_closed_client(server: Server) -> None:
    with larderdb.Client(server.addr) as closed:
        closed.status()
    with pytest.raises(larderdb.FailedPreconditionError, match="the client is closed; make a new one"):
        closed.status()


@pytest.mark.parametrize(
    ("said", "want"),
    [
        ('models[1].feature_service: model "m": no feature service "s"', 'model "m": no feature service "s"'),
        ("the traffic has no split_by; write split_by: and one of a, b", "the traffic has no split_by; give split_by, one of a, b"),
        (
            'output "y" has 3 columns; name the one that is the score, as in column: 2',
            'output "y" has 3 columns; name the one that is the score, as in output=("y", 2)',
        ),
        ("a, b could each hold the score; name one, as in output: a", 'a, b could each hold the score; name one, as in output=("a", 0)'),
        ("its file has no stamp that names one", "its file has no stamp that names one; give service="),
    ],
)
def test_words_of_definitions(said: str, want: str) -> None:
    """A method that changes a model speaks of its arguments, not of keys in a file."""
    assert _words.as_arguments(said) == want


def test_warnings_of_the_server(client: larderdb.Client) -> None:
    """They are raised where the caller's code is, and can be made errors."""
    late = {"courier_id": [1], "event_time": [DAY.replace(minute=5)], "km": [1.0]}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        train = client.training_set(late, service="late_v1")
    (warning,) = caught
    assert warning.category is larderdb.LarderWarning and warning.filename == __file__
    assert [str(warning.message)] == train.warnings and 'build the set with as_of="event_time"' in train.warnings[0]
    with warnings.catch_warnings():
        warnings.simplefilter("error", larderdb.LarderWarning)
        with pytest.raises(larderdb.LarderWarning):
            client.training_set(late, service="late_v1")
