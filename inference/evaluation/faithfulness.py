"""Whether the places that a map names are those that the answer hangs on, through the engine alone.

Deletion and insertion after Petsiuk et al. 2018 (RISE), occlusion after Zeiler and Fergus 2014. They show images that
no instrument makes, and look at the order of a map's values alone; each stands beside an order that knows nothing of
the cell.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from inference.engine import Explanation
from inference.evaluation.cell_masks import cell_mask, centred_map, contrast, share_inside
from inference.evaluation.correlation import mean_of, rank_correlation, row_correlation
from inference.evaluation.explainer import Explainer
from inference.evaluation.occlusion import PATCHES, as_maps, lost_by_emptying, probability
from inference.evaluation.perturbed import deleted, inserted, moved, patch_means, places_in_order
from inference.saliency import upsample_map

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

STEPS = 16
"""Shares of the image that are deleted or inserted, beside none."""


@dataclass(frozen=True)
class Explained:
    """Cells with their maps for what the bundle finds most likely.

    Attributes
    ----------
    images
        By channel, `(n, ...)` float32.
    explanation
        Of the same cells.
    """

    images: Mapping[str, Floats]
    explanation: Explanation

    def __len__(self) -> int:
        return len(self.explanation)

    def cell(self, i: int) -> dict[str, Floats]:
        """Return one cell's images."""
        return {name: stack[i] for name, stack in self.images.items()}


class OrderScore(BaseModel):
    """Areas under the curves of the target's probability, over the share of the image, in one order of its places."""

    model_config = ConfigDict(frozen=True)

    order: str
    """By the model's own map; by a random map as coarse as it; from the middle outwards; or by contrast, that is by how
    far each place is from empty."""
    deletion: float
    """Where the most important places go first: small is good."""
    insertion: float
    """Where they come first: large is good."""
    beaten: float | None
    """Share of cells in which insertion minus deletion is larger by the model's own map."""


class MapScores(BaseModel):
    """What is measured of the maps over one channel; None where no map of the cells is anything but even."""

    model_config = ConfigDict(frozen=True)

    occlusion: float | None
    """Mean rank correlation with how much making each patch empty lowers the target's log probability."""
    occlusion_of_centre: float | None
    """The same of a Gaussian about the middle."""
    occlusion_inside: float | None
    """Mean share, inside the cell, of what emptying patches loses: whether the answer itself hangs on the cell."""
    moved: float | None
    """Mean correlation with the map of the cell moved by one pixel, moved back."""
    inside: float | None
    """Mean share of the map that lies in the cell."""
    area: float | None
    """Mean share of the image that the cell fills: what an even map would have."""
    inside_of_centre: float | None
    """Share inside of a Gaussian about the middle."""


def order_scores(engine: Explainer, cells: Explained, seed: int) -> tuple[OrderScore, ...]:
    """Delete and insert the places of every cell by its own maps, and in orders that no model is asked for."""
    rng = np.random.default_rng(seed)
    areas: dict[str, list[tuple[float, float]]] = {}
    for i in range(len(cells)):
        own = {name: stack[i] for name, stack in cells.explanation.maps.items()}
        orders = {
            "own map": own,
            "random map": {name: rng.random(raw.shape, dtype=np.float32) for name, raw in own.items()},
            "from the middle": {name: centred_map(cells.images[name].shape[1:]) for name in own},
            "by contrast": {name: contrast(cells.images[name][i]) for name in own},
        }
        for name, maps in orders.items():
            areas.setdefault(name, []).append(
                areas_of(engine, cells.cell(i), maps, int(cells.explanation.target[i]), rng)
            )
    found = {name: np.array(pairs) for name, pairs in areas.items()}
    gain = {name: pairs[:, 1] - pairs[:, 0] for name, pairs in found.items()}
    return tuple(
        OrderScore(
            order=name,
            deletion=float(pairs[:, 0].mean()),
            insertion=float(pairs[:, 1].mean()),
            beaten=None if name == "own map" else float((gain["own map"] > gain[name]).mean()),
        )
        for name, pairs in found.items()
    )


def areas_of(
    engine: Explainer, images: Mapping[str, Floats], maps: Mapping[str, Floats], target: int, rng: np.random.Generator
) -> tuple[float, float]:
    """Return the areas under one cell's curves of deletion and insertion; channels without a map stay as they are."""
    shares = np.linspace(0, 1, STEPS + 1)
    places = {name: places_in_order(raw, images[name].shape, rng) for name, raw in maps.items()}
    found = []
    for change in (deleted, inserted):
        changed = {
            name: change(image, places[name], shares) if name in places else np.repeat(image[None], len(shares), axis=0)
            for name, image in images.items()
        }
        found.append(float(np.trapezoid(probability(engine, changed, target), shares)))
    return found[0], found[1]


def map_scores(engine: Explainer, cells: Explained) -> dict[str, MapScores]:
    """Measure the maps over every channel."""
    return {name: _channel_scores(engine, cells, name) for name in cells.explanation.maps}


def _channel_scores(engine: Explainer, cells: Explained, channel: str) -> MapScores:
    stack, maps = cells.images[channel], cells.explanation.maps[channel]
    shape, across = stack.shape[1:], PATCHES[stack.ndim - 1]
    targets = cells.explanation.target.tolist()
    drops = np.stack([lost_by_emptying(engine, cells.cell(i), channel, target) for i, target in enumerate(targets)])
    coarse = np.stack([patch_means(raw, shape, across) for raw in maps])
    middle = centred_map(shape)
    centres = np.broadcast_to(patch_means(middle, shape, across), coarse.shape)
    masks = np.stack([cell_mask(image) for image in stack])
    known = masks.reshape(len(masks), -1).mean(axis=1)
    return MapScores(
        occlusion=mean_of(rank_correlation(coarse, drops)),
        occlusion_of_centre=mean_of(rank_correlation(centres, drops)),
        occlusion_inside=mean_of(share_inside(as_maps(drops, stack.ndim - 1), masks)),
        moved=mean_of(_steadiness(engine, cells, channel)),
        inside=mean_of(share_inside(maps, masks)),
        area=mean_of(known[known > 0]),
        inside_of_centre=mean_of(share_inside(np.broadcast_to(middle, stack.shape), masks)),
    )


def _steadiness(engine: Explainer, cells: Explained, channel: str) -> Doubles:
    """Correlate maps with those of one channel moved by one pixel along each of its axes, either way, moved back."""
    stack, maps = cells.images[channel], cells.explanation.maps[channel]
    found = []
    for axis, step in product(range(stack.ndim - 1), (-1, 1)):
        images = {**cells.images, channel: moved(stack, axis, step)}
        again = engine.explain(images, cells.explanation.target).maps[channel]
        for old, new in zip(maps, again, strict=True):
            here, there = (upsample_map(raw, stack.shape[1:])[None] for raw in (old, new))
            found.append(row_correlation(here, moved(there, axis, -step)))
    return np.concatenate(found)
