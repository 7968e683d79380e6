"""Events of beads go in one by one; instrument and report come out."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from acquisition.event import BINS_PER_TICK, Event, EventFlag
from acquisition.instrument import Instrument, Role
from reconstruction.calibration.empty_scan import Estimate, active_duty, delay_ticks, one_period, roll_off
from reconstruction.calibration.mask import FEWEST_PASSAGES, MaskFit, fit_mask
from reconstruction.calibration.noise import NoiseTally
from reconstruction.calibration.passage import BeadPassage, measure_passage
from reconstruction.calibration.report import BeadWidths, EmptyScan, MeasuredValue, measured_value, with_values
from reconstruction.calibration.sweep import SweepFit, fit_sweep
from reconstruction.errors import ReconstructionError

FEWEST_BEADS = 50
WORST_RESIDUAL_UM = 0.5
"""Scatter about straight lines beyond which what passed were no beads, or the instrument file is another's."""
WORST_DELAY_S = 30e-9
"""Standard error beyond which a delay is not written (specification A.6)."""
WORST_OFFSET_UM = 0.1
WORST_HEIGHT_UM = 0.1
"""Standard error of z, root mean square over the scan, beyond which the non-linearity is not written."""


@dataclass(frozen=True)
class Calibrated:
    """What a calibration found.

    Attributes
    ----------
    instrument
        With every value that could be told.
    values
        One entry per value, told or not.
    sweep, mask
        Fits, for pictures.
    beads
        Single beads, for pictures.
    widths, counts_per_photoelectron, empty_scans
        As in `CalibrationReport`.
    """

    instrument: Instrument
    values: tuple[MeasuredValue, ...]
    sweep: SweepFit
    mask: MaskFit
    beads: Sequence[BeadPassage]
    widths: BeadWidths
    counts_per_photoelectron: Mapping[str, float]
    empty_scans: tuple[EmptyScan, ...]


