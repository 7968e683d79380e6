"""Who cuts large images must never judge a model by pixels that it learnt from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from acquisition.errors import ConfigError
from acquisition.real_images import PatchedImages, open_real_images


def collection(folder: Path, images: int, table: str = "") -> Path:
    """Images of 40 x 50 pixels, each of whose pixels has the number of its image as light."""
    for k in range(images):
        Image.fromarray(np.full((40, 50), k + 1, np.uint8)).save(folder / f"{k:02}.png")
    if table:
        (folder / "labels.csv").write_text(table)
    return folder


@pytest.mark.parametrize(("step", "count"), [(16, 2 * 3), (8, 4 * 5), (20, 2 * 2)])
def test_squares_of_an_image_are_of_one_run_whether_they_overlap_or_not(tmp_path: Path, step: int, count: int) -> None:
    cut = PatchedImages(open_real_images(collection(tmp_path, 7)), 16, step)
    assert len(cut.labels) == 7 * count
    run_of_image: dict[float, set[str]] = {}
    for index, run in enumerate(cut.runs):
        image = cut.read(index).transmission
        assert image is not None and image.shape == (16, 16) and np.ptp(image) == 0
        run_of_image.setdefault(float(image[0, 0]), set()).add(run)
    assert all(len(runs) == 1 for runs in run_of_image.values()) and len(run_of_image) == 7
    assert len(set(cut.runs)) == 5


def test_squares_have_what_is_said_of_their_image(tmp_path: Path) -> None:
    rows = [
        f"{k:02}.png,{'ab'[k % 2]},{'train' if k < 2 else 'test'},donor {k // 2},{'big' if k else ''}" for k in range(4)
    ]
    cut = PatchedImages(
        open_real_images(collection(tmp_path, 4, "\n".join(["file,class,split,donor,size", *rows]))), 25, 25
    )
    assert cut.labels == ["a", "a", "b", "b"] * 2
    assert cut.splits == ["train"] * 4 + ["test"] * 4 and cut.runs == ["donor 0"] * 4 + ["donor 1"] * 4
    assert cut.facts["size"] == ["", ""] + ["big"] * 6


def test_a_donor_in_two_splits_and_an_image_that_is_too_small_are_refused(tmp_path: Path) -> None:
    rows = [f"{k:02}.png,a,{'train' if k else 'test'},one" for k in range(2)]
    cells = open_real_images(collection(tmp_path, 2, "\n".join(["file,class,split,donor", *rows])))
    with pytest.raises(ConfigError, match="held out together"):
        PatchedImages(cells, 16, 16)
    (tmp_path / "labels.csv").unlink()
    with pytest.raises(ConfigError, match="smaller than 41"):
        PatchedImages(open_real_images(tmp_path), 41, 41)
