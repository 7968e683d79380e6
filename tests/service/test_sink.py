"""Rows get to PostgreSQL once each, as they are in the run folder, whatever becomes of server and service."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from line_parts import KnownBundle
from postgres_server import PostgresServer, postgres, wait_for
from reprocess_parts import makers

from acquisition.errors import ConfigError
from service.cli.session import sink_of
from service.reprocess.making import reprocess
from service.reprocess.plan import Wanted
from service.run import RunState
from service.runs.control import RunControl
from service.settings import Settings
from service.sink.copier import Copier
from service.store.copied import is_copied
from service.store.run_folder import RunFolder

Fill = Callable[[RunFolder, int, int], None]
CELLS = "SELECT count(*) FROM lightline_cells"


@pytest.fixture(scope="module")
def running() -> Iterator[PostgresServer]:
    with postgres() as server:
        yield server


@pytest.fixture
def server(running: PostgresServer) -> PostgresServer:
    """The server with nothing in it."""
    names = [row[0] for row in running.ask("SELECT tablename FROM pg_tables WHERE tablename LIKE 'lightline%'")]
    for name in names:
        running.do(f"DROP TABLE {name}")
    return running


@contextmanager
def copying(root: Path, server: PostgresServer) -> Iterator[Copier]:
    sink = Copier(root, server.address, pause_s=0.05)
    sink.start()
    try:
        yield sink
    finally:
        sink.close(60.0)


def sealed(folder: RunFolder, fill: Fill, first: int, last: int) -> int:
    """Seal a part more; return how many cells there are then."""
    fill(folder, first, last)
    folder.seal()
    return folder.results().cells.page().total


def test_rows_are_the_same_on_the_server(server: PostgresServer, live_folder: RunFolder, fill: Fill) -> None:
    cells = sealed(live_folder, fill, 1, 30)
    cells = sealed(live_folder, fill, 31, 60)
    with copying(live_folder.path.parent, server) as sink:
        wait_for(server, CELLS, cells)
    status = sink.status()
    assert (status.behind_rows, status.copied_rows, status.error) == (0, 60, None)
    for table in ("cells", "rejected"):
        ours = pq.read_table(live_folder.path / table)
        names = ", ".join(f'"{name}"' for name in ours.column_names)
        theirs = server.ask(f"SELECT {names} FROM lightline_{table} ORDER BY event_id")
        rows = [dict(zip(ours.column_names, row, strict=True)) for row in theirs]
        assert pa.Table.from_pylist(rows, ours.schema).equals(ours)
    about = server.ask("SELECT run, results, about ->> 'instrument', about ->> 'bundle' FROM lightline_results")
    run = live_folder.run()
    assert about == [(run.id, "live", run.instrument.name, "known")]
    with copying(live_folder.path.parent, server) as again:
        pass
    assert again.status().copied_rows == 0 and server.ask(CELLS) == [(cells,)]


def test_an_outage_is_caught_up_with(server: PostgresServer, live_folder: RunFolder, fill: Fill) -> None:
    sealed(live_folder, fill, 1, 20)
    with copying(live_folder.path.parent, server) as sink:
        wait_for(server, "SELECT sum(rows) FROM lightline_parts", 20)
        server.stop()
        sealed(live_folder, fill, 21, 40)
        cells = sealed(live_folder, fill, 41, 60)
        until = time.monotonic() + 60
        while sink.status().behind_rows != 40 or sink.status().error is None:
            assert time.monotonic() < until, sink.status()
            time.sleep(0.02)
        assert not sink.status().connected and sink.status().failures
        server.start()
        wait_for(server, CELLS, cells)
    assert sink.status().behind_rows == 0 and sink.status().error is None
    assert server.ask("SELECT count(*), sum(rows) FROM lightline_parts") == [(6, 60)]


def test_a_service_that_starts_while_the_server_is_away_begins_when_it_is_there(
    server: PostgresServer, live_folder: RunFolder, fill: Fill
) -> None:
    cells = sealed(live_folder, fill, 1, 10)
    server.stop()
    with copying(live_folder.path.parent, server) as sink:
        while not sink.status().failures:
            time.sleep(0.02)
        assert sink.status().behind_rows == 10
        server.start()
        wait_for(server, CELLS, cells)


def test_killed_between_the_copy_and_the_commit_nothing_is_there_and_later_everything_once(
    server: PostgresServer, live_folder: RunFolder, fill: Fill
) -> None:
    cells = sealed(live_folder, fill, 1, 30)
    script = f"""
        import sys, time
        from pathlib import Path
        from service.sink import copier, postgres

        pieces = postgres.binary_pieces

        def halting(*about):
            yield from pieces(*about)
            print("copied", flush=True)
            time.sleep(600)

        postgres.binary_pieces = halting
        sink = copier.Copier(Path({str(live_folder.path.parent)!r}), {server.address!r})
        sink.start()
        time.sleep(600)
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "copied\n"
        process.send_signal(signal.SIGKILL)
    assert server.ask(CELLS) == [(0,)]
    with copying(live_folder.path.parent, server), copying(live_folder.path.parent, server):
        wait_for(server, CELLS, cells)
    assert server.ask(CELLS) == [(cells,)]
    assert server.ask("SELECT count(*) FROM lightline_parts") == [(2,)]


