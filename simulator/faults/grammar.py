"""Faults as text: `drop:rate=1e-4,late:every=2s:by=0.3s`."""

from __future__ import annotations

from collections.abc import Mapping

from acquisition.errors import ConfigError
from simulator.faults.fault import Fault, Reader
from simulator.faults.registry import FAULTS
from simulator.faults.schedule import Schedule
from simulator.faults.values import duration, instant, probability

_SCHEDULE: Mapping[str, tuple[str, Reader]] = {
    "rate": ("rate", probability),
    "at": ("at_s", instant),
    "every": ("every_s", duration),
}


def parse_faults(text: str) -> tuple[Fault, ...]:
    """Read faults: items separated by commas, the fields of an item by colons.

    An item is the name of a fault, its schedule (`rate=` a probability per block, `at=` a time, `every=` a time) and
    its own options. Times have a unit: s, ms or us.

    Parameters
    ----------
    text
        For example `drop:rate=1e-4` or `late:every=2s:by=0.3s,overrun:at=10s`; empty is no fault.

    Raises
    ------
    ConfigError
        If a fault or option is unknown, missing, given twice, or its value does not make sense.
    """
    return tuple(_parse_item(item.strip()) for item in text.split(",")) if text.strip() else ()


def _parse_item(item: str) -> Fault:
    name, *fields = (field.strip() for field in item.split(":"))
    kind = FAULTS.get(name)
    if kind is None:
        raise ConfigError(f"There is no fault '{name}'; use one of {', '.join(FAULTS)}.")
    schedule: dict[str, int | float] = {}
    options: dict[str, int | float] = {}
    for field in fields:
        word, separator, value = field.partition("=")
        into, known = (schedule, _SCHEDULE) if word in _SCHEDULE else (options, kind.OPTIONS)
        if word not in known or not separator:
            words = ", ".join([*(["at"] if kind.ONLY_AT else _SCHEDULE), *kind.OPTIONS])
            raise ConfigError(f"The fault '{name}' has no option '{field}'; it takes {words}, each as word=value.")
        target, read = known[word]
        if target in into:
            raise ConfigError(f"The fault '{name}' says {word} twice; give it once.")
        try:
            into[target] = read(value)
        except ConfigError as error:
            raise ConfigError(f"The fault '{name}' cannot have {word}={value}: {error}") from None
    _check_schedule(name, kind, schedule)
    # Each option's reader gives what its field holds.
    return kind(Schedule(**schedule), **options)


def _check_schedule(name: str, kind: type[Fault], given: Mapping[str, object]) -> None:
    if len(given) > 1:
        raise ConfigError(f"The fault '{name}' has two schedules; give one of rate, at and every.")
    if kind.ONLY_AT and set(given) != {"at_s"}:
        raise ConfigError(f"Say when the fault '{name}' happens, with at=, such as {name}:at=1.5s.")
    if kind.NEEDS_SCHEDULE and not given:
        raise ConfigError(f"Say when the fault '{name}' happens: rate=1e-4 (per block), at=1.5s or every=2s.")
