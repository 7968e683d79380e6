"""The models that a run can be asked to use: those that come with Lightline, and those of earlier runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from acquisition.errors import LightlineError
from inference.bundle import Bundle
from inference.contract import Contract
from inference.errors import BundleError
from inference.shipped import bundle_file, shipped_bundles
from service.run import Run, newest_first


@dataclass(frozen=True)
class KnownBundle:
    """A model, and how to ask for it.

    Attributes
    ----------
    bundle
        What the `bundle` of a run request says to take it.
    contract
        What it promises.
    shipped
        Whether it comes with Lightline.
    runs
        Ids of the runs that used it, the newest first.
    """

    bundle: str
    contract: Contract
    shipped: bool
    runs: tuple[str, ...]


class KnownBundles:
    """Models by their digests, from any thread; each file is read once as long as it does not change.

    Parameters
    ----------
    of_run
        Gives the file of the bundle of a run, or raises `LightlineError`.
    """

    def __init__(self, of_run: Callable[[str], Path]) -> None:
        self._of_run = of_run
        self._lock = threading.Lock()
        self._read: dict[tuple[Path, int], Contract | None] = {}

    def find(self, runs: Iterable[Run]) -> list[KnownBundle]:
        """Return the shipped ones by name, then those of runs, the newest first; damaged ones are left out."""
        users: dict[str, list[str]] = {}
        for run in newest_first(runs):
            users.setdefault(run.bundle_digest, []).append(run.id)
        found: dict[str, KnownBundle] = {}
        for name in shipped_bundles():
            contract = self._contract(bundle_file(name))
            if contract is not None:
                found[contract.digest] = KnownBundle(name, contract, True, tuple(users.get(contract.digest, ())))
        for digest, ids in users.items():
            if digest not in found and (file := self._file(ids)) is not None:
                contract = self._contract(file)
                if contract is not None:
                    found[digest] = KnownBundle(str(file.resolve()), contract, False, tuple(ids))
        return list(found.values())

    def _file(self, ids: Sequence[str]) -> Path | None:
        """Return the file of a bundle that these runs share: of the newest that still has it."""
        for run_id in ids:
            with suppress(LightlineError):
                return self._of_run(run_id)
        return None

    def _contract(self, file: Path) -> Contract | None:
        with self._lock:
            try:
                key = (file, file.stat().st_mtime_ns)
                if key not in self._read:
                    self._read[key] = Bundle.load(file).contract
            except BundleError:
                self._read[key] = None
            except OSError:
                return None
            return self._read[key]
