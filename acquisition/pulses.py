"""Pulses in a detector trace that has no scan and no line clock: the signal path of an ordinary flow cytometer."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
import numpy.typing as npt

from acquisition.errors import ConfigError
from acquisition.folding import Doubles, Floats
from acquisition.pulse import ChannelPulse, Polarity, Pulse, PulseFlag, PulseSettings
from acquisition.pulse_kernel import (
    HISTORY,
    N_COUNTERS,
    SHORT,
    START,
    Search,
    find_pulses,
    measure_window,
    median_and_sigma,
)


class PulseFinder:
    """Streams samples into pulses; the same pulses for every way of cutting the stream.

    States: warming up (samples are kept until there are enough for the first baseline; not with a known one) ->
    running -> flushed.
    """

    def __init__(self, n_channels: int, settings: PulseSettings) -> None:
        if settings.channel >= n_channels:
            raise ConfigError(f"There is no channel {settings.channel} in a trace of {n_channels}; choose another.")
        self._settings = settings
        self._search = Search(
            settings.channel,
            -1.0 if settings.polarity is Polarity.NEGATIVE else 1.0,
            settings.on_sigmas,
            settings.off_sigmas,
            settings.shortest,
            settings.longest,
            2 * settings.margin + 1,
            settings.baseline is None,
        )
        self._counters = np.zeros(N_COUNTERS, np.int64)
        self._counters[START] = -1
        self._history = np.zeros((n_channels, HISTORY), np.float32)
        self._levels = np.full(n_channels, settings.baseline or 0.0)
        self._sigma = np.full(n_channels, settings.noise or 1.0)
        self._waiting: deque[tuple[int, int, Floats]] | None = deque() if self._search.follow else None
        self._epoch, self._first, self._end = -1, 0, 0
        self._kept = np.zeros((0, n_channels), np.float32)
        self._kept_first = 0
        self._found: deque[tuple[int, int, bool, Doubles]] = deque()

    @property
    def too_short(self) -> int:
        """Times that the trace passed the threshold for fewer samples than a pulse has."""
        return int(self._counters[SHORT])

    @property
    def baseline(self) -> float:
        """Baseline of the trigger channel as it stands."""
        return float(self._levels[self._settings.channel])

    @property
    def noise(self) -> float:
        """Noise (standard deviation) of the trigger channel as it stands."""
        return float(self._sigma[self._settings.channel])

    def push(self, samples: npt.NDArray[Any], tick: int, epoch: int = 0) -> list[Pulse]:
        """Take samples; return the pulses that are complete with their margins.

        Parameters
        ----------
        samples
            `(n, n_channels)` of any real type.
        tick
            Of the first of them. Where it does not follow the samples before, there is a gap.
        epoch
            Of the sample clock.
        """
        if len(samples) == 0:
            return []
        # A copy: a source may use its buffer again before the warm-up is over.
        piece = np.array(samples, np.float32, order="C")
        if self._waiting is None:
            return self._take(piece, tick, epoch)
        self._waiting.append((tick, epoch, piece))
        if sum(len(part) for _, _, part in self._waiting) < self._settings.warm_up:
            return []
        return self._end_warm_up()

    def flush(self) -> list[Pulse]:
        """End the stream; return what is left."""
        pulses = self._end_warm_up() if self._waiting else []
        return pulses + self._end_stretch()

    def _end_warm_up(self) -> list[Pulse]:
        waiting, self._waiting = list(self._waiting or ()), None
        first = np.concatenate([piece for _, _, piece in waiting])[: self._settings.warm_up]
        for channel, values in enumerate(first.T):
            self._levels[channel], self._sigma[channel] = median_and_sigma(
                np.ascontiguousarray(values), self._settings.least_noise
            )
        return [pulse for tick, epoch, piece in waiting for pulse in self._take(piece, tick, epoch)]

    def _take(self, samples: Floats, tick: int, epoch: int) -> list[Pulse]:
        pulses: list[Pulse] = []
        if (tick, epoch) != (self._end, self._epoch):
            pulses = self._end_stretch()
            self._epoch, self._first, self._kept_first = epoch, tick, tick
        self._kept = np.concatenate([self._kept, samples])
        self._search_in(samples, tick, self._search)
        self._end = tick + len(samples)
        while self._found and self._found[0][1] + self._settings.margin <= self._end:
            pulses.append(self._measure(*self._found.popleft()))
        self._forget()
        return pulses

    def _search_in(self, samples: Floats, tick: int, search: Search) -> None:
        room = len(samples) // search.bridge + 2
        found, levels = np.empty((room, 3), np.int64), np.empty((room, 2 * samples.shape[1]))
        count = find_pulses(
            samples,
            tick,
            search,
            self._settings.least_noise,
            self._counters,
            self._history,
            self._levels,
            self._sigma,
            found,
            levels,
        )
        self._found += [(int(found[k, 0]), int(found[k, 1]), bool(found[k, 2]), levels[k]) for k in range(count)]

    def _end_stretch(self) -> list[Pulse]:
        """End the stretch without a gap: what is open ends here."""
        if self._counters[START] >= 0:
            # As many quiet samples as end a pulse, given to the same kernel, so that there is one way to end.
            quiet = np.tile(self._levels.astype(np.float32), (self._search.bridge, 1))
            self._search_in(quiet, self._end, self._search._replace(follow=False))
        pulses = [self._measure(*each) for each in self._found]
        self._found.clear()
        self._kept = self._kept[:0]
        return pulses

    def _forget(self) -> None:
        """Drop the samples that no pulse to come can take in."""
        start = int(self._counters[START])
        oldest = self._found[0][0] if self._found else (start if start >= 0 else self._end)
        begin = max(oldest - self._settings.margin, self._kept_first)
        self._kept = self._kept[begin - self._kept_first :]
        self._kept_first = begin

    def _measure(self, start: int, stop: int, truncated: bool, levels: Doubles) -> Pulse:
        settings = self._settings
        begin, end = max(start - settings.margin, self._first), min(stop + settings.margin, self._end)
        window = self._kept[begin - self._kept_first : end - self._kept_first]
        figures, saturated = measure_window(
            window, levels, self._search, settings.valley, (settings.lowest, settings.highest)
        )
        channels = tuple(
            ChannelPulse(area, height, width, int(maxima)) for area, height, width, _, maxima in figures.tolist()
        )
        flags = PulseFlag.TRUNCATED if truncated else PulseFlag(0)
        if channels[settings.channel].maxima > 1:
            flags |= PulseFlag.DOUBLET
        if saturated:
            flags |= PulseFlag.SATURATED
        if start - settings.margin < self._first or stop + settings.margin > self._end:
            flags |= PulseFlag.CUT
        return Pulse(self._epoch, start, stop, begin + float(figures[settings.channel, 3]), channels, flags)
