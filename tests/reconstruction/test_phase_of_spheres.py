"""Spheres through the samples of the simulated atom-4g with all noise: phase, sign and noise come out right."""

import numpy as np
import pytest

from acquisition.presets import instrument_preset
from benchmarks.flown import Flown
from benchmarks.phase import CONDITIONS, CONTRASTS, images_of, noise_rows, peaks, spheres
from reconstruction.batch import blank_event
from reconstruction.errors import ReconstructionError
from reconstruction.features.phase import PHASE_FEATURES
from reconstruction.images import Pixels
from reconstruction.time_stretch.contrasts import Contrast
from reconstruction.transform import transform_for


@pytest.fixture(scope="module")
def noisy() -> Flown:
    return spheres(CONDITIONS[1], count=8, seed=7)


@pytest.mark.parametrize("still", [True, False])
def test_the_phase_of_a_sphere_is_the_closed_form_s_with_its_sign(noisy, still):
    ratios, _ = peaks(spheres(CONDITIONS[0], count=4, seed=7) if still else noisy)
    for values in ratios.values():
        assert len(values) == (2 if still else 4)
        assert np.mean(values) == pytest.approx(1.0, abs=0.05)
        assert np.max(np.abs(np.array(values) - 1.0)) < 0.08


def test_noise_is_what_light_and_electronics_leave(noisy):
    ratios = [float(over) for *_, over in noise_rows("noise", noisy) if over]
    assert len(ratios) == 3
    assert all(0.75 < ratio < 1.3 for ratio in ratios), ratios


def test_a_pulse_that_is_brighter_leaves_no_mark_between_views(noisy):
    # Pulses spread by 2 %: a line of one view that was scaled by itself would stand out of the slope.
    images = images_of(noisy, noisy.empty_events()).images
    for name in (Contrast.GRADIENT_X, Contrast.GRADIENT_Y):
        lines = np.asarray(images[name]).mean(axis=2)
        assert lines.std() < 0.4 * np.asarray(images[name]).std()


def test_contrasts_are_made_only_if_asked_for(noisy):
    transform = transform_for(noisy.setup.instrument)
    assert transform.channels == (*transform.live_channels, *CONTRASTS)
    usual = transform.images(noisy.events[:1])
    assert tuple(usual.images) == transform.live_channels
    assert all(np.isnan(usual.features[name]).all() for name in PHASE_FEATURES)
    alone = transform.images(noisy.events, ["phase"])
    assert tuple(alone.images) == ("phase",)
    every = transform.images(noisy.events, transform.channels)
    for name in transform.live_channels:
        np.testing.assert_array_equal(every.images[name][:1], usual.images[name])
    np.testing.assert_array_equal(every.images["phase"], alone.images["phase"])
    assert all(np.isfinite(image).all() for image in every.images.values())
    # Measured where the phase stands out, also of what brightfield does not show.
    true = 0.03 * np.pi / 6 * 10.0**3 / 0.19
    np.testing.assert_allclose(np.abs(alone.features["dry_mass_pg"]), true, rtol=0.12)
    assert np.sign(alone.features["dry_mass_pg"]).tolist() == np.sign(alone.features["phase_peak_rad"]).tolist()


def test_signed_images_as_counts_keep_their_sign(noisy):
    transform = transform_for(noisy.setup.instrument)
    exact = transform.images(noisy.events[:2], CONTRASTS)
    counted = transform.images(noisy.events[:2], CONTRASTS, pixels=Pixels.UINT16)
    for name, unit in transform.units.items():
        if name in CONTRASTS:
            back = (counted.images[name].astype(np.float64) - unit.zero) * unit.per_count
            np.testing.assert_allclose(back, exact.images[name], atol=0.51 * unit.per_count)


@pytest.mark.parametrize(("preset", "asked"), [("stretch-ci", "phase"), ("atom-4g", "line")])
def test_a_channel_that_is_not_there_is_one_sentence(preset, asked):
    instrument = instrument_preset(preset)
    period = instrument.sample_rate_hz / instrument.time_stretch.line_rate_hz
    with pytest.raises(ReconstructionError, match=f"no images of the channel '{asked}'; use one of"):
        transform_for(instrument).images([blank_event(instrument, period)], [asked])
