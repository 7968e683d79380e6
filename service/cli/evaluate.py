"""`lightline evaluate`: how well a model does on cells, and whether for the right reason."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click
import numpy as np

from acquisition.errors import ConfigError
from inference.bundle import Bundle
from inference.contract import Contract
from inference.engine import Engine
from inference.shipped import bundle_file
from service.cli.explanation_options import ToExplain, explanation_options
from service.cli.gather import gather
from service.cli.hands import hands_options, opened_hands
from service.cli.model_kinds import ModelKind, Wanted
from service.cli.training_libraries import needing_training_libraries

if TYPE_CHECKING:
    from inference.evaluation.assess import Assessed
    from inference.training.data import TrainingSet


@click.command()
@click.argument("bundle")
@click.argument("data", nargs=-1, required=True)
@click.option("--out", "-o", required=True, type=click.Path(dir_okay=False, path_type=Path), help="HTML file to write.")
@click.option(
    "--json", "json_file", type=click.Path(dir_okay=False, path_type=Path), help="Write the numbers here too."
)
@click.option(
    "--cells", type=click.IntRange(min=1), help="Cells from each source (default: 1000, of a collection of images all)."
)
@click.option(
    "--controls-from",
    "others",
    multiple=True,
    metavar="SOURCE",
    help="Other runs to fit the simple controls to (default: for each run, the other runs given).",
)
@click.option("--mask-study", is_flag=True, help="Add what masks of maps tell, beside the controls of that study.")
@click.option(
    "--map-cells",
    type=click.IntRange(min=0),
    default=48,
    show_default=True,
    help="Cells, drawn at random, that maps are measured on.",
)
@click.option(
    "--maps-of",
    type=click.Choice(["head", "clusters"]),
    default="head",
    show_default=True,
    help="What the maps explain: what the head tells (classes, where there are any), or the mixture's own clusters.",
)
@click.option(
    "--embedding",
    "view",
    type=click.Choice(["tsne", "pca"]),
    default="tsne",
    show_default=True,
    help="How the embedding is drawn.",
)
@click.option("--gallery", type=click.IntRange(min=1), default=12, show_default=True, help="Cells shown of each group.")
@click.option(
    "--pool",
    type=click.IntRange(1, 8),
    default=2,
    show_default=True,
    help="Edge of the cubes of voxels whose means are kept, as in training.",
)
@explanation_options
@hands_options
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of everything random.")
def evaluate(
    bundle: str,
    data: tuple[str, ...],
    out: Path,
    json_file: Path | None,
    cells: int | None,
    others: tuple[str, ...],
    mask_study: bool,
    map_cells: int,
    maps_of: str,
    view: str,
    gallery: int,
    pool: int,
    seed: int,
    explain: Path | None,
    beside: tuple[str, ...],
    rows: tuple[int, ...],
    names: tuple[str, ...],
    workers: int,
    cluster: str | None,
) -> None:
    """Judge the model BUNDLE on the cells of DATA, and write a report that opens in any browser.

    BUNDLE is a file, or the name of a model that comes with Lightline; DATA is one or more runs as 'lightline train'
    takes them: sim:sheet-ci?seed=9, a recording, a run folder, a .npz set, or a collection of images. The report sets
    clusters and classes beside the truth and beside simple controls, and says how far the saliency maps can be trusted.
    With --explain, a second page says why single cells and whole classes are taken for what they are.
    """
    for file in filter(None, (out, json_file, explain)):
        if not file.absolute().parent.is_dir():
            raise ConfigError(f"There is no folder '{file.parent}'; make it first.")
    engine = Engine(Bundle.load(bundle_file(bundle)))
    _check_installed()
    wish = ToExplain.of_options(explain, engine.contract, beside, rows, names) if explain else None
    from inference.evaluation.assess import assess
    from inference.evaluation.explainer import MapsOf
    from inference.training.data import TrainingSet
    from service.report.evaluation_page import page
    from service.report.evaluation_pictures import EmbeddingView, draw_pictures

    hands = click.get_current_context().with_resource(opened_hands(workers, cluster))

    def collected(places: tuple[str, ...], contract: Contract) -> TrainingSet:
        wanted = _wanted_by(contract, pool)
        found = gather(places, cells, wanted, hands, beside=out)
        return TrainingSet.concatenate(_with_factors(each, wanted.factors) for each in found)

    judged = collected(data, engine.contract)
    # What cannot be explained is found before anything is judged.
    taken = wish.taken(engine, judged, lambda contract: collected(data, contract)) if wish else ()
    fitted = collected(others, engine.contract) if others else None
    found = assess(
        engine,
        judged,
        others=fitted,
        map_cells=map_cells,
        maps_of=MapsOf(maps_of),
        with_masks=mask_study,
        seed=seed,
    )
    pictures = draw_pictures(found, judged, engine.contract, view=EmbeddingView(view), gallery=gallery, seed=seed)
    out.write_text(page(found.numbers, engine.contract, pictures), encoding="utf-8")
    if json_file is not None:
        json_file.write_text(found.numbers.model_dump_json(indent=1) + "\n", encoding="utf-8")
    if wish is not None:
        wish.write(engine, judged, found, taken, most=gallery, seed=seed)
    click.echo(_summary(found))
    click.echo(f"Wrote {' and '.join(str(file) for file in (out, explain) if file)}; open it in a browser.", err=True)


def _check_installed() -> None:
    """Say what has to be installed, before cells are collected for nothing."""
    with needing_training_libraries("Evaluating"):
        import inference.evaluation.assess
        import inference.training.heads  # noqa: F401


def _wanted_by(contract: Contract, pool: int) -> Wanted:
    """Return which images a model looks at, and which of its factors are known."""
    flat = [len(spec.shape) == 2 for spec in contract.inputs]
    kind = ModelKind("", images=any(flat), volumes=not all(flat), several=True)
    first = contract.inputs[0]
    return Wanted(
        kind,
        tuple(spec.channel for spec in contract.inputs),
        pool,
        side=max(first.shape),
        pixel_um=first.pixel_um,
        factors=tuple(spec.name for spec in contract.factors),
        factors_must_be_known=False,
    )


def _with_factors(found: TrainingSet, names: tuple[str, ...]) -> TrainingSet:
    """Return cells with a column for each of these factors and no other; what nobody knows is not a number."""
    unknown = np.full(len(found), np.nan)
    return replace(found, factors={name: found.factors.get(name, unknown) for name in names})


def _summary(found: Assessed) -> str:
    numbers = found.numbers
    kinds = {"clusters": numbers.clusters, "classes": numbers.classes, **numbers.controls}
    rows = {name.replace("_", " "): scores.balanced_accuracy for name, scores in kinds.items() if scores is not None}
    if not rows:
        return "The cells have no labels, so nothing is compared with the truth."
    width = max(map(len, rows))
    return "\n".join(["balanced accuracy", *(f"  {name:<{width}}  {value:.1%}" for name, value in rows.items())])
