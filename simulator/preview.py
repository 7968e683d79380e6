"""One cell of a simulation on one page: the cell, its signal on every channel, and the picture of perfect optics."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import numpy.typing as npt

from acquisition.block import Samples
from acquisition.errors import ConfigError
from simulator.arrivals import Arrival, passings
from simulator.cells.specimen import View
from simulator.optics.forward import Shadow
from simulator.rendering import FRAME_SAMPLES, Renderer
from simulator.source import Scenario

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_FIELD_PX, _PIXEL_UM = 128, 0.2
_LONG = 16.0
_AROUND = 0.1
"""Empty signal shown on both sides of a cell, relative to its own length."""


def draw_preview(scenario: Scenario, out: Path) -> Arrival:
    """Draw the first cell of a scenario as a picture file, and return it.

    Parameters
    ----------
    scenario
        What is simulated; its extent does not matter.
    out
        File to write; its ending (png, pdf, svg) says how.

    Raises
    ------
    ConfigError
        If the file cannot be written.
    """
    # Imported here: slow to import, and nothing else at run time draws.
    from matplotlib.figure import Figure

    coming = passings(scenario.setup, scenario.sample, scenario.seed)
    arrival = next(passing for passing in coming if passing.is_cell).arrival()
    renderer = Renderer(scenario.setup, scenario.seed, scenario.level)
    shadow = renderer.model.shadow(arrival)
    first_tick, samples = _signal(renderer, shadow)
    pictures = shadow.ideal()
    channels = scenario.setup.instrument.channels

    figure = Figure(figsize=(12, 4.2 + 1.5 * len(channels) + 3.6), layout="constrained")
    heights = [3.8, 1.5 * len(channels) + 0.4, 3.6]
    rows = np.asarray(figure.subfigures(3, 1, height_ratios=heights), dtype=object)
    specimen = arrival.specimen
    figure.suptitle(
        f"{specimen.kind}, {specimen.diameter_um:.1f} um, {arrival.speed_m_s:.4g} m/s, x {arrival.x_um:+.1f} um, "
        f"z {arrival.z_um:+.1f} um - {scenario.setup.instrument.name}, seed {scenario.seed} ({scenario.origin.value})"
    )
    _draw_cell(np.asarray(rows[0].subplots(1, 4 if specimen.fluorophores.size else 3)), arrival, scenario)
    axes = np.atleast_1d(rows[1].subplots(len(channels), 1, sharex=True))
    time_us = (first_tick + np.arange(samples.shape[0]) - arrival.tick) / scenario.setup.instrument.sample_rate_hz * 1e6
    for axis, channel, counts in zip(axes, channels, samples.T, strict=True):
        axis.plot(time_us, counts, linewidth=0.3, color="tab:blue", rasterized=True)
        axis.set_ylabel(f"{channel.name}\n(counts)")
    axes[-1].set_xlabel("time since the cell's centre passed y = 0 (us)")
    for axis, (name, picture) in zip(np.atleast_1d(rows[2].subplots(1, len(pictures))), pictures.items(), strict=True):
        _show(axis, picture.image, picture.pixel_um, f"ideal {name}", (picture.rows, picture.columns))
    try:
        figure.savefig(out, dpi=110)
    except (OSError, ValueError) as error:
        out.unlink(missing_ok=True)
        raise ConfigError(f"The picture '{out}' cannot be written: {error}.") from None
    return arrival


def _signal(renderer: Renderer, shadow: Shadow) -> tuple[int, Samples]:
    """Tick of the first sample, and samples `(n, n_channels)` of a stream in which nothing else flows."""
    around = math.ceil(_AROUND * (shadow.end_tick - shadow.first_tick))
    start, end = max(0, shadow.first_tick - around), shadow.end_tick + around
    frames = range(start // FRAME_SAMPLES, -(-end // FRAME_SAMPLES))
    parts = []
    for frame in frames:
        charge = renderer.charge(frame, FRAME_SAMPLES, [shadow])
        parts.append(renderer.convert(frame, renderer.amplify(frame, charge)))
    offset = frames[0] * FRAME_SAMPLES
    return start, cast("Samples", np.concatenate(parts))[start - offset : end - offset]


def _draw_cell(axes: npt.NDArray[np.object_], arrival: Arrival, scenario: Scenario) -> None:
    """Draw what stands in the light, what scatters, and what glows."""
    optics, specimen = scenario.setup.instrument.optics, arrival.specimen
    view = View((0, 1, 2), (0.0, 0.0), _FIELD_PX, _PIXEL_UM, optics.wavelength_nm)
    # Light of a long wavelength has a phase that does not wrap; the delay itself does not depend on the wavelength.
    slow = specimen.field(replace(view, wavelength_nm=_LONG * view.wavelength_nm))
    _show(axes[0], _LONG * np.angle(slow), _PIXEL_UM, "phase along x (rad)", ("z", "y"))
    _show(axes[1], np.abs(specimen.field(view)) ** 2, _PIXEL_UM, "transmission along x", ("z", "y"))
    edge = _FIELD_PX * _PIXEL_UM / 2
    clouds = ((specimen.scatterers, "scatter"), (specimen.fluorophores, "glow"))
    for axis, (points, do) in zip(axes[2:], clouds, strict=False):
        strength = points[:, 3] / max(float(points[:, 3].max(initial=0.0)), 1e-30)
        axis.scatter(points[:, 1], points[:, 0], s=0.3 + 12 * strength, c=points[:, 2], cmap="viridis", linewidths=0)
        axis.set(
            title=f"{points.shape[0]} points that {do}", xlim=(-edge, edge), ylim=(edge, -edge), aspect="equal",
            xlabel="y (um)", ylabel="z (um)",
        )  # fmt: skip


def _show(axis: Axes, image: npt.NDArray[np.floating], pixel_um: float, title: str, names: tuple[str, str]) -> None:
    height, width = (n * pixel_um / 2 for n in image.shape)
    drawn = axis.imshow(image, cmap="gray", extent=(-width, width, height, -height), interpolation="nearest")
    axis.set(title=title, xlabel=f"{names[1]} (um)", ylabel=f"{names[0]} (um)")
    axis.figure.colorbar(drawn, ax=axis, shrink=0.6)
