"""A measure of maps must tell a map that is right from one that is not, and say what any map would score."""

from __future__ import annotations

import numpy as np
import pytest
from toy_cells import CHANNEL, VOLUME, draw_set

from inference.bundle import Bundle
from inference.engine import Engine, Explanation
from inference.evaluation.altered_graphs import Depth, shuffled, weights_of, with_weights
from inference.evaluation.cell_masks import cell_mask, share_inside
from inference.evaluation.correlation import mean_of, rank_correlation, row_correlation
from inference.evaluation.explainer import MapsOf, explainer_of
from inference.evaluation.faithfulness import Explained, map_scores, order_scores
from inference.evaluation.occlusion import probability
from inference.evaluation.perturbed import deleted, inserted, moved, patches, places_in_order
from inference.evaluation.sanity import shuffled_weights


def pooled(volumes: np.ndarray) -> np.ndarray:
    """Means over blocks of 8 voxels: a map that follows the cell."""
    return np.maximum(volumes.reshape(-1, 4, 8, 4, 8, 4, 8).mean(axis=(2, 4, 6)), 0).astype(np.float32)


class LitCorner:
    """An engine whose score hangs on the darkness of one corner of the image, and whose map says so, or lies."""

    def __init__(self, honest: bool) -> None:
        self.honest = honest

    def explain(self, images: dict[str, np.ndarray], target: object = -1) -> Explanation:
        stack = images[CHANNEL]
        darkness = (1 - stack[:, :20, :20]).mean(axis=(1, 2))
        maps = np.zeros((len(stack), 4, 4), dtype=np.float32)
        maps[:, *((0, 0) if self.honest else (3, 3))] = 1
        volumes = {VOLUME: pooled(images[VOLUME])} if VOLUME in images else {}
        logits = np.stack([darkness, np.full(len(stack), 0.25)], axis=1).astype(np.float32) * 20
        return Explanation(np.zeros(len(stack), dtype=np.int64), logits, {CHANNEL: maps, **volumes})


def corner_cells(engine: LitCorner) -> Explained:
    images = np.ones((3, 80, 80), dtype=np.float32)
    images[:, 5:60, 5:60] = 0.5
    return Explained({CHANNEL: images}, engine.explain({CHANNEL: images}))


def test_a_map_that_names_what_counts_beats_chance_and_one_that_lies_does_not() -> None:
    honest, lying = LitCorner(True), LitCorner(False)
    own, chance, middle, contrast = order_scores(honest, corner_cells(honest), 0)
    assert own.insertion - own.deletion > 0.5 and chance.beaten == middle.beaten == contrast.beaten == 1.0
    wrong, chance, *_ = order_scores(lying, corner_cells(lying), 0)
    assert wrong.insertion < wrong.deletion and chance.insertion > chance.deletion


def test_a_right_map_agrees_with_occlusion_and_says_where_it_lies() -> None:
    engine = LitCorner(True)
    scores = map_scores(engine, corner_cells(engine))[CHANNEL]
    assert scores.occlusion is not None and scores.occlusion > 0.6
    assert scores.occlusion_of_centre is not None and scores.occlusion_of_centre < scores.occlusion
    assert scores.area == pytest.approx(55 * 55 / 6400, abs=0.05)
    assert scores.occlusion_inside is not None and scores.occlusion_inside > scores.area
    wrong = map_scores(LitCorner(False), corner_cells(LitCorner(False)))[CHANNEL]
    assert wrong.occlusion is not None and wrong.occlusion < 0


def test_places_go_and_come_in_the_order_of_the_map() -> None:
    image = np.full((4, 4), 0.5, dtype=np.float32)
    raw = np.zeros((4, 4), dtype=np.float32)
    raw[1, 2] = 1
    places = places_in_order(raw, image.shape, np.random.default_rng(0))
    assert places[1, 2] == 0 and sorted(places.ravel() * 16) == pytest.approx(np.arange(16))
    gone, come = deleted(image, places, [0, 1 / 16, 1]), inserted(image, places, [0, 1 / 16, 1])
    assert (gone[0] == image).all() and gone[1, 1, 2] == 1 and gone[1].sum() == 8.5 and (gone[2] == 1).all()
    assert (come[0] == 1).all() and come[1, 1, 2] == 0.5 and (come[2] == image).all()


def test_places_of_a_volume_go_to_zero() -> None:
    volume = np.full((4, 4, 4), 7, dtype=np.float32)
    places = places_in_order(np.ones((2, 2, 2)), volume.shape, np.random.default_rng(0))
    assert deleted(volume, places, [0.5])[0].sum() == 7 * 32


def test_patches_cover_every_pixel_once() -> None:
    seen = np.zeros((10, 7), dtype=int)
    for patch in patches(seen.shape, 3):
        seen[patch] += 1
    assert (seen == 1).all()


