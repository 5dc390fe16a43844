"""The service that scores: features from Feast's feature server, then ONNX Runtime.

POST /score with {"ids": [...]} answers {"scores": [...]}, of features that are asked
for one by one; /precomputed, of the feature service of that name. FEATURE_SERVER is the
address of the feature server, MODEL the file of the model, VIEWS and FEATURES what
it reads.
"""

import contextlib
import os
from collections.abc import AsyncIterator

import aiohttp
import numpy as np
import onnxruntime
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

ADDRESS = os.environ["FEATURE_SERVER"] + "/get-online-features"
REFERENCES = [f"view_{v}:f{f}" for v in range(int(os.environ["VIEWS"])) for f in range(int(os.environ["FEATURES"]))]
COLUMNS = [reference.replace(":", "__") for reference in REFERENCES]  # as full_feature_names has them


def load() -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # the workers keep every core busy
    return onnxruntime.InferenceSession(os.environ["MODEL"], options, providers=["CPUExecutionProvider"])


model = load()
model_input = model.get_inputs()[0].name


async def score(request: Request) -> Response:
    return await answer(request, {"features": REFERENCES})


async def precomputed(request: Request) -> Response:
    return await answer(request, {"feature_service": "precomputed"})


async def answer(request: Request, what: dict[str, object]) -> Response:
    ids = orjson.loads(await request.body())["ids"]
    asked = what | {"entities": {"entity_id": ids}, "full_feature_names": True}
    async with request.app.state.session.post(ADDRESS, data=orjson.dumps(asked), headers={"Content-Type": "application/json"}) as found:
        found.raise_for_status()
        got = orjson.loads(await found.read())
    places = {name: i for i, name in enumerate(got["metadata"]["feature_names"])}
    results = got["results"]
    rows = np.array([results[places[name]]["values"] for name in COLUMNS], dtype=np.float64).T.astype(np.float32)
    scores = model.run(None, {model_input: np.ascontiguousarray(rows)})[0]
    return Response(orjson.dumps({"scores": scores.ravel().tolist()}), media_type="application/json")


@contextlib.asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    # No limit of connections: the workers behind are what bounds.
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as app.state.session:
        yield


app = Starlette(routes=[Route("/score", score, methods=["POST"]), Route("/precomputed", precomputed, methods=["POST"])], lifespan=lifespan)
