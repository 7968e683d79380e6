"""Frames of which only few lines are looked at must not hide an event that all scores together would give."""

import math

import numpy as np
import pytest

from acquisition.event import BINS_PER_TICK
from acquisition.quiet_runs import certainly_quiet
from acquisition.scoring import new_steps, score_periods
from acquisition.templates import MARGIN_TICKS, Watched, fill_templates, new_templates
from acquisition.triggers import TriggerFinder

FRAME, PERIOD, ORIGIN, OFF, ON = 64, 87.21, 12.3, 1.5, 2.5


@pytest.fixture(scope="module")
def templates():
    level = np.full(math.ceil(BINS_PER_TICK * PERIOD * 1.01), 40.0, np.float32)
    active = np.arange(level.size) < BINS_PER_TICK * (PERIOD - 2)
    made = new_templates((0, int(active.sum())), 1, shifting=False)
    fill_templates(made, level, active, np.zeros(1))
    return made


def frame_of(strengths):
    """A frame whose lines differ from the empty one by so many counts."""
    ticks = np.arange(math.ceil(ORIGIN + (FRAME + 1) * PERIOD) + MARGIN_TICKS)
    line = np.clip(((ticks - ORIGIN) // PERIOD).astype(int), 0, FRAME - 1)
    return Watched((40 + strengths[line] * (-1) ** ticks).astype(np.int8), 1, 0, 0)


def known_quiet(watched, templates, shortest=24, bridge=6):
    room = np.zeros(FRAME, np.float32)
    return certainly_quiet(watched, ORIGIN, PERIOD, templates, new_steps(), room, OFF, shortest, bridge)


def all_scores(watched, templates):
    scores = np.empty(FRAME, np.float32)
    score_periods(watched, ORIGIN, PERIOD, templates, new_steps(), scores)
    return scores


@pytest.mark.parametrize("share", [0.02, 0.1, 0.3, 0.6])
@pytest.mark.parametrize(("shortest", "bridge"), [(24, 6), (9, 2), (40, 3)])
def test_no_event_is_missed_and_no_trigger_left_open(templates, share, shortest, bridge):
    rng, told = np.random.default_rng(round(100 * share) + shortest), 0
    for _ in range(200):
        strengths = np.where(rng.random(FRAME) < share, rng.integers(1, 4, FRAME), 0)
        first = rng.integers(0, FRAME)
        length = min(rng.integers(0, 2 * shortest), FRAME - first)
        strengths[first : first + length] = rng.choice([0, 3], length, p=[0.2, 0.8])
        watched = frame_of(strengths)
        scores, known = all_scores(watched, templates), known_quiet(watched, templates, shortest, bridge)
        finder = TriggerFinder(shortest, bridge, 1000, FRAME)
        found = finder.push(0, scores, 0.0, ON, OFF)
        assert known <= np.sum(scores <= OFF)
        if known:
            told += 1
            assert not found
            assert finder.open_since is None
    assert told > 0 or share > 0.2


def test_loud_lines_between_quiet_runs_are_passed_over(templates):
    strengths = np.zeros(FRAME, int)
    strengths[[3, 22, 27, 40, 56]] = 3
    assert known_quiet(frame_of(strengths), templates) >= FRAME // 4
    strengths[60] = 3
    assert known_quiet(frame_of(strengths), templates) == 0


@pytest.mark.parametrize("first", range(0, FRAME - 24, 3))
def test_the_shortest_event_is_seen_wherever_it_lies(templates, first):
    strengths = np.zeros(FRAME, int)
    strengths[first : first + 24 : 6] = strengths[first + 23] = 3
    assert known_quiet(frame_of(strengths), templates) == 0


def test_runs_as_long_as_events_are_no_help(templates):
    assert known_quiet(frame_of(np.zeros(FRAME, int)), templates, shortest=7, bridge=6) == 0
