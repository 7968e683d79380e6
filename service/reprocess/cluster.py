"""Pieces of work done by a Dask cluster: the one at an address, or one of processes on this computer."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import islice
from types import ModuleType
from typing import Any, TypeVar

from acquisition.errors import ConfigError, LightlineError
from service.errors import ClusterError
from service.reprocess.executor import Executor, InOrder

T = TypeVar("T")
R = TypeVar("R")

CONNECT_S = 15.0
JOIN_S = 60.0
_AHEAD = 2
"""Pieces that every thread of a worker has before it, so that none waits for the client."""
_TRIES = 3
"""A piece is tried so often again where something breaks that is no fault of the run."""


@contextmanager
def executor(workers: int, cluster: str | None) -> Iterator[Executor]:
    """Give what does the pieces, and send local workers home at the end.

    Parameters
    ----------
    workers
        Processes on this computer; with one, everything is done in this process, and no cluster is needed.
    cluster
        Address of a Dask scheduler, `tcp://HOST:8786`; then its workers do the work, as many as there are.

    Raises
    ------
    ConfigError
        If Dask is needed and not installed, or nobody answers at the address.
    ClusterError
        If no worker joins.
    """
    if cluster is None and workers == 1:
        yield InOrder()
        return
    dask = _dask()
    with ExitStack() as opened:
        if cluster is None:
            client = opened.enter_context(dask.Client(opened.enter_context(processes(workers))))
        else:
            client = opened.enter_context(_connected(dask, cluster))
        _wait_for_workers(client, cluster)
        yield OnCluster(client)


def processes(count: int) -> Any:
    """Return a `distributed.LocalCluster` of so many processes of one thread each, to be closed.

    Raises
    ------
    ConfigError
        If Dask is not installed.
    """
    # A port of its own for Dask's page: two that work on one computer do not meet at its usual one.
    page = "127.0.0.1:0"
    return _dask().LocalCluster(n_workers=count, threads_per_worker=1, dashboard_address=page, memory_limit=0)


class OnCluster:
    """Has pieces done by the workers of a cluster.

    What is done twice, or half, must do no harm: a piece whose worker is lost is given to another.

    Parameters
    ----------
    client
        `distributed.Client`.

    Attributes
    ----------
    client
        The same.
    """

    def __init__(self, client: Any) -> None:
        self.client = client

    @property
    def threads(self) -> int:
        """Of all workers that are there now."""
        return max(1, int(sum(self.client.nthreads().values())))

    def each(self, function: Callable[[T], R], pieces: Iterable[T]) -> Iterator[R]:
        """Return what the function makes of every piece, in their order; both travel, and what it returns.

        Raises
        ------
        LightlineError
            What a worker finds wrong with the run, the recording or the model.
        ClusterError
            If the cluster is gone, or a piece cost several workers their lives.
        """
        waiting: deque[Any] = deque()
        left = iter(pieces)
        try:
            while True:
                # Counted anew each time, as workers may come and go.
                for piece in islice(left, max(0, _AHEAD * self.threads - len(waiting))):
                    # Each asking has a key of its own: what another client was given is not taken for this.
                    waiting.append(self.client.submit(function, piece, pure=False, retries=_TRIES))
                if not waiting:
                    return
                yield _result(waiting[0])
                waiting.popleft().release()
        finally:
            for future in waiting:
                future.release()


def _result(future: Any) -> Any:
    try:
        return future.result()
    except LightlineError:
        raise
    except Exception as error:
        raise ClusterError(_sentence(error)) from error


def _sentence(error: Exception) -> str:
    kind = type(error).__name__
    if kind == "KilledWorker":
        return (
            "A piece of the work ended every worker that took it, probably for want of memory; make pieces "
            "smaller with --chunk, and the same command goes on where it stopped."
        )
    if kind in ("FutureCancelledError", "CancelledError", "CommClosedError"):
        return "The cluster is gone; start it again, and the same command goes on where it stopped."
    return f"A piece of the work could not be done ({kind}: {error}); the same command tries it again."


def _connected(dask: ModuleType, address: str) -> Any:
    try:
        return dask.Client(address, timeout=CONNECT_S)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"No Dask scheduler answers at '{address}' ({error}); start one with 'dask scheduler', and workers with "
            f"'dask worker {address}'."
        ) from None


def _wait_for_workers(client: Any, cluster: str | None) -> None:
    try:
        client.wait_for_workers(1, timeout=JOIN_S)
    except (OSError, TimeoutError):
        where = "of this computer" if cluster is None else f"at '{cluster}'"
        raise ClusterError(
            f"The cluster {where} has no workers after {JOIN_S:.0f} s; start some with 'dask worker ADDRESS'."
        ) from None


def _dask() -> ModuleType:
    try:
        import distributed
    except ModuleNotFoundError:
        raise ConfigError(
            "Several processes need the package distributed; run: pip install 'lightline[cluster]'."
        ) from None
    return distributed
