"""The book that every event and sample of a run is entered in, from any thread."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping

from acquisition.block import UNKNOWN_LOSS
from service.run import Ledger
from service.store.ledger_tally import LedgerTally


class LedgerBook:
    """Counts what becomes of events; in flight is what was detected and not yet settled, so the balance always holds.

    Transitions, each one hand-over of the pipeline: detected -> stored | rejected(reason) | dropped(reason), and
    stored -> dropped(reason) where rows that were thought safe could not be sealed.

    With a tally, what files do not say after a kill is also where the kill cannot take it, at every moment.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._detected = 0
        self._stored = 0
        self._rejected: Counter[str] = Counter()
        self._dropped: Counter[str] = Counter()
        self._samples = 0
        self._samples_lost = 0
        self._samples_omitted = 0
        self._recording = (0, 0, 0)
        self._unknown_losses = 0
        self._samples_repeated = 0
        self._overruns = 0
        self._tally: LedgerTally | None = None

    def kept_in(self, tally: LedgerTally) -> None:
        """Note every count from now on where a kill leaves it behind."""
        with self._lock:
            self._tally = tally
            self._note()

    def close(self, *, keep: bool) -> None:
        """Take the tally away, once `run.json` says everything; with `keep`, leave it."""
        with self._lock:
            tally, self._tally = self._tally, None
        if tally is not None:
            tally.close(keep=keep)

    def samples(self, received: int, lost: int = 0) -> None:
        """Enter samples per channel; `lost` is `UNKNOWN_LOSS` where the source cannot tell how many."""
        if not received and not lost:
            return
        with self._lock:
            self._samples += received
            if lost == UNKNOWN_LOSS:
                self._unknown_losses += 1
            else:
                self._samples_lost += lost
            self._note()

    def omitted(self, count: int) -> None:
        """Enter samples per channel that the source left out by choice."""
        if not count:
            return
        with self._lock:
            self._samples_omitted += count
            self._note()

    def recording(self, recorded: int, left_out: int, unrecorded: int) -> None:
        """Replace the counts of samples per channel of the run's own recording."""
        with self._lock:
            self._recording = recorded, left_out, unrecorded

    def repeated(self, count: int) -> None:
        """Enter samples per channel that the source gave again, and that are not used."""
        if not count:
            return
        with self._lock:
            self._samples_repeated += count
            self._note()

    def overran(self) -> None:
        """Enter that the digitizer stopped because it was not read in time."""
        with self._lock:
            self._overruns += 1
            self._note()

    def detected(self, count: int) -> None:
        """Enter events that detection found; they are in flight from now on."""
        with self._lock:
            self._detected += count
            self._note()

    def stored(self, count: int) -> None:
        """Settle events that are in the run folder with an answer."""
        with self._lock:
            self._settle(count)
            self._stored += count

    def rejected(self, reasons: Mapping[str, int]) -> None:
        """Settle events that cannot be judged, by reason."""
        with self._lock:
            self._settle(sum(reasons.values()))
            self._rejected.update({reason: count for reason, count in reasons.items() if count})

    def dropped(self, reason: str, count: int) -> None:
        """Settle events that were lost."""
        if count == 0:
            return
        with self._lock:
            self._settle(count)
            self._dropped[reason] += count
            self._note()

    def drop_rest(self, reason: str) -> int:
        """Settle everything still in flight as lost, and return how many that were."""
        with self._lock:
            rest = self._in_flight
            if rest:
                self._dropped[reason] += rest
                self._note()
            return rest

    def lost_after_storing(self, reason: str, stored: int, rejected: Mapping[str, int]) -> None:
        """Move events whose rows could not be sealed to the lost ones."""
        with self._lock:
            if stored > self._stored or any(count > self._rejected[key] for key, count in rejected.items()):
                raise ValueError("the ledger cannot lose more rows than it has stored")
            self._stored -= stored
            self._rejected.subtract(rejected)
            self._rejected += Counter()
            lost = stored + sum(rejected.values())
            if lost:
                self._dropped[reason] += lost
                self._note()

    def snapshot(self) -> Ledger:
        """Return the counts as they stand, all of one moment."""
        with self._lock:
            return Ledger(
                stored=self._stored,
                rejected=dict(self._rejected),
                dropped=dict(self._dropped),
                in_flight=self._in_flight,
                recorded=self._recording[0],
                left_out=self._recording[1],
                unrecorded=self._recording[2],
                **self._counts(),
            )

    def _counts(self) -> dict[str, int]:
        return {
            "detected": self._detected,
            "samples": self._samples,
            "samples_lost": self._samples_lost,
            "samples_omitted": self._samples_omitted,
            "losses_of_unknown_size": self._unknown_losses,
            "samples_repeated": self._samples_repeated,
            "overruns": self._overruns,
        }

    def _note(self) -> None:
        if self._tally is not None:
            self._tally.note(self._counts(), self._dropped)

    @property
    def _in_flight(self) -> int:
        return self._detected - self._stored - self._rejected.total() - self._dropped.total()

    def _settle(self, count: int) -> None:
        if count > self._in_flight:
            raise ValueError(f"the ledger cannot settle {count} events when {self._in_flight} are in flight")
