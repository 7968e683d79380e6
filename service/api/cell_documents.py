"""What the API answers of one cell: its row, where its pictures are, and what the model said of it."""

from __future__ import annotations

from typing import Literal

from acquisition.instrument import Role
from reconstruction.methods import Method
from service.api.documents import CellRow, Document


class ChannelLinks(Document):
    """One image of a cell, as a picture and as numbers."""

    name: str
    role: Role | None
    """None for an image that no single channel of the instrument makes."""
    kind: Literal["image", "volume"]
    """Axes y, x or z, y, x; light-sheet transmission is z, y."""
    pixel_um: float
    unit: str
    """What its pixels are measured in: `empty beam`, `counts`, `rad` or `rad/µm`."""
    restore: list[Method]
    """What `restore` may be in the query of `png` and `npy`, beside none; empty where nothing can be done."""
    png: str
    npy: str


class SaliencyLinks(Document):
    """The evidence for a class, as an overlay and as numbers; `about` says what it is evidence for."""

    about: str
    png: str
    npy: str


class SaliencyDocument(Document):
    """What a saliency map is evidence for."""

    event_id: int
    channel: str
    """Whose images the map lies over."""
    channels: list[str]
    """All that the model has a map over."""
    of: Literal["target", "cluster"]
    """Whether a score of the class head is explained, or a cluster by the mixture itself."""
    target: int
    """Index of it."""
    name: str
    """Class, or cluster."""
    empty: bool
    """True where nothing in the image speaks for the target."""
    method: str
    layer: str
    """The activation whose places are weighted; `image` where the image itself was covered."""


class CellDocument(Document):
    """One cell: its row, and where its pictures are."""

    run: str
    event_id: int
    row: CellRow
    """Measured and answered; an event that could not be judged has a `rejection` instead of an answer."""
    channels: list[ChannelLinks]
    saliency: SaliencyLinks
    answers: str
    window: str
    """The raw samples of the event, all channels, `(n_samples, n_channels)` counts."""


class Answers(Document):
    """The model's full answer for one cell, as it was given while the cell flowed."""

    event_id: int
    embedding: list[float]
    clusters: list[str]
    cluster_posterior: list[float]
    """Mixture responsibilities: these saturate and are not calibrated probabilities."""
    classes: list[str]
    class_probability: list[float]
    targets: list[str]
    """What the `target` of a saliency map counts: the classes, or the clusters of a model trained without labels."""
    explained_clusters: list[str]
    """What the `cluster` of a saliency map counts; empty where the model has no such maps."""
    novelty: float
    novelty_threshold: float
    """Above it the cell is unlike the training data."""
