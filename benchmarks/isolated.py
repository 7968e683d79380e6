"""Simulated cells that are alone in their window, each with its event and its truth, for figures of accuracy."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from acquisition.block import Block
from acquisition.detection import detector_for
from acquisition.event import Event
from acquisition.instrument import Channel, Role
from benchmarks.smooth import SMOOTH, SmoothPhantom
from simulator.arrivals import Arrival, Passing, passings
from simulator.cells.drawing import draw_specimen
from simulator.cells.specimen import Specimen, Specimens
from simulator.optics.light_sheet import PIXEL_UM, LightSheetModel
from simulator.optics.scattering import blurred_scatter
from simulator.setup import Setup
from simulator.stream import Extent, SimulatedStream

Floats = npt.NDArray[np.float32]

CELLS = ("lymphocyte", "monocyte", "neutrophil", "eosinophil", "skno1", "hek293t", "mcf7", SMOOTH)
BEADS = ("bead-10um",)
KINDS = (*CELLS, *BEADS)
SEED = 19
"""Of the cells that figures of accuracy are made of; each figure adds a number of its own."""
NEAR_UM = 8.0
"""An event belongs to the cell whose centre passes this near to its trigger."""
TRIGGER_NOISE = 0.003
"""Of the beam, in a channel without noise: a threshold in units of the noise needs some."""
BRIGHT_COUNTS = 5e6
"""Counts per um^2 of collected cross-section, without noise."""
EXCESS_NOISE = 1.2
"""Of the photomultiplier at few photoelectrons (specification A.7)."""
COUNTS_PER_PHOTOELECTRON = 100.0


@dataclass(frozen=True, slots=True)
class Panel:
    """Specimens of every kind, equally often; see `simulator.cells.specimen.Specimens`."""

    kinds: tuple[str, ...] = KINDS
    semi_real: bool = False

    @property
    def description(self) -> str:
        """Names of the kinds."""
        return ", ".join(self.kinds)

    def draw(self, rng: np.random.Generator) -> Specimen:
        """Draw one; the same generator state gives the same specimen."""
        kind = self.kinds[int(rng.integers(len(self.kinds)))]
        return SmoothPhantom.drawn(rng) if kind == SMOOTH else draw_specimen(kind, rng)


@dataclass(frozen=True, slots=True)
class Isolated:
    """A cell that was alone: its event, and what passed."""

    event: Event
    arrival: Arrival


def alone(setup: Setup) -> Setup:
    """Return the setup without debris and doublets, and with as many cells as leaves most of them alone."""
    optics = setup.instrument.light_sheet
    span_um = optics.mask.y_um[-1] - optics.mask.y_um[0] + 2 * setup.instrument.grid.field_um
    per_s = 0.25 * setup.instrument.flow_speed_m_s * 1e6 / span_um
    return setup.changed({"flow.cells_per_s": per_s, "flow.debris_per_cell": 0.0, "flow.doublets": 0.0})


def noiseless(setup: Setup, side_gain: float = 1.0) -> Setup:
    """Return the setup with every defect and all noise off, but for a little noise in transmission (`TRIGGER_NOISE`).

    The converter has 16 bits, and the side channels as much gain as leaves the brightest cells inside them, times
    `side_gain`. Speeds and places of cells keep their spread, and channels the delays that the instrument states.
    """
    changes: dict[str, object] = {f"optics.{name}": 0.0 for name in _DEFECTS}
    changes |= {"optics.flyback_mix": False, "laser.rin_db_per_hz": None, "laser.drift_per_h": 0.0}
    changes |= {f"clock.{name}": 0.0 for name in ("offset_ppm", "drift_ppm_per_s", "jitter_s")}
    changes |= {"converter.enob": None, "converter.jitter_s": 0.0}
    changes |= {"instrument.digitizer.bits": 16}
    many = 1e6
    for c, (channel, level) in enumerate(zip(setup.instrument.channels, setup.detectors, strict=True)):
        forward = channel.role is Role.TRANSMISSION
        side = channel.role in (Role.SIDE_SCATTER, Role.FLUORESCENCE)
        gain = side_gain * BRIGHT_COUNTS / level.photoelectrons if side else level.counts_per_photoelectron
        beam = level.photoelectrons * level.counts_per_photoelectron
        changes |= {f"detectors.{c}.{name}": 0.0 for name in _NOISE}
        changes |= {
            f"detectors.{c}.excess_noise": 1.0,
            f"detectors.{c}.bandwidth_hz": None,
            f"detectors.{c}.photoelectrons": level.photoelectrons * many,
            f"detectors.{c}.counts_per_photoelectron": gain / many,
            f"detectors.{c}.noise_counts": TRIGGER_NOISE * beam if forward else 0.0,
        }
    return setup.changed(changes)


_DEFECTS = ("pinhole_transmission_cv", "pinhole_position_um", "stray_structure", "dark_efficiency")
_NOISE = ("stray", "dark_counts_per_s", "after_pulsing", "pulse_s", "flicker_corner_hz")


def isolated(setup: Setup, per_kind: int, seed: int, kinds: tuple[str, ...] = KINDS) -> list[Isolated]:
    """Simulate and detect until about `per_kind` cells of each kind were alone in their window.

    Parameters
    ----------
    setup
        As from `alone`.
    per_kind, seed, kinds
        How many cells, which ones.
    """
    return isolated_of(setup, Panel(kinds), per_kind * len(kinds), seed)


def isolated_of(setup: Setup, sample: Specimens, cells: int, seed: int) -> list[Isolated]:
    """Simulate and detect until about so many cells of a sample were alone in their window; setup as from `alone`."""
    # A quarter of a window between cells on average leaves exp(-2 / 4) of them alone.
    many = round(cells / 0.55)
    stream = SimulatedStream(setup, sample, seed, Extent(samples=_samples(setup, many)))
    detector, events, tick = detector_for(setup.instrument), [], 0
    for frame in stream.frames():
        events += detector.push(Block(frame, tick))
        tick += frame.shape[0]
    events += detector.flush()
    came = list(_until(passings(setup, sample, seed), tick))
    return list(_paired(setup, events, came))


def _samples(setup: Setup, cells: int) -> int:
    return round(cells / setup.flow.cells_per_s * setup.instrument.sample_rate_hz)


def _until(passing: Iterator[Passing], tick: float) -> Iterator[Passing]:
    for one in passing:
        if one.tick > tick:
            return
        yield one


def _paired(setup: Setup, events: list[Event], came: list[Passing]) -> Iterator[Isolated]:
    """Give every event whose cell was alone, and nearest to it."""
    instrument = setup.instrument
    per_um = instrument.sample_rate_hz / (instrument.flow_speed_m_s * 1e6)
    mask_y_um = instrument.light_sheet.mask.y_um
    # A cell that came before still shines in later pinholes; fields of both stand at either end.
    reach = 1.1 * (mask_y_um[-1] - mask_y_um[0] + 2 * instrument.grid.field_um) * per_um
    ticks = np.array([one.tick for one in came])
    for event in events:
        nearest = int(np.abs(ticks - event.trigger_tick).argmin())
        if abs(ticks[nearest] - event.trigger_tick) > NEAR_UM * per_um:
            continue
        # The ends of the stream cut windows.
        whole = event.window_tick + event.window.shape[0] + reach < ticks[-1]
        if whole and int((np.abs(ticks - ticks[nearest]) < reach).sum()) == 1:
            yield Isolated(event, came[nearest].arrival())


def dimmed(cell: Isolated, column: int, peak: float, rng: np.random.Generator) -> Isolated:
    """Return the cell of a noiseless stream with one side channel as few photoelectrons show it.

    Parameters
    ----------
    column
        Of the channel in the window.
    peak
        Photoelectrons of the brightest sample; every one multiplies with the variance that `EXCESS_NOISE` says.
    """
    event = cell.event
    signal = event.window[:, column].astype(np.float64) - float(np.median(event.window[:, column]))
    mean = np.maximum(signal, 0.0) * (peak / signal.max())
    electrons = rng.poisson(mean)
    shape = 1.0 / (EXCESS_NOISE - 1.0)
    charge = np.where(electrons > 0, rng.gamma(np.maximum(electrons, 1) * shape, 1.0 / shape), 0.0)
    window, level = event.window.copy(), event.background.level.copy()
    window[:, column] = np.round(COUNTS_PER_PHOTOELECTRON * charge)
    level[column] = 0.0
    return Isolated(replace(event, window=window, background=replace(event.background, level=level)), cell.arrival)


def true_volume(
    setup: Setup, arrival: Arrival, shift_um: tuple[float, float] = (0.0, 0.0), channel: Channel | None = None
) -> Floats:
    """Light of a channel as the optics blur it on the instrument's grid, `(z, y, x)`; the cell moved by `(z, y)`.

    Side scatter without a channel, and fluorescence of one that has that role.
    """
    n, pixel_um = setup.instrument.grid.size_px, setup.instrument.grid.pixel_um
    x_um = ((np.arange(n) + 0.5 - n / 2) * pixel_um).astype(np.float32)
    place = np.array([arrival.z_um + shift_um[0], shift_um[1], arrival.x_um, 0.0], dtype=np.float32)
    glows = channel is not None and channel.role is Role.FLUORESCENCE
    points = arrival.specimen.fluorophores if glows else arrival.specimen.scatterers
    wavelength_nm = channel.wavelength_nm if channel is not None and glows else None
    volume = blurred_scatter(points + place, x_um, setup.instrument.light_sheet, n, pixel_um, wavelength_nm)
    return np.ascontiguousarray(volume.transpose(1, 2, 0))


def true_transmission(setup: Setup, arrival: Arrival, shift_um: tuple[float, float] = (0.0, 0.0)) -> Floats:
    """Transmission as the optics blur it on the instrument's grid, `(z, y)`; moved by `(z, y)`."""
    image, n = LightSheetModel(setup, 0).transmission(arrival) - 1.0, setup.instrument.grid.size_px
    spectrum = np.fft.fft2(image)
    for axis, um in enumerate(shift_um):
        turn = np.exp(-2j * np.pi * np.fft.fftfreq(image.shape[axis], PIXEL_UM) * um)
        spectrum = spectrum * (turn[:, None] if axis == 0 else turn[None, :])
    edge = (image.shape[0] - n) // 2
    return np.asarray(np.fft.ifft2(spectrum).real[edge : edge + n, edge : edge + n] + 1.0, dtype=np.float32)
