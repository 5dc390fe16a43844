"""Learns two towers from who watched what, and writes two-tower.onnx and tables.sql.

The towers are matrices: a user's vector is U @ user, an item's I @ item, both of length 1, and
the score is the cosine of the two. Needs numpy and onnx.
"""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HERE = Path(__file__).parent
USERS, FILMS, GENRES, LENGTH = 40, 24, 4, 8

rng = np.random.default_rng(7)
likes, genre = rng.integers(GENRES, size=USERS), np.arange(FILMS) % GENRES
# Made-up: who watched what. A user watches films of one genre, and a few others.
watched = (rng.random((USERS, FILMS)) < np.where(likes[:, None] == genre, 0.9, 0.02)).astype(float)

u, s, vt = np.linalg.svd(watched - watched.mean(), full_matrices=False)
users, films = u[:, :LENGTH] * s[:LENGTH], vt[:LENGTH].T * s[:LENGTH]
# A rotation of each side, which the towers undo: so that the embeddings alone don't do.
turn_users, turn_films = (np.linalg.qr(rng.normal(size=(LENGTH, LENGTH)))[0] for _ in range(2))
users, films = (users @ turn_users.T).astype(np.float32), (films @ turn_films.T).astype(np.float32)


def tower(name: str, weights: np.ndarray) -> list[onnx.NodeProto]:
    return [
        helper.make_node("MatMul", [name, f"{name}_weights"], [f"{name}_turned"]),
        helper.make_node("LpNormalization", [f"{name}_turned"], [f"{name}_vector"], axis=1, p=2),
    ]


def matrix(name: str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", LENGTH])


graph = helper.make_graph(
    [
        *tower("user", turn_users),
        *tower("film", turn_films),
        helper.make_node("Mul", ["user_vector", "film_vector"], ["products"]),
        helper.make_node("ReduceSum", ["products", "one"], ["score"], keepdims=0),
    ],
    "two_tower",
    [matrix("user"), matrix("film")],
    [helper.make_tensor_value_info("score", TensorProto.FLOAT, ["N"]), matrix("user_vector"), matrix("film_vector")],
    [
        numpy_helper.from_array(turn_users.astype(np.float32), "user_weights"),
        numpy_helper.from_array(turn_films.astype(np.float32), "film_weights"),
        numpy_helper.from_array(np.array([1], np.int64), "one"),
    ],
)
model = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])
onnx.checker.check_model(model, full_check=True)
onnx.save_model(model, HERE / "definitions" / "two-tower.onnx")


def rows(table: str, key: str, embeddings: np.ndarray, note: np.ndarray) -> str:
    lines = [
        f"({i + 1}, '2026-01-01Z', '{{{','.join(format(v, '.7g') for v in row)}}}', {note[i]})" for i, row in enumerate(embeddings)
    ]
    return (
        f"CREATE TABLE {table} ({key} bigint, at timestamptz, embedding real[], genre int);\n"
        f"INSERT INTO {table} VALUES\n" + ",\n".join(lines) + ";\n"
    )


(HERE / "tables.sql").write_text(rows("users", "user_id", users, likes) + rows("films", "film_id", films, genre))
