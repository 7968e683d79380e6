"""What the tests of the light sheet look at: specks that scatter, and the light that the optics make of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from acquisition.instrument import Role
from simulator.arrivals import Arrival
from simulator.cells.specimen import View
from simulator.optics.light_sheet import LightSheetModel
from simulator.presets import setup_preset
from simulator.setup import Setup

NOTHING = np.empty((0, 4), dtype=np.float32)
PERFECT = {
    "instrument.optics.scan.a2": 0.0,
    "instrument.optics.scan.a3": 0.0,
    "instrument.optics.scan.efficiency_roll_off": 0.0,
    "clock.offset_ppm": 0.0,
    "clock.drift_ppm_per_s": 0.0,
    "clock.jitter_s": 0.0,
    "optics.flyback_mix": False,
    "optics.dark_efficiency": 0.0,
    "optics.pinhole_transmission_cv": 0.0,
    "optics.pinhole_position_um": 0.0,
    "optics.stray_structure": 0.0,
    **{f"detectors.{c}.stray": 0.0 for c in range(4)},
    **{f"instrument.channels.{c}.delay_s": 0.0 for c in range(4)},
}


def sheet(**changes: object) -> Setup:
    """`sheet-real` without a single defect of its optics, but for the settings named, `__` standing for a dot."""
    return setup_preset("sheet-real").changed(PERFECT | {k.replace("__", "."): v for k, v in changes.items()})


@dataclass(frozen=True)
class Specks:
    """Points in the light; what passes the beam is dimmed by a round shade."""

    points: np.ndarray = field(default_factory=lambda: np.array([[0.0, 0.0, 0.0, 1.0]], dtype=np.float32))
    glow: np.ndarray = field(default_factory=lambda: NOTHING)
    diameter_um: float = 4.0
    passes: float = 0.5
    kind: str = "speck"
    is_cell: bool = True
    facts: Mapping[str, float] = field(default_factory=dict)

    @property
    def scatterers(self) -> np.ndarray:
        return self.points

    @property
    def fluorophores(self) -> np.ndarray:
        return self.glow

    def field(self, view: View) -> np.ndarray:
        place = (np.arange(view.n) + 0.5 - view.n / 2) * view.pixel_um
        rows, cols = place[:, None] - view.centre_um[0], place[None, :] - view.centre_um[1]
        inside = rows**2 + cols**2 < (self.diameter_um / 2) ** 2
        return np.where(inside, np.sqrt(self.passes), 1.0).astype(np.complex64)


def speck(z_um: float = 0.0, y_um: float = 0.0, x_um: float = 0.0) -> Specks:
    return Specks(np.array([[z_um, y_um, x_um, 1.0]], dtype=np.float32))


def arrival(specimen: object, tick: float = 20_000.0, speed_m_s: float = 0.2, x_um: float = 0.0, z_um: float = 0.0):
    return Arrival(1, specimen, tick, speed_m_s, x_um, z_um)


def side_light(model: LightSheetModel, passing: Arrival, role: Role = Role.SIDE_SCATTER) -> tuple[int, np.ndarray]:
    """First tick of a cell's passage, and what it adds to the first channel with a role."""
    column = model.setup.instrument.columns(role)[0]
    shadow = model.shadow(passing)
    light = np.zeros((shadow.end_tick - shadow.first_tick, len(model.setup.detectors)), dtype=np.float32)
    shadow.lay(shadow.first_tick, light)
    return shadow.first_tick, light[:, column].astype(np.float64)


def empty_light(model: LightSheetModel, first_tick: int, n: int) -> np.ndarray:
    light = np.empty((n, len(model.setup.detectors)), dtype=np.float32)
    model.empty(first_tick, light)
    return light


@dataclass(frozen=True)
class Seen:
    """Samples of a passage with their place: time since their scan began, and the cell's way past the first pinhole."""

    scan_us: np.ndarray
    scan: np.ndarray
    path_um: np.ndarray
    light: np.ndarray

    def mean(self, what: np.ndarray, near: np.ndarray | None = None) -> float:
        weight = self.light if near is None else self.light * near
        return float(np.sum(weight * what) / np.sum(weight))

    def spread(self, what: np.ndarray, near: np.ndarray | None = None) -> float:
        return float(np.sqrt(self.mean((what - self.mean(what, near)) ** 2, near)))


def seen(model: LightSheetModel, passing: Arrival, role: Role = Role.SIDE_SCATTER) -> Seen:
    """The light of a cell, on the scan clock of a setup without jitter or slips."""
    first, light = side_light(model, passing, role)
    rate = model.setup.instrument.sample_rate_hz
    ticks = first + np.arange(light.size)
    scan = np.floor((ticks - model.clock.origin_tick) / model.clock.period_ticks)
    inside = ticks - model.clock.origin_tick - scan * model.clock.period_ticks
    path = passing.speed_m_s * 1e6 / rate * (ticks - passing.tick)
    return Seen(inside / rate * 1e6, scan, path, light)
