"""Over a network, only workers that the service knows see cells, and each side is who it says; others are told."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import zmq
from test_transport import START, Doubler, cells, check_answers, collect

from inference.address import checked_address, from_here
from inference.admission import answer_zap
from inference.dispatcher import Dispatcher
from inference.errors import TransportError
from inference.keys import ServiceKeys, WorkerKeys, make_keys
from inference.messages import Ready
from inference.wire import encode
from inference.worker import Worker

EVERYBODY = "tcp://0.0.0.0:*"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_keys(tmp_path / "keys", ["bench"])
    return tmp_path / "keys"


@contextmanager
def joining(dispatcher: Dispatcher, keys: WorkerKeys) -> Iterator[list[Exception]]:
    """A worker in a thread; what it ends with is in the list."""
    ends: list[Exception] = []
    worker = Worker(from_here(dispatcher.address), lambda start: Doubler(), name="bench", keys=keys)

    def run() -> None:
        try:
            worker.run()
        except TransportError as error:
            ends.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield ends
    finally:
        worker.stop()
        thread.join(10)
        assert not thread.is_alive()


def wait_for(condition: Any, limit_s: float = 30.0) -> None:
    deadline = time.monotonic() + limit_s
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert condition()


def test_a_known_worker_answers_over_an_address_that_others_could_reach(folder: Path) -> None:
    with Dispatcher(EVERYBODY, keys=ServiceKeys.load(folder)) as dispatcher:
        assert dispatcher.address.startswith("tcp://0.0.0.0:")
        with joining(dispatcher, WorkerKeys.load(folder)) as ends:
            dispatcher.begin(START, ["transmission"])
            dispatcher.wait_ready(30)
            assert dispatcher.submit(cells(1, 3))
            check_answers(collect(dispatcher, 1))
        assert not ends and dispatcher.refused == 0


def test_a_worker_whose_key_the_service_does_not_know_is_not_let_in_and_told_so(folder: Path, tmp_path: Path) -> None:
    make_keys(tmp_path / "other", ["stranger"])
    shutil.copy(folder / "service.key", tmp_path / "other" / "service.key")
    (tmp_path / "other" / "service.key_secret").unlink()
    with Dispatcher(EVERYBODY, keys=ServiceKeys.load(folder)) as dispatcher:
        with joining(dispatcher, WorkerKeys.load(tmp_path / "other")) as ends:
            wait_for(lambda: ends)
        assert "does not know the key" in str(ends[0]) and "\n" not in str(ends[0])
        wait_for(lambda: dispatcher.refused > 0)
        assert not dispatcher.workers()


def test_a_worker_does_not_talk_to_another_service(folder: Path, tmp_path: Path) -> None:
    make_keys(tmp_path / "other", ["bench"])
    with Dispatcher(EVERYBODY, keys=ServiceKeys.load(tmp_path / "other")) as dispatcher:
        with joining(dispatcher, WorkerKeys.load(folder)) as ends:
            wait_for(lambda: ends)
        assert "service.key" in str(ends[0])
        assert dispatcher.refused > 0 and not dispatcher.workers()


def test_who_speaks_in_the_clear_is_not_heard(folder: Path) -> None:
    with Dispatcher(EVERYBODY, keys=ServiceKeys.load(folder)) as dispatcher, zmq.Context() as context:
        plain: zmq.Socket[bytes] = context.socket(zmq.DEALER)
        plain.linger = 0
        plain.connect(from_here(dispatcher.address))
        plain.send_multipart(encode(Ready("eavesdropper", "", 0, "")))
        wait_for(lambda: dispatcher.refused > 0)
        assert not plain.poll(100) and not dispatcher.workers()
        plain.close()


def test_a_key_that_is_taken_away_opens_nothing_any_more(folder: Path) -> None:
    with Dispatcher(EVERYBODY, keys=ServiceKeys.load(folder)) as dispatcher:
        with joining(dispatcher, WorkerKeys.load(folder)):
            wait_for(dispatcher.workers)
        keys = WorkerKeys.load(folder)
        (folder / "bench.key").unlink()
        with joining(dispatcher, keys) as ends:
            wait_for(lambda: ends)
        assert dispatcher.refused > 0


def test_the_service_starts_worker_processes_of_its_own_whatever_keys_others_have(folder: Path) -> None:
    make_keys(folder, ["second"])
    with Dispatcher(EVERYBODY, keys=ServiceKeys.load(folder)) as dispatcher:
        words = [sys.executable, "-m", "inference.worker_process", from_here(dispatcher.address)]
        with subprocess.Popen(
            [*words, "--name", "own", "--service-keys", str(folder)], stderr=subprocess.PIPE
        ) as process:
            wait_for(dispatcher.workers, 60)
            process.terminate()
            _, err = process.communicate(timeout=30)
        assert not err


def test_only_this_user_can_read_keys_and_others_are_not_trusted(folder: Path) -> None:
    files = sorted(path.name for path in folder.iterdir())
    assert files == ["bench.key", "bench.key_secret", "service.key", "service.key_secret"]
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    secrets = {keys.secret for keys in (ServiceKeys.load(folder), WorkerKeys.load(folder))}
    assert len(secrets) == 2 and not any(str(secret) in repr(ServiceKeys.load(folder)) for secret in secrets)
    before = (folder / "service.key").read_bytes()
    assert [path.name for path in make_keys(folder, ["second"])] == ["second.key", "second.key_secret"]
    assert (folder / "service.key").read_bytes() == before and len(ServiceKeys.load(folder).workers()) == 3
    with pytest.raises(TransportError, match="2 workers"):
        WorkerKeys.load(folder)
    (folder / "service.key_secret").chmod(0o640)
    with pytest.raises(TransportError, match="chmod 600"):
        ServiceKeys.load(folder)


@pytest.mark.parametrize(
    ("break_it", "sentence"),
    [
        (lambda folder: (folder / "service.key_secret").unlink(), "lightline keys"),
        (lambda folder: (folder / "service.key_secret").write_text("public-key = 'short'"), "is no key"),
        (lambda folder: make_keys(folder, ["bench"]), "already"),
        (lambda folder: make_keys(folder, ["service"]), "no name"),
        (lambda folder: make_keys(folder, ["../up"]), "no name"),
    ],
)
def test_what_is_wrong_with_keys_is_one_sentence(folder: Path, break_it: Any, sentence: str) -> None:
    with pytest.raises(TransportError, match=sentence) as caught:
        break_it(folder)
        ServiceKeys.load(folder)
    assert "\n" not in str(caught.value)


def test_without_keys_an_address_that_others_could_reach_is_refused() -> None:
    with pytest.raises(TransportError, match="lightline keys FOLDER"):
        checked_address("tcp://10.0.0.7:5555")
    assert checked_address("tcp://10.0.0.7:5555", encrypted=True) == "tcp://10.0.0.7:5555"


def test_admission_is_answered_by_the_protocol_of_zeromq() -> None:
    allowed = lambda: frozenset({b"k" * 32})  # noqa: E731
    asked = [b"1.0", b"7", b"lightline", b"10.0.0.9", b"", b"CURVE", b"k" * 32]
    assert answer_zap(asked, allowed) == [b"1.0", b"7", b"200", b"OK", b"", b""]
    wrong = (
        [*asked[:6], b"x" * 32],
        [*asked[:5], b"NULL"],
        [*asked[:5], b"PLAIN", b"k", b"k"],
        [b"2.0", *asked[1:]],
        [],
    )
    assert [answer_zap(frames, allowed)[2] for frames in wrong] == [b"400"] * 5
