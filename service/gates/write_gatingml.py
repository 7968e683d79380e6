"""Gates as Gating-ML 2.0, for other programs."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from service.gates.fcs_names import FCS_NAMES
from service.gates.gate import Combination, Ellipse, Filter, Gate, Polygon, Rectangle
from service.gates.gatingml_names import DATATYPES, GATING, OURS, TRANSFORMS
from service.gates.scales import Asinh, Linear, Log, Scale

_NOT_AN_ID = re.compile(r"[^A-Za-z0-9_.-]")


@dataclass(frozen=True)
class GatingFile:
    """Gates as Gating-ML, and the names of those that it cannot tell: filters, and gates made of them."""

    content: bytes
    left_out: tuple[str, ...]


def write_gatingml(gates: Sequence[Gate]) -> GatingFile:
    """Return gates as a Gating-ML 2.0 file; dimensions have the names that an FCS export gives them.

    A cell on the bound of a region may be in it in one program and not in another.
    """
    for prefix, namespace in (("gating", GATING), ("transforms", TRANSFORMS), ("data-type", DATATYPES)):
        ET.register_namespace(prefix, namespace[1:-1])
    ET.register_namespace("lightline", OURS[1:-1])
    left_out = _untellable(gates)
    told = [gate for gate in gates if gate.name not in left_out]
    writer = _Writer(_ids([gate.name for gate in told]))
    for gate in told:
        writer.add(gate)
    ET.indent(writer.root)
    return GatingFile(ET.tostring(writer.root, encoding="utf-8", xml_declaration=True), tuple(sorted(left_out)))


def _untellable(gates: Sequence[Gate]) -> set[str]:
    left_out = {gate.name for gate in gates if isinstance(gate.region, Filter)}
    before = -1
    while len(left_out) != before:
        before = len(left_out)
        left_out |= {gate.name for gate in gates if left_out.intersection(gate.mentioned())}
    return left_out


def _ids(names: Sequence[str]) -> dict[str, str]:
    """Give every gate an identifier that XML allows, equal to its name where it can be."""
    ids: dict[str, str] = {}
    for name in names:
        plain = _NOT_AN_ID.sub("_", name)
        plain = plain if plain[0].isalpha() or plain[0] == "_" else f"_{plain}"
        tried, count = plain, 1
        while tried in ids.values():
            count += 1
            tried = f"{plain}-{count}"
        ids[name] = tried
    return ids


@dataclass
class _Writer:
    ids: Mapping[str, str]
    root: ET.Element = field(default_factory=lambda: ET.Element(f"{GATING}Gating-ML"))
    scales: dict[str, str] = field(default_factory=dict)

    def add(self, gate: Gate) -> None:
        region = gate.region
        kind = {"rectangle": "Rectangle", "polygon": "Polygon", "ellipse": "Ellipsoid"}.get(region.kind, "Boolean")
        # Transformations stand before the gates that refer to them.
        made = ET.Element(f"{GATING}{kind}Gate", {f"{GATING}id": self.ids[gate.name]})
        if gate.parent is not None:
            made.set(f"{GATING}parent_id", self.ids[gate.parent])
        info = ET.SubElement(made, f"{DATATYPES}custom_info")
        ET.SubElement(info, f"{OURS}gate", {"name": gate.name, "note": gate.note})
        match region:
            case Rectangle():
                for side in region.sides:
                    bounds = {"min": side.low, "max": side.high}
                    self._dimension(made, side.column, side.scale, bounds)
            case Polygon():
                for axis in region.axes:
                    self._dimension(made, axis.column, axis.scale)
                for vertex in region.vertices:
                    _coordinates(ET.SubElement(made, f"{GATING}vertex"), vertex)
            case Ellipse():
                for axis in region.axes:
                    self._dimension(made, axis.column, axis.scale)
                _coordinates(ET.SubElement(made, f"{GATING}mean"), region.centre)
                matrix = ET.SubElement(made, f"{GATING}covarianceMatrix")
                for row in region.covariance:
                    line = ET.SubElement(matrix, f"{GATING}row")
                    for entry in row:
                        ET.SubElement(line, f"{GATING}entry", {f"{DATATYPES}value": repr(entry)})
                ET.SubElement(made, f"{GATING}distanceSquare", {f"{DATATYPES}value": repr(region.distance_squared)})
            case Combination():
                combined = ET.SubElement(made, f"{GATING}{region.kind}")
                for operand in region.of:
                    reference = ET.SubElement(combined, f"{GATING}gateReference")
                    reference.set(f"{GATING}ref", self.ids[operand.gate])
                    if operand.complement:
                        reference.set(f"{GATING}use-as-complement", "true")
        self.root.append(made)

    def _dimension(
        self, gate: ET.Element, column: str, scale: Scale, bounds: Mapping[str, float | None] | None = None
    ) -> None:
        made = ET.SubElement(gate, f"{GATING}dimension", {f"{GATING}compensation-ref": "uncompensated"})
        if not isinstance(scale, Linear):
            made.set(f"{GATING}transformation-ref", self._scale(scale))
        for name, bound in (bounds or {}).items():
            if bound is not None:
                made.set(f"{GATING}{name}", repr(bound))
        ET.SubElement(made, f"{DATATYPES}fcs-dimension", {f"{DATATYPES}name": FCS_NAMES.get(column, column)})

    def _scale(self, scale: Log | Asinh) -> str:
        key = scale.model_dump_json()
        if key not in self.scales:
            self.scales[key] = f"{scale.kind}-{len(self.scales) + 1}"
            made = ET.SubElement(self.root, f"{TRANSFORMS}transformation", {f"{TRANSFORMS}id": self.scales[key]})
            numbers = {"T": scale.top, "M": scale.decades}
            if isinstance(scale, Asinh):
                numbers["A"] = scale.negative_decades
            kind = "flog" if isinstance(scale, Log) else "fasinh"
            ET.SubElement(
                made, f"{TRANSFORMS}{kind}", {f"{TRANSFORMS}{name}": repr(value) for name, value in numbers.items()}
            )
        return self.scales[key]


def _coordinates(parent: ET.Element, values: Sequence[float]) -> None:
    for value in values:
        ET.SubElement(parent, f"{GATING}coordinate", {f"{DATATYPES}value": repr(value)})
