"""What a model learns from: cells alone, whole runs held out, files that cannot carry code."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from toy_cells import CHANNEL, KINDS, QUICK, VOLUME, draw_images, draw_set

from acquisition.origin import Origin
from inference.errors import TrainingError
from inference.training.data import UNLABELLED, TrainingSet
from inference.training.options import TrainingOptions
from inference.training.set_archive import FORMAT
from inference.training.split import split_by_run


def test_rejected_events_are_not_learnt() -> None:
    images, labels = draw_images(40, seed=1)
    cells = TrainingSet.from_images(images, labels, "run", instrument_kind="light_sheet", origin=Origin.SIMULATED)
    np.testing.assert_array_equal(cells.images[CHANNEL], images.images[CHANNEL][images.is_cell])
    assert len(cells) == 36
    assert [cells.label_names[i] for i in cells.label] == [labels[i] for i in np.flatnonzero(images.is_cell)]
    assert (cells.channels, cells.pixel_um, cells.origin) == ((CHANNEL,), 0.25, Origin.SIMULATED)


def test_of_volumes_the_means_over_cubes_are_kept() -> None:
    images, labels = draw_images(8, seed=1)
    cells = TrainingSet.from_images(
        images, labels, "run", instrument_kind="light_sheet", origin=Origin.SIMULATED, channels=(CHANNEL, VOLUME),
        volume_pool=2,
    )  # fmt: skip
    corner = images.images[VOLUME][0, 14:16, 14:16, 14:16].mean()
    assert cells.grid == ((CHANNEL, (80, 80), 1), (VOLUME, (16, 16, 16), 2))
    assert cells.images[VOLUME][0, 7, 7, 7] == pytest.approx(corner, rel=1e-3)
    given = cells.as_given(slice(2, 4))
    assert given[VOLUME].shape == (2, 32, 32, 32) and given[VOLUME].dtype == np.float32
    np.testing.assert_array_equal(given[VOLUME][:, 1::2, ::2, 1::2], cells.images[VOLUME][2:4])
    np.testing.assert_array_equal(given[CHANNEL], cells.images[CHANNEL][2:4])


def test_unknown_labels_stay_unknown() -> None:
    images, labels = draw_images(12, seed=1)
    some = [label if i % 2 else "" for i, label in enumerate(labels)]
    cells = TrainingSet.from_images(images, some, "run", instrument_kind="light_sheet", origin=Origin.SIMULATED)
    assert (cells.label == UNLABELLED).sum() == 6
    assert not draw_set(12, 1, labelled=False).is_labelled.any()


def test_joined_sets_match_runs_and_classes_by_name() -> None:
    images, _ = draw_images(10, seed=2)
    other = TrainingSet.from_images(
        images, ["zebra"] * 10, "run b", instrument_kind="light_sheet", origin=Origin.MEASURED
    )
    joined = TrainingSet.concatenate([draw_set(10, 1), other, draw_set(10, 1)])
    assert joined.label_names == (*sorted(KINDS), "zebra")
    assert joined.run_names == ("toy:1", "run b")
    assert joined.origin is Origin.SIMULATED
    assert (joined.label[9:18] == 3).all()
    assert joined.run.tolist() == [0] * 9 + [1] * 9 + [0] * 9


def test_a_set_is_saved_and_read_back_the_same(tmp_path: Path) -> None:
    cells = draw_set(12, 3, channels=(CHANNEL, VOLUME))
    cells.save(tmp_path / "set.npz")
    again = TrainingSet.load(tmp_path / "set.npz")
    for name, stack in cells.images.items():
        np.testing.assert_array_equal(again.images[name], stack)
    np.testing.assert_array_equal(again.label, cells.label)
    assert (again.label_names, again.run_names, again.grid) == (cells.label_names, cells.run_names, cells.grid)


def test_a_pickle_in_a_set_is_never_opened(tmp_path: Path) -> None:
    file = tmp_path / "set.npz"
    hostile = np.array([pickle.dumps(print), object()], dtype=object)
    np.savez(file, format=np.array(FORMAT), channels=np.array(["a"]), pool=np.array([1]), **{"images/a": hostile})
    with pytest.raises(TrainingError, match="is not a Lightline training set"):
        TrainingSet.load(file)


@pytest.mark.parametrize("content", [b"", b"text", b"PK\x03\x04 broken"])
def test_what_is_no_set_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "set.npz"
    file.write_bytes(content)
    with pytest.raises(TrainingError, match="is not a Lightline training set"):
        TrainingSet.load(file)
    with pytest.raises(TrainingError, match="There is no training set"):
        TrainingSet.load(tmp_path / "none.npz")


def test_an_unknown_channel_is_refused() -> None:
    images, labels = draw_images(4, seed=1)
    with pytest.raises(TrainingError, match="use one of transmission, side_scatter"):
        TrainingSet.from_images(
            images, labels, "run", instrument_kind="light_sheet", origin=Origin.SIMULATED, channels=("line",)
        )


def test_sets_that_do_not_belong_together_are_not_joined() -> None:
    cells = draw_set(10, 1)
    with pytest.raises(TrainingError, match="differ in channel"):
        TrainingSet.concatenate([cells, replace(cells, pixel_um=0.5)])
    with pytest.raises(TrainingError, match="nothing to train from"):
        TrainingSet.concatenate([])


def test_images_with_missing_values_are_refused() -> None:
    cells = draw_set(10, 1)
    broken = cells.images[CHANNEL].copy()
    broken[0, 0, 0] = np.nan
    with pytest.raises(TrainingError, match="not finite"):
        replace(cells, images={CHANNEL: broken})


def test_no_run_is_on_two_sides_of_the_split(toy_set: TrainingSet) -> None:
    split = split_by_run(toy_set, QUICK)
    assert split.train.run_names == ("toy:1", "toy:2")
    assert split.validation.run_names == ("toy:3",)
    assert split.test.run_names == ("toy:4",)
    assert len(split.train) + len(split.validation) + len(split.test) == len(toy_set)


def test_with_two_runs_the_second_is_held_out_for_both() -> None:
    split = split_by_run(TrainingSet.concatenate([draw_set(60, 1), draw_set(60, 2)]), QUICK)
    assert split.train.run_names == ("toy:1",)
    assert split.validation.run_names == split.test.run_names == ("toy:2",)


def test_runs_can_be_chosen(toy_set: TrainingSet) -> None:
    split = split_by_run(toy_set, replace(QUICK, test_run="toy:1", validation_run="toy:2"))
    assert split.train.run_names == ("toy:3", "toy:4")
    with pytest.raises(TrainingError, match="There is no run 'toy:9'"):
        split_by_run(toy_set, replace(QUICK, test_run="toy:9"))


def test_a_single_run_cannot_be_trained_on() -> None:
    with pytest.raises(TrainingError, match="at least two runs"):
        split_by_run(draw_set(60, 1), QUICK)


def test_a_run_too_small_to_measure_on_is_refused() -> None:
    with pytest.raises(TrainingError, match="hold only 9 cells"):
        split_by_run(TrainingSet.concatenate([draw_set(60, 1), draw_set(10, 2)]), QUICK)


def test_a_class_that_only_a_held_out_run_has_is_refused() -> None:
    images, _ = draw_images(60, seed=2)
    other = TrainingSet.from_images(
        images, ["zebra"] * 60, "last", instrument_kind="light_sheet", origin=Origin.SIMULATED
    )
    with pytest.raises(TrainingError, match="'zebra', which no training run has"):
        split_by_run(TrainingSet.concatenate([draw_set(60, 1), other]), QUICK)


@pytest.mark.parametrize(
    "wrong",
    [{"epochs": 0}, {"latent": 1}, {"widths": ()}, {"learning_rate": 0.0}, {"false_reject_rate": 1.0}, {"seed": -1}],
)
def test_options_that_make_no_sense_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(TrainingError, match=next(iter(wrong))):
        TrainingOptions(**wrong)
