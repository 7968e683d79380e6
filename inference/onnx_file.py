"""What stands in an ONNX file, read without running it, and without the package onnx."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

Field = tuple[int, "int | memoryview"]

# Numbers of fields and of element types in onnx.proto (ONNX intermediate representation, version 3 to 10).
_GRAPH, _OPSETS, _FUNCTIONS = 7, 8, 25
_NODES, _TENSORS, _SPARSE = 1, 5, 15
_OPERATOR, _ATTRIBUTES, _DOMAIN = 4, 5, 7
_ATTRIBUTE_TENSORS, _ATTRIBUTE_GRAPHS = (5, 10), (6, 11)
_TYPE, _FLOATS, _RAW, _DOUBLES, _EXTERNAL, _LOCATION = 2, 4, 9, 10, 13, 14
_FLOAT_TYPES = {1: "<f4", 10: "<f2", 11: "<f8"}
_DEEPEST = 16


class OnnxError(ValueError):
    """The bytes are not an ONNX file."""


@dataclass
class OnnxSummary:
    """What matters of a graph before it is opened.

    Attributes
    ----------
    opsets
        Version of each operator set, by domain; the standard one is ''.
    operators
        `(domain, name)` of every node, of subgraphs too.
    functions
        Operators that the file defines itself.
    weights
        Numbers in the floating-point tensors.
    unsound
        Of these, NaN and infinite ones.
    external
        Whether a tensor lies in another file.
    """

    opsets: dict[str, int] = field(default_factory=dict)
    operators: set[tuple[str, str]] = field(default_factory=set)
    functions: int = 0
    weights: int = 0
    unsound: int = 0
    external: bool = False


def summarise(data: bytes) -> OnnxSummary:
    """Read an ONNX file.

    Raises
    ------
    OnnxError
        If it is none.
    """
    summary = OnnxSummary()
    for number, value in _fields(memoryview(data)):
        if number == _OPSETS:
            parts = dict(_fields(_message(value)))
            summary.opsets[_text(parts.get(1, memoryview(b"")))] = _number(parts.get(2, 0))
        elif number == _FUNCTIONS:
            summary.functions += 1
        elif number == _GRAPH:
            _add_graph(summary, _message(value), 0)
    return summary


def _add_graph(summary: OnnxSummary, graph: memoryview, depth: int) -> None:
    if depth > _DEEPEST:
        raise OnnxError("its subgraphs lie too deep")
    for number, value in _fields(graph):
        if number == _NODES:
            _add_node(summary, _message(value), depth)
        elif number == _TENSORS:
            _add_tensor(summary, _message(value))
        elif number == _SPARSE:
            for part, tensor in _fields(_message(value)):
                if part == 1:
                    _add_tensor(summary, _message(tensor))


def _add_node(summary: OnnxSummary, node: memoryview, depth: int) -> None:
    domain = operator = ""
    for number, value in _fields(node):
        if number == _OPERATOR:
            operator = _text(value)
        elif number == _DOMAIN:
            domain = _text(value)
        elif number == _ATTRIBUTES:
            for part, content in _fields(_message(value)):
                if part in _ATTRIBUTE_TENSORS:
                    _add_tensor(summary, _message(content))
                elif part in _ATTRIBUTE_GRAPHS:
                    _add_graph(summary, _message(content), depth + 1)
    summary.operators.add((domain, operator))


def _add_tensor(summary: OnnxSummary, tensor: memoryview) -> None:
    kind, stored = 0, []
    for number, value in _fields(tensor):
        if number == _TYPE:
            kind = _number(value)
        elif number == _EXTERNAL or (number == _LOCATION and _number(value) == 1):
            summary.external = True
        elif number in (_FLOATS, _DOUBLES, _RAW) and isinstance(value, memoryview):
            stored.append((number, value))
    for number, value in stored:
        dtype = {_FLOATS: "<f4", _DOUBLES: "<f8"}.get(number) or _FLOAT_TYPES.get(kind)
        if dtype is None:
            continue
        if len(value) % np.dtype(dtype).itemsize:
            raise OnnxError("a tensor ends in the middle of a number")
        numbers = np.frombuffer(value, dtype=dtype)
        summary.weights += numbers.size
        summary.unsound += int(numbers.size - np.isfinite(numbers).sum())


def _fields(message: memoryview) -> Iterator[Field]:
    """Go through the fields of a protobuf message: number, and a whole number or the bytes."""
    at, end = 0, len(message)
    while at < end:
        key, at = _varint(message, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(message, at)
            yield key >> 3, value
            continue
        if kind == 2:
            size, at = _varint(message, at)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise OnnxError("it holds a field of an unknown kind")
        if at + size > end:
            raise OnnxError("it ends too early")
        yield key >> 3, message[at : at + size]
        at += size


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(message) and shift < 64:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at += 1
        if byte < 0x80:
            return value, at
        shift += 7
    raise OnnxError("it ends too early")


def _message(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise OnnxError("it has a number where a part should be")
    return value


def _number(value: int | memoryview) -> int:
    if isinstance(value, memoryview):
        raise OnnxError("it has a part where a number should be")
    return value


def _text(value: int | memoryview) -> str:
    return bytes(_message(value)).decode("utf-8", "replace")
