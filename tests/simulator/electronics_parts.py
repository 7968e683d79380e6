"""Setups for tests of the electronics, with nothing but what a test asks for."""

from simulator.electronics.chain import Electronics
from simulator.presets import setup_preset
from simulator.setup import Setup


def plain_setup(preset="stretch-ci", **settings) -> Setup:
    """A preset with ideal laser, detectors and converter, changed by settings such as `detectors_0_noise_counts=1`."""
    setup = setup_preset(preset)
    detector = {"photoelectrons": 1.0, "counts_per_photoelectron": 1.0}
    ideal = {"laser": {}, "converter": {}, "detectors": [dict(detector) for _ in setup.detectors]}
    names = {name.replace("__", "."): value for name, value in settings.items()}
    return setup.changed(ideal).changed(names)


def electronics(preset="stretch-ci", seed=1, loop_samples=None, **settings) -> Electronics:
    return Electronics(plain_setup(preset, **settings), seed, loop_samples)
