"""Another model's answers stand beside the old ones, are the ones it would have given live, and survive anything."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from line_parts import KnownModel, KnownTransform, known_event
from reprocess_parts import OtherBundle, OwnBundle, makers

from acquisition.errors import ConfigError
from service.errors import RunStateError, UnknownResults
from service.reprocess.making import reprocess
from service.reprocess.plan import Wanted
from service.result_set import LIVE, ResultSet, ResultState, Scope
from service.run import Ledger, RunState
from service.runs.data_lock import DataLock
from service.store.run_folder import RunFolder

Fill = Callable[[RunFolder, int, int], None]
LAST = 60
REJECTED = LAST // 7
CELLS = LAST - REJECTED


class Interrupted(BaseException):
    """Stands for a signal."""


@pytest.fixture
def over(live_folder: RunFolder, fill: Fill) -> Iterator[RunFolder]:
    """A run that is over, of which 21 to 30 were dropped when their windows were stored, and 61 to 63 before."""
    fill(live_folder, 1, 20)
    live_folder.seal()
    fill(live_folder, 31, LAST)
    live_folder.append_windows([known_event(k, 500 * k) for k in range(21, 31)])
    live_folder.seal()
    live_folder.finish()
    stored, rejected = live_folder.results().cells.page().total, live_folder.results().rejected.page().total
    ledger = Ledger(
        detected=LAST + 3, stored=stored, rejected={"overlap": rejected}, dropped={"inference": 10, "queue_full": 3}
    )
    run = live_folder.run().model_copy(
        update={"state": RunState.DONE, "ledger": ledger, "pipeline": "known:1|images:1|known@dddddddddddddddd"}
    )
    live_folder.save_run(run)
    yield live_folder


def rows_of(path: Path, table: str = "cells") -> pa.Table:
    return pq.read_table(path / table)


def test_a_set_beside_the_live_one_has_the_answers_that_the_line_would_have_given(over: RunFolder) -> None:
    before = {file: file.read_bytes() for file in over.path.rglob("*.parquet")}
    made = reprocess(over.path, Wanted(name="other"), makers())
    assert (made.state, made.scope, made.bundle_digest) == (ResultState.DONE, Scope.ALL, OtherBundle.digest)
    assert made.pipeline == "known:1|images:1|known@eeeeeeeeeeeeeeee"
    assert made.ledger == Ledger(
        detected=LAST + 3, stored=CELLS, rejected={"overlap": REJECTED}, dropped={"no_window": 3}
    )
    assert {file: file.read_bytes() for file in before} == before, "the live set was changed"
    other = over.results("other")
    assert [one.name for one in over.result_sets()] == [LIVE, "other"] and other.about == made
    known, mine = rows_of(over.path), rows_of(other.path)
    assert mine.filter(np.isin(mine.column("event_id"), known.column("event_id"))).equals(known)
    assert other.cells.page("event_id >= 21 and event_id <= 30").total == 8
    assert other.cell(28)["rejection"] == "overlap"
    assert other.bundle_path().read_bytes() == OtherBundle().to_bytes()
    assert other.statistics.over_time("class", 1.0) and other.similar.neighbours(1, 3)
    with pytest.raises(UnknownResults):
        over.results("../other")


def test_labels_and_gates_belong_to_the_run(over: RunFolder) -> None:
    over.labels.give([25, 31], "odd one", "me")
    reprocess(over.path, Wanted(name="other"), makers())
    labelled = over.results("other").cells.page("label = 'odd one'", fields=["event_id"])
    assert [row["event_id"] for row in labelled.rows] == [25, 31]
    assert over.results().cells.page("label = 'odd one'").total == 1


def test_what_would_come_out_the_same_is_not_made_again(over: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    class Watched(KnownTransform):
        def images(self, events: Any, *rest: Any, **options: Any) -> Any:
            made.extend(event.event_id for event in events)
            return super().images(events, *rest, **options)

    reprocess(over.path, Wanted(name="same"), makers(transform=Watched))
    assert made == list(range(21, 31))

    class Otherwise(Watched):
        parameters = "images:2"

    made.clear()
    again = reprocess(over.path, Wanted(name="anew"), makers(transform=Otherwise))
    assert made == list(range(1, LAST + 1)) and not again.stored_images and not again.taken_over
    with pytest.raises(ConfigError, match="another way"):
        reprocess(over.path, Wanted(missing=True), makers(OwnBundle, Otherwise))


def test_what_is_missing_is_answered_and_the_rest_taken_over(over: RunFolder) -> None:
    with pytest.raises(ConfigError, match="own model"):
        reprocess(over.path, Wanted(missing=True), makers())
    ledger = over.run().ledger
    made = reprocess(over.path, Wanted(missing=True), makers(OwnBundle), events_per_part=16)
    assert made.name == "completed" and made.taken_over == ledger.stored + sum(ledger.rejected.values())
    assert (made.ledger.stored, made.ledger.dropped) == (CELLS, {"no_window": 3})
    assert rows_of(over.path / "results" / "completed").column("event_id").to_pylist() == [
        k for k in range(1, LAST + 1) if k % 7
    ]
    with closing(RunFolder.open(over.path)) as again:
        assert again.run().ledger == ledger, "what the run lost while it ran stays lost"
    with pytest.raises(RunStateError, match="complete already"):
        reprocess(over.path, Wanted(missing=True), makers(OwnBundle))


@pytest.mark.parametrize("after", [1, 40])
def test_an_interrupted_set_is_gone_on_with_and_comes_out_the_same(over: RunFolder, after: int) -> None:
    whole = reprocess(over.path, Wanted(name="whole"), makers(), events_per_part=16)

    def stop(done: int, total: int) -> None:
        if done >= after:
            raise Interrupted

    with pytest.raises(Interrupted):
        reprocess(over.path, Wanted(name="other"), makers(), stop, events_per_part=16)
    path = over.path / "results" / "other"
    left = ResultSet.model_validate_json((path / "result.json").read_bytes())
    assert left.state is ResultState.UNFINISHED and left.ledger.in_flight == LAST - left.last_event
    # A part was written, and the crash came before the description.
    orphan = path / "cells" / f"part-{left.last_event // 16:05d}.parquet"
    pq.write_table(rows_of(over.path / "results" / "whole").slice(CELLS - 4), orphan)
    assert over.results("other").cells.page().total == left.ledger.stored
    seen: list[int] = []
    made = reprocess(
        over.path, Wanted(name="other"), makers(), lambda done, total: seen.append(total), events_per_part=16
    )
    assert set(seen) == {LAST - left.last_event}, "parts that were sealed were made again"
    assert made.ledger == whole.ledger
    for table in ("cells", "rejected"):
        assert rows_of(path, table).equals(rows_of(over.path / "results" / "whole", table))


def test_a_model_that_fails_costs_its_cells_and_no_more(over: RunFolder) -> None:
    class Picky(KnownModel):
        def answer_arrays(self, event_id: Any, arrays: Any) -> Any:
            if 33 in event_id:
                raise ValueError("not this one")
            return super().answer_arrays(event_id, arrays)

    failing = replace(makers(), engine=lambda provider: lambda start: Picky())
    made = reprocess(over.path, Wanted(name="other"), failing, events_per_part=16)
    assert made.ledger.dropped["inference"] + made.ledger.stored == CELLS and 0 < made.ledger.dropped["inference"] <= 16


def test_what_cannot_be_done_is_one_sentence(over: RunFolder) -> None:
    reprocess(over.path, Wanted(name="other"), makers())
    with pytest.raises(ConfigError, match="choose another --name"):
        reprocess(over.path, Wanted(name="other"), makers(OwnBundle))
    for name in (LIVE, "../up", "", "a" * 65):
        with pytest.raises(ConfigError if name else RunStateError):
            reprocess(over.path, Wanted(name=name, bundle="x", missing=not name), makers(OwnBundle))
            raise RunStateError("an empty name is no name")
    lock = DataLock(over.path / "results" / "third")
    assert lock.acquire()
    with pytest.raises(RunStateError, match="Another process"):
        reprocess(over.path, Wanted(name="third"), makers())
    lock.release()
    over.save_run(over.run().model_copy(update={"state": RunState.ACQUIRING}))
    with pytest.raises(RunStateError, match="when it has ended"):
        reprocess(over.path, Wanted(name="late"), makers())


def test_damaged_sets_are_none(over: RunFolder) -> None:
    reprocess(over.path, Wanted(name="other"), makers())
    file = over.path / "results" / "other" / "result.json"
    file.write_text(json.dumps({"name": 3}))
    assert [one.name for one in over.result_sets()] == [LIVE]


@pytest.mark.parametrize(
    ("chunk", "events", "workers", "size"),
    [(None, 10**6, 2, 1024), (None, 4820, 2, 151), (None, 4820, 1, 302), (None, 40, 8, 128), (7, 10**6, 2, 7)],
)
def test_events_are_shared_out_among_workers(chunk: int | None, events: int, workers: int, size: int) -> None:
    assert Wanted(chunk=chunk).events_per_chunk(events, workers) == size
