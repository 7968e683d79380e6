"""Volumes are restored for who asks, by HTTP or into a file, and every answer says what was done."""

from __future__ import annotations

import io
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image
from served import World

from acquisition.instrument import Instrument
from reconstruction.light_sheet.deconvolution import restore, volume_blur
from reconstruction.methods import Method
from reconstruction.preparation import prepare
from service.cli import main
from service.runs.control import RUNS

OFFERED = "offers smooth, wiener, richardson_lucy for side_scatter"


def volume_of(world: World, **params: object) -> tuple[np.ndarray, str]:
    link = f"{world.cells}/{world.first_cell()}/channels/side_scatter.npy"
    answer = world.client.get(link, params=params)
    assert answer.status_code == 200, answer.text
    return np.load(io.BytesIO(answer.content), allow_pickle=False), answer.headers["lightline-restored"]


def restored(volume: np.ndarray, instrument: Instrument, method: Method, iterations: int) -> np.ndarray:
    return restore(volume, volume_blur(instrument), instrument.grid.pixel_um, method, iterations)


@pytest.mark.parametrize(
    ("method", "params", "said"),
    [
        (Method.SMOOTH, {}, "smooth"),
        (Method.WIENER, {}, "wiener"),
        (Method.RICHARDSON_LUCY, {}, "richardson_lucy; iterations=10"),
        (Method.RICHARDSON_LUCY, {"iterations": 3}, "richardson_lucy; iterations=3"),
    ],
)
def test_a_volume_is_restored_as_asked_and_says_so(
    world: World, method: Method, params: dict[str, int], said: str
) -> None:
    measured, nothing = volume_of(world)
    assert nothing == "none"
    volume, about = volume_of(world, restore=method.value, **params)
    assert about == said
    expected = restored(measured, world.run.instrument, method, params.get("iterations", 10))
    assert np.allclose(volume, expected, atol=1e-4 * measured.max())
    # Smoothing changes least: the volume is the best estimate from samples as noisy as they are bright.
    assert np.abs(volume - measured).max() > 0.02 * measured.max()
    # Asking changes nothing for who does not ask.
    assert np.array_equal(volume_of(world)[0], measured)


def test_a_picture_is_of_the_restored_volume(world: World) -> None:
    volume, _ = volume_of(world, restore="richardson_lucy")
    limits = {"low": 0.0, "high": float(volume.max())}
    link = f"{world.cells}/{world.first_cell()}/channels/side_scatter.png"
    answer = world.client.get(link, params={**limits, "restore": "richardson_lucy"})
    assert answer.headers["lightline-restored"] == "richardson_lucy; iterations=10"
    shown = np.asarray(Image.open(io.BytesIO(answer.content)), dtype=float) / 255 * limits["high"]
    assert np.abs(shown - volume.max(axis=2)).max() <= limits["high"] / 255
    assert world.client.get(link, params=limits).headers["etag"] != answer.headers["etag"]


def test_links_say_which_images_can_be_restored(world: World) -> None:
    cell = world.client.get(f"{world.cells}/{world.first_cell()}").json()
    assert {channel["name"]: channel["restore"] for channel in cell["channels"]} == {
        "transmission": [],
        "side_scatter_flat": [],
        "side_scatter": ["smooth", "wiener", "richardson_lucy"],
    }


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("channels/side_scatter.npy?restore=sharpen", "restore"),
        ("channels/side_scatter.npy?restore=richardson_lucy&iterations=0", "iterations"),
        ("channels/side_scatter.npy?restore=richardson_lucy&iterations=101", "iterations"),
        ("channels/side_scatter.npy?restore=wiener&iterations=5", "iterations"),
        ("channels/transmission.npy?restore=wiener", "'wiener' is not for transmission"),
        ("channels/transmission.png?restore=smooth", OFFERED),
        ("channels/side_scatter.npy?restore=masked_warp", OFFERED),
    ],
)
def test_what_cannot_be_restored_is_one_sentence(world: World, path: str, named: str) -> None:
    answer = world.client.get(f"{world.cells}/{world.first_cell()}/{path}")
    assert answer.status_code == 422 and named in answer.json()["detail"], answer.text


