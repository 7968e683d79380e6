"""What was stored is found again: exactly, while the run grows, after it, and by other programs."""

from __future__ import annotations

import errno
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import fields
from pathlib import Path

import h5py
import numpy as np
import pyarrow.parquet as pq
import pytest
from line_parts import KnownTransform, known_event

from service.errors import QueryError, RunFolderError, StorageError, UnknownCell
from service.run import RunState
from service.store.disk import write_sealed
from service.store.events import event_stores
from service.store.questions.cell_query import CellQuery
from service.store.run_folder import RunFolder
from service.store.tables import part_table, row_log
from service.store.tables.part_table import PartTable

Fill = Callable[[RunFolder, int, int], None]


def test_every_event_comes_back_as_detection_gave_it(live_folder: RunFolder, fill: Fill) -> None:
    fill(live_folder, 1, 120)
    live_folder.seal()
    again = RunFolder.open(live_folder.path)
    for folder in (live_folder, again):
        for event_id in (1, 2, 7, 49, 50, 100, 120):
            event, expected = folder.event(event_id), known_event(event_id, 500 * event_id)
            for name in {field.name for field in fields(expected)} - {"window", "background"}:
                assert getattr(event, name) == getattr(expected, name)
            assert event.window.dtype == expected.window.dtype
            np.testing.assert_array_equal(event.window, expected.window)
            np.testing.assert_array_equal(event.background.level, expected.background.level)
            np.testing.assert_array_equal(event.background.noise, expected.background.noise)
    again.close()
    with h5py.File(live_folder.path / "windows-0000.h5", "r", swmr=True, locking=False) as file:
        assert len(file["backgrounds"]) == 3  # events 1-49, 50-99, 100-120: each background once


def test_cells_rejected_events_and_images_are_there_before_and_after_sealing(
    live_folder: RunFolder, fill: Fill
) -> None:
    fill(live_folder, 1, 30)
    live_folder.seal()
    fill(live_folder, 31, 60)
    assert live_folder.results().cells.page(limit=1000).total == 52
    assert live_folder.results().rejected.page(limit=1000).total == 8
    cell = live_folder.results().cell(33)
    assert (cell["cluster"], cell["class"], cell["novel"], cell["embedding_1"]) == (0, "odd", False, -33.0)
    assert (cell["conformal"], live_folder.results().cell(34)["conformal"]) == ("odd", "even | odd")
    assert len(live_folder.results().cells.page("conformal = 'even | odd'", limit=1000).rows) == 26
    assert cell["time_s"] == pytest.approx(500 * 33 / 5e6)
    assert cell["class_probabilities"] == [0.25, 0.75] and len(cell["cluster_posteriors"]) == 3
    assert cell["speed_source"] == "nominal"
    assert cell["speed_error_m_s"] is None  # not measured is not a number, and matches no filter
    assert live_folder.results().cell(56)["rejection"] == "overlap"
    for event_id in (1, 33, 56):
        assert (live_folder.image(event_id, "transmission") == event_id).all()
    assert live_folder.image(5, "transmission").dtype == np.float32


def test_images_of_many_events_come_at_once_in_any_order(live_folder: RunFolder, fill: Fill) -> None:
    fill(live_folder, 1, 200)  # rejected events stand behind the cells of their batch
    for wanted in ([7, 3, 200, 1], list(range(40, 80)), [14]):
        images = live_folder.stored_images(wanted, "transmission")
        np.testing.assert_array_equal(images[:, 0, 0], wanted)
    fill(live_folder, 201, 210)
    assert live_folder.stored_images([210, 5], "transmission")[0, 3, 3] == 210
    for event_id, channel in ((999, "transmission"), (7, "side_scatter")):
        with pytest.raises(UnknownCell):
            live_folder.stored_images([1, event_id], channel)


