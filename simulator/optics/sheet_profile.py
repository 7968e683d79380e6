"""What every channel of a light sheet holds along an empty scan: beam, stray light and marker."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from acquisition.instrument import Role, Scan
from simulator.electronics.settings import Detector
from simulator.optics.settings import SheetDefects
from simulator.optics.sheet_kernels import Floats, Sweep, efficiency, flyback

Doubles = npt.NDArray[np.float64]

BINS = 4096
"""Phases of a scan that are told apart: 1 ns at 200 kHz."""
MARKER_SHARE = 0.05
"""Width of the marker's pulse at its foot, of a scan; a raised cosine, as amplifiers make of a short pulse."""


def sweep_of(scan: Scan, defects: SheetDefects) -> Sweep:
    """Return how the sheet moves and shines, for the kernels."""
    return Sweep(
        scan.active_duty,
        scan.height_um,
        scan.a2,
        scan.a3,
        scan.shape == "triangle",
        scan.efficiency_roll_off,
        defects.dark_efficiency,
        defects.flyback_mix and scan.active_duty < 1.0,
    )


def beam_profile(sweep: Sweep) -> Doubles:
    """Brightness of the beam along a scan, `(BINS,)`, relative to the best diffraction efficiency."""
    profile = np.empty(BINS)
    for b in range(BINS):
        phase = (b + 0.5) / BINS
        if phase < sweep.duty:
            profile[b] = efficiency(sweep, phase / sweep.duty)
        elif sweep.mixes:
            _, old, _, new = flyback(sweep, phase)
            profile[b] = old + new
        else:
            profile[b] = sweep.between
    return profile


def stray_pattern(rng: np.random.Generator) -> Doubles:
    """Return the pattern that stray light draws along a scan, `(BINS,)`, mean 0 and height 1.

    Four harmonics of falling amplitude and random phase: reflections at lenses change slowly with the angle of the beam
    (an assumption of the simulation).
    """
    phase = (np.arange(BINS) + 0.5) / BINS
    waves = [
        np.cos(2 * np.pi * (order * phase + offset)) / order for order, offset in enumerate(rng.random(4), start=1)
    ]
    pattern = np.sum(waves, axis=0)
    return np.asarray(pattern / np.abs(pattern).max())


def stray_profile(level: Detector, beam: Doubles, pattern: Doubles, structure: float) -> Floats:
    """Photoelectrons of stray light along a scan, `(BINS,)`: it comes from the beam and is as bright."""
    return np.asarray(level.stray * beam * (1.0 + structure * pattern), dtype=np.float32)


def empty_profile(role: Role, level: Detector, beam: Doubles, stray: Floats) -> Floats:
    """Photoelectrons of a channel along an empty scan, `(BINS,)`."""
    if role is Role.TRANSMISSION:
        return np.asarray(level.photoelectrons * beam + stray, dtype=np.float32)
    if role is Role.SCAN_MARKER:
        phase = (np.arange(BINS) + 0.5) / BINS / MARKER_SHARE
        pulse = np.where(phase < 1.0, 0.5 - 0.5 * np.cos(2 * np.pi * phase), 0.0)
        return np.asarray(level.photoelectrons * pulse + level.stray, dtype=np.float32)
    return stray
