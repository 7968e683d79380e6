"""The gates that a run begins with: known to fit its cells before the first sample is taken."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from acquisition.errors import ConfigError
from inference.contract import Contract
from inference.results import CellResults
from reconstruction.transform import Transform
from service.gates.conditions import GateConditions
from service.gates.gate import Gate
from service.gates.live_gate import LiveGate
from service.gates.where import ColumnKind
from service.store.labels import COLUMN
from service.store.questions.cell_query import column_kinds
from service.store.tables.cell_rows import AnswerNames, cell_rows


class RunGates:
    """Gates that fit the cells of a run, and tests of them for the line.

    Parameters
    ----------
    gates
        They may name each other.
    columns
        What the rows of cells will have.

    Raises
    ------
    ConfigError
        If two have one name.
    QueryError
        If one of them makes no sense, alone, with the others, or with these columns.
    """

    def __init__(self, gates: Sequence[Gate], columns: dict[str, ColumnKind]) -> None:
        self.gates = list(gates)
        self.columns = columns
        self._by_name = {gate.name: gate for gate in gates}
        if len(self._by_name) < len(self.gates):
            raise ConfigError("Two gates of the request have one name; give each its own.")
        conditions = GateConditions(self._by_name, columns)
        for name in self._by_name:
            conditions(name)

    def live(self, name: str) -> LiveGate:
        """Return a test of one of them; raises `QueryError` where there is none of that name."""
        return LiveGate(name, self._by_name, self.columns)


def columns_of(
    transform: Transform, channels: Sequence[str], contract: Contract, *, refit: bool = False
) -> dict[str, ColumnKind]:
    """Return the columns that cells will have, told by rows of no cells.

    Parameters
    ----------
    transform
        Makes the images and measures them.
    channels
        Those that the run makes.
    contract
        Of the model that answers.
    refit
        Whether clusters are fitted again to the run's own cells.
    """
    images = transform.images((), channels, cells_first=True)
    answers = CellResults(
        event_id=images.event_id,
        embedding=np.empty((0, contract.embedding_size), np.float32),
        cluster_posterior=np.empty((0, len(contract.clusters)), np.float32),
        class_probability=np.empty((0, len(contract.classes)), np.float32),
        novelty=np.empty(0, np.float32),
        factors=np.empty((0, len(contract.factors)), np.float32) if contract.factors else None,
        concepts=np.empty((0, len(contract.concepts)), np.float32) if contract.concepts else None,
        mixture=np.empty(0, np.int32) if refit else None,
    )
    rows = cell_rows(images, answers, AnswerNames.of(contract), sample_rate_hz=1.0)
    return column_kinds(rows.schema) | {COLUMN: ColumnKind.TEXT}