def test_a_volume_is_made_again_from_the_window(
    live_folder: RunFolder, fill: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(event_stores, "transform_for", KnownTransform)
    fill(live_folder, 1, 9)
    assert live_folder.image(7, "side_scatter").shape == (8, 8, 8)
    with pytest.raises(UnknownCell):
        live_folder.image(7, "fluorescence")
    with pytest.raises(UnknownCell):
        live_folder.image(999, "transmission")


def test_paging_gives_every_cell_once_while_the_run_grows(live_folder: RunFolder, fill: Fill) -> None:
    fill(live_folder, 1, 40)
    seen: list[int] = []
    after, grown = 0, 40
    while True:
        page = live_folder.results().cells.page(after=after, limit=9, fields=["novelty"])
        seen += [row["event_id"] for row in page.rows]
        assert all(set(row) == {"event_id", "novelty"} for row in page.rows)
        if grown < 100:
            live_folder.seal()
            fill(live_folder, grown + 1, grown + 20)
            grown += 20
        if page.next is None:
            break
        after = page.next
    assert seen == [k for k in range(1, 101) if k % 7]


def test_filters_and_orders(live_folder: RunFolder, fill: Fill) -> None:
    fill(live_folder, 1, 50)
    live_folder.seal()
    fill(live_folder, 51, 100)
    page = live_folder.results().cells.page("cluster = 0 and class = 'odd' and novel = true", limit=100)
    assert [row["event_id"] for row in page.rows] == [k for k in range(51, 101) if k % 6 == 3 and k % 7]
    assert page.total == len(page.rows)
    newest = live_folder.results().cells.page(order="-event_id", limit=3)
    assert [row["event_id"] for row in newest.rows] == [100, 99, 97]
    assert newest.next == 97
    ids, after = [], 0
    while after is not None:
        page = live_folder.results().cells.page(order="-area_um2", after=after, limit=10)
        ids += [row["event_id"] for row in page.rows]
        after = page.next
    assert sorted(ids) == [k for k in range(1, 101) if k % 7] and ids[:2] == [89, 88]
    assert not live_folder.results().cells.page("speed_error_m_s > 0 or speed_error_m_s <= 0").rows
    for bad in ({"fields": ["nothing"]}, {"order": "nothing"}, {"limit": 0}, {"after": -1}, {"where": "x = 1"}):
        with pytest.raises(QueryError):
            live_folder.results().cells.page(**bad)


def test_an_empty_run_answers_too(live_folder: RunFolder) -> None:
    assert live_folder.results().cells.page("cluster = 1").total == 0
    assert live_folder.results().cells.columns() == {}
    again = RunFolder.open(live_folder.path)
    assert again.results().cells.page().rows == []
    with pytest.raises(UnknownCell):
        again.results().cell(1)
    again.close()


def test_readers_are_right_while_a_writer_writes(live_folder: RunFolder, fill: Fill) -> None:
    faults: list[BaseException] = []
    done = threading.Event()

    def read() -> None:
        try:
            while not done.is_set():
                total = live_folder.results().cells.page(limit=1).total
                page = live_folder.results().cells.page(order="-event_id", limit=5)
                assert page.total >= total
                for row in page.rows:
                    assert (live_folder.image(row["event_id"], "transmission") == row["event_id"]).all()
                    assert live_folder.event(row["event_id"]).event_id == row["event_id"]
        except BaseException as fault:
            faults.append(fault)

    reader = threading.Thread(target=read)
    reader.start()
    for first in range(1, 600, 20):
        fill(live_folder, first, first + 19)
        if first % 100 == 1:
            live_folder.seal()
    live_folder.finish()
    done.set()
    reader.join()
    assert not faults


def test_rows_are_kept_in_time_sealed_in_large_parts_and_other_programs_read_them(
    live_folder: RunFolder, fill: Fill
) -> None:
    live_folder._tables.cells._seconds_unsafe = 0.0
    live_folder._tables.cells._rows_per_part = 17
    for first in (1, 11, 21, 31, 41):
        fill(live_folder, first, first + 9)
        live_folder.keep_if_due()
        with closing(RunFolder.open(live_folder.path)) as elsewhere:
            assert elsewhere.results().cells.page().total == live_folder.results().cells.page().total
    live_folder.save_run(live_folder.run().model_copy(update={"state": RunState.DONE, "files": live_folder.files()}))
    files = live_folder.run().files
    assert files["cells"] == ["cells/part-00000.parquet", "cells/part-00001.parquet"]
    assert files["bundle"] == ["model.bundle"] and files["windows"] and files["images"]
    live_folder.seal()
    assert not list(live_folder.path.rglob("*.arrows"))
    table = pq.read_table(live_folder.path / "cells")
    assert table.column("event_id").to_pylist() == [k for k in range(1, 51) if k % 7]
    assert not list(live_folder.path.rglob("*.tmp"))


def test_events_that_come_between_the_steps_of_keeping_are_never_kept_without_their_windows(
    live_folder: RunFolder, fill: Fill
) -> None:
    live_folder._tables.cells._seconds_unsafe = 0.0
    fill(live_folder, 1, 10)
    firsts = iter(range(11, 1000, 10))

    def rest() -> None:
        first = next(firsts)
        fill(live_folder, first, first + 9)

    for _ in range(2):
        live_folder.keep_if_due(rest)
        came = next(firsts)
        assert came > 31, "Nobody had a turn."
        fill(live_folder, came, came + 9)
        with closing(RunFolder.open(live_folder.path)) as elsewhere:
            kept = [row["event_id"] for row in elsewhere.results().cells.page(limit=1000).rows]
            assert kept and kept == [k for k in range(1, kept[-1] + 1) if k % 7]
            assert [event.event_id for event in elsewhere.events(kept)] == kept


def test_a_crash_takes_no_row_that_was_kept_and_a_cut_log_only_its_end(live_folder: RunFolder, fill: Fill) -> None:
    live_folder._tables.cells._seconds_unsafe = 0.0
    fill(live_folder, 1, 10)
    live_folder.seal()
    for first in (11, 21):
        fill(live_folder, first, first + 9)
        live_folder.keep_if_due()
    kept = [k for k in range(1, 31) if k % 7]
    log = live_folder.path / "cells" / "tail.arrows"
    whole = log.read_bytes()
    for length in range(0, len(whole), 97):
        log.write_bytes(whole[:length])
        with closing(PartTable.open(log.parent)) as table:
            found = CellQuery(table).page(limit=1000).rows
        assert [row["event_id"] for row in found] == kept[: len(found)]
        assert len(found) in (9, 18)
    log.write_bytes(whole)
    with closing(RunFolder.open(live_folder.path)) as again:
        again.seal_tables()
    assert not log.exists()
    assert pq.read_table(log.parent).column("event_id").to_pylist() == kept
    # A part was written, and the crash came before the log was gone.
    log.write_bytes(whole)
    with closing(RunFolder.open(live_folder.path)) as again:
        assert again.results().cells.page().total == len(kept)


def test_a_full_disk_gives_up_only_what_was_not_kept(
    live_folder: RunFolder, fill: Fill, monkeypatch: pytest.MonkeyPatch
) -> None:
    live_folder._tables.cells._seconds_unsafe = 0.0
    fill(live_folder, 1, 10)
    live_folder.keep_if_due()
    fill(live_folder, 11, 20)

    def full(*_: object) -> None:
        raise StorageError("full")

    monkeypatch.setattr(row_log, "require_room", full)
    monkeypatch.setattr(part_table, "write_sealed", full)
    for attempt in (live_folder.keep_if_due, live_folder.keep_if_due, live_folder.seal):
        with pytest.raises(StorageError):
            attempt()
    assert live_folder.results().cells.page().total == 18
    assert live_folder.discard_unsafe() == (9, ["overlap"])
    assert [row["event_id"] for row in live_folder.results().cells.page().rows] == [k for k in range(1, 11) if k % 7]
    monkeypatch.undo()
    with closing(RunFolder.open(live_folder.path)) as again:
        assert again.results().cells.page().total == 9


def test_truth_is_written_as_text_and_numbers(live_folder: RunFolder) -> None:
    live_folder.set_truth({"kind": np.array([b"mono", b"lympho"]), "tick": np.array([1.5, 2.5])})
    assert pq.read_table(live_folder.path / "truth.parquet").to_pydict() == {
        "kind": ["mono", "lympho"],
        "tick": [1.5, 2.5],
    }


@pytest.mark.parametrize("damage", ["missing", "json", "part", "images", "format"])
def test_damaged_folders_are_one_sentence(live_folder: RunFolder, fill: Fill, damage: str) -> None:
    fill(live_folder, 1, 5)
    live_folder.seal()
    live_folder.finish()
    path: Path = live_folder.path
    if damage == "missing":
        path = path / "nowhere"
    elif damage == "json":
        (path / "run.json").write_text('{"id": 3')
    elif damage == "part":
        (path / "cells" / "part-00000.parquet").write_bytes(b"PAR1 no")
    elif damage == "images":
        (path / "images-0000.h5").unlink()
        (path / "images-0000.h5").write_bytes(b"not HDF5")
    else:
        (path / "images-0000.h5").unlink()
        with h5py.File(path / "images-0000.h5", "w") as file:
            file.attrs["format"] = "something-else/1"
    with pytest.raises(RunFolderError) as caught:
        RunFolder.open(path)
    assert "\n" not in str(caught.value)


def test_a_file_whose_writing_fails_half_way_is_not_there(tmp_path: Path) -> None:
    def half(path: Path) -> None:
        path.write_bytes(b"PAR1")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(StorageError, match="the disk is full"):
        write_sealed(tmp_path / "part-00000.parquet", half)
    assert list(tmp_path.iterdir()) == []
