"""Recordings and runs reprocessed by one and by two processes, against a plain loop, and whether all come out the same.

Everything is simulated. `python -m benchmarks.reprocess FOLDER` keeps what it prepares in the folder, so that a second
call only measures; without a folder it is thrown away.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from distributed import Client

from acquisition.detection import detector_for
from acquisition.event import Event
from acquisition.source import blocks, open_source
from acquisition.trace_files import TraceFiles
from benchmarks.page import table
from inference.engine import Engine
from inference.shipped import resolve_bundle
from reconstruction.transform import transform_for
from service.identity import software_versions
from service.reprocess.batch import as_runs, reprocess_all
from service.reprocess.cluster import OnCluster, processes
from service.reprocess.executor import Executor, InOrder
from service.reprocess.finding import Search, find
from service.reprocess.making import reprocess
from service.reprocess.plan import Wanted
from service.runs.arming import Makers
from service.store.cell_rows import AnswerNames, cell_rows, rejected_rows
from service.store.run_folder import RunFolder

RECORDINGS = {
    "light sheet": "sim:sheet-ci?loop=none&seconds=12&rate=60",
    "time stretch": "sim:stretch-ci?loop=none&seconds=3&rate=400",
}
SEEDS = (71, 72)
"""Recordings of each kind."""
STORED = {
    "light sheet": "sim:sheet-ci?seed=73&rate=60&seconds=80",
    "time stretch": "sim:stretch-ci?seed=73&rate=400&seconds=12",
}
"""What the long runs are made of, so that settling their events is long beside the opening of a model."""
MAKERS = Makers()
BACKGROUND = ("level", "noise", "core_offsets")
RUN_HEADS = (
    "more processor (wall) than a plain loop, this process",
    "one Dask process",
    "two",
    "speed-up, one to two",
    "largest difference of answers",
)
RECORDING_HEADS = ("share of finding", "found by one", "answered", "found by two", "answered", "speed-up")


def nothing(_done: int, _total: int) -> None:
    """Nobody watches."""


def prepared(folder: Path, kind: str) -> list[Path]:
    """Return the recordings of a kind, made where they are not there."""
    paths = []
    for seed in SEEDS:
        path = folder / f"{kind.replace(' ', '-')}-{seed}" / "trace-0001.h5"
        if not path.exists():
            path.parent.mkdir(parents=True)
            record(f"{RECORDINGS[kind]}&seed={seed}", path)
        paths.append(path)
    return paths


def stored(root: Path) -> dict[str, Path]:
    """Return the long runs, made where they are not there."""
    version = software_versions()["lightline"]
    ids = {kind: f"20260101T000000000Z-{number:06x}" for number, kind in enumerate(STORED)}
    return {kind: find(Search(url, root, ids[kind], None, version, MAKERS)) for kind, url in STORED.items()}


def record(url: str, path: Path) -> None:
    """Write what a source gives to a trace file."""
    with open_source(url) as source:
        files = TraceFiles(path, source.instrument, origin=source.origin)
        for block in blocks(source):
            files.append(block)
        files.close()


def events_of(path: Path) -> Iterator[Event]:
    """Return what one detector finds in the single stream of a recording."""
    with open_source(str(path)) as source:
        detector = detector_for(source.instrument)
        for block in blocks(source):
            yield from detector.push(block)
        yield from detector.flush()


def same_events(recording: Path, run: Path) -> int:
    """Return how many events a run has of a recording; raises `ValueError` if one differs from the single stream's."""
    count = 0
    with closing(RunFolder.open(run)) as folder:
        for event in events_of(recording):
            stored, count = folder.event(event.event_id), count + 1
            plain = replace(event, window=stored.window, background=stored.background)
            arrays = [(getattr(event.background, name), getattr(stored.background, name)) for name in BACKGROUND]
            if plain != stored or any(a.tobytes() != b.tobytes() for a, b in [(event.window, stored.window), *arrays]):
                raise ValueError(f"The event {event.event_id} of '{run}' is not the one of the single stream.")
        if count != len(folder.event_places()):
            raise ValueError(f"The run '{run}' has {len(folder.event_places())} events, the single stream {count}.")
    return count


@dataclass(frozen=True)
class Took:
    """Seconds by the wall, and of all processes' processors: the second also means something on a busy computer."""

    wall_s: float
    cpu_s: float

    @classmethod
    def since(cls, workers: Executor | None = None, before: Took | None = None) -> Took:
        """Return both clocks as they stand, less how they stood before."""
        spent = time.process_time()
        if isinstance(workers, OnCluster):
            spent += sum(workers.client.run(time.process_time).values())
        return cls(time.perf_counter() - (before.wall_s if before else 0.0), spent - (before.cpu_s if before else 0.0))


