"""What a sink says when it does not take rows."""

from __future__ import annotations

from acquisition.errors import LightlineError


class SinkAway(LightlineError):
    """The place, or the way to it, is not there now; everything is tried again later."""


class PartRefused(LightlineError):
    """The place is there, and does not take this part; others may still go."""
