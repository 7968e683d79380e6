"""Time-stretched lines: every line is the brightfield of one y, x by phase under the envelope (specification B.2)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from acquisition.errors import ConfigError
from acquisition.instrument import LineView
from simulator.arrivals import Arrival
from simulator.cells.levels import ImageLevel
from simulator.cells.specimen import View
from simulator.optics.brightfield import brightfield, image_amplitude
from simulator.optics.clock import PeriodClock
from simulator.optics.envelope import line_table
from simulator.optics.flight import Flight
from simulator.optics.knife_edge import LIGHT_SHARE, view_picture
from simulator.optics.line_kernels import Lines, Shade, Views, empty_lines, lay_lines
from simulator.optics.picture import Picture
from simulator.optics.pulses import Pulses, triggered
from simulator.setup import Setup

Floats = npt.NDArray[np.float32]

PIXEL_UM = 0.25
SMALLEST_GRID_PX = 112
MARGIN_UM = 6.0
"""What diffraction and defocus add to a cell's reach."""
TAPS = 5
"""Places at which the detector's response is sampled, after Gauss and Hermite, where it mixes what a cell leaves."""


class TimeStretchModel:
    """Forward model of a time-stretch instrument; see `simulator.optics.forward.ForwardModel`.

    Parameters
    ----------
    setup
        A setup of a time stretch.
    seed
        Decides the phase of its clock, and what differs from pulse to pulse.
    loop_samples
        Length after which everything repeats; None for a stream without end.
    level
        Image level of the specification F.3. All are the same here: they differ in side scatter, which a time
        stretch does not see, and the image is coherent at every level.

    Raises
    ------
    ConfigError
        If the views of a line do not fit into it.
    """

    def __init__(self, setup: Setup, seed: int, loop_samples: int | None = None, level: str = ImageLevel.L0) -> None:
        optics = setup.instrument.time_stretch
        self.setup = setup
        self.optics = optics
        self.level = ImageLevel(level)
        self.clock = PeriodClock(
            optics.line_rate_hz, setup.instrument.sample_rate_hz, setup.clock, seed, loop_samples=loop_samples
        )
        self.loop_samples = loop_samples
        loop_lines = 0 if loop_samples is None else round(loop_samples / self.clock.period_ticks)
        self.pulses = Pulses.of(setup, seed, loop_lines)
        self.edges = tuple(dict.fromkeys(view.edge for view in optics.views))
        """Kinds of views, each of which needs a picture of its own."""
        self.views = self._views(optics.views)
        self._levels = np.array([detector.photoelectrons for detector in setup.detectors], dtype=np.float32)
        self.stray = np.array([detector.stray for detector in setup.detectors], dtype=np.float32)

    def empty(self, first_tick: int, light: Floats) -> None:
        """Fill the light of empty lines."""
        light[:] = self.stray
        for tick, part in self._pieces(first_tick, light.shape[0]):
            lines = self.lines(tick, part.stop - part.start)
            empty_lines(light[part], tick, lines, self.views, self.pulses, self._levels)

    def shadow(self, arrival: Arrival) -> TimeStretchShadow:
        """Render what every kind of view shows of the cell."""
        return TimeStretchShadow(self, arrival, self.pictures(arrival))

    def pictures(self, arrival: Arrival) -> Floats:
        """Render what each of the `edges` shows of the cell, centred on it, `(len(edges), y, x)` float32."""
        optics = self.optics
        n = grid_px(arrival.specimen.diameter_um)
        field = arrival.specimen.field(View((1, 2, 0), (0.0, 0.0), n, PIXEL_UM, optics.wavelength_nm))
        defocus = self.setup.stretch.defocus_um + arrival.z_um
        imaging = (optics.wavelength_nm, optics.aperture, optics.medium_index, defocus, PIXEL_UM)
        if self.edges == ("none",):
            return brightfield(field, *imaging)[np.newaxis]
        amplitude = image_amplitude(field, *imaging)
        return np.stack(
            [view_picture(amplitude, edge, optics.wavelength_nm, optics.aperture, PIXEL_UM) for edge in self.edges]
        )

    def image(self, arrival: Arrival) -> Floats:
        """Return the picture of the first view (y, x), centred on the cell, `(n, n)` with a pitch of `PIXEL_UM`."""
        picture: Floats = self.pictures(arrival)[0]
        return picture

    def lines(self, first_tick: int, n: int) -> Lines:
        """Return the lines that touch the samples `[first_tick, first_tick + n)`."""
        shift = self.pulses.shift_samples
        periods = self.clock.periods(first_tick - shift, n + 2 * shift)
        return Lines(periods.first, triggered(periods, self.pulses))

    def _pieces(self, first_tick: int, n: int) -> Iterator[tuple[int, slice]]:
        """Parts of a stretch, each with its place in the loop."""
        done = 0
        while done < n:
            tick = first_tick + done
            count = n - done
            if self.loop_samples is not None:
                tick %= self.loop_samples
                count = min(count, self.loop_samples - tick)
            yield tick, slice(done, done + count)
            done += count

    def _views(self, views: tuple[LineView, ...]) -> Views:
        defects, shift = self.setup.stretch, self.pulses.shift_samples
        response = defects.line_width_samples
        tables = [line_table(defects.envelope, view.width_samples, response) for view in views]
        begins = np.array([view.delay_samples + table.begin_samples for view, table in zip(views, tables, strict=True)])
        lengths = np.array([table.length_samples for table in tables])
        # The light begins where the line does.
        first = begins.min()
        needed = float((begins + lengths).max() - first) + 2 * shift
        if needed > self.clock.period_ticks:
            raise ConfigError(
                f"The views of a line take {needed:.0f} samples, but a line has {self.clock.period_ticks:.0f}: "
                "make them narrower or put them closer together."
            )
        shares = np.array([LIGHT_SHARE[view.edge] for view in views], dtype=np.float32)[:, np.newaxis]
        taps, weights = np.polynomial.hermite_e.hermegauss(TAPS if response else 1)
        return Views(
            optical=shares * np.stack([table.optical for table in tables]),
            detected=shares * np.stack([table.detected for table in tables]),
            begins=begins - first,
            lengths=lengths,
            centres=np.array([view.delay_samples for view in views]) - first,
            pictures=np.array([self.edges.index(view.edge) for view in views], dtype=np.int64),
            taps=taps * response,
            weights=weights / weights.sum(),
        )


