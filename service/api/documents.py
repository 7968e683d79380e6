"""The documents that the API answers with, beside `Run`, `RunRequest`, `ServiceStatus` and those of one cell."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from acquisition.origin import Origin
from service.gates.book import GateVersion
from service.gates.gate import GateName, Region
from service.gates.where import ColumnKind
from service.maps.linear_map import LinearMap
from service.maps.placed_map import UmapAbout
from service.result_set import ResultSet
from service.run import Run
from service.settings_sources import SetBy
from service.store.labels import MOST_AT_ONCE, LabelName
from service.store.questions.similar import Why

CellValue = bool | int | float | str | None
CellRow = dict[str, CellValue]


class Document(BaseModel):
    """Part of an answer, which does not change any more."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class Health(Document):
    """Whether the service lives, or is ready."""

    status: Literal["ok", "not ready"]


class SettingDocument(Document):
    """One setting of the service."""

    name: str
    value: str | bool | int | float | list[str] | None
    set_by: SetBy
    """What gave it its value: the default, the file, the environment, or an option of the command line."""


class RunList(Document):
    """Runs, the newest first."""

    runs: list[Run]
    total: int
    pinned: list[str]
    """Ids of those that are never removed, whatever their age."""


class ResultSetList(Document):
    """The result sets of a run, the live one first."""

    results: list[ResultSet]


class CellList(Document):
    """A page of cells."""

    rows: list[CellRow]
    next: int | None
    """Hand this back as `after` for the next page; None at the end, as far as it is written now."""
    total: int
    """Cells that the filter lets through, on all pages."""


class Columns(Document):
    """What can be asked for in `fields`, `where` and `order`."""

    columns: dict[str, ColumnKind]
    """By name, what a column may be compared with."""


class ComponentsDocument(LinearMap):
    """Principal components of the embedding, which every cell of the run has."""

    digest: str
    """Two maps of one digest put a cell at the same place."""


class UmapDocument(UmapAbout):
    """A UMAP of the embedding, in which the cells that were mapped have places."""

    digest: str
    """Two maps of one digest put a cell at the same place."""


class MapList(Document):
    """The maps of a run's embedding."""

    maps: list[Annotated[ComponentsDocument | UmapDocument, Field(discriminator="kind")]]


class GateBody(Document):
    """A gate to be made or changed."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    parent: GateName | None = None
    """The gate that it lies in."""
    region: Region
    note: Annotated[str, Field(max_length=500)] = ""


class GateDocument(GateVersion):
    """A gate as it stood from one moment on."""

    cells: int | None = None
    """Cells in it and in all that it lies in, where they were counted."""


class GateList(Document):
    """The gates of a run."""

    gates: list[GateDocument]


class GateHistory(Document):
    """Every version of a gate, the oldest first."""

    versions: list[GateDocument]


class GatesRead(Document):
    """Gates that a file had."""

    names: list[str]


class HistogramDocument(Document):
    """Cells by bin of one column."""

    edges: list[float]
    """Where the bins begin, and the last one ends, on the scale."""
    counts: list[int]
    outside: int
    """Cells beyond the ends, and those whose value the scale cannot show."""
    unmeasured: int


class DensityDocument(Document):
    """Cells by bin of two columns."""

    x_edges: list[float]
    y_edges: list[float]
    counts: list[list[int]]
    """One list for each bin of y."""
    outside: int


class TimelineStep(Document):
    """Cells of one kind in one stretch of time."""

    epoch: int
    start_s: float
    group: str
    cells: int


class Timeline(Document):
    """Cells by kind and time."""

    by: str
    seconds: float
    steps: list[TimelineStep]


class KindDocument(Document):
    """Cells of one kind, and a column's mean and standard deviation in them; null where none has a value."""

    kind: str
    cells: int
    mean: float | None
    deviation: float | None


class KindsOfRun(Document):
    """The cells of one run by kind, and what distinguishes the run."""

    run: str
    instrument: str
    origin: Origin
    started_at: str
    bundle: str
    kinds: list[KindDocument]
    problem: str | None
    """Why the run has no answer; null where it has one."""


class Kinds(Document):
    """Cells of many runs by kind, the newest run first."""

    by: str
    column: str | None
    runs: list[KindsOfRun]
    total: int
    """Runs that were looked for, also those beyond `limit`."""


class LabelBody(Document):
    """Cells to be labelled."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    label: LabelName | None
    """What they are; null takes their labels away."""
    events: Annotated[list[Annotated[int, Field(ge=1, lt=2**62)]], Field(max_length=MOST_AT_ONCE)] | None = None
    where: Annotated[str, Field(max_length=2000)] | None = None
    """A filter, instead of events."""


class LabelCounts(Document):
    """How many cells have each label."""

    counts: dict[str, int]


class NeighbourDocument(Document):
    """A cell, and how far it is in the model's embedding."""

    event_id: int
    distance: float


class Neighbours(Document):
    """Cells most like one, the nearest first."""

    cells: list[NeighbourDocument]


class SuggestionDocument(Document):
    """A cell whose label would teach something, and why."""

    event_id: int
    why: Why
    cluster: int


class Suggestions(Document):
    """Cells to label next, the most useful first."""

    cells: list[SuggestionDocument]
