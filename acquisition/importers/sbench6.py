"""Exports of SBench 6 of Spectrum Instrumentation: samples in `NAME.bin`, header in `NAME_binheader.txt`."""

from __future__ import annotations

import re
from pathlib import Path

from acquisition.errors import TraceError
from acquisition.importers.flat_file import FlatFile
from acquisition.importers.foreign import Contents, ForeignChannel
from acquisition.importers.recognise import sbench6_header_of
from acquisition.importers.stored import StoredSamples, interleaved
from acquisition.source import existing_file
from acquisition.trace_layout import Segment

_SECTION = re.compile(r"\[(.+)\]")
_LARGEST_HEADER_BYTES = 1 << 20
_HEADER_ENDING = "_binheader.txt"

Sections = dict[str, dict[str, str]]


class Sbench6File(FlatFile):
    """An export of analogue channels, named by either of its files, open for reading.

    Volts = count * OrigMaxRange / 1000 / MaxADCValue + UserOffset / 1e6 (source: the loader in the vendor's package).

    Raises
    ------
    TraceError
        If a file is missing, damaged, or holds no analogue channels.
    """

    def __init__(self, path: str) -> None:
        self._header = sbench6_header_of(Path(path).expanduser())
        if not self._header.is_file():
            existing_file(path)
            raise TraceError(f"The file '{path}' has no header beside it; export '{self._header.name}' with it.")
        self._path = existing_file(str(self._header.with_name(self._header.name.removesuffix(_HEADER_ENDING) + ".bin")))
        sections = _sections(_text(self._header))
        n_channels = self._integer(sections, "NumAChannels")
        if n_channels == 0:
            raise TraceError(
                f"The export '{self._path}' holds digital channels only, which carry no light; export analogue ones."
            )
        if any(self._integer(sections, key, 0) for key in ("DataEncoding", "ChannelSorting", "NumDChannels")):
            raise TraceError(
                f"The export '{self._path}' is not plain interleaved analogue samples; export it again as binary "
                "without digital channels."
            )
        bits = self._integer(sections, "Resolution")
        full_scale = self._integer(sections, "MaxADCValue")
        n_samples = (self._integer(sections, "LenH", 0) << 32) + self._integer(sections, "LenL")
        if not (1 <= n_channels <= 64 and 2 <= bits <= 16 and full_scale > 0 and n_samples > 0):
            raise TraceError(
                f"The header '{self._header}' states {n_channels} channels, {bits} bits, {n_samples} samples and a "
                f"full scale of {full_scale}, which cannot be; export it again."
            )
        dtype = interleaved("<i1" if bits <= 8 else "<i2", n_channels)
        channels = tuple(self._channel(sections, i, full_scale) for i in range(n_channels))
        rate_hz = self._number(sections, "", "Samplerate")
        stored = StoredSamples(self._path, dtype, n_rows=n_samples)
        super().__init__(
            self._path,
            stored,
            lambda: Contents(
                path=self._path,
                format="sbench6",
                description=f"SBench6 export {self._path.name}",
                sample_rate_hz=rate_hz,
                bits=bits,
                channels=channels,
                segments=(Segment(row=0, n_samples=n_samples, first_sample=0),),
            ),
        )

    def _channel(self, sections: Sections, column: int, full_scale: int) -> ForeignChannel:
        name = f"Ch{column}"
        range_mv = self._number(sections, name, "OrigMaxRange")
        if range_mv <= 0:
            raise TraceError(f"The header '{self._header}' states a range of {range_mv:g} mV for {name}; correct it.")
        return ForeignChannel(
            name=sections[name].get("Name") or name,
            volts_per_count=range_mv / 1000 / full_scale,
            volts_offset=self._number(sections, name, "UserOffset") / 1e6,
        )

    def _integer(self, sections: Sections, key: str, default: int | None = None) -> int:
        text = sections[""].get(key)
        if text is None and default is not None:
            return default
        try:
            return int(text or "")
        except ValueError:
            raise self._without(key) from None

    def _number(self, sections: Sections, section: str, key: str) -> float:
        try:
            return float(sections[section][key])
        except (KeyError, ValueError):
            raise self._without(f"{key} of {section}" if section else key) from None

    def _without(self, key: str) -> TraceError:
        return TraceError(f"The header '{self._header}' states no {key}; export it again, or name its .bin file.")


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_LARGEST_HEADER_BYTES).decode("utf-8", errors="replace")
    except OSError as error:
        raise TraceError(f"The header '{path}' cannot be read: {error.strerror}; check its permissions.") from None


def _sections(text: str) -> Sections:
    """Split a header; what stands outside a section, also after the blank line that ends one, is under ``""``."""
    sections: Sections = {"": {}}
    current = ""
    for line in text.splitlines():
        heading = _SECTION.fullmatch(line.strip())
        if heading:
            current = heading[1]
            sections[current] = {}
        elif not line.strip():
            current = ""
        else:
            key, _, value = line.partition("=")
            sections[current][key.strip()] = value.strip()
    return sections
