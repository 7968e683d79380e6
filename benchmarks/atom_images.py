"""The real ATOM droplet by every way to make its image: `python -m benchmarks.atom_images [sheet.png]`.

What is measured on each image, all on one grid: how much it is sheared, how striped the empty field is, what is left of
the pattern that the converter's cores draw, and how wide the droplet's edge is.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

from acquisition.detection import detector_for
from acquisition.event import Event
from acquisition.instrument import Instrument
from acquisition.source import blocks, open_source
from benchmarks.page import ATOM, table
from reconstruction.settings import ImageSettings
from reconstruction.time_stretch.masked_warp import masked_warp
from reconstruction.time_stretch.modes import LineMode
from reconstruction.time_stretch.views import views_of
from reconstruction.transform import transform_for

Floats = npt.NDArray[np.float64]

EMPTY_UM = 5.2
"""Lines farther from the droplet's middle than this show the empty field."""
LIT_UM = 6.0
"""Half of the width that is measured: beyond it the line is too dark for every way but the offline one."""
EDGE_ROWS_UM = 1.0
"""Rows or columns this near to the droplet's middle cross its edge at right angles."""
RESHAPED = "reshape to whole samples"
HEAD = (
    "image by",
    "shear, um per um",
    "stripes along the flow, %",
    "stripes across, %",
    "interleave pattern, % (what lies around it)",
    "edge across the flow, um",
    "edge along it, um",
    "gradient energy",
)


def droplet(path: Path) -> tuple[Instrument, Event]:
    """Return the record's one event, whose window is the whole record."""
    with open_source(f"atom:{path}") as source:
        detector = detector_for(source.instrument)
        events = [event for block in blocks(source) for event in detector.push(block)] + detector.flush()
        return source.instrument, events[0]


def images(instrument: Instrument, event: Event) -> dict[str, Floats]:
    """Make the image by every way, each `(y, x)` on the instrument's grid, relative to the empty line."""
    period, origin = event.clock.period_ticks, event.clock.origin_tick
    first = int(np.ceil((event.window_tick - origin) / period))
    line = first + np.arange(int((event.window.shape[0] - 1) / period) - 1)
    middles = origin + (line + 0.5) * period
    nearest = np.rint(middles).astype(np.int64)
    central = int(np.abs(middles - event.trigger_tick).argmin())
    reshaped = nearest[central] + int(period) * (np.arange(line.size) - central)
    view = views_of(instrument)[0]
    streaming = {
        f"streaming, {mode}": transform_for(instrument, ImageSettings(lines=mode)).images([event]).images[view.name][0]
        for mode in LineMode
    }
    return {
        RESHAPED: by_lines(instrument, event, reshaped, in_phase=False),
        "line by line from the nearest sample": by_lines(instrument, event, nearest, in_phase=True),
        **{name: image.astype(np.float64) for name, image in streaming.items()},
        "masked warp": masked_warp(event, instrument, view).astype(np.float64),
    }


def by_lines(instrument: Instrument, event: Event, middles: npt.NDArray[np.int64], in_phase: bool) -> Floats:
    """Put whole lines on each other, `middles` being the sample in the middle of each, and bin them to the grid."""
    grid, um_per_sample = instrument.grid, instrument.time_stretch.um_per_sample
    reach = int(grid.field_um / 2 / um_per_sample) + 1
    steps = np.arange(-reach, reach + 1)
    middles = middles[(middles - reach >= 0) & (middles + reach < event.window.shape[0])]
    counts = event.window[:, 0].astype(np.float64)[middles[:, None] + steps]
    um_per_tick = instrument.flow_speed_m_s * 1e6 / instrument.sample_rate_hz
    y_um = -um_per_tick * (event.window_tick + middles - event.trigger_tick)
    empty = np.median(counts[np.abs(y_um) > EMPTY_UM], axis=0)
    # Sheared lines have no phase of their own that could be compared with the empty one.
    level = empty if in_phase else np.full_like(empty, counts.max())
    ratio = np.where(level > 0.05 * level.max(), counts / np.maximum(level, 1.0), 1.0)
    row = np.floor(y_um / grid.pixel_um + grid.size_px / 2).astype(int)
    x_um = (np.arange(grid.size_px) + 0.5 - grid.size_px / 2) * grid.pixel_um
    image = np.ones((grid.size_px, grid.size_px))
    for k in np.unique(row[(row >= 0) & (row < grid.size_px)]):
        image[k] = np.interp(x_um, steps * um_per_sample, ratio[row == k].mean(axis=0))
    return image


