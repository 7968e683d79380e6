"""What the status says of drift, window by window."""

from __future__ import annotations

import numpy as np

from inference.contract import DriftSpec
from inference.drift import WINDOW, reference_quantiles
from service.api.metrics import prometheus_text
from service.runs.drift_monitor import DriftMonitor
from service.status import ServiceState, ServiceStatus


def embedding(n: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 1, (n, 4)).astype(np.float32)


def monitor() -> DriftMonitor:
    quantiles = tuple(tuple(axis) for axis in reference_quantiles(embedding(1000, 0)))
    return DriftMonitor(DriftSpec(quantiles=quantiles, cells=1000))


def test_nothing_is_said_before_a_window_is_full_or_without_a_reference() -> None:
    watched, blind = monitor(), DriftMonitor(None)
    watched.add(embedding(WINDOW - 1, 1))
    blind.add(embedding(WINDOW, 1))
    assert watched.status() is None and blind.status() is None


def test_the_alarm_is_raised_and_ends_with_what_raised_it() -> None:
    watched = monitor()
    said = []
    for shift in (0.0, 1.0, 0.0):
        for part in range(5):
            watched.add(embedding(WINDOW // 5, 10 + part) + np.float32([0, 0, shift, 0]))
        status = watched.status()
        assert status is not None
        said.append((status.alarm, status.windows, status.alarms))
    assert said == [(False, 1, 0), (True, 2, 1), (False, 3, 1)]


def test_prometheus_is_told_from_the_start() -> None:
    idle = ServiceStatus(state=ServiceState.IDLE)
    assert "lightline_drift_alarm 0" in prometheus_text(idle)
    watched = monitor()
    watched.add(embedding(WINDOW, 1) + 1)
    status = idle.model_copy(update={"drift": watched.status()})
    text = prometheus_text(status)
    assert "lightline_drift_alarm 1" in text and "lightline_drift_alarms_total 1" in text
