"""The phase of a cell over HTTP and in an export: grey in the middle where nothing is, in radians as numbers."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image
from served import World, service_on
from stored_run import make_run

from benchmarks.phase import CONDITIONS, spheres
from reconstruction.transform import transform_for
from service.cli import main
from service.runs.control import RUNS
from service.store.run_folder import RunFolder


@pytest.fixture(scope="module")
def atom(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A service over a run of atom-4g with two spheres, denser and thinner than water."""
    root = tmp_path_factory.mktemp("atom")
    stretch = spheres(CONDITIONS[1], count=2, seed=3)
    run = make_run(root / "other").model_copy(update={"instrument": stretch.setup.instrument})
    folder = RunFolder.create(root / "data" / RUNS, run)
    folder.append_windows(stretch.events)
    folder.append_rejected(transform_for(run.instrument).images(stretch.events))
    folder.seal()
    folder.close()
    with service_on(root / "data", run) as serving:
        yield serving


def grey(world: World, event_id: int, channel: str, **params: object) -> np.ndarray:
    answer = world.client.get(f"{world.cells}/{event_id}/channels/{channel}.png", params=params)
    assert answer.status_code == 200, answer.text
    return np.asarray(Image.open(io.BytesIO(answer.content)), dtype=float)


def test_empty_is_middle_grey_and_the_sign_is_seen(atom: World) -> None:
    for event_id, brighter in ((1, True), (2, False)):
        picture = grey(atom, event_id, channel="phase")
        assert np.median(picture[:4]) == pytest.approx(127.5, abs=8)
        middle = picture[36:44].max() if brighter else picture[36:44].min()
        assert middle > 220 if brighter else middle < 35
        assert np.median(grey(atom, event_id, channel="gradient_x")) == pytest.approx(127.5, abs=8)


def test_limits_that_are_asked_for_are_taken(atom: World) -> None:
    assert np.median(grey(atom, 1, channel="phase", low=0.0, high=2.0)[:4]) < 10
    assert grey(atom, 1, channel="phase", low=-100.0, high=100.0).std() < 2
    # One limit alone leaves the other to the image.
    assert grey(atom, 1, channel="phase", low=0.5).max() == 255


def test_numbers_are_radians_and_say_so(atom: World) -> None:
    cell = atom.client.get(f"{atom.cells}/1").json()
    units = {channel["name"]: (channel["kind"], channel["unit"]) for channel in cell["channels"]}
    assert units["brightfield"] == units["absorption"] == ("image", "empty beam")
    assert units["gradient_y"] == ("image", "rad/µm") and units["phase"] == ("image", "rad")
    link = next(channel["npy"] for channel in cell["channels"] if channel["name"] == "phase")
    phase = np.load(io.BytesIO(atom.client.get(link).content), allow_pickle=False)
    assert phase.max() == pytest.approx(2 * np.pi / 1.064 * 0.3, rel=0.1)


def test_an_export_holds_the_phase(atom: World, tmp_path: Path) -> None:
    out = tmp_path / "phase.h5"
    with pytest.raises(SystemExit) as ended:
        folder = atom.data / RUNS / atom.run.id
        main(
            ["export", str(folder), "--format", "hdf5", "--event", "1", "--channel", "phase", "--out", str(out)],
            "lightline",
        )
    assert not ended.value.code
    with h5py.File(out) as file:
        assert list(file["images"]) == ["phase"]
        assert file["images/phase"].shape == (1, 80, 80) and float(file["images/phase"][:].min()) < 0.0
