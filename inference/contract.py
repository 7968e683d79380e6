"""What a bundle promises: its inputs, its answers, how it was made and how well it does."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from acquisition.origin import Origin
from inference.errors import BundleError
from inference.held_out import HeldOutBy

FORMAT: Literal["lightline-bundle/1"] = "lightline-bundle/1"
GRAPH_NAMES = ("live.onnx", "explain.onnx")

_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Label = Annotated[str, Field(min_length=1, max_length=64)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)


class InputSpec(_Part):
    """One image that the graphs take, under the channel's own name."""

    channel: str = Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")
    """Name in `CellImages.images`, and of the graphs' input."""
    shape: tuple[Annotated[int, Field(ge=1, le=4096)], ...] = Field(min_length=2, max_length=3)
    """Shape of one cell's image, without the batch: (y, x), (z, y) or (z, y, x)."""
    pixel_um: float | None = Field(gt=0)
    """Edge of a pixel or voxel; None for a collection of images that does not say."""
    dtype: Literal["float32"] = "float32"

    @property
    def in_words(self) -> str:
        """Channel, size and pixel."""
        size = " x ".join(map(str, self.shape))
        return f"{self.channel} {size} " + (f"at {self.pixel_um:g} µm" if self.pixel_um else "of unknown pixel")


class SaliencySpec(_Part):
    """One saliency map of the explain graph."""

    channel: str
    """The input that the map lies over."""
    layer: str
    """The activation whose places are weighted."""
    method: Literal["grad_cam", "hires_cam", "layer_cam"] = "grad_cam"
    of: Literal["score", "log_odds"] = "score"
    """What the gradient is of: the score before the softmax, or the log odds against all other targets, which speaks
    for a target whose own score is low as well."""
    shape: tuple[Annotated[int, Field(ge=1, le=4096)], ...] = Field(min_length=2, max_length=3)
    """Shape of the raw low-resolution map."""
    targets: Literal["classes", "clusters"]
    """What `target` counts; clusters where the head was fitted to the mixture's own labels, as in paper A."""
    clusters: bool = False
    """Whether there are maps for the mixture's clusters too, by the gradient of the log of their odds and without a
    head: `target` counts them behind the others, -2 means the most likely one, and the explain graph answers
    `cluster_posterior` as the live one does."""


class FactorSpec(_Part):
    """One thing that cells differ by, with a number for each cell that changes with it and with nothing else."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,47}$")
    """As the truth of the training cells calls it, with its unit, such as `diameter_um`; `factor_` and this is the
    column of the cells."""
    rank_correlation: float = Field(ge=-1, le=1)
    """Spearman's, of the answers with the truth of the test runs."""


class ConceptSpec(_Part):
    """Something that people say of cells, with an axis of a layer of its own, and a score of every cell."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]{0,47}$")
    """`concept_` and this is the column of the cells."""
    auroc: float | None = Field(default=None, ge=0, le=1)
    """Area under the curve on the test runs: the share of pairs, one that has it and one that lacks it, that the score
    puts in order. None where it is not known of any test cells, or the same of all."""


class MixtureSpec(_Part):
    """How the clusters were fitted."""

    covariance: Literal["full", "tied"]
    """Whether every cluster has a shape of its own."""
    condition: float = Field(ge=1)
    """Largest condition number of their covariances; up to 1e4, responsibilities are right within 1e-4."""


class NoveltySpec(_Part):
    """When a cell is called unlike the training data."""

    method: str
    threshold: float
    """A cell whose novelty is larger is novel."""
    false_reject_rate: float = Field(gt=0, lt=1)
    """Share of ordinary cells of the calibration run that the threshold calls novel."""
    cells: int = Field(ge=1)
    """Cells that the threshold was set on."""


class ConformalSpec(_Part):
    """Which classes are in a cell's conformal set; see `inference.conformal`."""

    alpha: float = Field(gt=0, lt=1)
    """Share of the cells of a class whose set may lack it."""
    least_probability: tuple[Annotated[float, Field(ge=0, le=1)], ...] = Field(min_length=1)
    """By class, the probability from which on it is in the set; 0 where too few cells were there to set it."""
    cells: tuple[Annotated[int, Field(ge=0)], ...] = Field(min_length=1)
    """By class, validation cells that it was set on."""


