"""What is sent is what arrives; what is not a message is refused before anything is done with it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgpack
import numpy as np
import pytest
from damage import check_damage_is_no_more_than_a_refusal
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from inference import wire
from inference.errors import TransportError
from inference.messages import Answers, Batch, End, Failed, Heartbeat, Message, Ready, Start, Stop
from inference.results import CellResults
from inference.wire import PROTOCOL, decode, encode

PLAIN = [
    Ready("bench-1", "CPUExecutionProvider", 2, "run"),
    Failed("run", 7, "out of memory"),
    Heartbeat("run"),
    Start("run", 3, '{"name": "µ"}', "a|b|c", "d" * 64, b"\x00bundle"),
    End("run", "stopped", {"stored": 5, "dropped": 0}),
    Stop(),
]


def batch(rows: int = 3) -> Batch:
    images = np.arange(rows * 12, dtype=np.float32).reshape(rows, 3, 4)
    return Batch(
        "run", 4, np.arange(5, 5 + rows, dtype=np.uint64), {"transmission": images, "side_scatter": images * 2}
    )


def answers(rows: int = 3) -> Answers:
    floats = np.ones((rows, 2), np.float32)
    novelty, none = np.zeros(rows, np.float32), np.zeros((rows, 0), np.float32)
    return Answers("run", 4, CellResults(np.arange(rows, dtype=np.uint64), floats, floats / 2, none, novelty))


@pytest.mark.parametrize("message", PLAIN, ids=lambda message: type(message).__name__)
def test_plain_messages_arrive_as_they_are(message: Message) -> None:
    assert decode([bytes(frame) for frame in encode(message)]) == message


@given(
    hnp.arrays(
        st.sampled_from([np.float32, np.uint8, np.int16, ">f4"]),
        hnp.array_shapes(min_dims=2, max_dims=4, max_side=5),
        elements=st.integers(0, 100),
    )
)
def test_images_of_any_shape_arrive_without_a_change(images: np.ndarray) -> None:
    event_id = np.arange(len(images), dtype=np.uint64)
    sent = Batch("run", 1, event_id, {"transmission": images[:, ::-1]})
    got = decode([bytes(frame) for frame in encode(sent)])
    assert isinstance(got, Batch)
    np.testing.assert_array_equal(got.images["transmission"], images[:, ::-1])
    assert not got.images["transmission"].flags.writeable


def test_answers_arrive_also_from_a_bundle_without_classes() -> None:
    got = decode(encode(answers()))
    assert isinstance(got, Answers) and got.results.class_probability.shape == (3, 0)


@pytest.mark.parametrize("name", ["factors", "concepts"])
def test_factors_and_concepts_arrive_where_a_bundle_has_any(name: str) -> None:
    sent = answers()
    sent = replace(sent, results=replace(sent.results, **{name: np.arange(6, dtype=np.float32).reshape(3, 2)}))
    got = decode([bytes(frame) for frame in encode(sent)])
    assert isinstance(got, Answers) and got.results.named.keys() == {name}
    np.testing.assert_array_equal(got.results.named[name], [[0, 1], [2, 3], [4, 5]])
    for wrong in (np.zeros((2, 2), np.float32), np.zeros(3, np.float32), np.zeros((3, 2))):
        with pytest.raises(TransportError):
            decode(encode(replace(sent, results=replace(sent.results, **{name: wrong}))))


def test_large_arrays_are_not_copied() -> None:
    sent = batch()
    assert np.shares_memory(np.frombuffer(encode(sent)[2], np.uint8), sent.images["transmission"])


def header(**changes: object) -> list[bytes]:
    frames = [bytes(frame) for frame in encode(batch())]
    fields = msgpack.unpackb(frames[0])
    fields.update(changes)
    return [msgpack.packb({key: value for key, value in fields.items() if value is not None}), *frames[1:]]


ARRAYS = msgpack.unpackb(encode(batch())[0])["arrays"]


@pytest.mark.parametrize(
    "frames",
    [
        [],
        [b""],
        [b"\x00" * (2 << 20)],
        [msgpack.packb([1, 2])],
        [msgpack.packb({"lightline": PROTOCOL})],
        header(lightline=99),
        header(type="pickle"),
        header(type=["batch"]),
        header(run=None),
        header(extra=1),
        header(run="x" * 65),
        header(batch=-1),
        header(batch="1"),
        header(batch=True),
        header(first_event=99),
        header(arrays=[]),
        header(arrays=ARRAYS)[:-1],
        [*header(arrays=ARRAYS), b"more"],
        header(arrays=[["event_id", "|O", [3]], *ARRAYS[1:]]),
        header(arrays=[["event_id", "<u8", [4]], *ARRAYS[1:]]),
        header(arrays=[["event_id", "<u8", [-3]], *ARRAYS[1:]]),
        header(arrays=[["event_id", "<u8", [1 << 62, 1 << 62]], *ARRAYS[1:]]),
        header(arrays=[["event_id", "<i8", [3]], *ARRAYS[1:]]),
        header(arrays=[ARRAYS[1], ARRAYS[1], ARRAYS[2]]),
        header(arrays=[ARRAYS[0], ["secret", *ARRAYS[1][1:]], ARRAYS[2]]),
        header(arrays=[["event_id", "<u8", [1, 3]], *ARRAYS[1:]]),
    ],
)
def test_what_is_not_a_message_is_refused(frames: list[bytes]) -> None:
    with pytest.raises(TransportError) as caught:
        decode(frames)
    assert "\n" not in str(caught.value)


@given(st.sampled_from([*PLAIN, batch(), answers()]), st.data())
def test_damage_on_the_way_is_never_more_than_a_refusal(message: Message, data: st.DataObject) -> None:
    check_damage_is_no_more_than_a_refusal(encode(message), data)


def test_the_protocol_page_names_every_message_and_field() -> None:
    page = (Path(__file__).parents[2] / "docs" / "wire-protocol.md").read_text(encoding="utf-8")
    rows = {row.split("`")[1]: row for row in page.splitlines() if row.startswith("| `")}
    for kind, fields in wire._HEADERS.items():
        for field in fields:
            assert f"`{field}`" in rows[kind], f"{kind}.{field} is not in docs/wire-protocol.md"
    assert all(dtype in page for dtype in wire._DTYPES)
