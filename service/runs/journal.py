"""What a run says to the service's log: armed, started, draining, done; overruns, and losses as they begin and end."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from service.run import Ledger, Run, RunState
from service.runs.losses import Loss, LossWatch

logger = logging.getLogger("lightline.run")


class Journal:
    """The log of one run; every line has its id."""

    def __init__(self, run: Run) -> None:
        self._run_id = run.id
        self._losses = LossWatch()
        self._overruns = 0
        self._say(logging.INFO, "run_armed", f"A run of {run.source} is armed.", provider=run.provider)

    def started(self) -> None:
        """Say that samples are taken."""
        self._say(logging.INFO, "run_started", "The run acquires.")

    def draining(self, reason: str | None, error: str | None) -> None:
        """Say that no more samples are taken, and why."""
        level = logging.ERROR if error else logging.INFO
        self._say(level, "run_draining", error or "The run takes no more samples.", reason=reason or "")

    def look(self, ledger: Ledger, now_s: float, lost: Sequence[tuple[int, int, float, float]] = ()) -> None:
        """Say what went wrong since the last look.

        Parameters
        ----------
        ledger
            As it stands.
        now_s
            On `time.monotonic`.
        lost
            Events that were lost, the oldest first; the last one is named where a loss begins.
        """
        if ledger.overruns > self._overruns:
            self._overruns = ledger.overruns
            self._say(logging.WARNING, "overrun", "The digitizer overran.", stage="read", overruns=ledger.overruns)
        self._tell(self._losses.look(ledger, now_s), event=lost[-1][0] if lost else 0)

    def done(self, run: Run) -> None:
        """Say how the run ended, and what became of its events."""
        self._tell(self._losses.end())
        if run.clock_set_s:
            sentence = "The computer's clock was set during the run; 'lasted_s' is how long it took."
            self._say(logging.WARNING, "clock_set", sentence, seconds=run.clock_set_s)
        ledger = run.ledger
        self._say(
            logging.ERROR if run.state is RunState.FAILED else logging.INFO,
            "run_done",
            run.error or "The run's files are complete.",
            reason=run.finish_reason.value if run.finish_reason else "",
            detected=ledger.detected,
            stored=ledger.stored,
            rejected=sum(ledger.rejected.values()),
            dropped=sum(ledger.dropped.values()),
            samples_lost=ledger.samples_lost,
        )

    def _tell(self, loss: Loss | None, event: int = 0) -> None:
        if loss is None:
            return
        what, sentence = ("loss_ended", "Nothing is lost any more.") if loss.over else ("loss_began", "Data are lost.")
        event_of = {"event": event} if event and any(kind.startswith("events_") for kind in loss.counts) else {}
        self._say(logging.WARNING, what, sentence, **event_of, **loss.counts)

    def _say(self, level: int, what: str, sentence: str, **fields: object) -> None:
        logger.log(level, sentence, extra={"what": what, "run": self._run_id, **fields})
