"""Changes to an image that leave the cell what it is; sizes stay, as they tell cells apart."""

from __future__ import annotations

import math

import torch
from torch import Tensor

SHIFT_SHARE = 0.05
"""Of the edge of an image: how far a second look may be shifted, to either side."""
GAIN = 0.1
"""Relative spread of the light from run to run, which a second look may differ by."""
BLUR_PX = 0.7
"""Most blur of a second look: cells stand at different depths of focus."""
NOISE = 0.05
"""Spread of the noise that a second look adds, against the contrast of cells."""


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


def look_again(prepared: Tensor, generator: torch.Generator) -> Tensor:
    """Return images as the same cells might look the next time: turned, shifted, brighter, less sharp, noisier.

    Flat images are turned by any angle. Everything stays within what an instrument differs by from run to run.
    """
    size, n = min(prepared.shape[2:]), len(prepared)
    out = augment(prepared, max(1, round(SHIFT_SHARE * size)), generator)
    if out.dim() == 4:
        out = _turned(out, generator)
    gain = 1.0 + GAIN * (2.0 * torch.rand(n, *([1] * (out.dim() - 1)), generator=generator) - 1.0)
    blur = BLUR_PX * torch.rand((), generator=generator).item()
    noise = NOISE * torch.randn(out.shape, generator=generator)
    return _blurred(out * gain.to(out.device), blur) + noise.to(out.device)


def _turned(images: Tensor, generator: torch.Generator) -> Tensor:
    angle = 2.0 * math.pi * torch.rand(len(images), generator=generator)
    cos, sin, none = torch.cos(angle), torch.sin(angle), torch.zeros(len(images))
    turn = torch.stack([torch.stack([cos, -sin, none], 1), torch.stack([sin, cos, none], 1)], 1).to(images.device)
    grid = torch.nn.functional.affine_grid(turn, list(images.shape), align_corners=False)
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
