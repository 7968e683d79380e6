"""What can go wrong between an image and its answer."""

from acquisition.errors import LightlineError


class BundleError(LightlineError, ValueError):
    """A model bundle is missing, damaged, or does not fit the instrument."""


class ProviderError(LightlineError, RuntimeError):
    """The hardware that was demanded for inference is not the one it would run on."""


class TransportError(LightlineError, RuntimeError):
    """A message of the inference transport is malformed, or an address cannot be used."""


class TrainingError(LightlineError, ValueError):
    """A model cannot be trained from what was given."""


class TuningError(LightlineError, RuntimeError):
    """What was measured of a model on this hardware cannot be kept."""


class AnswerError(LightlineError, ValueError):
    """Images, or a class to explain, were given that the bundle cannot answer for."""


class PrecisionWarning(UserWarning):
    """Answers will be less exact than they should be."""