def export(world: World, out: Path, *options: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main(
            [
                "export",
                str(world.data / RUNS / world.run.id),
                "--format",
                "hdf5",
                "--out",
                str(out),
                *map(str, options),
            ],
            "lightline",
        )
    return int(ended.value.code or 0)


def test_an_export_holds_the_same_restored_volumes_beside_the_flat_images(world: World, tmp_path: Path) -> None:
    out = tmp_path / "cells.h5"
    assert export(world, out, "--cells", 2, "--restore", "richardson_lucy", "--iterations", 3) == 0
    volume, said = volume_of(world, restore="richardson_lucy", iterations=3)
    with h5py.File(out) as file:
        assert file.attrs["restored"] == said
        assert file.attrs["run"] == world.run.id and file.attrs["origin"] == "simulated"
        assert file["event_id"][0] == world.first_cell() and len(file["event_id"]) == 2
        assert np.allclose(file["images/side_scatter"][0], volume, atol=1e-4 * volume.max())
        assert file["images/transmission"].shape == (2, 80, 80)


def test_an_export_takes_the_cells_and_channels_that_are_asked_for(world: World, tmp_path: Path) -> None:
    params = {"where": "diameter_um > 8", "limit": 1000}
    wanted = [row["event_id"] for row in world.client.get(world.cells, params=params).json()["rows"]]
    assert export(world, tmp_path / "a.h5", "--where", "diameter_um > 8", "--channel", "transmission") == 0
    assert export(world, tmp_path / "b.h5", "--event", wanted[-1], "--event", wanted[0]) == 0
    with h5py.File(tmp_path / "a.h5") as file, h5py.File(tmp_path / "b.h5") as other:
        assert file["event_id"][...].tolist() == wanted
        assert list(file["images"]) == ["transmission"] and file.attrs["restored"] == "none"
        assert other["event_id"][...].tolist() == [wanted[-1], wanted[0]]


def test_prepared_cells_have_their_scale_beside_them(world: World, tmp_path: Path) -> None:
    assert export(world, tmp_path / "a.h5", "--cells", 3, "--channel", "transmission") == 0
    assert export(world, tmp_path / "b.h5", "--cells", 3, "--prepare", 64) == 0
    with h5py.File(tmp_path / "a.h5") as whole, h5py.File(tmp_path / "b.h5") as file:
        expected = prepare(whole["images/transmission"][...], 0.25, size=64)
        assert list(file["images"]) == ["transmission"] and file["images/transmission"].shape == (3, 64, 64)
        np.testing.assert_allclose(file["images/transmission"][...], expected.images, rtol=1e-6)
        np.testing.assert_array_equal(file["um_per_px"][...], expected.um_per_px)
        np.testing.assert_array_equal(file["mean/transmission"][...], expected.mean)


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--channel", "side_scatter", "--prepare", "64"], "transmission"),
        (["--channel", "fluorescence"], "fluorescence"),
        (
            ["--channel", "transmission", "--restore", "wiener"],
            OFFERED,
        ),
        (["--restore", "masked_warp"], OFFERED),
        (["--restore", "wiener", "--iterations", "3"], "iterations"),
        (["--event", "999999"], "999999"),
        (["--event", "1", "--cells", "2"], "--event"),
        (["--where", "diameter_um > 900"], "--where"),
        (["--where", "nonsense > 1"], "nonsense"),
    ],
)
def test_an_export_that_cannot_be_leaves_no_file(
    world: World, tmp_path: Path, options: list[str], named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export(world, tmp_path / "x.h5", *options) == 2
    assert named in capsys.readouterr().err.strip().splitlines()[-1]
    assert not (tmp_path / "x.h5").exists()
