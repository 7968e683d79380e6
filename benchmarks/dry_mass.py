"""Dry mass of simulated cells out of the samples of atom-4g, all noise on, against the mass that was drawn."""

from __future__ import annotations

import numpy as np

from benchmarks.flown import Place, atom_setup, flown
from benchmarks.page import table
from reconstruction.features.phase import REFRACTION_INCREMENT_UM3_PER_PG
from reconstruction.time_stretch.contrasts import Contrast
from reconstruction.transform import transform_for
from simulator.cells.drawing import draw_specimen
from simulator.cells.specimen import Specimen
from simulator.randomness import Purpose, random_stream

KINDS = ("lymphocyte", "neutrophil", "monocyte", "rbc", "skno1", "thp1")
OF_EACH, SEED, FARTHEST_UM = 8, 43, 2.0
HEAD = ("simulated cells", "judged", "mean true mass, pg", "measured / true, median", "least", "most", "correlation")


def true_mass_pg(specimen: Specimen) -> float:
    """Integral of the refractive index above water's over the cell, over the increment."""
    n, pixel_um = 96, 0.25
    return float(specimen.index_step(n, pixel_um).sum()) * pixel_um**3 / REFRACTION_INCREMENT_UM3_PER_PG


def figures(of_each: int = OF_EACH, seed: int = SEED) -> list[tuple[object, ...]]:
    """Rows of `HEAD`, one a kind and one for all; places and speeds spread as in the preset, x up to 2 um."""
    rng = np.random.default_rng(seed)
    kinds = KINDS * of_each
    specimens = [draw_specimen(kind, random_stream(seed, Purpose.CELLS, k)) for k, kind in enumerate(kinds)]
    setup = atom_setup()
    places = []
    for _ in specimens:
        x_um = float(np.clip(setup.flow.lateral_x_um * rng.standard_normal(), -FARTHEST_UM, FARTHEST_UM))
        z_um = setup.flow.lateral_z_um * float(rng.standard_normal())
        places.append(Place(x_um, z_um, 1.0 + setup.flow.speed_cv * float(rng.standard_normal())))
    stretch = flown(setup, specimens, places, seed)
    found = transform_for(setup.instrument).images(stretch.events, [Contrast.PHASE])
    masses: dict[str, list[tuple[float, float]]] = {kind: [] for kind in KINDS}
    for k in np.flatnonzero(found.is_cell):
        specimen = stretch.arrival_of(stretch.events[k]).specimen
        masses[specimen.kind].append((true_mass_pg(specimen), float(found.features["dry_mass_pg"][k])))
    rows = [_row(kind, of_each, np.array(pairs)) for kind, pairs in masses.items() if len(pairs) > 2]
    every = np.concatenate([np.array(pairs) for pairs in masses.values() if pairs])
    return [*rows, _row("all", len(kinds), every)]


def _row(name: str, count: int, pairs: np.ndarray) -> tuple[object, ...]:
    true, measured = pairs.T
    over = measured / true
    shown = (f"{np.median(over):.3f}", f"{over.min():.3f}", f"{over.max():.3f}")
    return name, f"{len(pairs)} of {count}", f"{true.mean():.0f}", *shown, f"{np.corrcoef(true, measured)[0, 1]:.3f}"


if __name__ == "__main__":
    print(table(HEAD, figures()))