class DriftSpec(_Part):
    """What ordinary cells look like to the model; see `inference.drift`."""

    quantiles: tuple[tuple[float, ...], ...] = Field(min_length=1)
    """Of each of the first axes of the embedding, evenly spaced from the least to the largest."""
    cells: int = Field(ge=1)
    """Validation cells that they were taken of."""

    @model_validator(mode="after")
    def _ascending(self) -> Self:
        for axis in self.quantiles:
            if len(axis) < 2 or any(low > high for low, high in itertools.pairwise(axis)):
                raise ValueError("every axis needs two or more quantiles, none below the one before")
        return self


class TrainingSpec(_Part):
    """Where the model comes from."""

    sources: tuple[str, ...]
    """URLs or names of the runs, one each."""
    validation_sources: tuple[str, ...] = ()
    """Runs that stopped the training and set the temperature and every threshold."""
    test_sources: tuple[str, ...] = ()
    """Runs that the metrics are measured on; where these equal the validation runs, the metrics are optimistic."""
    held_out_by: HeldOutBy = HeldOutBy.RUN
    """What the sources are."""
    cells: int = Field(ge=1)
    """Cells that weights were fitted to."""
    seeds: tuple[int, ...]
    origin: Origin
    """The least real of the training cells: measured, semi-real (real images, simulated optics), or simulated."""
    losses: tuple[tuple[float, float], ...] = ()
    """Of every epoch of the encoder, on the training and on the validation runs; empty in bundles of before they were
    kept."""


