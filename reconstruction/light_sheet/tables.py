"""The tables that one light sheet's kernels work with: how samples make up lines, lines planes, and planes volumes."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from acquisition.instrument import Instrument
from reconstruction.kriging import widening
from reconstruction.light_sheet.blur import Blur, forward_blur, side_blur
from reconstruction.light_sheet.kernels import Tables
from reconstruction.light_sheet.line_planes import LINES, new_line_table
from reconstruction.light_sheet.scan_lines import new_row_table, samples_near
from reconstruction.light_sheet.stacking import PLANES, Weave, new_weave

SAMPLE_NOISE = 1.0
"""Variance of a sample's noise against that of the light: that of a cell with some 20 photoelectrons at its peak. Less
noise is given a little too much smoothing (docs/accuracy.md)."""


PERIOD_STEP = 1e-4
"""Clocks that differ by less than half of it share their tables: the end of a scan moves by a nanometre."""


@dataclass(frozen=True, slots=True)
class SheetTables:
    """Tables for scans of one period.

    Attributes
    ----------
    period_ticks
        Of the scans.
    side, forward
        Of either path.
    weave
        Of the mask.
    unseen
        `(z,)`: rows that the scan does not reach.
    """

    period_ticks: float
    side: Tables
    forward: Tables
    weave: Weave
    unseen: npt.NDArray[np.bool_]


def table_period(instrument: Instrument, period_ticks: float) -> float:
    """Return the period, in ticks, of the tables for scans of this one."""
    nominal = instrument.sample_rate_hz / instrument.light_sheet.scan.rate_hz
    return nominal * (1.0 + PERIOD_STEP * round((period_ticks / nominal - 1.0) / PERIOD_STEP))


def new_sheet_tables(instrument: Instrument, period_ticks: float) -> SheetTables:
    """Make the tables of an instrument for scans of this period."""
    blur, grid = side_blur(instrument), instrument.grid
    side, noise = _path(instrument, blur, period_ticks)
    forward, _ = _path(instrument, forward_blur(instrument), period_ticks)
    weave = new_weave(instrument.light_sheet.mask, grid, blur.x_um, noise)
    rows = side.rows
    seen = np.asarray(rows.shares.reshape(*rows.first.shape, rows.span, -1).any(axis=(0, 1, 3)))
    unseen = np.ones(grid.size_px, dtype=np.bool_)
    for start, lanes in zip(rows.starts, seen, strict=True):
        unseen[start : start + lanes.size] &= ~lanes
    return SheetTables(period_ticks, side, forward, weave, unseen)


def _path(instrument: Instrument, blur: Blur, period_ticks: float) -> tuple[Tables, float]:
    """Return the tables for light with this blur, and the noise left in a plane."""
    scan, grid = instrument.light_sheet.scan, instrument.grid
    rows, noise = new_row_table(scan, grid, period_ticks, blur.z_um, SAMPLE_NOISE)
    lines, noise = new_line_table(scan, grid, blur.y_um / _um_per_scan(instrument), noise)
    return Tables(rows, lines, scan.shape == "triangle"), noise


def _um_per_scan(instrument: Instrument) -> float:
    return instrument.flow_speed_m_s * 1e6 / instrument.light_sheet.scan.rate_hz


def sampling_blur(instrument: Instrument) -> Blur:
    """Return what resampling adds to the blur of the optics in a volume, for a sawtooth and pinholes of even pitch."""
    optics, blur = instrument.light_sheet, side_blur(instrument)
    period_ticks = instrument.sample_rate_hz / optics.scan.rate_hz
    step_um = optics.scan.height_um / (optics.scan.active_duty * period_ticks)
    _, noise = new_row_table(optics.scan, instrument.grid, period_ticks, blur.z_um, SAMPLE_NOISE)
    pitch_um = float(np.mean(np.diff(np.sort(optics.mask.x_um))))
    return Blur(
        z_um=math.sqrt(widening(step_um, samples_near(optics.scan, period_ticks, blur.z_um), blur.z_um, SAMPLE_NOISE)),
        y_um=math.sqrt(widening(_um_per_scan(instrument), LINES, blur.y_um, noise)),
        x_um=math.sqrt(widening(pitch_um, PLANES, blur.x_um, noise)),
    )
