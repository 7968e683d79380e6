"""Populations of cells as priors on geometry and refractive index (specification F.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from acquisition.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Population:
    """Distribution that cells of one kind are drawn from; lengths in micrometres, CV as fraction.

    Attributes
    ----------
    nucleus
        Shape: one sphere, a sphere with a dent, or 3 to 4 lobes on an arc.
    nucleus_ratio
        Nuclear over cell diameter; for lobes the cube root of their share of the volume.
    cytoplasm_index, nucleus_index_step
        Refractive index of the cytoplasm, and what the nucleus adds to it.
    granules, granule_radius_um, granule_index
        Mean number, range of radii, and index of the granules.
    roughness
        Relative standard deviation of the outline.
    """

    name: str
    diameter_um: float
    diameter_cv: float
    nucleus: Literal["round", "kidney", "lobed"]
    nucleus_ratio: float
    nucleus_ratio_cv: float
    cytoplasm_index: float
    nucleus_index_step: float
    granules: float
    granule_radius_um: tuple[float, float]
    granule_index: float
    roughness: float = 0.02


POPULATIONS = {
    population.name: population
    for population in (
        Population("lymphocyte", 7.0, 0.08, "round", 0.86, 0.04, 1.365, 0.005, 10, (0.13, 0.17), 1.39),
        Population("monocyte", 9.8, 0.09, "kidney", 0.66, 0.05, 1.360, 0.0, 80, (0.13, 0.17), 1.39, 0.04),
        Population("neutrophil", 8.8, 0.08, "lobed", 0.63, 0.04, 1.360, 0.005, 600, (0.10, 0.20), 1.42),
    )
}

MIXTURES = {
    # Healthy blood after lysis; its granulocytes are drawn as neutrophils.
    "wbc": {"neutrophil": 0.60, "lymphocyte": 0.32, "monocyte": 0.08},
}


def parse_sample(text: str) -> dict[str, float]:
    """Read a sample such as `wbc` or `wbc:0.9,monocyte:0.1` into shares of populations that add up to 1.

    Raises
    ------
    ConfigError
        If a name is unknown, a share is not positive, or the shares do not add up to 1.
    """
    shares: dict[str, float] = {}
    parts = [part.strip() for part in text.split(",")]
    for part in parts:
        name, _, number = part.partition(":")
        try:
            share = float(number) if number else 1.0
        except ValueError:
            raise ConfigError(f"The share '{number}' of '{name}' in the sample is not a number.") from None
        if not share > 0:
            raise ConfigError(f"The share of '{name}' in the sample must be above 0, not {number}.")
        members = MIXTURES.get(name) or ({name: 1.0} if name in POPULATIONS else None)
        if members is None:
            known = ", ".join([*MIXTURES, *POPULATIONS])
            raise ConfigError(f"There is no population '{name}'; use one of {known}.")
        for member, weight in members.items():
            shares[member] = shares.get(member, 0.0) + share * weight
    total = sum(shares.values())
    if abs(total - 1.0) > 1e-3:
        raise ConfigError(f"The shares of the sample '{text}' add up to {total:g}; make them add up to 1.")
    return {name: share / total for name, share in shares.items()}
