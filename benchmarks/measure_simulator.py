"""The simulator's part of docs/measurements.md."""

from __future__ import annotations

from collections.abc import Callable

from acquisition.errors import ConfigError
from benchmarks import bead_signal, difficulty, electronics, phantoms, populations
from benchmarks.atom_figures import figures as atom_figures
from benchmarks.page import ATOM, table


def simulated_atom(_folder: str) -> str:
    """The preset atom-real beside the public ATOM record."""
    if not ATOM.is_file():
        return "The real record was not at hand when this page was made."
    rows: list[tuple[object, ...]] = [
        (name, f"{real:.4f}", f"{simulated:.4f}") for name, real, simulated in atom_figures(ATOM)
    ]
    return "`python -m benchmarks.atom_figures oil_emulsion.hdf5`\n\n" + table(("", "real", "simulated"), rows)


def closed_forms(_folder: str) -> str:
    """The electronics against closed forms."""
    rows: list[tuple[object, ...]] = [(f.what, f"{f.asked:.4g}", f"{f.measured:.4g}") for f in electronics.figures()]
    return "`python -m benchmarks.electronics`\n\n" + table(("simulated", "asked for", "measured"), rows)


def cells(_folder: str) -> str:
    """Populations, beads and image levels."""
    return "\n\n".join(
        [
            "`python -m benchmarks.populations`",
            table(
                ("simulated", "diameter, µm", "specified", "side scatter / lymphocyte", "specified", "robust CV"),
                populations.figures(),
            ),
            table(("bead", "collected by Mie, µm²", "L0 / Mie", "L1 / Mie", "L2 / Mie"), populations.bead_figures()),
            "`python -m benchmarks.bead_signal`: the same, from the samples of a simulated bead recording (L2)",
            table(("bead", "Mie, µm²", "samples / Mie", "of eight beads"), bead_signal.figures()),
            table(("cell", "L1 / L0", "of three cells"), populations.level_figures()),
        ]
    )


def real_images(_folder: str) -> str:
    """Real cells through the simulated instruments."""
    try:
        found = phantoms.figures()
    except ConfigError as error:
        return f"The real images were not at hand when this page was made: {error}"
    rows: list[tuple[object, ...]] = [(name, f"{value:.3g}") for name, value in found.items()]
    return "`python -m benchmarks.phantoms OUT.png`\n\n" + table(("semi-real, medians", ""), rows)


def hardness(_folder: str) -> str:
    """Populations told apart by hand-made features."""
    return "`python -m benchmarks.difficulty` (balanced accuracy, fitted on one run and scored on another)\n\n" + table(
        difficulty.HEAD, list(difficulty.figures())
    )


SIMULATOR_SECTIONS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("The simulated time stretch beside the real one", simulated_atom),
    ("Simulated electronics against closed forms", closed_forms),
    ("Simulated cells beside the specification", cells),
    ("Real images through the simulated instruments", real_images),
    ("How hard the simulated populations are by hand", hardness),
)
