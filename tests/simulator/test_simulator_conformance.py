import pytest

from acquisition.source import open_source
from acquisition.testing import CHECKS, REPEATABLE_CHECKS


@pytest.mark.parametrize("check", [*CHECKS, *REPEATABLE_CHECKS], ids=lambda check: check.__name__)
@pytest.mark.parametrize("preset", ["sheet-ci", "stretch-ci"])
def test_the_simulator_is_a_source_like_any_other(preset, check):
    check(lambda: open_source(f"sim:{preset}?seconds=0.01&seed=6&block_samples=5000"))
