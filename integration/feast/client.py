"""A team's own code with Feast's SDK: client.py REPOSITORY NAME LIST.

It reads features by the feature_store.yaml of the folder REPOSITORY, and knows nothing of
the server there. NAME is the repository, and LIST says which of its questions to ask, in
their order. It prints the answers.
"""

import importlib
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
from asking import Answer, Ask, Read, Write, plain
from feast import FeatureStore
from feast.protos.feast.serving.ServingService_pb2 import FieldStatus
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.type_map import python_values_to_proto_values


def ask(store: FeatureStore, question: Ask) -> Answer:
    features = store.get_feature_service(question.service) if question.service else question.features
    response = store.get_online_features(features=features, entity_rows=question.records(), full_feature_names=question.full)
    columns = {}
    for name, result in zip(response.proto.metadata.feature_names.val, response.proto.results, strict=True):
        statuses = [FieldStatus.Name(status) for status in result.statuses]
        columns[name] = [[plain(value), status] for value, status in zip(result.values, statuses, strict=True)]
    # What the SDK makes of the same response.
    as_dict, as_frame = response.to_dict(), response.to_df()
    for name in sorted(as_dict):
        columns["to_dict " + name] = [[[type(value).__name__, repr(value)], ""] for value in as_dict[name]]
    for name in sorted(as_frame):
        cells = [None if not isinstance(value, list) and pd.isna(value) else repr(value) for value in as_frame[name].tolist()]
        columns["to_df " + name] = [[[str(as_frame[name].dtype), value], ""] for value in cells]
    return Answer(columns)


def read(store: FeatureStore, question: Read) -> Answer:
    view = store.get_feature_view(question.view)
    keys = [EntityKey(join_keys=[question.key], entity_values=[value]) for value in python_values_to_proto_values(question.values)]
    rows = store._get_provider().online_read(store.config, view, keys, question.features)
    return Answer(
        {
            name: [[plain((row or {}).get(name)) if row else ["null", None], "found" if row else "missing"] for _, row in rows]
            for name in question.features
        }
    )


def write(store: FeatureStore, question: Write) -> Answer:
    frame = pd.DataFrame(question.rows)
    if question.source:
        store.push(question.source, frame)
    else:
        store.write_to_online_store(question.view, frame)
    return Answer({"written": [[["rows", len(frame)], ""]]})


ANSWER: dict[type, Callable[[FeatureStore, Any], Answer]] = {Ask: ask, Read: read, Write: write}


def main(folder: Path, name: str, which: str) -> None:
    store = FeatureStore(repo_path=str(folder))
    questions = getattr(importlib.import_module(f"repositories.{name}.asks"), which)
    answers = {}
    for question in questions:
        try:
            answers[question.name] = ANSWER[type(question)](store, question)
        except Exception as raised:  # its class is what is compared
            answers[question.name] = Answer(error=type(raised).__name__, text=str(raised))
    json.dump({name: asdict(answer) for name, answer in answers.items()}, sys.stdout)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
