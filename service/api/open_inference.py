"""The Open Inference Protocol (version 2), with `explain` beside `infer`: the service's models for other programs.

Source: https://github.com/kserve/open-inference-protocol, the part over HTTP with tensors in JSON.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Annotated, Any, Literal

import numpy as np
import numpy.typing as npt
from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel, ConfigDict, Field

from inference.engine import Engine
from inference.errors import AnswerError
from inference.targets import ARGMAX
from service.api.auth import Needs
from service.api.problems import PROBLEMS
from service.errors import UnknownModel
from service.models import ModelShelf
from service.tokens import Scope

MOST_CELLS = 256
EXTENSION = "explain"

probes = APIRouter(prefix="/v2", tags=["open inference"])
router = APIRouter(prefix="/v2", tags=["open inference"], dependencies=[Depends(Needs(Scope.READ))], responses=PROBLEMS)

Tag = Annotated[str, Field(max_length=256)]


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class ServerMetadata(_Document):
    """Who answers."""

    name: str
    version: str
    extensions: list[str]


class Live(_Document):
    """Whether the server lives."""

    live: bool


class Ready(_Document):
    """Whether the server, or a model, can be asked."""

    ready: bool


class TensorMetadata(_Document):
    """One tensor; -1 is as many as are given."""

    name: str
    datatype: str
    shape: list[int]


class ModelMetadata(_Document):
    """One model."""

    name: str
    versions: list[str]
    platform: str = "onnx_onnxv1"
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]
    properties: dict[str, str]


class InputTensor(_Document):
    """Images of one channel, `(n, ...)`."""

    name: Tag
    shape: Annotated[list[Annotated[int, Field(ge=1, le=4096)]], Field(min_length=1, max_length=4)]
    datatype: Literal["FP32"]
    data: list[Any]
    """Numbers, flat in row-major order or nested."""


class WantedTensor(_Document):
    """An output that is asked for."""

    name: Tag


class Parameters(_Document):
    """What the `explain` extension takes."""

    target: Annotated[int, Field(ge=-1, le=9999)] = ARGMAX
    """Class (or cluster) to explain; -1 is the most likely one."""


class InferenceRequest(_Document):
    """Images, and which answers are wanted."""

    id: Tag | None = None
    inputs: Annotated[list[InputTensor], Field(min_length=1, max_length=16)]
    outputs: Annotated[list[WantedTensor], Field(max_length=64)] | None = None
    parameters: Parameters = Parameters()


class OutputTensor(_Document):
    """One answer for every cell; flat, in row-major order."""

    name: str
    shape: list[int]
    datatype: str
    data: list[Any]


class InferenceResponse(_Document):
    """The answers."""

    model_name: str
    model_version: str
    id: str | None = None
    outputs: list[OutputTensor]


async def _shelf(request: Request) -> ModelShelf:
    shelf: ModelShelf = request.app.state.models
    return shelf


ShelfOf = Annotated[ModelShelf, Depends(_shelf)]


@probes.get("")
def show_server() -> ServerMetadata:
    """Return who answers, and with which extensions."""
    return ServerMetadata(name="lightline", version=version("lightline"), extensions=[EXTENSION])


@probes.get("/health/live")
def server_live() -> Live:
    """Answer while the server lives."""
    return Live(live=True)


@probes.get("/health/ready")
def server_ready() -> Ready:
    """Answer once models can be asked."""
    return Ready(ready=True)


@router.get("/models/{model}")
@router.get("/models/{model}/versions/{version}")
def show_model(model: str, shelf: ShelfOf, version: str | None = None) -> ModelMetadata:
    """Return what a model takes and answers; its version is the beginning of its digest."""
    engine = _engine(shelf, model, version)
    contract = engine.contract
    about = {
        "provider": engine.provider,
        "digest": engine.bundle.digest,
        "trained_on": contract.training.origin.value,
        "classes": ", ".join(contract.classes),
        "targets": ", ".join(contract.targets),
    }
    inputs = [TensorMetadata(name=one.channel, datatype="FP32", shape=[-1, *one.shape]) for one in contract.inputs]
    blank = {one.channel: np.zeros((1, *one.shape), np.float32) for one in contract.inputs}
    outputs = [
        TensorMetadata(name=name, datatype=_datatype(answer), shape=[-1, *answer.shape[1:]])
        for name, answer in _answers(engine, blank).items()
    ]
    return ModelMetadata(name=model, versions=[_version(engine)], inputs=inputs, outputs=outputs, properties=about)


@router.get("/models/{model}/ready")
@router.get("/models/{model}/versions/{version}/ready")
def model_ready(model: str, shelf: ShelfOf, version: str | None = None) -> Ready:
    """Answer once a model can be asked."""
    _engine(shelf, model, version)
    return Ready(ready=True)


@router.post("/models/{model}/infer")
@router.post("/models/{model}/versions/{version}/infer")
def infer(model: str, body: InferenceRequest, shelf: ShelfOf, version: str | None = None) -> InferenceResponse:
    """Return what a model answers for images: embedding, cluster posterior, class probability, novelty and more."""
    engine = _engine(shelf, model, version)
    return _response(model, engine, body, _answers(engine, _arrays(body)))


@router.post("/models/{model}/explain")
@router.post("/models/{model}/versions/{version}/explain")
def explain(model: str, body: InferenceRequest, shelf: ShelfOf, version: str | None = None) -> InferenceResponse:
    """Return the evidence for a class in images: target, and a raw low-resolution map over every channel."""
    engine = _engine(shelf, model, version)
    found = engine.explain(_arrays(body), body.parameters.target)
    maps = {f"saliency_{channel}": stack for channel, stack in found.maps.items()}
    return _response(model, engine, body, {"target": found.target, "class_logits": found.class_logits, **maps})


def _engine(shelf: ModelShelf, model: str, wanted: str | None) -> Engine:
    engine = shelf.engine(model)
    if wanted is not None and wanted != _version(engine):
        raise UnknownModel(f"The model '{model}' is at version {_version(engine)}; ask for that one, or for none.")
    return engine


def _version(engine: Engine) -> str:
    return engine.bundle.digest[:12]


def _arrays(body: InferenceRequest) -> dict[str, npt.NDArray[np.float32]]:
    arrays = {}
    for given in body.inputs:
        if given.shape[0] > MOST_CELLS:
            raise AnswerError(f"At most {MOST_CELLS} cells are answered at once, not {given.shape[0]}; send fewer.")
        try:
            array = np.asarray(given.data, dtype=np.float32)
        except (TypeError, ValueError, OverflowError):
            raise AnswerError(f"The data of '{given.name[:64]}' are not numbers, or not of one shape.") from None
        if array.size != np.prod(given.shape, dtype=np.int64):
            raise AnswerError(f"'{given.name[:64]}' has {array.size} numbers, which do not fill its shape.")
        if not np.isfinite(array).all():
            raise AnswerError(
                f"The data of '{given.name[:64]}' hold numbers that are not finite; leave those cells out."
            )
        arrays[given.name] = array.reshape(given.shape)
    return arrays


def _answers(engine: Engine, arrays: dict[str, npt.NDArray[np.float32]]) -> dict[str, npt.NDArray[Any]]:
    first = engine.contract.inputs[0].channel
    cells = len(arrays.get(first, ()))
    results = engine.answer_arrays(np.arange(cells, dtype=np.uint64), arrays)
    return {
        "embedding": results.embedding,
        "cluster_posterior": results.cluster_posterior,
        "class_probability": results.class_probability,
        "novelty": results.novelty,
        **results.named,
    }


def _datatype(array: npt.NDArray[Any]) -> str:
    return "INT64" if array.dtype.kind == "i" else "FP32"


def _response(
    model: str, engine: Engine, body: InferenceRequest, answers: dict[str, npt.NDArray[Any]]
) -> InferenceResponse:
    wanted = list(answers) if body.outputs is None else [one.name for one in body.outputs]
    for name in wanted:
        if name not in answers:
            raise AnswerError(f"There is no output '{name[:64]}'; there are {', '.join(answers)}.")
    outputs = [
        OutputTensor(
            name=name,
            shape=list(answers[name].shape),
            datatype=_datatype(answers[name]),
            data=answers[name].ravel().tolist(),
        )
        for name in wanted
    ]
    return InferenceResponse(model_name=model, model_version=_version(engine), id=body.id, outputs=outputs)
