"""Recordings and runs reprocessed by one and by two processes, against a plain loop, and whether all come out the same.

Every kind of run is there short, where opening run and model weighs, and long. Everything is simulated.
`python -m benchmarks.reprocess [FOLDER] [--only recordings | runs]` keeps what it prepares in the folder, so that a
second call only measures; without a folder it is thrown away.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from distributed import Client

from benchmarks.long_runs import MAKERS, stored_runs
from benchmarks.page import table
from benchmarks.searched_recordings import RECORDINGS, prepared, same_events
from inference.engine import Engine
from inference.shipped import resolve_bundle
from reconstruction.transform import transform_for
from service.reprocess.batch import as_runs, reprocess_all
from service.reprocess.cluster import OnCluster, processes
from service.reprocess.executor import Executor, InOrder
from service.reprocess.making import reprocess
from service.reprocess.plan import Wanted
from service.store.run_folder import RunFolder
from service.store.tables.cell_rows import AnswerNames, cell_rows, rejected_rows

IN_MEMORY = Path("/dev/shm")
"""Where runs are made that are timed, so that nobody waits for the disk."""
TIMES = 3
"""How often everything is done with a run, of which the quickest counts."""
WAYS = {"plain": "plain loop", "here": "this process", "by-1": "one Dask process", "by-2": "two"}
RUN_HEADS = (
    "stored run",
    "plain loop, processor",
    "more processor (wall) than a plain loop, this process",
    "one Dask process",
    "two",
    "speed-up, one to two",
    "largest difference of answers",
)
FIXED_HEADS = ("what it costs of processors", "a run", "and an event of it")
RECORDING_HEADS = ("share of finding", "found by one", "answered", "found by two", "answered", "speed-up")


def nothing(_done: int, _total: int) -> None:
    """Nobody watches."""


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


Taken = dict[tuple[str, str, str], Took]
"""By kind of run, its length, and who did it."""


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
    shutil.rmtree(run / "results" / name, ignore_errors=True)
    began = Took.since(workers)
    reprocess(run, Wanted(name=name), MAKERS, workers=workers)
    return Took.since(workers, began)


def side_by_side(run: Path, ways: dict[str, Callable[[Path], Took]]) -> dict[str, Took]:
    """Return the quickest of some turns of each way, all of them taking turns, with the run's windows in memory."""
    took: dict[str, list[Took]] = {who: [] for who in ways}
    for _ in range(TIMES):
        for who, ask in ways.items():
            into_memory(run.glob("windows*.h5"))
            took[who].append(ask(run))
    return {who: min(each, key=lambda one: one.wall_s) for who, each in took.items()}


def into_memory(files: Iterable[Path]) -> None:
    """Read files, so that whoever reads them next does not wait for the disk."""
    for file in files:
        with file.open("rb") as opened:
            while opened.read(1 << 24):
                pass


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
    """What it takes to find the events of recordings, and to answer for them, with what is read in memory."""
    shutil.rmtree(root, ignore_errors=True)
    into_memory(recordings)
    began = Took.since(workers)
    runs = as_runs(recordings, root, None, workers, MAKERS, nothing)
    finding = Took.since(workers, began)
    into_memory(file for run in runs for file in run.glob("windows*.h5"))
    begun = Took.since(workers)
    list(reprocess_all(runs, Wanted(name="answers"), workers, MAKERS, nothing))
    return finding, Took.since(workers, begun)


