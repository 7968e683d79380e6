"""What studies of real images print is made by these: a leak or a wrong mean here would be believed."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.frozen import Classifier, few_labels, linear
from benchmarks.left_out import Seen, areas, each_left_out
from inference.training.options import Learning, TrainingOptions

OPTIONS = TrainingOptions(learning=Learning.LABELS, axes=3, clusters=3)


def clouds(n: int, seed: int, apart: float) -> tuple[np.ndarray, np.ndarray]:
    """Latents `(n, 6)` of three classes, so far apart in spreads of one, on axes of very different loudness."""
    label = (np.arange(n) % 3).astype(np.int32)
    latent = np.random.default_rng(seed).normal(size=(n, 6)) + apart * np.eye(3, 6)[label]
    return latent * (1.0, 1.0, 1.0, 0.1, 10.0, 1.0), label


def test_more_labels_tell_classes_better_and_none_of_the_judged_are_learnt_from() -> None:
    seen, label = clouds(300, 1, 3.0)
    new, truth = clouds(300, 2, 3.0)
    few, _ = few_labels(seen, label, new, truth, 1, Classifier.LINEAR)
    many, spread = few_labels(seen, label, new, truth, 20, Classifier.LINEAR)
    assert 0.4 < few < many < 1.0 and 0 < spread < 0.05
    assert linear(seen, label, new, truth) >= many
    noise = np.random.default_rng(3).permutation(truth)
    assert few_labels(seen, label, new, noise, 20, Classifier.NEAREST)[0] == pytest.approx(1 / 3, abs=0.05)


def test_a_class_that_is_left_out_is_novel_only_where_it_lies_apart() -> None:
    found = {}
    for apart in (0.0, 6.0):
        (learnt, label), (judged, truth) = clouds(300, 4, apart), clouds(300, 5, apart)
        found[apart] = areas(Seen(learnt, label, judged, truth), 0, OPTIONS)
    assert found[6.0]["neighbours"] > 0.9
    assert found[0.0]["neighbours"] == pytest.approx(0.5, abs=0.08)


def test_the_mean_is_that_of_the_classes() -> None:
    (learnt, label), (judged, truth) = clouds(300, 6, 3.0), clouds(300, 7, 3.0)
    seen = Seen(learnt, label, judged, truth)
    lines = list(each_left_out("left out", ("a", "b", "c"), lambda _: seen, OPTIONS))
    assert lines[0].startswith("| left out | mixture | neighbours | relative |")
    column = [float(line.split("|")[3]) for line in lines[1:]]
    assert len(column) == 4 and column[-1] == pytest.approx(np.mean(column[:-1]), abs=1e-3)
