"""Asks a server with the client that openapi-python-client has made in the working folder."""

import sys

sys.path.insert(0, ".")
from made import Client  # noqa: E402
from made.api.inference import v2_infer, v2_model, v2_model_ready  # noqa: E402
from made.api.server import health, index, openapi  # noqa: E402
from made.api.serving import features, score  # noqa: E402
from made.models import FeaturesRequest, InferRequest, ScoreRequest  # noqa: E402

client = Client(base_url=sys.argv[1], raise_on_unexpected_status=True)


def same(got, want):
    if got != want:
        sys.exit(f"got {got!r}; want {want!r}")


rows = {"entities": {"courier_id": [7, 4711]}, "request": {"km": [1.5, 9]}}
scored = score.sync(client=client, body=ScoreRequest.from_dict({"model": "late", "return_features": True, "request_id": "a", **rows}))
same((scored.scores, scored.model, scored.model_version), ([0.75, 5], "late", 1))
same([f.name for f in scored.features], ["courier_stats:trips_7d", "courier_stats:rating", "request:km"])
same([s.value for s in scored.reads[0].statuses], ["PRESENT", "NOT_FOUND"])
found = features.sync(client=client, body=FeaturesRequest.from_dict({"features": ["courier_stats:*"], "entities": rows["entities"]}))
same([f.values for f in found.features], [[12, 0], [3.75, 4]])

refused = score.sync_detailed(client=client, body=ScoreRequest(model="lat"))
same((refused.status_code, refused.parsed.error.reason), (404, "UNKNOWN_MODEL"))

tensor = {"name": "X", "datatype": "FP32", "shape": [1, 3], "data": [12, 3.75, 1.5]}
same(v2_infer.sync("late", client=client, body=InferRequest.from_dict({"inputs": [tensor]})).outputs[0].data, [0.75])
same(v2_model.sync("late", client=client).inputs[0].shape, [-1, 3])
same(v2_model_ready.sync_detailed("late", client=client).status_code, 200)
unknown = v2_model.sync_detailed("lat", client=client)
same((unknown.status_code, unknown.parsed.error), (404, 'no model "lat"; did you mean "late"?'))

same(health.sync_detailed(client=client).content, b"alive\n")
same("/v1/score" in index.sync_detailed(client=client).content.decode(), True)
same(openapi.sync(client=client).to_dict()["openapi"], "3.1.1")
