"""VGG16 (Simonyan and Zisserman, ICLR 2015), with the names of torchvision's state dicts."""

from __future__ import annotations

from collections import OrderedDict
from typing import cast

from torch import Tensor, nn

_BLOCKS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
_HIDDEN = 4096
_PLACES = 7
_LAYERS_OF_CONVOLUTION = 2


class Vgg16(nn.Module):
    """The whole network, to scores of so many classes.

    Parameters
    ----------
    channels
        Of the images.
    classes
        None leaves out the fully connected layers, which hold nine tenths of the weights.
    """

    def __init__(self, channels: int = 3, classes: int | None = 1000) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        ins = channels
        for widths in _BLOCKS:
            for width in widths:
                layers += [nn.Conv2d(ins, width, 3, padding=1), nn.ReLU()]
                ins = width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(_PLACES)
        self.classifier = nn.Identity() if classes is None else _classifier(ins * _PLACES**2, classes)
        for part in self.features:
            if isinstance(part, nn.Conv2d):
                nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
                nn.init.zeros_(cast(nn.Parameter, part.bias))

    def blocks(self) -> nn.Sequential:
        """Return what is before the fully connected layers, a block for each halving; weights are shared."""
        blocks, at = [], 0
        for widths in _BLOCKS:
            ends = at + _LAYERS_OF_CONVOLUTION * len(widths) + 1
            blocks.append(nn.Sequential(OrderedDict((str(i), self.features[i]) for i in range(at, ends))))
            at = ends
        return nn.Sequential(*blocks)

    def forward(self, images: Tensor) -> Tensor:
        """Return `(n, classes)` scores of `(n, channels, y, x)` images."""
        return cast(Tensor, self.classifier(self.avgpool(self.features(images)).flatten(1)))


def _classifier(ins: int, classes: int) -> nn.Module:
    first, second = nn.Linear(ins, _HIDDEN), nn.Linear(_HIDDEN, _HIDDEN)
    return nn.Sequential(first, nn.ReLU(), nn.Dropout(), second, nn.ReLU(), nn.Dropout(), nn.Linear(_HIDDEN, classes))


def torchvision_name(name: str) -> str:
    """Return what torchvision calls a weight of `Vgg16.blocks`."""
    return f"features.{name.partition('.')[2]}"
