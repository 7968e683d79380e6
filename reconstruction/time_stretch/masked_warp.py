"""The offline image of time-stretched lines: the one of least variation that explains every sample.

Streaming images lay samples on the grid and average them. Here the image is sought that gives what was measured where
it is looked up at the place of every sample, and has as little total variation as the noise allows:
min |M (W u - b)|^2 + mu |grad u|_{2,1} (specification B.3, step 5, "best/offline"). M leaves out what holds no
measurement. What the optics cannot have passed is taken out at the end.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from acquisition.event import Event
from acquisition.instrument import Instrument
from reconstruction.motion import FloatImage
from reconstruction.time_stretch.samples import LineSamples, lit_samples
from reconstruction.time_stretch.views import ViewPlace
from reconstruction.time_stretch.warp_kernels import lay_back, least_variation, look_up

Doubles = npt.NDArray[np.float64]

MU = 5e-3
"""What a unit of variation costs where the pixels' trust is 1 on average; chosen on simulated cells of other seeds."""
MOST_ITERATIONS = 500
TOLERANCE = 5e-5
"""Of the background: pixels that change by less in ten iterations have settled."""
PULSE_SPREAD = 0.02
"""Relative spread of the energies of laser pulses that is expected before anything is known."""
PULSE_RANGE = 0.15
"""Ratios to the background within this of 1 are taken for the empty field where a pulse's energy is first guessed."""

NEAR = 0.06
"""Of the image: what is this near to 1 shows the empty field, when the energy is measured."""
FADING = 0.6
"""From the highest frequency of the optics on, as a share of it: a sudden end would ring at the edges."""
SINGLE_PULSE = (0.5, 1.2)
"""Lines beyond these shares of their neighbours' light had no laser pulse, or two: no body is as short as a line."""
NEIGHBOURS = 7
"""Lines that a line is compared with, itself in their middle."""


def masked_warp(event: Event, instrument: Instrument, view: ViewPlace) -> FloatImage:
    """Return the offline image `(y, x)` of one view, relative to the empty line, on the instrument's grid.

    The first row is the leading edge's side, as in streaming images. Where no sample lies, the image goes on as
    smoothly as it can. Made in a tenth to a quarter of a second.

    Parameters
    ----------
    event
        With its window, and clock and background as they stood.
    instrument
        A time stretch.
    view
        Part of the line to take, of `views_of`.

    Raises
    ------
    ConfigError
        If the instrument is no time stretch.
    """
    n = instrument.grid.size_px
    image, weight = np.ones((n, n), np.float32), np.empty((n, n), np.float32)
    samples = _with_one_pulse(lit_samples(event, instrument, view))
    if samples.lines == 0:
        return image
    seen = samples.seen
    lay_back(seen.trust, seen.row, seen.col, weight)
    # Variation is weighed against how well the pixels are known, not against how many samples there are.
    trust = seen.trust / weight[weight > 0].mean()
    lay_back(trust, seen.row, seen.col, weight)
    samples = _own_background(samples, _first_energies(samples))
    seen = samples.seen
    ratios = (seen.value / _first_energies(samples)[samples.line]).astype(np.float32)
    lay_back(trust * ratios, seen.row, seen.col, image)
    image = np.where(weight > 0, image / np.maximum(weight, 1e-9), 1.0).astype(np.float32)
    least_variation(seen._replace(value=ratios, trust=trust), MU, MOST_ITERATIONS, TOLERANCE, image)
    # The image tells the pulses' energies better than the first guess, which a body in the line leads astray.
    energies = _energies(samples, image, _noise_variance(event, view.column))
    ratios = (seen.value / energies[samples.line]).astype(np.float32)
    least_variation(seen._replace(value=ratios, trust=trust), MU, MOST_ITERATIONS, TOLERANCE, image)
    return _passed(image, instrument)


def _noise_variance(event: Event, column: int) -> float:
    """Of the ratio to the background at its brightest phase."""
    highest = float(event.background.level[column].max())
    return (float(event.background.noise[column]) / highest) ** 2


