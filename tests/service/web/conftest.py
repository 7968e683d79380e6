"""Services to test on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from served import World, service_on
from stored_run import make_run
from tiny_bundle import tiny_bundle


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    data = tmp_path_factory.mktemp("service") / "data"
    with service_on(data, make_run(data)) as serving:
        yield serving


@pytest.fixture
def live_world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A service of its own, whose default model is the tiny one, to start runs on."""
    (tmp_path / "bundles").mkdir()
    tiny_bundle().save(tmp_path / "bundles" / "sheet-wbc.bundle")
    monkeypatch.setattr("inference.shipped.SHIPPED", tmp_path / "bundles")
    data = tmp_path / "data"
    with service_on(data, make_run(data)) as serving:
        yield serving
