"""Electronics: every closed form asked for beside what the samples show, and what a sample costs."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from acquisition.instrument import Digitizer
from simulator.electronics.chain import Electronics
from simulator.electronics.converter import AnalogDigital
from simulator.electronics.filters import AcCoupling, Echo, LowPass
from simulator.electronics.flicker import Flicker
from simulator.electronics.laser import white_noise
from simulator.electronics.limits import Clamp, Saturation
from simulator.electronics.pulses import AfterPulses
from simulator.electronics.settings import Converter, Detector
from simulator.electronics.stage import Stage
from simulator.optics.forward import forward_model
from simulator.presets import preset_names, setup_preset
from simulator.randomness import Purpose, random_stream

FRAME_SAMPLES = 1 << 16
RATE_HZ = 100e6
Doubles = npt.NDArray[np.float64]


class Figure(NamedTuple):
    """One closed form: what was asked for and what was measured."""

    what: str
    asked: float
    measured: float

    def __str__(self) -> str:
        return f"{self.what:<58} {self.asked:>10.4g} {self.measured:>10.4g}"


def _electronics(preset: str = "stretch-ci", **settings: Any) -> Electronics:
    setup = setup_preset(preset)
    detectors = [{"photoelectrons": 1.0, "counts_per_photoelectron": 1.0} for _ in setup.detectors]
    setup = setup.changed({"laser": {}, "converter": {}, "detectors": detectors})
    return Electronics(setup.changed({name.replace("__", "."): value for name, value in settings.items()}), 1)


def _answer(stage: Stage, signal: npt.ArrayLike) -> Doubles:
    out = np.array(signal, dtype=np.float32)
    stage.apply(out, 0)
    return out.astype(np.float64)


def _at(stage: Stage, hz: float) -> float:
    """Height of the settled answer to a tone of height 1."""
    turns = 2 * np.pi * hz / RATE_HZ * np.arange(100_000)
    settled = slice(50_000, None)
    return float(abs(2 * np.mean(_answer(stage, np.sin(turns))[settled] * np.exp(-1j * turns[settled]))))


def tubes() -> Iterator[Figure]:
    """Statistics of light and tubes, 1e6 samples each, F = 1.2, G = 2."""
    for mean in (3.0, 40.0, 400.0):
        chain = _electronics(detectors__0__counts_per_photoelectron=2.0, detectors__0__excess_noise=1.2)
        charge = chain.detect(np.full((1_000_000, 1), mean, dtype=np.float32), 0, 0).astype(np.float64)
        yield Figure(f"mean of {mean:g} photoelectrons, G N", 2 * mean, float(charge.mean()))
        yield Figure(f"variance of {mean:g} photoelectrons, F G^2 N", 1.2 * 4 * mean, float(charge.var()))
    for rin in (-130.0, -120.0):
        chain = _electronics(laser__rin_db_per_hz=rin)
        light = chain.detect(np.full((1_000_000, 1), 1e9, dtype=np.float32), 0, 0) / 1e9
        asked = 100 * white_noise(rin, RATE_HZ)
        yield Figure(f"laser noise of {rin:g} dB/Hz in 50 MHz, %", asked, 100 * float(light.std()))
    chain = _electronics(detectors__0__dark_counts_per_s=3e5)
    dark = chain.detect(np.zeros((2_000_000, 1), dtype=np.float32), 0, 0)
    yield Figure("dark counts per second", 3e5, float(dark.sum()) / 2e6 * RATE_HZ)


def amplifiers() -> Iterator[Figure]:
    """Pulses, limits and filters."""
    detector = Detector(photoelectrons=1, counts_per_photoelectron=1, after_pulsing=0.003)
    train = np.zeros((2000, 1000))
    train[:, 0] = 1000.0
    after = _answer(AfterPulses(detector, RATE_HZ, np.random.default_rng(1)), train.reshape(-1)).reshape(train.shape)
    after -= train
    delays_us = np.flatnonzero(after.sum(axis=0)) / RATE_HZ * 1e6
    yield Figure("after-pulses per 100 photoelectrons", 0.3, float(after.sum()) / train.sum() * 100)
    yield Figure("earliest after-pulse, us", 0.2, float(delays_us.min()))
    yield Figure("latest after-pulse, us", 5.0, float(delays_us.max()))
    yield Figure("saturation at its own level", 0.5, float(_answer(Saturation(800.0), [800.0])[0] / 800))
    for poles in (1, 2):
        yield Figure(
            f"height at the bandwidth, {poles} pole(s)", math.sqrt(0.5), _at(LowPass(10e6, poles, RATE_HZ), 10e6)
        )
    yield Figure("height at the corner of the coupling", math.sqrt(0.5), _at(AcCoupling(1e5, RATE_HZ), 1e5))
    rail = _answer(Clamp(500.0, 2e-7, RATE_HZ), np.r_[np.full(50, 900.0), np.zeros(100)])
    yield Figure("left of the rail after one recovery time", math.exp(-1), float(rail[69] / 500))
    pulse = 128 * np.exp(-0.5 * ((np.arange(275) - 24) / 2.0) ** 2)
    swing = _answer(Echo(7.6 / 128, 41 / 5e9, 5e9), np.tile(pulse, 3))[-275:]
    yield Figure("swing after a pulse of 128 counts, counts", -7.6, float(swing.min()))
    yield Figure("swing after the pulse's start, samples", 45, float(swing.argmin() - 20))
    noise = Flicker.of(2.0, 1e5, RATE_HZ, np.random.default_rng(1)).along(0, 1 << 22).astype(np.float64)
    parts = noise.reshape(-1, 1 << 15) * np.hanning(1 << 15)
    density = 2 * (np.abs(np.fft.rfft(parts, axis=1)) ** 2).mean(axis=0) / (RATE_HZ * (np.hanning(1 << 15) ** 2).sum())
    hz = np.fft.rfftfreq(1 << 15, 1 / RATE_HZ)
    band = (hz > 7e4) & (hz < 1.4e5)
    corner = float((density[band] * hz[band]).mean() / (2 * 4.0 / RATE_HZ))
    yield Figure("corner of the 1/f noise, kHz", 100.0, corner / 1e3)


def converters() -> Iterator[Figure]:
    """Effective bits, and the aperture."""
    turns = 2 * np.pi * 0.01234 * np.arange(200_000)
    basis = np.stack([np.sin(turns), np.cos(turns), np.ones(turns.size)], axis=1)

    def noise_db(bits: int, converter: Converter) -> float:
        """Full-scale sine over what is left of the samples after the best sine, dB."""
        sine = (0.98 * 2 ** (bits - 1) * np.sin(turns + 0.3)).astype(np.float32)[:, None]
        digitizer = Digitizer(sample_rate_hz=RATE_HZ, bits=bits)
        counts = AnalogDigital(digitizer, converter, [0.0]).convert(sine, 0, np.random.default_rng(1))[:, 0]
        rest = counts - basis @ np.linalg.lstsq(basis, counts.astype(np.float64), rcond=None)[0]
        return 20 * math.log10(2 ** (bits - 1) / math.sqrt(2) / float(rest.std()))

    for bits, enob in ((8, 7.0), (12, 8.5), (14, 11.0), (16, 12.5)):
        effective = (noise_db(bits, Converter(enob=enob)) - 1.76) / 6.02
        yield Figure(f"effective bits of {bits}", enob, effective)
    jitter_s = 0.01 / (2 * math.pi * 0.01234 * RATE_HZ)
    snr_db = noise_db(16, Converter(jitter_s=jitter_s)) + 20 * math.log10(0.98)
    yield Figure("aperture jitter, -20 log10(2 pi f sigma), dB", 40.0, snr_db)


def costs(frames: int = 8) -> Iterator[tuple[str, str, float]]:
    """Preset, stage, and CPU nanoseconds per sample of all channels together, on the light of an empty stream."""
    for preset in preset_names():
        setup = setup_preset(preset)
        chain, model = Electronics(setup, 1), forward_model(setup, 1)
        light = np.empty((FRAME_SAMPLES, len(setup.detectors)), dtype=np.float32)
        spent = np.zeros(3)
        for frame in range(frames + 1):
            tick = frame * FRAME_SAMPLES
            model.empty(tick, light)
            clock = [time.thread_time()]
            signal = chain.detect(light, frame, tick)
            clock.append(time.thread_time())
            signal = chain.amplify(signal, tick)
            clock.append(time.thread_time())
            chain.convert(signal, frame, tick)
            clock.append(time.thread_time())
            spent += np.diff(clock) if frame else 0.0
        each = spent / frames / FRAME_SAMPLES * 1e9
        yield from ((preset, stage, ns) for stage, ns in zip(("detect", "amplify", "convert"), each, strict=True))
    drawn = random_stream(1, Purpose.DETECTION)
    began = time.thread_time()
    drawn.standard_normal(2_000_000, dtype=np.float32)
    yield "numpy", "one normal number, for comparison", (time.thread_time() - began) / 2e6 * 1e9


def figures() -> list[Figure]:
    """Every closed form."""
    return [*tubes(), *amplifiers(), *converters()]


def main() -> None:
    """Print them."""
    print(f"{'closed form':<58} {'asked':>10} {'measured':>10}")
    for figure in figures():
        print(figure)
    for preset, stage, ns in costs():
        print(f"{preset + ': ' + stage:<58} {ns:>10.1f} ns per sample")


if __name__ == "__main__":
    main()
