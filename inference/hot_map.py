"""Hot maps of paper C: what becomes of an answer while a square of the cell's image is covered.

Meng et al., IEEE JBHI 2018, call it reverse probability: each covered place takes the probability that is answered
while it is covered, so that what is low matters. All covered images go through the live graph in its own batches; no
gradient is asked for, so that it works for any bundle, whoever exported it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt

from inference.engine import Engine
from inference.errors import AnswerError
from inference.targets import ARGMAX

Floats = npt.NDArray[np.float32]

SIDES = 5
"""How many covers side by side span an image; each next one lies half a cover further."""
_BATCH = 64


@dataclass(frozen=True)
class HotMap:
    """What covering did to the probability of one target of one cell.

    Attributes
    ----------
    target
        Index into the contract's targets, or of a cluster into its clusters.
    uncovered
        Its probability by the whole image.
    probability
        As many axes as the image, float32: for each place, its mean probability over the covers that hide it. Low is
        important.
    """

    target: int
    uncovered: float
    probability: Floats

    @property
    def evidence(self) -> Floats:
        """How much of the probability each place carries, not negative: high is important."""
        return np.asarray(np.maximum(np.float32(self.uncovered) - self.probability, 0), dtype=np.float32)


def hot_map(
    engine: Engine,
    images: Mapping[str, npt.ArrayLike],
    channel: str,
    target: int = ARGMAX,
    *,
    clusters: bool = False,
    side: int | None = None,
) -> HotMap:
    """Cover one cell's image square by square, and watch the probability of a target.

    Parameters
    ----------
    images
        By channel, one cell's, without a batch axis. Covered is what has the value of an empty place: 1 in a flat
        image, 0 in a volume.
    channel
        Which of them is covered; the others stay as they are.
    target
        Index into the contract's targets; -1 for what the whole images are most likely taken for.
    clusters
        Whether it is a cluster by the mixture itself.
    side
        Of the cover, pixels; without it, a fifth of each edge of the image.

    Raises
    ------
    AnswerError
        If a channel is missing or has another shape, or there is no such target or side.
    """
    cell = {name: np.asarray(image, dtype=np.float32) for name, image in images.items()}
    if channel not in cell:
        raise AnswerError(f"There are no images of '{channel}' to cover; use one of {', '.join(cell)}.")
    names = engine.contract.clusters if clusters else engine.contract.targets
    if not ARGMAX <= target < len(names):
        raise AnswerError(f"There is no such target: use 0 to {len(names) - 1} ({', '.join(names)}), or -1.")
    whole = _probabilities(engine, {name: image[None] for name, image in cell.items()}, clusters)[0]
    chosen = int(whole.argmax()) if target == ARGMAX else target
    places = covers(cell[channel].shape, side)
    total, times = np.zeros(cell[channel].shape), np.zeros(cell[channel].shape)
    for some, covered in _covered(cell, channel, places):
        answered = _probabilities(engine, covered, clusters)[:, chosen]
        for place, probability in zip(some, answered.tolist(), strict=True):
            total[place] += probability
            times[place] += 1
    return HotMap(chosen, float(whole[chosen]), (total / times).astype(np.float32))


def covers(shape: tuple[int, ...], side: int | None = None) -> list[tuple[slice, ...]]:
    """Return the squares, or cubes, that cover an image one after the other, in C order; together they hide all of it.

    Raises
    ------
    AnswerError
        If the side is below 1 pixel.
    """
    if side is not None and side < 1:
        raise AnswerError("A cover must be at least one pixel wide.")
    along = []
    for size in shape:
        edge = min(size, side or -(-size // SIDES))
        starts = [*range(0, size - edge, max(1, edge // 2)), size - edge]
        along.append([slice(start, start + edge) for start in starts])
    return list(product(*along))


def _covered(
    cell: Mapping[str, Floats], channel: str, places: list[tuple[slice, ...]]
) -> Iterator[tuple[list[tuple[slice, ...]], dict[str, Floats]]]:
    """Give some places at a time, with the cell's images once for each, that place covered."""
    empty = np.float32(1.0 if cell[channel].ndim == 2 else 0.0)
    for at in range(0, len(places), _BATCH):
        some = places[at : at + _BATCH]
        images = {name: np.repeat(image[None], len(some), axis=0) for name, image in cell.items()}
        for row, place in zip(images[channel], some, strict=True):
            row[place] = empty
        yield some, images


def _probabilities(engine: Engine, images: Mapping[str, Floats], clusters: bool) -> npt.NDArray[np.float64]:
    """Return the probability `(n, k)` of every target; those of a bundle without classes are its clusters."""
    rows = len(next(iter(images.values())))
    answers = engine.answer_arrays(np.zeros(rows, dtype=np.uint64), images)
    by_class = bool(engine.contract.classes) and not clusters
    found = answers.class_probability if by_class else answers.cluster_posterior
    return np.asarray(found, dtype=np.float64)
