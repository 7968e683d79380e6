"""Raw binary samples, described by a JSON file beside them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from acquisition.errors import TraceError
from acquisition.importers.flat_file import FlatFile
from acquisition.importers.foreign import Contents, ForeignChannel
from acquisition.importers.stored import StoredSamples, interleaved
from acquisition.instrument import Instrument
from acquisition.origin import Origin
from acquisition.presets import instrument_preset
from acquisition.source import existing_file
from acquisition.trace_layout import Segment


class SideCar(BaseModel):
    """The description of a raw file: `NAME.json` beside `NAME.bin`, or `NAME.bin.json`."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)

    dtype: Literal["int8", "int16", "uint8", "uint16"]
    """Type of a sample, little-endian; unsigned samples are offset binary."""
    n_channels: int = Field(ge=1, le=64)
    """Channels, interleaved: one sample of each after the other."""
    sample_rate_hz: float = Field(gt=0)
    """Samples a second of each channel."""
    unsigned: bool = False
    """Says that `int8` or `int16` are unsigned after all."""
    bits: int | None = Field(default=None, ge=2, le=16)
    """Resolution of the converter; None is all bits of the type."""
    offset_bytes: int = Field(default=0, ge=0)
    """Where the first sample begins."""
    first_sample: int = Field(default=0, ge=0)
    """Tick of the first sample."""
    volts_per_count: float | None = Field(default=None, gt=0)
    """Volts = volts_per_count * signed count + volts_offset; None means unknown."""
    volts_offset: float = 0.0
    origin: Origin = Origin.MEASURED
    """`measured`, `semi-real` or `simulated`."""
    description: str = ""
    """One line for people."""
    instrument: str | Instrument | None = None
    """A preset's name, or a whole description; None has it named when the file is opened."""

    @property
    def stored_dtype(self) -> np.dtype[Any]:
        """Type of a stored sample."""
        name = self.dtype if self.dtype.startswith("u") or not self.unsigned else f"u{self.dtype}"
        return np.dtype(name).newbyteorder("<")


def side_car_of(path: Path) -> Path | None:
    """Return the JSON file that describes a raw file; None if there is none."""
    beside = (path.with_name(path.name + ".json"), path.with_suffix(".json"))
    return next((file for file in beside if file != path and file.is_file()), None)


class RawFile(FlatFile):
    """Raw little-endian int8 or int16 samples with their side-car, open for reading.

    An incomplete sample at the end, as an interrupted recording has it, is left out and named in the description.

    Raises
    ------
    TraceError
        If a file is missing, the side-car is not valid, or there are no samples.
    ConfigError
        If the side-car names an instrument that does not exist.
    """

    def __init__(self, path: str) -> None:
        self._path = existing_file(path)
        side_car = _read_side_car(self._path)
        sample_dtype = side_car.stored_dtype
        dtype = interleaved(sample_dtype, side_car.n_channels)
        instrument = side_car.instrument
        if isinstance(instrument, str):
            instrument = instrument_preset(instrument)
        stored = StoredSamples(self._path, dtype, offset_bytes=side_car.offset_bytes)
        super().__init__(
            self._path,
            stored,
            lambda: Contents(
                path=self._path,
                format="raw",
                description=_described(side_car, self._path, stored.bytes_left_out),
                sample_rate_hz=side_car.sample_rate_hz,
                bits=side_car.bits or 8 * sample_dtype.itemsize,
                channels=tuple(
                    ForeignChannel(f"channel {i}", side_car.volts_per_count, side_car.volts_offset)
                    for i in range(side_car.n_channels)
                ),
                segments=(Segment(row=0, n_samples=stored.n_rows, first_sample=side_car.first_sample),),
                origin=side_car.origin,
                instrument=instrument,
            ),
        )


def _read_side_car(path: Path) -> SideCar:
    file = side_car_of(path)
    if file is None:
        raise TraceError(
            f"The raw file '{path}' has no description beside it; write '{path.with_suffix('.json').name}' with dtype, "
            "n_channels and sample_rate_hz."
        )
    try:
        return SideCar.model_validate_json(file.read_bytes())
    except OSError as error:
        raise TraceError(f"The description '{file}' cannot be read: {error.strerror}.") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"]) or "the file"
        raise TraceError(f"The description '{file}' is not valid: {place}: {first['msg']}.") from None


def _described(side_car: SideCar, path: Path, bytes_left_out: int) -> str:
    text = " ".join(side_car.description.split()) or f"raw samples {path.name}"
    return f"{text} ({bytes_left_out} bytes of an incomplete sample left out)" if bytes_left_out else text
