"""A worker that makes images of raw windows itself answers as one that is sent the images, to the last bit."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from damage import check_damage_is_no_more_than_a_refusal
from hypothesis import given, settings
from hypothesis import strategies as st

from acquisition.event import Event
from inference.bundle import Bundle
from inference.dispatcher import Dispatcher
from inference.image_maker import image_maker, making
from inference.messages import Start, Windows
from inference.results import CellResults
from inference.shipped import bundle_file
from inference.wire import decode, encode
from inference.worker import Worker
from reconstruction.transform import transform_for


class Summing:
    """A model whose answer depends on every voxel."""

    provider = "TestProvider"

    def answer_arrays(self, event_id: npt.NDArray[Any], arrays: Mapping[str, npt.ArrayLike]) -> CellResults:
        volumes = np.asarray(arrays["side_scatter"], np.float64)
        seen = volumes.reshape(len(volumes), -1).sum(axis=1, keepdims=True).astype(np.float32)
        rows = len(event_id)
        return CellResults(event_id, seen, np.ones((rows, 1), np.float32), np.zeros((rows, 0), np.float32), seen[:, 0])


def parts(event: Event) -> list[object]:
    """Every number of an event, in a form that can be compared."""
    plain = [getattr(event, field.name) for field in fields(event) if field.name not in ("window", "background")]
    arrays = (event.window, event.background.level, event.background.noise, event.background.core_offsets)
    return [*plain, *((array.dtype, array.shape, array.tobytes()) for array in arrays)]


@pytest.fixture(scope="module")
def events(sheet: Any) -> list[Event]:
    found: list[Event] = sheet.events()
    return found


@pytest.fixture(scope="module")
def sent(events: list[Event]) -> list[bytes]:
    return [bytes(frame) for frame in encode(Windows("run", 3, "side_scatter", tuple(events[:3])))]


def test_events_arrive_as_detection_gave_them(events: list[Event], stretch: Any) -> None:
    for some in (events, stretch.events()):
        got = decode([bytes(frame) for frame in encode(Windows("run", 3, "a,b", tuple(some)))])
        assert isinstance(got, Windows) and (got.run, got.batch, got.channels) == ("run", 3, "a,b")
        assert [parts(event) for event in got.events] == [parts(event) for event in some]
    assert any(event.neighbours for event in events) or len(events) > 10


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_damage_on_the_way_is_never_more_than_a_refusal(sent: list[bytes], data: st.DataObject) -> None:
    check_damage_is_no_more_than_a_refusal(sent, data)


def test_a_worker_asks_for_windows_only_where_the_model_looks_at_volumes(sheet: Any) -> None:
    bundle = Bundle.load(bundle_file("sheet-wbc"))
    start = Start("run", 1, sheet.instrument.to_json(), "test", bundle.digest, bundle.to_bytes())
    assert image_maker(start) is None


@pytest.mark.parametrize("wanted", ["side_scatter", "transmission"])
def test_windows_are_sent_where_they_are_smaller_and_the_answers_are_the_same(
    sheet: Any, events: list[Event], wanted: str
) -> None:
    transform = transform_for(sheet.instrument)
    images = transform.images(events, [*transform.live_channels[:1], "side_scatter"], cells_first=True)
    cells = images.take(images.is_cell)
    start = Start("run", 1, sheet.instrument.to_json(), "test", "digest", b"bundle")
    made: list[int] = []

    def counting(start: Start) -> Any:
        make = making(start)
        return lambda events, channels: made.append(len(events)) or make(events, channels)

    class Model(Summing):
        def answer_arrays(self, event_id: npt.NDArray[Any], arrays: Mapping[str, npt.ArrayLike]) -> CellResults:
            shown = np.asarray(arrays[wanted])
            return super().answer_arrays(event_id, {"side_scatter": shown})

    with Dispatcher("tcp://127.0.0.1:*") as dispatcher:
        worker = Worker(dispatcher.address, lambda _: Model(), name="w", make_images=counting)
        thread = threading.Thread(target=worker.run)
        thread.start()
        try:
            dispatcher.begin(start, [wanted])
            dispatcher.wait_ready(30)
            assert dispatcher.submit(images, events=events)
            (done,) = dispatcher.results(20)
        finally:
            worker.stop()
            thread.join(10)
    assert made == ([len(cells)] if wanted == "side_scatter" else [])
    expected = Summing().answer_arrays(cells.event_id, {"side_scatter": cells.images[wanted]})
    assert done.results is not None and len(cells) > 3
    np.testing.assert_array_equal(done.results.event_id, expected.event_id)
    np.testing.assert_array_equal(done.results.embedding, expected.embedding)
