"""The encoders as the graphs hold them: without autograd, and with their own gradients written out."""

from __future__ import annotations

import copy
from typing import cast

from torch import Tensor, nn

from inference.training.architecture import Network
from inference.training.encoder import Encoder
from inference.training.folded import FoldedEncoder
from inference.training.known.fold_whitening import fold_whitening
from inference.training.known.neck import DenseNeck, MeanNeck
from inference.training.known.rotation import scores_of


class PlainEncoder(nn.Module):
    """An encoder as it was trained, of paper C or of a known network; ONNX Runtime joins what can be joined of it.

    Parameters
    ----------
    encoder
        As it was trained; it is not changed.
    """

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self.encoder = copy.deepcopy(encoder).eval()
        if self.encoder.concepts is not None:
            fold_whitening(self.encoder)

    def forward(self, images: Tensor) -> tuple[list[Tensor], Tensor]:
        """Return every block's activation `(n, c, y, x)` and the latent `(n, d)` of images `(n, channels, y, x)`."""
        activations, latent, _ = self.with_concepts(images)
        return activations, latent

    def with_concepts(self, images: Tensor) -> tuple[list[Tensor], Tensor, Tensor | None]:
        """Return the same, and the scores `(n, k)` of concepts, None where there are none."""
        activations, maps = self.encoder.walk(self.encoder.preprocess(self.encoder.pool(images)))
        axes = self.encoder.concepts
        scores = None if maps is None or axes is None else scores_of(maps[:, : len(axes.names)], axes.score)
        return activations, self.encoder.latent(activations[-1].flatten(1)), scores

    def gradients(self, by_latent: Tensor, activations: list[Tensor], blocks: int) -> Tensor:
        """Return a score's gradient by the last activation, as large as that; see `FoldedEncoder.gradients`.

        `blocks` is 0: maxima are not walked back, as they forget where they came from.
        """
        if blocks:
            raise ValueError("The maps of this network are made of its last activation.")
        last = activations[-1]
        if isinstance(self.encoder.latent, MeanNeck | DenseNeck):
            return self.encoder.latent.gradient(by_latent, last)
        layers = list(self.encoder.latent) if isinstance(self.encoder.latent, nn.Sequential) else [self.encoder.latent]
        answers = [last.flatten(1)]
        for layer in layers[:-1]:
            answers.append(layer(answers[-1]))
        gradient = by_latent
        for layer, answer in zip(reversed(layers), reversed(answers), strict=True):
            if isinstance(layer, nn.ReLU):
                gradient = gradient * (answer > 0).to(gradient.dtype)
            else:
                gradient = gradient @ cast(nn.Linear, layer).weight
        return gradient.reshape(-1, *last.shape[1:])


ExportedEncoder = FoldedEncoder | PlainEncoder


def exported(encoder: Encoder) -> ExportedEncoder:
    """Return an encoder as the graphs hold it."""
    return FoldedEncoder(encoder) if encoder.architecture.network is Network.STRIDED else PlainEncoder(encoder)
