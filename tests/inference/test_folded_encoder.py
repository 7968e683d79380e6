"""What is exported must be the network that was trained, though it is computed in another way."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from inference.training.architecture import Architecture
from inference.training.encoder import Encoder
from inference.training.folded import FoldedEncoder


def trained(architecture: Architecture) -> Encoder:
    """An encoder with weights and statistics as a training may leave them: nothing is 0 or 1."""
    generator = torch.Generator().manual_seed(3)
    encoder = Encoder(architecture).eval()
    for part in encoder.modules():
        if isinstance(part, nn.BatchNorm2d | nn.BatchNorm3d):
            for values in (part.running_var, part.weight):
                values.data.uniform_(0.2, 3.0, generator=generator)
            for values in (part.running_mean, part.bias):
                values.data.uniform_(-1.0, 1.0, generator=generator)
    return encoder


@pytest.mark.parametrize(
    ("shape", "pool", "root"),
    [((32, 16), 1, False), ((32, 32), 2, True), ((16, 8, 24), 1, False), ((32, 16, 48), 2, True)],
)
@pytest.mark.parametrize("background", [0.0, 1.0])
def test_a_folded_encoder_answers_as_the_trained_one(
    shape: tuple[int, ...], pool: int, root: bool, background: float
) -> None:
    encoder = trained(Architecture("light", shape, pool, (4, 6, 8), 5, background, 1.7, root))
    images = torch.randn(3, *shape, generator=torch.Generator().manual_seed(4)) + background
    images[0, 0] = background
    with torch.no_grad():
        wanted, latent = encoder(encoder.preprocess(encoder.pool(images[:, None])))
        activations, folded_latent = FoldedEncoder(encoder)(images[:, None])
    by_channel = activations[-1].transpose(1, 2) if len(shape) == 3 else activations[-1]
    torch.testing.assert_close(by_channel, wanted, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(folded_latent, latent, rtol=1e-5, atol=1e-5)


def test_channels_looked_at_together_keep_their_own_contrasts() -> None:
    colours = ("red", "green", "blue")
    plain = Architecture(colours[0], (32, 16), 1, (4, 6, 8), 5, 1.0, 1.0, root=False)
    encoder = trained(replace(plain, beside=colours[1:], gains=(0.5, 2.0, 7.0)))
    images = torch.randn(3, 3, 32, 16, generator=torch.Generator().manual_seed(4)) + 1.0
    with torch.no_grad():
        for seen in (images, images.flip(1)):
            _, latent = encoder(encoder.preprocess(seen))
            torch.testing.assert_close(FoldedEncoder(encoder)(seen)[1], latent, rtol=1e-5, atol=1e-5)
    assert not torch.allclose(FoldedEncoder(encoder)(images)[1], latent, atol=0.01)
