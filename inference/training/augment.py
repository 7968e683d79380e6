"""Changes to an image that leave the cell what it is; sizes stay, as they tell cells apart."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Looks:
    """How two looks at one cell may differ; the defaults are what an instrument differs by from run to run.

    Attributes
    ----------
    flip
        Whether it may be flipped along every axis, and turned by quarters where flat images are square.
    turn_deg
        Most turn of a flat image to either side; 180 is any.
    shift_share
        Of the edge of an image: how far it may be shifted to either side.
    stretch, shear
        Most relative change of its size, and most lean, of a flat image. Sizes tell cells apart: both are 0 for cells.
    gain
        Most relative change of its light.
    blur_px
        Most blur: cells stand at different depths of focus.
    noise
        Spread of the noise that is added, against the contrast of cells.
    """

    flip: bool = True
    turn_deg: float = 180.0
    shift_share: float = 0.05
    stretch: float = 0.0
    shear: float = 0.0
    gain: float = 0.1
    blur_px: float = 0.7
    noise: float = 0.05


def augment(prepared: Tensor, shift_px: int, generator: torch.Generator) -> Tensor:
    """Flip along every axis, turn by quarters (square flat images) and shift each image at random.

    Parameters
    ----------
    prepared
        `(n, 1, y, x)` or `(n, 1, z, y, x)` preprocessed images, whose background is 0.
    shift_px
        The most pixels along each axis.
    generator
        Source of randomness, on the CPU.
    """
    axes = list(range(2, prepared.dim()))
    square = len(axes) == 2 and prepared.shape[2] == prepared.shape[3]
    kinds = torch.randint(0, 1 << (len(axes) + square), (len(prepared),), generator=generator)
    out = prepared.clone()
    for bit, axis in enumerate(axes):
        rows = (kinds >> bit & 1) > 0
        if rows.any():
            out[rows] = out[rows].flip(axis)
    if square and (rows := (kinds >> len(axes) & 1) > 0).any():
        # With the two flips, transposition makes all eight symmetries of the square.
        out[rows] = out[rows].transpose(-1, -2)
    return shifted(out, shift_px, generator) if shift_px else out


def shifted(images: Tensor, most: int, generator: torch.Generator) -> Tensor:
    """Shift each image by up to `most` pixels along each axis; the background moves in."""
    axes = images.dim() - 2
    padded = torch.nn.functional.pad(images, (most, most) * axes)
    out = torch.empty_like(images)
    for row, start in enumerate(torch.randint(0, 2 * most + 1, (len(images), axes), generator=generator).tolist()):
        part = padded[row]
        for axis, (low, size) in enumerate(zip(start, images.shape[2:], strict=True), start=1):
            part = part.narrow(axis, low, size)
        out[row] = part
    return out


def look_again(prepared: Tensor, looks: Looks, generator: torch.Generator) -> Tensor:
    """Return images as the same cells might look the next time: turned, shifted, brighter, less sharp, noisier."""
    n = len(prepared)
    if prepared.dim() == 4:
        out = _moved(prepared, looks, generator)
    else:
        most = max(1, round(looks.shift_share * min(prepared.shape[2:])))
        out = augment(prepared, most, generator) if looks.flip else shifted(prepared, most, generator)
    gain = 1.0 + looks.gain * (2.0 * torch.rand(n, *([1] * (out.dim() - 1)), generator=generator) - 1.0)
    blur = looks.blur_px * torch.rand((), generator=generator).item()
    noise = looks.noise * torch.randn(out.shape, generator=generator)
    return _blurred(out * gain.to(out.device), blur) + noise.to(out.device)


def _moved(images: Tensor, looks: Looks, generator: torch.Generator) -> Tensor:
    """Turn, flip, stretch, lean and shift each flat image at once; the background moves in."""
    angle, size, lean, right, down, flip = 2.0 * torch.rand(6, len(images), generator=generator) - 1.0
    angle, size, lean = math.radians(looks.turn_deg) * angle, 1.0 + looks.stretch * size, looks.shear * lean
    mirror = torch.where(flip < 0, -1.0, 1.0) if looks.flip else torch.ones_like(flip)
    # Places are told from -1 to 1, so that an edge is 2 long.
    right, down = 2.0 * looks.shift_share * right, 2.0 * looks.shift_share * down
    cos, sin = torch.cos(angle) * size, torch.sin(angle) * size
    rows = torch.stack([mirror * cos, lean - sin, right], 1), torch.stack([mirror * sin, cos, down], 1)
    grid = torch.nn.functional.affine_grid(torch.stack(rows, 1).to(images.device), list(images.shape), False)
    return torch.nn.functional.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def _blurred(images: Tensor, sigma_px: float) -> Tensor:
    """Blur by a Gaussian of three pixels along every axis."""
    side = math.exp(-0.5 / max(sigma_px, 1e-3) ** 2)
    taps = torch.tensor([side, 1.0, side], device=images.device) / (1.0 + 2.0 * side)
    for axis in range(2, images.dim()):
        before = torch.cat([images.narrow(axis, 0, 1), images.narrow(axis, 0, images.shape[axis] - 1)], axis)
        after = torch.cat([images.narrow(axis, 1, images.shape[axis] - 1), images.narrow(axis, -1, 1)], axis)
        images = taps[0] * before + taps[1] * images + taps[2] * after
    return images
