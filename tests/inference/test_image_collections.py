"""Whoever has images in files can learn from them, and cells that are judged are never those that were learnt from."""

from __future__ import annotations

import io
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from acquisition.origin import Origin
from acquisition.real_images import PatchedImages, open_real_images
from inference.bundle import Bundle
from inference.engine import Engine
from inference.errors import BundleError, TrainingError
from inference.evaluation.assess import check_cells
from inference.held_out import HeldOutBy
from inference.training.architecture import Network
from inference.training.collection import CollectionOptions, from_collection, relative_light, with_held_out_parts
from inference.training.data import TrainingSet
from inference.training.new_model import new_model
from inference.training.options import Learning
from inference.training.recipes import recipe
from service.cli import main

PER_CLASS = 120


def disc(radius: float, seed: int, size: int = 40) -> np.ndarray:
    """A dark disc on a bright background of its own, `(y, x)` counts."""
    rng = np.random.default_rng(seed)
    y, x = np.indices((size, size)) - size / 2
    return rng.uniform(180, 220) * (1 - 0.5 * (np.hypot(y, x) < radius)) + rng.normal(0, 2, (size, size))


def as_png(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(out, "PNG")
    return out.getvalue()


@pytest.fixture(scope="module")
def two_channels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An npz as an imaging cytometer's: brightfield and darkfield, sorted by class."""
    file = tmp_path_factory.mktemp("arrays") / "cells.npz"
    bright = [disc(radius, k) for radius in (6, 12) for k in range(PER_CLASS)]
    dark = [30 + 900 * (disc(radius, k) < 150) for radius in (6, 12) for k in range(PER_CLASS)]
    x = np.stack([np.stack(pair) for pair in zip(bright, dark, strict=True)]).astype(np.uint16)
    y = np.repeat([0, 1], PER_CLASS)
    np.savez(file, x=x, y=y, classes=np.array(["small", "large"]), channels=np.array(["brightfield", "darkfield"]))
    return file


def opened(path: Path, most: int | None = None, **options: object) -> TrainingSet:
    return from_collection(
        open_real_images(path), "mine", CollectionOptions(**options), lambda done, of: None, most=most
    )


def test_an_empty_pixel_is_one_whatever_the_lamp(two_channels: Path) -> None:
    cells = opened(two_channels, channels=("transmission", "side_scatter"))
    assert cells.grid == (("transmission", (48, 48), 1), ("side_scatter", (48, 48), 1))
    corner = cells.images["transmission"][:, :3, :3]
    np.testing.assert_array_equal(corner, np.ones_like(corner))
    inside, empty = cells.images["transmission"][0, 24, 24], cells.images["transmission"][0, 6:9, 6:9].mean()
    assert inside == pytest.approx(0.5, abs=0.03) and empty == pytest.approx(1, abs=0.02)
    assert cells.images["side_scatter"][0, 24, 24] == pytest.approx(31, abs=0.01)
    assert (cells.origin, cells.pixel_um, cells.label_names) == (Origin.MEASURED, None, ("large", "small"))


def test_darkness_below_the_background_keeps_its_sign() -> None:
    image = np.full((20, 20), 40, dtype=np.float32)
    image[10, 10], image[10, 11] = 24, 65
    light = relative_light(image, "side_scatter")
    assert light[10, 10] == -3 and light[10, 11] == 6 and light[0, 0] == 1


def test_a_file_that_says_nothing_is_cut_into_blocks_of_every_class(two_channels: Path) -> None:
    cells = with_held_out_parts(opened(two_channels))
    assert cells.held_out_by is HeldOutBy.BLOCK
    assert cells.run_names[-1] == "mine, block 5 of 5"
    np.testing.assert_array_equal(cells.run, np.tile(np.repeat(np.arange(5), PER_CLASS // 5), 2))


def test_colours_are_told_apart_and_the_table_splits(tmp_path: Path) -> None:
    file = tmp_path / "smears.zip"
    rows = ["file,class,split,size"]
    with zipfile.ZipFile(file, "w") as out:
        for k in range(32):
            pixels = np.full((30, 30, 3), (250, 240, 230))
            pixels[10:20, 10:20] = (200, 60, 115)
            out.writestr(f"{k:02}.png", as_png(pixels))
            rows.append(f"{k:02}.png,{'ab'[k % 2]},{'val' if k < 8 else 'train'},{('big', 'small', '')[k % 3]}")
        out.writestr("labels.csv", "\n".join(rows))
    cells = opened(file, shrink=2)
    assert cells.channels == ("red", "green", "blue")
    middle = [cells.images[name][0, 8, 8] for name in cells.channels]
    np.testing.assert_allclose(middle, [200 / 250, 60 / 240, 115 / 230], rtol=1e-5)
    assert cells.run_names == ("mine, split train", "mine, split val") and (cells.run == 1).sum() == 8
    cut = with_held_out_parts(cells)
    assert cut.run_names[1] == "mine, split train, last eighth of each class"
    assert np.bincount(cut.run).tolist() == [22, 2, 8] and cut.held_out_by is HeldOutBy.SPLIT
    told = opened(file, concepts=("size=big",)).factors["size_big"]
    np.testing.assert_array_equal(told, np.tile([1, 0, np.nan], 11)[:32])
    assert opened(file, channels=("grey",), most=5).images["grey"].shape == (5, 32, 32)
    with pytest.raises(TrainingError, match="use one of red, green, blue, grey"):
        opened(file, channels=("transmission",))


def test_a_column_of_donors_is_taken_for_runs(tmp_path: Path) -> None:
    rows = ["file,class,donor", *(f"{k}.png,a,donor {k % 3}" for k in range(9))]
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    for k in range(9):
        (tmp_path / f"{k}.png").write_bytes(as_png(disc(8, k)))
    cells = opened(tmp_path, side=32)
    assert cells.held_out_by is HeldOutBy.RUN and cells.run_names == tuple(f"mine, run donor {k}" for k in range(3))
    assert cells.images["transmission"].shape == (9, 32, 32)


def test_what_the_parts_are_is_saved_with_the_set(two_channels: Path, tmp_path: Path) -> None:
    cells = with_held_out_parts(opened(two_channels, most=20))
    cells.save(tmp_path / "set.npz")
    again = TrainingSet.load(tmp_path / "set.npz")
    assert (again.held_out_by, again.pixel_um, again.run_names) == (HeldOutBy.BLOCK, None, cells.run_names)


def test_a_model_of_channels_looked_at_together_is_made_of_a_collection_and_judged_on_it(
    two_channels: Path, tmp_path: Path
) -> None:
    out = tmp_path / "m.bundle"
    channels = ("--channel", "transmission", "--channel", "side_scatter", "--together")
    words = ["train", "classifier2d", "--data", str(two_channels), "--out", str(out), "--epochs", "3", "--axes", "5"]
    done = CliRunner().invoke(
        main,
        [*words, *channels, "--latent", "8", "--clusters", "2", "--cells", "120", "--side", "32", "--pixel-um", "0.5"],
    )
    assert done.exit_code == 0, done.output
    assert "held out by block" in done.stdout
    bundle = Bundle.load(out)
    contract = bundle.contract
    assert (contract.model, contract.training.held_out_by, contract.training.origin) == (
        "classifier2d", HeldOutBy.BLOCK, Origin.MEASURED,
    )  # fmt: skip
    assert [(spec.channel, spec.pixel_um) for spec in contract.inputs] == [
        ("transmission", 0.5), ("side_scatter", 0.5),
    ]  # fmt: skip
    assert list(contract.maps) == ["transmission"] and contract.embedding_size == 5
    judged = opened(two_channels, most=20, channels=("transmission", "side_scatter"), side=32, pixel_um=0.5)
    check_cells(contract, judged)
    with pytest.raises(BundleError, match="of unknown pixel"):
        check_cells(contract, replace(judged, pixel_um=None))
    engine, ids = Engine(bundle, "cpu", threads=1), np.arange(len(judged), dtype=np.uint64)
    whole = engine.answer_arrays(ids, judged.images).embedding
    for name, stack in judged.images.items():
        without = engine.answer_arrays(ids, {**judged.images, name: np.ones_like(stack)}).embedding
        assert np.abs(without - whole).max() > 0.1
    with pytest.raises(TrainingError, match="looked at together"):
        replace(recipe(Learning.RECONSTRUCTION), together=True)


def test_a_dozen_channels_keep_their_names_and_one_network_looks_at_all(tmp_path: Path) -> None:
    names = ["BF 1", "BF 2", "DAPI", "CD4", *(f"marker-{k}" for k in range(8))]
    x = np.stack([np.stack([disc(9, k, 32)] * 2 + [np.full((32, 32), 30.0 + c) for c in range(10)]) for k in range(9)])
    x[:, 11, 12:20, 12:20] += 100
    file = tmp_path / "many.npz"
    donor = np.array([f"donor {k % 3}" for k in range(9)])
    np.savez(file, x=x.astype(np.float32), y=np.arange(9) % 2, channels=np.array(names), run=donor)
    channels = ("bf_1", "bf_2", "cd4", *(f"marker_{k}" for k in range(8)), "fluorescence")
    cells = opened(file, channels=channels)
    assert cells.channels == channels and cells.held_out_by is HeldOutBy.RUN
    assert cells.images["bf_2"][0, 16, 16] == pytest.approx(0.5, abs=0.05)
    assert cells.images["marker_7"][0, 16, 16] == 11 and cells.images["marker_7"][0, 0, 0] == 1
    np.testing.assert_array_equal(opened(file).images["transmission"], cells.images["bf_1"])
    cut = PatchedImages(open_real_images(file), 16, 16)
    assert cut.read(0).flat_images.keys() == open_real_images(file).read(0).flat_images.keys()
    seen = ("bf_1", "cd4", "marker_7")
    empty = "The training images of 'cd4' are all empty background"
    options = replace(recipe(Learning.LABELS, Network.RESNET18), progress=False)
    with pytest.raises(TrainingError, match=empty):
        new_model(opened(file, channels=seen), options)
    rng = np.random.default_rng(1)
    np.savez(file, x=rng.normal(90, 9, x.shape), y=np.arange(9) % 2, channels=np.array(names), run=donor)
    (encoder,) = new_model(opened(file, channels=channels), options).encoders.values()
    assert encoder.architecture.channels == channels and encoder.blocks[0][0].in_channels == 12
    with pytest.raises(
        TrainingError, match="no images of 'cd8' in 'mine'; use one of transmission, fluorescence, bf_1"
    ):
        opened(file, channels=("cd8",))


def test_a_collection_of_flat_images_makes_no_model_of_volumes(two_channels: Path, tmp_path: Path) -> None:
    words = ["train", "dcae3d", "--data", str(two_channels), "--out", str(tmp_path / "m.bundle")]
    done = CliRunner().invoke(main, words)
    assert done.exit_code and "collection of flat images" in done.output
