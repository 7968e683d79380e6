"""Whoever writes a source sees from one command which promise it breaks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from trace_samples import small_sheet, write_trace

from acquisition.block import Block
from acquisition.errors import DeviceLost
from acquisition.replay import Replay
from acquisition.source import Source
from acquisition.testing import CHECKS, OVERRUN_CHECKS, RAMP_CHECKS, REPEATABLE_CHECKS, ramp
from acquisition.testing import __main__ as command
from acquisition.trace import TraceReader


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    blocks = [Block(ramp(small_sheet(), 0, 70_000), 0)]
    return write_trace(tmp_path_factory.mktemp("command") / "a.h5", blocks, chunk_samples=4096)


def outcomes(text: str) -> tuple[int, int]:
    lines = text.splitlines()
    return sum(line.startswith("passed  ") for line in lines), sum(line.startswith("FAILED  ") for line in lines)


def test_a_source_that_keeps_the_contract_passes_every_line(trace: Path) -> None:
    url = f"file:{trace}?block_samples=1000"
    made = subprocess.run(
        [sys.executable, "-m", "acquisition.testing", url, "--ramp", "--starts", "20"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert made.returncode == 0, made.stdout + made.stderr
    assert outcomes(made.stdout) == (len(CHECKS + REPEATABLE_CHECKS + RAMP_CHECKS) + 1, 0)
    assert made.stdout.endswith(f"{url} keeps the contract.\n")


class Dying(Replay):
    """Is gone after the first block, and plays the same epoch again."""

    def start(self) -> None:
        super().start()
        self._plays = 1

    def read(self, timeout_s: float = 1.0) -> Block:
        if self._offset > 2000:
            raise DeviceLost("The card is gone.")
        return super().read(timeout_s)


def test_what_a_source_breaks_is_said_in_its_line(
    trace: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def opened(url: str) -> Source:
        return Dying(TraceReader(trace), block_samples=1000)

    monkeypatch.setattr(command, "open_source", opened)
    assert command.main(["my:card", "--overrun"]) == 1
    text = capsys.readouterr().out
    passed, failed = outcomes(text)
    assert passed + failed == len(CHECKS + REPEATABLE_CHECKS + OVERRUN_CHECKS) and passed and failed > 3
    assert "FAILED  restart is a new epoch" in text and "DeviceLost: The card is gone." in text
    assert text.endswith(f"my:card fails {failed} of the checks.\n")


def test_a_source_that_cannot_be_opened_is_refused_in_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["nowhere:at-all"]) == 2
    assert "There is no source of the kind 'nowhere:'" in capsys.readouterr().err
