"""ResNet-18 and ResNet-50 (He et al., CVPR 2016), with the names of torchvision's state dicts."""

from __future__ import annotations

from collections import OrderedDict
from typing import cast

import torch
from torch import Tensor, nn


class Residual(nn.Module):
    """Adds what a few layers make of what comes in to that, brought to the same shape."""

    conv1: nn.Conv2d
    bn1: nn.Module
    downsample: nn.Module | None

    def forward(self, seen: Tensor) -> Tensor:
        """Return the activation behind the block."""
        return self.parts(seen)[1]

    def parts(self, seen: Tensor) -> tuple[Tensor, Tensor]:
        """Return the activation behind the first normalisation, where concepts can lie, and behind the block."""
        straight = seen if self.downsample is None else self.downsample(seen)
        first = self.bn1(self.conv1(seen))
        return first, torch.relu(self.bent(first) + straight)

    def bent(self, first: Tensor) -> Tensor:
        """Return what is added, from the activation behind the first normalisation."""
        raise NotImplementedError


class BasicBlock(Residual):
    """Two convolutions of 3 x 3."""

    expansion = 1

    def __init__(self, ins: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(ins, width, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = _downsample(ins, width, stride)

    def bent(self, first: Tensor) -> Tensor:
        """Return what is added."""
        return cast(Tensor, self.bn2(self.conv2(torch.relu(first))))


class Bottleneck(Residual):
    """A convolution of 3 x 3 between two of 1 x 1, the stride in the middle, as torchvision has it."""

    expansion = 4

    def __init__(self, ins: int, width: int, stride: int) -> None:
        super().__init__()
        outs = width * self.expansion
        self.conv1 = nn.Conv2d(ins, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, outs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outs)
        self.downsample = _downsample(ins, outs, stride)

    def bent(self, first: Tensor) -> Tensor:
        """Return what is added."""
        inside = torch.relu(self.bn2(self.conv2(torch.relu(first))))
        return cast(Tensor, self.bn3(self.conv3(inside)))


class ResNet(nn.Module):
    """The whole network, to scores of so many classes.

    Parameters
    ----------
    block, depths
        Kind of block, and how many of them each of the four layers has.
    channels
        Of the images.
    classes
        None leaves out the layer behind the mean over places.
    """

    def __init__(
        self,
        block: type[BasicBlock | Bottleneck],
        depths: tuple[int, ...],
        channels: int = 3,
        classes: int | None = 1000,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 64, 7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        ins = 64
        for place, depth in enumerate(depths):
            blocks = []
            for number in range(depth):
                blocks.append(block(ins, 64 << place, 2 if place and not number else 1))
                ins = (64 << place) * block.expansion
            setattr(self, f"layer{place + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(ins, classes) if classes else nn.Identity()
        for part in self.modules():
            if isinstance(part, nn.Conv2d):
                nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")

    def blocks(self) -> nn.Sequential:
        """Return what is before the mean over places: the stem, then the four layers; weights are shared."""
        stem = OrderedDict(conv1=self.conv1, bn1=self.bn1, relu=nn.ReLU(), maxpool=nn.MaxPool2d(3, 2, padding=1))
        return nn.Sequential(nn.Sequential(stem), *(getattr(self, f"layer{place}") for place in range(1, 5)))

    def forward(self, images: Tensor) -> Tensor:
        """Return `(n, classes)` scores of `(n, channels, y, x)` images."""
        return cast(Tensor, self.fc(self.blocks()(images).mean(dim=(2, 3))))


def torchvision_name(name: str) -> str:
    """Return what torchvision calls a weight of `ResNet.blocks`."""
    place, _, rest = name.partition(".")
    return rest if place == "0" else f"layer{place}.{rest}"


def _downsample(ins: int, outs: int, stride: int) -> nn.Module | None:
    if stride == 1 and ins == outs:
        return None
    return nn.Sequential(nn.Conv2d(ins, outs, 1, stride=stride, bias=False), nn.BatchNorm2d(outs))
