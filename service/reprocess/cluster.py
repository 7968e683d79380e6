"""Chunks settled by the workers of a Dask cluster, the one at an address or one of processes on this computer."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any

from acquisition.errors import ConfigError, LightlineError
from service.errors import ClusterError
from service.reprocess.job import Events, Executor, Job, Settle, Settled
from service.reprocess.local import InOrder
from service.reprocess.settling import settle_here

CONNECT_S = 15.0
JOIN_S = 60.0
_AHEAD = 2
"""Chunks that every thread of a worker has before it, so that none waits for the client."""
_TRIES = 3
"""A chunk is tried so often again where something breaks that is no fault of the run."""


@contextmanager
def executor(workers: int, cluster: str | None) -> Iterator[Executor]:
    """Give what settles chunks, and send local workers home at the end.

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
            local = dask.LocalCluster(n_workers=workers, threads_per_worker=1, dashboard_address=None, memory_limit=0)
            client = opened.enter_context(dask.Client(opened.enter_context(local)))
        else:
            client = opened.enter_context(_connected(dask, cluster))
        _wait_for_workers(client, cluster)
        yield OnCluster(client)


class OnCluster:
    """Settles chunks on the workers of a cluster.

    A worker gets the numbers of events and gives back rows; it reads the run folder, and writes nothing. So whatever is
    done twice, or half, does no harm: only the client writes, in the order of events.

    Parameters
    ----------
    client
        `distributed.Client`.
    settle
        What a worker does with a chunk.
    """

    def __init__(self, client: Any, settle: Settle = settle_here) -> None:
        self._client = client
        self._settle = settle

    def settled(self, job: Job, chunks: Sequence[Events]) -> Iterator[Settled]:
        """Return every chunk settled, in their order.

        Raises
        ------
        LightlineError
            What a worker finds wrong with the run or the model.
        ClusterError
            If the cluster is gone, or a chunk cost several workers their lives.
        """
        waiting: deque[Any] = deque()
        left = iter(chunks)
        try:
            while True:
                while len(waiting) < _AHEAD * max(1, _threads(self._client)):
                    chunk = next(left, None)
                    if chunk is None:
                        break
                    waiting.append(self._submitted(job, chunk))
                if not waiting:
                    return
                yield _result(waiting[0])
                waiting.popleft().release()
        finally:
            for future in waiting:
                future.release()

    def _submitted(self, job: Job, chunk: Events) -> Any:
        # A key of its own for every asking: what another client was given, or died over, is not taken for this.
        return self._client.submit(self._settle, job, chunk, pure=False, retries=_TRIES)


def _result(future: Any) -> Settled:
    try:
        settled: Settled = future.result()
    except LightlineError:
        raise
    except Exception as error:
        raise ClusterError(_sentence(error)) from error
    return settled


def _sentence(error: Exception) -> str:
    kind = type(error).__name__
    if kind == "KilledWorker":
        return (
            "A chunk ended every worker that took it, probably for want of memory; ask for smaller ones with --chunk, "
            "and the same command goes on where it stopped."
        )
    if kind in ("FutureCancelledError", "CancelledError", "CommClosedError"):
        return "The cluster is gone; start it again, and the same command goes on where it stopped."
    return f"A chunk could not be settled ({kind}: {error}); the same command tries it again."


def _threads(client: Any) -> int:
    return sum(client.nthreads().values())


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
