"""The service's figures in the text format of Prometheus; every label exists from the start, at 0."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reconstruction.images import Rejection
from service.run import DropReason, Ledger
from service.status import (
    BUCKETS_S,
    DiskStatus,
    DriftStatus,
    Latency,
    ServiceState,
    ServiceStatus,
    SinkStatus,
    SortStatus,
    Stage,
)

QUEUES = ("blocks", "events", "batches", "answers")

Sample = tuple[Mapping[str, str], float]


def _family(name: str, kind: str, help_text: str, samples: list[Sample]) -> Iterator[str]:
    full = f"lightline_{name}"
    yield f"# HELP {full} {help_text}"
    yield f"# TYPE {full} {kind}"
    for labels, value in samples:
        text = ",".join(f'{key}="{_escaped(label)}"' for key, label in labels.items())
        yield f"{full}{{{text}}} {value:.10g}" if text else f"{full} {value:.10g}"


def _escaped(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _by_reason(known: tuple[str, ...], counts: Mapping[str, int]) -> list[Sample]:
    return [({"reason": reason}, counts.get(reason, 0)) for reason in dict.fromkeys((*known, *counts))]


def _ledger(ledger: Ledger) -> Iterator[str]:
    rejections = tuple(reason.value for reason in Rejection if reason)
    yield from _family("detected_events_total", "counter", "Events found in this run.", [({}, ledger.detected)])
    yield from _family("stored_events_total", "counter", "Cells stored with an answer.", [({}, ledger.stored)])
    yield from _family(
        "rejected_events_total", "counter", "Events that cannot be judged.", _by_reason(rejections, ledger.rejected)
    )
    yield from _family(
        "dropped_events_total", "counter", "Events lost after detection.", _by_reason(tuple(DropReason), ledger.dropped)
    )
    yield from _family("in_flight_events", "gauge", "Events not finished yet.", [({}, ledger.in_flight)])
    yield from _family("received_samples_total", "counter", "Samples per channel received.", [({}, ledger.samples)])
    yield from _family("lost_samples_total", "counter", "Samples the source lost.", [({}, ledger.samples_lost)])
    yield from _family(
        "unknown_losses_total", "counter", "Losses whose size is unknown.", [({}, ledger.losses_of_unknown_size)]
    )
    yield from _family(
        "repeated_samples_total", "counter", "Samples the source gave twice.", [({}, ledger.samples_repeated)]
    )
    yield from _family("overruns_total", "counter", "Times the digitizer overran.", [({}, ledger.overruns)])
    yield from _family("recorded_samples_total", "counter", "Samples kept in files.", [({}, ledger.recorded)])
    yield from _family(
        "unrecorded_samples_total", "counter", "Samples missing in the recording.", [({}, ledger.unrecorded)]
    )


def _latency(status: ServiceStatus) -> Iterator[str]:
    found = {stage.value: status.latency.get(stage.value, Latency()) for stage in Stage}
    yield "# HELP lightline_latency_seconds Time of a stored event in a stage."
    yield "# TYPE lightline_latency_seconds histogram"
    for stage, latency in found.items():
        buckets = [(f"{end:g}", count) for end, count in zip(BUCKETS_S, latency.buckets, strict=True)]
        for end, count in [*buckets, ("+Inf", latency.count)]:
            yield f'lightline_latency_seconds_bucket{{stage="{stage}",le="{end}"}} {count}'
        yield f'lightline_latency_seconds_sum{{stage="{stage}"}} {latency.sum_s:.10g}'
        yield f'lightline_latency_seconds_count{{stage="{stage}"}} {latency.count}'
    quantiles: list[Sample] = [
        ({"stage": stage, "quantile": quantile}, value_ms / 1e3)
        for stage, latency in found.items()
        for quantile, value_ms in (
            ("0.5", latency.p50_ms),
            ("0.99", latency.p99_ms),
            ("0.999", latency.p999_ms),
            ("1", latency.max_ms),
        )
    ]
    yield from _family("latency_quantile_seconds", "gauge", "The same over the whole run.", quantiles)
    worst: list[Sample] = [({"stage": stage}, latency.max_event_id) for stage, latency in found.items()]
    yield from _family("latency_worst_event", "gauge", "Id of the event that took longest; 0 for none.", worst)


def _queues(status: ServiceStatus, what: str) -> list[Sample]:
    samples: list[Sample] = []
    for queue in dict.fromkeys((*QUEUES, *status.queues)):
        found = status.queues.get(queue)
        samples.append(({"queue": queue}, 0 if found is None else found.size if what == "size" else found.bound))
    return samples


def _drift(drift: DriftStatus | None) -> Iterator[str]:
    alarm, windows, alarms = (drift.alarm, drift.windows, drift.alarms) if drift else (False, 0, 0)
    yield from _family("drift_alarm", "gauge", "1 while cells differ from the model's own.", [({}, float(alarm))])
    yield from _family("drift_windows_total", "counter", "Windows of cells compared in this run.", [({}, windows)])
    yield from _family("drift_alarms_total", "counter", "Of them raised the alarm.", [({}, alarms)])


def _sink(sink: SinkStatus | None) -> Iterator[str]:
    connected, behind, copied, failures = (
        (sink.connected, sink.behind_rows, sink.copied_rows, sink.failures) if sink else (False, 0, 0, 0)
    )
    yield from _family("sink_connected", "gauge", "1 while the PostgreSQL sink is there.", [({}, float(connected))])
    yield from _family("sink_behind_rows", "gauge", "Sealed rows that are not in the sink yet.", [({}, behind)])
    yield from _family("sink_copied_rows_total", "counter", "Since the service started.", [({}, copied)])
    yield from _family("sink_failures_total", "counter", "Attempts to copy that came to nothing.", [({}, failures)])


def _disk(disk: DiskStatus | None) -> Iterator[str]:
    free, warning = (disk.free_bytes, disk.warning) if disk else (0, False)
    yield from _family("disk_free_bytes", "gauge", "Free where runs are stored.", [({}, free)])
    yield from _family("disk_warning", "gauge", "1 while too little is free.", [({}, float(warning))])


def _sorting(sort: SortStatus | None) -> Iterator[str]:
    selected, others, missed = (sort.selected, sort.decided - sort.selected, sort.missed) if sort else (0, 0, 0)
    latency = sort.latency if sort else Latency()
    decided: list[Sample] = [({"decision": "true"}, selected), ({"decision": "false"}, others)]
    yield from _family("sort_decisions_total", "counter", "Decisions published for sorters in this run.", decided)
    yield from _family("sort_missed_total", "counter", "Messages that a slow subscriber missed.", [({}, missed)])
    pairs = (("0.5", latency.p50_ms), ("0.99", latency.p99_ms), ("0.999", latency.p999_ms), ("1", latency.max_ms))
    quantiles: list[Sample] = [({"quantile": quantile}, value_ms / 1e3) for quantile, value_ms in pairs]
    yield from _family("sort_latency_quantile_seconds", "gauge", "From last sample to decision sent.", quantiles)


def _lines(status: ServiceStatus) -> Iterator[str]:
    yield from _family(
        "service_state",
        "gauge",
        "1 for the state the service is in.",
        [({"state": state.value}, float(state is status.state)) for state in ServiceState],
    )
    yield from _ledger(status.ledger)
    yield from _family("event_rate_hertz", "gauge", "Events detected a second.", [({}, status.event_rate_hz)])
    yield from _family("cell_rate_hertz", "gauge", "Cells stored a second.", [({}, status.cell_rate_hz)])
    yield from _latency(status)
    yield from _family(
        "line_comes_first",
        "gauge",
        "1 where a live run comes before other programs.",
        [({}, float(status.came_first or 0))],
    )
    yield from _family("queue_items", "gauge", "Items waiting between two stages.", _queues(status, "size"))
    yield from _family("queue_bound_items", "gauge", "Most items that may wait.", _queues(status, "bound"))
    yield from _family("inference_workers", "gauge", "Workers that have joined.", [({}, len(status.workers))])
    yield from _family(
        "workers_refused_total", "counter", "Connections without a known key.", [({}, status.workers_refused)]
    )
    yield from _family(
        "workers_replaced_total", "counter", "Own processes that had died.", [({}, status.workers_replaced)]
    )
    yield from _family(
        "batches_given_again_total",
        "counter",
        "Because a worker was silent, or had died.",
        [({}, status.batches_given_again)],
    )
    yield from _sorting(status.sort)
    yield from _drift(status.drift)
    yield from _sink(status.sink)
    yield from _disk(status.disk)
    yield from _family("uptime_seconds", "gauge", "Since the service started.", [({}, status.uptime_s)])


def prometheus_text(status: ServiceStatus) -> str:
    """Return the figures of one moment.

    Parameters
    ----------
    status
        A snapshot; its ledger is that of the run in progress, otherwise of the last one, so that counters begin
        again with every run, as Prometheus expects of a counter that is reset.
    """
    return "\n".join(_lines(status)) + "\n"