def test_what_is_moved_there_and_back_is_where_it_was() -> None:
    image = np.random.default_rng(0).random((2, 6, 6)).astype(np.float32)
    there = moved(image, 1, 1)
    np.testing.assert_array_equal(there[:, :, 1:], image[:, :, :-1])
    np.testing.assert_array_equal(moved(there, 1, -1)[:, :, :-1], image[:, :, :-1])


def test_correlations_are_those_of_the_textbook_and_even_maps_have_none() -> None:
    one = np.array([[1.0, 2, 3, 4], [1, 1, 1, 1]])
    other = np.array([[1.0, 4, 9, 100], [1, 2, 3, 4]])
    ranked = rank_correlation(one, other)
    assert ranked[0] == pytest.approx(1) and np.isnan(ranked[1])
    assert row_correlation(one, other)[0] == pytest.approx(np.corrcoef(one[0], other[0])[0, 1])
    assert mean_of(ranked) == pytest.approx(1) and mean_of([np.nan]) is None


def test_the_cell_is_found_in_images_and_volumes(toy_images: np.ndarray) -> None:
    volume = draw_set(4, 3, channels=(VOLUME,)).as_given(slice(1))[VOLUME][0]
    mask = cell_mask(volume)
    assert mask[16, 16, 16] and not mask[0].any()
    assert volume[mask].sum() > 0.9 * volume.sum()
    flat = cell_mask(toy_images[0])[None]
    spot = np.zeros((1, 5, 5), dtype=np.float32)
    assert np.isnan(share_inside(spot, flat)[0])
    spot[0, 0, 0] = 1
    assert share_inside(spot, flat)[0] < 0.05
    spot[0] = 0
    spot[0, 2, 2] = 1
    assert share_inside(spot, flat)[0] > 0.7


def test_shuffling_goes_from_the_head_down_and_leaves_the_rest(toy_bundle: Bundle) -> None:
    kept = weights_of(toy_bundle)
    for depth, changed in ((Depth.HEAD, 2), (Depth.LATENT, 3), (Depth.ALL, 7)):
        other = shuffled(toy_bundle, depth, 0)
        assert other is not None and other.live == toy_bundle.live and other.digest != toy_bundle.digest
        new = weights_of(other)
        differing = [name for name in kept if not np.array_equal(kept[name], new[name])]
        assert len(differing) == changed, differing
        assert all(sorted(kept[n].ravel()) == sorted(new[n].ravel()) for n in differing)


def test_weights_put_in_are_the_ones_that_answer(toy_bundle: Bundle, toy_images: np.ndarray) -> None:
    bias = np.array([100.0, 0, 0])
    engine = Engine(with_weights(toy_bundle, {"head.second.bias": bias}), provider="cpu", threads=1)
    assert (engine.explain({CHANNEL: toy_images[:5]}).target == 0).all()


def test_maps_of_shuffled_weights_are_other_maps(toy_engine: Engine, toy_images: np.ndarray) -> None:
    cells = Explained({CHANNEL: toy_images[:20]}, toy_engine.explain({CHANNEL: toy_images[:20]}))
    found = shuffled_weights(toy_engine, cells, seeds=2)
    assert list(found) == ["head", "head and latent", "every layer"]
    deep = found["every layer"][CHANNEL]
    assert deep is None or abs(deep) < 0.9


def test_maps_of_clusters_are_measured_by_the_posterior_that_the_bundle_answers(
    toy_engine: Engine, toy_images: np.ndarray
) -> None:
    images = {CHANNEL: toy_images[:6]}
    explainer = explainer_of(toy_engine, MapsOf.CLUSTERS)
    answered = toy_engine.answer_arrays(np.arange(6, dtype=np.uint64), images).cluster_posterior
    cells = Explained(images, explainer.explain(images))
    assert (cells.explanation.target == answered.argmax(axis=1)).all()
    for cluster in range(answered.shape[1]):
        np.testing.assert_allclose(probability(explainer, images, cluster), answered[:, cluster], atol=1e-5)
    np.testing.assert_array_equal(cells.explanation.saliency, toy_engine.explain_cluster(images).saliency)
    own, *_ = order_scores(explainer, cells, 0)
    assert own.deletion < own.insertion
    assert set(shuffled_weights(toy_engine, cells, seeds=1, maps_of=MapsOf.CLUSTERS)) == {Depth.LATENT, Depth.ALL}


def test_maps_over_images_and_volumes_are_measured_together(toy_images: np.ndarray) -> None:
    volumes = draw_set(3, 3, channels=(VOLUME,)).as_given(slice(2))[VOLUME]
    images = {CHANNEL: toy_images[:2], VOLUME: volumes}
    engine = LitCorner(True)
    cells = Explained(images, engine.explain(images))
    own, *_ = order_scores(engine, cells, 0)
    assert 0 <= own.deletion <= 1 and 0 <= own.insertion <= 1
    scores = map_scores(engine, cells)
    assert set(scores) == {CHANNEL, VOLUME}
    assert scores[VOLUME].occlusion is None, "nothing hangs on the volume"
    assert scores[VOLUME].moved == pytest.approx(1, abs=0.3)
