"""Who reads the log afterwards knows what happened, to which run, when, and how much it cost."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import zmq
from line_parts import KnownDetector, KnownSource, KnownTransform, known_event, known_makers

from acquisition.block import Block
from inference.dispatcher import Dispatcher
from inference.messages import Ready, Start
from inference.wire import encode
from service import logs
from service.errors import StorageError
from service.logs import JsonLines, LogForm, LogWriter, TextLines, logging_to
from service.run import FinishReason, Ledger, RunRequest
from service.runs.control import RunControl
from service.runs.losses import QUIET_S, LossWatch

logger = logging.getLogger("lightline.test")


def told(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [json.loads(JsonLines().format(record)) for record in caplog.records if hasattr(record, "what")]


@pytest.fixture(autouse=True)
def _everything(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level(logging.INFO, "lightline"):
        yield


def test_a_run_tells_its_states_its_reason_and_its_counts(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with RunControl(tmp_path, makers=known_makers(lambda: KnownSource(70))) as control:
        run = control.wait(control.start(RunRequest(source="known:")).id, 60)
    lines = [line for line in told(caplog) if line["what"].startswith("run_")]
    assert [line["what"] for line in lines] == ["run_armed", "run_started", "run_draining", "run_done"]
    assert {line["run"] for line in lines} == {run.id}
    assert lines[2]["reason"] == lines[3]["reason"] == FinishReason.SOURCE_ENDED
    assert (lines[3]["detected"], lines[3]["stored"], lines[3]["rejected"]) == (70, 60, 10)
    (joined,) = (line for line in told(caplog) if line["what"] == "worker_joined")
    assert joined["stage"] == "infer" and joined["worker"] == "thread-0"


def test_a_fault_of_ours_leaves_its_traceback_and_its_stage(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    known = known_makers(lambda: KnownSource(70))

    class Broken(KnownDetector):
        def push(self, block: Block) -> Any:
            return self._next_id / 0 if block.n_samples == 2000 else super().push(block)

    makers = type(known)(known.source, Broken, known.transform, known.bundle, known.engine)
    with RunControl(tmp_path, makers=makers) as control:
        run = control.wait(control.start(RunRequest(source="known:")).id, 60)
    (fault,) = (line for line in told(caplog) if line["what"] == "fault")
    assert (fault["run"], fault["stage"]) == (run.id, "detect") and "ZeroDivisionError" in fault["traceback"]
    (done,) = (line for line in told(caplog) if line["what"] == "run_done")
    assert done["level"] == "error" and done["reason"] == "failed" and "ZeroDivisionError" in done["message"]


def test_a_loss_is_told_when_it_begins_and_when_it_is_over_with_all_it_took() -> None:
    watch = LossWatch()
    assert watch.look(Ledger(), 0.0) is None
    began = watch.look(Ledger(samples_lost=5, detected=2, dropped={"queue_full": 2}), 1.0)
    assert began is not None and not began.over and began.counts == {"samples_lost": 5, "events_queue_full": 2}
    assert watch.look(Ledger(samples_lost=9, detected=2, dropped={"queue_full": 2}), 2.0) is None
    later = Ledger(samples_lost=9, detected=7, stored=5, dropped={"queue_full": 2})
    assert watch.look(later, 2.0 + QUIET_S) is None
    ended = watch.look(later, 2.1 + QUIET_S)
    assert ended is not None and ended.over and ended.counts == {"samples_lost": 9, "events_queue_full": 2}
    assert watch.look(later, 60.0) is None and watch.end() is None
    # The next one counts from there.
    again = watch.look(later.model_copy(update={"samples_lost": 12}), 61.0)
    assert again is not None and again.counts == {"samples_lost": 3}
    last = watch.end()
    assert last is not None and last.over and last.counts == {"samples_lost": 3}


def test_a_silent_worker_is_named_with_what_is_given_again(caplog: pytest.LogCaptureFixture) -> None:
    with Dispatcher(silence_s=0.2) as dispatcher:
        dispatcher.begin(Start("run", 1, "{}", "test", "digest", b"bundle"), ["transmission"])
        socket = dispatcher.context.socket(zmq.DEALER)
        socket.linger = 0
        socket.connect(dispatcher.address)
        socket.send_multipart(encode(Ready("bench 2", "Provider", 2, "run")))
        dispatcher.wait_ready(10)
        assert dispatcher.submit(KnownTransform().images([known_event(1, 500)]))
        deadline = time.monotonic() + 20
        while dispatcher.workers() and time.monotonic() < deadline:
            time.sleep(0.02)
        socket.close()
    joined, silent = (line for line in told(caplog) if line["what"].startswith("worker_"))
    assert (joined["what"], joined["worker"], joined["run"]) == ("worker_joined", "bench 2", "run")
    assert (silent["what"], silent["worker"], silent["batches"]) == ("worker_silent", "bench 2", 1)
    assert silent["level"] == "warning"


def test_lines_are_json_one_each_and_text_is_for_people(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with logging_to(LogForm.JSON, tmp_path / "logs" / "lightline.log"):
        logger.info("Two\nlines, and µm.", extra={"what": "test", "run": "r1", "event": 7, "at_all": Path("x")})
        logging.getLogger("uvicorn.error").warning("of the server")
    screen = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    assert screen == [json.loads(line) for line in (tmp_path / "logs" / "lightline.log").read_text().splitlines()]
    assert screen[0] | {"at": ""} == {
        "at": "", "level": "info", "from": "lightline.test", "message": "Two\nlines, and µm.",
        "what": "test", "run": "r1", "event": 7, "at_all": "x",
    }  # fmt: skip
    assert screen[0]["at"].endswith("Z") and screen[1]["from"] == "uvicorn.error"
    record = logging.makeLogRecord({"msg": "Data are lost.", "levelname": "WARNING", "event": 7, "reason": ""})
    assert TextLines().format(record).endswith("Z warning Data are lost. event=7")
    logger.info("nobody listens any more")
    assert capfd.readouterr().err == ""


def test_a_log_file_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "FILE_BYTES", 2000)
    with logging_to(LogForm.TEXT, tmp_path / "a.log"):
        for _ in range(200):
            logger.info("x" * 100)
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert set(sizes) == {"a.log", *(f"a.log.{k}" for k in range(1, 5))} and max(sizes.values()) <= 2000


def test_a_log_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="--log-file"), logging_to(LogForm.TEXT, tmp_path / "file" / "a.log"):
        pass


def test_a_terminal_that_takes_nothing_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "_MOST_WAITING", 10)
    monkeypatch.setattr(logs, "_PATIENCE_S", 0.1)
    stuck, free = threading.Event(), threading.Event()

    class Stuck(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            stuck.set()
            free.wait(30)

    writer = LogWriter(Stuck())
    for k in range(50):
        writer.handle(logging.makeLogRecord({"msg": str(k)}))
        if k == 0:
            stuck.wait(10)
    assert writer.left_out == 39
    began = time.monotonic()
    writer.close()
    assert time.monotonic() - began < 10
    free.set()
