"""Outputs of models: labels, probabilities by class, vectors."""

from __future__ import annotations

import larderdb
import numpy as np
import onnx
import pandas as pd
import polars as pl
import pytest
from larderdb.errors import InvalidArgumentError
from onnx import TensorProto, helper

from conftest import Server

ROWS = 25_001
CLASSES = ["early", "on time", "late"]


def species() -> onnx.ModelProto:
    """A classifier of three classes with names, and a vector of its probabilities."""
    coefficients = [0.5, 0.1, -1.0, 0.2, 0.2, 0.2, -0.5, 0.0, 1.0]
    classifier = helper.make_node(
        "LinearClassifier",
        ["X"],
        ["label", "probabilities"],
        domain="ai.onnx.ml",
        coefficients=coefficients,
        intercepts=[0.0, 0.5, 0.0],
        classlabels_strings=CLASSES,
        post_transform="SOFTMAX",
    )
    twice = helper.make_node("Concat", ["probabilities", "probabilities"], ["twice"], axis=1)
    graph = helper.make_graph(
        [classifier, twice],
        "species",
        [helper.make_tensor_value_info("X", TensorProto.FLOAT, ["N", 3])],
        [
            helper.make_tensor_value_info("label", TensorProto.STRING, ["N"]),
            helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, ["N", 3]),
            helper.make_tensor_value_info("twice", TensorProto.FLOAT, ["N", 6]),
        ],
    )
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(graph, ir_version=8, opset_imports=opsets)


@pytest.fixture(scope="module")
def model(applied: Server) -> str:
    with larderdb.Client(applied.addr) as client:
        client.push_model("species", species(), service="late_v1")
    return "species"


def test_a_model_without_a_score_answers_all_outputs(client: larderdb.Client, model: str) -> None:
    answer = client.score(model, {"courier_id": [1, 2], "km": [0.5, 90.0]})
    assert answer.scores is None and answer.outputs is not None
    assert list(answer.outputs) == ["label", *(f"probabilities[{c}]" for c in CLASSES), "twice"]
    for row in range(2):
        shares = [answer.outputs[f"probabilities[{c}]"][row] for c in CLASSES]
        assert abs(sum(shares) - 1) < 1e-6
        assert answer.outputs["label"][row] == CLASSES[int(np.argmax(shares))]
        assert answer.outputs["twice"][row] == [*shares, *shares]


def test_outputs_of_many_rows(client: larderdb.Client, model: str) -> None:
    frame = pd.DataFrame({"courier_id": np.arange(ROWS) % 2 + 1, "km": np.arange(ROWS) / 10.0}, index=np.arange(ROWS)[::-1])
    outputs = client.score(model, frame, outputs=["probabilities", "label"]).outputs
    assert outputs is not None and list(outputs.columns) == [*(f"probabilities[{c}]" for c in CLASSES), "label"]
    assert outputs.index.equals(frame.index)
    best = outputs.iloc[:, :3].to_numpy().argmax(axis=1)
    assert (outputs["label"].to_numpy() == np.array(CLASSES)[best]).all()
    other = client.score(model, pl.from_pandas(frame), outputs="label").outputs
    assert isinstance(other, pl.DataFrame) and other["label"].to_list() == outputs["label"].to_list()


def test_what_a_version_answers_is_told(client: larderdb.Client, model: str) -> None:
    told = client.push_model(model, species(), service="late_v1").output
    assert (told.output, [(o.name, o.type, o.shape, o.classes) for o in told.outputs]) == (
        "",
        [("label", "string", [], []), ("probabilities", "float32", [3], CLASSES), ("twice", "float32", [6], [])],
    )
    assert any(note.startswith("it has no score, only outputs: output \"probabilities\" has 3 columns") for note in told.notes)


def test_an_unknown_output_is_refused(client: larderdb.Client, model: str) -> None:
    with pytest.raises(InvalidArgumentError, match='no output "lable"; did you mean "label"'):
        client.score(model, {"courier_id": [1], "km": [1.0]}, outputs="lable")
