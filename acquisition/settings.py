"""What the detector has to know about a kind of instrument."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DetectionSettings:
    """Settings of `PeriodicDetector`; lengths are counted in periods (scans or lines).

    Attributes
    ----------
    score_channel
        Column that is watched for triggers.
    nominal_period_ticks
        Where to look for the period.
    anchor, anchor_is_edge
        Phase that the clock gives to the rising edge of the light (True) or to its centre (False).
    active_share
        Phases count as active where the background passes this share of its highest level.
    edge_bins
        Phases this near to dark ones do not, in bins of `BINS_PER_TICK`.
    window_before, window_after
        Window on either side of the centre of a trigger.
    signal_before, signal_after
        Stretch around the centre of a trigger in which some channel carries the event's light; 0 where that is
        the trigger itself.
    shortest, longest
        Triggers shorter than `shortest` are noise, those longer than `longest` are not one cell.
    bridge
        A trigger survives this many periods below the lower threshold.
    overlap
        A trigger that comes closer than this to the centre of another shares its window.
    step_um
        Flow of one period, at the nominal speed.
    period_um
        Length that a whole period would cover across the flow.
    first_phase, last_phase
        Where in a period the field begins and ends.
    runs_back
        Whether every odd period runs backwards.
    on_sigma, off_sigma
        Thresholds in multiples of the measured noise of the score.
    frame
        Periods that are taken at a time.
    learn_every
        Clock and background follow the stream in one of so many frames, more often where a stretch begins.
    calibration, fewest
        Periods that clock and background are first measured on, and the fewest that will do at the end of a stream.
    relock, relock_turns
        Periods on which a known clock is found again after a gap, and how many times as many are tried.
    lost
        Periods without a quiet frame after which the clock is looked for again.
    """

    score_channel: int
    nominal_period_ticks: float
    anchor: float
    anchor_is_edge: bool
    active_share: float
    edge_bins: int
    window_before: float
    window_after: float
    signal_before: float
    signal_after: float
    shortest: int
    longest: int
    bridge: int
    overlap: float
    step_um: float
    period_um: float
    first_phase: float
    last_phase: float
    runs_back: bool = False
    on_sigma: float = 8.0
    off_sigma: float = 4.0
    frame: int = 64
    learn_every: int = 1
    calibration: int = 2048
    fewest: int = 16
    relock: int = 4
    relock_turns: int = 4
    lost: int = 256
