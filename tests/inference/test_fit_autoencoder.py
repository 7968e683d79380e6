"""Hours of training must survive Ctrl-C, and mean the same afterwards."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from toy_cells import QUICK, draw_set

from inference.errors import TrainingError
from inference.training import fit as fit_module
from inference.training.augment import augment
from inference.training.checkpoint import FILE_NAME, save_checkpoint
from inference.training.data import TrainingSet
from inference.training.fit import evaluation_loss, fit_autoencoder
from inference.training.models import Architecture, Autoencoder

SMALL = replace(QUICK, epochs=4, batch=16)


@pytest.fixture(scope="module")
def runs() -> tuple[TrainingSet, TrainingSet]:
    return draw_set(60, 1), draw_set(40, 2)


def weights(model: torch.nn.Module) -> np.ndarray:
    return np.concatenate([value.numpy().ravel() for value in model.state_dict().values()])


def test_training_brings_the_reconstruction_closer(runs: tuple[TrainingSet, TrainingSet]) -> None:
    fitted = fit_autoencoder(*runs, replace(SMALL, epochs=6))
    losses = [held_out for _, held_out in fitted.history]
    assert min(losses) < losses[0]
    assert evaluation_loss(fitted.model, runs[1].images) == pytest.approx(min(losses), rel=1e-5)


def test_a_training_that_was_interrupted_ends_with_the_same_weights(
    runs: tuple[TrainingSet, TrainingSet],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    whole = fit_autoencoder(*runs, SMALL)

    options = replace(SMALL, folder=tmp_path / "work")
    real, calls = save_checkpoint, []

    def press_ctrl_c(*arguments: object) -> None:
        real(*arguments)
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(fit_module, "save_checkpoint", press_ctrl_c)
    with pytest.raises(KeyboardInterrupt):
        fit_autoencoder(*runs, options)
    said = capsys.readouterr().err
    assert "Stopped after 2 of at most 4 epochs" in said
    assert "run the same command again" in said

    resumed = fit_autoencoder(*runs, options)
    assert resumed.history == whole.history
    np.testing.assert_array_equal(weights(resumed.model), weights(whole.model))


def test_the_checkpoint_of_another_training_is_not_taken(runs: tuple[TrainingSet, TrainingSet], tmp_path: Path) -> None:
    options = replace(SMALL, epochs=1, folder=tmp_path)
    fit_autoencoder(*runs, options)
    with pytest.raises(TrainingError, match="other cells or options"):
        fit_autoencoder(*runs, replace(options, seed=1))
    with pytest.raises(TrainingError, match="other cells or options"):
        fit_autoencoder(runs[1], runs[0], options)


def test_a_damaged_checkpoint_is_named(runs: tuple[TrainingSet, TrainingSet], tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"PK\x03\x04 half a file")
    with pytest.raises(TrainingError, match="is damaged; delete it"):
        fit_autoencoder(*runs, replace(SMALL, folder=tmp_path))


def test_training_stops_when_the_held_out_run_gets_no_better(
    runs: tuple[TrainingSet, TrainingSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = iter([3.0, 1.0, 2.0, 1.5, 9.0])
    monkeypatch.setattr(fit_module, "evaluation_loss", lambda *_: next(losses))
    fitted = fit_autoencoder(*runs, replace(SMALL, epochs=40, patience=2))
    assert [held_out for _, held_out in fitted.history] == [3.0, 1.0, 2.0, 1.5]


def test_images_of_nothing_are_refused(runs: tuple[TrainingSet, TrainingSet]) -> None:
    blank = replace(runs[0], images=np.ones_like(runs[0].images))
    with pytest.raises(TrainingError, match="empty background"):
        fit_autoencoder(blank, runs[1], SMALL)


def test_images_that_cannot_be_halved_are_refused() -> None:
    with pytest.raises(TrainingError, match="multiples of 16"):
        Architecture((80, 90), (4, 4, 4, 4), 8)


@pytest.mark.parametrize("shape", [(80, 80), (48, 96)])
def test_the_decoder_gives_back_the_shape_of_the_image(shape: tuple[int, int]) -> None:
    model = Autoencoder(Architecture(shape, (4, 4, 4, 4), 8), background=1.0, scale=2.0)
    images = torch.zeros(2, 1, *shape)
    assert model(images).shape == images.shape
    assert model.encoder(images)[0].shape[2:] == model.architecture.map_shape


def test_augmentation_keeps_every_intensity_and_moves_the_cell() -> None:
    images = torch.zeros(64, 1, 16, 16)
    images[:, 0, 6, 8], images[:, 0, 7, 8] = 1.0, 2.0
    changed = augment(images, 2, torch.Generator().manual_seed(0))
    torch.testing.assert_close(changed.sum(dim=(1, 2, 3)), images.sum(dim=(1, 2, 3)))
    assert len({tuple(image.flatten().tolist()) for image in changed}) > 32
    again = augment(images, 2, torch.Generator().manual_seed(0))
    torch.testing.assert_close(again, changed)
