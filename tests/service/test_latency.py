"""An operator reads from the metrics how late answers are, in which stage, and which event was the worst."""

from __future__ import annotations

import time

import numpy as np
import pytest
from line_parts import KnownTransform, known_answers, known_event

from inference.finished import Finished
from service.api.metrics import prometheus_text
from service.runs.arrivals import Arrivals
from service.runs.meters import LatencyMeter, StageMeters
from service.status import BUCKETS_S, Latency, ServiceState, ServiceStatus, Stage


def ids(count: int, first: int = 1) -> np.ndarray:
    return np.arange(first, first + count, dtype=np.uint64)


def test_quantiles_are_those_of_the_durations_to_six_percent() -> None:
    durations = np.random.default_rng(1).lognormal(np.log(0.004), 1.2, 20_000)
    meter = LatencyMeter()
    for first in range(0, 20_000, 31):
        meter.add(durations[first : first + 31], ids(len(durations[first : first + 31]), first + 1))
    summary = meter.summary()
    exact = np.quantile(durations, [0.5, 0.99, 0.999]) * 1e3
    assert [summary.p50_ms, summary.p99_ms, summary.p999_ms] == pytest.approx(exact, rel=0.06)
    assert summary.max_ms == pytest.approx(1e3 * durations.max())
    assert summary.max_event_id == 1 + int(np.argmax(durations))
    assert summary.buckets == tuple(int((durations <= end).sum()) for end in BUCKETS_S)
    assert summary.sum_s == pytest.approx(durations.sum()) and summary.count == 20_000


@pytest.mark.parametrize("duration_s", [0.0, 1e-7, 0.0001, 0.3, 10.0, 5000.0])
def test_a_single_event_is_its_own_median_and_never_beyond_the_longest(duration_s: float) -> None:
    meter = LatencyMeter()
    assert meter.summary() == Latency()
    meter.add(np.array([duration_s]), ids(1, 7))
    summary = meter.summary()
    assert summary.p50_ms <= summary.p999_ms <= summary.max_ms == 1e3 * duration_s
    assert summary.buckets == tuple(int(duration_s <= end) for end in BUCKETS_S)


def test_the_age_of_an_event_is_that_of_its_last_sample() -> None:
    arrivals, came = Arrivals(), []
    for end in (1000, 2000, 3000):
        arrivals.enter(0, end)
        came.append(time.monotonic())
        time.sleep(0.002)
    arrivals.enter(1, 500)
    events = [known_event(k, tick) for k, tick in ((1, 500), (2, 1500), (3, 2990))]
    found = arrivals.of(events)
    # The window of the last event ends after tick 3000: it was complete with the epoch that follows.
    assert found[0] <= came[0] < found[1] <= came[1] < came[2] < found[2] <= time.monotonic()


def test_stages_add_up_to_the_total_of_every_event_also_where_cells_were_put_first() -> None:
    events = [known_event(k, 500 * k) for k in (6, 8, 7)]
    images = KnownTransform().images(events)
    stamps = np.array([[6.0, 6.5], [8.0, 8.5], [7.0, 7.25]])
    cells = images.take(images.is_cell)
    answers = known_answers(cells.event_id, cells.event_id)
    now = time.monotonic()
    finished = Finished(images, cells, answers, "", stamps + now - 20, now - 10, now - 9)
    meters = StageMeters()
    meters.add(finished, np.array([True, True, True]))
    found = meters.summary()
    assert {stage: latency.count for stage, latency in found.items()} == {
        "detect": 3, "transform": 3, "infer": 2, "store": 3, "total": 3
    }  # fmt: skip
    assert found["detect"].sum_s == pytest.approx(1.25) and found["infer"].sum_s == pytest.approx(2.0)
    assert found["transform"].sum_s == pytest.approx(3.5 + 1.5 + 2.75)
    # Event 7 is rejected: it waits for its batch all the same.
    parts = sum(found[stage.value].sum_s for stage in Stage if stage is not Stage.TOTAL) + 1.0
    assert found["total"].sum_s == pytest.approx(parts, abs=1e-3) and found["total"].max_event_id == 6


def test_the_metrics_are_histograms_with_every_bucket_and_the_worst_event() -> None:
    meter = LatencyMeter()
    meter.add(np.array([0.003, 0.4, 20.0]), ids(3, 40))
    text = prometheus_text(ServiceStatus(state=ServiceState.ACQUIRING, latency={"total": meter.summary()}))
    lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    for end, count in (("0.002", 0), ("0.005", 1), ("0.5", 2), ("10", 2), ("+Inf", 3)):
        assert lines[f'lightline_latency_seconds_bucket{{stage="total",le="{end}"}}'] == str(count)
        assert lines[f'lightline_latency_seconds_bucket{{stage="detect",le="{end}"}}'] == "0"
    assert float(lines['lightline_latency_seconds_sum{stage="total"}']) == pytest.approx(20.403)
    assert lines['lightline_latency_worst_event{stage="total"}'] == "42"
    assert float(lines['lightline_latency_quantile_seconds{stage="total",quantile="1"}']) == 20.0
