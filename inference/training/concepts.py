"""Encoders of classes some of whose axes are concepts: what people say of cells (paper B, Chen et al. 2020)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from inference.training.concept_choices import ConceptScore, Whitening
from inference.training.concept_ranking import misranked
from inference.training.encoder import ConceptAxes, Encoder
from inference.training.known.resnet import Residual
from inference.training.known.rotation import pull, scores_of, turned
from inference.training.known.whitening import ConceptWhitening
from inference.training.models import Images, LabelledEncoders


class ConceptEncoders(LabelledEncoders):
    """Encoders that learn classes, and in one of whose layers each concept has an axis of its own.

    The axes are turned towards the concepts now and then. With a weight, concepts are taught as well, by `misranked`.
    """

    concept_weight = 0.0
    """Of concepts in the loss, see `TrainingOptions`."""

    def whiten(self, names: tuple[str, ...], layer: int, score: ConceptScore, whitening: Whitening) -> None:
        """Put a whitening in the place of the first normalisation of the last block of a layer, 1 to 4."""
        self.encoder.concepts = ConceptAxes(layer, names, score)
        block = self._block
        block.bn1 = ConceptWhitening(block.conv1.out_channels, whitening)

    @property
    def encoder(self) -> Encoder:
        """The only one: a known network looks at all channels."""
        (encoder,) = self.encoders.values()
        return encoder

    @property
    def axes(self) -> ConceptAxes:
        """Where the concepts lie."""
        if self.encoder.concepts is None:
            raise ValueError("The encoder is not whitened.")
        return self.encoder.concepts

    @property
    def whitening(self) -> ConceptWhitening:
        """The layer."""
        return cast(ConceptWhitening, self._block.bn1)

    def concept_maps(self, prepared: Images) -> Tensor:
        """Return all axes of the layer over preprocessed images, `(n, d, y, x)`; the first ones are the concepts'."""
        (images,) = prepared.values()
        return cast(Tensor, self.encoder.walk(images)[1])

    def concept_scores(self, prepared: Images) -> Tensor:
        """Return `(n, k)` scores of preprocessed images."""
        return scores_of(self.concept_maps(prepared)[:, : len(self.axes.names)], self.axes.score)

    def loss(self, prepared: Images, label: Tensor, generators: Mapping[str, torch.Generator] | None) -> Tensor:
        """Return the loss of classes, and of concepts where these are told.

        Parameters
        ----------
        label
            `(n,)` int64 classes, or `(n, 1 + k)` float32: classes, then 1 for a cell that has a concept, 0 for one that
            lacks it, and NaN where that is unknown.
        """
        if label.dim() == 1:
            return super().loss(prepared, label, generators)
        (images,) = self.looked_at(prepared, generators).values()
        activations, maps = self.encoder.walk(images)
        latent = self.encoder.latent(activations[-1].flatten(1))
        scores = scores_of(cast(Tensor, maps)[:, : len(self.axes.names)], self.axes.score)
        return self.class_loss(latent, label[:, 0].long()) + self.concept_weight * misranked(scores, label[:, 1:])

    def align(self, cells: Sequence[Images]) -> None:
        """Turn the axes towards concepts, by preprocessed images of cells of each; the layer is evaluated."""
        layer, pulls = self.whitening, []
        with torch.no_grad():
            for axis, prepared in zip(layer.rotation, cells, strict=False):
                maps = self.concept_maps(prepared)
                whitened = torch.einsum("ji,njyx->niyx", layer.rotation, maps)
                pulls.append(pull(whitened, axis, self.axes.score))
            layer.rotation.copy_(turned(layer.rotation, torch.stack(pulls)))

    @property
    def _block(self) -> Residual:
        return cast(Residual, cast(nn.Sequential, self.encoder.blocks[self.axes.layer])[-1])
