"""What the real files at hand do not show: other byte orders, widths, offsets, clocks that overflow, failed exports."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from trace_samples import play, samples_of

from acquisition.errors import ConfigError, TraceError
from acquisition.importers.openers import open_foreign
from acquisition.importers.sigmf_export import export_sigmf
from acquisition.source import open_source


def _lecroy(path: Path, order: str, samples: np.ndarray, times_s: list[float]) -> Path:
    """A waveform of LeCroy's template 2.3; a sequence where there are several times."""
    head = bytearray(346)
    data = samples.astype(samples.dtype.newbyteorder(order)).tobytes()
    times = b"".join(struct.pack(f"{order}dd", time_s, 0.25e-9) for time_s in times_s) if len(times_s) > 1 else b""
    head[:8], head[16:26], head[76:84] = b"WAVEDESC", b"LECROY_2_3", b"SCOPE-01"
    for at, code, value in [
        (32, "H", samples.itemsize - 1), (34, "H", order == "<"), (36, "i", 346), (48, "i", len(times)),
        (60, "i", len(data)), (116, "i", len(samples)), (144, "i", len(times_s)), (156, "f", 0.5), (160, "f", 3.0),
        (172, "H", 8), (176, "f", 1e-9), (303, "b", 0), (344, "H", 2),
    ]:  # fmt: skip
        struct.pack_into(f"{order}{code}", head, at, value)
    path.write_bytes(b"#9000000000" + bytes(head) + times + data)
    return path


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", [np.int8, np.int16])
def test_lecroy_files_of_either_byte_order_and_width(tmp_path: Path, order: str, dtype: type[np.integer]) -> None:
    info = np.iinfo(dtype)
    samples = np.random.default_rng(4).integers(info.min, info.max, 60, dtype, endpoint=True)
    path = _lecroy(tmp_path / "a.trc", order, samples, [0.0, 50e-9, 69.6e-9])
    with open_source(f"lecroy:{path}?instrument=atom-real") as source:
        channel = source.instrument.channels[0]
        assert (channel.volts_per_count, channel.volts_offset) == (0.5, -3.0)
        assert source.instrument.sample_rate_hz == 1e9
        blocks = play(source)
    assert np.array_equal(samples_of(blocks)[:, 0], samples)
    assert [(b.first_sample, b.lost_before) for b in blocks] == [(0, 0), (50, 30), (70, 0)]


def test_a_sequence_with_triggers_out_of_order_is_refused(tmp_path: Path) -> None:
    for times_s, sentence in [([0.0, -1.0], "out of order"), ([0.0, np.nan], "out of order")]:
        with pytest.raises(TraceError, match=sentence):
            open_foreign("lecroy", str(_lecroy(tmp_path / "a.trc", "<", np.zeros(20, np.int8), times_s)))


def _records(path: Path, tags: list[int], samples: np.ndarray) -> None:
    heads = [struct.pack("<6I", 24 + part.nbytes, 31, 0, 0, i, tags[i]) for i, part in enumerate(samples)]
    path.write_bytes(b"".join(head + part.tobytes() for head, part in zip(heads, samples, strict=True)))


def test_wavedump_time_goes_on_when_the_tag_overflows(tmp_path: Path) -> None:
    samples = np.random.default_rng(6).integers(0, 255, (4, 30), np.uint8, endpoint=True)
    last = (1 << 31) - 1
    # The highest bit says that the counter has overflowed before.
    _records(tmp_path / "wave3.dat", [last - 100, last, 9 | 1 << 31, 500 | 1 << 31], samples)
    (tmp_path / "WaveDumpConfig.txt").write_text("# Digitizer V1720\n@OFF\ndigitizer DT5721\nDigitizer 721\n@ON\n")
    foreign = open_foreign("wavedump", str(tmp_path / "wave3.dat"))
    contents, rows = foreign.contents, foreign.read(0, 120)
    foreign.close()
    assert (contents.sample_rate_hz, contents.bits, contents.channels[0].name) == (500e6, 8, "wave3")
    # A tag is 8 ns, a sample 2 ns.
    assert [s.first_sample for s in contents.segments] == [0, 400, 440, 2404]
    assert [s.lost_before for s in contents.segments] == [0, 370, 10, 1934]
    assert np.array_equal(rows[:, 0], samples.ravel().astype(np.int64) - 128)


def test_an_eight_bit_export_keeps_its_range_and_offset(tmp_path: Path) -> None:
    samples = np.arange(-128, 128, dtype=np.int8).reshape(-1, 2)
    samples.tofile(tmp_path / "a.bin")
    channels = "".join(f"[Ch{i}]\nName = ch {i}\nOrigMaxRange = {200 + i}\nUserOffset = {5000 * i}\n\n" for i in (0, 1))
    tail = "LenH = 0\nLenL = 128\nResolution = 8\nSamplerate = 5000000000\nMaxADCValue = 128\n"
    (tmp_path / "a_binheader.txt").write_text(f"NumAChannels = 2\n\n{channels}{tail}")
    foreign = open_foreign("sbench6", str(tmp_path / "a.bin"))
    contents, rows = foreign.contents, foreign.read(0, 128)
    foreign.close()
    assert np.array_equal(rows, samples)
    assert rows.dtype == np.int8
    assert [(c.volts_per_count, c.volts_offset) for c in contents.channels] == [(0.2 / 128, 0.0), (0.201 / 128, 0.005)]


def test_a_failed_export_leaves_no_files(tmp_path: Path) -> None:
    np.full((4000, 2), 9, "<i2").tofile(tmp_path / "a.bin")
    side_car = {"dtype": "int16", "n_channels": 2, "sample_rate_hz": 5e6, "bits": 4, "instrument": "sheet-ci"}
    (tmp_path / "a.json").write_text(json.dumps(side_car))
    with (
        open_source(f"raw:{tmp_path / 'a.bin'}") as source,
        pytest.raises(TraceError, match="beyond 4 bits; state the resolution"),
    ):
        export_sigmf(source, tmp_path / "out")
    with open_source("sim:sheet-ci") as source, pytest.raises(ConfigError, match="has no end"):
        export_sigmf(source, tmp_path / "out")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.bin", "a.json"]
