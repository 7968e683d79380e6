"""Options of `lightline train` that say how a flat image is looked at."""

from __future__ import annotations

from pathlib import Path

import click

from inference.training.architecture import Contrast, Network
from inference.training.concept_choices import ConceptScore, Whitening
from service.cli.options import stack

network_options = stack(
    click.option(
        "--network",
        type=click.Choice([network.value for network in Network]),
        default="strided",
        show_default=True,
        help="How the encoder is built: as in paper A; as in the table of paper C or the code that came with it, which "
        "take flat images alone, resized to 128 x 128 and divided by their mean; or a known network, which sees all "
        "flat images of a cell at once (kind classifier2d).",
    ),
    click.option(
        "--weights",
        type=click.Path(dir_okay=False, path_type=Path),
        help="What a known network begins with: a state dict with torchvision's names (.pt, .pth), or .safetensors.",
    ),
    click.option(
        "--inflation",
        type=click.Choice(["none", "3/C"]),
        default="none",
        show_default=True,
        help="How weights of three channels are made to fit others: further channels take the mean of the three, as in "
        "paper B, and with 3/C all are scaled so that the answer to grey stays.",
    ),
    click.option(
        "--contrast",
        type=click.Choice([contrast.value for contrast in Contrast]),
        default="own",
        show_default=True,
        help="Light to a known network: the contrast of the training cells is 1, or as torchvision's weights of "
        "ImageNet take it, or from 0 (dark) to 1 (empty) as in paper B.",
    ),
    click.option(
        "--resize",
        "edge",
        type=click.IntRange(32, 1024),
        help="Edge of the square that images are resized to for a known network, pixels (default: as they are).",
    ),
    click.option(
        "--together",
        is_flag=True,
        help="One encoder looks at all flat images of a cell at once, instead of one at each (kinds contrastive2d and "
        "classifier2d).",
    ),
    click.option("--dense", is_flag=True, help="Put the layers of paper B behind a known network; it has 128 numbers."),
    click.option("--frozen", is_flag=True, help="Keep the weights of a known network, and learn what is behind it."),
    click.option(
        "--concept",
        "concepts",
        multiple=True,
        metavar="FACT=WORD",
        help="What people say of cells, such as granularity=yes: a column of labels.csv and one of its words, or "
        "class=NAME; each gets an axis of a residual network (concept whitening, paper B) and a score of every cell.",
    ),
    click.option(
        "--concept-layer",
        type=click.IntRange(1, 4),
        default=4,
        show_default=True,
        help="Which of the four layers of a residual network has the axes of concepts.",
    ),
    click.option(
        "--concept-score",
        type=click.Choice([score.value for score in ConceptScore]),
        default="mean",
        show_default=True,
        help="How the map of a concept over a cell becomes a number.",
    ),
    click.option(
        "--concept-weight",
        type=click.FloatRange(0.0),
        default=0.0,
        show_default=True,
        help="Teach concepts: weight in the loss of cells that lack one and score above cells that have it; with 0, "
        "axes are turned towards concepts and that is all.",
    ),
    click.option(
        "--whitening",
        type=click.Choice([whitening.value for whitening in Whitening]),
        default="stable",
        show_default=True,
        help="How the layer of concepts is whitened in training; reference: ten iterations, as published.",
    ),
    click.option(
        "--keep-weights",
        type=click.Path(dir_okay=False, path_type=Path),
        help="Write the weights of a known network to this file too, for --weights.",
    ),
)


def chosen_network(name: str) -> Network:
    """Return the network of a name."""
    return Network(name)
