"""`lightline train`: make a model from cells."""

from __future__ import annotations

import shlex
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from acquisition.errors import ConfigError
from inference.training.concept_columns import concept_name
from service.cli.gather import gather
from service.cli.hands import hands_options, opened_hands
from service.cli.image_options import image_options
from service.cli.model_kinds import FACTORS, KINDS, Wanted
from service.cli.network_options import chosen_network, network_options
from service.cli.training_cells import joined
from service.cli.training_libraries import needing_training_libraries

if TYPE_CHECKING:
    from inference.training.data import TrainingSet


class ClusterNumber(click.ParamType[int | None]):
    """A whole number above 0, or `auto`, which is None."""

    name = "number|auto"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | None:
        """Return the number."""
        if value == "auto":
            return None
        try:
            return click.IntRange(min=1).convert(value, param, ctx)
        except click.BadParameter:
            self.fail(f"'{value}' is no number of groups; write a whole number above 0, or auto.", param, ctx)


@click.command()
@click.argument("kind", type=click.Choice(list(KINDS)))
@click.option(
    "--data",
    "places",
    multiple=True,
    required=True,
    metavar="SOURCE",
    help="Where cells come from: sim:sheet-ci?seed=1, a recording, a run folder, a .npz set, a collection of images "
    "(a folder, a .zip or an .npz), or sprites:?seed=1, which are drawn; give it once for each run, at least twice, "
    "because whole runs are held out to measure. A collection alone is split as it says itself, or else in the order "
    "of its files.",
)
@click.option("--out", "-o", required=True, type=click.Path(dir_okay=False, path_type=Path), help="Bundle to write.")
@click.option(
    "--cells", type=click.IntRange(min=1), help="Cells from each source (default: 1000, of a collection of images all)."
)
@click.option(
    "--clusters",
    type=ClusterNumber(),
    default="3",
    show_default=True,
    help="Groups to look for; with 'auto', the number up to 10 that explains the cells best (least BIC).",
)
@click.option(
    "--covariance",
    type=click.Choice(["auto", "full", "tied"]),
    default="auto",
    show_default=True,
    help="Whether every group has a shape of its own (full) or all have one (tied); auto asks for cells enough.",
)
@image_options
@click.option(
    "--weight",
    "first_weight",
    type=click.FloatRange(0, 1),
    default=0.5,
    show_default=True,
    help="Share of the flat image in the loss of a fused autoencoder.",
)
@click.option(
    "--epochs",
    type=click.IntRange(min=1),
    help="Most passes over the cells (default: dcae 60, contrastive 30, of volumes 20, classifier 16, vae and factors "
    "30).",
)
@click.option(
    "--latent",
    type=click.IntRange(min=2),
    help="Numbers that hold an image of a cell (default: dcae 16, contrastive 64, of volumes 16, classifier 32, vae "
    "and factors 10); networks of paper C have 64.",
)
@click.option(
    "--axes",
    type=click.IntRange(min=2),
    help="Principal axes of the latent, as loud as they are, that groups and novelty are looked for in (default: "
    "classifier and contrastive 16, of volumes 4, vae and factors 6; dcae all axes, each as loud as any other).",
)
@network_options
@click.option(
    "--size",
    type=click.Choice(["live", "large"]),
    default="live",
    show_default=True,
    help="Whether a strided encoder keeps up with a live instrument, or computes two to four times as much for a cell.",
)
@click.option(
    "--saliency",
    type=click.Choice(["hires_cam", "grad_cam"]),
    default="hires_cam",
    show_default=True,
    help="How maps of what mattered are made: place by place, or by means over the image as in paper A.",
)
@click.option(
    "--alpha",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.1,
    show_default=True,
    help="Share of the cells of a class that may be given a set of classes without their own.",
)
@click.option(
    "--factor",
    "factors",
    multiple=True,
    help="What cells differ by, as the truth of a simulation names it; give it for each (default, of kinds that learn "
    f"factors: {', '.join(FACTORS)}).",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of everything random.")
@click.option("--name", help="Name of the model (default: the file's).")
@click.option("--without-labels", is_flag=True, help="Forget what the cells are, even where it is known.")
@click.option("--keep-cells", type=click.Path(dir_okay=False, path_type=Path), help="Write the cells to this .npz too.")
@hands_options
def train(
    kind: str,
    places: tuple[str, ...],
    out: Path,
    cells: int | None,
    channels: tuple[str, ...],
    volume_pool: int,
    shrink: int,
    side: int | None,
    pixel_um: float | None,
    patch: int | None,
    patch_step: int | None,
    factors: tuple[str, ...],
    concepts: tuple[str, ...],
    without_labels: bool,
    keep_cells: Path | None,
    workers: int,
    cluster: str | None,
    **rest: Any,
) -> None:
    """Make a model of the kind KIND from cells, and write it to one file, a bundle.

    A model learns to describe cells in a few numbers, groups them into clusters without being told what they are, and,
    where labels are known, learns the classes too. Its KIND says what it looks at (2d: flat images, 3d: volumes,
    fused: both) and how it learns (dcae: by drawing again what it saw, as in paper A; contrastive: by telling two looks
    at one cell from looks at others; classifier: from the labels; vae: by
    drawing cells again from a few uncertain numbers; factors: the same of pairs that share what a simulation knows of
    them, as in paper D). The last source given is held out to measure the
    model; the table printed at the end sets it beside simple controls.

    After Ctrl-C the same command goes on where it stopped.
    """
    train_model = _trainer(kind)
    for file in filter(None, (out, keep_cells)):
        if not file.absolute().parent.is_dir():
            raise ConfigError(f"There is no folder '{file.parent}'; make it first.")
    chosen = factors or (FACTORS if KINDS[kind].factors else ())
    several = rest["together"] or chosen_network(rest["network"]).is_known
    wanted = Wanted(
        replace(KINDS[kind], several=several), channels, volume_pool, side, shrink, pixel_um, chosen,
        concepts=concepts, patch=patch, patch_step=patch_step,
    )  # fmt: skip
    with opened_hands(workers, cluster) as hands:
        found = gather(places, cells, wanted, hands, beside=out)
        training_set = joined(places, found, wanted, labels=not without_labels)
    if keep_cells is not None:
        training_set.save(keep_cells)
    try:
        bundle = train_model(training_set, out, concepts=tuple(map(concept_name, concepts)), **rest)
    except KeyboardInterrupt:
        click.echo("Stopped; what was learnt is kept, and the same command goes on from there.", err=True)
        raise
    bundle.save(out)
    _forget_checkpoint(_checkpoint_folder(out))
    click.echo(f"Wrote {out} ({bundle.digest[:12]}); use it with 'lightline run --bundle {out}'.", err=True)


def _trainer(kind: str) -> Any:
    """Return the training function, or say what has to be installed."""
    with needing_training_libraries("Training"):
        from inference.training.architecture import Contrast
        from inference.training.concept_choices import ConceptScore, Whitening
        from inference.training.known.inflation import Inflation
        from inference.training.mixture import Covariance
        from inference.training.options import WIDTHS, Learning, Size
        from inference.training.recipes import recipe
        from inference.training.saliency import Saliency
        from inference.training.train import train_bundle

    def train_model(
        training_set: TrainingSet,
        out: Path,
        *,
        name: str | None,
        covariance: str,
        network: str,
        inflation: str,
        contrast: str,
        concept_score: str,
        whitening: str,
        dense: bool,
        size: str,
        saliency: str,
        epochs: int | None,
        latent: int | None,
        axes: int | None,
        **choices: Any,
    ) -> Any:
        widths = WIDTHS[Size(size)]
        flat = widths.together if choices["together"] else widths.images
        suited = recipe(
            Learning(KINDS[kind].learning), chosen_network(network), volumes=KINDS[kind].volumes, dense=dense,
            epochs=epochs, latent=latent,
        )  # fmt: skip
        options = replace(
            suited,
            name=name or out.stem,
            command=shlex.join(["lightline", *sys.argv[1:]]),
            folder=_checkpoint_folder(out),
            covariance=Covariance(covariance),
            widths=flat[: len(suited.widths)],
            volume_widths=widths.volumes,
            saliency=Saliency(saliency),
            inflation=Inflation(inflation),
            contrast=Contrast(contrast),
            concept_score=ConceptScore(concept_score),
            whitening=Whitening(whitening),
            axes=axes or suited.axes,
            **choices,
        )
        return train_bundle(training_set, options)

    return train_model


def _checkpoint_folder(out: Path) -> Path:
    return out.with_name(f"{out.name}.training")


def _forget_checkpoint(folder: Path) -> None:
    """Remove what is of no use once the bundle is written, and would only stand in the way of another training."""
    for file in folder.glob("*.npz"):
        file.unlink()
    # Someone may have put a file of their own there.
    with suppress(OSError):
        folder.rmdir()
