"""The real files of other programs are read count by count, and what they are not is refused in a sentence."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
from trace_samples import REAL_DATA, play, samples_of

from acquisition.errors import ConfigError, TraceError
from acquisition.file_kind import guess_url
from acquisition.importers.openers import open_foreign
from acquisition.importers.report import inspect_foreign
from acquisition.source import open_source
from acquisition.testing import CHECKS, REPEATABLE_CHECKS, Check

SBENCH6 = REAL_DATA / "sbench6"
LECROY = REAL_DATA / "lecroy_trc"
SIPM = REAL_DATA / "wavedump" / "SiPM"
HPGE = REAL_DATA / "wavedump" / "HPGe" / "WaveDump"

needs_data = pytest.mark.skipif(
    not REAL_DATA.is_dir(), reason="the folder shared/data with the real records is not beside this checkout"
)
pytestmark = needs_data

REAL_SOURCES = {
    "sbench6": (SBENCH6 / "export.bin", "sheet-real"),
    "lecroy": (LECROY / "pulse_sequence.trc", "atom-real"),
    "wavedump": (SIPM / "coincidence" / "wave0.dat", "sheet-ci"),
}


@pytest.mark.parametrize("check", CHECKS + REPEATABLE_CHECKS, ids=lambda check: check.__name__)
@pytest.mark.parametrize("scheme", REAL_SOURCES)
def test_a_real_file_is_a_source_like_any_other(scheme: str, check: Check) -> None:
    path, preset = REAL_SOURCES[scheme]
    check(lambda: open_source(f"{scheme}:{path}?instrument={preset}&block_samples=1500"))


def test_an_sbench6_export_is_read_with_its_volts() -> None:
    assert guess_url(str(SBENCH6 / "export.bin")).startswith("sbench6:")
    assert guess_url(str(SBENCH6 / "export_binheader.txt")).startswith("sbench6:")
    with open_source(f"sbench6:{SBENCH6 / 'export.bin'}?instrument=sheet-real") as source:
        assert source.instrument.sample_rate_hz == 500e6
        assert source.instrument.digitizer.bits == 14
        assert [channel.volts_per_count for channel in source.instrument.channels] == [1 / 8192] * 4
        samples = samples_of(play(source))
    stored = np.fromfile(SBENCH6 / "export.bin", "<i2").reshape(-1, 4)
    assert samples.shape == (16384, 4)
    assert np.array_equal(samples, stored)


def test_an_export_of_digital_lines_is_refused() -> None:
    with pytest.raises(TraceError, match="digital channels only"):
        open_foreign("sbench6", str(SBENCH6 / "export_dig.bin"))


def test_a_cut_or_headerless_export_is_refused(tmp_path: Path) -> None:
    (tmp_path / "export.bin").write_bytes((SBENCH6 / "export.bin").read_bytes()[:-8])
    with pytest.raises(TraceError, match="has no header beside it"):
        open_foreign("sbench6", str(tmp_path / "export.bin"))
    header = tmp_path / "export_binheader.txt"
    shutil.copyfile(SBENCH6 / "export_binheader.txt", header)
    with pytest.raises(TraceError, match="cut short: 16384 samples are announced and 16383 are there"):
        open_foreign("sbench6", str(header))
    header.write_text("NumAChannels = 4\nResolution = many\n")
    with pytest.raises(TraceError, match="states no Resolution"):
        open_foreign("sbench6", str(header))


@pytest.mark.parametrize("name", ["pulse.trc", "pulse_sequence.trc", "issue_1.trc"])
@pytest.mark.filterwarnings("ignore:Signal was clipped")
def test_lecroy_volts_are_those_of_an_independent_reader(name: str) -> None:
    lecroyutils = pytest.importorskip("lecroyutils.data")
    expected = lecroyutils.LecroyScopeData.parse_file(str(LECROY / name))
    assert guess_url(str(LECROY / name)).startswith("lecroy:")
    foreign = open_foreign("lecroy", str(LECROY / name))
    contents = foreign.contents
    counts = foreign.read(0, contents.n_samples)[:, 0].astype(np.float64)
    foreign.close()
    channel = contents.channels[0]
    assert channel.volts_per_count is not None
    volts = counts * channel.volts_per_count + channel.volts_offset
    assert np.allclose(volts, np.asarray(expected.y).T.ravel(), rtol=1e-6, atol=1e-6 * np.ptp(volts))
    assert contents.sample_rate_hz == pytest.approx(float(expected.fs), rel=1e-6)
    starts_s = np.array([segment.first_sample for segment in contents.segments]) / contents.sample_rate_hz
    if expected.is_sequence:
        times = np.asarray(expected.trigger_times) + np.asarray(expected.trigger_offsets)
        assert len(contents.segments) == 20
        assert np.allclose(starts_s, times - times[0], atol=1 / contents.sample_rate_hz, rtol=1e-6)
    else:
        assert starts_s.tolist() == [0.0]


def test_a_lecroy_header_without_samples_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TraceError, match="is a header without samples"):
        open_foreign("lecroy", str(LECROY / "header.trc"))
    whole = (LECROY / "pulse.trc").read_bytes()
    for length, sentence in [(200, "ends within its header"), (len(whole) - 20, "cut short"), (30, "no LeCroy")]:
        (tmp_path / "cut.trc").write_bytes(whole[:length])
        with pytest.raises(TraceError, match=sentence):
            open_foreign("lecroy", str(tmp_path / "cut.trc"))


def _wavedump_events(path: Path) -> list[tuple[int, int, np.ndarray]]:
    """Count, time tag and samples of every whole record, the slow way."""
    data, place, events = path.read_bytes(), 0, []
    while place + 24 <= len(data):
        size, _, _, _, count, tag = struct.unpack_from("<6I", data, place)
        if place + size > len(data):
            break
        events.append((count, tag, np.frombuffer(data, "<u2", (size - 24) // 2, place + 24)))
        place += size
    return events


def test_wavedump_channels_of_a_coincidence_come_together() -> None:
    folder = SIPM / "coincidence"
    for name in ("wave0.dat", "wave1.dat"):
        assert guess_url(str(folder / name)).startswith("wavedump:")
        with open_source(f"wavedump:{folder / name}?instrument=sheet-ci") as source:
            assert source.instrument.sample_rate_hz == 1e9
            assert source.instrument.digitizer.bits == 10
            blocks = play(source)
        samples = samples_of(blocks)
        for column, channel in enumerate(("wave0.dat", "wave1.dat")):
            events = _wavedump_events(folder / channel)
            expected = np.concatenate([event[2] for event in events]).astype(np.int64) - 512
            assert np.array_equal(samples[:, column], expected)
    tags = np.array([event[1] & 0x7FFFFFFF for event in events], np.int64)
    ticks = 8 * (tags - tags[0] + (1 << 31) * np.concatenate([[0], np.cumsum(np.diff(tags) < 0)]))
    starts = [block.first_sample for block in blocks if block.first_sample == 0 or block.lost_before]
    assert np.abs(np.array(starts) - ticks).max() <= 8


@pytest.mark.parametrize(
    ("path", "rate_hz", "bits", "left_out"),
    [(HPGE / "wave0.dat", 250e6, 12, 0), (SIPM / "2006272158" / "wave0.dat", 1e9, 10, 812)],
)
def test_wavedump_files_are_read_to_their_last_whole_record(
    path: Path, rate_hz: float, bits: int, left_out: int
) -> None:
    foreign = open_foreign("wavedump", str(path))
    contents, events = foreign.contents, _wavedump_events(path)
    samples = foreign.read(0, contents.n_samples)
    middle = foreign.read(1234, 30_000)
    foreign.close()
    assert (contents.sample_rate_hz, contents.bits, len(contents.segments)) == (rate_hz, bits, len(events))
    expected = np.concatenate([event[2] for event in events]).astype(np.int64) - (1 << (bits - 1))
    assert np.array_equal(samples[:, 0], expected)
    assert np.array_equal(middle, samples[1234:31_234])
    assert (f"{left_out} bytes" in contents.description) == bool(left_out)


def test_wavedump_needs_to_know_the_digitizer_and_triggers_that_match(tmp_path: Path) -> None:
    for name in ("wave0.dat", "wave1.dat"):
        shutil.copyfile(SIPM / "coincidence" / name, tmp_path / name)
    place = str(tmp_path / "wave0.dat")
    with pytest.raises(ConfigError, match=r"add \?model=N"):
        open_foreign("wavedump", place)
    with pytest.raises(ConfigError, match="no digitizer model '9'"):
        open_foreign("wavedump", place, model="9")
    foreign = open_foreign("wavedump", place, sample_rate_hz="5e8", bits="10")
    assert foreign.contents.sample_rate_hz == 5e8
    foreign.close()
    data = bytearray((tmp_path / "wave1.dat").read_bytes())
    data[20] ^= 1
    (tmp_path / "wave1.dat").write_bytes(data)
    with pytest.raises(TraceError, match="hold different triggers"):
        open_foreign("wavedump", place, model=751)
    (tmp_path / "wave1.dat").write_bytes(b"1\n2\n3\n" * 10)
    with pytest.raises(TraceError, match="no WaveDump record with headers"):
        open_foreign("wavedump", place, model=751)


@pytest.mark.parametrize(
    ("path", "samples", "channels"),
    [
        (SBENCH6 / "export.bin", 16384, 4),
        (LECROY / "issue_1.trc", 100_002, 1),
        (SIPM / "coincidence" / "wave1.dat", 41 * 6006, 2),
    ],
)
def test_a_real_file_is_inspected_without_an_instrument(path: Path, samples: int, channels: int) -> None:
    report = inspect_foreign(str(path))
    assert report is not None
    assert (report.samples, len(report.channels)) == (samples, channels)
    assert all(channel.lowest_counts < channel.highest_counts for channel in report.channels)
    assert inspect_foreign(f"{guess_url(str(path))}?instrument=sheet-real") is None
    with pytest.raises(ConfigError, match="does not say which instrument recorded it"):
        open_source(guess_url(str(path)))