def test_result_sets_are_copied_too_and_one_made_again_replaces_its_rows(
    server: PostgresServer, live_folder: RunFolder, fill: Fill
) -> None:
    cells = sealed(live_folder, fill, 1, 30)
    live_folder.save_run(
        live_folder.run().model_copy(update={"state": RunState.DONE, "pipeline": "known:1|images:1|known@d"})
    )
    of_other = f"{CELLS} WHERE results = 'other'"
    with copying(live_folder.path.parent, server) as sink:
        reprocess(live_folder.path, Wanted(name="other"), makers())
        wait_for(server, of_other, cells)
        for file in sorted((live_folder.path / "results" / "other").rglob("*"), reverse=True):
            file.rmdir() if file.is_dir() else file.unlink()
        reprocess(live_folder.path, Wanted(name="other"), makers(KnownBundle))
        digest = "SELECT about ->> 'bundle_digest' FROM lightline_results WHERE results = 'other'"
        wait_for(server, digest, KnownBundle.digest)
    assert sink.status().error is None
    # Retention may let the run go, until something in it changes.
    assert is_copied(live_folder.path, server.address) and not is_copied(live_folder.path, "postgresql://other/db")
    live_folder.save_run(live_folder.run())
    assert not is_copied(live_folder.path, server.address)
    assert server.ask(of_other) == [(cells,)] and server.ask(CELLS) == [(2 * cells,)]


def test_what_cannot_be_copied_costs_its_part_alone(server: PostgresServer, live_folder: RunFolder, fill: Fill) -> None:
    sealed(live_folder, fill, 1, 10)
    with copying(live_folder.path.parent, server):
        wait_for(server, CELLS, 9)
    server.do("ALTER TABLE lightline_rejected DROP COLUMN rejection, ADD COLUMN rejection bigint")
    sealed(live_folder, fill, 11, 20)
    live_folder.save_run(live_folder.run().model_copy(update={"state": RunState.DONE}))
    with copying(live_folder.path.parent, server) as sink:
        wait_for(server, CELLS, 18)
    status = sink.status()
    assert status.behind_rows == 1 and "rejected/part-00001" in str(status.error)
    assert "'rejection' of lightline_rejected is bigint and has to be text" in str(status.error)
    assert not is_copied(live_folder.path, server.address)


def test_the_status_and_the_metrics_say_how_far_it_is(
    server: PostgresServer, live_folder: RunFolder, fill: Fill
) -> None:
    sealed(live_folder, fill, 1, 10)
    with (
        copying(live_folder.path.parent, server) as sink,
        closing(RunControl(live_folder.path.parent, sink=sink)) as ours,
    ):
        wait_for(server, CELLS, 9)
        found = ours.status().sink
    assert found is not None and found.address == server.address


def test_a_service_that_ends_copies_its_last_rows_or_says_how_many_are_left(
    server: PostgresServer, live_folder: RunFolder, fill: Fill, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cells = sealed(live_folder, fill, 1, 10)
    (tmp_path / "data" / "runs").mkdir(parents=True)
    live_folder.path.rename(tmp_path / "data" / "runs" / live_folder.path.name)
    settings = Settings(data=tmp_path / "data", sink=server.address)
    with sink_of(settings):
        pass
    assert server.ask(CELLS) == [(cells,)] and capsys.readouterr().err == ""
    with sink_of(settings.model_copy(update={"sink": "postgresql://nobody@127.0.0.1:1/nothing"})):
        pass
    assert "10 rows are not in the sink" in capsys.readouterr().err


@pytest.mark.parametrize(
    "address", ["mysql://host/db", "postgresql://host", "postgresql://me:secret@host/db", "postgresql://h/d?password=x"]
)
def test_an_address_that_is_none_or_has_a_password_is_refused(address: str) -> None:
    with pytest.raises(ConfigError, match="sink") as caught:
        Settings.load({}, sink=address)
    assert "secret" not in str(caught.value)
