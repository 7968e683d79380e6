"""A run folder that somebody else writes: what is safe is seen, in order, and never again unseen."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from test_keeping_while_appending import few, ids_of

from service.errors import UnknownCell
from service.run import RunState
from service.store import run_files
from service.store.catalogue import Catalogue
from service.store.followed_folder import FollowedFolder
from service.store.run_files import read_run
from service.store.run_folder import RunFolder
from service.store.tables.followed_table import FollowedTable
from service.store.tables.part_table import PartTable


@pytest.mark.parametrize("rows_per_part", [12, 1000])
def test_a_followed_table_has_what_was_kept(tmp_path: Path, rows_per_part: int) -> None:
    with closing(PartTable.create(tmp_path / "cells")) as table, closing(FollowedTable(tmp_path / "cells")) as followed:
        assert (followed.rows, followed.last_id, followed.schema) == (0, 0, None)
        table._rows_per_part = rows_per_part
        for first in range(1, 60, 5):
            table.append(few(first))
            assert followed.last_id == first - 1
            table.keep(table.mark())
            assert ids_of(followed) == list(range(1, first + 5))
            assert followed.schema == table.schema and followed.rows == first + 4
        table.seal()
        assert ids_of(followed) == list(range(1, 61)) and followed.file_names() == table.file_names()
        assert followed.snapshot().tail is None


def test_rows_are_seen_while_they_go_from_the_log_into_a_part(tmp_path: Path) -> None:
    with closing(PartTable.create(tmp_path / "cells")) as table, closing(FollowedTable(tmp_path / "cells")) as followed:
        table.append(few(1))
        table.keep(table.mark())
        log = tmp_path / "cells" / "tail.arrows"
        kept = log.read_bytes()
        table.seal()
        # The part is there, and its rows are not out of the log yet.
        log.write_bytes(kept)
        assert ids_of(followed) == [1, 2, 3, 4, 5]
        # More is being written to the log of the next part.
        table.append(few(6))
        table.keep(table.mark())
        whole = log.read_bytes()
        log.write_bytes(whole[:-40])
        assert ids_of(followed) == [1, 2, 3, 4, 5]
        log.write_bytes(whole)
        assert ids_of(followed) == list(range(1, 11))


def test_a_followed_run_grows_and_is_opened_as_any_other_once_it_is_over(
    live_folder: RunFolder, fill: Callable[[RunFolder, int, int], None]
) -> None:
    live_folder._tables.cells._seconds_unsafe = live_folder._tables.rejected._seconds_unsafe = 0.0
    with closing(Catalogue(live_folder.path.parent)) as catalogue:
        run_id = live_folder.run().id
        followed = catalogue.folder(run_id)
        assert isinstance(followed, FollowedFolder) and catalogue.open_folder(run_id) is followed
        for first in (1, 11, 21):
            fill(live_folder, first, first + 9)
            with pytest.raises(UnknownCell):
                followed.event(first + 20)
            live_folder.keep_if_due()
            assert followed.results().cells.page().total == live_folder.results().cells.page().total
            assert followed.results().rejected.page().total == live_folder.results().rejected.page().total
            assert followed.event(first + 9).event_id == first + 9
            assert len(followed.event_places()) == first + 9
            assert (followed.image(first, "transmission") == live_folder.image(first, "transmission")).all()
        live_folder.save_run(live_folder.run().model_copy(update={"error": "seen"}))
        assert followed.run().error == "seen"
        live_folder.seal()
        live_folder.finish()
        live_folder.save_run(live_folder.run().model_copy(update={"state": RunState.DONE}))
        over = catalogue.folder(run_id)
        assert type(over) is RunFolder and over.results().cells.page().total == 26
        # Who began to read it goes on.
        assert followed.results().cells.page().total == 26 and followed.event(30).event_id == 30


def test_what_describes_a_run_is_read_again_only_where_it_has_changed(
    live_folder: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It holds a whole instrument, and lies on a disk elsewhere where the data do."""
    read, path, run = list[Path](), live_folder.path, live_folder.run()
    monkeypatch.setattr(run_files, "read_run", lambda path: (read.append(path), read_run(path))[1])
    with closing(Catalogue(path.parent)) as catalogue:
        assert catalogue.folder(run.id).run() == run and catalogue.runs() == [run] and read == [path]
        over = run.model_copy(update={"state": RunState.DONE})
        live_folder.save_run(over)
        assert catalogue.folder(run.id).run() == over and catalogue.runs() == [over] and read == [path, path]


def test_a_run_that_another_process_removed_is_let_go(
    live_folder: RunFolder, tmp_path: Path, fill: Callable[[RunFolder, int, int], None]
) -> None:
    fill(live_folder, 1, 5)
    live_folder.seal()
    with closing(Catalogue(tmp_path)) as catalogue:
        catalogue.folder(live_folder.run().id)
        catalogue.forget_removed()
        assert catalogue.open_folder(live_folder.run().id) is not None
        (live_folder.path / "run.json").unlink()
        catalogue.forget_removed()
        assert catalogue.open_folder(live_folder.run().id) is None