class Judge:
    """Measures images of the droplet; what is empty and where the droplet is are the same for all.

    Parameters
    ----------
    reference
        Image that the droplet's place is taken from.
    """

    def __init__(self, instrument: Instrument, event: Event, reference: Floats) -> None:
        self._instrument, self._event = instrument, event
        n, self.pixel_um = instrument.grid.size_px, instrument.grid.pixel_um
        self.at_um = (np.arange(n) + 0.5 - n / 2) * self.pixel_um
        depth = np.where(reference < 0.7, 1 - reference, 0.0)
        self.y_um = float((depth.sum(axis=1) * self.at_um).sum() / depth.sum())
        self.x_um = float((depth.sum(axis=0) * self.at_um).sum() / depth.sum())
        um_per_tick = instrument.flow_speed_m_s * 1e6 / instrument.sample_rate_hz
        ends = event.window_tick + np.array([0, event.window.shape[0]]) - event.trigger_tick
        recorded = np.abs(self.at_um + um_per_tick * ends.mean()) < 0.5 * um_per_tick * np.ptp(ends) - 0.5
        self.empty = recorded & (np.abs(self.at_um - self.y_um) > EMPTY_UM)
        self.lit = np.abs(self.at_um - self.x_um) < LIT_UM

    def figures(self, image: Floats) -> tuple[str, ...]:
        """Return every figure of `HEAD`."""
        field = image[np.ix_(self.empty, self.lit)]
        along, across = (100 * float(field.mean(axis=axis).std()) for axis in (0, 1))
        pattern, around = self.interleave(image)
        return (
            f"{self.shear(image):.3f}",
            f"{along:.2f}",
            f"{across:.2f}",
            f"{pattern:.3f} ({around:.3f})",
            f"{self.edge(image, across=True):.2f}",
            f"{self.edge(image, across=False):.2f}",
            f"{self.gradient_energy(image):.2f}",
        )

    def shear(self, image: Floats) -> float:
        """Slope of the droplet's middle against the flow: 0 for what is as round above as below."""
        rows = np.flatnonzero(np.abs(self.at_um - self.y_um) < 3.0)
        depth = np.where(image[rows] < 0.7, 1 - image[rows], 0.0) * self.lit
        weight = depth.sum(axis=1)
        middle = (depth * self.at_um).sum(axis=1) / np.maximum(weight, 1e-9)
        return float(np.polyfit(self.at_um[rows], middle, 1, w=np.sqrt(weight))[0])

    def interleave(self, image: Floats) -> tuple[float, float]:
        """Amplitude of the empty field at the pattern's frequency, and the median about it, % of the background.

        Cores take turns, so their pattern has a quarter of a cycle per sample across the flow, and per line the
        remainder of the period by four; on the grid it appears at that frequency modulo one cycle per pixel.
        """
        optics, cores = self._instrument.time_stretch, self._instrument.digitizer.interleave_cores
        lines_per_px = self.pixel_um / (self._instrument.flow_speed_m_s * 1e6 / optics.line_rate_hz)
        fx = self.pixel_um / optics.um_per_sample / cores
        fy = (-(self._event.clock.period_ticks / cores) * lines_per_px + 0.5) % 1.0 - 0.5
        around = [(fy + dy, fx + dx) for dy in (-0.16, -0.08, 0, 0.08, 0.16) for dx in (-0.04, 0.04, 0.08)]
        powers = np.array([_powers(part, [(fy, fx), *around]) for part in self._empty_parts(image)]).mean(axis=0)
        return 100 * float(np.sqrt(powers[0])), 100 * float(np.sqrt(np.median(powers[1:])))

    def _empty_parts(self, image: Floats) -> list[Floats]:
        """Empty field before and behind the droplet."""
        before = self.empty & (self.at_um < self.y_um)
        return [image[np.ix_(rows, self.lit)] for rows in (before, self.empty & ~before)]

    def edge(self, image: Floats, across: bool) -> float:
        """Way from 10 % to 90 % of the droplet's outer edge, median of profiles through its middle, um.

        Across the flow the left edge, where no light before it rings; along the flow both.
        """
        middle, place = (self.y_um, self.x_um) if across else (self.x_um, self.y_um)
        near = np.flatnonzero(np.abs(self.at_um - middle) < EDGE_ROWS_UM)
        profiles = image[near] if across else image[:, near].T
        outwards = [(place - self.at_um, profile) for profile in profiles]
        outwards += [] if across else [(self.at_um - place, profile) for profile in profiles]
        widths = [_rise_um(distance, profile) for distance, profile in outwards]
        return float(np.median(widths))

    def gradient_energy(self, image: Floats) -> float:
        """Mean square gradient where the droplet is, over the square of its contrast, 1/um^2."""
        part = image[np.ix_(np.abs(self.at_um - self.y_um) < EMPTY_UM, self.lit)]
        down, right = np.gradient(part, self.pixel_um)
        low, high = np.percentile(part, [2, 90])
        return float((down**2 + right**2).mean() / (high - low) ** 2)


