"""The fast kernels must show what the slow and obvious reference shows, whatever the optics and the clock."""

import numpy as np
import pytest

from acquisition.event import BINS_PER_TICK, Background, ClockState, Event
from acquisition.instrument import ImageGrid, Instrument, Mask
from acquisition.presets import instrument_preset
from reconstruction.light_sheet.mapping import SheetMapping, whole_scans
from reconstruction.motion import Motion
from tests.reconstruction import sheet_reference as reference

UNEVEN = Mask(x_um=(-4.0, -1.5, -0.6, 3.8), y_um=(0.0, 17.0, 41.0, 58.0), size_um=1.0)
REVERSED = Mask(x_um=(4.2, 1.4, -1.4, -4.2), y_um=(-6.0, 14.0, 34.0, 54.0), size_um=1.0)
NARROW = Mask(x_um=tuple(0.2 * (5 - i) for i in range(11)), y_um=tuple(8.0 * i for i in range(11)), size_um=0.2)
SHUFFLED = Mask(x_um=(2.0, -3.0, 0.5, -1.0), y_um=(0.0, 12.0, 24.0, 36.0), size_um=1.0)


def optics(preset: str, mask: Mask, size_px: int = 24, **scan: object) -> Instrument:
    base = instrument_preset(preset)
    changed = base.light_sheet.model_copy(update={"mask": mask, "scan": base.light_sheet.scan.model_copy(update=scan)})
    return base.model_copy(update={"optics": changed, "grid": ImageGrid(size_px=size_px, pixel_um=0.25)})


CASES = {
    "sawtooth": optics("sheet-ci", REVERSED),
    "uneven": optics("sheet-ci", UNEVEN, 30, height_um=6.0),
    "bent": optics("sheet-real", SHUFFLED, a2=0.04, a3=-0.02),
    "triangle": optics("sheet-real", REVERSED, shape="triangle", a2=0.03, active_duty=0.97),
    "narrow": optics("sheet-ci", NARROW, 20, height_um=6.0),
}


def made_event(instrument: Instrument, seed: int) -> Event:
    """An event of random samples on random backgrounds, with a clock that meets the samples at ever other places."""
    rng = np.random.default_rng(seed)
    period = instrument.sample_rate_hz / instrument.light_sheet.scan.rate_hz * (1 + 3.7e-4)
    um_per_tick = instrument.flow_speed_m_s * 1e6 / instrument.sample_rate_hz
    reach = instrument.light_sheet.mask.y_um[-1] + 12.0
    n_channels, bins = len(instrument.channels), BINS_PER_TICK * int(period * 1.01)
    background = Background(
        level=rng.uniform(80, 120, (n_channels, bins)).astype(np.float32),
        noise=np.ones(n_channels, np.float32),
        core_offsets=np.zeros((n_channels, 1), np.float32),
    )
    window_tick = 123_456_789
    window = rng.integers(-200, 2000, (int(1.1 * (reach + 18.0) / um_per_tick), n_channels)).astype(np.int16)
    clock = ClockState(period, window_tick - 777.3137)
    trigger = window_tick + 18.3 / um_per_tick
    return Event(1, 0, trigger, 100.0, window_tick, window, clock, background, 1.0)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("faster", [0.93, 1.06])
def test_images_and_volumes_equal_the_reference(case, faster):
    instrument = CASES[case]
    event = made_event(instrument, seed=len(case))
    mapping = SheetMapping(instrument)
    n = instrument.grid.size_px
    speed = faster * instrument.flow_speed_m_s * 1e6 / instrument.sample_rate_hz
    motion = Motion(event.trigger_tick, speed)
    level = event.background.level[0]
    efficiency = np.maximum(level / level.max(), 0.05)
    image, volume = np.full((n, n), np.nan, np.float32), np.full((n, n, n), np.nan, np.float32)
    mapping.transmission(event, 0, 1.3, motion, image)
    mapping.side(event, efficiency, 1, motion, None, volume)
    flat = reference.transmission(event, instrument, 0, 1.3, speed, event.trigger_tick)
    parts = reference.planes(event, instrument, 1, efficiency, speed, event.trigger_tick)
    np.testing.assert_allclose(image, flat, rtol=0, atol=1e-5 * np.abs(flat).max())
    order = np.argsort(instrument.light_sheet.mask.x_um)
    planes = mapping.planes(event, efficiency, 1, motion)[: len(parts)].transpose(0, 2, 1)[np.argsort(order)]
    np.testing.assert_allclose(planes, parts, rtol=0, atol=1e-5 * np.abs(parts).max())
    solid = reference.stacked(parts, instrument, event.clock.period_ticks)
    np.testing.assert_allclose(volume, solid, rtol=0, atol=1e-5 * np.abs(solid).max())
    first, count = whole_scans(event)
    light = reference.energy(event, instrument, 1, efficiency, first, count)
    np.testing.assert_allclose(mapping.energy(event, efficiency, 1), light, rtol=0, atol=1e-5 * light.max())
