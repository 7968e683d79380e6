"""Pages of cells: how the next one is asked for, and what they become."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from acquisition.errors import ConfigError
from service.client.ask import Ask
from service.client.asks import path_of

if TYPE_CHECKING:
    import httpx

    from service.run import Run

PAGE_ROWS = 50_000


@dataclass(frozen=True)
class Page:
    """A page: `pyarrow.Table` of its rows, and the `after` of the next one; None where there is none yet."""

    table: Any
    next: int | None


@dataclass(frozen=True)
class CellsAsked:
    """Which cells are wanted.

    Attributes
    ----------
    run
        Of which run.
    where
        Filter; None for all.
    fields
        Columns, None for all without lists.
    results
        A result set of the run, None for its own.
    rejected
        The events that could not be judged, instead of cells.
    """

    run: Run | str
    where: str | None = None
    fields: Sequence[str] | None = None
    results: str | None = None
    rejected: bool = False

    def page(self, after: int) -> Ask[Page]:
        """Ask for the page behind an event."""
        params = {
            "format": "arrow",
            "limit": PAGE_ROWS,
            "after": after,
            "where": self.where,
            "fields": None if self.fields is None else ",".join(self.fields),
            "results": self.results,
        }
        return Ask("GET", path_of(self.run, "/rejected" if self.rejected else "/cells"), _page, params)


def joined(pages: list[Any], form: str) -> Any:
    """Return pages as one table: a `pyarrow.Table`, a pandas or a polars frame.

    Raises
    ------
    ConfigError
        If there is no such form, or what it needs is not installed.
    """
    import pyarrow as pa

    table = pa.concat_tables(pages) if pages else pa.table({})
    if form == "arrow":
        return table
    try:
        if form == "pandas":
            return table.to_pandas()
        if form == "polars":
            import polars

            return polars.from_arrow(table)
    except ModuleNotFoundError as missing:
        raise ConfigError(
            f"'{form}' needs the package {missing.name}; run: pip install 'lightline[client,dataframes]'."
        ) from None
    raise ConfigError(f"Cells can be had as 'arrow', 'pandas' or 'polars', not as '{form}'.")


def _page(answer: httpx.Response) -> Page:
    import pyarrow as pa

    following = answer.headers.get("lightline-next")
    return Page(pa.ipc.open_stream(answer.content).read_all(), None if following is None else int(following))
