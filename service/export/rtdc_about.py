"""What a `.rtdc` file says of the measurement, by dclab's sections and keys."""

from __future__ import annotations

import json
import math
from datetime import datetime

from acquisition.errors import ConfigError
from service.export.about import about
from service.export.selection import Selection

_NUMBERS = ("channel width", "flow rate", "flow rate sample", "flow rate sheath", "temperature")
_TEXTS = ("chip region", "chip identifier", "medium", "module composition")
_LINE = 100


def attributes(wanted: Selection, count: int) -> dict[str, str | float | int]:
    """Return the attributes of the file; what nobody told stands as NaN or `unknown`.

    Raises
    ------
    ConfigError
        If `--setup` names something else, or a number is none.
    """
    run = wanted.run
    instrument = run.instrument
    began = datetime.fromisoformat(run.started_at)
    measurement: dict[str, str | float | int] = {
        "experiment:date": began.strftime("%Y-%m-%d"),
        "experiment:time": began.strftime("%H:%M:%S"),
        "experiment:event count": count,
        "experiment:run index": 1,
        "experiment:run identifier": run.id,
        "experiment:sample": run.source,
        "imaging:flash device": f"{instrument.kind} laser",
        # Light is measured for one tick of the converter.
        "imaging:flash duration": 1e6 / instrument.sample_rate_hz,
        "imaging:frame rate": instrument.sample_rate_hz,
        "imaging:pixel size": instrument.grid.pixel_um,
        "imaging:roi position x": 0,
        "imaging:roi position y": 0,
        "imaging:roi size x": instrument.grid.size_px,
        "imaging:roi size y": instrument.grid.size_px,
        "setup:identifier": instrument.name,
        "setup:software version": about(wanted)["software"],
    }
    told = setup(wanted)
    ours = {f"user:lightline {word}": text for word, text in about(wanted).items() if text}
    return {**measurement, **{f"setup:{key}": value for key, value in told.items()}, **ours}


def setup(wanted: Selection) -> dict[str, str | float]:
    """Return what was told of the microscope, by dclab's keys of the section `setup`."""
    known: dict[str, str | float] = {
        "channel width": math.nan,
        "flow rate": math.nan,
        "flow rate sample": math.nan,
        "flow rate sheath": math.nan,
        "chip region": "channel",
        "medium": "unknown",
        "module composition": "lightline",
    }
    for key, text in wanted.setup.items():
        if key not in (*_NUMBERS, *_TEXTS):
            raise ConfigError(f"There is no '{key}' in the setup; use one of {', '.join((*_NUMBERS, *_TEXTS))}.")
        known[key] = _number(key, text) if key in _NUMBERS else text
    return known


def log_lines(wanted: Selection) -> list[str]:
    """Return the run as JSON, in lines as short as dclab wants them."""
    lines = json.dumps(json.loads(wanted.run.model_dump_json()), indent=1, ensure_ascii=True).splitlines()
    return [line[k : k + _LINE] for line in lines for k in range(0, len(line), _LINE)]


def _number(key: str, text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or number <= 0:
        raise ConfigError(f"'{key}' of the setup is a number above 0, not '{text[:40]}'.")
    return number
