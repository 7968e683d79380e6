"""Populations of cells and particles by name, and their mixtures (specification F.2)."""

from __future__ import annotations

from simulator.cells.ball import Ball
from simulator.cells.disc import DiscPopulation
from simulator.cells.population import Granules, Nucleus, NucleusShape, Population, Stain

_LYMPHOCYTE = Nucleus(NucleusShape.ROUND, 0.86, 0.04, 0.005)
_NO_NUCLEUS = Nucleus(NucleusShape.NONE)
_SEGMENTED = Nucleus(NucleusShape.SEGMENTED, 0.63, 0.04, 0.005)
_BILOBED = Nucleus(NucleusShape.BILOBED, 0.63, 0.04, 0.005)
_FEW = Granules(10, 0.15, 1.39)
_HEK_NUCLEUS = Nucleus(NucleusShape.OVAL, 0.65, 0.05, -0.004, (2, 3))
_HEK_GRANULES = Granules(150, 0.25, 1.39)

HEK_BEFORE_FIXATION = (15.0, 0.116, 1.360)
"""Diameter, its CV and index of the cytoplasm before fixation; after it they are those of the table F.2, which is of
fixed cells: 13.5 um, 12 % and 1.365."""

EOSINOPHIL_GRANULE_INDEX = 1.41
"""The table F.2 has 1.45, and a side scatter of 10 to 15 lymphocytes. Under Rayleigh-Gans-Debye the two exclude each
other: 200 granules of 0.3 to 0.5 um at 1.45 scatter as 40 to 50 lymphocytes do. The level was kept."""


def _hek(name: str, stain: Stain) -> Population:
    diameter_um, cv, index = HEK_BEFORE_FIXATION
    return Population(name, diameter_um, cv, index, _HEK_NUCLEUS, _HEK_GRANULES, 0.02, fixed=True, stain=stain)


_CELLS = (
    Population("lymphocyte", 7.0, 0.08, 1.365, _LYMPHOCYTE, _FEW, 0.015),
    Population("t-cell", 7.0, 0.08, 1.365, _LYMPHOCYTE, _FEW, 0.015),
    Population("b-cell", 7.3, 0.08, 1.365, _LYMPHOCYTE, _FEW, 0.015),
    # Natural killer cells are the large granular ones among lymphocytes: somewhat more cytoplasm and granules.
    Population(
        "nk-cell", 7.6, 0.08, 1.365, Nucleus(NucleusShape.ROUND, 0.82, 0.04, 0.005), Granules(20, 0.17, 1.39), 0.015
    ),
    Population(
        "monocyte", 9.8, 0.09, 1.360, Nucleus(NucleusShape.KIDNEY, 0.66), Granules(80, 0.15, 1.39), 0.02, ruffles=0.03
    ),
    # The radii of the table, 0.10 to 0.20 um and 0.3 to 0.5 um, are taken as the middle 90 % of a log-normal.
    Population("neutrophil", 8.8, 0.08, 1.360, _SEGMENTED, Granules(600, 0.141, 1.42, 0.21), 0.02),
    Population("eosinophil", 9.0, 0.08, 1.360, _BILOBED, Granules(200, 0.387, EOSINOPHIL_GRANULE_INDEX, 0.155), 0.02),
    Population(
        "skno1", 12.0, 0.12, 1.362, Nucleus(NucleusShape.INDENTED, 0.80, nucleoli=(1, 3)), Granules(60, 0.2, 1.39)
    ),
    _hek("hek293t", Stain.NONE),
    _hek("hek-gr-untreated", Stain.GFP_GR_UNTREATED),
    _hek("hek-gr-dex", Stain.GFP_GR_DEX),
    Population(
        "thp1",
        13.0,
        0.12,
        1.363,
        Nucleus(NucleusShape.INDENTED, 0.70, index_step=-0.003, nucleoli=(1, 2)),
        Granules(120, 0.2, 1.39),
        0.02,
        ruffles=0.015,
    ),
    Population(
        "mcf7",
        17.0,
        0.13,
        1.367,
        Nucleus(NucleusShape.ROUND, 0.60, index_step=-0.004, nucleoli=(2, 4)),
        Granules(250, 0.3, 1.40),
        0.02,
    ),
    Population(
        "mda-mb-231",
        15.5,
        0.13,
        1.366,
        Nucleus(NucleusShape.OVAL, 0.60, index_step=-0.004, nucleoli=(1, 3)),
        Granules(220, 0.3, 1.40),
        0.04,
        ruffles=0.015,
    ),
    # What follows is not in the table beyond its diameter; the rest is assumed.
    Population("platelet", 2.5, 0.15, 1.370, _NO_NUCLEUS, Granules(8, 0.12, 1.40), 0.04),
    # Of no tissue: what cells differ by varies widely, each by itself, so that an encoder can learn to tell it apart.
    Population(
        "varied",
        10.5,
        0.2,
        1.362,
        Nucleus(NucleusShape.ROUND, 0.62, 0.2, 0.03),
        Granules(100, 0.38, 1.41, count_cv=0.9),
        0.02,
    ),
    Population("debris", 1.2, 0.45, 1.370, _NO_NUCLEUS, Granules(1, 0.12, 1.40), 0.06, is_cell=False),
)

KINDS: dict[str, Population | DiscPopulation | Ball] = {
    **{population.name: population for population in _CELLS},
    "rbc": DiscPopulation("rbc", 7.8, 0.05, 2.2, 1.40),
    "bead-3um": Ball("bead-3um", 3.0, 0.02, 1.59),
    "bead-6um": Ball("bead-6um", 6.0, 0.02, 1.59),
    "bead-10um": Ball("bead-10um", 10.0, 0.02, 1.59),
    "bubble": Ball("bubble", 20.0, 0.4, 1.0),
}

POPULATIONS = {population.name: population for population in _CELLS}

MIXTURES = {
    # Healthy blood after lysis; 3 % of all are eosinophils, a usual share of the 60 % granulocytes.
    "wbc": {"neutrophil": 0.57, "eosinophil": 0.03, "lymphocyte": 0.32, "monocyte": 0.08},
    # T : B : NK as 7 : 1.5 : 1.5; the 2 % of other cells are granulocytes that came along.
    "pbmc": {"t-cell": 0.56, "b-cell": 0.12, "nk-cell": 0.12, "monocyte": 0.18, "neutrophil": 0.02},
}
