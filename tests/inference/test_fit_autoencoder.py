"""Hours of training must survive Ctrl-C, and mean the same afterwards."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from toy_cells import CHANNEL, QUICK, VOLUME, draw_set

from inference.errors import TrainingError
from inference.training import fit as fit_module
from inference.training.architecture import Architecture
from inference.training.augment import augment
from inference.training.checkpoint import FILE_NAME, save_checkpoint
from inference.training.data import TrainingSet
from inference.training.fit import evaluation_loss, fit_encoders
from inference.training.models import Autoencoders
from inference.training.options import Learning

SMALL = replace(QUICK, epochs=4, batch=16)


@pytest.fixture(scope="module")
def runs() -> tuple[TrainingSet, TrainingSet]:
    return draw_set(60, 1), draw_set(40, 2)


def weights(model: torch.nn.Module) -> np.ndarray:
    return np.concatenate([value.numpy().ravel() for value in model.state_dict().values()])


def test_training_brings_the_reconstruction_closer(runs: tuple[TrainingSet, TrainingSet]) -> None:
    fitted = fit_encoders(*runs, replace(SMALL, epochs=6))
    losses = [held_out for _, held_out in fitted.history]
    assert min(losses) < losses[0]
    assert evaluation_loss(fitted.model, runs[1]) == pytest.approx(min(losses), rel=1e-5)


def test_a_training_that_was_interrupted_ends_with_the_same_weights(
    runs: tuple[TrainingSet, TrainingSet],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    whole = fit_encoders(*runs, SMALL)

    options = replace(SMALL, folder=tmp_path / "work")
    real, calls = save_checkpoint, []

    def press_ctrl_c(*arguments: object) -> None:
        real(*arguments)
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(fit_module, "save_checkpoint", press_ctrl_c)
    with pytest.raises(KeyboardInterrupt):
        fit_encoders(*runs, options)
    said = capsys.readouterr().err
    assert "Stopped after 2 of at most 4 epochs" in said
    assert "run the same command again" in said

    resumed = fit_encoders(*runs, options)
    assert resumed.history == whole.history
    np.testing.assert_array_equal(weights(resumed.model), weights(whole.model))


def test_the_checkpoint_of_another_training_is_not_taken(runs: tuple[TrainingSet, TrainingSet], tmp_path: Path) -> None:
    options = replace(SMALL, epochs=1, folder=tmp_path)
    fit_encoders(*runs, options)
    with pytest.raises(TrainingError, match="other cells or options"):
        fit_encoders(*runs, replace(options, seed=1))
    with pytest.raises(TrainingError, match="other cells or options"):
        fit_encoders(runs[1], runs[0], options)


def test_a_damaged_checkpoint_is_named(runs: tuple[TrainingSet, TrainingSet], tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes(b"PK\x03\x04 half a file")
    with pytest.raises(TrainingError, match="is damaged; delete it"):
        fit_encoders(*runs, replace(SMALL, folder=tmp_path))


def test_training_stops_when_the_held_out_run_gets_no_better(
    runs: tuple[TrainingSet, TrainingSet], monkeypatch: pytest.MonkeyPatch
) -> None:
    losses = iter([3.0, 1.0, 2.0, 1.5, 9.0])
    monkeypatch.setattr(fit_module, "evaluation_loss", lambda *_: next(losses))
    fitted = fit_encoders(*runs, replace(SMALL, epochs=40, patience=2))
    assert [held_out for _, held_out in fitted.history] == [3.0, 1.0, 2.0, 1.5]


def test_images_of_nothing_are_refused(runs: tuple[TrainingSet, TrainingSet]) -> None:
    blank = replace(runs[0], images={CHANNEL: np.ones_like(runs[0].images[CHANNEL])})
    with pytest.raises(TrainingError, match="empty background"):
        fit_encoders(blank, runs[1], SMALL)


def test_images_that_cannot_be_halved_are_refused() -> None:
    with pytest.raises(TrainingError, match="a multiple of 16"):
        architecture((80, 90), 1)
    with pytest.raises(TrainingError, match="a multiple of 32"):
        architecture((80, 80, 80), 2)


def architecture(shape: tuple[int, ...], pool: int) -> Architecture:
    return Architecture("any", shape, pool, (4, 4, 4, 4), 8, background=1.0, scale=2.0, root=len(shape) == 3)


@pytest.mark.parametrize(("shape", "pool"), [((80, 80), 1), ((48, 96), 1), ((32, 64, 32), 2)])
def test_the_decoder_gives_back_the_shape_of_the_image(shape: tuple[int, ...], pool: int) -> None:
    sizes = architecture(shape, pool)
    model = Autoencoders([sizes], [1.0], seed=0)
    encoder = model.encoders["any"]
    prepared = encoder.preprocess(encoder.pool(torch.zeros(2, 1, *shape)))
    assert model.decoders["any"](encoder(prepared)[1]).shape == prepared.shape == (2, 1, *(s // pool for s in shape))
    assert encoder(prepared)[0].shape[2:] == sizes.activation_shape()


@pytest.mark.parametrize(("weight", "kept", "left"), [(1.0, CHANNEL, VOLUME), (0.0, VOLUME, CHANNEL)])
def test_a_fused_model_with_all_weight_on_one_channel_is_the_model_of_that_channel(
    weight: float, kept: str, left: str
) -> None:
    """Equation 2 of paper A: the other channel's gradient is zero, bit for bit."""
    both = [draw_set(40, seed, channels=(CHANNEL, VOLUME)) for seed in (1, 2)]
    one = [replace(cells, images={kept: cells.images[kept]}, pool={kept: cells.pool[kept]}) for cells in both]
    fused = fit_encoders(*both, replace(SMALL, first_weight=weight, epochs=2)).model.encoders
    alone = fit_encoders(*one, replace(SMALL, epochs=2)).model.encoders
    np.testing.assert_array_equal(weights(fused[kept]), weights(alone[kept]))
    untouched = fit_encoders(*both, replace(SMALL, first_weight=weight, epochs=1)).model.encoders[left]
    for name, value in fused[left].named_parameters():
        assert torch.equal(value, untouched.get_parameter(name)), name


def test_a_contrastive_encoder_learns_to_tell_cells_apart(runs: tuple[TrainingSet, TrainingSet]) -> None:
    options = replace(SMALL, learning=Learning.CONTRAST, epochs=8, batch=32)
    losses = [held_out for _, held_out in fit_encoders(*runs, options).history]
    # Guessing which of the others in a batch of 40 is the same cell costs the logarithm of their number.
    assert min(losses) < 0.8 * np.log(2 * len(runs[1]) - 1)


def test_augmentation_keeps_every_intensity_and_moves_the_cell() -> None:
    images = torch.zeros(64, 1, 16, 16)
    images[:, 0, 6, 8], images[:, 0, 7, 8] = 1.0, 2.0
    changed = augment(images, 2, torch.Generator().manual_seed(0))
    torch.testing.assert_close(changed.sum(dim=(1, 2, 3)), images.sum(dim=(1, 2, 3)))
    assert len({tuple(image.flatten().tolist()) for image in changed}) > 32
    again = augment(images, 2, torch.Generator().manual_seed(0))
    torch.testing.assert_close(again, changed)
