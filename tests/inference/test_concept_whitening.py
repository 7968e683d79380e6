"""Who reads off an axis that a cell is granular must be able to trust it, in training and in the file they get."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch import nn
from toy_cells import CHANNEL, draw_set

from inference.bundle import Bundle
from inference.engine import Engine
from inference.errors import BundleError, TrainingError
from inference.training.architecture import Network
from inference.training.concept_choices import ConceptScore, Whitening
from inference.training.concept_columns import concept_columns, concept_name
from inference.training.concept_lessons import ConceptLessons
from inference.training.concepts import ConceptEncoders
from inference.training.data import TrainingSet
from inference.training.exported import PlainEncoder
from inference.training.known.blocks import weights_of
from inference.training.known.rotation import pull, scores_of, turned
from inference.training.known.weights_file import write_weights
from inference.training.known.whitening import ConceptWhitening, exact_inverse_root, inverse_root
from inference.training.new_model import new_model
from inference.training.options import Learning, TrainingOptions
from inference.training.recipes import recipe
from service.cli import main

OPTIONS = replace(
    recipe(Learning.LABELS, Network.RESNET18, epochs=3, latent=8), concepts=("class_spotted", "class_dark"),
    concept_layer=1, edge=32, batch=24, clusters=2, axes=3, progress=False,
)  # fmt: skip


def mixed(d: int, cells: int, seed: int) -> torch.Tensor:
    """Activations `(cells, d, 5, 6)` whose channels go together, and vary 30 times more one than another."""
    generator = torch.Generator().manual_seed(seed)
    turn = torch.linalg.qr(torch.randn(d, d, generator=generator))[0]
    mix = turn * torch.logspace(0, 1.5, d)
    return torch.einsum("ij,njyx->niyx", mix, torch.randn(cells, d, 5, 6, generator=generator)) + 3.0


def off_identity(activation: torch.Tensor) -> float:
    """Largest difference of a covariance over cells and places from the identity."""
    covariance = torch.cov(activation.detach().transpose(0, 1).flatten(1).double(), correction=0)
    return float((covariance - torch.eye(len(covariance))).abs().max())


def test_what_is_whitened_has_the_covariance_of_the_identity_in_training_and_afterwards() -> None:
    layer, seen = ConceptWhitening(32), mixed(32, 100, 1).requires_grad_(True)
    layer.momentum = None
    out = layer(seen)
    assert off_identity(out) < 0.02
    out.square().sum().backward()
    assert seen.grad is not None and torch.isfinite(seen.grad).all()
    assert off_identity(layer.eval()(seen)) < 0.02
    unseen = layer(mixed(32, 400, 1))
    assert off_identity(unseen) < 0.1


def test_iterations_find_the_inverse_root_and_as_published_fall_short_of_it() -> None:
    seen = mixed(64, 60, 3).transpose(0, 1).flatten(1)
    covariance = torch.cov(seen)
    identity = torch.eye(64)
    exact = exact_inverse_root(covariance)
    assert (exact @ covariance @ exact.T - identity).abs().max() < 1e-3
    stable = inverse_root(covariance, Whitening.STABLE)
    assert (stable @ covariance @ stable.T - identity).abs().max() < 0.02
    published = inverse_root(covariance, Whitening.REFERENCE)
    left = torch.linalg.eigvalsh(published @ covariance @ published.T)
    assert float(left.min()) < 0.5


def test_turning_ends_at_the_polar_factor_and_stays_orthogonal() -> None:
    generator = torch.Generator().manual_seed(2)
    pulls = torch.randn(4, 24, generator=generator, dtype=torch.float64)
    at = torch.linalg.qr(torch.randn(24, 24, generator=generator, dtype=torch.float64))[0]
    for _ in range(30):
        at = turned(at, pulls)
    left, _, right = torch.linalg.svd(pulls, full_matrices=False)
    assert (at[:4] - left @ right).abs().max() < 1e-4
    assert (at @ at.T - torch.eye(24)).abs().max() < 1e-6
    single = turned(torch.eye(24), pulls.float())
    assert (single @ single.T - torch.eye(24)).abs().max() < 1e-6


@pytest.mark.parametrize("score", list(ConceptScore))
def test_a_pull_is_the_gradient_of_the_score_by_the_axis(score: ConceptScore) -> None:
    whitened = torch.randn(6, 8, 4, 4, generator=torch.Generator().manual_seed(5), dtype=torch.float64)
    axis = torch.zeros(8, dtype=torch.float64)
    axis[2] = 1.0

    def mean_score(along: torch.Tensor) -> float:
        return float(scores_of(torch.einsum("j,njyx->nyx", along, whitened)[:, None], score).mean())

    found, step = pull(whitened, axis, score), 1e-6
    for place in range(8):
        nudge = torch.zeros_like(axis)
        nudge[place] = step
        assert (mean_score(axis + nudge) - mean_score(axis - nudge)) / (2 * step) == pytest.approx(
            float(found[place]), abs=1e-6
        )
    if score is ConceptScore.MEAN:
        torch.testing.assert_close(found, whitened.mean(dim=(0, 2, 3)))


def told(n: int, seed: int) -> TrainingSet:
    """Toy cells in two channels, with two of their kinds as concepts; the kind of every fifth is said by nobody."""
    cells = draw_set(n, seed)
    images = {CHANNEL: cells.images[CHANNEL], "fluorescence": np.asarray(cells.images[CHANNEL][:]) ** 2}
    labels = [cells.label_names[k] if i % 5 else "" for i, k in enumerate(cells.label)]
    factors = concept_columns(["class=spotted", "class=dark"], {}, labels, "toy")
    return replace(cells, images=images, pool=dict.fromkeys(images, 1), factors=factors)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """A bundle of a collection whose cells people said something of, made by the command line."""
    folder = tmp_path_factory.mktemp("concepts")
    cells = draw_set(120, 1)
    bright = np.asarray(cells.images[CHANNEL][:])
    x = np.stack([200 * bright, 100 * (2 - bright)], axis=1)
    look = [{"spotted": "yes", "dark": "no", "ring": "no"}[cells.label_names[k]] for k in cells.label]
    np.savez(
        folder / "cells.npz", x=x.clip(0).astype(np.uint16), y=cells.label, classes=np.array(cells.label_names),
        channels=np.array(["brightfield", "fluorescence"]), pixel_um=0.25,
        fact_spots=np.array([word if k % 5 else "" for k, word in enumerate(look)]),
    )  # fmt: skip
    words = (
        "train classifier2d --channel transmission --channel fluorescence --network resnet18 --resize 32 --latent 8 "
        "--epochs 2 --clusters 2 --concept spots=yes --concept class=dark --concept-layer 1 --concept-weight 0.5"
    )
    out = folder / "told.bundle"
    done = CliRunner().invoke(main, [*words.split(), "--data", str(folder / "cells.npz"), "--out", str(out)])
    assert done.exit_code == 0, done.output
    shown = CliRunner().invoke(main, ["bundle", "show", str(out)])
    assert "spots_yes (AUROC" in shown.output
    return Bundle.load(out)


def test_a_bundle_scores_concepts_of_cells_that_no_training_saw(bundle: Bundle) -> None:
    assert [spec.name for spec in bundle.contract.concepts] == ["spots_yes", "class_dark"]
    assert [spec.channel for spec in bundle.contract.inputs] == [CHANNEL, "fluorescence"]
    assert [spec.channel for spec in bundle.contract.saliency] == [CHANNEL]
    cells = draw_set(60, 9)
    bright = np.asarray(cells.images[CHANNEL][:])
    ids = np.arange(len(cells), dtype=np.uint64)
    images = {CHANNEL: bright, "fluorescence": 1 + np.sqrt(np.maximum(100 * (1 - bright), 0))}
    answers = Engine(bundle, "cpu", threads=1).answer_arrays(ids, images)
    assert answers.concepts is not None and answers.concepts.shape == (len(cells), 2)
    for place, (kind, spec) in enumerate(zip(("spotted", "dark"), bundle.contract.concepts, strict=True)):
        has = cells.label == cells.label_names.index(kind)
        above = answers.concepts[has, place][:, None] > answers.concepts[~has, place]
        assert above.mean() > 0.9 and spec.auroc is not None and spec.auroc > 0.9
        metric = bundle.contract.metrics[f"concept_auroc_{spec.name}"]
        assert metric["model"] == spec.auroc > metric["random_direction"] >= 0.5


def test_a_bundle_that_promises_other_concepts_than_it_answers_is_refused(bundle: Bundle) -> None:
    kept = bundle.contract.model_dump(exclude={"sha256", "digest"})
    with pytest.raises(BundleError, match="concepts"):
        Engine(Bundle.build({**kept, "concepts": [{"name": "one"}]}, bundle.live, bundle.explain), "cpu", threads=1)


def test_whitening_folded_into_the_convolution_before_it_answers_the_same() -> None:
    cells = told(40, 4)
    model = new_model(cells, replace(OPTIONS, concept_layer=2))
    assert isinstance(model, ConceptEncoders)
    layer, generator = model.whitening, torch.Generator().manual_seed(1)
    layer.running_covariance.copy_(torch.cov(torch.randn(128, 300, generator=generator)))
    layer.running_mean.copy_(torch.randn(128, generator=generator))
    layer.rotation.copy_(torch.linalg.qr(torch.randn(128, 128, generator=generator))[0])
    model.eval()
    images = torch.from_numpy(np.stack(list(cells.as_given(slice(3)).values()), axis=1))
    with torch.no_grad():
        prepared = model.encoder.preprocess(images)
        activation, latent = model.encoder(prepared)
        activations, folded, scores = PlainEncoder(model.encoder).with_concepts(images)
        wanted = model.concept_scores({CHANNEL: prepared})
    for one, other in ((activations[-1], activation), (folded, latent), (scores, wanted)):
        assert float((one - other).abs().max() / other.abs().max()) <= 1e-5
    assert isinstance(model.whitening, ConceptWhitening), "the trained encoder stays as it was"


def test_weights_of_a_normalised_network_are_begun_with_in_all_other_layers(tmp_path: Path) -> None:
    cells, file = told(20, 5), tmp_path / "w.safetensors"
    begin = replace(OPTIONS, concepts=(), keep_weights=None)
    blocks = new_model(cells, begin).encoders[CHANNEL].blocks
    write_weights(file, weights_of(Network.RESNET18, blocks))
    model = new_model(cells, replace(OPTIONS, weights=file, concept_layer=2))
    assert isinstance(model, ConceptEncoders)
    block = model.encoder.blocks[2][-1]
    assert isinstance(block.bn1, ConceptWhitening) and isinstance(model.encoder.blocks[2][0].bn1, nn.BatchNorm2d)
    torch.testing.assert_close(block.conv1.weight, blocks[2][-1].conv1.weight)


def test_words_become_concepts_and_what_nobody_says_is_refused() -> None:
    facts = {"Granule type": ["coarse", "small", "", "coarse"]}
    columns = concept_columns(["Granule type=coarse", "class=a"], facts, ["a", "b", "a", ""], "place")
    np.testing.assert_array_equal(columns["granule_type_coarse"], [1, 0, np.nan, 1])
    np.testing.assert_array_equal(columns["class_a"], [1, 0, 1, np.nan])
    for wanted, sentence in (
        ("size=big", "Nothing is said of 'size'"),
        ("class=c", "No cell"),
        ("granular", "FACT=WORD"),
    ):
        with pytest.raises(TrainingError, match=sentence):
            concept_columns([wanted], facts, ["a", "b", "a", ""], "place")
    with pytest.raises(TrainingError, match="letter"):
        concept_name("1=2")
    with pytest.raises(TrainingError, match="resnet"):
        TrainingOptions(concepts=("any",))
    with pytest.raises(TrainingError, match="have 'any'"):
        ConceptLessons(told(20, 6), replace(OPTIONS, concepts=("any",)))
