"""What can be done to images for who asks, by instrument and channel; what a model is given is never restored."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from acquisition.instrument import Instrument, Role
from reconstruction.time_stretch.views import ViewPlace, views_of


class Method(StrEnum):
    """What is done to an image."""

    NONE = "none"
    SMOOTH = "smooth"
    """Of volumes. Wiener's filter for the blurred volume: noise goes, and a little resolution."""
    WIENER = "wiener"
    """Of volumes. Wiener's filter for the volume without blur."""
    RICHARDSON_LUCY = "richardson_lucy"
    """Of volumes. The likeliest light that is nowhere negative, under Poisson noise, after a few iterations."""
    MASKED_WARP = "masked_warp"
    """Of lines. The image of least variation that explains every sample (`time_stretch.masked_warp`)."""


OF_VOLUMES = (Method.SMOOTH, Method.WIENER, Method.RICHARDSON_LUCY)
OF_LINES = (Method.MASKED_WARP,)
_SIDE = (Role.SIDE_SCATTER, Role.FLUORESCENCE)


def line_view(instrument: Instrument, channel: str) -> ViewPlace | None:
    """Return the view that a line image is of; None for any other image."""
    views = views_of(instrument) if instrument.kind == "time_stretch" else ()
    return next((view for view in views if view.name == channel), None)


def methods_of(instrument: Instrument, channel: str) -> tuple[Method, ...]:
    """Return what can be done to the images of a channel, beside nothing."""
    if line_view(instrument, channel) is not None:
        return OF_LINES
    side = any(one.name == channel and one.role in _SIDE for one in instrument.channels)
    return OF_VOLUMES if side and instrument.kind == "light_sheet" else ()


def offer(instrument: Instrument, channels: Sequence[str]) -> str:
    """Say in one clause what can be done to which of these channels."""
    by_methods: dict[tuple[Method, ...], list[str]] = {}
    for channel in channels:
        if methods := methods_of(instrument, channel):
            by_methods.setdefault(methods, []).append(channel)
    parts = [f"{', '.join(methods)} for {', '.join(names)}" for methods, names in by_methods.items()]
    return f"this instrument offers {'; '.join(parts)}" if parts else "this instrument offers nothing to restore with"
