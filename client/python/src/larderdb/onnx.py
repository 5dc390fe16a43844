"""Stamps of model files: which features a model was trained on.

A server refuses a stamped file where it is applied to other features, to the
same in another order, or to other definitions of them. Needs the package
``onnx``, which whatever exports a model brings.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import onnx
from google.protobuf.message import DecodeError

from larderdb._messages import said
from larderdb._model import contents
from larderdb.answers import Service, TrainingSet
from larderdb.errors import InvalidArgumentError

if TYPE_CHECKING:
    from onnx import ModelProto


def stamp(model: ModelProto | bytes | str | os.PathLike[str], trained_on: Service | TrainingSet[Any]) -> bytes:
    """Return the file of a model, stamped with what it was trained on.

    Args:
        model: the model as ``onnx`` has it, its bytes, or the path of its file;
            none of these is changed.
        trained_on: the training set, or the feature service as
            :meth:`larderdb.Client.service` tells it.

    Example:
        >>> train = client.training_set(labels, service="late_v1")
        >>> onnx_model = skl2onnx.to_onnx(fitted, train.data[train.features].to_numpy("float32")[:1])
        >>> client.push_model("late", larderdb.onnx.stamp(onnx_model, train), dataset=train)
    """
    service = trained_on.service if isinstance(trained_on, TrainingSet) else trained_on
    if not isinstance(service, Service):
        raise InvalidArgumentError(
            f"trained_on is {said(trained_on)}; give what client.training_set(...) or client.service(name) returned",
            "BAD_ARGUMENT",
        )
    stamped = onnx.ModelProto()
    try:
        stamped.ParseFromString(contents(model))
    except DecodeError:
        raise InvalidArgumentError("the file is not an ONNX model, or only a part of one", "BAD_MODEL_FILE") from None
    known = {entry.key: entry.value for entry in stamped.metadata_props}
    known["larder.feature_service"] = service.name
    known["larder.features"] = json.dumps(list(service.features))
    known["larder.fingerprint"] = service.fingerprint
    onnx.helper.set_model_props(stamped, known)
    return bytes(stamped.SerializeToString())
