"""OME-TIFF stacks are the run's images and volumes, with sizes, names and event ids that OME readers find."""

from __future__ import annotations

import json
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
import tifffile
from exporting import export, run_folder, stored
from served import World

from service.store.run_folder import RunFolder

OME = {"ome": "http://www.openmicroscopy.org/Schemas/OME/2016-06"}


@pytest.fixture(scope="module")
def cells(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("ome") / "cells.ome.tiff"
    assert export(world, "ome-tiff", out, "--cells", 3) == 0
    return out


def test_stacks_are_the_images_of_the_run(world: World, cells: Path) -> None:
    ids = stored(world).column("event_id").to_pylist()[:3]
    folder = RunFolder.open(run_folder(world))
    with tifffile.TiffFile(cells) as file:
        assert file.is_ome and [series.axes for series in file.series] == ["TCYX", "TZYX"]
        flat, volumes = (series.asarray() for series in file.series)
    assert flat.shape == (3, 2, 80, 80) and volumes.shape == (3, 80, 80, 80) and volumes.dtype == np.float32
    for k, event_id in enumerate(ids):
        for image, name in zip(flat[k], ("transmission", "side_scatter_flat"), strict=True):
            np.testing.assert_array_equal(image, folder.image(event_id, name))
        np.testing.assert_array_equal(volumes[k], folder.image(event_id, "side_scatter"))
    folder.close()


def test_sizes_names_and_events_are_in_the_metadata(world: World, cells: Path) -> None:
    with tifffile.TiffFile(cells) as file:
        root = ET.fromstring(file.ome_metadata or "")
    images = root.findall("ome:Image", OME)
    pixels = [image.find("ome:Pixels", OME) for image in images]
    assert len(images) == 2 and all(world.run.id in (image.get("Name") or "") for image in images)
    for of_image, axes in zip(pixels, ("XY", "XYZ"), strict=True):
        assert of_image is not None
        for axis in axes:
            assert float(of_image.get(f"PhysicalSize{axis}", 0)) == world.run.instrument.grid.pixel_um
            assert of_image.get(f"PhysicalSize{axis}Unit") == "µm"
    names = [channel.get("Name") for of_image in pixels for channel in of_image.findall("ome:Channel", OME)]
    assert names == ["transmission", "side_scatter_flat", "side_scatter"]
    said = {entry.get("K"): entry.text for entry in root.iter(f"{{{OME['ome']}}}M")}
    assert said["origin"] == "SIMULATED"
    assert json.loads(said["event_id by T"] or "") == stored(world).column("event_id").to_pylist()[:3]


def test_channels_and_restored_volumes_as_asked(world: World, tmp_path: Path) -> None:
    event = world.first_cell()
    options = ["--event", event, "--channel", "side_scatter", "--restore", "smooth"]
    assert export(world, "ome-tiff", tmp_path / "s.ome.tiff", *options) == 0
    with tifffile.TiffFile(tmp_path / "s.ome.tiff") as file:
        assert len(file.series) == 1 and "restored: smooth" in (file.ome_metadata or "")
        restored = file.series[0].asarray()
    folder = RunFolder.open(run_folder(world))
    measured = folder.image(event, "side_scatter")
    folder.close()
    assert restored.shape == measured.shape and 0 < np.abs(restored - measured).max() < measured.max()


def test_without_its_library_the_sentence_says_what_to_install(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "tifffile", None)
    assert export(world, "ome-tiff", tmp_path / "x.ome.tiff") == 2
    assert "lightline[export]" in capsys.readouterr().err and not list(tmp_path.iterdir())


def test_prepared_cells_are_for_hdf5(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert export(world, "ome-tiff", tmp_path / "x.ome.tiff", "--prepare", 64) == 2
    assert "prepare" in capsys.readouterr().err and not list(tmp_path.iterdir())
