"""Messages that were damaged on their way."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from inference.errors import TransportError
from inference.messages import Message
from inference.wire import decode


def check_damage_is_no_more_than_a_refusal(sent: Sequence[bytes], data: st.DataObject) -> None:
    """Change some bytes of a message: it is taken for another one, or refused."""
    frames = [bytearray(frame) for frame in sent]
    for _ in range(data.draw(st.integers(1, 4))):
        frame = data.draw(st.sampled_from(frames))
        if frame:
            frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    try:
        found: object = decode([bytes(frame) for frame in frames])
    except TransportError as refusal:
        found = refusal
    assert isinstance(found, Message | TransportError)
