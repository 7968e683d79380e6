"""Known networks as the blocks of an encoder, and their weights under torchvision's names."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from inference.errors import TrainingError
from inference.training.architecture import Network
from inference.training.known import resnet, vgg
from inference.training.known.inflation import Inflation, inflated
from inference.training.known.resnet import BasicBlock, Bottleneck, ResNet
from inference.training.known.vgg import Vgg16

_FIRST = {Network.VGG16: "features.0.weight"}
_NOT_OF_BLOCKS = ("fc.", "classifier.")
_COUNTS = "num_batches_tracked"


def known_network(network: Network, channels: int = 3, classes: int | None = 1000) -> ResNet | Vgg16:
    """Return a known network whose weights are random; without classes, only what its blocks are made of."""
    if network is Network.VGG16:
        return Vgg16(channels, classes)
    if network is Network.RESNET18:
        return ResNet(BasicBlock, (2, 2, 2, 2), channels, classes)
    if network is Network.RESNET50:
        return ResNet(Bottleneck, (3, 4, 6, 3), channels, classes)
    raise ValueError(f"'{network}' is no known network.")


def torchvision_names(network: Network, blocks: nn.Module) -> dict[str, str]:
    """Return torchvision's name of each weight of the blocks of a network."""
    name_of = vgg.torchvision_name if network is Network.VGG16 else resnet.torchvision_name
    return {name: name_of(name) for name in blocks.state_dict()}


def weights_of(network: Network, blocks: nn.Module) -> dict[str, Tensor]:
    """Return the weights of the blocks of a network under torchvision's names."""
    held = blocks.state_dict()
    return {known: held[name] for name, known in torchvision_names(network, blocks).items()}


def load_weights(
    network: Network, blocks: nn.Module, weights: Mapping[str, Tensor], channels: int, inflation: Inflation
) -> None:
    """Put weights under torchvision's names into the blocks of a network; layers for classes are passed over.

    Raises
    ------
    TrainingError
        If a weight is missing, left over, or of another shape, or the first layer cannot be made to fit.
    """
    names, held = torchvision_names(network, blocks), blocks.state_dict()
    first = _FIRST.get(network, "conv1.weight")
    found: dict[str, Tensor] = {}
    for name, known in names.items():
        # Old files do not count batches.
        if known not in weights and known.endswith(_COUNTS):
            found[name] = held[name]
            continue
        if known not in weights:
            raise TrainingError(f"The weights are not those of the network '{network}': there is no '{known}'.")
        weight = weights[known]
        found[name] = inflated(weight, channels, inflation) if known == first and weight.dim() == 4 else weight
        if found[name].shape != held[name].shape:
            raise TrainingError(
                f"The weights are not those of the network '{network}': '{known}' is {tuple(weight.shape)} and must be "
                f"{tuple(held[name].shape)}."
            )
    extra = [name for name in weights if name not in names.values() and not name.startswith(_NOT_OF_BLOCKS)]
    if extra:
        raise TrainingError(f"The weights are not those of the network '{network}': it has no '{extra[0]}'.")
    blocks.load_state_dict(found)
