"""Gating-ML 2.0 of other programs as gates, read without trust."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator

from pydantic import ValidationError

from service.errors import QueryError
from service.gates.fcs_names import COLUMNS
from service.gates.gate import Combination, Ellipse, Gate, Operand, Polygon, Rectangle, Region, Side
from service.gates.gatingml_names import DATATYPES, GATING, OURS, TRANSFORMS
from service.gates.scales import Asinh, Linear, Log, Scale

MOST_BYTES = 1 << 20
_NOT_A_NAME = re.compile(r"[^A-Za-z0-9_ .+/()-]")


def read_gatingml(content: bytes) -> list[Gate]:
    """Return the gates of a Gating-ML 2.0 file: rectangles, polygons, ellipsoids and Boolean gates.

    Raises
    ------
    QueryError
        If it is not one, or holds what cannot be done here: compensation, other transformations, quadrants, ratios.
    """
    if len(content) > MOST_BYTES:
        raise QueryError(f"A file of gates may have at most {MOST_BYTES >> 20} MiB.")
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise QueryError("The file of gates declares a document type, which is not read; leave it out.")
    try:
        root = ET.fromstring(content)
    except (ET.ParseError, ValueError) as error:
        raise QueryError(f"The file of gates is not XML ({error}).") from None
    if root.tag != f"{GATING}Gating-ML":
        raise QueryError("The file is not Gating-ML 2.0; export the gates as Gating-ML 2.0.")
    try:
        return _Reader(root).gates()
    except ValidationError as error:
        raise QueryError(f"A gate of the file makes no sense: {error.errors()[0]['msg']}.") from None


class _Reader:
    def __init__(self, root: ET.Element) -> None:
        self._root = root
        self._scales = {
            _required(made, f"{TRANSFORMS}id"): _read_scale(made) for made in root.iter(f"{TRANSFORMS}transformation")
        }
        self._names = dict(self._named())

    def gates(self) -> list[Gate]:
        return [self._gate(element) for element in self._elements()]

    def _elements(self) -> Iterator[ET.Element]:
        return (element for element in self._root if element.tag.startswith(GATING) and element.tag.endswith("Gate"))

    def _named(self) -> Iterator[tuple[str, str]]:
        for element in self._elements():
            identifier = _required(element, f"{GATING}id")
            ours = element.find(f"{DATATYPES}custom_info/{OURS}gate")
            name = identifier if ours is None else ours.get("name", identifier)
            yield identifier, _NOT_A_NAME.sub("_", name)[:64]

    def _gate(self, element: ET.Element) -> Gate:
        ours = element.find(f"{DATATYPES}custom_info/{OURS}gate")
        parent = element.get(f"{GATING}parent_id")
        return Gate(
            name=self._names[_required(element, f"{GATING}id")],
            parent=None if parent is None else self._name(parent),
            region=self._region(element),
            note="" if ours is None else ours.get("note", "")[:500],
        )

    def _region(self, element: ET.Element) -> Region:
        kind = element.tag.removeprefix(GATING)
        if kind == "BooleanGate":
            return self._combination(element)
        sides = [self._side(dimension) for dimension in element.findall(f"{GATING}dimension")]
        axes = [side.model_dump(include={"column", "scale"}) for side in sides]
        if kind == "RectangleGate":
            return Rectangle(kind="rectangle", sides=tuple(sides))
        if kind == "PolygonGate":
            if len(axes) != 2:
                raise QueryError("A polygon of the file does not have two dimensions; polygons are drawn on two.")
            vertices = tuple(_values(vertex) for vertex in element.findall(f"{GATING}vertex"))
            return Polygon.model_validate({"kind": "polygon", "x": axes[0], "y": axes[1], "vertices": vertices})
        if kind == "EllipsoidGate":
            rows = element.findall(f"{GATING}covarianceMatrix/{GATING}row")
            return Ellipse.model_validate(
                {
                    "kind": "ellipse",
                    "over": axes,
                    "centre": _values(_child(element, f"{GATING}mean")),
                    "covariance": [_values(row) for row in rows],
                    "distance_squared": _number(_child(element, f"{GATING}distanceSquare"), f"{DATATYPES}value"),
                }
            )
        raise QueryError(f"Gates of the kind '{kind}' are not read; draw them as rectangles or polygons.")

    def _combination(self, element: ET.Element) -> Combination:
        for kind in ("and", "or", "not"):
            combined = element.find(f"{GATING}{kind}")
            if combined is not None:
                operands = [
                    Operand(
                        gate=self._name(_required(reference, f"{GATING}ref")),
                        complement=reference.get(f"{GATING}use-as-complement", "false") in ("true", "1"),
                    )
                    for reference in combined.findall(f"{GATING}gateReference")
                ]
                return Combination.model_validate({"kind": kind, "of": operands})
        raise QueryError("A Boolean gate of the file is neither 'and' nor 'or' nor 'not'.")

    def _side(self, element: ET.Element) -> Side:
        if element.get(f"{GATING}compensation-ref", "uncompensated") != "uncompensated":
            raise QueryError("The file of gates asks for compensation, which is not done here; gate uncompensated.")
        dimension = element.find(f"{DATATYPES}fcs-dimension")
        if dimension is None:
            raise QueryError("The file of gates has a dimension that is no column, a ratio perhaps; use columns.")
        reference = element.get(f"{GATING}transformation-ref")
        if reference is not None and reference not in self._scales:
            raise QueryError(f"The file of gates has no transformation '{reference[:64]}'.")
        name = _required(dimension, f"{DATATYPES}name")
        return Side(
            column=COLUMNS.get(name, name),
            scale=Linear() if reference is None else self._scales[reference],
            low=_bound(element, f"{GATING}min"),
            high=_bound(element, f"{GATING}max"),
        )

    def _name(self, identifier: str) -> str:
        if identifier not in self._names:
            raise QueryError(f"The file of gates refers to '{identifier[:64]}', which it does not have.")
        return self._names[identifier]


def _read_scale(element: ET.Element) -> Scale:
    for made in element:
        numbers = {name: _bound(made, f"{TRANSFORMS}{name}") for name in "TMA"}
        if made.tag == f"{TRANSFORMS}flog":
            return Log.model_validate({"kind": "log", "top": numbers["T"], "decades": numbers["M"]})
        if made.tag == f"{TRANSFORMS}fasinh":
            return Asinh.model_validate(
                {"kind": "asinh", "top": numbers["T"], "decades": numbers["M"], "negative_decades": numbers["A"]}
            )
        if made.tag.startswith(TRANSFORMS):
            kind = made.tag.removeprefix(TRANSFORMS)
            raise QueryError(f"The transformation '{kind}' is not done here; gate on flog, fasinh or a linear scale.")
    raise QueryError("The file of gates has a transformation that says nothing.")


def _values(parent: ET.Element) -> tuple[float, ...]:
    return tuple(_number(child, f"{DATATYPES}value") for child in parent)


def _child(parent: ET.Element, tag: str) -> ET.Element:
    child = parent.find(tag)
    if child is None:
        raise QueryError(f"A gate of the file lacks its '{tag.rpartition('}')[2]}'.")
    return child


def _required(element: ET.Element, attribute: str) -> str:
    value = element.get(attribute)
    if value is None:
        tag, name = (text.rpartition("}")[2] for text in (element.tag, attribute))
        raise QueryError(f"A '{tag}' of the file of gates lacks its '{name}'.")
    return value


def _bound(element: ET.Element, attribute: str) -> float | None:
    return None if element.get(attribute) is None else _number(element, attribute)


def _number(element: ET.Element, attribute: str) -> float:
    text = _required(element, attribute)
    try:
        return float(text)
    except ValueError:
        raise QueryError(f"The file of gates has '{text[:40]}' where a number belongs.") from None
