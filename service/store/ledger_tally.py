"""What a run's files do not say of its ledger, kept where a killed service leaves it behind."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from acquisition.counts_file import CountsFile, read_counts
from service.run import DropReason, Ledger
from service.store.disk import storage_errors

_FILE = "ledger.tally"
_COUNTED = (
    "detected",
    "samples",
    "samples_lost",
    "samples_omitted",
    "losses_of_unknown_size",
    "samples_repeated",
    "overruns",
)
_SIZE = len(_COUNTED) + len(DropReason)


class LedgerTally:
    """`ledger.tally` in a run folder, while the run lasts; cells and rejected events are counted by their tables.

    Parameters
    ----------
    run_folder
        Where the file is made.

    Raises
    ------
    StorageError
        If the disk does not take it.
    """

    def __init__(self, run_folder: Path) -> None:
        with storage_errors(run_folder):
            self._file = CountsFile(run_folder / _FILE, _SIZE)

    def note(self, counts: Mapping[str, int], dropped: Mapping[str, int]) -> None:
        """Replace what is noted.

        Parameters
        ----------
        counts
            Detected events and the counts of samples, named as in `Ledger`.
        dropped
            Lost events by `DropReason`.
        """
        self._file.note(*(counts[name] for name in _COUNTED), *(dropped.get(reason, 0) for reason in DropReason))

    def close(self, *, keep: bool) -> None:
        """Take the file away, or leave it as a kill would."""
        self._file.close(keep=keep)


def noted(saved: Ledger, run_folder: Path) -> Ledger:
    """Return the ledger of a killed run as it stood at the kill, what `saved` has not stored in flight.

    The ledger itself where nothing newer was left behind.
    """
    counts = read_counts(run_folder / _FILE, _SIZE)
    if counts is None:
        return saved
    # Neither is always the newer one: a computer that goes down takes the tally, a kill what was not saved. All grow.
    newest = {name: max(getattr(saved, name), count) for name, count in zip(_COUNTED, counts, strict=False)}
    lost = dict(zip(map(str, DropReason), counts[len(_COUNTED) :], strict=True))
    dropped = {reason: max(saved.dropped.get(reason, 0), lost.get(reason, 0)) for reason in {**saved.dropped, **lost}}
    dropped = {reason: count for reason, count in dropped.items() if count}
    settled = saved.stored + sum(saved.rejected.values()) + sum(dropped.values())
    detected = max(newest.pop("detected"), settled)
    return saved.model_copy(
        update={**newest, "detected": detected, "dropped": dropped, "in_flight": detected - settled}
    )


def forget_noted(run_folder: Path) -> None:
    """Take away what a killed service left; `run.json` says it now."""
    (run_folder / _FILE).unlink(missing_ok=True)
