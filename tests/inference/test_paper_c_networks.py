"""Who asks for the network of a paper must get that network, to the last weight."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from toy_cells import CHANNEL, draw_set

from inference.errors import TrainingError
from inference.training.architecture import Architecture, Network
from inference.training.encoder import Encoder
from inference.training.graphs import LiveGraph
from inference.training.models import Autoencoders, Encoders, LabelledEncoders
from inference.training.options import Learning
from inference.training.recipes import recipe
from inference.training.split import RunSplit
from inference.training.train import train_parts

CLASSES = 4


def architecture(network: Network) -> Architecture:
    return Architecture(
        CHANNEL, (80, 80), 1, (32, 64, 128), 64, 1.0, 1.0, root=False, network=network, edge=128, by_mean=True
    )


# Convolutions of 11, 6 and 3 pixels, then fully connected layers, with their biases, as the table and the code say.
_CONVOLUTIONS = (11 * 11 * 32 + 32) + (6 * 6 * 32 * 64 + 64) + (3 * 3 * 64 * 128 + 128)
_LAST = 64 * CLASSES + CLASSES


@pytest.mark.parametrize(
    ("network", "count"),
    [
        (Network.MENG_TABLE1, _CONVOLUTIONS + (16 * 16 * 128 * 64 + 64) + _LAST),
        (
            Network.MENG_OFFICIAL,
            _CONVOLUTIONS + 2 * (32 + 64 + 128) + (4 * 4 * 128 * 2048 + 2048) + (2048 * 64 + 64) + _LAST,
        ),
    ],
)
def test_the_networks_have_the_published_number_of_parameters(network: Network, count: int) -> None:
    model = LabelledEncoders([architecture(network)], 0, torch.ones(CLASSES), recipe(Learning.LABELS).looks)
    assert sum(weight.numel() for weight in model.parameters()) == count
    assert round(count / 1e6, 2) == {Network.MENG_TABLE1: 2.25, Network.MENG_OFFICIAL: 4.48}[network]


def test_an_image_is_resized_and_divided_by_its_mean_before_it_is_looked_at() -> None:
    encoder = Encoder(architecture(Network.MENG_OFFICIAL))
    images = torch.rand(3, 1, 80, 80) + 0.5
    seen = encoder.preprocess(images)
    assert seen.shape == (3, 1, 128, 128)
    torch.testing.assert_close(encoder.preprocess(2.5 * images), seen)
    torch.testing.assert_close(seen.mean(dim=(1, 2, 3)), torch.zeros(3), atol=1e-5, rtol=0)


def test_a_network_of_paper_c_tells_the_classes_of_another_run() -> None:
    runs = RunSplit(draw_set(120, 1), draw_set(45, 2), draw_set(60, 3))
    options = replace(recipe(Learning.LABELS, Network.MENG_OFFICIAL, epochs=3), learning_rate=1e-3, progress=False)
    parts = train_parts(runs, replace(options, head_epochs=40, batch=32, clusters=3, axes=4))
    (built,) = parts.architectures
    assert built.preprocessing.startswith(f"(linear({CHANNEL}, 128 x 128) / its mean - 1) * ")
    assert built.activation_shape(parts.saliency.blocks_back([built])) == (4, 4)
    with torch.inference_mode():
        _, _, told, _ = LiveGraph(parts).eval()(torch.from_numpy(np.asarray(runs.test.images[CHANNEL])))
    assert float((told.argmax(dim=1).numpy() == runs.test.label).mean()) > 0.8


def test_what_cannot_be_built_is_refused() -> None:
    with pytest.raises(TrainingError, match="draw cells again"):
        Autoencoders([architecture(Network.MENG_TABLE1)], [1.0], seed=0)
    with pytest.raises(TrainingError, match="flat images"):
        replace(architecture(Network.MENG_TABLE1), shape=(32, 32, 32))
    with pytest.raises(TrainingError, match="multiple of 32"):
        Encoders([replace(architecture(Network.MENG_OFFICIAL), edge=100)], seed=0)
