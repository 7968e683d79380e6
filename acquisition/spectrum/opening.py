"""Opening a Spectrum card by its URL."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

from acquisition.errors import ConfigError, DeviceLost
from acquisition.instrument import Instrument
from acquisition.presets import instrument_preset
from acquisition.replay_options import parse_speed
from acquisition.spectrum.driver import Registers, load_package, one_line
from acquisition.spectrum.options import (
    Clock,
    ConvertedCode,
    Coupling,
    SpectrumOptions,
    Termination,
    Trigger,
    parse_choice,
    parse_list,
    parse_whole,
)
from acquisition.spectrum.ring import ring_sizes
from acquisition.spectrum.setup import set_up
from acquisition.spectrum.source import SpectrumSource

_LEAST_LEVEL_MV = -100_000


def open_spectrum(
    path: str,
    instrument: str | Instrument | None = None,
    *,
    inputs: str | None = None,
    notify: str | int | None = None,
    buffer: str | int | None = None,
    range_mv: str | None = None,
    coupling: str | None = None,
    termination: str | None = None,
    clock: str = Clock.INTERNAL,
    reference_hz: str | int = 10_000_000,
    trigger: str = Trigger.SOFTWARE,
    trigger_mv: str | int = 500,
    converted: str = ConvertedCode.OFFSET,
    speed: str | float | None = None,
) -> SpectrumSource:
    """Open a Spectrum card and set it up, `spcm:/dev/spcm0?instrument=sheet-real`.

    Parameters
    ----------
    path
        The card as its driver names it: `/dev/spcm0`, or `TCPIP::192.168.1.10::inst0::INSTR`.
    instrument
        A preset, the path of an instrument file (JSON), or an `Instrument`.
    inputs, notify, buffer, range_mv, coupling, termination, clock, reference_hz, trigger, trigger_mv, converted
        See `SpectrumOptions`; `notify` and `buffer` are bytes, also with K, M or G.
    speed
        Real time only: the pace is the card's.

    Raises
    ------
    ConfigError
        If an option does not make sense, the package or driver is missing, or the card cannot do what is asked.
    DeviceLost
        If there is no such card.
    """
    if parse_speed(speed) not in (None, 1.0):
        raise ConfigError("The pace of a Spectrum card is its sample clock's; leave the speed out.")
    if not path:
        raise ConfigError("Name the card: spcm:/dev/spcm0?instrument=sheet-real.")
    described = _instrument(instrument)
    level_mv = parse_whole("trigger_mv", trigger_mv, _LEAST_LEVEL_MV)
    options = SpectrumOptions(
        inputs=parse_list("inputs", inputs),
        notify_bytes=parse_whole("notify", notify, 1),
        buffer_bytes=parse_whole("buffer", buffer, 1),
        range_mv=parse_list("range_mv", range_mv, 1),
        coupling=None if coupling is None else parse_choice("coupling", coupling, Coupling),
        termination=None if termination is None else parse_choice("termination", termination, Termination),
        clock=parse_choice("clock", clock, Clock),
        reference_hz=parse_whole("reference_hz", reference_hz, 1) or 0,
        trigger=parse_choice("trigger", trigger, Trigger),
        trigger_mv=level_mv or 0,
        converted=parse_choice("converted", converted, ConvertedCode),
    )
    return open_card(path, described, options)


def open_card(device: str, instrument: Instrument, options: SpectrumOptions) -> SpectrumSource:
    """Open a card and set it up.

    Raises
    ------
    ConfigError, DeviceLost
        As `open_spectrum` does.
    """
    package = load_package()
    card = _opened(package, device)
    try:
        setup = set_up(package, card, instrument, options)
        sizes = ring_sizes(setup, options)
    except BaseException:
        let_go(package, card)
        raise
    return SpectrumSource(package, card, device, setup, sizes)


def _opened(package: Any, device: str) -> Any:
    card = package.Card(device)
    try:
        return card.open()
    except package.SpcmException as error:
        if card.handle():
            let_go(package, card)
        else:
            # The package counts a card as open from before it was found, and would stop it when it is collected.
            card._closed = True
        raise DeviceLost(
            f"There is no Spectrum card that answers at {device} ({one_line(error)}); "
            "check its name, and that no other program has it."
        ) from None


def let_go(package: Any, card: Any) -> None:
    """Close a card, also one that does not answer any more."""
    registers = Registers(package, card.handle())
    registers.write(package.SPC_M2CMD, package.M2CMD_CARD_STOP | package.M2CMD_DATA_STOPDMA)
    with suppress(package.SpcmException):
        card.close_handle()


def _instrument(described: str | Instrument | None) -> Instrument:
    if isinstance(described, Instrument):
        return described
    if described is None:
        raise ConfigError("Say which instrument is behind the card: instrument=sheet-real, or instrument=FILE.json.")
    if not described.endswith(".json"):
        return instrument_preset(described)
    try:
        return Instrument.from_json(Path(described).expanduser().read_bytes())
    except OSError:
        raise ConfigError(f"The instrument file '{described}' cannot be read; check its name.") from None
