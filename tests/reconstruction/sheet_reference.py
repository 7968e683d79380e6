"""The whole way from samples to images, as slow and as obvious as it can be written (specification A.4 and A.7)."""

import math
from functools import cache

import numpy as np

from acquisition.event import BINS_PER_TICK, Event
from acquisition.instrument import Instrument, Role, Scan
from reconstruction.light_sheet.blur import forward_blur, side_blur
from reconstruction.light_sheet.line_planes import PHASES as LINE_PHASES
from reconstruction.light_sheet.scan_lines import EDGE_SAMPLES, FARTHEST_PX, PHASES, REACH
from reconstruction.light_sheet.tables import SAMPLE_NOISE, table_period


def height_um(scan, number: int, u: float) -> float:
    """Height of the sheet at u of the active part of a scan."""
    w = (1 - u if scan.shape == "triangle" and number % 2 else u) - 0.5
    return scan.height_um * (w + scan.a2 * w**2 + scan.a3 * w**3)


def estimate(places, values, at: float, blur: float, noise: float):
    """Best linear estimate at a place from samples about it, of light that was blurred; and their shares."""
    places = np.array(places)
    covariance = np.exp(-((np.subtract.outer(places, places) / 2 / blur) ** 2)) + noise * np.eye(places.size)
    towards = np.maximum(np.exp(-(((places - at) / 2 / blur) ** 2)), 1e-12)
    shares = np.linalg.solve(covariance, towards)
    shares = shares / shares.sum()
    return sum(share * value for share, value in zip(shares, values, strict=True)), shares


def about(places, at: float, count: int) -> list[int]:
    """The `count` places in a row, of rising ones, that lie about a point."""
    first = sum(place < at for place in places) - count // 2
    first = min(max(first, 0), len(places) - count)
    return list(range(first, first + count))


def rows_of(instrument: Instrument) -> list[float]:
    """Where the rows of the grid lie, um."""
    n, pixel = instrument.grid.size_px, instrument.grid.pixel_um
    return [(k + 0.5 - n / 2) * pixel for k in range(n)]


def line(instrument: Instrument, period: float, number: int, into: float, values, blur_um: float):
    """Values of the rows from those of a scan, of which the first is `into` ticks after its start."""
    scan = instrument.light_sheet.scan
    active = scan.active_duty * period
    into = (math.floor(into * PHASES) + 0.5) / PHASES
    count = math.ceil(active - into)
    heights = [height_um(scan, number, (i + into) / active) for i in range(count)]
    order = sorted(range(EDGE_SAMPLES, count - EDGE_SAMPLES), key=lambda i: heights[i])
    near = math.ceil(2 * REACH * blur_um * active / scan.height_um)
    result, noise = [], []
    for z in rows_of(instrument):
        taken = [order[k] for k in about([heights[i] for i in order], z, near)]
        if min(abs(heights[i] - z) for i in taken) > FARTHEST_PX * instrument.grid.pixel_um:
            result.append(math.nan)
            continue
        value, shares = estimate(
            [heights[i] for i in taken], [values(i) for i in taken], z, blur_um, SAMPLE_NOISE
        )  # fmt: skip
        result.append(value)
        noise.append(SAMPLE_NOISE * float((shares**2).sum()))
    return result, float(np.mean(noise))


@cache
def passed_at(scan: Scan, number: int, z: float) -> float:
    """When a scan stands at a height, in scans."""
    low, high = 0.0, 1.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        low, high = (middle, high) if height_um(scan, 0, middle) < z else (low, middle)
    back = scan.shape == "triangle" and number % 2
    return number + scan.active_duty * (1 - low if back else low)


def plane(event: Event, instrument: Instrument, channel: int, y_um: float, wanted, value, speed, start_tick, blur):
    """One passage as `(z, y)`, NaN where the scan does not reach; `wanted` tells which path, um, is looked at."""
    scan, n = instrument.light_sheet.scan, instrument.grid.size_px
    period, origin = event.clock.period_ticks, event.clock.origin_tick
    delay = instrument.channels[channel].delay_s * instrument.sample_rate_hz
    samples = event.window[:, channel].tolist()
    rounded = table_period(instrument, period)
    lines = {}

    def line_of(number: int):
        if number not in lines:
            begin = origin + number * period
            start = math.ceil(begin + delay) - event.window_tick
            into = start + event.window_tick - begin - delay
            count = math.ceil(scan.active_duty * rounded - (math.floor(into * PHASES) + 0.5) / PHASES)
            path = speed * (begin + period / 2 - start_tick)
            if not wanted(path) or start < 0 or start + count > len(samples):
                lines[number] = [0.0] * n
            else:
                ticks = start + event.window_tick - begin
                lines[number] = line(
                    instrument, rounded, number, into, lambda i: value(samples[start + i], ticks + i), blur.z_um
                )[0]  # fmt: skip
        return lines[number]

    um_per_scan = instrument.flow_speed_m_s * 1e6 / scan.rate_hz
    noise = line(instrument, rounded, 0, 0.0, lambda _: 0.0, blur.z_um)[1]
    picture = np.zeros((n, n))
    for j, y in enumerate(rows_of(instrument)):
        scans = (start_tick + (y_um - y) / speed - origin) / period
        number = math.floor(scans)
        at = number + (math.floor((scans - number) * LINE_PHASES) + 0.5) / LINE_PHASES
        near = range(number - 2, number + 4)
        for i, z in enumerate(rows_of(instrument)):
            times = [passed_at(scan, k, z) for k in near]
            values = [line_of(k)[i] for k in near]
            picture[i, j] = estimate(times, values, at, blur.y_um / um_per_scan, noise)[0]
    return picture


