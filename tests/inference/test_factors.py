"""An axis that is called a size must be one: what the live graph reads off a latent is what its cells truly are."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from toy_cells import CHANNEL, QUICK

from acquisition.origin import Origin
from inference.bundle import Bundle
from inference.engine import Engine
from inference.errors import BundleError, TrainingError
from inference.evaluation.factors import cells_along
from inference.training.data import TrainingSet
from inference.training.factor_readout import FactorReadout
from inference.training.fit import fit_encoders
from inference.training.lessons import Lessons
from inference.training.new_model import new_model
from inference.training.options import Learning, TrainingOptions
from inference.training.pairs import Pairs
from inference.training.train import kind_of, train_bundle
from inference.training.variational import averaged
from service.cli import main

SIZE, LIGHT = "size_px", "light"
OPTIONS = replace(
    QUICK, learning=Learning.FACTORS, latent=5, widths=(8, 8, 8), axes=3, clusters=1, epochs=8, learning_rate=4e-3,
    batch=16, augment=False, beta=1.0,
)  # fmt: skip


def discs(n: int, seed: int) -> TrainingSet:
    """One run of discs whose size and darkness vary, each by itself."""
    rng = np.random.default_rng(seed)
    size, light = rng.uniform(2, 5.5, n), rng.uniform(0.2, 0.8, n)
    y, x = np.mgrid[0:16, 0:16] - 7.5
    inside = 1 / (1 + np.exp(2 * (np.hypot(x, y) - size[:, None, None])))
    images = 1 - inside * light[:, None, None] + rng.normal(0, 0.02, (n, 16, 16))
    return TrainingSet(
        images={CHANNEL: images.astype(np.float32)},
        pool={CHANNEL: 1},
        label=np.full(n, -1, dtype=np.int32),
        label_names=(),
        run=np.zeros(n, dtype=np.int32),
        run_names=(f"discs:{seed}",),
        pixel_um=0.25,
        instrument_kind="light_sheet",
        origin=Origin.SIMULATED,
        factors={SIZE: size, LIGHT: light},
    )


@pytest.fixture(scope="module")
def cells() -> TrainingSet:
    return TrainingSet.concatenate([discs(400, 1), discs(120, 2), discs(200, 3)])


@pytest.fixture(scope="module")
def bundle(cells: TrainingSet) -> Bundle:
    return train_bundle(cells, OPTIONS)


def test_a_bundle_answers_the_factors_of_cells_that_no_training_saw(bundle: Bundle) -> None:
    assert bundle.contract.model == "factors2d"
    assert [spec.name for spec in bundle.contract.factors] == [SIZE, LIGHT]
    unseen = discs(200, 9)
    answers = Engine(bundle, "cpu", threads=1).answer_arrays(
        np.arange(200, dtype=np.uint64), unseen.as_given(slice(None))
    )
    assert answers.factors is not None and answers.factors.dtype == np.float32
    for place, spec in enumerate(bundle.contract.factors):
        told = np.corrcoef(answers.factors[:, place], unseen.factors[spec.name])[0, 1]
        assert told > 0.85 and spec.rank_correlation > 0.85
        assert np.abs(answers.factors[:, place].mean() / unseen.factors[spec.name].mean() - 1) < 0.2
    metrics = bundle.contract.metrics
    assert metrics[f"rank_correlation_{SIZE}"]["model"] == pytest.approx(bundle.contract.factors[0].rank_correlation)
    assert 0 < metrics["mutual_information_gap"]["model"] < 1


def test_an_evaluation_sets_answers_beside_the_truth_and_shows_cells_along_them(bundle: Bundle, tmp_path: Path) -> None:
    bundle.save(tmp_path / "discs.bundle")
    known, unknown = discs(120, 21), replace(discs(60, 22), factors={})
    numbers = {}
    for name, cells in (("known", known), ("unknown", unknown)):
        cells.save(tmp_path / f"{name}.npz")
        call = ["evaluate", str(tmp_path / "discs.bundle"), str(tmp_path / f"{name}.npz"), "--map-cells", "0"]
        call += [
            "--embedding",
            "pca",
            "--out",
            str(tmp_path / f"{name}.html"),
            "--json",
            str(tmp_path / f"{name}.json"),
            "--explain",
            str(tmp_path / f"{name} explained.html"),
            "--cell",
            "7",
        ]
        assert not main(call, standalone_mode=False)
        numbers[name] = json.loads((tmp_path / f"{name}.json").read_text())["factors"]
        page = (tmp_path / f"{name}.html").read_text()
        assert f"Cells along {SIZE}" in page and f"Cells along {LIGHT}" in page
        assert ("Nothing is known of the cells" in page) is (name == "unknown")
        explained = (tmp_path / f"{name} explained.html").read_text()
        assert "Cell 7" in explained and f"factor_{SIZE}" in explained
        assert f"{cells.factors[SIZE][7]:.3g}" in explained if cells.factors else "<td></td>" in explained
    assert numbers["unknown"] is None and numbers["known"]["cells"] == 120
    for place, factor in enumerate(numbers["known"]["factors"]):
        own, other = (factor["correlations"][(SIZE, LIGHT)[k]] for k in (place, 1 - place))
        assert own > 0.85 > abs(other) and 0 < factor["mutual_information_gap"] <= 1


def test_cells_along_a_factor_ascend_in_it_and_stay_near_the_middle_of_the_others() -> None:
    answers = np.random.default_rng(0).normal(size=(2000, 3))
    rows = cells_along(answers, 1)
    ranks = (np.argsort(np.argsort(answers, axis=0), axis=0) / 2000)[rows]
    assert len(set(rows)) == 9 and (np.diff(ranks[:, 1]) > 0).all() and ranks[0, 1] < 0.1 < 0.9 < ranks[-1, 1]
    assert np.abs(ranks[:, [0, 2]] - 0.5).max() < 0.25


def test_factors_that_the_graph_does_not_answer_are_not_promised(bundle: Bundle) -> None:
    kept = bundle.contract.model_dump(exclude={"sha256", "digest"})
    short = Bundle.build({**kept, "factors": kept["factors"][:1]}, bundle.live, bundle.explain)
    with pytest.raises(BundleError, match="answers 'factors'"):
        Engine(short, "cpu", threads=1)


def test_a_plain_variational_autoencoder_names_no_factor(cells: TrainingSet) -> None:
    plain: TrainingOptions = replace(OPTIONS, learning=Learning.VARIATION, epochs=2)
    fitted = fit_encoders(cells.of_runs(["discs:1"]), cells.of_runs(["discs:2"]), plain)
    assert fitted.history[1][0] < fitted.history[0][0]
    assert kind_of(cells, Learning.VARIATION) == "vae2d"


def test_partners_are_near_in_all_factors_but_one() -> None:
    rng = np.random.default_rng(0)
    places = {name: rng.permutation(900) / 900 for name in "abc"}
    rows, shared = Pairs(places).draw(rng)
    values = np.stack(list(places.values()), axis=1)[rows]
    apart = np.abs(values[::2] - values[1::2])
    assert rows.shape == (900,) and (shared.sum(axis=1) == 2).all() and (shared[::2] == shared[1::2]).all()
    assert (rows[::2] != rows[1::2]).all()
    assert apart[shared[::2]].mean() < 0.06 and apart[~shared[::2]].mean() == pytest.approx(1 / 3, abs=0.04)


def test_only_what_is_shared_is_averaged() -> None:
    mean, spread = torch.tensor([[1.0, 2.0, 3.0], [3.0, 6.0, 9.0]]), torch.tensor([[1.0, 1.0, 1.0], [3.0, 3.0, 3.0]])
    shared = torch.tensor([[True, False], [True, False]])
    found, log_variance = averaged(mean, spread.log(), shared)
    torch.testing.assert_close(found, torch.tensor([[2.0, 2.0, 3.0], [2.0, 6.0, 9.0]]))
    torch.testing.assert_close(log_variance.exp(), torch.tensor([[2.0, 1.0, 1.0], [2.0, 3.0, 3.0]]))


def test_without_averaging_what_pairs_share_makes_no_difference(cells: TrainingSet) -> None:
    rows = np.arange(16)
    losses = {}
    for averaging in (True, False):
        model = new_model(cells, replace(OPTIONS, averaging=averaging)).eval()
        prepared = model.preprocess({CHANNEL: torch.from_numpy(cells.images[CHANNEL][rows])[:, None]})
        for shared in (0.0, 1.0):
            told = torch.stack([torch.full((16, 2), shared), torch.zeros(16, 2)], dim=1)
            chance = {CHANNEL: torch.Generator().manual_seed(0)}
            losses[averaging, shared] = float(model.loss(prepared, told, chance).detach())
    assert losses[False, 0.0] == losses[False, 1.0] == losses[True, 0.0] != losses[True, 1.0]


def test_a_readout_uses_a_factor_s_own_number_alone() -> None:
    rng = np.random.default_rng(0)
    latent = rng.standard_normal((50, 3)).astype(np.float32)
    known = {"a": 4 - 2.0 * latent[:, 0], "b": np.where(np.arange(50) < 9, np.nan, 0.5 * latent[:, 1])}
    read = FactorReadout.fit(latent, known)
    assert read.gain == pytest.approx([-2, 0.5]) and read.offset == pytest.approx([4, 0], abs=1e-6)


def test_what_gives_no_pairs_is_said(cells: TrainingSet) -> None:
    train, held_out = cells.of_runs(["discs:1"]), cells.of_runs(["discs:2"])
    with pytest.raises(TrainingError, match="from a simulation"):
        fit_encoders(replace(train, factors={}), held_out, OPTIONS)
    with pytest.raises(TrainingError, match="two or more"):
        fit_encoders(replace(train, factors={SIZE: train.factors[SIZE]}), held_out, OPTIONS)
    with pytest.raises(TrainingError, match="the same 'light'"):
        fit_encoders(replace(train, factors=train.factors | {LIGHT: np.ones(len(train))}), held_out, OPTIONS)
    with pytest.raises(TrainingError, match="must be even"):
        Lessons(train, replace(OPTIONS, batch=15))


def test_factors_are_kept_with_the_cells(cells: TrainingSet, tmp_path: Path) -> None:
    cells.save(tmp_path / "set.npz")
    again = TrainingSet.load(tmp_path / "set.npz")
    np.testing.assert_array_equal(again.factors[SIZE], cells.factors[SIZE])
    assert len(cells.of_runs(["discs:2"]).factors[LIGHT]) == 120
    with pytest.raises(TrainingError, match="factors are known"):
        TrainingSet.concatenate([discs(10, 1), replace(discs(10, 2), factors={})])
