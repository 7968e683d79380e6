"""`lightline tune`: how this computer runs a model best."""

from __future__ import annotations

import click

from inference.bundle import Bundle
from inference.shipped import bundle_file
from inference.tune import CELLS, Timed, tune
from inference.tuning import keep


@click.command("tune")
@click.argument("bundle")
@click.option(
    "--provider",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Hardware to measure; 'auto' takes a graphics card where one works, 'cuda' ends where none does.",
)
@click.option(
    "--most-threads",
    type=click.IntRange(min=1),
    help="Threads to try, at most (default: half the cores, as acquisition keeps its own).",
)
def tune_command(bundle: str, provider: str, most_threads: int | None) -> None:
    """Measure which batch sizes and how many threads BUNDLE runs best with on this computer, and use them from now on.

    BUNDLE is a bundle file, or the name of a model that comes with Lightline. It takes some seconds, in which the
    computer should have nothing else to do.
    """
    found = tune(Bundle.load(bundle_file(bundle)), provider, most_threads)
    tuned = found.tuned
    click.echo(f"{tuned.provider} on {tuned.hardware}, ONNX Runtime {tuned.runtime}")
    for one in found.sizes:
        click.echo(f"  batches of {one.number:<3} {_line(one, one.number)}")
    for one in found.threads:
        click.echo(f"  threads    {one.number:<3} {_line(one, CELLS)}")
    sizes = ", ".join(map(str, tuned.batch_sizes))
    threads = "1 thread" if tuned.threads == 1 else f"{tuned.threads} threads"
    click.echo(f"Batches of {sizes} with {threads}: {tuned.cells_per_s:.0f} cells/s. Kept in {keep(tuned)}")


def _line(one: Timed, cells: int) -> str:
    return f"{1e3 * one.batch_s:9.3f} ms {cells / one.batch_s:9.0f} cells/s  {'kept' if one.kept else ''}".rstrip()
