"""What is measured on this hardware is what the engine runs with, and nothing measured elsewhere is."""

from __future__ import annotations

from dataclasses import astuple
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from toy_cells import CHANNEL

from inference import tune as tune_module
from inference import tuning
from inference.bundle import Bundle
from inference.engine import Engine
from inference.errors import ProviderError, TuningError
from inference.provider import CPU, nvidia_device_present
from inference.tune import tune
from inference.tuning import BATCH_SIZES, Tuned, default_threads, hardware, keep, known, run_plan
from service.cli import main


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    return tmp_path


def tuned(digest: str, **changes: object) -> Tuned:
    fields = {"provider": CPU, "hardware": hardware(CPU), "runtime": tuning.ort.__version__, "cells_per_s": 1.0}
    return Tuned.model_validate({"digest": digest, "batch_sizes": (1, 8), "threads": 3, **fields, **changes})


def test_a_size_is_kept_where_it_is_cheaper_than_smaller_ones(
    toy_bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Up to 8 a batch costs the same, beyond that as much as several; two threads are quicker, four are not.
    def took(engine: Engine, cells: int, _each_s: float) -> float:
        if len(engine.batch_sizes) > 1:
            return {1: 8.0, 2: 5.0, 4: 4.9}[engine._live_graph._threads]
        return max(1.0, cells / 8)

    monkeypatch.setattr(tune_module, "_quickest_s", took)
    found = tune(toy_bundle, "cpu", most_threads=4)
    assert (found.tuned.batch_sizes, found.tuned.threads) == ((1, 2, 4, 8), 2)
    assert found.tuned.cells_per_s == pytest.approx(32 / 5)
    assert [astuple(one)[::2] for one in found.threads] == [(1, True), (2, True), (4, False)]


def test_the_engine_runs_with_what_was_measured_and_answers_the_same(
    toy_bundle: Bundle, toy_images: np.ndarray
) -> None:
    ids = np.arange(20, dtype=np.uint64)
    usual = Engine(toy_bundle, "cpu")
    assert usual.batch_sizes == BATCH_SIZES
    keep(tuned(toy_bundle.digest))
    engine = Engine(toy_bundle, "cpu")
    assert engine.batch_sizes == (1, 8) and engine._live_graph._threads == 3
    assert Engine(toy_bundle, "cpu", threads=1)._live_graph._threads == 1
    assert Engine(toy_bundle, "cpu", batch_sizes=(5,)).batch_sizes == (5,)
    answers = [one.answer_arrays(ids, {CHANNEL: toy_images[:20]}).embedding for one in (usual, engine)]
    np.testing.assert_allclose(*answers, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("other", [{"hardware": "another, 64 cores"}, {"runtime": "0.1"}, {"provider": "X"}])
def test_what_was_measured_elsewhere_is_not_used(other: dict[str, object]) -> None:
    keep(tuned("d" * 64, **other))
    assert known("d" * 64, CPU) is None
    assert run_plan("d" * 64, CPU, None, None).sizes == BATCH_SIZES


def test_a_damaged_file_is_as_none_and_threads_that_are_said_win(monkeypatch: pytest.MonkeyPatch) -> None:
    path = keep(tuned("d" * 64))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert run_plan("d" * 64, CPU, None, None).threads == 1 == default_threads()
    path.write_text("{")
    assert known("d" * 64, CPU) is None


def test_a_folder_that_takes_nothing_is_a_sentence(cache: Path) -> None:
    (cache / "lightline").write_text("a file")
    with pytest.raises(TuningError, match="XDG_CACHE_HOME"):
        keep(tuned("d" * 64))


def test_the_command_measures_and_keeps(toy_bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tune_module, "_repeated_s", lambda work, _each_s: (work(), 1e-3)[1])
    (tmp_path / "toy.bundle").write_bytes(toy_bundle.to_bytes())
    told = CliRunner().invoke(main, ["tune", str(tmp_path / "toy.bundle"), "--provider", "cpu"], catch_exceptions=False)
    assert told.exit_code == 0 and "batches of 64" in told.output
    found = known(toy_bundle.digest, CPU)
    assert found is not None and f"Kept in {tmp_path}" in told.output


@pytest.mark.skipif(nvidia_device_present(), reason="there is a graphics card")
def test_a_graphics_card_that_is_demanded_and_not_there_is_an_error(toy_bundle: Bundle) -> None:
    with pytest.raises(ProviderError):
        tune(toy_bundle, "cuda")
