"""`lightline reprocess`: another model's answers, or missing ones, for a run that is over."""

from __future__ import annotations

from pathlib import Path

import click
from click.core import ParameterSource

from service.cli.progress import progress_bar
from service.reprocess.making import reprocess
from service.reprocess.plan import COMPLETED, EVENTS_PER_CHUNK, Wanted


@click.command("reprocess")
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--bundle", help="Model to answer: a shipped name or a bundle file (default: the run's own).")
@click.option("--name", help="What to call the results (default: after the bundle; see --missing).")
@click.option(
    "--missing",
    is_flag=True,
    help=f"Take over the answers that the run has, and answer only for events that were dropped after their windows "
    f"were stored; the results are called '{COMPLETED}'.",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Processes on this computer; more than one need the extra 'cluster'.",
)
@click.option(
    "--cluster",
    metavar="tcp://HOST:8786",
    help="Dask scheduler whose workers do the work; they have to see the folder RUN under the same name.",
)
@click.option(
    "--chunk",
    type=click.IntRange(min=1),
    default=EVENTS_PER_CHUNK,
    show_default=True,
    help="Events that a worker is given at a time.",
)
@click.option(
    "--provider",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Hardware for inference; 'auto' takes a graphics card where one works.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what became of the events as JSON on stdout.")
def reprocess_command(
    run: Path,
    bundle: str | None,
    name: str | None,
    missing: bool,
    workers: int,
    cluster: str | None,
    chunk: int,
    provider: str,
    as_json: bool,
) -> None:
    """Answer for the events of the run in the folder RUN once more, with another model or for those it left out.

    The answers become a result set beside the ones that the run has, which do not change. Work that was done and would
    come out the same is not done again, and a set that was interrupted is gone on with by the same command.

    \b
    Examples:
      lightline reprocess RUN --bundle better.bundle    what another model says of the same cells
      lightline reprocess RUN --missing                 answers for what the line had no time for
      lightline reprocess RUN --cluster tcp://head:8786   by the workers of a Dask cluster
    """  # noqa: D301 - click wants the backspace character itself
    if (
        cluster is not None
        and click.get_current_context().get_parameter_source("workers") is not ParameterSource.DEFAULT
    ):
        raise click.UsageError(
            "--workers are processes on this computer; leave it out where a --cluster does the work."
        )
    wanted = Wanted(bundle, name, missing, workers, cluster, provider, chunk)
    try:
        with progress_bar("answering", "events") as progress:
            made = reprocess(run, wanted, progress=progress)
    except KeyboardInterrupt:
        click.echo("Interrupted; what is done is kept, and the same command goes on with it.", err=True)
        click.get_current_context().exit(130)
    if as_json:
        click.echo(made.model_dump_json(indent=1))
    ledger = made.ledger
    click.echo(
        f"The results '{made.name}' hold {ledger.stored} cells and {sum(ledger.rejected.values())} rejected events, "
        f"{made.taken_over} of them taken over; {sum(ledger.dropped.values())} events have no answer.",
        err=True,
    )
