"""What can go wrong between an event and its image."""

from acquisition.errors import LightlineError


class ReconstructionError(LightlineError, ValueError):
    """An image was asked for that cannot be made."""
