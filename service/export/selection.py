"""What of a run is wanted: which events, and how their pictures are to be made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from acquisition.errors import ConfigError
from inference.bundle import Bundle
from inference.errors import BundleError
from reconstruction.methods import Method
from service.errors import RunFolderError, UnknownCell
from service.result_set import LIVE
from service.run import Run
from service.store.questions.row_stream import RowStream
from service.store.restoration import Restoration
from service.store.results import Results
from service.store.run_folder import RunFolder


@dataclass(frozen=True)
class Pictures:
    """How pictures are to be made.

    Attributes
    ----------
    channels
        Images to take; empty for all that the format has room for.
    restoration
        What is to be done to them.
    prepared_px
        Cut cells out and resize them to squares of so many pixels; None leaves them.
    """

    channels: tuple[str, ...] = ()
    restoration: Restoration = field(default_factory=Restoration)
    prepared_px: int | None = None

    @property
    def is_restored(self) -> bool:
        """Whether anything is to be done to them."""
        return self.restoration.method is not Method.NONE


@dataclass(frozen=True)
class Selection:
    """What of a run is wanted; the table is taken as it stands when it is first asked.

    Attributes
    ----------
    folder
        The run.
    where
        Filter, see `parse_where`.
    rejected
        The events that could not be judged, instead of the cells.
    most
        The first so many.
    events
        These events instead, by id.
    pictures
        How pictures are to be made.
    setup
        What the run does not know of the microscope and a format asks for, by the format's own names.
    set_name
        The result set that answers are taken from.
    """

    folder: RunFolder
    where: str | None = None
    rejected: bool = False
    most: int | None = None
    events: tuple[int, ...] = ()
    pictures: Pictures = field(default_factory=Pictures)
    setup: Mapping[str, str] = field(default_factory=dict)
    set_name: str = LIVE

    def __post_init__(self) -> None:
        if self.events and (self.where or self.most):
            raise ConfigError("Give either --event, or --where and --cells.")

    @property
    def run(self) -> Run:
        """The run as it was last saved."""
        return self.folder.run()

    @cached_property
    def results(self) -> Results:
        """The result set; raises `UnknownResults` if the run does not have it."""
        return self.folder.results(self.set_name)

    @cached_property
    def rows(self) -> RowStream:
        """The rows of the events.

        Raises
        ------
        QueryError
            If the filter does not make sense.
        UnknownCell
            If there are no rows at all, or not of every event that was asked for by id.
        """
        rows = self.results.stream(self.where, self.events, self.most, rejected=self.rejected)
        if self.events and rows.count() < len(set(self.events)):
            found = {int(k) for _, table in rows.tables(["event_id"]) for k in table.column(0).to_pylist()}
            missing = next(k for k in self.events if k not in found)
            kind = "rejected event" if self.rejected else "cell"
            raise UnknownCell(f"The run has no {kind} {missing}; ask for others with --event.")
        return rows

    def ids(self) -> Iterator[int]:
        """Return the ids of the events one by one: as they were asked for, or in their order."""
        if self.events:
            yield from self.events
            return
        for _, table in self.rows.tables(["event_id"]):
            yield from table.column(0).to_pylist()

    def count(self) -> int:
        """Return how many events there are.

        Raises
        ------
        UnknownCell
            If there are none.
        """
        count = len(self.events) or self.rows.count()
        if not count:
            raise UnknownCell(f"The run {self.run.id} has no such cells; ask for others with --where.")
        return count

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes of the bundle that answered; empty where it has none, or is lost."""
        try:
            return Bundle.load(self.results.bundle_path()).contract.classes
        except (RunFolderError, BundleError):
            return ()


def read_setup(texts: Sequence[str]) -> dict[str, str]:
    """Return what was given as KEY=VALUE, by key.

    Raises
    ------
    ConfigError
        If a text is not of that form.
    """
    pairs = [text.partition("=") for text in texts]
    wrong = next((key for key, equals, value in pairs if not (key.strip() and equals and value.strip())), None)
    if wrong is not None:
        raise ConfigError(f"The setup '{wrong}' does not say what it is; give it as KEY=VALUE, e.g. 'flow rate=0.04'.")
    return {key.strip(): value.strip() for key, _, value in pairs}
