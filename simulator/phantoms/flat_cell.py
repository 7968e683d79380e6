"""From the images of one cell to what light does to it: background off, outline found, the rest of the frame empty."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from acquisition.errors import ConfigError
from acquisition.real_images.raw import Floats, RawCell
from simulator.phantoms.outline import Mask, background, box3, central_mask, distance_px, smear_background

FINEST_PIXEL_UM = 0.2
"""Finer images are averaged to about this: the instruments' pictures have 0.25 um."""
MOST_EDGE_PX = 1024
"""Of an averaged image; it is one cell, not a slide."""
FADE_UM = (0.3, 1.8)
"""Distance from the outline where the image starts to fade to the empty beam, and where it ends (the ring that
diffraction draws about a cell belongs to its image)."""
REACH_SHARE, REACH_EXTRA_UM = 0.75, 1.0
"""The image ends at this share of the diameter, and so much more, from the centre: no optics looks farther."""
DARK_LEVELS = 3.0
"""Light of a dark background counts from so many of its standard deviations on."""
CONTRAST_UM = 0.8
"""Where there is no darkfield: structure finer than this scatters to the side (an assumption)."""


@dataclass(frozen=True, slots=True)
class FlatCell:
    """A cell cut out of its images, `(y, x)` float32 each.

    Attributes
    ----------
    transmission
        1 outside of the cell.
    mask
        Its outline.
    side_light, glow
        Scattered and fluorescent light in the counts of the camera, 0 outside; `glow` is None without a stain.
    centre_px
        Row and column of the mask's centre.
    pixel_um
        Of all of them.
    diameter_um
        Of a disc of the mask's area.
    """

    transmission: Floats
    mask: Mask
    side_light: Floats
    glow: Floats | None
    centre_px: tuple[float, float]
    pixel_um: float
    diameter_um: float


def cut_out(raw: RawCell, pixel_um: float, name: str) -> FlatCell:
    """Find the cell at the middle of its images and take away everything else.

    Raises
    ------
    ConfigError
        If no cell stands at the middle, or the image is far larger than a cell.
    """
    if raw.transmission is None:
        raise ConfigError(f"'{name}' has no brightfield image; the instruments find cells by their transmission.")
    transmission, fine_um = _reduced(raw.transmission, pixel_um), pixel_um * _step(pixel_um)
    if max(transmission.shape) > MOST_EDGE_PX:
        raise ConfigError(
            f"'{name}' is {fine_um * max(transmission.shape):.0f} um wide; cut it to one cell, or correct pixel_um."
        )
    level, noise = (smear_background if raw.is_smear else background)(transmission)
    if level <= 0:
        raise ConfigError(f"'{name}' has no bright background; a transmission image is needed.")
    relative = transmission / np.float32(level)
    mask = central_mask(relative - 1, noise / level, fine_um, is_smear=raw.is_smear)
    if not mask.any() or mask.all():
        raise ConfigError(f"'{name}' shows no cell at its middle; leave it out.")
    rows, cols = np.nonzero(mask)
    centre = (float(rows.mean()), float(cols.mean()))
    diameter_um = 2 * fine_um * float(np.sqrt(mask.sum() / np.pi))
    kept = _kept(mask, centre, fine_um, diameter_um)
    relative = 1 + kept * (relative - 1)
    dark = None if raw.side_scatter is None else _above(_reduced(raw.side_scatter, pixel_um))
    glow = None if raw.fluorescence is None else _above(_reduced(raw.fluorescence, pixel_um)) * kept
    side = _contrast(relative, fine_um) * mask if dark is None else dark * kept
    return FlatCell(np.maximum(relative, 0), mask, side, glow, centre, fine_um, diameter_um)


def _kept(mask: Mask, centre: tuple[float, float], pixel_um: float, diameter_um: float) -> Floats:
    """How much of the image belongs to the cell: 1 on it, fading to 0 around it and towards the frame."""
    start, end = FADE_UM
    around = _fall(pixel_um * distance_px(~mask, end / pixel_um + 1.0), start, end)
    y, x = (np.arange(n) - c for n, c in zip(mask.shape, centre, strict=True))
    reach_um = REACH_SHARE * diameter_um + REACH_EXTRA_UM
    within = _fall(pixel_um * np.hypot(y[:, None], x[None, :]).astype(np.float32), reach_um - 1.0, reach_um)
    to_frame = [np.minimum(np.arange(n), np.arange(n)[::-1]) + 0.5 for n in mask.shape]
    frame = 1 - _fall(pixel_um * np.minimum(to_frame[0][:, None], to_frame[1][None, :]).astype(np.float32), 0.0, 1.0)
    return np.asarray(around * within * frame, dtype=np.float32)


def _fall(distance: Floats, start: float, end: float) -> Floats:
    """1 up to `start`, 0 from `end` on, half a cosine between."""
    phase = np.clip((distance - start) / (end - start), 0, 1)
    return np.asarray(0.5 + 0.5 * np.cos(np.pi * phase), dtype=np.float32)


def _above(image: Floats) -> Floats:
    """Light above a dark background; what is no brighter than its noise is 0."""
    level, noise = background(image)
    return np.where(image > level + DARK_LEVELS * noise, image - np.float32(level), 0).astype(np.float32)


def _contrast(transmission: Floats, pixel_um: float) -> Floats:
    """Power of the fine structure of the optical density, for want of a darkfield image."""
    density = -np.log(np.maximum(transmission, np.float32(0.02)))
    smooth = density
    for _ in range(max(1, round(1.5 * (CONTRAST_UM / 2 / pixel_um) ** 2))):
        smooth = box3(smooth)
    return np.asarray((density - smooth) ** 2, dtype=np.float32)


def _step(pixel_um: float) -> int:
    return max(1, round(FINEST_PIXEL_UM / pixel_um))


def _reduced(image: Floats, pixel_um: float) -> Floats:
    """Mean over blocks of pixels that are finer than needed; what does not fill a block is cut off."""
    step = _step(pixel_um)
    rows, cols = (n // step for n in image.shape)
    blocks = image[: rows * step, : cols * step].reshape(rows, step, cols, step)
    return np.asarray(blocks.mean(axis=(1, 3)), dtype=np.float32)
