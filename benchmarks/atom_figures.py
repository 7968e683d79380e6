"""The simulated ATOM beside the real record: the figures of specification B.4, measured on both by one function."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from acquisition.block import Samples
from acquisition.clock import find_period, interleave_offsets
from acquisition.source import blocks, open_source
from simulator.arrivals import Arrival
from simulator.cells.ball import BallSpecimen
from simulator.cells.specimen import Field, View
from simulator.electronics.chain import Electronics
from simulator.optics.time_stretch import TimeStretchModel
from simulator.presets import setup_preset
from simulator.setup import Setup

CORES, BINS_PER_SAMPLE = 4, 4
N_SAMPLES, DROPLET_TICK = 275_000, 131_000.0
NOMINAL_PERIOD = 275.5195


class Droplet(BallSpecimen):
    """An oil droplet that looks as the real one does: a dark ring with a middle that is not quite bright."""

    def __init__(self) -> None:
        super().__init__("droplet", 7.5, 1.46, np.empty((0, 4), dtype=np.float32))

    def field(self, view: View) -> Field:
        """Complex amplitude behind the droplet, which lets half of the light through."""
        amplitude = super().field(view)
        return np.where(amplitude == 1, amplitude, 0.7 * amplitude).astype(np.complex64)


def real_record(path: Path) -> Samples:
    """Samples of the public record, `(n,)` int8."""
    with open_source(f"atom:{path}") as source:
        return np.concatenate([block.data.copy() for block in blocks(source)])[:, 0]


def simulated_record(setup: Setup | None = None, seed: int = 1) -> Samples:
    """As many samples of `atom-real`, `(n,)` int8, with one oil droplet in the middle as in the real record."""
    setup = setup or setup_preset("atom-real")
    model = TimeStretchModel(setup, seed)
    light = np.empty((N_SAMPLES, 1), dtype=np.float32)
    model.empty(0, light)
    # Aside and out of focus, as the real one.
    model.shadow(Arrival(1, Droplet(), DROPLET_TICK, setup.instrument.flow_speed_m_s, -1.4, 0.0)).lay(0, light)
    electronics = Electronics(setup, seed)
    return electronics.convert(electronics.amplify(electronics.detect(light, 0, 0), 0), 0, 0)[:, 0]


class Folded:
    """A record folded at its own period, its pulse put into the middle of the line."""

    def __init__(self, samples: Samples) -> None:
        self.samples = samples.astype(np.float64)
        self.period = find_period(samples, interleave_offsets(samples, CORES), NOMINAL_PERIOD)
        ticks = np.arange(samples.size)
        place = np.floor(ticks % self.period).astype(int)
        brightest = int(np.argmax(np.bincount(place, weights=self.samples)))
        turns = (ticks - brightest) / self.period + 0.5
        self.line = np.floor(turns).astype(int)
        self.phase = (turns - self.line - 0.5) * self.period
        """Samples since the brightest phase of the line."""
        self.core = ticks % CORES
        dark = (self.phase < -40) & (self.phase > -120)
        self.offsets = np.array([self.samples[dark & (self.core == core)].mean() for core in range(CORES)])
        self.clean = self.samples - self.offsets[self.core]
        self.dark_rms = tuple(
            float(values[take].std())
            for values, take in ((self.samples, dark), (self.clean, dark), (self.clean, dark & (self.line < 100)))
        )
        near = np.abs(self.phase) < 25
        energy = np.bincount(self.line[near], weights=self.clean[near])[1:-1]
        self.quiet = np.flatnonzero(energy > 0.9 * np.quantile(energy, 0.9)) + 1
        # Far from the droplet, whose rings of diffraction change the lines around it.
        self.energy = energy[:100]
        levels = np.bincount(self.line[dark], weights=self.clean[dark]) / np.maximum(np.bincount(self.line[dark]), 1)
        self.lift = float(np.convolve(levels[1:-1], np.ones(20) / 20, mode="valid").max() - levels[self.quiet].mean())
        self._fold()

    def _fold(self) -> None:
        """Median of the empty lines in quarters of a sample: `place` and `level`."""
        take = np.isin(self.line, self.quiet)
        take &= ~((self.samples < 0) & (np.abs(self.phase) < 3))
        bins = np.floor((self.phase[take] + self.period / 2) * BINS_PER_SAMPLE).astype(int)
        order = np.argsort(bins, kind="stable")
        edges = np.searchsorted(bins[order], np.arange(int(self.period * BINS_PER_SAMPLE) + 1))
        values = self.clean[take][order]
        filled = np.flatnonzero(np.diff(edges) > 3)
        self.place = (filled + 0.5) / BINS_PER_SAMPLE - self.period / 2
        self.level = np.array([np.median(values[edges[b] : edges[b + 1]]) for b in filled])

    def figures(self) -> dict[str, float]:
        """Every figure by its name."""
        step = 1 / BINS_PER_SAMPLE
        lit = np.flatnonzero(self.level > 0.05 * self.level.max())
        after = (self.place > 25) & (self.place < 70)
        deepest = int(np.argmin(np.where(after, np.convolve(self.level, np.ones(9) / 9, mode="same"), np.inf)))
        dark = np.abs(self.place + 80) < 40
        below = self.level[after].min() - np.median(self.level[dark])
        return {
            "samples per line": self.period,
            "active window above 5 %, samples": float(self.place[lit[-1]] - self.place[lit[0]]) + step,
            "above 50 %, samples": float((self.level > 0.5 * self.level.max()).sum()) * step,
            "clipped, % of all samples": 100 * float(np.mean(self.samples >= 127)),
            "clipped, % of empty lines": 100 * float(np.mean(self.samples[np.isin(self.line, self.quiet)] >= 127)),
            "lines that the droplet dims": float(self.line.max() - 1 - self.quiet.size),
            **{f"offset of core {core}, LSB": float(self.offsets[core]) for core in range(CORES)},
            "dark rms, LSB": self.dark_rms[0],
            "dark rms without the offsets, LSB": self.dark_rms[1],
            "dark rms of the first 100 lines, LSB": self.dark_rms[2],
            "undershoot below the dark level, LSB": float(below),
            "undershoot after the pulse's start, samples": float(self.place[deepest] - self.place[lit[0]]),
            "baseline's rise behind the droplet, LSB": self.lift,
            "energy of the first 100 lines, % rms": 100 * float(self.energy.std() / self.energy.mean()),
            "highest count": float(self.samples.max()),
            "lowest count": float(self.samples.min()),
        }


def figures(path: Path) -> list[tuple[str, float, float]]:
    """Rows of figure, real, simulated."""
    real, simulated = Folded(real_record(path)).figures(), Folded(simulated_record()).figures()
    return [(name, value, simulated[name]) for name, value in real.items()]


def draw(path: Path, png: Path) -> None:
    """Both records folded: the empty line, and the lines as they come."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(2, 2, figsize=(13, 8))
    for column, (title, samples) in enumerate((("real", real_record(path)), ("simulated", simulated_record()))):
        folded = Folded(samples)
        axes[0, column].plot(folded.place, folded.level, lw=1)
        axes[0, column].set(title=title, xlim=(-30, 80), ylim=(-15, 135), xlabel="samples since the brightest phase")
        axes[0, column].grid(True)
        near = np.abs(folded.phase) < 59
        picture = np.full((int(folded.line.max()) + 1, 120), np.nan)
        picture[folded.line[near], np.floor(folded.phase[near] + 60).astype(int)] = folded.clean[near]
        axes[1, column].imshow(picture, aspect="auto", vmin=-10, vmax=127, extent=(-60, 60, picture.shape[0], 0))
        axes[1, column].set(xlabel="samples since the brightest phase", ylabel="line")
    figure.tight_layout()
    figure.savefig(png, dpi=80)
    plt.close(figure)


if __name__ == "__main__":
    record = Path(sys.argv[1])
    for name, real_value, simulated_value in figures(record):
        print(f"{name:<46} {real_value:>10.4f} {simulated_value:>10.4f}")
    if len(sys.argv) > 2:
        draw(record, Path(sys.argv[2]))
