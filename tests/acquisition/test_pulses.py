"""Pulses are found where they are, measured as they are, and are the same for every way of cutting the trace."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from trace_samples import REAL_DATA

from acquisition.errors import ConfigError
from acquisition.pulse import Polarity, Pulse, PulseFlag, PulseSettings
from acquisition.pulse_input import trace_input
from acquisition.pulses import PulseFinder
from service.cli import main

Trace = npt.NDArray[np.float32]
WARM_UP = 4000
"""Much less than the traces below, so that cuts fall before and behind its end."""
SIGMA = 6.0
"""Standard deviation of the pulses below, in samples."""


def bell(length: int, places: list[float], heights: list[float]) -> npt.NDArray[np.float64]:
    ticks = np.arange(length)[:, None]
    return (np.array(heights) * np.exp(-0.5 * ((ticks - np.array(places)) / SIGMA) ** 2)).sum(axis=1)


def trace_of(places: list[float], heights: list[float], length: int = 12_000, seed: int = 1) -> Trace:
    rng = np.random.default_rng(seed)
    pulses = bell(length, places, heights)
    return (np.stack([100 + pulses, -40 + 0.5 * pulses], 1) + rng.normal(0, 2, (length, 2))).astype(np.float32)


def find(trace: Trace, how: PulseSettings | None = None, cuts: tuple[int, ...] = ()) -> list[Pulse]:
    finder = PulseFinder(trace.shape[1], replace(how or PulseSettings(), warm_up=WARM_UP))
    pulses, tick = [], 0
    for piece in np.split(trace, sorted(cuts)):
        pulses += finder.push(piece, tick)
        tick += len(piece)
    return pulses + finder.flush()


def test_a_pulse_is_measured_as_the_closed_form_says() -> None:
    heights = [400.0, 1000.0, 2500.0]
    pulses = find(trace_of([5000.3, 7000.0, 9000.8], heights), PulseSettings(margin=16))
    assert len(pulses) == 3
    for pulse, place, height in zip(pulses, [5000.3, 7000.0, 9000.8], heights, strict=True):
        assert pulse.flags == 0
        assert pulse.centre == pytest.approx(place, abs=0.3)
        for part, gain in zip(pulse.channels, (1.0, 0.5), strict=True):
            assert part.height == pytest.approx(gain * height, rel=0.01, abs=6)
            assert part.area == pytest.approx(gain * height * SIGMA * np.sqrt(2 * np.pi), rel=0.01, abs=60)
            assert part.width == pytest.approx(SIGMA * 2.3548, rel=0.02)
            assert part.maxima == 1


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(0, 12_000), max_size=12),
    st.lists(st.integers(1, 11_999), max_size=8),
    st.integers(0, 9),
    st.sampled_from([0, 1, 8]),
    st.sampled_from([20, 4096]),
)
def test_every_cut_gives_the_same_pulses(
    places: list[float], cuts: list[int], seed: int, margin: int, longest: int
) -> None:
    heights = [60.0 + 37 * k for k in range(len(places))]
    trace = trace_of(places, heights, seed=seed)
    how = PulseSettings(margin=margin, longest=longest, on_sigmas=4, off_sigmas=2, shortest=2)
    assert find(trace, how, tuple(cuts)) == find(trace, how)


def test_single_samples_give_the_same_pulses_as_one_block() -> None:
    trace = trace_of([300.0, 4090.0, 5900.0], [500.0] * 3, length=6000)
    assert find(trace, cuts=tuple(range(1, 6000))) == find(trace)


def test_two_maxima_are_a_doublet_and_a_rebound_below_the_baseline_is_none() -> None:
    two = find(trace_of([6000.0, 6030.0], [800.0, 500.0]))
    assert [pulse.flags for pulse in two] == [PulseFlag.DOUBLET]
    assert two[0].channels[0].maxima == 2
    rebound = find(trace_of([6000.0, 6020.0], [800.0, -600.0]), PulseSettings(margin=16))
    assert [pulse.flags for pulse in rebound] == [PulseFlag(0)]


def test_saturation_length_and_ends_are_flagged() -> None:
    trace = trace_of([6000.0], [5000.0]).clip(max=2000)
    assert find(trace, PulseSettings(highest=2000))[0].flags == PulseFlag.SATURATED
    assert find(trace_of([11_995.0], [500.0]))[0].flags == PulseFlag.CUT
    step = trace_of([], [])
    step[8000:] += 300
    cut = find(step, PulseSettings(longest=500))
    assert [(pulse.flags, pulse.stop - pulse.start) for pulse in cut] == [(PulseFlag.TRUNCATED, 500)]


def test_a_baseline_that_steps_is_learnt_again() -> None:
    step = trace_of([25_000.0], [500.0], length=26_000)
    step[8000:] += 300
    pulses = find(step, PulseSettings(longest=500))
    assert [round(pulse.centre, -1) for pulse in pulses[1:]] == [25_000]
    assert pulses[1].channels[0].height == pytest.approx(500, abs=12)


def test_a_gap_ends_a_pulse_and_its_margin() -> None:
    trace = trace_of([6000.0], [500.0])
    finder = PulseFinder(2, PulseSettings())
    pulses = finder.push(trace[:6000], 0) + finder.push(trace[6000:], 9000) + finder.flush()
    assert [(pulse.start < 6000, pulse.flags) for pulse in pulses] == [(True, PulseFlag.CUT), (False, PulseFlag.CUT)]


def test_negative_pulses_measure_like_positive_ones() -> None:
    trace = trace_of([6000.0], [500.0])
    up, down = find(trace), find(-trace, PulseSettings(polarity=Polarity.NEGATIVE))
    assert up == down
    assert find(-trace) == []


def test_a_short_crossing_is_counted() -> None:
    trace = trace_of([], [])
    trace[7000] += 100
    finder = PulseFinder(2, PulseSettings())
    assert finder.push(trace, 0) + finder.flush() == []
    assert finder.too_short == 1


def test_a_trace_shorter_than_the_warm_up_is_searched_at_its_end() -> None:
    assert len(find(trace_of([500.0], [500.0], length=WARM_UP // 4))) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"off_sigmas": 7.0},
        {"shortest": 0},
        {"margin": -1},
        {"valley": 0.0},
        {"baseline": 1.0},
        {"least_noise": 0.0},
        {"warm_up": 0},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError):
        PulseSettings(**wrong)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="no channel 3"):
        PulseFinder(2, PulseSettings(channel=3))


@pytest.mark.skipif(
    not REAL_DATA.is_dir(), reason="the folder shared/data with the real records is not beside this checkout"
)
@pytest.mark.parametrize(
    ("name", "words", "count"),
    [
        ("lecroy_trc/pulse.trc", (), 1),
        ("lecroy_trc/pulse_sequence.trc", (), 20),
        ("wavedump/HPGe/WaveDump/wave0.dat", ("--longest", "4096"), 8),
    ],
)
def test_the_command_counts_the_pulses_of_real_records(name: str, words: tuple[str, ...], count: int) -> None:
    path = str(REAL_DATA / name)
    done = CliRunner().invoke(main, ["pulses", path, "--json", *words])
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rows) == count, done.output
    assert not any("doublet" in row["flags"] for row in rows)
    table = CliRunner().invoke(main, ["pulses", path, "--csv", *words])
    assert [row["start"] for row in csv.DictReader(io.StringIO(table.stdout))] == [str(row["start"]) for row in rows]
    assert len(CliRunner().invoke(main, ["pulses", path, *words]).stdout.splitlines()) == count + 1


def test_the_command_reads_any_source_and_names_its_channels() -> None:
    done = CliRunner().invoke(main, ["pulses", "sim:sheet-ci?cells=1", "--channel", "nothing"])
    assert done.exit_code == 2
    assert "There is no channel 'nothing'; choose one of transmission" in done.stderr


@pytest.mark.skipif(
    not REAL_DATA.is_dir(), reason="the folder shared/data with the real records is not beside this checkout"
)
def test_every_record_of_photon_counts_has_its_triggered_pulse() -> None:
    with trace_input(str(REAL_DATA / "wavedump" / "SiPM" / "2006272158" / "wave0.dat")) as trace:
        pieces = [(epoch, tick, samples.copy()) for epoch, tick, samples in trace.pieces]
    finder = PulseFinder(1, PulseSettings())
    pulses = [pulse for epoch, tick, samples in pieces for pulse in finder.push(samples, tick, epoch)] + finder.flush()
    records = np.searchsorted([tick for _, tick, _ in pieces], [pulse.start for pulse in pulses], side="right") - 1
    assert len(pieces) == 293
    assert set(records.tolist()) == set(range(293))
    # Photoelectrons stand alone beside the triggered pulse, most of them 105 counts high: 48 in a picture.
    assert len(pulses) == 341
