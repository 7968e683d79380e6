"""Every source keeps the same promises, and the suite that says so notices when one does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from trace_samples import ATOM_RECORD, ramp_block, small_sheet, write_trace

from acquisition import testing
from acquisition.block import UNKNOWN_LOSS, Block
from acquisition.errors import EndOfStream, SourceTimeout
from acquisition.replay import Replay
from acquisition.source import Source, open_source
from acquisition.testing import CHECKS, REPEATABLE_CHECKS, Check
from acquisition.trace import TraceReader

each_check = pytest.mark.parametrize("check", CHECKS + REPEATABLE_CHECKS, ids=lambda check: check.__name__)


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    instrument = small_sheet()
    blocks = [
        ramp_block(instrument, 100, 20_000),
        ramp_block(instrument, 20_140, 9_000, lost_before=40),
        ramp_block(instrument, 29_150, 500, lost_before=UNKNOWN_LOSS),
        ramp_block(instrument, 0, 9_000, epoch=1),
    ]
    return write_trace(tmp_path_factory.mktemp("conformance") / "a.h5", blocks, chunk_samples=4096)


@each_check
@pytest.mark.parametrize("options", ["block_samples=1000", "speed=0.5&block_samples=3000"])
def test_a_trace_is_a_source(trace: Path, check: Check, options: str) -> None:
    check(lambda: open_source(f"file:{trace}?{options}"))


@each_check
def test_an_atom_record_is_a_source(tmp_path: Path, check: Check) -> None:
    path = tmp_path / "record.hdf5"
    with h5py.File(path, "w") as file:
        file["raw"] = (np.arange(30_000) % 140 - 11).clip(-11, 128).astype(np.int16)
        file.attrs.update(pulse_interval=275, shear_factor=-0.5195, horizontal_scaling_factor=55.0)
    check(lambda: open_source(f"atom:{path}?block_samples=999"))


@each_check
def test_the_real_atom_record_is_a_source(check: Check) -> None:
    if not ATOM_RECORD.parents[1].is_dir():
        pytest.skip("the folder shared/data with the real record is not beside this checkout")
    check(lambda: open_source(f"atom:{ATOM_RECORD}?block_samples=20000"))


class Skipping(Replay):
    """Loses every third block and says nothing."""

    def read(self, timeout_s: float = 1.0) -> Block:
        block = super().read(timeout_s)
        return super().read(timeout_s) if block.first_sample % 3 == 1 else block


class Reusing(Replay):
    """Delivers every block in one buffer, without saying so."""

    def read(self, timeout_s: float = 1.0) -> Block:
        block = super().read(timeout_s)
        if not hasattr(self, "buffer"):
            self.buffer = block.data.copy()
        count = min(block.n_samples, len(self.buffer))
        self.buffer[:count] = block.data[:count]
        return replace(block, data=self.buffer[:count])


class Unsigned(Replay):
    """Delivers the converter's offset binary."""

    def read(self, timeout_s: float = 1.0) -> Block:
        block = super().read(timeout_s)
        return replace(block, data=block.data.astype(np.uint16))


class SameEpoch(Replay):
    """Starts its clock again without telling."""

    def start(self) -> None:
        super().start()
        self._plays = 1


class Deaf(Replay):
    """Does not hear a stop."""

    def stop(self) -> None:
        return None


class IdleIsTheEnd(Replay):
    """Takes a pause for the end, and the end for a pause."""

    def read(self, timeout_s: float = 1.0) -> Block:
        try:
            return super().read(timeout_s)
        except EndOfStream:
            raise SourceTimeout("nothing came") from None


@pytest.mark.parametrize(
    ("faulty", "check", "sentence"),
    [
        (Skipping, testing.check_ticks_continue, "ticks missing"),
        (Reusing, testing.check_blocks_keep, "flagged as borrowed"),
        (Unsigned, testing.check_blocks_fit, "must be int16, got uint16"),
        (SameEpoch, testing.check_restart_is_a_new_epoch, "and a new start"),
        (Deaf, testing.check_stopped_is_ended, "must raise EndOfStream"),
        (IdleIsTheEnd, testing.check_stopped_is_ended, "must raise EndOfStream, not SourceTimeout"),
    ],
)
def test_a_faulty_source_is_found_out(trace: Path, faulty: Callable[..., Source], check: Check, sentence: str) -> None:
    with pytest.raises(AssertionError, match=sentence):
        check(lambda: faulty(TraceReader(trace), speed=0.5, block_samples=1000))


def test_a_source_that_does_not_hear_a_stop_is_found_out(trace: Path) -> None:
    with pytest.raises(AssertionError, match="went on for a second after stop"):
        testing.check_stop_from_another_thread(lambda: Deaf(TraceReader(trace), speed=1e-6))
