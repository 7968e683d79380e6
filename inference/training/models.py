"""Encoders of images and volumes, and the ways they learn: by drawing cells again, telling them or classes apart.

The autoencoders are those of paper A (Zhang et al., Scientific Reports 13, 2023): one for transmission images, one for
side-scatter volumes, or both, their latents side by side.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from inference.errors import TrainingError
from inference.training.architecture import Architecture, Network
from inference.training.augment import Looks, look_again
from inference.training.encoder import Decoder, Encoder

Images = Mapping[str, Tensor]
"""Preprocessed images by the first channel of each encoder, `(n, channels, y, x)` or `(n, 1, z, y, x)`."""


class Encoders(nn.Module):
    """The encoders of a model's channels; the latents stand side by side in the order of the channels.

    Each is named after the first channel that it looks at, which for most is the only one.

    A channel's encoder begins with the same weights whatever other channels there are.
    """

    def __init__(self, architectures: Sequence[Architecture], seed: int) -> None:
        super().__init__()
        self.by_channel = nn.ModuleDict()
        for architecture in architectures:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed)
                self.by_channel[architecture.channel] = Encoder(architecture)

    @property
    def encoders(self) -> dict[str, Encoder]:
        """By channel."""
        return {name: cast(Encoder, encoder) for name, encoder in self.by_channel.items()}

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.parameters()).device

    def freeze(self) -> None:
        """Keep the weights and statistics of the blocks as they are, whatever is learnt."""
        for encoder in self.encoders.values():
            encoder.freeze()

    def preprocess(self, pooled: Images) -> dict[str, Tensor]:
        """Preprocess the pooled images of every channel, those together that an encoder looks at together."""
        return {
            name: encoder.preprocess(torch.cat([pooled[channel] for channel in encoder.architecture.channels], dim=1))
            for name, encoder in self.encoders.items()
        }

    def latent(self, prepared: Images) -> Tensor:
        """Return the latents `(n, sum of d)` of preprocessed images."""
        return torch.cat([encoder(prepared[name])[1] for name, encoder in self.encoders.items()], dim=1)

    def loss(self, prepared: Images, label: Tensor, generators: Mapping[str, torch.Generator] | None) -> Tensor:
        """Return what training makes small, for preprocessed images; without generators, for measuring it.

        Parameters
        ----------
        prepared
            Preprocessed images by channel.
        label
            `(n,)` int64 classes, negative where unknown.
        generators
            Randomness of each channel's looks.
        """
        raise NotImplementedError


class Autoencoders(Encoders):
    """Encoders that learn by drawing what they saw: mean squared error per pixel (paper A, Eq. 1), weighted (Eq. 2).

    Parameters
    ----------
    weights
        Share of each channel in the loss.
    """

    def __init__(self, architectures: Sequence[Architecture], weights: Sequence[float], seed: int) -> None:
        if any(architecture.network is not Network.STRIDED for architecture in architectures):
            raise TrainingError("Only encoders of the network 'strided' can draw cells again; learn in another way.")
        super().__init__(architectures, seed)
        self.weights = dict(zip(self.by_channel, weights, strict=True))
        self.decoders = nn.ModuleDict()
        for architecture in architectures:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed + 1)
                self.decoders[architecture.channel] = Decoder(architecture)

    def errors(self, prepared: Images) -> dict[str, Tensor]:
        """Return the mean squared error per pixel of each channel, in preprocessed units."""
        return {
            name: nn.functional.mse_loss(self.decoders[name](encoder(prepared[name])[1]), prepared[name])
            for name, encoder in self.encoders.items()
        }

    def loss(
        self,
        prepared: Images,
        label: Tensor,  # noqa: ARG002 - what is drawn again needs no label
        generators: Mapping[str, torch.Generator] | None,  # noqa: ARG002 - nor a second look
    ) -> Tensor:
        """Return the weighted error."""
        errors = self.errors(prepared)
        return torch.stack([self.weights[name] * error for name, error in errors.items()]).sum()


class ContrastiveEncoders(Encoders):
    """Encoders that learn by telling cells apart: two looks at a cell shall be nearer than any two cells.

    The normalised temperature-scaled cross-entropy of SimCLR (Chen et al., ICML 2020); the latent is taken before the
    projection that the loss compares.

    Parameters
    ----------
    looks
        How two looks at a cell differ.
    temperature, projected
        Of the loss, and the size of what it compares.
    """

    def __init__(
        self,
        architectures: Sequence[Architecture],
        seed: int,
        *,
        looks: Looks = Looks(),  # noqa: B008 - frozen
        temperature: float = 0.2,
        projected: int = 32,
    ) -> None:
        super().__init__(architectures, seed)
        self.looks, self.temperature = looks, temperature
        size = sum(architecture.latent for architecture in architectures)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed + 1)
            # Without both the loss shapes what comes after the latent rather than the latent itself.
            self.projection = nn.Sequential(
                nn.ReLU(),
                nn.Linear(size, 2 * size, bias=False),
                nn.BatchNorm1d(2 * size),
                nn.ReLU(),
                nn.Linear(2 * size, projected),
            )

    def loss(
        self,
        prepared: Images,
        label: Tensor,  # noqa: ARG002 - a cell is told from others, not a class
        generators: Mapping[str, torch.Generator] | None,
    ) -> Tensor:
        """Return the contrastive loss of two looks at every cell."""
        # Looks must differ for the loss to mean anything; where it is measured, they are the same every time.
        chance = generators or {name: torch.Generator().manual_seed(0) for name in prepared}
        seen = [
            {name: look_again(image, self.looks, chance[name]) for name, image in prepared.items()} for _ in range(2)
        ]
        projected = nn.functional.normalize(self.projection(torch.cat([self.latent(look) for look in seen])), dim=1)
        n = len(projected) // 2
        alike = projected @ projected.T / self.temperature
        alike = alike.masked_fill(torch.eye(2 * n, dtype=torch.bool, device=alike.device), float("-inf"))
        partner = torch.arange(2 * n, device=alike.device).roll(n)
        return nn.functional.cross_entropy(alike, partner)


class LabelledEncoders(Encoders):
    """Encoders that learn the classes that cells are labelled with, each weighing the same however rare it is.

    Parameters
    ----------
    weight
        `(classes,)` of a cell of each class in the loss.
    looks
        How a cell may look in training.
    """

    weight: Tensor

    def __init__(self, architectures: Sequence[Architecture], seed: int, weight: Tensor, looks: Looks) -> None:
        super().__init__(architectures, seed)
        self.looks = looks
        self.register_buffer("weight", weight)
        size = sum(architecture.latent for architecture in architectures)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed + 1)
            self.classes = nn.Sequential(nn.ReLU(), nn.Linear(size, len(weight)))

    def loss(self, prepared: Images, label: Tensor, generators: Mapping[str, torch.Generator] | None) -> Tensor:
        """Return the cross-entropy of the classes, weighted."""
        return self.class_loss(self.latent(self.looked_at(prepared, generators)), label)

    def looked_at(self, prepared: Images, generators: Mapping[str, torch.Generator] | None) -> Images:
        """Return preprocessed images as they may look in training; without generators as they are."""
        if generators is None:
            return prepared
        return {name: look_again(image, self.looks, generators[name]) for name, image in prepared.items()}

    def class_loss(self, latent: Tensor, label: Tensor) -> Tensor:
        """Return the weighted cross-entropy of latents `(n, d)` and classes `(n,)`."""
        return nn.functional.cross_entropy(self.classes(latent), label, weight=self.weight)
