"""Whoever builds an instrument by the page alone must get one that works."""

from __future__ import annotations

import re
import socket
import threading
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from acquisition.network_messages import Hello, StatusCode
from acquisition.network_protocol import DATA_HEADER, HEADER, DataFlag, MessageType, SampleFormat, TruthFlag
from acquisition.origin import Origin
from acquisition.source import blocks, open_source
from acquisition.testing import CHECKS

PAGE = (Path(__file__).parents[2] / "docs" / "network-protocol.md").read_text(encoding="utf-8")


@pytest.fixture
def url():
    """The example of the page, serving until the test is over."""
    code, _ = re.findall(r"```python\n(.*?)```", PAGE, flags=re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) <= 36
    assert "acquisition" not in code and "numpy" not in code
    example: dict = {"__name__": "example"}
    exec(compile(code, "docs/network-protocol.md", "exec"), example)
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def run() -> None:
        while not over.is_set():
            try:
                example["serve"](listener)
            except OSError:
                continue

    thread = threading.Thread(target=run)
    thread.start()
    port = listener.getsockname()[1]
    yield f"tcp://127.0.0.1:{port}"
    over.set()
    listener.shutdown(socket.SHUT_RDWR)
    thread.join(5)
    listener.close()
    assert not thread.is_alive()


def test_the_example_of_the_page_is_an_instrument(url):
    with open_source(url) as source:
        assert (source.instrument.name, source.origin, source.waits) == ("ramp", Origin.MEASURED, True)
        got = np.concatenate([block.data for block in blocks(source)])
    ticks = np.arange(1_000_000) % 4096 - 2048
    assert got.shape == (1_000_000, 2) and all(np.array_equal(column, ticks) for column in got.T)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_example_of_the_page_is_a_source_like_any_other(url, check):
    check(lambda: open_source(url))


def sizes(section: str) -> list[tuple[int, int]]:
    """Offset and size of every field in a table of the page."""
    part = PAGE.split(f"## {section}\n")[1].split("\n## ")[0]
    return [(int(a), int(b)) for a, b in re.findall(r"^\| (\d+) \| (\d+) \|", part, flags=re.MULTILINE)]


@pytest.mark.parametrize(("section", "size"), [("The header", HEADER.size), ("DATA", DATA_HEADER.size)])
def test_the_tables_of_the_page_have_no_holes(section, size):
    fields = sizes(section)
    assert fields[0][0] == 0 and fields[-1][0] + fields[-1][1] == size
    assert all(before + width == after for (before, width), (after, _) in pairwise(fields))


def test_every_name_and_number_is_on_the_page():
    for kind in MessageType:
        assert f"{kind.value} {kind.name}" in PAGE and f"## {kind.name}" in PAGE
    for format_ in SampleFormat:
        assert f"{format_.value} {format_.name.lower()}" in PAGE
    assert all(f"`{field}`" in PAGE for field in Hello.model_fields)
    assert all(f"`{origin.value}`" in PAGE for origin in Origin)
    assert [flag.value for flag in DataFlag] == [1, 2] and [flag.value for flag in TruthFlag] == [1]
    assert [code.value for code in StatusCode] == [0, 1, 2]
