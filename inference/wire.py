"""Messages to frames and back, without any socket: a msgpack header, then one raw frame per array."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgpack
import numpy as np

from inference.errors import TransportError
from inference.event_arrays import arrays_of, events_of
from inference.messages import Answers, Array, Batch, End, Failed, Heartbeat, Message, Ready, Start, Stop, Windows
from inference.results import CellResults

Frame = bytes | memoryview
PROTOCOL = 3
MOST_HEADER_BYTES = 1 << 20
MOST_ARRAYS = 80
MOST_ARRAY_BYTES = 1 << 30
MOST_CREDIT = 64
_DTYPES = {"|u1", "|i1", "<i2", "<i4", "<i8", "<u4", "<u8", "<f2", "<f4", "<f8"}
_RESULT_ARRAYS = ("embedding", "cluster_posterior", "class_probability", "novelty")
_NAMED_ARRAYS = ("factors", "concepts")

# What the header of each message holds besides its type and arrays: the largest number, or the longest text.
_BIG = (1 << 63) - 1
_Limit = tuple[type, int]
_HEADERS: dict[str, dict[str, _Limit]] = {
    "ready": {
        "worker": (str, 64),
        "provider": (str, 64),
        "credit": (int, MOST_CREDIT),
        "run": (str, 64),
        "windows": (int, 1),
    },
    "answers": {"run": (str, 64), "batch": (int, _BIG)},
    "failed": {"run": (str, 64), "batch": (int, _BIG), "reason": (str, 2000)},
    "heartbeat": {"run": (str, 64)},
    "start": {
        "run": (str, 64),
        "sequence": (int, _BIG),
        "instrument": (str, 1 << 19),
        "pipeline": (str, 4096),
        "bundle_digest": (str, 128),
        "images": (str, 1 << 16),
        "first": (int, 1),
    },
    "batch": {"run": (str, 64), "batch": (int, _BIG), "first_event": (int, _BIG), "last_event": (int, _BIG)},
    "windows": {"run": (str, 64), "batch": (int, _BIG), "channels": (str, 4096)},
    "end": {"run": (str, 64), "reason": (str, 64), "counts": (dict, 64)},
    "stop": {},
}
_TYPES: dict[type[Message], str] = {
    Ready: "ready",
    Answers: "answers",
    Failed: "failed",
    Heartbeat: "heartbeat",
    Start: "start",
    Batch: "batch",
    Windows: "windows",
    End: "end",
    Stop: "stop",
}


def encode(message: Message) -> list[Frame]:
    """Return the frames of a message; array frames are views, so the arrays must not change until they are sent."""
    kind = _TYPES[type(message)]
    header: dict[str, Any] = {"lightline": PROTOCOL, "type": kind}
    header.update({name: _shortened(getattr(message, name), limit) for name, limit in _HEADERS[kind].items()})
    arrays = {name: _plain(array) for name, array in _arrays_of(message).items()}
    header["arrays"] = [[name, array.dtype.str, list(array.shape)] for name, array in arrays.items()]
    return [msgpack.packb(header), *map(_bytes_of, arrays.values())]


def decode(frames: Sequence[Frame]) -> Message:
    """Return the message of these frames; its arrays are read-only views of them.

    Raises
    ------
    TransportError
        If the frames are not a message of this protocol; nothing of them has been acted upon.
    """
    if not frames or memoryview(frames[0]).nbytes > MOST_HEADER_BYTES:
        raise TransportError("A message was refused: its header is missing or too large.")
    header = _header(frames[0])
    kind = header["type"]
    expected = _HEADERS[kind]
    if set(header) != {"lightline", "type", "arrays", *expected}:
        raise TransportError(f"A {kind} message was refused: its header has missing or unknown fields.")
    fields = {name: _checked(kind, name, header[name], limit) for name, limit in expected.items()}
    arrays = _read_arrays(kind, header["arrays"], frames[1:])
    try:
        return _built(kind, fields, arrays)
    except (KeyError, ValueError, IndexError, TypeError):
        raise TransportError(f"A {kind} message was refused: its arrays do not fit each other.") from None


def _header(frame: Frame) -> dict[str, Any]:
    try:
        header = msgpack.unpackb(bytes(frame), raw=False, strict_map_key=True, max_ext_len=0)
    except (ValueError, msgpack.exceptions.UnpackException, RecursionError):
        raise TransportError("A message was refused: its header is not msgpack.") from None
    if not isinstance(header, dict) or header.get("lightline") != PROTOCOL:
        raise TransportError(f"A message was refused: it does not speak Lightline's protocol {PROTOCOL}.")
    kind = header.get("type")
    if not isinstance(kind, str) or kind not in _HEADERS:
        raise TransportError("A message was refused: its type is unknown.")
    return header


def _checked(kind: str, name: str, value: Any, limit: _Limit) -> Any:
    wanted, most = limit
    fits = type(value) is wanted
    if fits and wanted is int:
        fits = 0 <= value <= most
    elif fits and wanted is str:
        fits = len(value) <= most
    elif fits:
        entries = value.items()
        fits = len(value) <= most and all(len(key) <= 64 and type(n) is int and 0 <= n <= _BIG for key, n in entries)
    if not fits:
        raise TransportError(f"A {kind} message was refused: '{name}' is of the wrong type or too large.")
    return value


def _shortened(value: Any, limit: _Limit) -> Any:
    return value[: limit[1]] if isinstance(value, str) and limit[1] <= 2000 else value


def _arrays_of(message: Message) -> Mapping[str, Array]:
    if isinstance(message, Batch):
        return {"event_id": message.event_id, **{f"image/{name}": array for name, array in message.images.items()}}
    if isinstance(message, Windows):
        return arrays_of(message.events)
    if isinstance(message, Answers):
        results = message.results
        always = {name: getattr(results, name) for name in _RESULT_ARRAYS}
        return {"event_id": results.event_id, **always, **results.named}
    if isinstance(message, Start):
        return {"bundle": np.frombuffer(message.bundle, np.uint8)}
    return {}


def _built(kind: str, fields: dict[str, Any], arrays: dict[str, Array]) -> Message:
    """Make the message, or raise if its arrays are not what its kind needs."""
    if kind == "start":
        (bundle,) = (arrays.pop("bundle"),)
        _none_left(arrays)
        return Start(**fields, bundle=np.asarray(bundle, dtype=np.uint8).tobytes())
    if kind == "answers":
        return Answers(**fields, results=_results(arrays))
    if kind == "batch":
        event_id = arrays.pop("event_id")
        images = {name.removeprefix("image/"): array for name, array in arrays.items() if name.startswith("image/")}
        counts = {array.shape[0] for array in images.values()} | {event_id.shape[0]}
        if len(images) != len(arrays) or len(counts) != 1 or event_id.dtype != np.uint64 or event_id.ndim != 1:
            raise ValueError(kind)
        first, last = fields.pop("first_event"), fields.pop("last_event")
        batch = Batch(**fields, event_id=event_id.view(np.uint64), images=images)
        if (first, last) != (batch.first_event, batch.last_event):
            raise ValueError(kind)
        return batch
    if kind == "windows":
        return Windows(**fields, events=events_of(arrays))
    _none_left(arrays)
    plain: dict[str, type[Ready | Failed | Heartbeat | End | Stop]] = {
        "ready": Ready,
        "failed": Failed,
        "heartbeat": Heartbeat,
        "end": End,
        "stop": Stop,
    }
    return plain[kind](**fields)


def _results(arrays: dict[str, Array]) -> CellResults:
    if set(arrays).difference(_NAMED_ARRAYS) != {"event_id", *_RESULT_ARRAYS} or arrays["event_id"].dtype != np.uint64:
        raise ValueError("results")
    event_id = arrays.pop("event_id").view(np.uint64)
    if any(array.dtype != np.float32 for array in arrays.values()):
        raise ValueError("results")
    results = CellResults(event_id, **{name: array.view(np.float32) for name, array in arrays.items()})
    tables = (results.embedding, results.cluster_posterior, results.class_probability, *results.named.values())
    shaped = all(t.ndim == 2 and t.shape[0] == event_id.size for t in tables)
    if not shaped or results.novelty.shape != event_id.shape or results.cluster_posterior.shape[1] == 0:
        raise ValueError("results")
    return results


def _read_arrays(kind: str, described: Any, frames: Sequence[Frame]) -> dict[str, Array]:
    if not isinstance(described, list) or len(described) != len(frames) or len(described) > MOST_ARRAYS:
        raise TransportError(f"A {kind} message was refused: it does not have the frames that its header names.")
    arrays: dict[str, Array] = {}
    for entry, frame in zip(described, frames, strict=True):
        array = _read_array(entry, memoryview(frame))
        if array is None or entry[0] in arrays:
            raise TransportError(f"A {kind} message was refused: one of its arrays is not what its header says.")
        arrays[entry[0]] = array
    return arrays


def _read_array(entry: Any, frame: memoryview) -> Array | None:
    if not isinstance(entry, list) or len(entry) != 3:
        return None
    name, dtype, shape = entry
    if not isinstance(name, str) or len(name) > 64 or not isinstance(dtype, str) or dtype not in _DTYPES:
        return None
    if not isinstance(shape, list) or not 1 <= len(shape) <= 4 or frame.nbytes > MOST_ARRAY_BYTES:
        return None
    if not all(type(size) is int and 0 <= size <= MOST_ARRAY_BYTES for size in shape):
        return None
    count = 1
    for size in shape:
        count *= size
    if count * np.dtype(dtype).itemsize != frame.nbytes:
        return None
    array: Array = np.frombuffer(frame, dtype=dtype).reshape(shape)
    array.flags.writeable = False
    return array


def _plain(array: Array) -> Array:
    """Return the array in C order and little-endian."""
    return np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<"))


def _bytes_of(array: Array) -> memoryview:
    """Return the bytes of an array without a copy; flat first, because an empty memoryview cannot be cast."""
    return array.reshape(-1).view(np.uint8).data


def _none_left(arrays: dict[str, Array]) -> None:
    if arrays:
        raise ValueError("unexpected arrays")
