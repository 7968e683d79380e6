"""A flipped digit is another digit, and a label must reach the encoder: what is chosen has to be what is done."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from toy_cells import CHANNEL, QUICK, draw_set

from inference.errors import TrainingError
from inference.training.augment import Looks, look_again
from inference.training.data import UNLABELLED, TrainingSet
from inference.training.fit import encode, fit_encoders
from inference.training.graphs import LiveGraph
from inference.training.mixture import fit_mixture
from inference.training.options import Learning, TrainingOptions
from inference.training.split import RunSplit
from inference.training.train import kind_of, train_parts

STILL = Looks(flip=False, turn_deg=0, shift_share=0, gain=0, blur_px=0, noise=0)
BY_LABELS = replace(
    QUICK, learning=Learning.LABELS, latent=8, axes=3, clusters=3, epochs=4, learning_rate=3e-3, augment=False
)


@pytest.fixture(scope="module")
def runs() -> RunSplit:
    return RunSplit(draw_set(140, 1), draw_set(60, 2), draw_set(60, 3))


def an_l(n: int) -> torch.Tensor:
    """`(n, 1, 33, 33)` images of an L, which no turn makes its mirror image."""
    image = torch.zeros(n, 1, 33, 33)
    image[:, :, 10:24, 12:15], image[:, :, 21:24, 12:21] = 1.0, 1.0
    return image


def seen(**changed: object) -> torch.Tensor:
    return look_again(an_l(64), replace(STILL, **changed), torch.Generator().manual_seed(0))


def test_a_look_without_any_change_is_the_image() -> None:
    torch.testing.assert_close(seen(), an_l(64), atol=1e-5, rtol=0)


def test_only_where_flips_are_allowed_a_mirror_image_is_seen() -> None:
    mirrored = an_l(64).flip(3)
    same = ((seen(flip=True) - mirrored).abs().amax(dim=(1, 2, 3)) < 1e-4).float().mean()
    assert 0.3 < same < 0.7
    assert not ((seen(turn_deg=15.0) - mirrored).abs().amax(dim=(1, 2, 3)) < 0.1).any()


def test_a_turn_stays_within_what_is_allowed_and_keeps_the_size() -> None:
    upright = seen(turn_deg=10.0)
    long = upright.sum(dim=(1, 2, 3))
    assert (long / an_l(1).sum() - 1).abs().max() < 0.05
    stretched = seen(stretch=0.2).sum(dim=(1, 2, 3)) / an_l(1).sum()
    assert 0.65 < stretched.min() < 0.8 and 1.3 < stretched.max() < 1.6


def test_shifts_are_shares_of_the_edge() -> None:
    rows = torch.arange(33.0)
    image = seen(shift_share=0.1)
    place = (image.sum(dim=3)[:, 0] @ rows) / image.sum(dim=(1, 2, 3)) - (an_l(1).sum(dim=3)[0, 0] @ rows) / an_l(
        1
    ).sum()
    assert 2.5 < place.abs().max() <= 3.35


def test_an_encoder_that_learns_from_labels_tells_the_classes_of_another_run(runs: RunSplit) -> None:
    parts = train_parts(runs, BY_LABELS)
    scores = parts.head(
        torch.from_numpy((encode(parts.model, runs.test) - parts.mixture.centre) / parts.mixture.spread).float()
    )
    assert float((scores.argmax(dim=1).numpy() == runs.test.label).mean()) > 0.9
    assert kind_of(runs.train, Learning.LABELS) == "classifier2d"
    live = LiveGraph(parts).eval()
    with torch.inference_mode():
        embedding, posterior, probability, _ = live(torch.from_numpy(runs.test.images["transmission"][:5]))
    assert (embedding.shape, posterior.shape, probability.shape) == ((5, 3), (5, 3), (5, 3))


def test_what_learnt_labels_from_looks_is_normalised_for_cells_as_they_are(runs: RunSplit) -> None:
    # Blurred looks have less contrast than cells: an encoder with their statistics took sharp cells for others.
    options = replace(BY_LABELS, epochs=1, looks=Looks(blur_px=3.0))
    model = fit_encoders(runs.train, runs.validation, options).model
    convolution, normalisation, _ = model.encoders[CHANNEL].blocks[0]
    with torch.inference_mode():
        cells = torch.from_numpy(runs.train.images[CHANNEL]).unsqueeze(1)
        answers = convolution(model.preprocess({CHANNEL: cells})[CHANNEL])
    torch.testing.assert_close(normalisation.running_var, answers.var(dim=(0, 2, 3)), rtol=0.02, atol=0)
    assert normalisation.momentum == 0.1


def test_without_labels_nothing_is_learnt_from_them(runs: RunSplit) -> None:
    with pytest.raises(TrainingError, match="must be labelled"):
        fit_encoders(draw_set(40, 1, labelled=False), runs.validation, BY_LABELS)


def test_cells_without_a_label_do_not_change_what_labels_teach(runs: RunSplit) -> None:
    half = replace(runs.train, label=np.where(np.arange(len(runs.train)) % 2, runs.train.label, UNLABELLED))
    labelled: TrainingSet = half.where(half.is_labelled)
    short: TrainingOptions = replace(BY_LABELS, epochs=1)
    with_rest, alone = (
        encode(fit_encoders(part, runs.validation, short).model, runs.test) for part in (half, labelled)
    )
    np.testing.assert_array_equal(with_rest, alone)


def test_a_rate_that_falls_is_another_training(runs: RunSplit) -> None:
    short = replace(BY_LABELS, epochs=2)
    assert short.weights_text() == replace(short, epochs=3).weights_text()
    falling = replace(short, anneal=True)
    assert falling.weights_text() != replace(falling, epochs=3).weights_text()
    steady, fallen = (fit_encoders(runs.train, runs.validation, each).history for each in (short, falling))
    assert steady[0] == fallen[0] and steady[1] != fallen[1]


def test_principal_axes_are_kept_as_loud_as_they_are() -> None:
    rng = np.random.default_rng(0)
    latent = rng.normal(0, (9.0, 3.0, 0.1, 0.01), (400, 4))
    kept = fit_mixture(latent, 1, seed=0, axes=2)
    spread = kept.embed(latent).std(axis=0)
    assert spread.shape == (2,) and spread[0] / spread[1] == pytest.approx(3, rel=0.15)
    assert fit_mixture(latent, 1, seed=0).embed(latent).std(axis=0) == pytest.approx(np.ones(4), rel=0.2)
