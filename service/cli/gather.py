"""Cells of many places: one place after the other in this process, or side by side by others."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from service.cli.collect import collect, collect_told, tell_found
from service.cli.model_kinds import Wanted
from service.cli.progress import progress_bar
from service.reprocess.executor import Executor, InOrder

if TYPE_CHECKING:
    from inference.training.data import TrainingSet


def gather(
    places: Sequence[str], cells: int | None, wanted: Wanted, hands: Executor, beside: Path
) -> Iterator[TrainingSet]:
    """Give what there is to learn from in each place, in their order, whoever collects it.

    Parameters
    ----------
    places, cells, wanted
        As `collect` takes them.
    hands
        Who collects; each place is one piece of work.
    beside
        A file that will be written: what others collect lies in its folder until it is read.

    Raises
    ------
    LightlineError
        As `collect`, and `ClusterError` if the others are gone.
    """
    if isinstance(hands, InOrder):
        for place in places:
            yield collect_told(place, cells, wanted)
        return
    from inference.training.data import TrainingSet

    with (
        tempfile.TemporaryDirectory(prefix=f".{beside.name}-", dir=beside.absolute().parent) as folder,
        progress_bar("collecting cells", "places") as progress,
    ):
        pieces = [(place, Path(folder) / f"{number}.npz") for number, place in enumerate(places)]
        for done, file in enumerate(hands.each(partial(_collect_to, cells, wanted), pieces), start=1):
            found = TrainingSet.load(file)
            file.unlink()
            progress(done, len(places))
            tell_found(places[done - 1], found)
            yield found


def _collect_to(cells: int | None, wanted: Wanted, piece: tuple[str, Path]) -> Path:
    """Collect the cells of a place into a file, wherever this is; return the file."""
    place, file = piece
    collect(place, cells, wanted, lambda _done, _total: None).save(file)
    return file
