"""When a run has the cells that it was asked for."""

from __future__ import annotations

from service.gates.live_gate import LiveGate
from service.run import FinishReason
from service.status import GateProgress
from service.store.tables.later_rows import CellRows


class StopRules:
    """Counts cells as they are stored, in one thread; progress may be asked from any.

    Parameters
    ----------
    cells
        How many are enough; None for no limit.
    gate, in_gate
        How many in a gate are enough, as the gate was when the run was armed; None for no such rule.
    """

    def __init__(self, cells: int | None, gate: LiveGate | None = None, in_gate: int = 0) -> None:
        self._cells = cells
        self._gate = gate
        self._wanted = in_gate
        self._stored = self._inside = 0

    def stored(self, rows: CellRows) -> FinishReason | None:
        """Enter the rows of stored cells; return why the run has enough, None if it has not."""
        self._stored += rows.num_rows
        if self._gate is not None:
            self._inside += int(self._gate.inside(rows.table).sum())
            if self._inside >= self._wanted:
                return FinishReason.GATE_REACHED
        if self._cells is not None and self._stored >= self._cells:
            return FinishReason.TARGET_REACHED
        return None

    def progress(self) -> GateProgress | None:
        """Return how far the rule with a gate is; None without one."""
        if self._gate is None:
            return None
        return GateProgress(gate=self._gate.name, cells=self._inside, wanted=self._wanted)
