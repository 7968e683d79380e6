"""Real photomultiplier pulses and real photomultiplier noise, of a CytoSense: area, doublets, false triggers."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from acquisition.log_codes import four_decades, linear, sixteen_decades
from acquisition.pulse import Pulse, PulseFlag, PulseSettings
from acquisition.pulse_widths import wide_pulses
from acquisition.pulses import PulseFinder
from benchmarks.page import DATA

RECORD = DATA / "cytosense_pulses.npz"
SIDE_SCATTER = "SWS HS"
WINDOW = 28
"""Samples of the usual record of a bead (485 of 535 have just so many)."""
SEEN_BY_EYE = frozenset({240, 255, 312, 334, 457, 459, 474, 483})
"""Records with two maxima in pictures of all of unusual length, and of the forty largest areas of the rest."""
SHOULDERS = frozenset({242, 320, 365, 527})
"""What the rule of widths names besides. They have one maximum and a shoulder or a long flank, which is how pairs look
that are hardly apart; this was looked at after the rule had named them."""
CODE_MV = 0.125
"""A step of the converter that took the noise."""

# The records are triggered by hardware and have no empty trace: the dark level is the lowest code of the amplifier, and
# the noise about one code there. Nothing else is told; valley and thresholds are the defaults.
HOW = PulseSettings(baseline=0.5, noise=1.0, margin=WINDOW // 2, longest=400)


@dataclass(frozen=True)
class Beads:
    """Pulses of the bead records: side-scatter areas `(n,)`, records with a valley, and records that are wide."""

    areas: npt.NDArray[np.float64]
    doublets: frozenset[int]
    wide: frozenset[int]

    @property
    def area_cv(self) -> float:
        """Robust coefficient of variation of the area, percent: 1.4826 MAD / median."""
        middle = np.median(self.areas)
        return float(148.26 * np.median(np.abs(self.areas - middle)) / middle)


def beads(valley: float = HOW.valley) -> Beads:
    """Find the pulse of every bead record, each a stretch of its own."""
    with np.load(RECORD) as data:
        lengths, column = data["bead_lengths"], list(data["bead_channels"]).index(SIDE_SCATTER)
        trace = linear(data["bead_samples"][:, column : column + 1], four_decades())
    finder = PulseFinder(1, replace(HOW, valley=valley))
    pulses: list[Pulse] = []
    for record, samples in enumerate(np.split(trace, np.cumsum(lengths)[:-1])):
        pulses += finder.push(samples, 0, epoch=record)
    pulses += finder.flush()
    return Beads(
        np.array([pulse.channels[0].area for pulse in pulses]),
        frozenset(pulse.epoch for pulse in pulses if PulseFlag.DOUBLET in pulse.flags),
        frozenset(pulse.epoch for pulse, wide in zip(pulses, wide_pulses(pulses, 0), strict=True) if wide),
    )


def noise_triggers(on_sigmas: float = 6.0) -> tuple[int, int, int]:
    """Return pulses, shorter crossings, and windows of the noise record, over its nine channels, each on its own."""
    with np.load(RECORD) as data:
        trace = linear(data["noise_samples"], sixteen_decades())
    how = PulseSettings(on_sigmas=on_sigmas, off_sigmas=on_sigmas / 2, least_noise=0.3 * CODE_MV)
    pulses = short = 0
    for channel in trace.T:
        finder = PulseFinder(1, how)
        pulses += len(finder.push(channel[:, None], 0) + finder.flush())
        short += finder.too_short
    return pulses, short, trace.size // WINDOW


def upper_bound(count: int, windows: int) -> float:
    """Return the greatest rate that would still give so few with a chance of 5 % (Poisson), by bisection."""
    low, high = 0.0, 10.0 + 4.0 * count
    for _ in range(60):
        middle = 0.5 * (low + high)
        terms = np.cumprod([1.0, *(middle / k for k in range(1, count + 1))])
        low, high = (middle, high) if np.exp(-middle) * terms.sum() > 0.05 else (low, middle)
    return high / windows


HEAD = ("real pulses and noise", "")


def figures() -> list[tuple[object, ...]]:
    """One row a figure, for docs/measurements.md."""
    if not RECORD.is_file():
        return [("the record was not at hand when this page was made", "")]
    found = beads()
    rows: list[tuple[object, ...]] = [
        ("bead records (with a pulse)", f"535 ({len(found.areas)})"),
        ("side-scatter area, robust CV", f"{found.area_cv:.2f} %"),
        ("doublets seen by eye, of them found", f"{len(SEEN_BY_EYE)}, {len(SEEN_BY_EYE & found.doublets)}"),
        ("called doublets besides", len(found.doublets - SEEN_BY_EYE)),
    ]
    rows.append(
        (
            "wide for their height: of the doublets, and besides",
            f"{len(SEEN_BY_EYE & found.wide)}, {len(found.wide - SEEN_BY_EYE)}",
        )
    )
    rows.append(
        (
            "of these, with a shoulder by eye (looked at afterwards)",
            f"{len(SHOULDERS & found.wide)} of {len(SHOULDERS)}",
        )
    )
    good = [valley for valley in (0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3) if beads(valley).doublets == SEEN_BY_EYE]
    rows.append(
        ("just these with a valley of", f"{min(good):g} to {max(good):g} of the height (default {HOW.valley:g})")
    )
    for sigmas in (5.0, 6.0, 7.0):
        pulses, short, windows = noise_triggers(sigmas)
        rate, most = pulses / windows, upper_bound(pulses, windows)
        rows.append(
            (
                f"noise, threshold at {sigmas:g} sigma: false triggers in {windows} windows",
                f"{pulses} ({rate:.1e} a window, below {most:.1e} at 95 %); {short} shorter crossings",
            )
        )
    return rows


if __name__ == "__main__":
    print(" | ".join(HEAD))
    for row in figures():
        print(*row, sep=" | ")
