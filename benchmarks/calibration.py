"""What a calibration with beads recovers of what was planted in the simulated instrument."""

from __future__ import annotations

import sys
from dataclasses import dataclass

import numpy as np

from acquisition.block import Block
from acquisition.detection import detector_for
from acquisition.geometry import scan_coefficients, sheet_height
from acquisition.instrument import Instrument, Scan
from benchmarks.page import table
from reconstruction.calibration.collect import BeadCalibration, Calibrated
from simulator.cells.sample import parse_sample
from simulator.optics.light_sheet import LightSheetModel
from simulator.presets import setup_preset
from simulator.setup import Setup
from simulator.stream import Extent, SimulatedStream

BEADS, BEAD_UM, SEED = 500, 3.0, 29
PLANTED = {
    # A core as wide as the field, so that beads pass every pinhole and every height; the side detector turned down, as
    # a bead is a hundred times as bright as a cell.
    "flow.cells_per_s": 70.0,
    "flow.lateral_x_um": 7.0,
    "flow.lateral_z_um": 4.5,
    "flow.doublets": 0.0,
    "flow.debris_per_cell": 0.0,
    "detectors.1.photoelectrons": 3e4,
    "instrument.channels.1.delay_s": 1e-7,
    "instrument.channels.2.delay_s": 5e-8,
    "instrument.optics.scan.a2": 0.02,
    "instrument.optics.scan.a3": 0.005,
    "optics.pinhole_position_um": 0.2,
}
HEAD = ("simulated, sheet-real", "planted", "measured", "standard error", "error", "required")


@dataclass(frozen=True)
class Recovered:
    """A calibration beside its truth."""

    setup: Setup
    nominal: Instrument
    collected: BeadCalibration
    found: Calibrated
    pinholes_um: np.ndarray


def nominal_of(instrument: Instrument) -> Instrument:
    """Forget all that a calibration measures."""
    optics = instrument.light_sheet
    scan = optics.scan.model_copy(update={"a2": 0.0, "a3": 0.0, "efficiency_roll_off": 0.0})
    channels = tuple(channel.model_copy(update={"delay_s": 0.0}) for channel in instrument.channels)
    return instrument.model_copy(
        update={"channels": channels, "optics": optics.model_copy(update={"scan": scan}), "name": "nominal"}
    )


def recover(beads: int = BEADS, seed: int = SEED) -> Recovered:
    """Simulate the planted instrument and calibrate the nominal one with it."""
    setup = setup_preset("sheet-real").changed(PLANTED)
    nominal = nominal_of(setup.instrument)
    stream = SimulatedStream(setup, parse_sample(f"bead-{BEAD_UM:g}um"), seed, Extent(cells=beads), threads=2)
    detector, collected, tick = detector_for(nominal), BeadCalibration(nominal, BEAD_UM), 0
    for frame in stream.frames():
        for event in detector.push(Block(frame, tick)):
            collected.add(event)
        tick += frame.shape[0]
    for event in detector.flush():
        collected.add(event)
    stream.close()
    pinholes = LightSheetModel(setup, seed).pinholes[:, 0]
    return Recovered(setup, nominal, collected, collected.finish(), pinholes)


def height_error_um(measured: Scan, true: Scan) -> float:
    """Root mean square over the scan of the error of z; a mere shift of all of z is left out, as beads tell none."""
    turns = true.active_duty * (np.arange(200) + 0.5) / 200
    paths = [np.array([sheet_height(t, *scan_coefficients(scan)) for t in turns]) for scan in (measured, true)]
    return float(np.std(paths[0] - paths[1]))


def offset_errors_um(recovered: Recovered) -> np.ndarray:
    """Error of the offset of each pinhole that was told, against the planted ones less their own straight line."""
    fit = recovered.found.mask
    nominal = np.array(recovered.nominal.light_sheet.mask.y_um)
    known = np.isfinite(fit.offset_um[:-1])
    planted = (recovered.pinholes_um - nominal)[known]
    planted = planted - np.polyval(np.polyfit(nominal[known], planted, 1), nominal[known])
    return np.asarray(fit.offset_um[:-1][known] - planted)


def figures(beads: int = BEADS) -> list[tuple[object, ...]]:
    """One row a value, for docs/measurements.md."""
    got = recover(beads)
    true, found = got.setup.instrument, got.found
    by_field = {value.field: value for value in found.values}
    rows: list[tuple[object, ...]] = []
    for column in (1, 2):
        value = by_field[f"channels.{column}.delay_s"]
        planted = true.channels[column].delay_s
        measured, error = value.value or float("nan"), value.error or float("nan")
        rows.append(
            (
                f"delay of {true.channels[column].name}, ns",
                f"{planted * 1e9:.0f}",
                f"{measured * 1e9:.1f}",
                f"{error * 1e9:.1f}",
                f"{(measured - planted) * 1e9:+.1f}",
                "30",
            )
        )
    scan, best = true.light_sheet.scan, found.instrument.light_sheet.scan
    for name in ("a2", "a3", "efficiency_roll_off", "active_duty"):
        value = by_field[f"optics.scan.{name}"]
        planted, error = getattr(scan, name), value.error or float("nan")
        if value.value is None or not value.written:
            rows.append((name, f"{planted:g}", "not told from 0", f"{error:.4f}", "", ""))
        else:
            off = value.value - planted
            rows.append((name, f"{planted:g}", f"{value.value:.4f}", f"{error:.4f}", f"{off:+.4f}", ""))
    before = height_error_um(got.nominal.light_sheet.scan, scan)
    expected = found.sweep.height_error_um(scan.height_um)
    after = height_error_um(best.model_copy(update={"active_duty": scan.active_duty}), scan)
    rows.append(
        ("z over the scan, um rms", f"{before:.3f} off uncalibrated", "", f"{expected:.3f}", f"{after:.3f}", "0.1")
    )
    errors = offset_errors_um(got)
    typical = float(np.nanmedian(found.mask.error_um[:-1]))
    count = f"{errors.size} of {got.pinholes_um.size} pinholes"
    rows.append(
        (
            f"offsets of {count}, um rms",
            "0.2",
            "",
            f"{typical:.3f}",
            f"{np.sqrt(np.mean(errors**2)):.3f}",
            "0.05",
        )
    )
    rows.append((f"worst of {count}, um", "", "", "", f"{np.abs(errors).max():.3f}", "0.05"))
    collected = got.collected
    rows.append(("beads measured, of events", beads, f"{len(collected.beads)} of {collected.events}", "", "", ""))
    return rows


if __name__ == "__main__":
    print(table(HEAD, figures(*map(int, sys.argv[1:2]))))
