"""Detection: whole streams through the detector, against numpy and scipy doing the same, and against the memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from acquisition.background import watched_channel
from acquisition.block import Block, Samples
from acquisition.detection import detector_for
from acquisition.instrument import Instrument
from acquisition.periodic import PeriodicDetector
from acquisition.source import blocks, open_source
from acquisition.walk import whole_periods
from benchmarks.false_triggers import NOTHING
from benchmarks.plain_detection import NumpyDetector
from benchmarks.timing import Row, in_turn, read_once

BLOCK_BYTES = 4 << 20
LEAD_PERIODS = 4096
"""Periods that the detector has seen before time is taken: clock and background are measured once a run."""
FASTER = 40
"""A small time stretch whose clocks all run so much faster gives the same samples as one of 12 M lines/s at 4 GS/s."""
STREAMS = (
    ("line detector, 345 samples a line, one view, 4 GS/s", "sim:stretch-ci?seconds=1&seed=3", "rate=100", FASTER),
    ("line detector, 341 samples a line, five views, 4 GS/s", "sim:atom-4g?seconds=0.03&seed=3", "rate=10000", 1),
    ("light sheet, 4 channels x 30 MS/s, 200 cells/s", "sim:sheet-real?seconds=1&seed=3", "rate=200", 1),
)
"""What, the stream, its cells, and `FASTER`."""


def stream_of(url: str, faster: int = 1) -> tuple[Instrument, Samples]:
    """Simulate a stream in memory, and say whose it is; see `FASTER`."""
    with open_source(url, threads="all") as source:
        instrument, samples = source.instrument, np.concatenate([block.data for block in blocks(source)])
    if faster == 1:
        return instrument, samples
    rate_hz = instrument.sample_rate_hz * faster
    optics = instrument.time_stretch
    return instrument.model_copy(
        update={
            "digitizer": instrument.digitizer.model_copy(update={"sample_rate_hz": rate_hz}),
            "flow_speed_m_s": instrument.flow_speed_m_s * faster,
            "optics": optics.model_copy(update={"line_rate_hz": optics.line_rate_hz * faster}),
        }
    ), samples


def lead_ticks(detector: PeriodicDetector) -> int:
    """Return the length of `LEAD_PERIODS`."""
    return int(LEAD_PERIODS * detector.settings.nominal_period_ticks)


def _warm_detector(instrument: Instrument, samples: Samples) -> tuple[PeriodicDetector, int]:
    """A detector that has seen the beginning of the stream, and where it stands."""
    detector = detector_for(instrument)
    lead = lead_ticks(detector)
    detector.push(Block(samples[:lead], 0))
    return detector, lead


def looped(instrument: Instrument, samples: Samples) -> tuple[PeriodicDetector, Callable[[], Iterator[Block]], Samples]:
    """A detector that has seen the beginning of a stream, turns of what follows at ever later ticks, and one turn."""
    detector, lead = _warm_detector(instrument, samples)
    body = samples[lead:]
    size = BLOCK_BYTES // (samples.itemsize * samples.shape[1])
    period = detector.clock.period_ticks
    # The stream begins again where lines and converter cores are at the same phase, so that no pass meets a slip.
    lengths = np.arange(1, int(body.shape[0] / period)) * period
    cores = instrument.digitizer.interleave_cores
    whole = round(lengths[np.abs((lengths + 0.5) % cores - 0.5) < 0.2][-1])
    begin = [lead]

    def turn() -> Iterator[Block]:
        for at in range(0, whole, size):
            piece = body[at : min(at + size, whole)]
            yield Block(piece, begin[0], lost_before=0)
            begin[0] += piece.shape[0]

    return detector, turn, body[:whole]


def _detecting(instrument: Instrument, samples: Samples) -> tuple[Callable[[], object], Samples]:
    """Push a stream block by block, again and again; return that and the samples of one turn."""
    detector, turn, body = looped(instrument, samples)
    return lambda: [event for block in turn() for event in detector.push(block)], body


def _scoring(instrument: Instrument, samples: Samples) -> tuple[Callable[[], object], int]:
    """Score every period and do nothing else; return that and the number of periods."""
    detector, _ = _warm_detector(instrument, samples)
    calibration = detector._calibration
    watched = watched_channel(samples, detector.settings.score_channel, 0)
    calibration.clock.align(0)
    calibration.clock.origin_tick %= calibration.clock.period_ticks
    n_periods = whole_periods(watched, calibration.clock.state, samples.shape[0])
    return lambda: calibration.score(watched, n_periods), n_periods


def _numpy_detector(instrument: Instrument, samples: Samples) -> Callable[[], object]:
    """The same in numpy and scipy."""
    plain = NumpyDetector(_warm_detector(instrument, samples)[0])
    return lambda: list(plain.events(samples))


def rows() -> Iterator[Row]:
    """Figures of both instruments, one core, clock and background followed all the while."""
    for what, url, cells, faster in STREAMS:
        instrument, samples = stream_of(f"{url}&{cells}", faster)
        detect, body = _detecting(instrument, samples)
        ours, _, ratio = in_turn(detect, _numpy_detector(instrument, body), rounds=3)
        periods = body.shape[0] / detector_for(instrument).settings.nominal_period_ticks
        seconds = body.shape[0] / instrument.sample_rate_hz
        yield Row(what, periods / ours / 1e6, "M periods/s", "numpy and scipy", ratio)
        yield Row(what, seconds / ours, "s per s", "of one core at real time", ours / seconds)
        yield from _against_memory(what, detect, body, periods)
        scoring, n_periods = _scoring(instrument, body)
        yield from _against_memory(f"{what}: the score alone", scoring, body, n_periods)
        detect, body = _detecting(*stream_of(f"{url}&{NOTHING}", faster))
        periods = body.shape[0] / detector_for(instrument).settings.nominal_period_ticks
        yield from _against_memory(f"{what}: nothing flows", detect, body, periods)


def _against_memory(what: str, work: Callable[[], object], body: Samples, periods: float) -> Iterator[Row]:
    """Periods and bytes a second of work on samples, and its share of what reading them alone would reach."""
    ours, _, share = in_turn(work, read_once(body))
    yield Row(what, periods / ours / 1e6, "M periods/s", "reading the memory", share)
    yield Row(what, body.nbytes / ours / 1e9, "GB/s", "reading the memory", share)
