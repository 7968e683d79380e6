"""Who asks for the offline image of lines gets it into a file, and who asks for what lines cannot have is told."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from stored_run import make_run

from acquisition.detection import detector_for
from acquisition.event import Event
from acquisition.instrument import Instrument
from acquisition.source import blocks, open_source
from reconstruction.time_stretch.masked_warp import masked_warp
from reconstruction.time_stretch.views import views_of
from service.cli import main
from service.store.run_folder import RunFolder


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Instrument, Event]:
    """Folder of a run of simulated lines with one event, kept as a raw window."""
    root = tmp_path_factory.mktemp("runs")
    about = make_run(root / "other")
    with open_source("sim:stretch-ci?cells=2&seed=4&rate=200") as source:
        detector, instrument = detector_for(source.instrument), source.instrument
        events = [event for block in blocks(source) for event in detector.push(block)] + detector.flush()
    folder = RunFolder.create(root, about.model_copy(update={"instrument": instrument}))
    folder.append_windows(events)
    folder.seal()
    folder.close()
    return root / about.id, instrument, events[0]


def export(folder: Path, out: Path, *options: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["export", str(folder), "--format", "hdf5", "--event", "1", "--out", str(out), *options], "lightline")
    return int(ended.value.code or 0)


def test_an_export_holds_the_offline_image_beside_the_streaming_one(
    lines: tuple[Path, Instrument, Event], tmp_path: Path
) -> None:
    folder, instrument, event = lines
    assert export(folder, tmp_path / "streaming.h5") == 0
    assert export(folder, tmp_path / "offline.h5", "--restore", "masked_warp") == 0
    with h5py.File(tmp_path / "streaming.h5") as streaming, h5py.File(tmp_path / "offline.h5") as offline:
        assert streaming.attrs["restored"] == "none" and offline.attrs["restored"] == "masked_warp"
        (name, *_) = offline["images"]
        image = offline["images"][name][0]
        assert np.array_equal(image, masked_warp(event, instrument, views_of(instrument)[0]))
        # The same cell in the same place, with less grain.
        other = streaming["images"][name][0]
        assert np.corrcoef(image.ravel(), other.ravel())[0, 1] > 0.8
        assert np.abs(np.diff(image, axis=0)).sum() < np.abs(np.diff(other, axis=0)).sum()


def test_what_lines_do_not_offer_is_one_sentence(
    lines: tuple[Path, Instrument, Event], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export(lines[0], tmp_path / "x.h5", "--restore", "wiener") == 2
    said = capsys.readouterr().err.strip().splitlines()[-1]
    assert "'wiener' is not for" in said and "this instrument offers masked_warp for" in said
    assert not (tmp_path / "x.h5").exists()
