"""`lightline worker`: lend this computer's processor to a service."""

from __future__ import annotations

import signal
from pathlib import Path

import click

from inference.image_maker import image_maker
from inference.keys import WorkerKeys
from inference.worker import Worker, engine_maker


@click.command()
@click.option("--connect", "address", required=True, metavar="tcp://HOST:PORT", help="Where the service listens.")
@click.option("--name", default="", help="Name in the service's status (default: this computer and process).")
@click.option(
    "--provider",
    type=click.Choice(["auto", "cpu", "cuda"]),
    default="auto",
    show_default=True,
    help="Hardware for inference; 'auto' takes a graphics card where one works.",
)
@click.option("--threads", type=click.IntRange(min=1), help="Threads for the model (default: half the cores).")
@click.option(
    "--keys",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder with this worker's keys, see 'lightline keys'.",
)
def worker(address: str, name: str, provider: str, threads: int | None, keys: Path | None) -> None:
    """Answer for the cells of a service that was started with --transport tcp://...

    The model comes from the service when a run starts, so nothing has to be installed here but Lightline. A worker
    may join and leave at any time: what it had not answered is given to another.
    """
    known = None if keys is None else WorkerKeys.load(keys)
    joined = Worker(address, engine_maker(provider, threads), name=name, keys=known, make_images=image_maker)
    interrupted = False

    def leave(number: int, _frame: object) -> None:
        nonlocal interrupted
        interrupted = number == signal.SIGINT
        joined.stop()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, leave)
    click.echo(f"Waiting for work from {address}; Ctrl-C leaves.", err=True)
    joined.run()
    if interrupted:
        raise KeyboardInterrupt
