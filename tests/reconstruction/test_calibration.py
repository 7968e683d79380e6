from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from acquisition.errors import LightlineError
from acquisition.event import BINS_PER_TICK
from acquisition.instrument import Instrument
from acquisition.presets import instrument_preset
from reconstruction.calibration.collect import BeadCalibration
from reconstruction.calibration.empty_scan import active_duty, delay_ticks, roll_off
from reconstruction.calibration.mask import fit_mask
from reconstruction.calibration.passage import BeadPassage
from reconstruction.calibration.report import CalibrationReport
from reconstruction.calibration.sweep import fit_sweep
from service.cli import main

PERIOD = 150.0


def beam(delay: float = 0.0, b: float = 0.2, duty: float = 0.9) -> np.ndarray:
    """Light of an empty scan behind a one-pole amplifier, dimmer in the dead time, as levels by bin."""
    fine = 16
    place = (np.arange(round(PERIOD * fine)) + 0.5) / fine
    phase = np.mod(place - delay, PERIOD) / PERIOD
    light = np.where(phase < duty, 1.0 - b * (2 * phase / duty - 1) ** 2, 0.3)
    decay = np.exp(-np.arange(place.size) / (0.5 * fine))
    smooth = np.fft.irfft(np.fft.rfft(light) * np.fft.rfft(decay / decay.sum()), light.size)
    return smooth.reshape(-1, fine // BINS_PER_TICK).mean(axis=1).astype(np.float32)


def stray(delay: float) -> np.ndarray:
    """A side channel's empty scan: faint, with a pattern of its own, on an offset, and noisy."""
    turn = 2 * np.pi * np.arange(round(PERIOD * BINS_PER_TICK)) / round(PERIOD * BINS_PER_TICK)
    noise = np.random.default_rng(4).normal(0.0, 0.05, turn.size)
    return (30.0 + 8.0 * beam(delay) * (1.0 + 0.3 * np.cos(turn + 1.0)) + noise).astype(np.float32)


def bead(
    place: float, width: float, x: float, ticks: np.ndarray | None = None, speed: float = 1.0, seen: slice = slice(None)
) -> BeadPassage:
    times = np.zeros(4) if ticks is None else ticks
    weights = np.zeros(times.size)
    weights[seen] = 1.0
    weights[-1] = 1.0
    return BeadPassage(np.where(weights > 0, times, np.nan), weights, place, width, 0.5, x, speed)


@pytest.mark.parametrize("delay", [-2.3, 0.0, 0.6, 3.0])
def test_a_delay_is_read_from_the_notch_of_the_beam_whatever_the_stray_light_looks_like(delay: float):
    found = delay_ticks(beam(), stray(delay), PERIOD)
    # 30 ns are 0.9 ticks of 30 MS/s.
    assert found.value == pytest.approx(delay, abs=0.1)
    assert found.error < 0.1


def test_a_dark_channel_tells_no_delay():
    dark = np.random.default_rng(1).normal(10.0, 0.5, round(PERIOD * BINS_PER_TICK)).astype(np.float32)
    assert delay_ticks(beam(), dark, PERIOD).error > 0.9


def test_duty_and_roll_off_come_from_the_empty_transmission():
    light = 2000 * beam(b=0.25, duty=0.87)
    assert active_duty(light, PERIOD, 0.9).value == pytest.approx(0.87, abs=0.002)
    assert roll_off(light, PERIOD, 0.87).value == pytest.approx(0.25, abs=0.005)


def test_the_sweep_is_read_from_widths_though_beads_crowd_on_one_side_and_the_sheet_thickens():
    rng = np.random.default_rng(2)
    place, x = np.clip(rng.normal(0.1, 0.2, 400), -0.33, 0.33), rng.normal(0.0, 4.0, 400)
    pace = 1 + 2 * 0.02 * place + 3 * 0.005 * place**2
    width = 7.0 / pace / (1 - 0.002 * x**2) * (1 + 0.03 * rng.standard_normal(400))
    width[::40] *= 2.0
    fit = fit_sweep([bead(*row) for row in zip(place, width, x, strict=True)])
    assert abs(fit.a2 - 0.02) < 3 * fit.a2_error < 0.03
    assert fit.height_error_um(20.0) < 0.1
    assert fit.used.sum() < 395


def test_offsets_of_pinholes_are_recovered_from_beads_that_each_see_six_of_them():
    rng = np.random.default_rng(3)
    nominal = np.append(20.0 * np.arange(20.0), 0.0)
    planted = np.append(0.2 * rng.standard_normal(20), 0.1)
    beads = []
    for k in range(300):
        speed = 0.2 * (1 + 0.03 * rng.standard_normal())
        first = k % 15
        ticks = 5000.0 + (nominal + planted + 0.05 * rng.standard_normal(21)) / speed
        beads.append(bead(0.0, 7.0, 0.0, ticks, 0.2, slice(first, first + 6)))
    fit = fit_mask(beads, nominal)
    line = np.polyfit(nominal[:-1], planted[:-1], 1)
    assert np.abs(fit.offset_um - (planted - np.polyval(line, nominal))).max() < 0.05
    assert 0.03 < fit.residual_um < 0.06


def test_too_few_beads_and_wrong_sizes_are_refused_in_one_sentence():
    with pytest.raises(LightlineError, match=r"Only 0 of 0 events .* record longer"):
        BeadCalibration(instrument_preset("sheet-ci"), 3.0).finish()
    with pytest.raises(LightlineError, match="use beads above 0 and below 10 um"):
        BeadCalibration(instrument_preset("sheet-ci"), 12.0)


def test_the_command_refuses_what_it_cannot_do_before_it_reads(tmp_path: Path):
    held = tmp_path / "held.json"
    held.write_text("mine")
    for words, sentence in (
        (["--beads", "3um", "--out", str(held)], "never overwritten"),
        (["--beads", "big", "--out", str(tmp_path / "new.json")], "no diameter of beads"),
        (["--beads", "3um", "--out", str(tmp_path / "no" / "new.json")], "There is no folder"),
    ):
        done = CliRunner().invoke(main, ["calibrate", "sim:sheet-ci?cells=1", *words])
        assert done.exit_code != 0
        assert sentence in done.output
    assert held.read_text() == "mine"


BEADS_URL = (
    "sim:sheet-ci?sample=bead-3um&rate=40&cells=24&seed=5&flow.lateral_x_um=4&flow.lateral_z_um=3"
    "&detectors.1.photoelectrons=2e4"
)


def test_a_recording_of_beads_becomes_an_instrument_file_with_a_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("reconstruction.calibration.collect.FEWEST_BEADS", 6)
    out = tmp_path / "mine.json"
    done = CliRunner().invoke(main, ["calibrate", BEADS_URL, "--beads", "3um", "--out", str(out)])
    assert done.exit_code == 0, done.output
    report = CalibrationReport.model_validate_json((tmp_path / "mine.calibration" / "report.json").read_bytes())
    assert report.origin == "simulated"
    assert report.events == report.flagged + report.unfit + report.beads
    by_field = {value.field: value for value in report.values}
    # Scans of exactly 100 samples: the edge of the beam may lie anywhere between two, 200 ns apart.
    assert not by_field["channels.1.delay_s"].written
    made = Instrument.from_json(out.read_bytes())
    assert made.light_sheet.scan.efficiency_roll_off == pytest.approx(0.2, abs=0.02)
    assert made.light_sheet.scan.active_duty == pytest.approx(0.9, abs=0.005)
    assert (tmp_path / "mine.calibration" / "report.png").read_bytes().startswith(b"\x89PNG")


def test_an_interrupt_ends_the_measurement_and_what_was_seen_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def interrupted(_source: object):
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr("service.cli.calibrate.blocks", interrupted)
    words = ["calibrate", "sim:sheet-ci?cells=1", "--beads", "3um", "--out", str(tmp_path / "mine.json")]
    done = CliRunner().invoke(main, words)
    assert "Only 0 of 0 events" in done.output
    assert not list(tmp_path.iterdir())
