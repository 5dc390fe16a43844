"""Trains a model of the fraud example and writes it where `larder apply` reads it.

    python train.py --dsn postgres://USER:PASSWORD@HOST:PORT/DATABASE [--addr HOST:PORT] [--model FILE] [--check]

Takes the transactions of some days as a spine, has a Larder server on the same
database build their training set, fits gradient-boosted trees on earlier days,
prints the AUC on later days, and writes the model to definitions/models, stamped
with what it was trained on, and its SHA-256 into definitions/fraud.yaml. Versions 2
and 3, which experiment.md tries, go to experiment/. The same
transactions and the versions pinned in requirements.txt give the same file, byte
for byte; --check writes nothing and fails where the file would change.
"""

import argparse
import hashlib
import io
import pathlib
import re
import sys
import tempfile
from typing import NamedTuple

import larderdb
import larderdb.onnx
import numpy as np
import onnx
import onnxruntime
import psycopg
import pyarrow.csv
import yaml
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import average_precision_score, roc_auc_score

DEFINITIONS = pathlib.Path(__file__).parent / "definitions"
YAML_FILE = DEFINITIONS / "fraud.yaml"

class Model(NamedTuple):
    """What is trained: on which features, how many trees, and how the features begin that they may not split by."""

    service: str
    trees: int = 100
    without: str = ""
    folder: pathlib.Path = DEFINITIONS / "models"


EXPERIMENT = DEFINITIONS.parent / "experiment"
MODELS = {
    "fraud-1": Model("fraud_v1"),
    "fraud-2": Model("fraud_v1", trees=20, folder=EXPERIMENT),
    "fraud-3": Model("fraud_v1", trees=40, without="terminal_risk__fraud_rate", folder=EXPERIMENT),
    "fraud_windows-1": Model("fraud_windows_v1"),
}

# The first 30-day windows of fraud rates are whole after 37 days. Between the
# days of training and those held out lies the week after which labels are known.
TRAIN_DAYS = range(60, 151)
HELD_OUT_DAYS = range(158, 180)


def apply_features(client):
    """Applies the definitions without the model, which is not trained yet."""
    definitions = yaml.safe_load(YAML_FILE.read_text())
    del definitions["models"]
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder, "fraud.yaml").write_text(yaml.safe_dump(definitions, sort_keys=False))
        client.apply(folder, allow_delete=True)


def transactions(conn, days):
    """The spine: the transactions of those days, with their labels, in the order of time."""
    text = io.BytesIO()
    query = f"""COPY (
        SELECT (event_time AT TIME ZONE 'UTC')::date - (SELECT (min(event_time) AT TIME ZONE 'UTC')::date FROM fraud.transactions) AS day_number,
            is_fraud, transaction_id, customer_id, terminal_id, to_char(event_time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') AS event_time, amount::float8
        FROM fraud.transactions
        WHERE (event_time AT TIME ZONE 'UTC')::date - (SELECT (min(event_time) AT TIME ZONE 'UTC')::date FROM fraud.transactions)
            BETWEEN {days[0]} AND {days[-1]}
        ORDER BY transaction_id) TO STDOUT (FORMAT csv, HEADER)"""
    with conn.cursor().copy(query) as copy:
        for block in copy:
            text.write(block)
    text.seek(0)
    types = {"event_time": pyarrow.timestamp("us", "UTC"), "is_fraud": pyarrow.bool_()}
    booleans = {"true_values": ["t"], "false_values": ["f"]}
    return pyarrow.csv.read_csv(text, convert_options=pyarrow.csv.ConvertOptions(column_types=types, **booleans))


def read(client, conn, days, service):
    """The training set of those days; and its features, labels and day numbers.

    The stream's events were backfilled, so that they arrived long after they
    happened: each counts from its event time on, and not for its own row.
    """
    train = client.training_set(
        transactions(conn, days), service=service, as_of="event_time", own_event_column="transaction_id"
    )
    for warning in train.warnings:
        print("warning:", warning)
    # Serving feeds float32, and null as NaN, so train on what it feeds.
    columns = [train.data[f].to_numpy(zero_copy_only=False).astype(np.float32) for f in train.features]
    return train, np.column_stack(columns), train.data["is_fraud"].to_numpy(), train.data["day_number"].to_numpy()


