"""Textured sprites: drawn images of which every factor is known, after Texture-dSprites (Dapueto et al., NeurIPS 2024).

A sprite is a dark square, ellipse or heart on an empty background, of one of five drawn textures; it needs neither the
archive of dSprites nor photographs of textures. No instrument took it, and it is no cell.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product

import numpy as np
import numpy.typing as npt
from scipy.ndimage import gaussian_filter

from acquisition.origin import Origin
from inference.errors import TrainingError
from inference.training.data import TrainingSet
from inference.training.stacks import kept_images

Floats = npt.NDArray[np.float64]

CHANNEL, KIND = "transmission", "sprites"
EDGE = 80
"""Of an image, pixels."""
SHAPES = ("square", "ellipse", "heart")
TEXTURES = ("even", "clouds", "checks", "stripes", "grains")
"""From coarse to fine; all are as dark in the mean."""
FACTORS = ("shape", "scale_px", "orientation_deg", "x_px", "y_px", "texture")
"""Shape and texture are places in the lists above."""
FAMILY = 2 ** len(FACTORS)
"""Sprites that follow each other, of two values of every factor in all combinations."""

_RANGES = {"scale_px": (10.0, 20.0), "orientation_deg": (0.0, 60.0), "x_px": (-14.0, 14.0), "y_px": (-14.0, 14.0)}
"""A square looks the same again after 90 degrees, so that these stay well below."""
_DARKNESS, _RELIEF, _NOISE = 0.6, 0.2, 0.02


def draw_sprites(place: str, sprites: int, *, factors: Sequence[str] = (), pool: int = 1, seed: int = 0) -> TrainingSet:
    """Draw one run of sprites, whole families of them, labelled with their shapes.

    In a family every sprite has partners that differ from it in one factor alone, whichever it is.

    Parameters
    ----------
    place
        Name of the run.
    sprites
        The most; at least one family is drawn.
    factors
        Of `FACTORS`, those whose values are told.
    pool
        Edge of the squares of pixels whose means are kept.

    Raises
    ------
    TrainingError
        If there is no such factor.
    """
    for name in factors:
        if name not in FACTORS:
            raise TrainingError(f"Sprites have no factor '{name}'; use --factor with {', '.join(FACTORS)}.")
    rng = np.random.default_rng(seed)
    known = [_family(rng) for _ in range(max(1, sprites // FAMILY))]
    columns = {name: np.concatenate([family[name] for family in known]) for name in FACTORS}
    rows = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    images = np.stack([_drawn(row, rng) for row in rows])
    return TrainingSet(
        images={CHANNEL: kept_images(images, pool)},
        pool={CHANNEL: pool},
        label=np.full(len(rows), -1, dtype=np.int32),
        label_names=(),
        run=np.zeros(len(rows), dtype=np.int32),
        run_names=(place,),
        pixel_um=None,
        instrument_kind=KIND,
        origin=Origin.SIMULATED,
        factors={name: columns[name] for name in factors},
    ).labelled([SHAPES[int(row["shape"])] for row in rows])


def _family(rng: np.random.Generator) -> dict[str, Floats]:
    """Return the factors of one family, `(FAMILY,)` each."""
    pairs: dict[str, Floats] = {
        "shape": rng.choice(len(SHAPES), 2, replace=False).astype(np.float64),
        **{name: rng.uniform(*ends, 2) for name, ends in _RANGES.items()},
        "texture": rng.choice(len(TEXTURES), 2, replace=False).astype(np.float64),
    }
    each = np.array(list(product(*(pairs[name] for name in FACTORS))))
    return dict(zip(FACTORS, each.T, strict=True))


def _drawn(factors: Mapping[str, float], rng: np.random.Generator) -> npt.NDArray[np.float32]:
    """Return one image `(EDGE, EDGE)`, 1 where it is empty."""
    down, across = np.mgrid[0:EDGE, 0:EDGE] - (EDGE - 1) / 2
    turn = np.deg2rad(factors["orientation_deg"])
    x, y = across - factors["x_px"], down - factors["y_px"]
    u = (x * np.cos(turn) + y * np.sin(turn)) / factors["scale_px"]
    v = (y * np.cos(turn) - x * np.sin(turn)) / factors["scale_px"]
    inside = _INSIDE[SHAPES[int(factors["shape"])]](u, v)
    dark = _DARKNESS + _RELIEF * _TEXTURES[TEXTURES[int(factors["texture"])]](x, y, rng)
    return (1 - inside * dark + rng.normal(0, _NOISE, inside.shape)).astype(np.float32)


def _relief(noise: Floats, width_px: float) -> Floats:
    """Return noise of one coarseness, of mean 0 and unit spread."""
    smooth = gaussian_filter(noise, width_px, mode="wrap")
    return np.asarray((smooth - smooth.mean()) / smooth.std())


_INSIDE: Mapping[str, Callable[[Floats, Floats], npt.NDArray[np.bool_]]] = {
    "square": lambda u, v: np.maximum(np.abs(u), np.abs(v)) < 0.8,
    "ellipse": lambda u, v: u**2 + (v / 0.6) ** 2 < 1,
    "heart": lambda u, v: ((1.2 * u) ** 2 + (1.2 * v) ** 2 - 1) ** 3 + (1.2 * u) ** 2 * (1.2 * v) ** 3 < 0,
}
_TEXTURES: Mapping[str, Callable[[Floats, Floats, np.random.Generator], Floats]] = {
    "even": lambda x, _y, _rng: np.zeros_like(x),
    "clouds": lambda x, _y, rng: _relief(rng.standard_normal(x.shape), 5.0),
    "checks": lambda x, y, _rng: np.sign(np.sin(np.pi * x / 7) * np.sin(np.pi * y / 7)),
    "stripes": lambda x, y, _rng: np.sqrt(2) * np.sin(2 * np.pi * (x + y) / 9),
    "grains": lambda x, _y, rng: _relief(rng.standard_normal(x.shape), 1.2),
}
