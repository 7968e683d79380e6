"""However a file of another program is damaged, it is read or refused in one sentence; nothing else happens."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trace_samples import REAL_DATA

from acquisition.errors import LightlineError
from acquisition.file_kind import guess_url
from acquisition.importers.foreign import ForeignFile
from acquisition.importers.openers import open_foreign

MOST_BYTES = 21_000


def _read_all(foreign: ForeignFile) -> int:
    """Return how many samples per channel could be read, of the first stretches."""
    try:
        contents, read, end = foreign.contents, 0, (0, 0)
        for segment in contents.segments[:50]:
            wanted = min(segment.n_samples, 5000)
            rows = foreign.read(segment.row, wanted)
            assert rows.shape == (wanted, len(contents.channels))
            assert rows.dtype in (np.int8, np.int16)
            # Stretches follow each other, in the file and on the clock.
            assert segment.n_samples > 0 and (segment.row, segment.first_sample) >= end
            end = (segment.row + segment.n_samples, segment.first_sample + segment.n_samples)
            read += wanted
        return read
    finally:
        foreign.close()


def _holds(scheme: str, path: Path, **options: object) -> int:
    """Return how many samples per channel could be read: 0 where the file is refused in a sentence."""
    guess_url(str(path))
    try:
        return _read_all(open_foreign(scheme, str(path), **options))
    except LightlineError as error:
        assert re.fullmatch(r"[^\n]{20,}\.", str(error)), str(error)
        return 0


def _lecroy(folder: Path) -> tuple[Path, Path]:
    return REAL_DATA / "lecroy_trc" / "pulse.trc", folder / "a.trc"


def _sequence(folder: Path) -> tuple[Path, Path]:
    return REAL_DATA / "lecroy_trc" / "pulse_sequence.trc", folder / "a.trc"


def _sbench6_header(folder: Path) -> tuple[Path, Path]:
    (folder / "a.bin").write_bytes(bytes(1 << 17))
    return REAL_DATA / "sbench6" / "export_binheader.txt", folder / "a_binheader.txt"


def _wavedump(folder: Path) -> tuple[Path, Path]:
    return REAL_DATA / "wavedump" / "SiPM" / "2006272158" / "wave0.dat", folder / "wave0.dat"


def _tdms(folder: Path) -> tuple[Path, Path]:
    nptdms = pytest.importorskip("nptdms")
    whole = folder / "whole.tdms"
    channels = [
        nptdms.ChannelObject("pmt", f"ai{i}", np.arange(200, dtype=np.int16), properties={"wf_increment": 1e-6})
        for i in range(2)
    ]
    with nptdms.TdmsWriter(whole) as writer:
        writer.write_segment(channels)
    return whole, folder / "a.tdms"


def _sigmf(folder: Path) -> tuple[Path, Path]:
    (folder / "a.sigmf-data").write_bytes(bytes(400))
    whole = folder / "whole.json"
    captures = [{"core:sample_start": 10 * i, "core:global_index": 12 * i} for i in range(4)]
    about = {"core:datatype": "ri16_le", "core:version": "1.2.0", "core:sample_rate": 5e6, "core:num_channels": 2}
    whole.write_text(json.dumps({"global": about, "captures": captures}))
    return whole, folder / "a.sigmf-meta"


def _side_car(folder: Path) -> tuple[Path, Path]:
    (folder / "a.bin").write_bytes(bytes(400))
    whole = folder / "whole.json"
    whole.write_text(json.dumps({"dtype": "uint16", "n_channels": 2, "sample_rate_hz": 5e6, "bits": 12}))
    return whole, folder / "a.json"


FILES: dict[str, tuple[str, Callable[[Path], tuple[Path, Path]], dict[str, object]]] = {
    "lecroy": ("lecroy", _lecroy, {}),
    "lecroy sequence": ("lecroy", _sequence, {}),
    "sbench6": ("sbench6", _sbench6_header, {}),
    "wavedump": ("wavedump", _wavedump, {"model": 751}),
    "tdms": ("tdms", _tdms, {}),
    "sigmf": ("sigmf", _sigmf, {}),
    "raw": ("raw", _side_car, {}),
}


@pytest.mark.parametrize("name", FILES)
def test_the_same_file_undamaged_gives_samples(name: str, tmp_path: Path) -> None:
    """Otherwise what follows would only show that a wrong file is refused."""
    scheme, prepare, options = FILES[name]
    whole, place = prepare(tmp_path)
    if not whole.is_file():
        pytest.skip("the folder shared/data with the real records is not beside this checkout")
    place.write_bytes(whole.read_bytes()[:MOST_BYTES])
    assert _holds(scheme, place.with_suffix(".bin") if scheme == "raw" else place, **options) > 0


@pytest.mark.parametrize("name", FILES)
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_bytes_end_in_samples_or_a_sentence(name: str, tmp_path: Path, data: st.DataObject) -> None:
    scheme, prepare, options = FILES[name]
    whole, place = prepare(tmp_path)
    if not whole.is_file():
        pytest.skip("the folder shared/data with the real records is not beside this checkout")
    damaged = bytearray(whole.read_bytes()[:MOST_BYTES])
    for _ in range(data.draw(st.integers(1, 4))):
        # Most of what can go wrong stands at the beginning.
        at = data.draw(st.integers(0, min(len(damaged), 500) - 1))
        damaged[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.one_of(st.none(), st.integers(0, len(damaged))))
    place.write_bytes(bytes(damaged[:cut]))
    opened = place.with_suffix(".bin") if scheme == "raw" else place
    _holds(scheme, opened, **options)


@pytest.mark.parametrize("scheme", sorted({scheme for scheme, _, _ in FILES.values()}))
def test_a_missing_file_or_a_folder_is_one_sentence(scheme: str, tmp_path: Path) -> None:
    for path in (tmp_path / "no such file", tmp_path):
        with pytest.raises(LightlineError, match=r"There is no file|no header"):
            open_foreign(scheme, str(path), **({"model": 751} if scheme == "wavedump" else {}))