def transmission(event: Event, instrument: Instrument, channel: int, slit_y: float, speed: float, start_tick: float):
    """The transmission `(z, y)`, relative to the empty beam."""
    level = event.background.level[channel].astype(float)
    period = event.clock.period_ticks

    def relative(count, ticks):
        return count / max(level[bin_of(ticks, period, level.size)], 1.0) - 1

    picture = plane(
        event, instrument, channel, slit_y, lambda _: True, relative, speed, start_tick, forward_blur(instrument)
    )
    return 1.0 + np.nan_to_num(picture, nan=0.0)


def bin_of(ticks: float, period: float, bins: int) -> int:
    """Bin of the background at so many ticks after the start of a scan."""
    return min(math.floor(ticks * BINS_PER_TICK) % round(period * BINS_PER_TICK), bins - 1)


def planes(event: Event, instrument: Instrument, channel: int, efficiency, speed: float, start_tick: float):
    """The planes of the pinholes `(n_pinholes, z, y)`, counts above background at full efficiency."""
    level = event.background.level[channel].astype(float)
    period, rate = event.clock.period_ticks, instrument.sample_rate_hz
    places = instrument.light_sheet.mask.y_um
    forward = instrument.columns(Role.TRANSMISSION)[0]
    early = (instrument.channels[channel].delay_s - instrument.channels[forward].delay_s) * rate

    def light(count, ticks):
        share = float(efficiency[bin_of(ticks - early, period, level.size)])
        return (count - level[bin_of(ticks, period, level.size)]) / share

    def one(i: int) -> np.ndarray:
        def wanted(path: float) -> bool:
            return min(places, key=lambda y: abs(y - path)) == places[i]

        return np.nan_to_num(
            plane(
                event, instrument, channel, places[i], wanted, light, speed, start_tick, side_blur(instrument)
            )
        )  # fmt: skip

    return np.array([one(i) for i in range(len(places))])


def noise_of_planes(instrument: Instrument, period: float) -> float:
    """Noise left in a pixel of a plane, against the light."""
    scan, blur = instrument.light_sheet.scan, side_blur(instrument)
    noise = line(instrument, table_period(instrument, period), 0, 0.0, lambda _: 0.0, blur.z_um)[1]
    um_per_scan = instrument.flow_speed_m_s * 1e6 / scan.rate_hz
    left = []
    for number in range(2):
        for q in range(LINE_PHASES):
            for z in rows_of(instrument):
                times = [passed_at(scan, k, z) for k in range(number - 2, number + 4)]
                at = number + (q + 0.5) / LINE_PHASES
                shares = estimate(times, [0.0] * 6, at, blur.y_um / um_per_scan, noise)[1]
                left.append(noise * float((shares**2).sum()))
    return float(np.mean(left))


def stacked(parts: np.ndarray, instrument: Instrument, period: float) -> np.ndarray:
    """The volume `(z, y, x)` of the planes `(n_pinholes, z, y)`."""
    n, noise = instrument.grid.size_px, noise_of_planes(instrument, period)
    known = sorted(zip(instrument.light_sheet.mask.x_um, parts, strict=True), key=lambda pair: pair[0])
    x_um = [x for x, _ in known]
    volume = np.zeros((n, n, n))
    for k, x in enumerate(rows_of(instrument)):
        if x < x_um[0] - (x_um[1] - x_um[0]) / 2 or x > x_um[-1] + (x_um[-1] - x_um[-2]) / 2:
            continue
        taken = about(x_um, x, 4)
        values = [known[i][1] for i in taken]
        volume[:, :, k] = estimate([x_um[i] for i in taken], values, x, side_blur(instrument).x_um, noise)[0]
    return volume


def energy(event: Event, instrument: Instrument, channel: int, efficiency, first_scan: int, n_scans: int):
    """Mean side light of each scan `(n_scans,)`."""
    level, period = event.background.level[channel].astype(float), event.clock.period_ticks
    rate, forward = instrument.sample_rate_hz, instrument.columns(Role.TRANSMISSION)[0]
    delay = instrument.channels[channel].delay_s * rate
    early = delay - instrument.channels[forward].delay_s * rate
    light, full = np.zeros(n_scans), np.zeros(n_scans)
    for m, count in enumerate(event.window[:, channel].tolist()):
        turn = (event.window_tick + m - delay - event.clock.origin_tick) / period
        n, phase = math.floor(turn) - first_scan, turn % 1.0
        if 0 <= n < n_scans and phase < instrument.light_sheet.scan.active_duty:
            ticks = phase * period + delay
            light[n] += count - level[bin_of(ticks, period, level.size)]
            full[n] += efficiency[bin_of(ticks - early, period, level.size)]
    return np.where(full > 0, light / np.maximum(full, 1e-30), 0.0)
