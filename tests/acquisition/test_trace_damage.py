"""A file that cannot be trusted is refused in one sentence, never read as if it were whole."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from trace_samples import ramp_block, small_sheet, write_trace

from acquisition.errors import TraceError
from acquisition.trace import GAP_DTYPE, TraceReader
from acquisition.trace_source import open_trace

Damage = Callable[[h5py.File], None]


def _replace(name: str, data: np.ndarray) -> Damage:
    def damage(file: h5py.File) -> None:
        del file[name]
        file[name] = data

    return damage


def _attribute(name: str, value: object) -> Damage:
    return lambda file: file.attrs.__setitem__(name, value)


def _gap(**fields: int) -> Damage:
    def damage(file: h5py.File) -> None:
        gaps = file["gaps"][:]
        for field, value in fields.items():
            gaps[field][-1] = value
        file["gaps"][:] = gaps

    return damage


DAMAGES: list[tuple[str, Damage]] = [
    ("no trace file: it has no attribute 'format'", lambda file: file.attrs.__delitem__("format")),
    ("has the format 'lightline-trace/9'; this Lightline reads", _attribute("format", "lightline-trace/9")),
    ("'format' of .* must be text", _attribute("format", 1)),
    ("lacks the attribute 'origin'", lambda file: file.attrs.__delitem__("origin")),
    ("'origin' of .* must be one of measured, semi-real, simulated, not 'maybe'", _attribute("origin", "maybe")),
    ("'origin' of .* must be text", _attribute("origin", True)),
    ("'sample_rate_hz' of .* must be a finite number", _attribute("sample_rate_hz", np.nan)),
    ("says sample_rate_hz is 1e\\+06, but its instrument says 5e\\+06", _attribute("sample_rate_hz", 1e6)),
    ("says bits is 8, but its instrument says 12", _attribute("bits", 8)),
    ("instrument description is not valid", _attribute("instrument", "{}")),
    ("instrument description is not valid", _attribute("instrument", "not json")),
    ("lacks the samples of channel 'side_scatter'", lambda file: file.__delitem__("ch/side_scatter")),
    ("lacks the samples of channel", _replace("ch/side_scatter", np.zeros((20, 2), np.int16))),
    ("'side_scatter' of .* has the type float32", _replace("ch/side_scatter", np.zeros(20, np.float32))),
    ("'side_scatter' of .* has the type uint16", _replace("ch/side_scatter", np.zeros(20, np.uint16))),
    ("differ in length: transmission 20, side_scatter 19", _replace("ch/side_scatter", np.zeros(19, np.int16))),
    ("lacks the table /gaps", lambda file: file.__delitem__("gaps")),
    ("lacks the table /gaps", _replace("gaps", np.zeros(3))),
    ("must be integers", _replace("gaps", np.zeros(1, [(n, "f8") for n in ("row", "first_sample", "lost", "epoch")]))),
    ("must say where row 0 stands", _replace("gaps", np.zeros(0, GAP_DTYPE))),
    ("must begin with 0 and increase", _gap(row=0)),
    ("names row 20, but there are 20 samples", _gap(row=20)),
    ("nor lost less than -1", _gap(lost=-2)),
    ("epochs are counted from 0 on", _gap(epoch=-1)),
    ("'kind' is not", lambda file: file.create_group("truth/kind")),
    ("truth .* differ in length", lambda file: file.update({"truth/a": np.zeros(2), "truth/b": np.zeros(3)})),
    ("'tick' .* must be one number a cell", lambda file: file.update({"truth/tick": np.array([b"x"])})),
]  # fmt: skip


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    instrument = small_sheet()
    blocks = [ramp_block(instrument, 0, 10), ramp_block(instrument, 15, 10, lost_before=5)]
    return write_trace(tmp_path / "a.h5", blocks, chunk_samples=16)


@pytest.mark.parametrize(("sentence", "damage"), DAMAGES, ids=[sentence[:40] for sentence, _ in DAMAGES])
def test_a_wrong_part_is_named(trace: Path, sentence: str, damage: Damage) -> None:
    with h5py.File(trace, "r+") as file:
        damage(file)
    with pytest.raises(TraceError, match=sentence) as found:
        TraceReader(trace)
    assert "\n" not in str(found.value)
    assert str(found.value).endswith(".")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match=r"There is no file '.*none\.h5'"):
        open_trace(str(tmp_path / "none.h5"))


@pytest.mark.parametrize(
    "content", [b"", b"text, not samples\n" * 100, b"\x89HDF\r\n\x1a\n", b"\x89HDF\r\n\x1a\n" * 20]
)
def test_a_file_that_is_not_hdf5_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.h5"
    path.write_bytes(content)
    with pytest.raises(TraceError, match=r"not HDF5|damaged HDF5"):
        TraceReader(path)


@pytest.mark.parametrize("share", [0.02, 0.1, 0.5, 0.9, 0.95])
def test_a_file_that_was_cut_short_is_refused(trace: Path, share: float) -> None:
    content = trace.read_bytes()
    trace.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(TraceError, match=r"cut short|not HDF5"):
        TraceReader(trace)


def test_damaged_bytes_end_in_a_sentence_or_in_samples_but_not_in_a_crash(trace: Path) -> None:
    script = (
        "import sys, random\n"
        "from acquisition.errors import TraceError\n"
        "from acquisition.trace import GAP_DTYPE, TraceReader\n"
        "path = sys.argv[1]; content = open(path, 'rb').read(); dice = random.Random(1)\n"
        "for _ in range(150):\n"
        "    damaged = bytearray(content)\n"
        "    for _ in range(3): damaged[dice.randrange(len(damaged))] = dice.randrange(256)\n"
        "    open(path, 'wb').write(damaged)\n"
        "    try:\n"
        "        with TraceReader(path) as reader: reader.read(0, 100); reader.truth; reader.summary()\n"
        "    except TraceError: pass\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(trace)], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr[-500:]
