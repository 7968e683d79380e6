"""Whoever settles the chunks of a set, however many there are and whatever ends them, the set comes out the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from line_parts import KnownTransform, known_event
from reprocess_parts import makers

from acquisition.errors import ConfigError
from inference.tuning import default_threads
from service.cli.gather import gather
from service.cli.model_kinds import KINDS
from service.cli.model_kinds import Wanted as WantedCells
from service.reprocess import cluster as clusters
from service.reprocess.cluster import OnCluster, executor
from service.reprocess.executor import InOrder
from service.reprocess.making import reprocess
from service.reprocess.plan import Wanted
from service.result_set import ResultSet, ResultState
from service.run import Ledger, RunState
from service.store.run_folder import RunFolder

distributed = pytest.importorskip("distributed", reason="the extra 'cluster' is not installed")
Fill = Callable[[RunFolder, int, int], None]
LAST = 60


class Slow(KnownTransform):
    """Another way to make images, so that all are made again, and slowly enough to be interrupted."""

    parameters = "images:slow"

    def images(self, events: Sequence[Any], *rest: Any, **options: Any) -> Any:
        time.sleep(0.02)
        return super().images(events, *rest, **options)


@pytest.fixture(scope="module")
def dask() -> Iterator[Any]:
    """Two worker processes that nobody but these tests knows."""
    with clusters.processes(2) as local, distributed.Client(local) as client:
        yield client


@pytest.fixture
def over(live_folder: RunFolder, fill: Fill) -> RunFolder:
    """A run that is over, with the windows of all of its events and the answers of some."""
    fill(live_folder, 1, 40)
    live_folder.append_windows([known_event(k, 500 * k) for k in range(41, LAST + 1)])
    live_folder.seal()
    live_folder.finish()
    ledger = Ledger(detected=LAST, stored=35, rejected={"overlap": 5}, dropped={"inference": 20})
    known = {"state": RunState.DONE, "ledger": ledger, "pipeline": "known:1|images:1|known@dddddddddddddddd"}
    live_folder.save_run(live_folder.run().model_copy(update=known))
    return live_folder


def rows_of(folder: RunFolder, name: str) -> dict[str, pa.Table]:
    return {table: pq.read_table(folder.path / "results" / name / table) for table in ("cells", "rejected")}


def test_any_chunks_by_several_processes_of_which_one_is_killed_are_the_rows_of_the_plain_loop(
    over: RunFolder, dask: Any
) -> None:
    plain = reprocess(over.path, Wanted(name="plain"), makers(transform=Slow))
    seen: list[int] = []

    def kill(done: int, _total: int) -> None:
        if not seen:
            os.kill(next(iter(dask.run(os.getpid).values())), signal.SIGKILL)
        seen.append(done)

    wanted = Wanted(name="cluster", chunk=7)
    made = reprocess(over.path, wanted, makers(transform=Slow), kill, 20, OnCluster(dask))
    assert (made.state, made.ledger, made.provider) == (ResultState.DONE, plain.ledger, "TestProvider")
    assert seen == [*range(7, LAST, 7), LAST]
    for table, rows in rows_of(over, "plain").items():
        assert rows_of(over, "cluster")[table].equals(rows)


def test_a_client_that_is_killed_is_gone_on_with(over: RunFolder, dask: Any) -> None:
    plain = reprocess(over.path, Wanted(name="plain"), makers(transform=Slow))
    script = f"""
        import sys, time
        sys.path[:0] = {sys.path!r}
        from pathlib import Path
        from test_reprocess_cluster import Slow, Wanted, executor, makers, reprocess

        def say(done, total):
            print(done, flush=True)
            time.sleep(0.0 if done < 24 else 600.0)

        with executor(1, {dask.scheduler.address!r}) as workers:
            wanted = Wanted(name="cluster", chunk=4)
            reprocess(Path({str(over.path)!r}), wanted, makers(transform=Slow), say, 8, workers)
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], stdout=subprocess.PIPE, text=True) as client:
        assert client.stdout is not None
        while client.stdout.readline() not in ("24\n", ""):
            pass
        client.send_signal(signal.SIGKILL)
    left = ResultSet.model_validate_json((over.path / "results" / "cluster" / "result.json").read_bytes())
    assert (left.state, left.last_event) == (ResultState.UNFINISHED, 16)
    wanted = Wanted(name="cluster", chunk=5)
    made = reprocess(over.path, wanted, makers(transform=Slow), None, 8, OnCluster(dask))
    assert made.ledger == plain.ledger
    for table, rows in rows_of(over, "plain").items():
        assert rows_of(over, "cluster")[table].equals(rows)
        assert np.all(np.diff(rows.column("event_id").to_numpy().astype(int)) > 0)


def test_what_a_worker_finds_wrong_is_the_same_sentence(over: RunFolder, dask: Any) -> None:
    class Gone(Slow):
        def warm(self) -> None:
            raise ConfigError("This worker has no such kernels.")

    with pytest.raises(ConfigError, match="no such kernels"):
        reprocess(over.path, Wanted(), makers(transform=Gone), workers=OnCluster(dask))


def test_what_is_not_there_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "CONNECT_S", 0.2)
    with pytest.raises(ConfigError, match="No Dask scheduler answers"):
        executor(1, "tcp://127.0.0.1:1").__enter__()
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ConfigError, match=r"lightline\[cluster\]"):
        executor(2, None).__enter__()


def test_a_process_among_many_has_one_thread_for_its_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert default_threads() == 1


def test_cells_to_learn_from_are_the_same_whoever_collects_them(dask: Any, tmp_path: Path) -> None:
    wanted = WantedCells(KINDS["vae2d"], factors=("shape",))
    places = ("sprites:?seed=1", "sprites:?seed=2", "sprites:?seed=3")
    here = list(gather(places, 40, wanted, InOrder(), tmp_path / "a.bundle"))
    there = list(gather(places, 40, wanted, OnCluster(dask), tmp_path / "a.bundle"))
    assert len(here) == len(there) == 3
    for mine, other in zip(here, there, strict=True):
        assert mine.run_names == other.run_names and mine.channels == other.channels
        assert all(np.array_equal(mine.images[name], other.images[name]) for name in mine.channels)
        assert np.array_equal(mine.factors["shape"], other.factors["shape"])
    assert not list(tmp_path.iterdir()), "what the workers collected was left"
    with pytest.raises(ConfigError, match="a whole number"):
        list(gather((*places, "sprites:?seed=x"), 40, wanted, OnCluster(dask), tmp_path / "a.bundle"))
    assert not list(tmp_path.iterdir())
