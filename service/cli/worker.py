"""`lightline worker`: lend this computer's processor to a service."""

from __future__ import annotations

import signal

import click

from inference.address import checked_address
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
def worker(address: str, name: str, provider: str, threads: int | None) -> None:
    """Answer for the cells of a service that was started with --transport tcp://...

    The model comes from the service when a run starts, so nothing has to be installed here but Lightline. A worker
    may join and leave at any time: what it had not answered is given to another.
    """
    joined = Worker(checked_address(address), engine_maker(provider, threads), name=name)
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
