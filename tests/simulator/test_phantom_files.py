"""Whoever brings images of their own must get their labels back, or one sentence that says what to change."""

from __future__ import annotations

import io
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from acquisition.errors import ConfigError
from acquisition.origin import Origin
from acquisition.source import blocks, open_source
from simulator.phantoms import open_phantoms
from simulator.phantoms.phantom import ImagePhantom, VolumePhantom


def disc(size: int, radius: float, dark: float = 0.5) -> np.ndarray:
    """One dark disc in the middle of a bright image, uint8."""
    y, x = np.indices((size, size)) - (size - 1) / 2
    return np.where(np.hypot(y, x) < radius, 200 * dark, 200).astype(np.uint8)


def png(pixels: np.ndarray, kind: str = "PNG") -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind)
    return out.getvalue()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three small cells of one class and one large cell of another."""
    root = tmp_path / "mine"
    for k in range(3):
        (root / "small").mkdir(parents=True, exist_ok=True)
        (root / "small" / f"{k}.png").write_bytes(png(disc(64, 10)))
    (root / "large").mkdir()
    (root / "large" / "a.JPG").write_bytes(png(disc(64, 16), "JPEG"))
    (root / "notes.txt").write_text("not an image")
    return root


def zipped(path: Path, members: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as out:
        for name, data in members.items():
            out.writestr(name, data)
    return path


def drawn(phantoms, n: int = 200) -> list[ImagePhantom]:
    return [phantoms.draw(np.random.default_rng(k)) for k in range(n)]


def test_folders_are_classes_drawn_in_the_proportion_of_their_images(folder: Path) -> None:
    phantoms = open_phantoms(folder, pixel_um=0.4)
    cells = drawn(phantoms)
    assert phantoms.kinds == ("large", "small") and phantoms.semi_real
    assert np.mean([cell.kind == "small" for cell in cells]) == pytest.approx(0.75, abs=0.1)
    by_kind = {cell.kind: cell for cell in cells}
    assert by_kind["small"].diameter_um == pytest.approx(8.0, rel=0.1)
    assert by_kind["large"].diameter_um == pytest.approx(12.8, rel=0.1)
    assert all(cell.facts["source_index"] == 0 for cell in cells if cell.kind == "large")


def test_shares_decide_what_is_drawn_and_the_same_seed_draws_the_same(folder: Path) -> None:
    phantoms = open_phantoms(folder, pixel_um=0.4, sample="small:0.1,large:0.9")
    assert np.mean([cell.kind == "large" for cell in drawn(phantoms)]) == pytest.approx(0.9, abs=0.07)
    one, again = (phantoms.draw(np.random.default_rng(7)) for _ in range(2))
    np.testing.assert_array_equal(one.scatterers, again.scatterers)
    assert open_phantoms(folder, pixel_um=0.4, sample={"small": 1.0}).kinds == ("small",)


def test_a_zip_needs_no_unpacking_and_its_names_never_become_paths(folder: Path, tmp_path: Path) -> None:
    members = {"small/0.png": png(disc(64, 10)), "/etc/large/a.png": png(disc(64, 16)), "../../up/b.png": b"no"}
    path = zipped(tmp_path / "mine.zip", members)
    before = sorted(tmp_path.rglob("*"))
    phantoms = open_phantoms(path, pixel_um=0.4, sample="small:0.5,large:0.5")
    assert {cell.kind for cell in drawn(phantoms, 20)} == {"small", "large"}
    assert sorted(tmp_path.rglob("*")) == before


def test_a_table_in_the_zip_gives_labels_and_splits(tmp_path: Path) -> None:
    table = "file,class,split\nu/0.png,round,train\nu/1.png,round,val\nu/2.png,huge,train\n"
    members = {f"u/{k}.png": png(disc(64, radius)) for k, radius in enumerate((10, 10, 18, 12))}
    path = zipped(tmp_path / "t.zip", {**members, "labels.csv": table.encode()})
    assert open_phantoms(path, pixel_um=0.4).members["round"].tolist() == [0, 1]
    train = open_phantoms(path, pixel_um=0.4, split="train")
    assert {kind: found.tolist() for kind, found in train.members.items()} == {"round": [0], "huge": [2]}
    with pytest.raises(ConfigError, match="has no split 'test'; it has train, val"):
        open_phantoms(path, pixel_um=0.4, split="test")


def test_an_npz_says_what_its_channels_are(tmp_path: Path) -> None:
    bright = disc(40, 10).astype(np.uint16)
    dark = np.full((40, 40), 20, np.uint16)
    dark[18:21, 18:21] = 900
    np.savez(
        tmp_path / "a.npz",
        x=np.stack([dark, bright])[np.newaxis].repeat(4, 0),
        y=np.array([0, 1, 1, 1]),
        classes=np.array(["G1", "G2"]),
        channels=np.array(["Darkfield", "Brightfield"]),
        pixel_um=0.5,
    )
    phantoms = open_phantoms(tmp_path / "a.npz")
    cell = phantoms.draw(np.random.default_rng(0))
    assert phantoms.shares == {"G1": 0.25, "G2": 0.75}
    assert np.abs(cell.scatterers[:, :2]).max() < 2.0, "scatter comes from the bright spot of the darkfield"
    assert cell.fluorophores.shape == (0, 4)


def test_stacks_come_as_arrays_or_as_files(tmp_path: Path) -> None:
    z, y, x = np.indices((20, 40, 40)) - np.array([9.5, 19.5, 19.5])[:, None, None, None]
    ball = (np.hypot(np.hypot(z, y), x) < 8).astype(np.float32)
    np.savez(tmp_path / "balls.npz", x=ball[np.newaxis])
    (tmp_path / "f" / "ball").mkdir(parents=True)
    tifffile.imwrite(tmp_path / "f" / "ball" / "0.tif", ball)
    for path in (tmp_path / "balls.npz", tmp_path / "f"):
        cell = open_phantoms(path, pixel_um=0.5).draw(np.random.default_rng(0))
        assert isinstance(cell, VolumePhantom)
        assert cell.diameter_um == pytest.approx(8.0, rel=0.03)


def test_a_labelled_stack_gives_each_whole_body(tmp_path: Path) -> None:
    stack, labels = np.zeros((8, 40, 40), np.uint16), np.zeros((8, 40, 40), np.uint8)
    for number, column in ((1, 0), (2, 12), (3, 26)):
        labels[2:7, 10:20, column : column + 10] = number
        stack[2:7, 10:20, column : column + 10] = 100 * number
    tifffile.imwrite(tmp_path / "n.tif", stack)
    tifffile.imwrite(tmp_path / "n_label.tif", labels)
    for path in (tmp_path, tmp_path / "n.tif"):
        phantoms = open_phantoms(path, pixel_um="0.3,0.25,0.25")
        assert len(phantoms.cells.labels) == 2, "the first body is cut by the rim"
    assert phantoms.phantom(1, np.random.default_rng(0)).volume.shape == (7, 12, 12)


REFUSED = {
    "is no file or folder": lambda root: root / "none",
    "is no collection of real images": lambda root: write(root / "a.csv", b"1,2"),
    "There are no images in 'bare'": lambda root: write(root / "bare" / "readme.txt", b"x").parent,
    "is no zip, or is damaged": lambda root: write(root / "a.zip", b"PK but no zip"),
    "is no npz, holds objects, or is damaged": lambda root: write(root / "a.npz", b"PK but no npz"),
    "'c/0.png' is damaged or of a kind": lambda root: write(
        root / "bad" / "c" / "0.png", png(disc(64, 9))[:80]
    ).parents[1],
    "shows no cell at its middle": lambda root: write(root / "e" / "c" / "0.png", png(disc(64, 0))).parents[1],
    "needs the columns file and class": lambda root: zipped(
        root / "t.zip", {"a/0.png": png(disc(64, 9)), "labels.csv": b"name,kind\na/0.png,b\n"}
    ),
    "The member 'a/0.png' of 'cut.zip' is damaged": lambda root: cut_zip(root / "cut.zip"),
}


def write(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def cut_zip(path: Path) -> Path:
    data = bytearray(zipped(path, {"a/0.png": png(disc(64, 9))}).read_bytes())
    data[60:70] = b"0123456789"
    path.write_bytes(bytes(data))
    return path


@pytest.mark.parametrize("sentence", REFUSED)
def test_what_cannot_be_read_is_refused_in_one_sentence(sentence: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=sentence) as refused:
        open_phantoms(REFUSED[sentence](tmp_path), pixel_um=0.4)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({}, "The pixel of 'mine' is not known; say pixel_um"),
        ({"pixel_um": -1}, "pixel_um must be one number above 0"),
        ({"pixel_um": "0.2,0.2"}, "pixel_um must be one number above 0"),
        ({"pixel_um": "wide"}, "pixel_um must be one number above 0"),
        ({"pixel_um": 0.4, "sample": "zebra"}, "has no class 'zebra'; use one of large, small"),
        ({"pixel_um": 0.4, "sample": "small:0.5,large:0.6"}, "add up to 1.1"),
        ({"pixel_um": 0.4, "sample": "small:-1,large:2"}, "share of the class 'small' must be above 0"),
        ({"pixel_um": 0.4, "sample": "small:some"}, "write NAME:SHARE"),
        ({"pixel_um": 0.4, "sample": "small:0.5,small:0.5"}, "stands twice"),
        ({"pixel_um": 0.4, "split": "train"}, "has no split 'train'; it has none"),
    ],
)
def test_options_that_make_no_sense_are_refused(folder: Path, options: dict[str, object], sentence: str) -> None:
    with pytest.raises(ConfigError, match=sentence):
        open_phantoms(folder, **options)


@pytest.mark.parametrize(
    ("arrays", "sentence"),
    [
        ({"z": np.zeros(3)}, "has no array 'x'"),
        ({"x": np.zeros((3, 4))}, r"must be \(n, y, x\)"),
        ({"x": np.array(["a"], dtype=object)}, "holds objects"),
        ({"x": np.ones((2, 9, 9)), "y": np.array([0])}, "one label for each of 2 cells"),
        ({"x": np.ones((2, 9, 9)), "y": np.array([0, 5]), "classes": np.array(["a"])}, "must count its 1 classes"),
        ({"x": np.ones((2, 2, 9, 9)), "channels": np.array(["a"])}, "'x' and 'channels' of 'a' do not fit"),
        ({"x": np.ones((2, 1, 9, 9)), "channels": np.array(["depth"]), "pixel_um": 0.5}, "has no brightfield image"),
        ({"x": np.ones((2, 2, 9, 9)), "channels": np.array(["CD 4", "cd-4"])}, "have one name, cd_4, cd_4"),
        ({"x": np.ones((2, 9, 9)), "pixel_um": np.array(-1.0)}, "'pixel_um' of 'a.npz' must be one number above 0"),
        ({"x": np.ones((2, 1, 9, 9)), "channels": np.array(["dapi"]), "pixel_um": 0.5}, "has no brightfield image"),
    ],
)
def test_an_npz_that_does_not_fit_is_refused(tmp_path: Path, arrays: dict[str, np.ndarray], sentence: str) -> None:
    np.savez(tmp_path / "a.npz", allow_pickle=True, **arrays)
    with pytest.raises(ConfigError, match=sentence):
        open_phantoms(tmp_path / "a.npz", pixel_um=0.4)


def test_tiff_without_its_reader_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "c").mkdir()
    tifffile.imwrite(tmp_path / "c" / "0.tif", disc(64, 10))
    monkeypatch.setitem(sys.modules, "tifffile", None)
    with pytest.raises(ConfigError, match=r"install it with: pip install 'lightline\[importers\]'"):
        open_phantoms(tmp_path, pixel_um=0.4)


def test_a_source_of_real_images_is_semi_real_and_its_truth_has_their_labels(folder: Path) -> None:
    url = f"sim:sheet-ci?phantoms={folder}&pixel_um=0.25&cells=3&sample=small:0.5,large:0.5"
    with open_source(url) as source:
        assert source.origin is Origin.SEMI_REAL
        assert "real images of mine" in source.description
        source.start()
        n_samples = sum(block.n_samples for block in blocks(source))
        truth = source.truth()
    assert n_samples > 0 and truth is not None
    assert set(truth["kind"].tolist()) <= {b"small", b"large"}
    assert np.isfinite(truth["source_index"]).all()


def test_a_level_that_needs_the_refractive_index_is_refused_for_images(folder: Path) -> None:
    with pytest.raises(ConfigError, match="use the image level L0"):
        open_source(f"sim:sheet-ci?phantoms={folder}&pixel_um=0.25&level=L1")
