"""The same client for programs with an event loop: every method is awaited, iterators are `async for`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

import httpx

from service.client import asks
from service.client.ask import TIMEOUT_S, Ask, check, not_reached, wait_s
from service.client.download import EXPORT_TIMEOUT_S, Download, Progress
from service.client.following import LOOK_S, Waiting, Watch
from service.client.place import Place
from service.client.tables import CellsAsked, joined

if TYPE_CHECKING:
    from service.api.cell_documents import Answers, CellDocument
    from service.api.documents import GateDocument, KindsOfRun
    from service.client.asks import Array
    from service.run import Run
    from service.status import ServiceStatus

T = TypeVar("T")


class AsyncClient:
    """Asks a service; `async with` closes its connections. Parameters and methods are those of `Client`.

    Every method raises `ClientError`, whose sentence is the service's own, where the service does not do what was
    asked, and where it is not reached.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        token: str | None = None,
        data: Path | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._place = Place.find(url, token, data)
        self._http = httpx.AsyncClient(base_url=self._place.url, headers=self._place.headers, timeout=timeout_s)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Give the connections back."""
        await self._http.aclose()

    async def ask(self, wanted: Ask[T]) -> T:
        """Send a request and return what it asks for; again after a while, where the service is asked too often."""
        tried = 0
        while True:
            try:
                answer = await self._http.send(wanted.request(self._http))
            except httpx.HTTPError as error:
                raise not_reached(error) from None
            tried += 1
            later = wait_s(answer, tried)
            if later is None:
                return wanted.take(check(answer))
            await asyncio.sleep(later)

    async def status(self) -> ServiceStatus:
        """Return what the service is doing."""
        return await self.ask(asks.status())

    async def runs(self, limit: int = 100) -> list[Run]:
        """Return runs, the newest first."""
        return await self.ask(asks.runs(limit))

    async def run(self, run: Run | str) -> Run:
        """Return a run as it stands now."""
        return await self.ask(asks.run(run))

    async def start(self, source: str, **wishes: Any) -> Run:
        """Start a run; `wishes` are the other fields of `RunRequest`: cells, seconds, record, bundle, hold."""
        return await self.ask(asks.start(source, wishes))

    async def begin(self, run: Run | str) -> Run:
        """Let a run acquire that was held."""
        return await self.ask(asks.begin(run))

    async def stop(self, run: Run | str) -> Run:
        """Take no more samples; what was detected is finished."""
        return await self.ask(asks.stop(run))

    async def wait(self, run: Run | str, timeout_s: float | None = None) -> Run:
        """Return a run when it is over; raises `ClientError` where that takes longer than `timeout_s`."""
        waiting = Waiting(timeout_s)
        while not waiting.over(found := await self.run(run)):
            await asyncio.sleep(LOOK_S)
        return found

    async def kinds(self, by: str = "class", column: str | None = None, **wishes: Any) -> list[KindsOfRun]:
        """Return the cells of many runs by kind, the newest run first, with a column's mean and deviation in each.

        `wishes` are `where`, `results` (name of a result set), `instrument`, `origin` and `limit`.
        """
        return await self.ask(asks.kinds(by, {"column": column, **wishes}))

    async def columns(self, run: Run | str) -> dict[str, str]:
        """Return the columns that filters may name, and whether each is a number, text or truth."""
        return await self.ask(asks.columns(run))

    async def pages(
        self, run: Run | str, where: str | None = None, *, after: int = 0, **more: Any
    ) -> AsyncIterator[Any]:
        """Return cells page by page, each a `pyarrow.Table` of at most 50,000 rows; see `cells`."""
        wanted, place = CellsAsked(run, where, **more), after
        while True:
            page = await self.ask(wanted.page(place))
            if page.table.num_rows:
                yield page.table
            if page.next is None:
                return
            place = page.next

    async def cells(
        self,
        run: Run | str,
        where: str | None = None,
        fields: Sequence[str] | None = None,
        *,
        form: str = "arrow",
        results: str | None = None,
        rejected: bool = False,
    ) -> Any:
        """Return all cells that a filter lets through, in the order of their event ids; see `Client.cells`."""
        return joined(
            [page async for page in self.pages(run, where, fields=fields, results=results, rejected=rejected)], form
        )

    async def cell(self, run: Run | str, event_id: int) -> CellDocument:
        """Return the row of a cell, and which images there are of it."""
        return await self.ask(asks.cell(run, event_id))

    async def answers(self, run: Run | str, event_id: int) -> Answers:
        """Return everything that the model said of a cell."""
        return await self.ask(asks.answers(run, event_id))

    async def image(self, run: Run | str, event_id: int, channel: str, **how: Any) -> Array:
        """Return an image, `(y, x)`, `(z, y)` or `(z, y, x)`, float32; `how` is z, projection, axis, restore."""
        return await self.ask(asks.image(run, event_id, channel, how))

    async def window(self, run: Run | str, event_id: int) -> Array:
        """Return the raw samples of an event, `(n_samples, n_channels)` int8 or int16, counts."""
        return await self.ask(asks.window(run, event_id))

    async def saliency(self, run: Run | str, event_id: int, **how: Any) -> Array:
        """Return a raw map of evidence, `(h, w)` or `(d, h, w)` float32; `how` is target, cluster, channel, results."""
        return await self.ask(asks.saliency(run, event_id, how))

    async def gates(self, run: Run | str, *, counts: bool = False) -> list[GateDocument]:
        """Return the gates of a run, with the cells in each if asked."""
        return await self.ask(asks.gates(run, counts))

    async def put_gate(
        self, run: Run | str, name: str, region: dict[str, Any], parent: str | None = None, note: str = ""
    ) -> GateDocument:
        """Draw a gate or change it; regions are those of the page about gates."""
        return await self.ask(asks.put_gate(run, name, region, parent, note))

    async def remove_gate(self, run: Run | str, name: str) -> None:
        """Take a gate away."""
        await self.ask(asks.remove_gate(run, name))

    async def labels(self, run: Run | str) -> dict[str, int]:
        """Return how many cells have each label."""
        return await self.ask(asks.labels(run))

    async def label(
        self, run: Run | str, name: str | None, *, events: Sequence[int] | None = None, where: str | None = None
    ) -> dict[str, int]:
        """Give cells a label, None takes it away; return how many have each."""
        return await self.ask(asks.label(run, name, events, where))

    async def live(
        self,
        run: Run | str,
        *,
        after: int = 0,
        where: str | None = None,
        fields: Sequence[str] | None = None,
    ) -> AsyncIterator[dict[str, Any]]:
        """Return the cells of a run one by one, each once, those to come too, until the run is over.

        A connection that breaks is made again where it was; `ClientError` where that does not succeed.
        """
        from websockets.asyncio.client import connect
        from websockets.exceptions import ConnectionClosed, InvalidHandshake

        watch = Watch(run, after, where, fields)
        while not watch.ended:
            try:
                async with connect(self._place.socket(watch.path), additional_headers=self._place.headers) as socket:
                    while not watch.ended:
                        for row in watch.rows(await socket.recv()):
                            yield row
            except ConnectionClosed as closed:
                await asyncio.sleep(watch.wait_s(closed.rcvd))
            except (OSError, InvalidHandshake):
                await asyncio.sleep(watch.wait_s(None))

    async def export(
        self, run: Run | str, format: str, out: Path | str, *, progress: Progress | None = None, **wishes: Any
    ) -> Path:
        """Fetch a run in the format of another program; see `Client.export`."""
        download = Download(Path(out), progress)
        params = asks.export_wishes(format, wishes)
        try:
            async with self._http.stream(
                "GET", asks.path_of(run, "/export"), params=params, timeout=EXPORT_TIMEOUT_S
            ) as answer:
                if not answer.is_success:
                    await answer.aread()
                with download.writing(check(answer)) as take:
                    async for piece in answer.aiter_bytes():
                        take(piece)
                return download.target(answer)
        except httpx.HTTPError as error:
            raise not_reached(error) from None
