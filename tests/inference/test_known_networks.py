"""Who has weights of a known network must be able to use them, on any number of channels, and get that network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from toy_cells import CHANNEL, draw_set

from inference.errors import TrainingError
from inference.training.architecture import KNOWN_WIDTHS, Architecture, Contrast, Network
from inference.training.encoder import Encoder
from inference.training.fit import fit_encoders
from inference.training.known.blocks import known_network, load_weights, weights_of
from inference.training.known.inflation import Inflation, inflated
from inference.training.known.neck import DenseNeck, MeanNeck
from inference.training.known.weights_file import read_weights, write_weights
from inference.training.new_model import new_model
from inference.training.options import Learning, TrainingOptions
from inference.training.recipes import recipe
from inference.training.split import RunSplit
from inference.training.train import train_parts

COUNTS = {Network.RESNET18: 11_689_512, Network.RESNET50: 25_557_032, Network.VGG16: 138_357_544}
SHAPES = {
    Network.RESNET18: {"layer4.1.bn1.running_var": (512,), "layer2.0.downsample.0.weight": (128, 64, 1, 1)},
    Network.RESNET50: {"layer1.0.conv3.weight": (256, 64, 1, 1), "layer4.2.bn3.bias": (2048,)},
    Network.VGG16: {"features.28.weight": (512, 512, 3, 3), "classifier.6.bias": (1000,)},
}


@pytest.fixture(scope="module")
def weights() -> dict[str, torch.Tensor]:
    """Of a ResNet-18 of three channels."""
    with torch.random.fork_rng():
        torch.manual_seed(3)
        network = known_network(Network.RESNET18, classes=None)
        return weights_of(Network.RESNET18, network.blocks())


@pytest.mark.parametrize("network", list(COUNTS))
def test_a_known_network_has_the_weights_and_names_that_torchvision_has(network: Network) -> None:
    with torch.device("meta"):
        whole = known_network(network)
    assert sum(weight.numel() for weight in whole.parameters()) == COUNTS[network]
    held = {name: tuple(value.shape) for name, value in whole.state_dict().items()}
    assert SHAPES[network].items() <= held.items()
    blocks = weights_of(network, whole.blocks())
    behind = ("fc.", "classifier.")
    assert blocks.keys() == {name for name in held if not name.startswith(behind)}
    shapes = whole.blocks()(torch.zeros(1, 3, 64, 64, device="meta")).shape
    built = Architecture("red", (64, 64), 1, KNOWN_WIDTHS[network], 4, 1.0, 1.0, root=False, network=network)
    assert shapes == (1, built.widths[-1], *built.activation_shape())


@pytest.mark.parametrize("shape", [(80, 80), (40, 72), (33, 47)])
@pytest.mark.parametrize("network", [Network.RESNET18, Network.VGG16])
def test_any_size_of_image_fits(network: Network, shape: tuple[int, int]) -> None:
    built = Architecture("red", shape, 1, KNOWN_WIDTHS[network], 4, 1.0, 1.0, root=False, network=network)
    with torch.device("meta"):
        blocks = known_network(network, 1, classes=None).blocks()
        assert blocks(torch.zeros(1, 1, *shape)).shape[2:] == built.activation_shape()


@pytest.mark.parametrize(("channels", "growth"), [(10, 10 / 3), (4, 4 / 3), (3, 1.0), (2, 2 / 3), (1, 1 / 3)])
def test_inflation_answers_grey_as_the_weights_did(channels: int, growth: float) -> None:
    kernels = torch.randn(8, 3, 7, 7, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    grey = torch.rand(2, 1, 20, 20, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    wanted = torch.nn.functional.conv2d(grey.expand(-1, 3, -1, -1), kernels)
    for inflation, factor in ((Inflation.NONE, growth), (Inflation.THREE_OF_C, 1.0)):
        made = inflated(kernels, channels, inflation)
        answer = torch.nn.functional.conv2d(grey.expand(-1, channels, -1, -1), made)
        torch.testing.assert_close(answer, factor * wanted)
        if channels > 3 and inflation is Inflation.NONE:
            torch.testing.assert_close(made[:, :3], kernels, rtol=0, atol=0)
            torch.testing.assert_close(made[:, 3], kernels.mean(dim=1))


@pytest.mark.parametrize("name", ["weights.pt", "weights.safetensors"])
def test_weights_come_back_from_a_file_and_are_begun_with(
    name: str, weights: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    file = tmp_path / name
    # As torchvision's files are: with the layer of 1,000 classes.
    write_weights(file, {**weights, "fc.weight": torch.zeros(1000, 512), "fc.bias": torch.zeros(1000)})
    options = replace(recipe(Learning.LABELS, Network.RESNET18), weights=file, inflation=Inflation.THREE_OF_C)
    encoder = new_model(draw_set(20, 1), options).encoders[CHANNEL]
    kept = weights_of(Network.RESNET18, encoder.blocks)
    for known, value in weights.items():
        wanted = value.mean(dim=1, keepdim=True) * 3 if known == "conv1.weight" else value
        torch.testing.assert_close(kept[known], wanted)


def test_what_are_no_weights_of_the_network_is_refused_in_a_sentence(
    weights: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    for name, content in (("a.pt", b"no zip"), ("b.safetensors", b"\xff" * 64), ("c.safetensors", b"")):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(TrainingError, match="state dict"):
            read_weights(tmp_path / name)
    torch.save({"conv1.weight": "text"}, tmp_path / "d.pt")
    torch.save({"model": torch.nn.Linear(1, 1)}, tmp_path / "e.pt")
    for name in ("d.pt", "e.pt"):
        with pytest.raises(TrainingError, match="state dict"):
            read_weights(tmp_path / name)
    with pytest.raises(TrainingError, match="no file"):
        read_weights(tmp_path / "missing.pt")
    blocks = known_network(Network.RESNET18, classes=None).blocks()
    wrong = {
        "there is no 'layer1.0.conv1.weight'": {k: v for k, v in weights.items() if k != "layer1.0.conv1.weight"},
        "must be": {**weights, "layer4.1.bn1.bias": torch.zeros(3)},
        "it has no 'layer9'": {**weights, "layer9": torch.zeros(3)},
        "images of 5 channels": {**weights, "conv1.weight": torch.zeros(64, 5, 7, 7)},
    }
    for sentence, broken in wrong.items():
        with pytest.raises(TrainingError, match=sentence):
            load_weights(Network.RESNET18, blocks, broken, 3, Inflation.NONE)


def test_a_safetensors_file_whose_arrays_lie_elsewhere_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "w.safetensors"
    write_weights(file, {"a": torch.arange(6.0).reshape(2, 3)})
    torch.testing.assert_close(read_weights(file)["a"], torch.arange(6.0).reshape(2, 3))
    file.write_bytes(file.read_bytes()[:-4])
    with pytest.raises(TrainingError, match="state dict"):
        read_weights(file)


@pytest.mark.parametrize("contrast", list(Contrast))
def test_light_is_what_the_weights_were_learnt_on(contrast: Contrast) -> None:
    options = replace(recipe(Learning.LABELS, Network.RESNET18), contrast=contrast)
    encoder: Encoder = new_model(draw_set(20, 1), options).encoders[CHANNEL]
    light = torch.tensor([0.0, 0.5, 1.0]).reshape(3, 1, 1, 1).expand(3, 1, 4, 4)
    seen = encoder.preprocess(light)
    assert float(seen[2].abs().max()) == 0.0, "shifted cells must leave nothing behind"
    if contrast is not Contrast.OWN:
        lifted = encoder.blocks[0].lift(seen)[:, 0, 0, 0]
        mean, spread = {Contrast.UNIT: (0.0, 1.0), Contrast.IMAGENET: (0.449, 0.226)}[contrast]
        torch.testing.assert_close(lifted, (torch.tensor([0.0, 0.5, 1.0]) - mean) / spread)


def test_what_is_frozen_keeps_its_weights_and_statistics_while_the_layers_of_paper_b_learn() -> None:
    options = replace(
        recipe(Learning.LABELS, Network.RESNET18, dense=True, epochs=1), frozen=True, edge=32, batch=20, progress=False
    )
    assert options.latent == 128
    train = draw_set(22, 1)
    before = new_model(train, options).encoders[CHANNEL]
    after = fit_encoders(train, draw_set(20, 2), options).model.encoders[CHANNEL]
    for name, value in before.blocks.state_dict().items():
        torch.testing.assert_close(after.blocks.state_dict()[name], value, rtol=0, atol=0)
    assert not torch.equal(before.latent.state_dict()["last.weight"], after.latent.state_dict()["last.weight"])
    assert [layer.out_features for layer in after.latent.at_place] == [2048, 1024, 512, 256]


@pytest.mark.parametrize("dense", [False, True])
def test_the_gradient_of_a_map_is_that_of_autograd(dense: bool) -> None:
    neck = (DenseNeck(6, 12, 5) if dense else MeanNeck(6, 5)).double().eval()
    generator = torch.Generator().manual_seed(1)
    activation = torch.rand(3, 6, 3, 4, generator=generator, dtype=torch.float64).requires_grad_(True)
    by_latent = torch.randn(3, 5, generator=generator, dtype=torch.float64)
    (wanted,) = torch.autograd.grad((neck(activation.flatten(1)) * by_latent).sum(), activation)
    torch.testing.assert_close(neck.gradient(by_latent, activation), wanted)


def test_weights_that_were_learnt_are_kept_for_others_to_begin_with(tmp_path: Path) -> None:
    file = tmp_path / "kept.safetensors"
    options = replace(
        recipe(Learning.LABELS, Network.RESNET18, epochs=1, latent=8), edge=32, batch=20, clusters=2, axes=3,
        keep_weights=file, progress=False,
    )  # fmt: skip
    parts = train_parts(RunSplit(draw_set(45, 1), draw_set(20, 2), draw_set(20, 3)), options)
    learnt = weights_of(Network.RESNET18, parts.model.encoders[CHANNEL].blocks)
    again = new_model(draw_set(20, 4), replace(options, keep_weights=None, weights=file)).encoders[CHANNEL]
    for name, value in weights_of(Network.RESNET18, again.blocks).items():
        torch.testing.assert_close(value, learnt[name], rtol=0, atol=0)


def test_what_cannot_be_built_is_refused() -> None:
    with pytest.raises(TrainingError, match="classifier2d"):
        replace(recipe(Learning.CONTRAST), network=Network.RESNET18)
    with pytest.raises(TrainingError, match="known networks"):
        TrainingOptions(frozen=True)
    with pytest.raises(TrainingError, match="32 pixels"):
        Architecture("red", (31, 80), 1, KNOWN_WIDTHS[Network.VGG16], 4, 1, 1, root=False, network=Network.VGG16)
    different = draw_set(20, 1)
    images = {**different.images, "half": np.zeros((len(different), 40, 40), np.float32)}
    mixed = replace(different, images=images, pool=dict.fromkeys(images, 1))
    with pytest.raises(TrainingError, match="same size"):
        new_model(mixed, recipe(Learning.LABELS, Network.RESNET18))
