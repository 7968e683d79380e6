"""Phase out of the simulated samples of atom-4g: spheres against the closed form, noise against what causes it."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from acquisition.event import Event
from benchmarks import dry_mass
from benchmarks.flown import Flown, Place, atom_setup, flown, sphere
from benchmarks.page import table
from benchmarks.phase_noise import SQUARE_UM, predicted_noise
from reconstruction.images import CellImages
from reconstruction.time_stretch.contrasts import Contrast, Contrasts
from reconstruction.transform import transform_for

DIAMETER_UM, INDEX_STEP = 10.0, 0.03
SPHERES, SEED = 40, 41
FARTHEST_UM = 4.5
"""From the axis: further out, a sphere of 10 um leaves the field of 20 um."""
CONTRASTS = (Contrast.ABSORPTION, Contrast.GRADIENT_X, Contrast.GRADIENT_Y, Contrast.PHASE)
HEAD = (
    "simulated, 10 µm sphere",
    "index step",
    "found",
    "peak / closed form, mean",
    "least",
    "most",
    "passed the gate",
)
NOISE_HEAD = ("simulated, empty windows, rms", "measured", "predicted", "measured / predicted")
TIME_HEAD = ("one cell, 80 x 80 pixels", "ms")


@dataclass(frozen=True)
class Condition:
    """Under which spheres flow."""

    name: str
    still: bool
    spread_x_um: float = 0.0
    spread_z_um: float = 0.0
    speed_cv: float = 0.0


CONDITIONS = (
    Condition("no noise, in focus, on the axis", True),
    Condition("all noise, 2 µm out of focus, x 3 µm, z 1.5 µm", False, 3.0, 1.5),
    Condition("the same, speeds spread by 2 %", False, 3.0, 1.5, 0.02),
)


def spheres(condition: Condition, count: int = SPHERES, seed: int = SEED) -> Flown:
    """Spheres that are denser and thinner than water in turn."""
    rng = np.random.default_rng(seed)
    x_um = np.clip(condition.spread_x_um * rng.standard_normal(count), -FARTHEST_UM, FARTHEST_UM)
    z_um = condition.spread_z_um * rng.standard_normal(count)
    speeds = 1.0 + condition.speed_cv * rng.standard_normal(count)
    places = [Place(*map(float, place)) for place in zip(x_um, z_um, speeds, strict=True)]
    specimens = [sphere(DIAMETER_UM, (INDEX_STEP, -INDEX_STEP)[k % 2]) for k in range(count)]
    return flown(atom_setup(condition.still), specimens, places, seed)


def images_of(stretch: Flown, events: Sequence[Event]) -> CellImages:
    """Make the contrasts of events."""
    return transform_for(stretch.setup.instrument).images(events, CONTRASTS)


def peaks(stretch: Flown) -> tuple[dict[float, list[float]], dict[float, int]]:
    """Phase at the true centre of every sphere over the closed form, and how many pass the gate, by index step."""
    found = images_of(stretch, stretch.events)
    wavelength_um = stretch.setup.instrument.time_stretch.wavelength_nm * 1e-3
    closed = 2.0 * math.pi / wavelength_um * DIAMETER_UM * INDEX_STEP
    ratios: dict[float, list[float]] = {INDEX_STEP: [], -INDEX_STEP: []}
    passed = dict.fromkeys(ratios, 0)
    for k, event in enumerate(stretch.events):
        step = (INDEX_STEP, -INDEX_STEP)[(stretch.arrival_of(event).index - 1) % 2]
        row, col = _centre(stretch, event)
        middle = found.images[Contrast.PHASE][k, row - 1 : row + 2, col - 1 : col + 2]
        ratios[step].append(float(middle.mean()) / math.copysign(closed, step))
        passed[step] += bool(found.is_cell[k])
    return ratios, passed


def _centre(stretch: Flown, event: Event) -> tuple[int, int]:
    """Pixel nearest to the true centre of the sphere of an event."""
    instrument, arrival = stretch.setup.instrument, stretch.arrival_of(event)
    um_per_tick = instrument.flow_speed_m_s * 1e6 / instrument.sample_rate_hz
    half = instrument.grid.size_px / 2 - 0.5
    row = half + (event.trigger_tick - arrival.tick) * um_per_tick / instrument.grid.pixel_um
    return round(row), round(half + arrival.x_um / instrument.grid.pixel_um)


def noise_rows(name: str, stretch: Flown) -> Iterator[tuple[object, ...]]:
    """Rows of `NOISE_HEAD`: gradients by pixel and by square, and the phase."""
    empty = stretch.empty_events()
    images, grid = images_of(stretch, empty).images, stretch.setup.instrument.grid
    expected = predicted_noise(stretch.setup, empty[0].background, empty[0].clock)
    edge = round(SQUARE_UM / grid.pixel_um)
    for channel in (Contrast.GRADIENT_X, Contrast.GRADIENT_Y):
        slope = np.asarray(images[channel], np.float64)
        squares = slope.reshape(len(empty), grid.size_px // edge, edge, grid.size_px // edge, edge).mean(axis=(2, 4))
        yield f"{name}: {channel}, pixels, mrad/µm", f"{1e3 * _rms(slope):.1f}", "", ""
        yield _noise(
            f"{name}: {channel}, squares of {SQUARE_UM:g} µm, mrad/µm", _rms(squares), expected.slope_rad_per_um
        )
    phase = np.asarray(images[Contrast.PHASE], np.float64)
    yield _noise(f"{name}: phase, mrad", float(np.sqrt(phase.var(axis=(1, 2)).mean())), expected.phase_rad)


def _noise(what: str, measured: float, predicted: float) -> tuple[object, ...]:
    return what, f"{1e3 * measured:.1f}", f"{1e3 * predicted:.1f}", f"{measured / predicted:.2f}"


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def figures(count: int = SPHERES) -> tuple[list[tuple[object, ...]], list[tuple[object, ...]]]:
    """Rows of `HEAD` and of `NOISE_HEAD`."""
    rows: list[tuple[object, ...]] = []
    noise: list[tuple[object, ...]] = []
    for condition in CONDITIONS:
        stretch = spheres(condition, count)
        ratios, passed = peaks(stretch)
        for step, values in ratios.items():
            what = (f"{np.mean(values):.3f}", f"{min(values):.3f}", f"{max(values):.3f}")
            rows.append((condition.name, f"{step:+g}", f"{len(values)} of {count // 2}", *what, passed[step]))
        if condition.speed_cv == 0.0:
            noise += noise_rows("half a count" if condition.still else "all noise", stretch)
    return rows, noise


def times(rounds: int = 50) -> list[tuple[object, ...]]:
    """Rows of `TIME_HEAD`: least milliseconds of making contrasts of views that are there, and of everything."""
    stretch = spheres(CONDITIONS[1], 4)
    transform = transform_for(stretch.setup.instrument)
    contrasts, pixel_um = Contrasts(stretch.setup.instrument), stretch.setup.instrument.grid.pixel_um
    event = stretch.events[:1]
    views = {name: stack[0] for name, stack in transform.images(event).images.items()}
    made = {name: np.empty_like(views["brightfield"]) for name in CONTRASTS}
    jobs = {
        "absorption, two gradients and phase from four views": lambda: contrasts.make(views, made, pixel_um),
        "brightfield and four views from the window, with features": lambda: transform.images(event),
        "the same with all contrasts and the features of the phase": lambda: transform.images(
            event, transform.channels
        ),
    }
    rows: list[tuple[object, ...]] = []
    for name, job in jobs.items():
        took = []
        for _ in range(rounds):
            began = time.perf_counter()
            job()
            took.append(time.perf_counter() - began)
        rows.append((name, f"{1e3 * min(took):.2f}"))
    return rows


def tables() -> str:
    """Return all of it, in Markdown."""
    rows, noise = figures()
    masses = table(dry_mass.HEAD, dry_mass.figures())
    return "\n\n".join((table(HEAD, rows), table(NOISE_HEAD, noise), masses, table(TIME_HEAD, times())))


if __name__ == "__main__":
    print(tables())
