"""Concept whitening as a part of the convolution before it, where it costs nothing."""

from __future__ import annotations

from typing import cast

import torch
from torch import nn

from inference.training.encoder import Encoder
from inference.training.known.resnet import Residual
from inference.training.known.whitening import ConceptWhitening


def fold_whitening(encoder: Encoder) -> None:
    """Put an encoder's whitening and rotation into the weights of the convolution that they follow.

    Whitened and turned, y = R W (x - m) is a convolution of 1 x 1 with the weights R W and the offset -R W m.
    """
    if encoder.concepts is None:
        return
    block = cast(Residual, cast(nn.Sequential, encoder.blocks[encoder.concepts.layer])[-1])
    layer, before = cast(ConceptWhitening, block.bn1), block.conv1
    turn = layer.rotation.double() @ layer.matrix.double()
    weight = before.weight.detach().double()
    folded = nn.Conv2d(
        before.in_channels, before.out_channels, cast(tuple[int, int], before.kernel_size),
        stride=cast(tuple[int, int], before.stride), padding=cast(tuple[int, int], before.padding),
    )  # fmt: skip
    folded.load_state_dict(
        {
            "weight": torch.einsum("ij,jcyx->icyx", turn, weight).float(),
            "bias": (-turn @ layer.running_mean.double()).float(),
        }
    )
    block.conv1, block.bn1 = folded.eval(), nn.Identity()