def fit(x, y, features, trees, without):
    hidden = [i for i, f in enumerate(features) if without and f.startswith(without)]
    x = x.copy()
    x[:, hidden] = 0  # which no tree can split by
    # No early stopping: it would hold back a tenth of the rows, and few are fraud.
    forest = HistGradientBoostingClassifier(
        max_iter=trees, max_depth=6, max_leaf_nodes=31, learning_rate=0.1, min_samples_leaf=100,
        l2_regularization=1.0, early_stopping=False, random_state=1,
    )
    forest.fit(x, y)
    # ONNX keeps thresholds as float32, and to the nearest of them would move some
    # above a value that they lay below. Rounded down, x <= threshold says the same
    # of every float32 x.
    for (tree,) in forest._predictors:
        exact = tree.nodes["num_threshold"]
        nearest = exact.astype(np.float32)
        tree.nodes["num_threshold"] = np.where(nearest > exact, np.nextafter(nearest, np.float32(-np.inf)), nearest)
    return forest


def export(forest, width, name):
    """The forest as ONNX bytes, with nothing in them that varies from run to run."""
    model = to_onnx(
        forest, initial_types=[("features", FloatTensorType([None, width]))],
        options={id(forest): {"zipmap": False}}, target_opset={"": 17, "ai.onnx.ml": 3}, name=name,
    )
    model.producer_name, model.producer_version, model.doc_string = "train.py", "", ""
    opsets = {o.domain: o.version for o in model.opset_import}  # skl2onnx repeats them
    del model.opset_import[:]
    model.opset_import.extend(onnx.helper.make_opsetid(*o) for o in sorted(opsets.items()))
    return model


def check_same(forest, raw, x):
    """Fails unless the ONNX scores are the trainer's, missing values included."""
    session = onnxruntime.InferenceSession(raw, providers=["CPUExecutionProvider"])
    holes = x.copy()
    holes[np.random.default_rng(1).random(x.shape) < 0.3] = np.nan
    for name, rows in ("held-out rows", x), ("held-out rows with 30 % more missing", holes):
        want = forest.predict_proba(rows)
        (got,) = session.run(["probabilities"], {"features": rows})
        worst = np.abs(got - want).max()
        print(f"largest difference to the trainer on {len(rows)} {name}: {worst:.1e}")
        if not worst < 1e-5:
            sys.exit(f"the exported model differs from the trainer on {name}")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--dsn", required=True, help="Postgres that fraudload filled")
    arguments.add_argument("--addr", help="the server's gRPC address; 127.0.0.1:6570 when not given")
    arguments.add_argument("--model", choices=MODELS, default="fraud-1", help="which of the models; fraud-1 when not given")
    arguments.add_argument("--check", action="store_true", help="write nothing, fail where the model would change")
    options = arguments.parse_args()
    model = MODELS[options.model]

    with psycopg.connect(options.dsn) as conn, larderdb.Client(options.addr) as client:
        apply_features(client)
        train, x, y, _ = read(client, conn, TRAIN_DAYS, model.service)
        _, held_x, held_y, held_day = read(client, conn, HELD_OUT_DAYS, model.service)
    print(f"training on {len(y)} transactions of days {TRAIN_DAYS[0]} to {TRAIN_DAYS[-1]}, {y.mean():.2%} fraud")
    forest = fit(x, y, train.features, model.trees, model.without)
    raw = larderdb.onnx.stamp(export(forest, x.shape[1], options.model.partition("-")[0]), train)
    check_same(forest, raw, held_x)

    score = forest.predict_proba(held_x)[:, 1]
    last = held_day == HELD_OUT_DAYS[-1]
    print(f"held out, days {HELD_OUT_DAYS[0]} to {HELD_OUT_DAYS[-1]}: "
          f"AUC {roc_auc_score(held_y, score):.4f}, average precision {average_precision_score(held_y, score):.4f}")
    print(f"held out, the last day alone: AUC {roc_auc_score(held_y[last], score[last]):.4f} on {last.sum()} transactions")

    digest = hashlib.sha256(raw).hexdigest()
    file = model.folder / f"{options.model}.onnx"
    print(f"{file.name}: {len(raw)} bytes, {sum(len(t.nodes) for (t,) in forest._predictors)} nodes, sha256 {digest}")
    if options.check:
        if file.read_bytes() != raw:
            sys.exit(f"{file} differs from what these transactions and versions give; run without --check to replace it")
        return
    onnx.checker.check_model(raw)
    file.write_bytes(raw)
    definition = re.compile(rf"({re.escape(file.name)}\s+sha256: )\S+")
    YAML_FILE.write_text(definition.sub(rf"\g<1>{digest}", YAML_FILE.read_text()))


if __name__ == "__main__":
    main()
