"""What is in a recording as one picture: folded samples, the empty scan or line, the clock, and the first events."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from acquisition.errors import ConfigError
from acquisition.event import BINS_PER_TICK, EventFlag
from acquisition.instrument import Instrument
from acquisition.sketch import ClockLook, Sketch
from reconstruction.transform import transform_for
from service.report.folded_head import FoldedHead, fold_head, phases

_BLUE, _GREY, _RED = "#2b6cb0", "#9aa5b1", "#c53030"
_ACROSS = 8
"""Events in a row."""
_FEWEST_LOOKS = 5
"""Fewer looks at the clock than this say nothing of its drift."""


def draw_inspection(sketch: Sketch, out: Path, description: str) -> None:
    """Draw what an inspection took on its way into a picture file.

    Parameters
    ----------
    sketch
        Filled by `acquisition.inspection.inspect_trace`.
    out
        File to write; its ending (png, pdf, svg) says how.
    description
        Of the recording.

    Raises
    ------
    ConfigError
        If the sketch is of nothing, or the file cannot be written.
    """
    instrument = sketch.instrument
    if instrument is None:
        raise ConfigError("There is nothing to draw: inspect a recording first.")
    period = "line" if instrument.kind == "time_stretch" else "scan"
    rows = max(1, math.ceil(len(sketch.events) / _ACROSS))
    figure = Figure(figsize=(13, 8.2 + 1.75 * rows), layout="constrained")
    figure.suptitle(f"{description} ({instrument.name})")
    above, below = np.asarray(figure.subfigures(2, 1, height_ratios=(8.2, 1.75 * rows)), dtype=object)
    axes = above.subplots(2, 2)
    folded = fold_head(sketch)
    _folded(axes[0, 0], folded, period)
    _background(axes[0, 1], sketch, instrument, period)
    _rate(axes[1, 0], sketch, instrument, period)
    _phase(axes[1, 1], sketch, folded, period)
    _events(np.atleast_2d(below.subplots(rows, _ACROSS)), sketch, instrument)
    if sketch.events:
        below.suptitle("First events: id, and flags or the reason not to judge")
    try:
        figure.savefig(out, dpi=100)
    except (OSError, ValueError) as error:
        out.unlink(missing_ok=True)
        raise ConfigError(f"The picture '{out}' cannot be written: {error}.") from None


def _nothing(axes: Axes, sentence: str) -> None:
    axes.set_axis_off()
    axes.text(0.5, 0.5, sentence, ha="center", va="center", transform=axes.transAxes, color=_GREY)


def _folded(axes: Axes, folded: FoldedHead | None, period: str) -> None:
    """Density of the samples by their place in the scan or line."""
    axes.set_title(f"Samples of the first {0 if folded is None else int(folded.number[-1])} {period}s, folded")
    if folded is None:
        _nothing(axes, f"no {period} clock was found")
        return
    low, high = np.floor(folded.counts.min()), np.ceil(folded.counts.max()) + 1
    bins = (_phase_bins(folded), np.linspace(low, high, min(257, int(high - low) + 1)))
    density, _, _ = np.histogram2d(folded.place, folded.counts, bins=bins)
    extent = (0.0, float(bins[0][-1]), float(low), float(high))
    axes.imshow(np.log1p(density.T), origin="lower", aspect="auto", extent=extent, cmap="magma")
    axes.set(xlabel=f"samples since the {period} began", ylabel="counts")


def _phase_bins(folded: FoldedHead) -> np.ndarray:
    """Edges of two bins a sample; of one where periods meet the samples at the same places again and again."""
    end = float(folded.place.max()) + 1e-6
    fine = np.linspace(0.0, end, 2 * math.ceil(end) + 1)
    met = np.histogram(folded.place, fine)[0] > 0
    return fine if met.mean() > 0.9 else np.linspace(0.0, end, math.ceil(end) + 1)


def _background(axes: Axes, sketch: Sketch, instrument: Instrument, period: str) -> None:
    """Level of every channel at its bins, with the noise of one sample; of lines the part with light."""
    axes.set_title(f"Empty {period}, {BINS_PER_TICK} bins a sample")
    if sketch.background is None or not sketch.looks:
        _nothing(axes, f"no empty {period}s were found")
        return
    level, noise = sketch.background.level, sketch.background.noise
    within = int(sketch.looks[-1].clock.period_ticks) * BINS_PER_TICK
    place = (np.arange(within) + 0.5) / BINS_PER_TICK
    for channel, counts, spread in zip(instrument.channels, level[:, :within], noise, strict=True):
        (drawn,) = axes.plot(place, counts, ".-", ms=2, lw=0.7, label=f"{channel.name}, ± {spread:.2g} counts")
        axes.fill_between(place, counts - spread, counts + spread, color=drawn.get_color(), alpha=0.25, lw=0)
    axes.legend(fontsize=8)
    axes.set(xlabel=f"samples since the {period} began", ylabel="counts")
    if period == "line":
        lit = np.flatnonzero(level[sketch.column, :within] > 0.05 * level[sketch.column, :within].max())
        margin = 0.3 * (place[lit[-1]] - place[lit[0]])
        axes.set_xlim(place[lit[0]] - margin, place[lit[-1]] + margin)


def _rate(axes: Axes, sketch: Sketch, instrument: Instrument, period: str) -> None:
    """Period of the clock against nominal over the recording, ppm."""
    optics, looks = instrument.optics, sketch.looks
    rate_hz = optics.line_rate_hz if optics.kind == "time_stretch" else optics.scan.rate_hz
    nominal = instrument.sample_rate_hz / rate_hz
    axes.set_title(f"Length of a {period}")
    if not looks:
        _nothing(axes, f"no {period} clock was found")
        return
    last = looks[-1].clock.period_ticks
    axes.set_title(f"Length of a {period}: nominal {nominal:.5f} samples, at the end {last:.5f}")
    if len(looks) < _FEWEST_LOOKS:
        _nothing(axes, f"a short recording: {(last / nominal - 1) * 1e6:+.2f} ppm from nominal throughout")
        return
    seconds = np.array([look.done for look in looks]) / instrument.sample_rate_hz
    ppm = np.array([look.clock.period_ticks / nominal - 1 for look in looks]) * 1e6
    locked = np.array([look.clock.locked for look in looks])
    axes.plot(seconds, ppm, ".-", color=_BLUE, lw=0.8, ms=4)
    axes.plot(seconds[~locked], ppm[~locked], "x", color=_RED, label="not locked")
    for gap in sketch.gaps:
        axes.axvline(gap / instrument.sample_rate_hz, color=_GREY, lw=0.8, ls="--")
    axes.set(xlabel="recorded time, s (dashed: gaps)", ylabel="difference to nominal, ppm")
    axes.ticklabel_format(useOffset=False)
    axes.grid(alpha=0.3)
    if not locked.all():
        axes.legend(fontsize=8)


def _phase(axes: Axes, sketch: Sketch, folded: FoldedHead | None, period: str) -> None:
    """Phase against an even clock: of the whole recording by its clock, of a short one by its samples."""
    axes.set(xlabel=f"{period}s", ylabel="late, samples")
    axes.grid(alpha=0.3)
    looks = _in_a_row(sketch.looks)
    if len(looks) >= _FEWEST_LOOKS:
        number, late = _wander(looks)
        axes.set_title(f"Drift: {period}s against an even clock, first epoch without a gap")
        axes.plot(number, late, ".-", color=_BLUE, lw=0.8, ms=4)
    elif folded is not None:
        axes.set_title(f"Drift of the first {period}s, those that bodies dim left out")
        axes.plot(*phases(folded), ".", color=_BLUE, ms=5)
        low, high = axes.get_ylim()
        axes.set_ylim(min(low, -0.2), max(high, 0.2))
    else:
        _nothing(axes, f"no {period} clock was found")


def _in_a_row(looks: list[ClockLook]) -> list[ClockLook]:
    """Return the looks up to the first whose clock was found anew: a step that is no whole number of periods."""
    row = looks[:1]
    for look in looks[1:]:
        turns = (look.clock.origin_tick - row[-1].clock.origin_tick) / row[-1].clock.period_ticks
        if look.epoch != row[-1].epoch or abs(turns - round(turns)) > 0.02:
            break
        row.append(look)
    return row


def _wander(looks: list[ClockLook]) -> tuple[np.ndarray, np.ndarray]:
    """Return the number of each look's scan or line, and how much later it began than an even clock's, ticks."""
    origins = np.array([look.clock.origin_tick for look in looks])
    steps = [round((b - a) / look.clock.period_ticks) for a, b, look in zip(origins, origins[1:], looks, strict=False)]
    number = np.concatenate([[0], np.cumsum(steps)])
    even = np.polyval(np.polyfit(number, origins, 1), number)
    return number, origins - even


def _events(axes: np.ndarray, sketch: Sketch, instrument: Instrument) -> None:
    """Pictures of the first events, each with what speaks against it."""
    for axis in axes.flat:
        axis.set_axis_off()
    if not sketch.events:
        _nothing(axes[0, 0], "no events")
        return
    transform = transform_for(instrument)
    found = transform.images(sketch.events)
    pictures = found.images[transform.flat_channels[0]]
    by_id = {event.event_id: event for event in sketch.events}
    low, high = np.percentile(pictures, [0.5, 99.5])
    for axis, picture, event_id, reason in zip(axes.flat, pictures, found.event_id, found.rejection, strict=False):
        axis.imshow(picture, cmap="gray", vmin=low, vmax=high)
        flags = [flag.name or "" for flag in EventFlag(by_id[int(event_id)].flags)]
        against = ", ".join(dict.fromkeys([*(flag.lower() for flag in flags), *([reason.value] if reason else [])]))
        axis.set_title(f"{event_id} {against}", fontsize=7, color=_RED if against else "black")