def _powers(part: Floats, cycles_per_px: list[tuple[float, float]]) -> list[float]:
    """Square of the amplitude of waves of these frequencies along y and x."""
    y, x = np.arange(part.shape[0]), np.arange(part.shape[1])
    taper = np.outer(np.hanning(y.size + 2)[1:-1], np.hanning(x.size + 2)[1:-1])
    residue = (part - part.mean(axis=0)) * taper * 2 / taper.sum()
    waves = [(np.exp(-2j * np.pi * fy * y), np.exp(-2j * np.pi * fx * x)) for fy, fx in cycles_per_px]
    return [float(np.abs(down @ residue @ right) ** 2) for down, right in waves]


def _rise_um(distance_um: Floats, profile: Floats) -> float:
    """From 10 % to 90 % of the way out of the dark ring, along growing distance from the droplet's middle."""
    outside = np.argsort(distance_um)
    outside = outside[(distance_um[outside] > 1.0) & (distance_um[outside] < EMPTY_UM)]
    out, values = distance_um[outside], profile[outside]
    start = int(values.argmin())
    out, values = out[start:], values[start:]
    if out.size < 3:
        return float("nan")
    fine = np.arange(out[0], out[-1], 0.005)
    height = np.interp(fine, out, values)
    levels = values[0] + np.array([0.1, 0.9]) * (1.0 - values[0])
    met = [fine[np.argmax(height >= level)] if (height >= level).any() else np.nan for level in levels]
    return float(met[1] - met[0])


def figures(path: Path = ATOM) -> list[tuple[object, ...]]:
    """One row for every way."""
    instrument, event = droplet(path)
    made = images(instrument, event)
    judge = Judge(instrument, event, made["masked warp"])
    rows = [(name, *judge.figures(image)) for name, image in made.items() if name != RESHAPED]
    lost = ("-",) * (len(HEAD) - 2)
    return [(RESHAPED, f"{light_drift(instrument, event):.3f}", *lost), *rows]


def light_drift(instrument: Instrument, event: Event) -> float:
    """How the middle of the light moves from line to line where lines are taken to be whole samples long, um per um."""
    period = int(event.clock.period_ticks)
    start = round(event.clock.origin_tick % event.clock.period_ticks)
    lines = event.window[start : start + 40 * period, 0].astype(np.float64).reshape(40, period)
    light = np.where(lines > 20, lines, 0.0)
    middle = (light * np.arange(period)).sum(axis=1) / light.sum(axis=1)
    um_per_line = instrument.flow_speed_m_s * 1e6 / instrument.time_stretch.line_rate_hz
    return float(np.polyfit(np.arange(40), middle, 1)[0] * instrument.time_stretch.um_per_sample / um_per_line)


def draw(path: Path, png: Path) -> None:
    """Draw every image of the droplet, and the empty field at ten times the contrast."""
    # Imported here: only the sheet draws.
    from matplotlib.figure import Figure

    instrument, event = droplet(path)
    made = images(instrument, event)
    half = instrument.grid.field_um / 2
    figure = Figure(figsize=(3.1 * len(made), 6.6), layout="constrained")
    axes = figure.subplots(2, len(made), squeeze=False)
    shown: tuple[tuple[str, tuple[float, float]], ...] = (("", (0.0, 1.35)), (": empty field", (0.9, 1.1)))
    for column, (name, image) in zip(axes.T, made.items(), strict=True):
        for axis, (what, (low, high)) in zip(column, shown, strict=True):
            axis.imshow(image, cmap="gray", vmin=low, vmax=high, extent=(-half, half, half, -half))
            axis.set_title(name + what, fontsize=9)
            axis.set(xlabel="x, um", ylabel="y, um")
    figure.savefig(png, dpi=80)


if __name__ == "__main__":
    print(table(HEAD, figures()))
    for word in sys.argv[1:2]:
        draw(ATOM, Path(word))
