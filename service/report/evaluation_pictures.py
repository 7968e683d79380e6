"""The pictures of an evaluation's page, made of a bundle's answers and the cells themselves."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from inference.contract import Contract
from inference.evaluation.assess import Assessed
from inference.evaluation.factors import STEPS, cells_along
from inference.training.data import TrainingSet
from service.report.evaluation_drawing import cell_pictures, draw_confusion, draw_embedding, draw_strip

_MOST_POINTS = 2000
_FEWEST_FOR_TSNE = 10


class EmbeddingView(StrEnum):
    """How the embedding is brought to a plane."""

    TSNE = "tsne"
    PCA = "pca"


@dataclass(frozen=True)
class Gallery:
    """Cells of one group: each with its image and the evidence over it, as PNG."""

    title: str
    cells: tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True)
class Pictures:
    """Everything that is drawn, as PNG.

    Attributes
    ----------
    confusions
        Of `clusters` and `classes`, where there is a truth.
    embedding
        By truth and by cluster.
    galleries
        Of every cluster and class, over every channel that has maps.
    along_factors
        Cells from little to much of each factor, by its name, each with the answer under it; empty where a bundle has
        none.
    """

    confusions: dict[str, bytes]
    embedding: bytes
    galleries: tuple[Gallery, ...]
    along_factors: dict[str, bytes]


def draw_pictures(
    found: Assessed, cells: TrainingSet, contract: Contract, *, view: EmbeddingView, gallery: int, seed: int
) -> Pictures:
    """Draw all pictures.

    Parameters
    ----------
    gallery
        Cells of each group to show.
    seed
        Of which points are drawn where there are too many, and of t-SNE.
    """
    kinds = {"clusters": found.numbers.clusters, "classes": found.numbers.classes}
    return Pictures(
        confusions={name: draw_confusion(k, name.capitalize()) for name, k in kinds.items() if k is not None},
        embedding=_embedding(found, cells, contract, view, seed),
        galleries=_galleries(found, cells, contract, gallery),
        along_factors=_along_factors(found, cells, contract),
    )


def _along_factors(found: Assessed, cells: TrainingSet, contract: Contract) -> dict[str, bytes]:
    answers = found.results.factors
    if answers is None or len(answers) < STEPS:
        return {}
    strips = {}
    for place, spec in enumerate(contract.factors):
        rows = cells_along(answers, place)
        images = [cells.as_given(slice(row, row + 1))[contract.inputs[0].channel][0] for row in rows]
        strips[spec.name] = draw_strip(images, [f"{answers[row, place]:.3g}" for row in rows])
    return strips


def _embedding(found: Assessed, cells: TrainingSet, contract: Contract, view: EmbeddingView, seed: int) -> bytes:
    rows = np.sort(np.random.default_rng(seed).permutation(len(cells))[:_MOST_POINTS])
    points, how = _plane(found.results.embedding[rows], view, seed)
    colourings: list[tuple[str, npt.NDArray[np.integer], tuple[str, ...]]] = []
    if cells.label_names:
        colourings.append(("By truth", cells.label[rows], cells.label_names))
    colourings.append(("By cluster", found.results.cluster[rows], contract.clusters))
    return draw_embedding(points, colourings, how)


def _plane(embedding: npt.NDArray[np.float32], view: EmbeddingView, seed: int) -> tuple[npt.NDArray[np.floating], str]:
    """Bring the embedding to two axes; its own first two are its widest already."""
    if view is EmbeddingView.PCA or len(embedding) < _FEWEST_FOR_TSNE:
        return embedding[:, :2], "principal axis"
    from sklearn.manifold import TSNE

    perplexity = min(30.0, len(embedding) / 4)
    tsne = TSNE(perplexity=perplexity, init="pca", random_state=seed, n_jobs=1)
    return np.asarray(tsne.fit_transform(embedding)), "t-SNE"


def _galleries(found: Assessed, cells: TrainingSet, contract: Contract, most: int) -> tuple[Gallery, ...]:
    groups = [(name, np.flatnonzero(found.results.cluster == i)) for i, name in enumerate(contract.clusters)]
    if contract.classes:
        answered = found.results.class_probability.argmax(axis=1)
        groups += [(f"taken for {name}", np.flatnonzero(answered == i)) for i, name in enumerate(contract.classes)]
    shown = []
    for name, rows in groups:
        for spec in contract.saliency:
            over = f", {spec.channel.replace('_', ' ')}" if len(contract.saliency) > 1 else ""
            pictures = tuple(_cell(found, cells, spec.channel, int(row)) for row in rows[:most])
            shown.append(Gallery(f"{name}{over} ({len(rows)} cells)", pictures))
    return tuple(shown)


def _cell(found: Assessed, cells: TrainingSet, channel: str, row: int) -> tuple[bytes, bytes]:
    return cell_pictures(cells.as_given(slice(row, row + 1))[channel][0], found.explanation.maps[channel][row])
