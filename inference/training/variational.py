"""Variational autoencoders whose latents are told what two cells share: Ada-GVAE with labels, and the plain one.

Locatello et al., ICML 2020, with the aggregation of Dapueto et al., IJCNN 2025 (paper D): number i of the latent
belongs to factor i, and is averaged over two cells that share it. Unlike there, numbers that belong to no factor are
never averaged, as cells of a pair share neither place nor noise; so that these do not take over what belongs to the
others, each of those is drawn towards the value of its factor (Locatello et al., ICLR 2020).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from inference.errors import TrainingError
from inference.training.architecture import Architecture, Network
from inference.training.encoder import Decoder, Encoder
from inference.training.models import Encoders, Images

_LOG_VARIANCES = (-10.0, 4.0)


class VariationalAutoencoders(Encoders):
    """Encoders that learn by drawing cells again from a few uncertain numbers (Kingma and Welling, ICLR 2014).

    The latent is the mean of what is believed; a Gaussian of unit spread about what is drawn is the likelihood of the
    preprocessed pixels.

    Parameters
    ----------
    beta
        Weight of the divergence from a standard normal distribution.
    factors
        How many numbers of the latent, from the first on, belong to a factor each; 0 trains a plain autoencoder.
    label_weight
        Weight of the squares by which these numbers miss their factors.
    averaging
        Whether those whose factor two cells share are averaged over the pair.
    """

    def __init__(
        self,
        architectures: Sequence[Architecture],
        seed: int,
        beta: float,
        factors: int = 0,
        label_weight: float = 0.0,
        *,
        averaging: bool = True,
    ) -> None:
        if len(architectures) != 1 or architectures[0].network is not Network.STRIDED:
            raise TrainingError("Factors are learnt from one channel, by the network 'strided'; choose that.")
        (architecture,) = architectures
        if factors > architecture.latent:
            raise TrainingError(f"A latent of {architecture.latent} numbers cannot hold {factors} factors; enlarge it.")
        super().__init__(architectures, seed)
        self.beta, self.factors, self.channel = beta, factors, architecture.channel
        self.label_weight, self.averaging = label_weight, averaging
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed + 1)
            self.decoder = Decoder(architecture)
            self.log_variance = nn.Linear(cast(nn.Linear, self._encoder.latent).in_features, architecture.latent)

    @property
    def _encoder(self) -> Encoder:
        return self.encoders[self.channel]

    def believed(self, prepared: Images) -> tuple[Tensor, Tensor]:
        """Return what is believed of the latent: means, which `latent` returns, and log variances, `(n, d)` each."""
        activation, mean = self._encoder(prepared[self.channel])
        return mean, self.log_variance(activation.flatten(1)).clamp(*_LOG_VARIANCES)

    def loss(self, prepared: Images, label: Tensor, generators: Mapping[str, torch.Generator] | None) -> Tensor:
        """Return the negative evidence bound of a cell, nats, up to a constant.

        Parameters
        ----------
        prepared
            See `Encoders.loss`; with generators and factors, each cell at an even place is followed by its partner.
        label
            With generators and factors, `(n, 2, factors)` float32: 1 where a cell shares a factor with its partner, and
            the factor's value, centred and of unit spread. Else of no use.
        generators
            Randomness of what is drawn; without, the means are drawn.
        """
        image = prepared[self.channel]
        mean, log_variance = self.believed(prepared)
        astray = mean.new_zeros(())
        if generators is not None and self.factors:
            astray = self._astray(mean, log_variance, label[:, 1])
            if self.averaging:
                mean, log_variance = averaged(mean, log_variance, label[:, 0] > 0)
        drawn = mean
        if generators is not None:
            chance = torch.randn(mean.shape, generator=generators[self.channel]).to(mean.device)
            drawn = mean + torch.exp(0.5 * log_variance) * chance
        error = 0.5 * (self.decoder(drawn) - image).square().flatten(1).sum(dim=1)
        divergence = 0.5 * (mean.square() + log_variance.exp() - 1.0 - log_variance).sum(dim=1)
        bound: Tensor = (error + self.beta * divergence).mean() + self.label_weight * astray
        return bound

    def _astray(self, mean: Tensor, log_variance: Tensor, values: Tensor) -> Tensor:
        """Return by how much numbers that are drawn miss the factors that they belong to, squared and expected."""
        off = (mean[:, : self.factors] - values).square() + log_variance[:, : self.factors].exp()
        return off.sum(dim=1).mean()


def averaged(mean: Tensor, log_variance: Tensor, shared: Tensor) -> tuple[Tensor, Tensor]:
    """Average what two cells share; the mean of means, and the logarithm of the mean variance.

    Parameters
    ----------
    mean, log_variance
        `(n, d)`, n even: a cell and its partner after each other.
    shared
        `(n, f)` bool, the same for both. Numbers beyond the f-th belong to no factor, and stay as they are.
    """
    pairs = shared.reshape(-1, 2, shared.shape[1])[:, :1]
    told = nn.functional.pad(pairs, (0, mean.shape[1] - shared.shape[1]), value=False).expand(-1, 2, -1)
    means, variances = mean.view(-1, 2, mean.shape[1]), log_variance.exp().view(-1, 2, mean.shape[1])
    both_mean = means.mean(dim=1, keepdim=True).expand_as(means)
    both_variance = variances.mean(dim=1, keepdim=True).expand_as(variances)
    mean = torch.where(told, both_mean, means).reshape(mean.shape)
    return mean, torch.where(told, both_variance, variances).log().reshape(mean.shape)
