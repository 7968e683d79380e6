"""Every one of many fluorescence channels must show its own light, as a flat image and as a volume."""

from __future__ import annotations

import numpy as np
import pytest

from acquisition.presets import SPECTRAL_BANDS_NM
from acquisition.source import open_source
from reconstruction.transform import transform_for
from service.cli.collect import events_of

BANDS = [f"band_{nm}" for nm in SPECTRAL_BANDS_NM]


def test_ten_bands_share_the_light_of_one_dye_as_its_spectrum_does() -> None:
    with open_source("sim:sheet-spectral?cells=2&rate=30&seed=3&sample=hek-gr-dex") as source:
        events = list(events_of(source))
        transform = transform_for(source.instrument)
    assert len(source.instrument.channels) == 12 and events[0].window.shape[1] == 12
    assert [name for name in transform.flat_channels if name.startswith("band")] == [f"{band}_flat" for band in BANDS]
    flat = transform.images(events[:1], [f"{band}_flat" for band in BANDS]).images
    light = [float(np.sum((image[0] - 1) * np.abs(image[0] - 1))) for image in flat.values()]
    # Shares of the setup, with the noise of a few hundred photoelectrons a pixel.
    np.testing.assert_allclose(np.array(light[:4]) / light[0], np.array([0.65, 0.62, 0.25, 0.08]) / 0.65, atol=0.02)
    assert max(map(abs, light[6:])) < 0.03 * light[0], "nothing shines into the red"
    volumes = transform.images(events[:1], [BANDS[0], BANDS[-1]]).images
    assert volumes[BANDS[0]].max() > 20 * volumes[BANDS[-1]].max()
    assert float(volumes[BANDS[0]].sum()) / 4 == pytest.approx(light[0], rel=0.1)
