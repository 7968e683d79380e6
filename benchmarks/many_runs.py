"""One question to the cells of many runs: over HTTP, of the copied files, and of PostgreSQL where it is given rows.

`python -m benchmarks.many_runs [RUNS CELLS_EACH] [--postgres ADDRESS | --own-postgres [--only]]`. Rows are drawn, not
measured. Parts of every run are files of their own, so that nothing is read twice for less than it costs. PostgreSQL is
given its rows, of which each is read once, from files that runs share, after all else is off the disk.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import duckdb
import httpx
import psycopg

from acquisition.origin import Origin
from acquisition.presets import instrument_preset
from benchmarks.page import row, table
from benchmarks.postgres_server import postgres
from benchmarks.queries import BATCH, NUMBERS, quickest, rows
from service.api.app import create_app
from service.api.auth import Tokens
from service.api.server import ApiServer, listen
from service.run import FinishReason, Ledger, Run, RunRequest, RunState
from service.runs.control import RUNS, RunControl
from service.settings import Settings
from service.sink.copier import Copier
from service.store.run_folder import RunFolder
from service.store.tables.part_table import PartTable
from service.store.tables.result_tables import CELLS
from service.tokens import TokenFile

RUN_COUNT, CELLS_EACH = 20, 5_000_000
WHERE = "novelty < 6 and area_um2 > 100"
SQL = (
    "SELECT instrument, run, class, count(*), avg(feature_3), stddev_samp(feature_3) FROM {cells} "
    f"JOIN {{sets}} USING (run, results) WHERE {WHERE} GROUP BY instrument, run, class"
)
SETS = "(SELECT run, results, about ->> 'instrument' AS instrument FROM lightline_results) sets"
PRESETS = ("sheet-ci", "stretch-ci")
SCANS = 3
"""How often PostgreSQL is asked, which goes through the whole table every time."""
HEAD = ("drawn rows", "ms", "the first time")


@dataclass(frozen=True)
class Drawn:
    """How much is drawn: runs, cells of each, and columns of numbers of a cell besides seven others."""

    runs: int
    cells: int
    numbers: int


def run_of(number: int, cells: int) -> Run:
    """Return a run that is over, with so many cells."""
    return Run(
        id=f"2026010{1 + number // 10}T00000{number % 10}000Z-abcdef",
        state=RunState.DONE,
        finish_reason=FinishReason.SOURCE_ENDED,
        request=RunRequest(),
        source="drawn rows",
        origin=Origin.SIMULATED,
        instrument=instrument_preset(PRESETS[number % len(PRESETS)]),
        pipeline="a|b|c",
        pipeline_id="0" * 16,
        bundle="drawn",
        bundle_digest="d" * 64,
        provider="none",
        started_at="2026-01-01T00:00:00.000Z",
        ledger=Ledger(detected=cells, stored=cells),
    )


def drawn_runs(data: Path, drawn: Drawn, copy: Callable[[str, str], object] = shutil.copy2) -> None:
    """Make run folders of drawn cells; the first is drawn, and its files are copied for the others."""
    root, cells = data / RUNS, drawn.cells
    for number in range(drawn.runs):
        run = run_of(number, cells)
        RunFolder.create(root, run).close()
        shutil.rmtree(root / run.id / CELLS)
        if number:
            shutil.copytree(root / run_of(0, cells).id / CELLS, root / run.id / CELLS, copy_function=copy)
            continue
        kept = PartTable.create(root / run.id / CELLS)
        for first in range(1, cells + 1, BATCH):
            kept.append(rows(first, min(BATCH, cells + 1 - first), NUMBERS[: drawn.numbers]))
            if kept.due():
                kept.keep(kept.mark())
        kept.seal()


def copied(data: Path, address: str) -> tuple[object, ...]:
    """Copy all sealed parts to a sink, and say what that took."""
    began = time.perf_counter()
    copier = Copier(data / RUNS, address)
    copier.start()
    left = copier.close(patience_s=7200)
    if left.behind_rows:
        raise RuntimeError(f"{left.behind_rows} rows were not copied: {left.error}")
    took = time.perf_counter() - began
    rate = left.copied_rows / took
    return (f"copied to {address.partition(':')[0]}, all of it, {rate:.0f} rows/s", f"{1e3 * took:.0f}", "")


def over_http(data: Path) -> Iterator[tuple[object, ...]]:
    """What the service takes for the question, with and without a filter."""
    tokens = Tokens.make("secret", TokenFile(data))
    with (
        RunControl(data) as control,
        ApiServer(create_app(control, Settings(data=data), tokens), listen("127.0.0.1", 0)) as server,
        httpx.Client(headers={"Authorization": "Bearer secret"}, timeout=600) as client,
    ):
        address = f"http://127.0.0.1:{server.port}/api/v1/kinds"
        asked = {
            "over HTTP: cells by class": {},
            "the same, mean and deviation of a column": {"column": "feature_3"},
            "the same, of the cells that a filter lets through": {"column": "feature_3", "where": WHERE},
        }
        for what, question in asked.items():

            def ask(question: dict[str, str] = question) -> object:
                return client.get(address, params=question, headers={"If-None-Match": ""}).raise_for_status().json()

            first, best = quickest(ask)
            yield (what, f"{best:.0f}", f"{first:.0f}")


def of_files(folder: Path) -> tuple[object, ...]:
    """What DuckDB takes over the copied files."""
    database = duckdb.connect(":memory:", config={"threads": "2"})
    files = f"read_parquet('{folder}/cells/*/*/*.parquet', hive_partitioning = true)"
    sets = f"(SELECT run, name AS results, instrument FROM read_json('{folder}/about/*/*.json'))"
    first, best = quickest(lambda: database.sql(SQL.format(cells=files, sets=sets)).fetchall())
    return ("of the copied files by DuckDB, the last question", f"{best:.0f}", f"{first:.0f}")


def of_postgres(address: str) -> Iterator[tuple[object, ...]]:
    """What the server takes."""
    with psycopg.connect(address, autocommit=True) as connection:
        began = time.perf_counter()
        connection.execute("VACUUM ANALYZE lightline_cells")
        yield ("of PostgreSQL, VACUUM ANALYZE once", f"{1e3 * (time.perf_counter() - began):.0f}", "")
        first, best = quickest(
            lambda: connection.execute(SQL.format(cells="lightline_cells", sets=SETS)).fetchall(), SCANS
        )
        taken = connection.execute("SELECT pg_total_relation_size('lightline_cells')").fetchone()
    gigabytes = 0.0 if taken is None else 1e-9 * taken[0]
    yield (f"of PostgreSQL, the last question ({gigabytes:.1f} GB with its key)", f"{best:.0f}", f"{first:.0f}")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="?", type=int, default=RUN_COUNT)
    parser.add_argument("cells", nargs="?", type=int, default=CELLS_EACH)
    parser.add_argument("--postgres", metavar="ADDRESS", help="of a server that may be filled, postgresql://...")
    parser.add_argument("--own-postgres", action="store_true", help="start a server for it, with ordinary settings")
    parser.add_argument(
        "--numbers", type=int, default=len(NUMBERS), help="columns of numbers, 4 to 26, besides 7 others"
    )
    parser.add_argument("--only", action="store_true", help="ask that server alone, and not the service or files")
    asked = parser.parse_args()
    drawn = Drawn(asked.runs, asked.cells, asked.numbers)
    what = f"{drawn.runs} runs of {drawn.cells} {HEAD[0]} of {7 + drawn.numbers} columns"
    print(table((what, *HEAD[1:]), []), flush=True)
    if not asked.only:
        with tempfile.TemporaryDirectory() as name:
            show(from_files(Path(name), drawn))
    if asked.own_postgres or asked.postgres:
        with ExitStack() as opened, tempfile.TemporaryDirectory() as name:
            address = opened.enter_context(postgres("")).address if asked.own_postgres else asked.postgres
            show(from_postgres(Path(name), address, drawn))


def show(lines: Iterator[tuple[object, ...]]) -> None:
    """Print lines of the table as they are known."""
    for line in lines:
        print(row(line), flush=True)


def from_files(folder: Path, drawn: Drawn) -> Iterator[tuple[object, ...]]:
    """The lines of the service, and of the folder that the runs are copied to."""
    data, sink = folder / "data", folder / "sink"
    drawn_runs(data, drawn)
    yield from over_http(data)
    yield copied(data, sink.as_uri())
    yield of_files(sink)


def from_postgres(folder: Path, address: str, drawn: Drawn) -> Iterator[tuple[object, ...]]:
    """The lines of a server."""
    drawn_runs(folder, drawn, os.link)
    yield copied(folder, address)
    yield from of_postgres(address)


if __name__ == "__main__":
    main()
