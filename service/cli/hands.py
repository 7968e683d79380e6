"""Options of the commands whose work can be shared out: by processes of this computer, or those of a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click
from click.core import ParameterSource

from service.cli.options import stack
from service.reprocess.cluster import executor
from service.reprocess.executor import Executor

hands_options = stack(
    click.option(
        "--workers",
        type=click.IntRange(min=1),
        default=1,
        show_default=True,
        help="Processes on this computer; more than one need the extra 'cluster'.",
    ),
    click.option(
        "--cluster",
        metavar="tcp://HOST:8786",
        help="Dask scheduler whose workers do the work; they have to see the files named here under the same names.",
    ),
)


@contextmanager
def opened_hands(workers: int, cluster: str | None) -> Iterator[Executor]:
    """Give who does the pieces, as these options say; see `service.reprocess.cluster.executor`."""
    if cluster is not None:
        source = click.get_current_context().get_parameter_source("workers")
        if source is not ParameterSource.DEFAULT:
            raise click.UsageError(
                "--workers are processes on this computer; leave it out where a --cluster does the work."
            )
    with executor(workers, cluster) as hands:
        yield hands
