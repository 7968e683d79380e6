"""An evaluation as pictures: confusion matrices, the embedding, and cells with what mattered in them."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from inference.evaluation.agreement import Agreement
from inference.saliency import image_png, overlay_png

Floats = npt.NDArray[np.float32]
_COLOURS = ("#2b6cb0", "#dd6b20", "#2f855a", "#b83280", "#6b46c1", "#975a16", "#319795", "#c53030", "#4a5568")
_GREY = "#c3cad2"


def draw_confusion(found: Agreement, title: str) -> bytes:
    """Draw a confusion matrix, truth on y and prediction on x, rows in shares of the true class; PNG."""
    counts = np.array(found.confusion)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    rows, columns = counts.shape
    figure = Figure(figsize=(2.6 + 0.85 * columns, 1.7 + 0.7 * rows), layout="constrained")
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for i in range(rows):
        for j in range(columns):
            text = f"{shares[i, j]:.0%}\n{counts[i, j]}"
            axes.text(j, i, text, ha="center", va="center", color="white" if shares[i, j] > 0.55 else "#16202a")
    axes.set_xticks(range(columns), found.answers, rotation=25, ha="right")
    axes.set_yticks(range(rows), found.names)
    axes.set(title=title, xlabel="prediction", ylabel="truth")
    return _png(figure)


def draw_strip(images: Sequence[Floats], under: Sequence[str]) -> bytes:
    """Draw flat images `(y, x)` side by side on one scale of grey, each with a text under it; PNG."""
    low, high = np.percentile(np.stack(images), [0.5, 99.5])
    figure = Figure(figsize=(1.05 * len(images), 1.3), layout="constrained")
    for axes, image, text in zip(figure.subplots(1, len(images), squeeze=False)[0], images, under, strict=True):
        axes.imshow(image, cmap="gray", vmin=low, vmax=high)
        axes.set_xlabel(text, fontsize=8)
        axes.set_xticks([])
        axes.set_yticks([])
    return _png(figure)


def draw_embedding(
    points: npt.NDArray[np.floating], colourings: Sequence[tuple[str, npt.NDArray[np.integer], Sequence[str]]], how: str
) -> bytes:
    """Draw points once for every colouring, side by side; PNG.

    Parameters
    ----------
    points
        `(n, 2)`.
    colourings
        Title, index `(n,)` into names, -1 for none, and the names.
    how
        What the two axes are.
    """
    figure = Figure(figsize=(5.2 * len(colourings), 4.6), layout="constrained")
    for axes, (title, index, names) in zip(
        figure.subplots(1, len(colourings), squeeze=False)[0], colourings, strict=True
    ):
        _scatter(axes, points, index, names)
        axes.set(title=title, xlabel=f"{how} 1", ylabel=f"{how} 2")
        axes.set_xticks([])
        axes.set_yticks([])
    return _png(figure)


def _scatter(
    axes: Axes, points: npt.NDArray[np.floating], index: npt.NDArray[np.integer], names: Sequence[str]
) -> None:
    for i, name in [(-1, "unknown"), *enumerate(names)]:
        some = points[index == i]
        if len(some):
            colour = _GREY if i < 0 else _COLOURS[i % len(_COLOURS)]
            axes.plot(some[:, 0], some[:, 1], ".", ms=4, alpha=0.7, color=colour, label=f"{name} ({len(some)})")
    axes.legend(fontsize=8, markerscale=2)


def cell_pictures(image: Floats, raw_map: Floats) -> tuple[bytes, bytes]:
    """Return one cell's image and its map over it as PNG; volumes and their maps as maxima along x."""
    if image.ndim == 3:
        image, raw_map = image.max(axis=2), raw_map.max(axis=2)
    return image_png(image), overlay_png(image, raw_map)


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return buffer.getvalue()
