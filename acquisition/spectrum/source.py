"""A Spectrum card that streams without end, as a source."""

from __future__ import annotations

import threading
import time
from typing import Any, Self

from acquisition.block import Block
from acquisition.errors import ConfigError, DeviceLost, EndOfStream, Overrun, SourceError, SourceTimeout
from acquisition.instrument import Instrument
from acquisition.origin import Origin
from acquisition.source import Truth
from acquisition.spectrum.driver import Registers, one_line
from acquisition.spectrum.faults import code_of, fault_of
from acquisition.spectrum.ring import Ring
from acquisition.spectrum.setup import CardSetup

_WAIT_S = 0.05
"""Longest single wait in the driver: `stop` comes in between two of them."""


class SpectrumSource:
    """A Spectrum card in FIFO mode as a `Source`.

    States and threads as in `Source`. Blocks are borrowed views of the memory that the card writes to; one is out at a
    time, given back by its `release` or by the next read. Only one thread at a time talks to the driver. A read waits
    in short slices, however many of them pass without samples; what the card had handed over before an overrun is
    delivered before the overrun is reported.

    Parameters
    ----------
    package
        The `spcm` module.
    card
        An open `spcm.Card`, set up; it is closed with the source.
    device
        The card's name, for people.
    setup
        What it was set up for.
    sizes
        Bytes of a block and of the ring.
    """

    def __init__(self, package: Any, card: Any, device: str, setup: CardSetup, sizes: tuple[int, int]) -> None:
        self._package, self._card, self._device = package, card, device
        self._setup, self._sizes = setup, sizes
        self._registers = Registers(package, card.handle())
        self._name = f"{card.product_name()} sn {card.sn():05d}"
        self._demo = bool(card.is_demo_card())
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._ring: Ring | None = None
        self._epoch = -1
        self._tick = 0
        self._wait_ms = -1
        self._fault: Overrun | DeviceLost | None = None
        self._closed = False

    @property
    def instrument(self) -> Instrument:
        """The instrument, with the volts of the ranges that the card is set to."""
        return self._setup.instrument

    @property
    def waits(self) -> bool:
        """False: a card does not wait."""
        return False

    @property
    def origin(self) -> Origin:
        """Measured; simulated for the driver's demonstration cards."""
        return Origin.SIMULATED if self._demo else Origin.MEASURED

    @property
    def description(self) -> str:
        """One line for people."""
        return f"{self.instrument.name} on Spectrum {self._name} at {self._device}"

    @property
    def total_samples(self) -> int | None:
        """None: it streams without end."""
        return None

    def start(self) -> None:
        """Begin to stream; a second start begins a new epoch.

        Raises
        ------
        ConfigError
            If the card refuses to start, for example because its external clock is not there.
        DeviceLost
            If the card is gone.
        """
        with self._lock:
            if self._closed:
                raise SourceError(f"The card at {self._device} is closed; open it again.")
            if isinstance(self._fault, DeviceLost):
                raise DeviceLost(str(self._fault))
            self._halt()
            self._stopped.set()
            try:
                self._ring = Ring(self._package, self._card, self._registers, self._setup, self._sizes)
                self._card.start(self._package.M2CMD_CARD_ENABLETRIGGER, self._package.M2CMD_DATA_STARTDMA)
            except self._package.SpcmException as error:
                raise self._not_started(error) from None
            self._fault = None
            self._epoch += 1
            self._tick = 0
            self._stopped.clear()

    def read(self, timeout_s: float = 1.0) -> Block:
        """Next block, borrowed until it is released or the next one is read.

        Raises
        ------
        SourceTimeout, EndOfStream, Overrun, DeviceLost
            As `Source.read` does.
        """
        if self._epoch < 0:
            raise SourceError("The Spectrum card was not started; call start first.")
        deadline_s = time.monotonic() + timeout_s
        while not self._stopped.is_set():
            left_s = deadline_s - time.monotonic()
            with self._lock:
                block = self._next(min(max(left_s, 0.0), _WAIT_S))
            if block is not None:
                return block
            if left_s <= 0:
                raise SourceTimeout(f"The card at {self._device} gave no samples in {timeout_s:g} s.")
        raise EndOfStream("The Spectrum card was stopped.")

    def stop(self) -> None:
        """End the stream, from any thread; a waiting `read` raises `EndOfStream`."""
        self._stopped.set()
        with self._lock:
            self._halt()

    def truth(self) -> Truth | None:
        """None: nothing is known of measured cells."""
        return None

    def close(self) -> None:
        """Stop, and give the card back to others."""
        self.stop()
        with self._lock:
            if not self._closed:
                self._closed = True
                self._card.close_handle()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _halt(self) -> None:
        # A card that is gone answers with errors here, which change nothing any more.
        if self._ring is not None:
            package = self._package
            self._registers.write(package.SPC_M2CMD, package.M2CMD_CARD_STOP | package.M2CMD_DATA_STOPDMA)
            self._registers.forget_buffer()
            self._ring = None

    def _not_started(self, error: Exception) -> ConfigError | DeviceLost:
        self._halt()
        self._fault = None
        # The package's exceptions do not tell a card that refuses from one that is gone; its status register does.
        self._note(self._registers.read(self._package.SPC_M2STATUS)[0])
        if isinstance(self._fault, DeviceLost):
            return DeviceLost(str(self._fault))
        return ConfigError(
            f"The card at {self._device} does not start ({one_line(error)}); check its clock and options."
        )

    def _next(self, patience_s: float) -> Block | None:
        ring = self._ring
        if ring is None:
            return None
        self._note(ring.give_back())
        available = self._available(ring)
        if available < ring.notify_bytes and self._fault is None and patience_s > 0:
            self._note(self._wait(patience_s))
            available = self._available(ring)
        if available < ring.notify_bytes and self._fault is None:
            self._note_status()
            if self._fault is not None:
                available = self._available(ring)
        whole = ring.notify_bytes if self._fault is None else ring.frame_bytes
        if available >= whole:
            return self._block(ring, available)
        if self._fault is not None:
            # An overrun is said once; a card that is gone stays gone.
            if isinstance(self._fault, Overrun):
                self._stopped.set()
            raise type(self._fault)(str(self._fault))
        return None

    def _available(self, ring: Ring) -> int:
        code, available = ring.available()
        if code:
            # The first call after an error is answered with that error; what is in the ring is there all the same.
            self._note(code)
            code, available = ring.available()
        return 0 if code else available

    def _wait(self, patience_s: float) -> int:
        wait_ms = max(1, round(patience_s * 1e3))
        if wait_ms != self._wait_ms:
            code = self._registers.write(self._package.SPC_TIMEOUT, wait_ms)
            if code:
                return code
            self._wait_ms = wait_ms
        return self._registers.write(self._package.SPC_M2CMD, self._package.M2CMD_DATA_WAITDMA)

    def _block(self, ring: Ring, available: int) -> Block:
        # Not every card has this register; an error that matters stands in the status, too.
        code, fill_promille = self._registers.read(self._package.SPC_FILLSIZEPROMILLE)
        data = ring.take(available)
        first, serial = self._tick, ring.serial
        self._tick += data.shape[0]
        return Block(
            data=data,
            first_sample=first,
            epoch=self._epoch,
            fill=None if code else min(max(fill_promille / 1e3, 0.0), 1.0),
            host_time_ns=time.time_ns(),
            borrowed=True,
            release=lambda: self._release(ring, serial),
        )

    def _release(self, ring: Ring, serial: int) -> None:
        with self._lock:
            # A block of an earlier stream, or one that the next read has given back already, is no longer ours.
            if ring is self._ring and ring.serial == serial:
                self._note(ring.give_back())

    def _note_status(self) -> None:
        code, status = self._registers.read(self._package.SPC_M2STATUS)
        self._note(code or code_of(self._package, status))

    def _note(self, code: int) -> None:
        if self._fault is None:
            self._fault = fault_of(self._package, code, self._device, self._registers.error_text)
