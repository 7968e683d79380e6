"""What a sample is mixed of, and how it is written: `wbc:0.97,skno1:0.03`, `hek-gr:dex=0.5`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from acquisition.errors import ConfigError
from simulator.cells.ball import Ball
from simulator.cells.catalogue import KINDS, MIXTURES
from simulator.cells.drawing import draw_specimen
from simulator.cells.levels import ImageLevel
from simulator.cells.mie import require_mie
from simulator.cells.specimen import Specimen

DEFAULT_DEX = 0.5
"""Share of `hek-gr` that was treated with dexamethasone, where the sample does not say."""
OPTIONS = {"hek-gr": ("dex",)}


@dataclass(frozen=True, slots=True)
class Sample:
    """A mixture of populations; see `simulator.cells.specimen.Specimens`.

    Attributes
    ----------
    text
        As it was written.
    shares
        Share of each population; they add up to 1.
    level
        How faithfully side scatter is made; beads follow Mie's theory at L2.
    """

    text: str
    shares: Mapping[str, float]
    level: ImageLevel = ImageLevel.L0

    @property
    def kinds(self) -> tuple[str, ...]:
        """Names of the populations in it."""
        return tuple(self.shares)

    @property
    def description(self) -> str:
        """The text."""
        return self.text

    @property
    def semi_real(self) -> bool:
        """False: everything in it is made up."""
        return False

    def draw(self, rng: np.random.Generator) -> Specimen:
        """Draw one specimen; the same generator state gives the same one."""
        shares = np.array(list(self.shares.values()))
        return draw_specimen(self.kinds[int(rng.choice(shares.size, p=shares))], rng, self.level)


def parse_sample(text: str, level: ImageLevel | str = ImageLevel.L0) -> Sample:
    """Read a sample: items separated by commas, each `NAME`, `NAME:SHARE`, and options as `KEY=VALUE`.

    Raises
    ------
    ConfigError
        If a name or option is unknown, a share is not above 0, an option is out of range, or the shares do not add
        up to 1; or if level L2 is asked for beads and Mie's theory is not installed.
    """
    shares: dict[str, float] = {}
    for item in text.split(","):
        name, share, options = _read_item(item.strip())
        for member, weight in _members(name, options).items():
            if weight > 0:
                shares[member] = shares.get(member, 0.0) + share * weight
    total = sum(shares.values())
    if abs(total - 1.0) > 1e-3:
        raise ConfigError(f"The shares of the sample '{text}' add up to {total:g}; make them add up to 1.")
    if level == ImageLevel.L2 and any(isinstance(KINDS[name], Ball) for name in shares):
        require_mie()
    return Sample(text, {name: share / total for name, share in shares.items()}, ImageLevel(level))


def sample_names() -> list[str]:
    """Every name that a sample may use: mixtures, groups with options, populations."""
    return [*MIXTURES, *OPTIONS, *KINDS]


def _read_item(item: str) -> tuple[str, float, dict[str, float]]:
    """Return name, share and options of one item."""
    name, *fields = (field.strip() for field in item.split(":"))
    numbers = [field for field in fields if "=" not in field]
    if len(numbers) > 1:
        raise ConfigError(f"'{item}' in the sample has more than one share; write NAME:SHARE, such as wbc:0.97.")
    share = _number(numbers[0], f"The share '{numbers[0]}' of '{name}' in the sample") if numbers else 1.0
    if not share > 0:
        raise ConfigError(f"The share of '{name}' in the sample must be above 0, not {numbers[0]}.")
    options: dict[str, float] = {}
    for field in fields:
        key, equals, value = field.partition("=")
        if not equals:
            continue
        if key in options:
            raise ConfigError(f"The option '{key}' of '{name}' in the sample stands there twice; name it once.")
        options[key] = _number(value, f"The option {key}={value} of '{name}' in the sample")
    return name, share, options


def _number(text: str, what: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise ConfigError(f"{what} is not a number.")
    return number


def _members(name: str, options: Mapping[str, float]) -> dict[str, float]:
    """Shares of populations that one name stands for."""
    if name not in sample_names():
        raise ConfigError(f"There is no population '{name}'; use one of {', '.join(sample_names())}.")
    known = OPTIONS.get(name, ())
    for key in options:
        if key not in known:
            remedy = f"use {', '.join(known)}" if known else "leave it out"
            raise ConfigError(f"The population '{name}' has no option '{key}'; {remedy}.")
    if name == "hek-gr":
        dex = options.get("dex", DEFAULT_DEX)
        if not 0 <= dex <= 1:
            raise ConfigError(f"The option dex of 'hek-gr' is a share from 0 to 1, not {dex:g}.")
        return {"hek-gr-untreated": 1.0 - dex, "hek-gr-dex": dex}
    return dict(MIXTURES.get(name, {name: 1.0}))