class Contract(_Part):
    """Everything about a model that is not a weight; `contract.json` of a bundle.

    The live graph takes the inputs and returns `embedding`, `cluster_posterior`, `class_probability`, `novelty` and,
    where the encoder learnt any, `factors` and `concepts`;
    the explain graph takes the inputs and `target` (int64, -1 for the most likely) and returns `class_logits`,
    `embedding` and a map for each entry of `saliency`.
    """

    format: Literal["lightline-bundle/1"] = FORMAT
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")
    model: str
    """Kind of model, for example dcae2d."""
    command: str
    """The exact command that makes the bundle again."""
    instrument_kind: str
    """The kind of instrument that the images come from."""
    inputs: tuple[InputSpec, ...] = Field(min_length=1, max_length=64)
    preprocessing: str
    """What the graphs do to the images first; nothing is to be done before."""
    embedding_size: int = Field(ge=1, le=4096)
    embedding_axes: tuple[_Label, ...] = ()
    """Names of the axes where they mean something (concepts, factors); empty for a plain latent."""
    factors: tuple[FactorSpec, ...] = Field(default=(), max_length=64)
    """In the order of the live graph's answer `factors`; empty where the encoder learnt none, and in bundles of before
    there were any."""
    concepts: tuple[ConceptSpec, ...] = Field(default=(), max_length=64)
    """In the order of the live graph's answer `concepts`; empty as `factors`."""
    clusters: tuple[_Label, ...] = Field(min_length=1)
    classes: tuple[_Label, ...] = ()
    """Empty where the model was trained without labels."""
    mixture: MixtureSpec | None = None
    """None in bundles of before it was kept."""
    temperature: float | None = Field(default=None, gt=0)
    """What the class scores were divided by, so that probabilities are as often right as they say; it is in the head's
    weights already. None where too few labelled cells were held out."""
    conformal: ConformalSpec | None = None
    """None without classes, with too few labelled cells held out, and in bundles of before there were sets."""
    drift: DriftSpec | None = None
    """None with too few cells held out, and in bundles of before drift was looked for."""
    novelty: NoveltySpec
    saliency: tuple[SaliencySpec, ...] = Field(min_length=1)
    """The first one is the explain graph's output `saliency`, any other one `saliency_` and its channel."""
    training: TrainingSpec
    metrics: dict[str, dict[str, float]]
    """By metric, the model's value and its controls', all measured on the test runs."""
    opset: int = Field(ge=1)
    software: dict[str, str]
    """Versions of the libraries that made the bundle."""
    sha256: dict[Literal["live.onnx", "explain.onnx"], _Sha256]
    """Of each graph."""
    digest: _Sha256
    """Of this contract without the digest, and the graphs; the identity of the model."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        channels = [spec.channel for spec in self.inputs]
        if len(set(channels)) != len(channels) or "target" in channels:
            raise ValueError("the input channels must differ, and none may be called target")
        if self.embedding_axes and len(self.embedding_axes) != self.embedding_size:
            raise ValueError("embedding_axes must name every axis or none")
        if set(self.sha256) != set(GRAPH_NAMES):
            raise ValueError("sha256 must hold both graphs")
        if len({spec.name for spec in self.factors}) != len(self.factors):
            raise ValueError("the names of the factors must differ")
        if len({spec.name for spec in self.concepts}) != len(self.concepts):
            raise ValueError("the names of the concepts must differ")
        shapes = {spec.channel: spec.shape for spec in self.inputs}
        if len({spec.channel for spec in self.saliency}) != len(self.saliency):
            raise ValueError("there can be one saliency map over each input")
        for spec in self.saliency:
            if len(shapes.get(spec.channel, ())) != len(spec.shape):
                raise ValueError(f"the saliency map over '{spec.channel}' does not fit any input")
            if spec.targets == "classes" and not self.classes:
                raise ValueError("the saliency map explains classes, but there are none")
        if self.conformal is not None and not (
            len(self.conformal.least_probability) == len(self.conformal.cells) == len(self.classes)
        ):
            raise ValueError("conformal must have a threshold and a number of cells for every class")
        if self.drift is not None and len(self.drift.quantiles) > self.embedding_size:
            raise ValueError("drift has quantiles of more axes than the embedding has")
        return self

    @property
    def maps(self) -> dict[str, str]:
        """The explain graph's output for each channel that it has a saliency map over."""
        return map_names([spec.channel for spec in self.saliency])

    @property
    def targets(self) -> tuple[str, ...]:
        """Names of what the explain graph's `target` and `class_logits` count."""
        return self.classes if self.saliency[0].targets == "classes" else self.clusters

    @property
    def explains_clusters(self) -> bool:
        """Whether there are maps for the mixture's own clusters."""
        return self.saliency[0].clusters


def map_names(channels: Sequence[str]) -> dict[str, str]:
    """Return the name of the explain graph's output for the map over each of these channels."""
    first, *others = channels
    return {first: "saliency", **{channel: f"saliency_{channel}" for channel in others}}


def contract_digest(document: dict[str, Any], live: bytes, explain: bytes) -> str:
    """Return the digest of a contract's JSON document (its own `digest` left out) and both graphs."""
    rest = {key: value for key, value in document.items() if key != "digest"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    digest = hashlib.sha256()
    for part in (text.encode(), live, explain):
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.hexdigest()


def read_contract(document: Any) -> Contract:
    """Check a parsed `contract.json`.

    Raises
    ------
    BundleError
        If it is not a valid contract; the sentence names the first field at fault.
    """
    if isinstance(document, dict) and document.get("format") != FORMAT:
        raise BundleError(
            f"The bundle has the format '{document.get('format')}', but this version reads '{FORMAT}'; "
            "make it again with 'lightline train'."
        )
    try:
        return Contract.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the document"
        raise BundleError(f"The bundle's contract is not valid: {place}: {first['msg']}.") from None
