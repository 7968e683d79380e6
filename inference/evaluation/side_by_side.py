"""Maps made in several ways, side by side: whether they agree and lie in the cell, beside what chance would do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict

from inference.engine import Engine
from inference.evaluation.cell_masks import cell_mask, centred_map, share_inside
from inference.evaluation.correlation import mean_of, rank_correlation
from inference.evaluation.faithfulness import areas_of
from inference.evaluation.occlusion import PATCHES
from inference.evaluation.perturbed import patch_means
from inference.evaluation.ways import Way, map_by

Floats = npt.NDArray[np.float32]
_TOP = 0.2
"""Share of the places that counts as what matters most, where overlaps are counted."""
_RANDOM_MAPS = 100


@dataclass(frozen=True)
class CellMaps:
    """One cell's maps for one target, by every way.

    Attributes
    ----------
    images
        By channel, without a batch axis.
    channel
        That the maps lie over.
    target
        Index into the contract's targets.
    maps
        By way, each of its own resolution, not negative.
    """

    images: Mapping[str, Floats]
    channel: str
    target: int
    maps: Mapping[Way, Floats]

    @property
    def image(self) -> Floats:
        """The one that the maps lie over."""
        return self.images[self.channel]

    def on_patches(self) -> dict[Way, Floats]:
        """Return all maps as means over the same patches, `(patches,)` each."""
        across = PATCHES[self.image.ndim]
        return {way: patch_means(raw, self.image.shape, across) for way, raw in self.maps.items()}


class WayScores(BaseModel):
    """How far the maps of one way can be trusted, as means over cells; None where every map is even."""

    model_config = ConfigDict(frozen=True)

    way: Way
    empty: int
    """Cells in which it finds nothing; left out of the rest."""
    inside: float | None
    """Share of the map that lies in the cell."""
    deletion: float | None
    """Area under the target's probability while the most important places are emptied first: small is good."""
    insertion: float | None
    """The same while they come first: large is good."""
    better_than_random: float | None
    """Share of cells in which insertion less deletion is larger than by a random map as coarse."""


class PairScores(BaseModel):
    """How far two ways agree, as means over cells, beside what maps score that have nothing to do with each other."""

    model_config = ConfigDict(frozen=True)

    first: Way
    second: Way
    correlation: float | None
    """Rank correlation, patch by patch."""
    of_random: float | None
    """What 95 of 100 random maps as coarse as the bundle's own stay below, in place of the first."""
    of_another_cell: float | None
    """With the second way's map of another cell of the same target; None of one cell alone."""
    overlap: float | None
    """Share of the most important fifth of the patches that both have; by chance a fifth."""


class MapsSideBySide(BaseModel):
    """Maps of some cells for one target."""

    model_config = ConfigDict(frozen=True)

    target: str
    channel: str
    cells: int
    outlined: int
    """Of those, cells that could be told from what is around them; shares inside are means over these."""
    area: float | None
    """Share of the image that the cell fills: what an even map has inside."""
    inside_of_centre: float | None
    """Share inside of a Gaussian about the middle."""
    ways: tuple[WayScores, ...]
    pairs: tuple[PairScores, ...]


def maps_of_cell(engine: Engine, images: Mapping[str, Floats], channel: str, target: int) -> CellMaps:
    """Return one cell's maps for one target by every way."""
    return CellMaps(images, channel, target, {way: map_by(way, engine, images, channel, target) for way in Way})


def side_by_side(engine: Engine, cells: Sequence[CellMaps], seed: int = 0) -> MapsSideBySide:
    """Compare the maps of one or more cells, all for the same target over the same channel."""
    rng = np.random.default_rng(seed)
    masks = np.stack([cell_mask(cell.image) for cell in cells])
    known = masks.reshape(len(masks), -1).mean(axis=1)
    middle = np.broadcast_to(centred_map(cells[0].image.shape), masks.shape)
    gain = [_gain(*_areas(engine, cell, _random_like(cell, rng), rng)) for cell in cells]
    return MapsSideBySide(
        target=engine.contract.targets[cells[0].target],
        channel=cells[0].channel,
        cells=len(cells),
        outlined=int((known > 0).sum()),
        area=mean_of(known[known > 0]),
        inside_of_centre=mean_of(share_inside(middle, masks)),
        ways=tuple(_way_scores(engine, way, cells, masks, gain, rng) for way in Way),
        pairs=_pair_scores(cells, rng),
    )


def _way_scores(
    engine: Engine,
    way: Way,
    cells: Sequence[CellMaps],
    masks: npt.NDArray[np.bool_],
    gain_of_random: Sequence[float],
    rng: np.random.Generator,
) -> WayScores:
    lit = [i for i, cell in enumerate(cells) if cell.maps[way].any()]
    areas = np.array([_areas(engine, cells[i], cells[i].maps[way], rng) for i in lit]).reshape(-1, 2)
    better = [_gain(*pair) > gain_of_random[i] for pair, i in zip(areas, lit, strict=True)]
    return WayScores(
        way=way,
        empty=len(cells) - len(lit),
        inside=mean_of(share_inside(np.stack([cell.maps[way] for cell in cells]), masks)),
        deletion=mean_of(areas[:, 0]),
        insertion=mean_of(areas[:, 1]),
        better_than_random=mean_of(better),
    )


def _pair_scores(cells: Sequence[CellMaps], rng: np.random.Generator) -> tuple[PairScores, ...]:
    coarse = [cell.on_patches() for cell in cells]
    of_way = {way: np.stack([maps[way] for maps in coarse]) for way in Way}
    across = PATCHES[cells[0].image.ndim]
    noise = [patch_means(_random_like(cells[0], rng), cells[0].image.shape, across) for _ in range(_RANDOM_MAPS)]
    found = []
    for first, second in combinations(Way, 2):
        one, other = of_way[first], of_way[second]
        chance = rank_correlation(np.stack(noise), np.broadcast_to(other[:1], (_RANDOM_MAPS, other.shape[1])))
        found.append(
            PairScores(
                first=first,
                second=second,
                correlation=mean_of(rank_correlation(one, other)),
                of_random=float(np.quantile(chance, 0.95)) if np.isfinite(chance).all() else None,
                of_another_cell=mean_of(rank_correlation(one, np.roll(other, 1, axis=0))) if len(cells) > 1 else None,
                overlap=mean_of([_overlap(*pair, rng) for pair in zip(one, other, strict=True)]),
            )
        )
    return tuple(found)


def _overlap(one: Floats, other: Floats, rng: np.random.Generator) -> float:
    """Return the share of the largest fifth of the places of one that are among those of the other.

    Ties, which are many where a map is zero, are broken by chance.
    """
    if not (np.ptp(one) and np.ptp(other)):
        return np.nan
    top = max(1, round(_TOP * len(one)))
    first, second = (set(np.lexsort((rng.random(len(raw)), -raw))[:top].tolist()) for raw in (one, other))
    return len(first & second) / top


def _areas(engine: Engine, cell: CellMaps, raw: Floats, rng: np.random.Generator) -> tuple[float, float]:
    return areas_of(engine, cell.images, {cell.channel: raw}, cell.target, rng)


def _gain(deletion: float, insertion: float) -> float:
    return insertion - deletion


def _random_like(cell: CellMaps, rng: np.random.Generator) -> Floats:
    return rng.random(cell.maps[Way.GRADIENT].shape, dtype=np.float32)
