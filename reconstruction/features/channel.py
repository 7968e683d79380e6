"""What is measured in the volume of a side channel, under the channel's name."""

from __future__ import annotations

import math

import numpy as np

from acquisition.instrument import Channel, Role
from reconstruction.features.image import ObjectMask
from reconstruction.features.stain import STAIN_FEATURES, measure_stain
from reconstruction.features.volume import VOLUME_FEATURES, measure_volume
from reconstruction.features.volume_light import MARGIN_UM, box_around, coarse_light
from reconstruction.motion import FloatImage

_MEAN = VOLUME_FEATURES.index("avg")


def channel_feature_names(channel: Channel) -> tuple[str, ...]:
    """Return the names of what `channel_features` measures in volumes of this channel."""
    stain = STAIN_FEATURES if channel.role is Role.FLUORESCENCE else ()
    return tuple(f"{channel.name}_{name}" for name in (*VOLUME_FEATURES, *stain))


def no_channel_features(channel: Channel) -> dict[str, float]:
    """Return NaN for every name: what is known of a volume that was not made."""
    return dict.fromkeys(channel_feature_names(channel), math.nan)


def channel_features(channel: Channel, volume: FloatImage, outline: ObjectMask, pixel_um: float) -> dict[str, float]:
    """Measure the volume `(z, y, x)` of a side channel near the outline of its cell.

    Returns
    -------
    dict
        `channel_feature_names(channel)`, as docs/features.md defines them; NaN where nothing stands out.
    """
    inside = np.ascontiguousarray(outline.inside)
    box = box_around(inside, round(MARGIN_UM / pixel_um))
    light = coarse_light(volume, box)
    measured = measure_volume(volume, light, box, pixel_um)
    # Measured before it is asked for, so that warming compiles it on an empty event.
    stain = measure_stain(light, box, inside) if channel.role is Role.FLUORESCENCE else np.empty(0)
    if math.isnan(measured[_MEAN]):
        stain[:] = math.nan
    return dict(zip(channel_feature_names(channel), (*measured.tolist(), *stain.tolist()), strict=True))
