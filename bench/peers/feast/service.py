"""The service that scores: features from Feast's feature server, then ONNX Runtime.

POST /score/SERVICE, a feature service, with {"ids": [...]} answers {"scores": [...]}. FEATURE_SERVER is the
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
COLUMNS = [f"view_{v}__f{f}" for v in range(int(os.environ["VIEWS"])) for f in range(int(os.environ["FEATURES"]))]


def load() -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1  # the workers keep every core busy
    return onnxruntime.InferenceSession(os.environ["MODEL"], options, providers=["CPUExecutionProvider"])


model = load()
model_input = model.get_inputs()[0].name


async def score(request: Request) -> Response:
    ids = orjson.loads(await request.body())["ids"]
    asked = {"feature_service": request.path_params["service"], "entities": {"entity_id": ids}, "full_feature_names": True}
    async with request.app.state.session.post(ADDRESS, data=orjson.dumps(asked), headers={"Content-Type": "application/json"}) as answer:
        answer.raise_for_status()
        got = orjson.loads(await answer.read())
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


app = Starlette(routes=[Route("/score/{service}", score, methods=["POST"])], lifespan=lifespan)