def _with_one_pulse(samples: LineSamples) -> LineSamples:
    """Leave out the lines that had no laser pulse, or a second one within the view."""
    if samples.lines <= NEIGHBOURS:
        return samples
    trust, met = samples.seen.trust, np.bincount(samples.line)
    sums = np.bincount(samples.line, weights=trust * samples.seen.value)
    light = sums / np.maximum(np.bincount(samples.line, weights=trust), 1e-9)
    around = np.lib.stride_tricks.sliding_window_view(np.pad(light, NEIGHBOURS // 2, mode="edge"), NEIGHBOURS)
    share = light / np.maximum(np.median(around, axis=-1), 1e-9)
    single = (share > SINGLE_PULSE[0]) & (share < SINGLE_PULSE[1])
    return samples.only((single | (met == 0))[samples.line])


def _first_energies(samples: LineSamples) -> Doubles:
    """Guess every pulse's energy, `(lines,)`, by the median of its ratios near 1; 1 where a body fills the line."""
    energy = np.ones(samples.lines)
    starts = np.searchsorted(samples.line, np.arange(samples.lines + 1))
    for number in range(samples.lines):
        ratios = samples.seen.value[starts[number] : starts[number + 1]]
        near = ratios[np.abs(ratios - 1.0) < PULSE_RANGE]
        if near.size > ratios.size // 4:
            energy[number] = np.median(near)
    return energy


def _own_background(samples: LineSamples, energies: Doubles) -> LineSamples:
    """Divide by what the window's own empty lines show at every phase, so far as it is told from noise.

    The background as it was followed is smoother, but that of other lines: the least slip between them draws stripes.
    """
    seen = samples.seen
    ratios = seen.value / energies[samples.line] - 1.0
    take = samples.empty & (np.abs(ratios) < PULSE_RANGE)
    phase, bins = samples.phase[take], int(samples.phase.max()) + 1
    met = np.bincount(phase, minlength=bins)
    mean = np.bincount(phase, weights=ratios[take], minlength=bins) / np.maximum(met, 1)
    spread = np.bincount(phase, weights=(ratios[take] - mean[phase]) ** 2, minlength=bins) / np.maximum(met - 1, 1)
    doubt = spread / np.maximum(met, 1)
    told = np.where(met > 1, np.maximum(mean**2 - doubt, 0.0) / np.maximum(mean**2, 1e-12), 0.0)
    corrected = seen.value / (1.0 + told * mean)[samples.phase]
    return replace(samples, seen=seen._replace(value=corrected.astype(np.float32)))


def _energies(samples: LineSamples, image: FloatImage, variance: float) -> Doubles:
    """Measure every pulse's energy where the image says that nothing stands, `(lines,)`; few such samples give 1.

    The weights are those of the biweight (Beaton and Tukey 1974), and the inverse variances of the ratios.
    """
    seen = samples.seen
    said = np.empty_like(seen.value)
    look_up(image, seen.row, seen.col, said)
    weight = seen.trust * np.maximum(0.0, 1.0 - ((said - 1.0) / NEAR) ** 2) ** 2
    expected = variance / PULSE_SPREAD**2
    both = np.bincount(samples.line, weights=weight * seen.value, minlength=samples.lines)
    own = np.bincount(samples.line, weights=weight, minlength=samples.lines)
    return np.asarray((both + expected) / (own + expected))


def _passed(image: FloatImage, instrument: Instrument) -> FloatImage:
    """Let frequencies beyond 2 NA / wavelength fade: no image of light has them, and what is there is noise."""
    optics, pixel_um, n = instrument.time_stretch, instrument.grid.pixel_um, instrument.grid.size_px
    highest_per_um = 2e3 * optics.aperture / optics.wavelength_nm
    # Mirrors keep the ends of the field from each other.
    spectrum = np.fft.rfft2(np.pad(image, n // 2, mode="symmetric"))
    size = n + 2 * (n // 2)
    y, x = np.fft.fftfreq(size, pixel_um), np.fft.rfftfreq(size, pixel_um)
    beyond = np.clip((np.hypot(y[:, None], x) / highest_per_um - 1.0) / FADING, 0.0, 1.0)
    spectrum *= np.cos(0.5 * np.pi * beyond) ** 2
    inner = slice(n // 2, n // 2 + n)
    return np.ascontiguousarray(np.fft.irfft2(spectrum, (size, size))[inner, inner], dtype=np.float32)