@dataclass
class BeadCalibration:
    """Measures bead after bead, and calibrates the instrument with them.

    Parameters
    ----------
    instrument
        A light sheet as far as it is known; the detector that made the events must have had the same.
    bead_um
        Diameter of the beads.

    Raises
    ------
    ReconstructionError
        If the instrument has no side channel, or beads of that size do not fit its scan.
    ConfigError
        If it is no light sheet.
    """

    instrument: Instrument
    bead_um: float
    events: int = 0
    flagged: int = 0
    unfit: int = 0
    beads: list[BeadPassage] = field(default_factory=list)

    def __post_init__(self) -> None:
        height_um = self.instrument.light_sheet.scan.height_um
        columns = self.instrument.columns(Role.SIDE_SCATTER) + self.instrument.columns(Role.FLUORESCENCE)
        if not columns:
            raise ReconstructionError(
                "A calibration needs a side-scatter or fluorescence channel; name one in the instrument file."
            )
        if not 0 < self.bead_um < 0.5 * height_um:
            raise ReconstructionError(
                f"Beads of {self.bead_um:g} um do not tell a scan of {height_um:g} um; use beads above 0 and below "
                f"{0.5 * height_um:g} um."
            )
        self._sides = columns
        self._beam = self.instrument.columns(Role.TRANSMISSION)[0]
        self._delays: dict[int, float] | None = None
        self._newest: Event | None = None
        self._phases: list[float] = []
        self._noise = NoiseTally(self.instrument, self._beam)

    def add(self, event: Event) -> None:
        """Take one event; those that detection flags are counted and left out."""
        self.events += 1
        if event.flags != EventFlag.NONE:
            self.flagged += 1
            return
        self._newest = event
        self._phases.append((event.window_tick - event.clock.origin_tick) % 1.0)
        if self._delays is None:
            self._delays = {c: self._usable_delay(event, c) for c in self._sides}
        bead = measure_passage(event, self.instrument, self.bead_um, self._delays)
        if bead is None:
            self.unfit += 1
        else:
            self.beads.append(bead)
            self._noise.add(event)

    def finish(self) -> Calibrated:
        """Return the instrument with what was measured.

        Raises
        ------
        ReconstructionError
            If there were too few beads, or they did not pass on straight lines.
        """
        newest = self._newest
        if newest is None or len(self.beads) < FEWEST_BEADS:
            raise ReconstructionError(
                f"Only {len(self.beads)} of {self.events} events are single beads that pinholes and slit see well, and "
                f"a calibration needs {FEWEST_BEADS}; record longer, or thin the beads out."
            )
        optics = self.instrument.light_sheet
        places = np.append(np.array(optics.mask.y_um), optics.slits[0].y_um)
        mask, sweep = fit_mask(self.beads, places), fit_sweep(self.beads, optics.scan.a3)
        if not mask.residual_um < WORST_RESIDUAL_UM:
            raise ReconstructionError(
                f"The passages scatter by {mask.residual_um:.2g} um about straight lines, more than "
                f"{WORST_RESIDUAL_UM:g} um; check that single beads flow and that the instrument file has their mask."
            )
        values = [*self._delay_values(newest), *self._scan_values(newest, sweep), *self._mask_values(mask)]
        active = optics.scan.active_duty * newest.clock.period_ticks
        widths = BeadWidths(
            z_um=float(np.median([bead.width_ticks for bead in self.beads])) * optics.scan.height_um / active,
            y_um=float(np.median([bead.width_y_um for bead in self.beads])),
        )
        gain = self._noise.counts_per_photoelectron()
        return Calibrated(
            instrument=with_values(self.instrument, values),
            values=tuple(values),
            sweep=sweep,
            mask=mask,
            beads=self.beads,
            widths=widths,
            counts_per_photoelectron={} if gain is None else {self.instrument.channels[self._beam].name: gain},
            empty_scans=tuple(self._empty_scan(newest, c) for c in (self._beam, *self._sides)),
        )

    def _estimate_delay(self, event: Event, column: int) -> Estimate:
        levels = event.background.level
        return delay_ticks(levels[self._beam], levels[column], event.clock.period_ticks)

    def _usable_delay(self, event: Event, column: int) -> float:
        found = self._estimate_delay(event, column)
        usable = found.error < WORST_DELAY_S * self.instrument.sample_rate_hz
        return found.value if usable else self.instrument.channels[column].delay_s * self.instrument.sample_rate_hz

    def _sampling_error(self) -> float:
        """Ticks by which an edge may hide between samples, where scan and sample clock keep step."""
        phases = np.sort(np.array(self._phases))
        gaps = np.diff(np.append(phases, phases[0] + 1.0))
        return float(gaps.max()) / math.sqrt(12.0)

    def _delay_values(self, event: Event) -> list[MeasuredValue]:
        rate, hidden = self.instrument.sample_rate_hz, self._sampling_error()
        values = []
        for column in self._sides:
            found = self._estimate_delay(event, column)
            error = math.hypot(found.error, hidden)
            told = error < WORST_DELAY_S * rate
            note = "by the notch of the beam in the empty scan, against the transmission"
            if not math.isfinite(error):
                note = "no light of the beam in the empty scan of this channel"
            elif not told:
                note = "the edges of the beam lie between the samples, as scan and sample clock keep step"
            before = self.instrument.channels[column].delay_s
            values.append(
                measured_value(f"channels.{column}.delay_s", "s", before, found.value / rate, error / rate, told, note)
            )
        return values

    def _scan_values(self, event: Event, sweep: SweepFit) -> list[MeasuredValue]:
        scan, period = self.instrument.light_sheet.scan, event.clock.period_ticks
        beam = event.background.level[self._beam]
        duty = active_duty(beam, period, scan.active_duty)
        roll = roll_off(beam, period, duty.value if math.isfinite(duty.error) else scan.active_duty)
        told = sweep.height_error_um(scan.height_um) < WORST_HEIGHT_UM
        note = "by the width of beads along the scan" if told else "too few beads far from the middle of the scan"
        note_a3 = note if sweep.a3_told or not told else "the beads do not tell it from what it was"
        place = "optics.scan"
        return [
            measured_value(
                f"{place}.active_duty",
                "",
                scan.active_duty,
                duty.value,
                duty.error,
                duty.error < 0.01,
                "by the edges of the empty transmission",
            ),
            measured_value(
                f"{place}.efficiency_roll_off",
                "",
                scan.efficiency_roll_off,
                min(max(roll.value, 0.0), 0.99),
                roll.error,
                roll.error < 0.02,
                "by the empty transmission along the scan",
            ),
            measured_value(f"{place}.a2", "", scan.a2, sweep.a2, sweep.a2_error, told, note),
            measured_value(f"{place}.a3", "", scan.a3, sweep.a3, sweep.a3_error, told and sweep.a3_told, note_a3),
        ]

    def _mask_values(self, fit: MaskFit) -> list[MeasuredValue]:
        optics = self.instrument.light_sheet
        places = [(f"optics.mask.y_um.{i}", y) for i, y in enumerate(optics.mask.y_um)]
        places.append(("optics.slits.0.y_um", optics.slits[0].y_um))
        values = []
        for (name, before), offset, error, passed in zip(
            places, fit.offset_um, fit.error_um, fit.passages, strict=True
        ):
            told = bool(error < WORST_OFFSET_UM)
            note = f"{passed:.0f} passages on straight lines"
            if passed < FEWEST_PASSAGES:
                note = f"only {passed:.0f} beads passed, and {FEWEST_PASSAGES} are needed"
            values.append(measured_value(name, "um", before, before + float(offset), float(error), told, note))
        return values

    def _empty_scan(self, event: Event, column: int) -> EmptyScan:
        _, level = one_period(event.background.level[column], event.clock.period_ticks)
        whole = level[: level.size // BINS_PER_TICK * BINS_PER_TICK].reshape(-1, BINS_PER_TICK).mean(axis=1)
        name = self.instrument.channels[column].name
        return EmptyScan(channel=name, counts=tuple(round(float(c), 3) for c in whole))
