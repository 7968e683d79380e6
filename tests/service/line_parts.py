"""Small parts of a line whose every event is known beforehand: a source, a detector, a transform and a model."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np

from acquisition.block import Block
from acquisition.errors import EndOfStream
from acquisition.event import Background, ClockState, Event, EventFlag
from acquisition.instrument import Instrument
from acquisition.origin import Origin
from acquisition.presets import instrument_preset
from inference.results import CellResults
from reconstruction.errors import ReconstructionError
from reconstruction.images import CellImages, Pixels, Rejection
from reconstruction.settings import ImageSettings
from reconstruction.speed import SpeedSource
from service.runs.arming import Makers

# Fast, so that five micrometres are few samples.
INSTRUMENT = instrument_preset("sheet-ci").model_copy(update={"flow_speed_m_s": 1.0})
EVERY = 500
"""An event lies in the middle of every so many samples."""
REJECT_EVERY = 7


class KnownSource:
    """Counts up in its first channel; `waits` as asked for; can be slow, fail, or never end."""

    origin = Origin.SIMULATED
    description = "a stream for tests"
    total_samples = None

    def __init__(
        self,
        events: int | None = 100,
        *,
        waits: bool = True,
        block: int = 2000,
        pause_s: float = 0.0,
        error: Any = None,
    ) -> None:
        self.instrument = INSTRUMENT
        self.waits = waits
        self._samples = None if events is None else events * EVERY
        self._block, self._pause_s, self._error = block, pause_s, error
        self._tick = 0
        self._stopped = threading.Event()
        self.closed = False

    def start(self) -> None:
        self._tick = 0

    def read(self, timeout_s: float = 1.0) -> Block:
        if self._stopped.wait(self._pause_s):
            raise EndOfStream
        if self._samples is not None and self._tick >= self._samples:
            raise self._error or EndOfStream
        end = self._tick + self._block if self._samples is None else min(self._tick + self._block, self._samples)
        data = np.zeros((end - self._tick, 2), np.int16)
        data[:, 0] = np.arange(self._tick, end) % 1000
        block = Block(data, first_sample=self._tick, borrowed=True)
        self._tick = end
        return block

    def stop(self) -> None:
        self._stopped.set()

    def truth(self) -> dict[str, np.ndarray]:
        """A cell in every event; two in every tenth; and one between events, every twentieth."""
        ticks = [EVERY * k + EVERY / 2 for k in range(self._tick // EVERY)]
        doubles = [tick + 3 for tick in ticks[::10]]
        between = [tick + EVERY / 2 for tick in ticks[::20]]
        tick = np.array(ticks + doubles + between)
        kinds = np.array([b"a"] * len(ticks) + [b"b"] * len(doubles) + [b"c"] * len(between))
        rows = np.arange(len(tick))
        return {"cell": rows, "kind": kinds, "epoch": np.zeros(len(tick), np.int32), "tick": tick}

    def close(self) -> None:
        self.closed = True

    def __enter__(self) -> KnownSource:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class KnownDetector:
    parameters = "known:1"
    clock = None

    def __init__(self, instrument: Instrument = INSTRUMENT) -> None:
        self._next_id = 1
        self._next_tick = EVERY // 2

    def push(self, block: Block) -> list[Event]:
        found = []
        while self._next_tick < block.end_sample:
            found.append(known_event(self._next_id, self._next_tick, block.data.dtype))
            self._next_id += 1
            self._next_tick += EVERY
        return found

    def flush(self) -> list[Event]:
        return []


def known_event(event_id: int, tick: float, dtype: Any = np.int16) -> Event:
    rows = 60 + event_id % 5
    level = np.full((2, 100), event_id // 50, np.float32)
    return Event(
        event_id=event_id,
        epoch=0,
        trigger_tick=float(tick),
        duration_ticks=20.0,
        window_tick=int(tick) - 30,
        window=np.arange(2 * rows, dtype=dtype).reshape(rows, 2) + np.array(event_id % 50, dtype),
        clock=ClockState(100.25, 12.5, event_id % 2 == 0),
        background=Background(level, np.array([1.5, 2.5], np.float32), np.array([[0.5, -0.5], [1, 2]], np.float32)),
        strength=event_id / 3,
        flags=EventFlag.OVERLAP if event_id % REJECT_EVERY == 0 else EventFlag.NONE,
        bodies=event_id % 3,
        neighbours=tuple((tick + 5.5 * k, 18.0 + k) for k in range(event_id % 4)),
    )


class KnownTransform:
    parameters = "images:1"
    channels = ("transmission", "side_scatter")
    flat_channels = live_channels = ("transmission",)

    def __init__(self, instrument: Instrument = INSTRUMENT, settings: ImageSettings | None = None) -> None:
        self.warmed = False

    def warm(self) -> None:
        self.warmed = True

    def images(
        self,
        events: Sequence[Event],
        channels: Sequence[str] | None = None,
        cells_first: bool = False,
        pixels: Pixels = Pixels.FLOAT32,
    ) -> CellImages:
        count = len(events)
        ids = np.array([event.event_id for event in events], np.uint64)
        shapes = {"transmission": (8, 8), "side_scatter": (8, 8, 8)}
        wanted = self.live_channels if channels is None else channels
        if set(wanted) - set(shapes):
            raise ReconstructionError(f"There is no channel {wanted}.")
        return CellImages(
            event_id=ids,
            epoch=np.array([event.epoch for event in events], np.int32),
            trigger_tick=np.array([event.trigger_tick for event in events]),
            images={
                name: np.broadcast_to(
                    ids.astype(np.float32).reshape(-1, *(1,) * len(shapes[name])), (count, *shapes[name])
                )
                for name in wanted
            },
            pixel_um=0.25,
            speed_m_s=np.full(count, 0.05, np.float32),
            speed_error_m_s=np.full(count, np.nan, np.float32),
            speed_source=(SpeedSource.NOMINAL,) * count,
            flags=np.array([event.flags for event in events], np.uint32),
            rejection=tuple(Rejection.OVERLAP if event.flags else Rejection.NONE for event in events),
            features={"area_um2": (ids % 90).astype(np.float32)},
        )


class KnownModel:
    provider = "TestProvider"

    def __init__(self, delay_s: float = 0.0) -> None:
        self._delay_s = delay_s

    def answer_arrays(self, event_id: Any, arrays: Any) -> CellResults:
        time.sleep(self._delay_s)
        seen = np.asarray(arrays["transmission"], np.float32)[:, 0, 0]
        return known_answers(event_id, seen)


def known_answers(event_id: Any, seen: Any) -> CellResults:
    """Cluster `id % 3`, class `id % 2`, embedding (id, -id), novelty `id`."""
    rows = len(event_id)
    seen = np.asarray(seen, np.float32)
    posterior = np.full((rows, 3), 0.1, np.float32)
    posterior[np.arange(rows), np.asarray(seen, int) % 3] = 0.8
    classes = np.full((rows, 2), 0.25, np.float32)
    classes[np.arange(rows), np.asarray(seen, int) % 2] = 0.75
    return CellResults(np.asarray(event_id), np.stack([seen, -seen], 1), posterior, classes, seen)


class KnownBundle:
    digest = "d" * 64
    contract: Any = SimpleNamespace(
        name="known",
        classes=("even", "odd"),
        clusters=("0", "1", "2"),
        embedding_size=2,
        novelty=SimpleNamespace(threshold=50.0),
        conformal=None,
        factors=(),
        concepts=(),
        drift=None,
        inputs=(SimpleNamespace(channel="transmission"),),
    )

    def to_bytes(self) -> bytes:
        return b"not a real bundle"


def known_makers(source: Callable[[], Any], model: Callable[[], Any] = KnownModel) -> Makers:
    return Makers(
        source=lambda url, **options: source(),
        detector=KnownDetector,
        transform=KnownTransform,
        bundle=lambda name, instrument: KnownBundle(),
        engine=lambda provider: lambda start: model(),
    )
