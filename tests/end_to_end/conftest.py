"""The whole line, with the simulator in front and a model small enough to read behind."""

from pathlib import Path

import pytest
from tiny_bundle import tiny_bundle


@pytest.fixture(scope="session")
def bundle_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_bundle().save(tmp_path_factory.mktemp("bundle") / "tiny.bundle")
