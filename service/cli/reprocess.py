"""`lightline reprocess`: another model's answers, or missing ones, for runs that are over and for recordings."""

from __future__ import annotations

import json
from pathlib import Path

import click

from service.cli.hands import hands_options, opened_hands
from service.cli.progress import progress_bar
from service.reprocess.batch import as_runs, reprocess_all
from service.reprocess.executor import Executor
from service.reprocess.plan import COMPLETED, MOST_PER_CHUNK, Wanted
from service.result_set import ResultSet
from service.runs.arming import Makers
from service.runs.control import RUNS
from service.settings import Settings


@click.command("reprocess")
@click.argument("paths", metavar="RUN|RECORDING...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--bundle", help="Model to answer: a shipped name or a bundle file (default: the run's own).")
@click.option("--name", help="What to call the results (default: after the bundle; see --missing).")
@click.option(
    "--missing",
    is_flag=True,
    help=f"Take over the answers that the run has, and answer only for events that were dropped after their windows "
    f"were stored; the results are called '{COMPLETED}'.",
)
@hands_options
@click.option(
    "--chunk",
    type=click.IntRange(min=1),
    help=f"Events that a worker is given at a time; by default a share of them, {MOST_PER_CHUNK} at most.",
)
@click.option(
    "--provider",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Hardware for inference; 'auto' takes a graphics card where one works.",
)
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    default=Settings.model_fields["data"].default,
    show_default=True,
    help="Data folder, in whose folder of runs recordings become runs.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what became of the events as JSON on stdout.")
def reprocess_command(
    paths: tuple[Path, ...],
    bundle: str | None,
    name: str | None,
    missing: bool,
    workers: int,
    cluster: str | None,
    chunk: int | None,
    provider: str,
    data: Path,
    as_json: bool,
) -> None:
    """Answer for the events of runs once more, with another model or for those they left out, and for recordings.

    The answers become a result set beside the ones that a run has, which do not change. Work that was done and would
    come out the same is not done again, and what was interrupted is gone on with by the same command. A recording (a
    trace file, or the folder of one) becomes a run in the data folder first, with the windows of its events.

    \b
    Examples:
      lightline reprocess RUN --bundle better.bundle    what another model says of the same cells
      lightline reprocess RUN --missing                 answers for what the line had no time for
      lightline reprocess a.h5 b.h5 --workers 8         recordings, by eight processes
      lightline reprocess RUN --cluster tcp://head:8786   by the workers of a Dask cluster
    """  # noqa: D301 - click wants the backspace character itself
    wanted = Wanted(bundle, name, missing, provider, chunk)
    try:
        with opened_hands(workers, cluster) as hands:
            made = _made(paths, data, wanted, hands)
    except KeyboardInterrupt:
        click.echo("Interrupted; what is done is kept, and the same command goes on with it.", err=True)
        click.get_current_context().exit(130)
    if as_json:
        shown = [one.model_dump(mode="json") for one in made]
        click.echo(json.dumps(shown if len(paths) > 1 else shown[0], indent=1))


def _made(paths: tuple[Path, ...], data: Path, wanted: Wanted, hands: Executor) -> list[ResultSet]:
    makers, made = Makers(), []
    with progress_bar("finding events", "recordings") as progress:
        runs = as_runs(paths, data / RUNS, wanted.bundle, hands, makers, progress)
    with progress_bar("answering", "events") as progress:
        for one in reprocess_all(runs, wanted, hands, makers, progress):
            made.append(one)
            ledger = one.ledger
            click.echo(
                f"The results '{one.name}' of the run {one.run} hold {ledger.stored} cells and "
                f"{sum(ledger.rejected.values())} rejected events, {one.taken_over} of them taken over; "
                f"{sum(ledger.dropped.values())} events have no answer.",
                err=True,
            )
    return made