def grid_px(diameter_um: float) -> int:
    """Edge of the picture of a cell, pixels: as much as its light reaches, in steps that transform fast."""
    reach_um = 0.75 * diameter_um + MARGIN_UM
    return max(SMALLEST_GRID_PX, 16 * math.ceil(2 * reach_um / PIXEL_UM / 16))


@dataclass(frozen=True, slots=True)
class TimeStretchShadow:
    """One cell as the lines see it; see `simulator.optics.forward.Shadow`.

    `pictures` are those of `TimeStretchModel.pictures`.
    """

    model: TimeStretchModel
    arrival: Arrival
    pictures: Floats

    @property
    def _um_per_tick(self) -> float:
        return self.arrival.speed_m_s * 1e6 / self.model.setup.instrument.sample_rate_hz

    @property
    def _reach_ticks(self) -> float:
        return 0.5 * float(self.pictures.shape[1]) * PIXEL_UM / self._um_per_tick

    @property
    def first_tick(self) -> int:
        """First sample that it touches."""
        return math.floor(self.arrival.tick - self._reach_ticks)

    @property
    def end_tick(self) -> int:
        """Sample after the last that it touches."""
        return math.ceil(self.arrival.tick + self._reach_ticks)

    def ideal(self) -> dict[str, Picture]:
        """Return what each view shows; see `Shadow`."""
        views, edges = self.model.optics.views, self.model.edges
        return {view.name: Picture(self.pictures[edges.index(view.edge)], PIXEL_UM, "y", "x") for view in views}

    def lay(self, first_tick: int, light: Floats) -> None:
        """Dim and brighten the lines that the cell crosses."""
        model = self.model
        start = max(0, self.first_tick - first_tick)
        stop = min(light.shape[0], self.end_tick - first_tick)
        if start >= stop:
            return
        shade = Shade(
            self.pictures,
            Flight(self.arrival.tick, self._um_per_tick),
            self.arrival.x_um,
            model.optics.um_per_sample,
            PIXEL_UM,
        )
        tick = first_tick + start
        lines = model.lines(tick, stop - start)
        lay_lines(light[start:stop], tick, lines, model.views, model.pulses, model.stray, shade)
