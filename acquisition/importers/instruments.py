"""The instrument of a file that carries none: named by the user, with the file's own rate, resolution and volts."""

from __future__ import annotations

from pathlib import Path

from acquisition.errors import ConfigError
from acquisition.importers.foreign import Contents
from acquisition.instrument import Instrument, LineView, Optics, TimeStretch
from acquisition.presets import instrument_preset

_SAME_RATE = 1e-9
_LEAST_SAMPLES_A_PERIOD = 4
_LARGEST_DESCRIPTION_BYTES = 1 << 20


def named_instrument(name: str) -> Instrument:
    """Return a preset, or the instrument that a JSON file describes.

    Raises
    ------
    ConfigError
        If there is neither, or the file is no valid description.
    """
    path = Path(name).expanduser()
    if path.suffix.lower() != ".json":
        return instrument_preset(name)
    try:
        with path.open("rb") as file:
            text = file.read(_LARGEST_DESCRIPTION_BYTES)
    except OSError as error:
        raise ConfigError(f"The instrument file '{name}' cannot be read: {error.strerror}; check the name.") from None
    return Instrument.from_json(text)


def instrument_for(contents: Contents, name: str | None) -> Instrument:
    """Return the instrument to read a file with.

    Parameters
    ----------
    contents
        Of the file; its sample rate, resolution and volts are kept, as they say what was recorded.
    name
        A preset or JSON file; None takes what the file carries.

    Raises
    ------
    ConfigError
        If there is none, or its channels are not those of the file.
    """
    instrument = contents.instrument if name is None else named_instrument(name)
    if instrument is None:
        raise ConfigError(
            f"The file '{contents.path}' does not say which instrument recorded it; name it with "
            "?instrument=PRESET or ?instrument=FILE.json behind its address, or with --instrument."
        )
    if len(instrument.channels) != len(contents.channels):
        raise ConfigError(
            f"The file '{contents.path}' has {len(contents.channels)} channels and the instrument "
            f"'{instrument.name}' {len(instrument.channels)}; name an instrument with the channels of the file."
        )
    digitizer = instrument.digitizer.model_copy(
        update={"sample_rate_hz": contents.sample_rate_hz, "bits": contents.bits}
    )
    channels = tuple(
        channel
        if stored.volts_per_count is None
        else channel.model_copy(update={"volts_per_count": stored.volts_per_count, "volts_offset": stored.volts_offset})
        for channel, stored in zip(instrument.channels, contents.channels, strict=True)
    )
    optics = _at_rate(instrument, contents.sample_rate_hz)
    return instrument.model_copy(update={"digitizer": digitizer, "channels": channels, "optics": optics})


def _at_rate(instrument: Instrument, sample_rate_hz: float) -> Optics:
    """Return the optics with the lengths that are counted in samples at another rate."""
    optics = instrument.optics
    period_hz = optics.line_rate_hz if isinstance(optics, TimeStretch) else optics.scan.rate_hz
    if sample_rate_hz < _LEAST_SAMPLES_A_PERIOD * period_hz:
        raise ConfigError(
            f"At {sample_rate_hz:g} samples a second a scan or line of the instrument '{instrument.name}' has fewer "
            f"than {_LEAST_SAMPLES_A_PERIOD} samples; name the instrument that the file was recorded with."
        )
    factor = sample_rate_hz / instrument.sample_rate_hz
    if not isinstance(optics, TimeStretch) or abs(factor - 1) < _SAME_RATE:
        return optics
    views = tuple(_view_at(view, factor) for view in optics.views)
    return optics.model_copy(update={"um_per_sample": optics.um_per_sample / factor, "views": views})


def _view_at(view: LineView, factor: float) -> LineView:
    return view.model_copy(
        update={"delay_samples": view.delay_samples * factor, "width_samples": view.width_samples * factor}
    )
