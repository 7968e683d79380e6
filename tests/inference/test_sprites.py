"""What a sprite is said to be must be what is drawn, or an encoder that learns it well has learnt something else."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from acquisition.errors import ConfigError
from acquisition.origin import Origin
from inference.errors import TrainingError
from inference.training.data import TrainingSet
from inference.training.fit import fit_encoders
from inference.training.options import Learning
from inference.training.pairs import Pairs
from inference.training.recipes import recipe
from inference.training.sprites import CHANNEL, FACTORS, FAMILY, SHAPES, TEXTURES, draw_sprites
from service.cli.collect import collect
from service.cli.model_kinds import KINDS, Wanted


@pytest.fixture(scope="module")
def sprites() -> TrainingSet:
    return draw_sprites("sprites:?seed=5", 10 * FAMILY, factors=FACTORS, seed=5)


def darkness(cells: TrainingSet) -> np.ndarray:
    return 1 - np.asarray(cells.images[CHANNEL][:], dtype=np.float64)


def test_sprites_lie_where_they_are_said_to_and_are_as_large(sprites: TrainingSet) -> None:
    inside = darkness(sprites) > 0.15
    place = np.arange(80) - 39.5
    area = inside.sum(axis=(1, 2))
    across = (inside.sum(axis=1) * place).sum(axis=1) / area
    down = (inside.sum(axis=2) * place).sum(axis=1) / area
    square = np.array([sprites.label_names[k] == "square" for k in sprites.label])
    for found, name in ((across, "x_px"), (down, "y_px")):
        np.testing.assert_allclose(found[square], sprites.factors[name][square], atol=1.0)
        assert np.corrcoef(found, sprites.factors[name])[0, 1] > 0.98
    np.testing.assert_allclose(np.sqrt(area[square]) / 1.6, sprites.factors["scale_px"][square], rtol=0.06)


def test_every_shape_and_texture_is_drawn_and_told_apart(sprites: TrainingSet) -> None:
    assert sorted(sprites.label_names) == sorted(SHAPES) and sprites.origin is Origin.SIMULATED
    told = [SHAPES[int(k)] for k in sprites.factors["shape"]]
    assert told == [sprites.label_names[k] for k in sprites.label]
    inside = darkness(sprites)
    spread = np.array([image[image > 0.15].std() for image in inside])
    texture = np.array([TEXTURES[int(k)] for k in sprites.factors["texture"]])
    assert set(texture) == set(TEXTURES)
    assert spread[texture == "even"].max() < 0.05 < 0.06 < spread[texture != "even"].min()


def test_a_run_is_the_same_again_and_another_seed_is_another(sprites: TrainingSet) -> None:
    again, other = (draw_sprites("x", 2 * FAMILY, seed=seed).images[CHANNEL] for seed in (5, 6))
    assert len(again) == 2 * FAMILY and not np.array_equal(again, other)
    np.testing.assert_array_equal(again, draw_sprites("x", 2 * FAMILY, seed=5).images[CHANNEL])


def test_partners_of_sprites_differ_in_one_factor_and_no_other(sprites: TrainingSet) -> None:
    rows, shared = Pairs(sprites.factors).draw(np.random.default_rng(0))
    values = np.stack(list(sprites.factors.values()), axis=1)[rows]
    np.testing.assert_array_equal(values[::2] == values[1::2], shared[::2])


def test_sprites_are_learnt_from_like_any_source() -> None:
    wanted = Wanted(KINDS["factors2d"], factors=("scale_px", "x_px"))
    runs = [collect(f"sprites:?seed={seed}", 2 * FAMILY, wanted, lambda *_: None) for seed in (1, 2)]
    cells = TrainingSet.concatenate(runs)
    assert tuple(cells.factors) == ("scale_px", "x_px") and cells.run_names == ("sprites:?seed=1", "sprites:?seed=2")
    assert cells.images[CHANNEL].shape == (4 * FAMILY, 40, 40) and cells.pool == {CHANNEL: 2}
    options = replace(recipe(Learning.FACTORS, epochs=1), widths=(4, 4, 4), progress=False)
    assert len(fit_encoders(*runs, options).history) == 1


@pytest.mark.parametrize("place", ["sprites:many", "sprites:?seed=-1", "sprites:?colour=red"])
def test_what_sprites_do_not_know_is_said(place: str) -> None:
    with pytest.raises(ConfigError, match="sprites:"):
        collect(place, 64, Wanted(KINDS["vae2d"]), lambda *_: None)


def test_sprites_have_neither_volumes_nor_nuclei() -> None:
    with pytest.raises(TrainingError, match="flat images"):
        collect("sprites:", 64, Wanted(KINDS["dcae3d"]), lambda *_: None)
    with pytest.raises(TrainingError, match="no factor 'diameter_um'; use --factor with shape"):
        collect("sprites:", 64, Wanted(KINDS["factors2d"], factors=("diameter_um",)), lambda *_: None)
