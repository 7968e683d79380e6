"""The whole line, with the simulator in front and a model small enough to read behind."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

# One tiny bundle serves the API's tests and these.
sys.path.insert(0, str(Path(__file__).parents[1] / "service" / "web"))


@pytest.fixture(scope="session")
def bundle_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tiny_bundle import tiny_bundle

    return tiny_bundle().save(tmp_path_factory.mktemp("bundle") / "tiny.bundle")