def plain_loop(run: Path) -> Took:
    """What the same work costs without chunks, books or files: windows, images, answers, rows."""
    began = Took.since()
    with closing(RunFolder.open(run)) as folder:
        instrument = folder.run().instrument
        bundle, transform = resolve_bundle(None, instrument), transform_for(instrument)
        transform.warm()
        engine, names = Engine(bundle, threads=1), AnswerNames.of(bundle.contract)
        engine.warm(explain=False)
        inputs = [spec.channel for spec in bundle.contract.inputs]
        channels = list(dict.fromkeys([transform.live_channels[0], *inputs]))
        events, rows = folder.event_places(["event_id"])["event_id"].tolist(), []
        for first in range(0, len(events), 32):
            images = transform.images(folder.events(events[first : first + 32]), channels, cells_first=True)
            cells, rejected = images.take(images.is_cell), images.take(~images.is_cell)
            if len(cells):
                rows.append(cell_rows(cells, engine.answer(cells), names, instrument.sample_rate_hz))
            if len(rejected):
                rows.append(rejected_rows(rejected, instrument.sample_rate_hz))
    return Took.since(None, began)


def made(run: Path, workers: Executor, name: str) -> Took:
    """What some executor takes for a result set."""
    began = Took.since(workers)
    reprocess(run, Wanted(name=name, chunk=256), MAKERS, workers=workers)
    return Took.since(workers, began)


def farthest(run: Path, name: str) -> float:
    """Largest difference of a set's numbers from those of the one made here; infinite where anything else differs."""
    worst = 0.0
    for part in ("cells", "rejected"):
        mine, plain = (pq.read_table(run / "results" / one / part) for one in (name, "here"))
        if mine.column_names != plain.column_names or mine.num_rows != plain.num_rows:
            return float("inf")
        for column in mine.column_names:
            a, b = (one.column(column).combine_chunks() for one in (mine, plain))
            if a.equals(b):
                continue
            if pa.types.is_list(a.type):
                a, b = (one.values for one in (a, b))
            if not pa.types.is_floating(a.type):
                return float("inf")
            worst = max(worst, float(np.nanmax(np.abs(a.to_numpy(False) - b.to_numpy(False)))))
    return worst


def timed_recordings(recordings: list[Path], root: Path, workers: Executor) -> tuple[Took, Took]:
    """What it takes to find the events of recordings, and to answer for them."""
    shutil.rmtree(root, ignore_errors=True)
    began = Took.since(workers)
    runs = as_runs(recordings, root, None, workers, MAKERS, nothing)
    finding, begun = Took.since(workers, began), Took.since(workers)
    list(reprocess_all(runs, Wanted(name="answers", chunk=256), workers, MAKERS, nothing))
    return finding, Took.since(workers, begun)


def main() -> None:
    """Print what the documentation shows."""
    kept = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp(prefix="reprocess-"))
    recordings = {kind: prepared(kept, kind) for kind in RECORDINGS}
    (kept / "runs").mkdir(exist_ok=True)
    runs = {kind: as_runs(paths, kept / "runs", None, InOrder(), MAKERS, nothing) for kind, paths in recordings.items()}
    for kind, found in runs.items():
        counted = [same_events(path, run) for path, run in zip(recordings[kind], found, strict=True)]
        print(f"{kind}: {sum(counted)} events of {len(found)} recordings are those of the single stream, bit for bit.")
        for run in found:
            shutil.rmtree(run / "results", ignore_errors=True)
    long = stored(kept / "runs")
    for run in long.values():
        shutil.rmtree(run / "results", ignore_errors=True)
        # Compiled kernels are read, and so is the disk, before anything is measured.
        plain_loop(run)
    plain = {kind: plain_loop(run) for kind, run in long.items()}
    here = {kind: made(run, InOrder(), "here") for kind, run in long.items()}
    taken: dict[tuple[int, str], tuple[Took, Took, Took]] = {}
    for count in (1, 2):
        with processes(count) as local, Client(local) as client:
            workers = OnCluster(client)
            for kind, run in long.items():
                timed_recordings(recordings[kind], kept / "timed", workers)
                took = made(run, workers, f"by-{count}")
                taken[count, kind] = took, *timed_recordings(recordings[kind], kept / "timed", workers)
    rows: list[tuple[object, ...]] = []
    whole: list[tuple[object, ...]] = []
    for kind, run in long.items():
        with closing(RunFolder.open(run)) as folder:
            events = len(folder.event_places())
        (one, *alone), (two, *together) = taken[1, kind], taken[2, kind]
        costs = [more(took, plain[kind]) for took in (here[kind], one, two)]
        worst = max(farthest(run, f"by-{count}") for count in (1, 2))
        each = f"{1e3 * plain[kind].cpu_s / events:.2f} ms"
        rows.append((kind, each, *costs, f"{one.wall_s / two.wall_s:.2f}", f"{worst:.1e}"))
        walls = [sum(took.wall_s for took in both) for both in (alone, together)]
        share = alone[0].cpu_s / sum(took.cpu_s for took in alone)
        times = [f"{took.wall_s:.1f} s" for took in (*alone, *together)]
        whole.append((kind, f"{share:.0%}", *times, f"{walls[0] / walls[1]:.2f}"))
    print(table(("stored run", "processor, an event", *RUN_HEADS), rows))
    print(table(("two recordings", *RECORDING_HEADS), whole))
    if len(sys.argv) < 2:
        shutil.rmtree(kept)


def more(took: Took, plain: Took) -> str:
    """Say how much more something takes than the plain loop."""
    return f"{took.cpu_s / plain.cpu_s - 1:+.1%} ({took.wall_s / plain.wall_s - 1:+.1%})"


if __name__ == "__main__":
    main()
