"""`lightline keys`: so that workers on other computers may join, and nobody else."""

from __future__ import annotations

from pathlib import Path

import click

from inference.keys import PUBLIC, SECRET, SERVICE, make_keys


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--worker",
    "workers",
    multiple=True,
    default=("worker",),
    show_default=True,
    help="Name of a worker, or of a computer with workers; may be given several times.",
)
def keys(folder: Path, workers: tuple[str, ...]) -> None:
    """Make keys in FOLDER for a service and its workers on other computers.

    Start the service with --keys FOLDER. Each worker gets a folder with its own secret key and the service's public
    one, over a way that others cannot read, and is started with --keys and that folder. A worker whose .key file is
    taken out of FOLDER is not let in again.
    """
    for path in make_keys(folder, workers):
        click.echo(path)
    for name in workers:
        click.echo(f"For the worker '{name}': {folder / (name + SECRET)} and {folder / (SERVICE + PUBLIC)}", err=True)
