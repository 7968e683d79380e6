"""The checks for certain drivers pass what is right, by every way that samples take, and find out what is not."""

from __future__ import annotations

import mmap
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from ramp_source import SHEET, STRETCH, RampSource, collect

from acquisition.errors import EndOfStream, Overrun
from acquisition.network_address import Address
from acquisition.network_source import open_tcp
from acquisition.origin import Origin
from acquisition.source import Source, open_source, source_schemes
from acquisition.testing import (
    CHECKS,
    IDLE_CHECKS,
    OVERRUN_CHECKS,
    RAMP_CHECKS,
    WRAP_CHECKS,
    check_no_thread_stays,
    check_nothing_leaks,
)
from acquisition.trace import TraceWriter
from simulator.faults.faulty_source import with_faults
from simulator.server import SourceServer


def named(checks):
    return pytest.mark.parametrize("check", checks, ids=lambda check: check.__name__)


def faulty(text: str, instrument=SHEET, **options) -> Source:
    return with_faults(RampSource(instrument, **options), text, 1)


@contextmanager
def served(source: Source) -> Iterator[str]:
    with source:
        server = SourceServer(source, Address("127.0.0.1", 0), live=False)
        thread = threading.Thread(target=server.run)
        thread.start()
        try:
            yield str(server.address)
        finally:
            server.stop()
            thread.join(5)
            assert not thread.is_alive()


@named(RAMP_CHECKS)
@pytest.mark.parametrize("instrument", [SHEET, STRETCH], ids=lambda instrument: instrument.name)
@pytest.mark.parametrize("text", ["", "short:rate=0.3,drop:rate=0.05", "reuse,empty:rate=0.2"])
def test_every_sample_stands_at_its_tick_in_its_channel_with_its_sign(instrument, text, check):
    check(lambda: faulty(text, instrument))
    with served(faulty(text, instrument)) as url:
        check(lambda: open_tcp(url))


@named(IDLE_CHECKS)
def test_a_pause_is_not_the_end(check):
    check(lambda: faulty("idle:every=1ms:for=600ms"))
    with served(faulty("idle:every=1ms:for=600ms")) as url:
        check(lambda: open_tcp(url))


@named(OVERRUN_CHECKS)
@pytest.mark.parametrize("text", ["overrun:at=2ms", "reuse,overrun:at=2ms", "overrun:every=5ms"])
def test_an_overrun_ends_the_epoch_and_nothing_else(text, check):
    check(lambda: faulty(text))


@named(OVERRUN_CHECKS)
def test_an_overrun_over_the_network_ends_the_epoch_and_nothing_else(check):
    with served(faulty("overrun:every=5ms")) as url:
        check(lambda: open_tcp(url))


@named(WRAP_CHECKS)
def test_a_time_stamp_that_wraps_changes_no_tick(check):
    check(lambda: faulty("wrap:at=10ms"))
    with served(faulty("wrap:at=10ms")) as url:
        check(lambda: open_tcp(url))


def test_a_thousand_starts_leave_nothing():
    for check in (check_no_thread_stays, check_nothing_leaks):
        check(lambda: faulty("drop:rate=0.1"), 1000)


class Faulty(RampSource):
    """A ramp with something wrong, by name."""

    def __init__(self, wrong: str) -> None:
        super().__init__(samples=20_000, speed=0.05)
        self._wrong, self._reads, self._kept = wrong, 0, []

    def start(self) -> None:
        super().start()
        self._reads = 0
        if self._wrong == "same epoch":
            self._epoch = 0

    def read(self, timeout_s: float = 1.0):
        block = super().read(max(timeout_s, 5.0))
        self._reads += 1
        match self._wrong:
            case "swapped":
                return replace(block, data=np.ascontiguousarray(block.data[:, ::-1]))
            case "offset":
                return replace(block, data=block.data // 2)
            case "shifted":
                return replace(block, first_sample=block.first_sample + 1)
            case "hoarding":
                # Mapped anew each time: the heap would give again what an earlier test has freed.
                pages = mmap.mmap(-1, 1 << 20)
                pages.write(b"x" * len(pages))
                self.__class__.hoard = [*getattr(self.__class__, "hoard", []), pages]
            case "pause is the end" if self._reads == 3:
                raise EndOfStream("nothing came")
            case "silent overrun" if self._reads == 3:
                raise EndOfStream("the buffer is full")
            case "same epoch" | "goes on" if self._reads == 3:
                raise Overrun("too slow")
        return block


@pytest.mark.parametrize(
    ("wrong", "check", "sentence"),
    [
        ("swapped", RAMP_CHECKS[0], r"tick 0 of channel 0 is -2041 where the ramp has -2048"),
        ("shifted", RAMP_CHECKS[0], "tick 1 of channel 0"),
        ("offset", RAMP_CHECKS[1], "the lowest count is -1024, not -2048"),
        ("swapped", RAMP_CHECKS[2], "a held block changed"),
        ("pause is the end", IDLE_CHECKS[0], "a pause is not the end"),
        ("silent overrun", OVERRUN_CHECKS[0], "must raise Overrun, not EndOfStream"),
        ("goes on", OVERRUN_CHECKS[0], "a read after an overrun must raise EndOfStream"),
        ("same epoch", OVERRUN_CHECKS[1], "epoch 0 came after an overrun in 0"),
        ("none", WRAP_CHECKS[0], "wrapped 0 times"),
        ("hoarding", check_nothing_leaks, "every 10 starts leave .* bytes behind"),
    ],
)
def test_a_driver_with_a_fault_is_found_out(wrong, check, sentence):
    with pytest.raises(AssertionError, match=sentence):
        check(lambda: Faulty(wrong))


OPENED = {
    "sim": "sim:sheet-ci?seconds=0.01&seed=6&block_samples=5000",
    "file": "file:{folder}/ramp.h5?block_samples=1000",
    "replay": "replay:{folder}/ramp.h5?block_samples=1000&fault=drop:rate=0.1",
    "atom": "atom:{folder}/record.hdf5?block_samples=1000",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Recordings to open."""
    folder = tmp_path_factory.mktemp("entry_points")
    with TraceWriter(folder / "ramp.h5", SHEET, origin=Origin.SIMULATED) as writer:
        for block in collect(RampSource(samples=50_000)):
            writer.append(block)
    with h5py.File(folder / "record.hdf5", "w") as file:
        file["raw"] = (np.arange(30_000) % 140 - 11).clip(-11, 128).astype(np.int16)
        file.attrs.update(pulse_interval=275, shear_factor=-0.5195, horizontal_scaling_factor=55.0)
    return folder


@named(CHECKS)
@pytest.mark.parametrize("scheme", sorted(OPENED))
def test_every_entry_point_that_needs_no_device_or_sender_opens_a_source(folder, scheme, check):
    assert scheme in source_schemes()
    check(lambda: open_source(OPENED[scheme].format(folder=folder)))
