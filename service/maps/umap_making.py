"""A UMAP of the embedding of a result set that is complete: made once, and kept beside its rows.

Source: L. McInnes, J. Healy, J. Melville, "UMAP: Uniform Manifold Approximation and Projection", arXiv:1802.03426, as
umap-learn does it.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec
from typing import Any

import numpy as np
import numpy.typing as npt

from acquisition.errors import ConfigError
from service.errors import RunStateError
from service.maps.placed_map import PlacedMap, UmapAbout
from service.maps.shelf import EMBEDDING, UMAP_PARQUET
from service.result_set import ResultState
from service.store.results import Results

FITTED_CELLS = 4000
"""Cells that shape the map: for up to 4096 umap-learn looks at all distances, and has no search to compile."""
MOST_CELLS = 50_000
"""Cells that get a place, of a set that has more."""
FEWEST_CELLS = 16
NEIGHBOURS = 15
DISTANCE = 0.1
SEED = 7
_CHUNK = 5000
_ROUNDS = 90
"""A third of them for cells that are laid into the map: as umap-learn takes for many at once, where few get 100."""

Progress = Callable[[int, int], None]
"""Takes the cells that have a place, and how many will."""
Embedding = npt.NDArray[np.float32]


def check_umap(results: Results) -> None:
    """Check that a UMAP of a result set can be made.

    Raises
    ------
    RunStateError
        If the set is not complete, has too few cells or no embedding, or has a UMAP already.
    ConfigError
        If umap-learn is not installed.
    """
    name = results.about.name
    if results.about.state is not ResultState.DONE:
        raise RunStateError(f"More cells may come to the results '{name}'; have them mapped when they are complete.")
    if (results.path / UMAP_PARQUET).is_file():
        raise RunStateError(f"The results '{name}' have a UMAP already; its columns are umap1 and umap2.")
    if len(_axes(results)) < 2 or results.cells.table.rows < FEWEST_CELLS:
        raise RunStateError(f"A UMAP needs an embedding and {FEWEST_CELLS} cells, which the results '{name}' lack.")
    if find_spec("umap") is None:
        raise ConfigError("The service has no 'umap-learn'; install it with: pip install 'lightline[umap]'.")


def make_umap(results: Results, progress: Progress) -> PlacedMap:
    """Make the UMAP of a result set, and keep it.

    Raises
    ------
    RunStateError, ConfigError
        As `check_umap` does.
    StorageError
        If the disk does not take it.
    """
    check_umap(results)
    of = _axes(results)
    events, embedding = _spread_cells(results, of)
    fitted = _spread(len(events), FITTED_CELLS)
    neighbours = min(NEIGHBOURS, len(fitted) - 1)
    about = UmapAbout(
        of=of,
        cells=len(events),
        fitted=len(fitted),
        neighbours=neighbours,
        distance=DISTANCE,
        seed=SEED,
        software=f"umap-learn {version('umap-learn')}",
    )
    made = PlacedMap(results.path / UMAP_PARQUET, about, events, _places(embedding, fitted, neighbours, progress))
    made.write()
    return made


def _places(
    embedding: Embedding, fitted: npt.NDArray[np.intp], neighbours: int, progress: Progress
) -> npt.NDArray[np.float32]:
    """Return where UMAP puts cells, `(n, 2)`: those that it was fitted to, and the others among them."""
    # Its own loops are compiled in every process, which takes half a minute, so that nothing imports it before.
    from umap.umap_ import UMAP

    model = UMAP(n_neighbors=neighbours, min_dist=DISTANCE, random_state=SEED, n_jobs=1)
    places = np.empty((len(embedding), 2), np.float32)
    places[fitted] = model.fit_transform(embedding[fitted])
    model.n_epochs = _ROUNDS
    others = np.setdiff1d(np.arange(len(embedding)), fitted)
    progress(len(fitted), len(embedding))
    for first in range(0, len(others), _CHUNK):
        chunk = others[first : first + _CHUNK]
        places[chunk] = model.transform(embedding[chunk])
        progress(len(fitted) + first + len(chunk), len(embedding))
    return places


def _axes(results: Results) -> tuple[str, ...]:
    schema = results.cells.table.schema
    return () if schema is None else tuple(name for name in schema.names if name.startswith(EMBEDDING))


def _spread_cells(results: Results, of: tuple[str, ...]) -> tuple[npt.NDArray[np.uint64], Embedding]:
    """Return event ids and embedding of cells, spread evenly over a set, in order; those without one are left out."""
    stream = results.stream()
    chosen = _spread(stream.total, MOST_CELLS)
    pieces: list[Any] = []
    for seen, table in stream.tables(["event_id", *of]):
        before = seen - table.num_rows
        pieces.append(table.take(chosen[(chosen >= before) & (chosen < seen)] - before))
    events = np.concatenate([piece.column(0).to_numpy() for piece in pieces])
    embedding = np.concatenate(
        [np.stack([piece.column(name).to_numpy() for name in of], axis=1) for piece in pieces]
    ).astype(np.float32)
    known = np.isfinite(embedding).all(axis=1)
    return events[known], embedding[known]


def _spread(count: int, most: int) -> npt.NDArray[np.intp]:
    """Return at most so many of `count` numbers from 0 on, at equal distances."""
    return np.arange(count) if count <= most else np.linspace(0, count - 1, most).astype(np.intp)
