"""Toy cells to learn from: textured ellipses of three kinds, for tests alone."""

from __future__ import annotations

import numpy as np

from acquisition.origin import Origin
from inference.training.data import TrainingSet
from inference.training.options import TrainingOptions
from reconstruction.images import CellImages, Rejection
from reconstruction.speed import SpeedSource

KINDS = ("dark", "ring", "spotted")
CHANNEL, VOLUME = "transmission", "side_scatter"
QUICK = TrainingOptions(
    name="toy",
    command="pytest",
    latent=6,
    widths=(4, 6, 8, 8),
    volume_widths=(4, 6, 8),
    epochs=4,
    head_epochs=40,
    batch=32,
    progress=False,
)


def draw_cell(kind: str, rng: np.random.Generator) -> np.ndarray:
    """One 80 x 80 transmission image of an ellipse: 1 is the empty background."""
    y, x = np.mgrid[0:80, 0:80] - 39.5
    angle, ratio = rng.uniform(0, np.pi), rng.uniform(0.9, 1.1)
    size = {"dark": 12.0, "ring": 20.0, "spotted": 26.0}[kind] * rng.uniform(0.94, 1.06)
    along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    radius = np.hypot(along * ratio, across / ratio) / size
    inside = 1 / (1 + np.exp((radius - 1) * 20))
    pattern = {"dark": 0.5, "ring": 0.5 * np.exp(-(((radius - 0.9) / 0.12) ** 2)), "spotted": 0.2}[kind]
    if kind == "spotted":
        pattern = pattern + 0.2 * (np.sin(x * 0.9 + angle) * np.sin(y * 0.9) > 0.3)
    return (1 - inside * pattern + rng.normal(0, 0.02, (80, 80))).astype(np.float32)


def draw_volume(kind: str, rng: np.random.Generator) -> np.ndarray:
    """One 32 x 32 x 32 volume of a ball's light, in counts: 0 where nothing is."""
    radius = np.sqrt(((np.mgrid[0:32, 0:32, 0:32] - 15.5) ** 2).sum(axis=0))
    size = {"dark": 5.0, "ring": 8.0, "spotted": 11.0}[kind] * rng.uniform(0.94, 1.06)
    light = {"dark": 900.0, "ring": 300.0, "spotted": 600.0}[kind] / (1 + np.exp(2 * (radius - size)))
    return np.asarray(rng.poisson(light) + rng.normal(0, 5, light.shape), dtype=np.float32)


def draw_images(n: int, seed: int) -> tuple[CellImages, list[str]]:
    """`n` events with their kinds; every tenth is rejected."""
    rng = np.random.default_rng(seed)
    labels = [KINDS[i % 3] for i in range(n)]
    stack = np.stack([draw_cell(kind, rng) for kind in labels])
    volumes = np.stack([draw_volume(kind, rng) for kind in labels])
    images = CellImages(
        event_id=np.arange(1, n + 1, dtype=np.uint64),
        epoch=np.zeros(n, dtype=np.int32),
        trigger_tick=np.arange(n, dtype=np.float64),
        images={CHANNEL: stack, VOLUME: volumes},
        pixel_um=0.25,
        speed_m_s=np.full(n, 0.1, dtype=np.float32),
        speed_error_m_s=np.full(n, np.nan, dtype=np.float32),
        speed_source=(SpeedSource.NOMINAL,) * n,
        flags=np.zeros(n, dtype=np.uint32),
        rejection=tuple(Rejection.OVERLAP if i % 10 == 9 else Rejection.NONE for i in range(n)),
        features={},
    )
    return images, labels


def draw_set(n: int, seed: int, *, labelled: bool = True, channels: tuple[str, ...] = (CHANNEL,)) -> TrainingSet:
    """One run of toy cells."""
    images, labels = draw_images(n, seed)
    return TrainingSet.from_images(
        images,
        labels if labelled else None,
        f"toy:{seed}",
        instrument_kind="light_sheet",
        origin=Origin.SIMULATED,
        channels=channels,
        volume_pool=2,
    )
