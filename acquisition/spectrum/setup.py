"""Setting a card up as its instrument says, or saying in one sentence why it cannot be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from acquisition.errors import ConfigError
from acquisition.instrument import Instrument
from acquisition.spectrum.driver import one_line
from acquisition.spectrum.options import Clock, ConvertedCode, SpectrumOptions, Trigger

_INPUT_STEP = 100
"""Distance of the registers of one input from those of the next."""

_RATE_TOLERANCE_HZ = 1.0
"""The card's register counts whole hertz."""


@dataclass(frozen=True, slots=True)
class CardSetup:
    """A card that is ready to stream.

    Attributes
    ----------
    instrument
        The instrument, with the volts of the ranges that the card is set to.
    offset_binary
        True if the samples arrive as unsigned bytes, 128 as zero.
    conversion
        The card's data conversion, 0 for none.
    """

    instrument: Instrument
    offset_binary: bool
    conversion: int


def set_up(package: Any, card: Any, instrument: Instrument, options: SpectrumOptions) -> CardSetup:
    """Set an open card up for endless streaming.

    Parameters
    ----------
    package
        The `spcm` module.
    card
        An open `spcm.Card`.
    instrument
        Channels, sample rate and bits.
    options
        All else.

    Raises
    ------
    ConfigError
        If the card cannot do it.
    """
    name = card.product_name()
    if not card.function_type() & package.SPCM_TYPE_AI:
        raise ConfigError(f"The card {name} does not record analogue signals; give a digitizer.")
    try:
        card.reset()
        _channels(package, card, instrument, options)
        converts = _bits(package, card, instrument)
        _clock(package, card, instrument, options)
        _trigger(package, card, options)
        card.card_mode(package.SPC_REC_FIFO_SINGLE)
        card.loops(0)
        if converts:
            # Cards that cannot convert do not have the register.
            package.DataTransfer(card).data_conversion(converts)
        card.write_setup()
        scaled = _scaled(package, card, instrument, options)
    except package.SpcmException as error:
        raise ConfigError(
            f"The card {name} refuses this set-up ({one_line(error)}); change the instrument or the options."
        ) from None
    return CardSetup(scaled, converts != 0 and options.converted is ConvertedCode.OFFSET, converts)


def _inputs(instrument: Instrument, options: SpectrumOptions) -> tuple[int, ...]:
    return options.inputs or tuple(range(len(instrument.channels)))


def _channels(package: Any, card: Any, instrument: Instrument, options: SpectrumOptions) -> None:
    inputs, count, has = _inputs(instrument, options), len(instrument.channels), card.num_channels()
    if len(inputs) != count:
        raise ConfigError(f"inputs names {len(inputs)} inputs for the {count} channels of {instrument.name}.")
    if count & (count - 1):
        raise ConfigError(
            f"A Spectrum card records 1, 2, 4, 8 or 16 channels, but {instrument.name} has {count}; "
            "describe one more or one less in the instrument."
        )
    if inputs[-1] >= has:
        raise ConfigError(
            f"The card {card.product_name()} has the inputs 0 to {has - 1}, but input {inputs[-1]} is needed."
        )
    if len(options.range_mv) not in (0, 1, count):
        raise ConfigError(f"range_mv gives {len(options.range_mv)} ranges for {count} channels; give one, or one each.")
    card.set_i(package.SPC_CHENABLE, sum(1 << k for k in inputs))
    for place, k in enumerate(inputs):
        if options.range_mv:
            card.set_i(package.SPC_AMP0 + _INPUT_STEP * k, options.range_mv[place % len(options.range_mv)])
        if options.coupling is not None:
            card.set_i(package.SPC_ACDC0 + _INPUT_STEP * k, int(options.coupling.value == "ac"))
        if options.termination is not None:
            card.set_i(package.SPC_50OHM0 + _INPUT_STEP * k, int(options.termination.value == "50"))


def _bits(package: Any, card: Any, instrument: Instrument) -> int:
    wanted, has = instrument.digitizer.bits, card.bits_per_sample()
    if wanted == has:
        return int(package.SPCM_DC_NONE)
    to_eight = {
        12: package.SPCM_DC_12BIT_TO_8BIT,
        14: package.SPCM_DC_14BIT_TO_8BIT,
        16: package.SPCM_DC_16BIT_TO_8BIT,
    }.get(has, 0)
    if wanted == 8 and to_eight and card.get_i(package.SPC_AVAILDATACONVERSION) & to_eight:
        return int(to_eight)
    raise ConfigError(
        f"The card {card.product_name()} gives {has} bits, but {instrument.name} says {wanted}; "
        f"set digitizer.bits to {has} in the instrument."
    )


def _clock(package: Any, card: Any, instrument: Instrument, options: SpectrumOptions) -> None:
    name, rate_hz = card.product_name(), instrument.sample_rate_hz
    mode = {
        Clock.INTERNAL: package.SPC_CM_INTPLL,
        Clock.REFERENCE: package.SPC_CM_EXTREFCLOCK,
        Clock.EXTERNAL: package.SPC_CM_EXTERNAL,
    }[options.clock]
    if not card.get_i(package.SPC_AVAILCLOCKMODES) & mode:
        raise ConfigError(f"The card {name} has no clock mode '{options.clock}'; choose another with clock=.")
    least, most = card.get_i(package.SPC_MIINST_MINADCLOCK), card.get_i(package.SPC_MIINST_MAXADCLOCK)
    if not least <= rate_hz <= most:
        raise ConfigError(
            f"The card {name} samples at {least / 1e6:g} to {most / 1e6:g} MHz, "
            f"but {instrument.name} says {rate_hz / 1e6:g} MHz."
        )
    card.set_i(package.SPC_CLOCKMODE, mode)
    if options.clock is Clock.REFERENCE:
        card.set_i(package.SPC_REFERENCECLOCK, options.reference_hz)
    card.set_i(package.SPC_SAMPLERATE, round(rate_hz))
    given_hz = card.get_i(package.SPC_SAMPLERATE)
    if abs(given_hz - rate_hz) > _RATE_TOLERANCE_HZ:
        raise ConfigError(
            f"The card {name} samples at {given_hz} Hz where {instrument.name} says {rate_hz:.10g} Hz; "
            f"set digitizer.sample_rate_hz to {given_hz} in the instrument."
        )


def _trigger(package: Any, card: Any, options: SpectrumOptions) -> None:
    external = options.trigger is Trigger.EXTERNAL
    card.set_i(package.SPC_TRIG_ORMASK, package.SPC_TMASK_EXT0 if external else package.SPC_TMASK_SOFTWARE)
    card.set_i(package.SPC_TRIG_ANDMASK, package.SPC_TMASK_NONE)
    if external:
        card.set_i(package.SPC_TRIG_EXT0_MODE, package.SPC_TM_POS)
        card.set_i(package.SPC_TRIG_EXT0_LEVEL0, options.trigger_mv)


def _scaled(package: Any, card: Any, instrument: Instrument, options: SpectrumOptions) -> Instrument:
    # The card's largest value stands for the input range, whatever the conversion has left of its bits.
    largest = card.max_sample_value() * (1 << instrument.digitizer.bits) / (1 << card.bits_per_sample())
    channels = tuple(
        channel.model_copy(update={"volts_per_count": range_mv / 1e3 / largest if range_mv > 0 else 1.0})
        for channel, range_mv in zip(
            instrument.channels,
            (card.get_i(package.SPC_AMP0 + _INPUT_STEP * k) for k in _inputs(instrument, options)),
            strict=True,
        )
    )
    return instrument.model_copy(update={"channels": channels})