def main() -> None:
    """Print what the documentation shows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="keeps what is prepared")
    parser.add_argument("--only", choices=("recordings", "runs"), help="measure these alone")
    asked = parser.parse_args()
    kept = asked.folder or Path(tempfile.mkdtemp(prefix="reprocess-"))
    (kept / "runs").mkdir(parents=True, exist_ok=True)
    if asked.only != "runs":
        show_recordings(kept)
    if asked.only != "recordings":
        show_runs(kept)
    if asked.folder is None:
        shutil.rmtree(kept)


def show_recordings(kept: Path) -> None:
    """Search recordings, check what is found, and print what that and the answers take."""
    recordings = {kind: prepared(kept, kind) for kind in RECORDINGS}
    for kind, paths in recordings.items():
        found = as_runs(paths, kept / "runs", None, InOrder(), MAKERS, nothing)
        counted = [same_events(path, run) for path, run in zip(paths, found, strict=True)]
        print(f"{kind}: {sum(counted)} events of {len(found)} recordings are those of the single stream, bit for bit.")
    timed = (IN_MEMORY if IN_MEMORY.is_dir() else kept) / f"timed-{os.getpid()}"
    searched: dict[tuple[int, str], tuple[Took, Took]] = {}
    for count in (1, 2):
        with processes(count) as local, Client(local) as client:
            for kind, paths in recordings.items():
                for _ in range(2):
                    # The first time kernels are read.
                    searched[count, kind] = timed_recordings(paths, timed, OnCluster(client))
    shutil.rmtree(timed)
    print(table(("two recordings", *RECORDING_HEADS), list(recording_lines(searched))), flush=True)


def show_runs(kept: Path) -> None:
    """Print what short and long runs take."""
    stored = stored_runs(kept / "runs")
    taken: Taken = {}
    ways: dict[str, Callable[[Path], Took]] = {
        "plain": plain_loop,
        "here": partial(made, workers=InOrder(), name="here"),
    }
    with ExitStack() as opened:
        for count in (1, 2):
            client = opened.enter_context(Client(opened.enter_context(processes(count))))
            ways[f"by-{count}"] = partial(made, workers=OnCluster(client), name=f"by-{count}")
        for (kind, length), run in stored.items():
            shutil.rmtree(run / "results", ignore_errors=True)
            for who, took in side_by_side(run, ways).items():
                taken[kind, length, who] = took
    print(table(RUN_HEADS, list(run_lines(stored, taken))))
    print(table(FIXED_HEADS, list(fixed_lines(stored, taken))))


def run_lines(stored: dict[tuple[str, str], Path], taken: Taken) -> Iterator[tuple[object, ...]]:
    """What each stored run took, beside the plain loop."""
    for (kind, length), run in stored.items():
        before, here, one, two = (taken[kind, length, who] for who in WAYS)
        costs = [more(took, before) for took in (here, one, two)]
        worst = max(farthest(run, f"by-{count}") for count in (1, 2))
        many = f"{kind}, {count_events(run)} events"
        yield many, f"{before.cpu_s:.1f} s", *costs, f"{one.wall_s / two.wall_s:.2f}", f"{worst:.1e}"


def fixed_lines(stored: dict[tuple[str, str], Path], taken: Taken) -> Iterator[tuple[object, ...]]:
    """What a run costs however short it is, and every event of it: the line through the short run and the long one."""
    for kind in RECORDINGS:
        few, many = (count_events(stored[kind, length]) for length in ("short", "long"))
        for who, way in WAYS.items():
            short, long = (taken[kind, length, who].cpu_s for length in ("short", "long"))
            event_s = (long - short) / (many - few)
            yield f"{kind}, {way}", f"{short - few * event_s:.2f} s", f"{1e3 * event_s:.3f} ms"


def recording_lines(searched: dict[tuple[int, str], tuple[Took, Took]]) -> Iterator[tuple[object, ...]]:
    """What searching and answering for recordings took."""
    for kind in RECORDINGS:
        alone, together = searched[1, kind], searched[2, kind]
        walls = [sum(took.wall_s for took in both) for both in (alone, together)]
        share = alone[0].cpu_s / sum(took.cpu_s for took in alone)
        times = [f"{took.wall_s:.1f} s" for took in (*alone, *together)]
        yield kind, f"{share:.0%}", *times, f"{walls[0] / walls[1]:.2f}"


def count_events(run: Path) -> int:
    """Return how many events a run has."""
    with closing(RunFolder.open(run)) as folder:
        return len(folder.event_places())


def more(took: Took, plain: Took) -> str:
    """Say how much more something takes than the plain loop."""
    return f"{took.cpu_s / plain.cpu_s - 1:+.1%} ({took.wall_s / plain.wall_s - 1:+.1%})"


if __name__ == "__main__":
    main()
