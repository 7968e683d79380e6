"""SigMF recordings of real samples, with a gap between captures where `core:global_index` jumps."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

from acquisition.errors import ConfigError, TraceError
from acquisition.importers.flat_file import FlatFile
from acquisition.importers.foreign import Contents, ForeignChannel
from acquisition.importers.sigmf_layout import DATA_SUFFIX, DTYPES, CapturePart, GlobalPart, Meta, meta_path, read_meta
from acquisition.importers.stored import StoredSamples, interleaved
from acquisition.instrument import Instrument
from acquisition.origin import Origin
from acquisition.source import existing_file
from acquisition.trace_layout import Segment


class SigmfFile(FlatFile):
    """A SigMF recording, named by its `.sigmf-meta` or `.sigmf-data` file or their base name, open for reading.

    Source: SigMF specification 1.2; `core:sample_start` counts samples of every channel, `core:global_index` is the
    place of a capture in the stream it was cut from.

    Raises
    ------
    TraceError
        If a file is missing, damaged, or of samples that are not real integers of 8 or 16 bits.
    """

    def __init__(self, path: str) -> None:
        self._path = meta_path(Path(path).expanduser())
        meta = read_meta(self._path)
        about = meta.about
        if about.datatype not in DTYPES:
            raise TraceError(
                f"The SigMF recording '{self._path}' has samples of the type '{about.datatype}'; real ones of the "
                f"types {', '.join(DTYPES)} can be imported."
            )
        data, sample_dtype = _data_file(self._path, about), DTYPES[about.datatype]
        headers = [capture.header_bytes for capture in meta.captures]
        if any(headers[1:]):
            raise TraceError(
                f"The SigMF recording '{self._path}' has headers between its captures, which cannot be imported; "
                "write it again without them."
            )
        stored = StoredSamples(
            data,
            interleaved(sample_dtype, about.n_channels),
            offset_bytes=headers[0] if headers else 0,
            end_bytes=data.stat().st_size - about.trailing_bytes,
        )
        super().__init__(
            self._path,
            stored,
            lambda: Contents(
                path=self._path,
                format="sigmf",
                description=_described(about, self._path, stored.bytes_left_out),
                sample_rate_hz=about.sample_rate_hz,
                bits=about.bits or 8 * sample_dtype.itemsize,
                channels=tuple(ForeignChannel(f"channel {i}") for i in range(about.n_channels)),
                segments=_segments(meta, stored.n_rows, self._path),
                origin=_origin(about, self._path),
                instrument=_instrument(about, self._path),
            ),
        )


def _data_file(path: Path, about: GlobalPart) -> Path:
    if about.metadata_only:
        raise TraceError(f"The SigMF recording '{path}' is a description without samples; add its data file.")
    if about.dataset is None:
        return existing_file(str(path.with_suffix(DATA_SUFFIX)))
    # A description from elsewhere must not open what is not beside it.
    if Path(about.dataset).name != about.dataset:
        raise TraceError(f"The SigMF recording '{path}' names data in another folder; put them beside it.")
    return existing_file(str(path.with_name(about.dataset)))


def _described(about: GlobalPart, path: Path, bytes_left_out: int) -> str:
    text = " ".join(about.description.split()) or f"SigMF recording {path.stem}"
    return f"{text} ({bytes_left_out} bytes of an incomplete sample left out)" if bytes_left_out else text


def _origin(about: GlobalPart, path: Path) -> Origin:
    try:
        return Origin(about.origin)
    except ValueError:
        words = ", ".join(Origin)
        raise TraceError(f"'lightline:origin' of '{path}' must be one of {words}, not '{about.origin}'.") from None


def _instrument(about: GlobalPart, path: Path) -> Instrument | None:
    if about.instrument is None:
        return None
    try:
        return Instrument.from_json(json.dumps(about.instrument))
    except ConfigError as error:
        raise TraceError(f"'lightline:instrument' of '{path}' cannot be used: {error}") from None


def _segments(meta: Meta, n_rows: int, path: Path) -> tuple[Segment, ...]:
    starts = [capture.sample_start for capture in meta.captures]
    if any(after < before for before, after in pairwise(starts)) or (starts and starts[-1] > n_rows):
        raise TraceError(
            f"The captures of '{path}' do not follow each other within its {n_rows} samples; copy it again."
        )
    captures = list(meta.captures)
    if not starts or starts[0] > 0:
        captures.insert(0, CapturePart(sample_start=0, global_index=None))
    ends = [capture.sample_start for capture in captures[1:]] + [n_rows]
    segments: list[Segment] = []
    for capture, end in zip(captures, ends, strict=True):
        if end > capture.sample_start:
            before = segments[-1] if segments else None
            segments.append(_segment(capture, end - capture.sample_start, before, meta.about.offset, path))
    return tuple(segments)


def _segment(capture: CapturePart, n_samples: int, before: Segment | None, offset: int, path: Path) -> Segment:
    expected = offset if before is None else before.end_sample
    epoch = before.epoch if before is not None else 0
    first = capture.global_index if capture.first_sample is None else capture.first_sample
    first = (offset + capture.sample_start if before is None else expected) if first is None else first
    if capture.epoch is not None:
        if capture.epoch < epoch:
            raise TraceError(f"The captures of '{path}' go back to epoch {capture.epoch}; copy it again.")
        epoch = capture.epoch
    elif before is not None and first < expected:
        # A stream's clock goes back only where it was started again.
        epoch += 1
    same_clock = before is not None and epoch == before.epoch
    if same_clock and first < expected:
        raise TraceError(f"The captures of '{path}' overlap at sample {first}; copy it again.")
    lost = first - expected if same_clock else 0
    return Segment(
        row=capture.sample_start,
        n_samples=n_samples,
        first_sample=first,
        epoch=epoch,
        lost_before=lost if capture.lost_before is None else capture.lost_before,
    )
