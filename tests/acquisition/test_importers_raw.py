"""Raw, SigMF and TDMS files come back sample by sample, with their gaps; damaged ones are refused in a sentence."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from trace_samples import ATOM_RECORD, places, play, ramp, ramp_block, samples_of, small_sheet, write_trace

from acquisition.block import UNKNOWN_LOSS
from acquisition.errors import ConfigError, TraceError
from acquisition.file_kind import guess_url
from acquisition.importers.openers import open_foreign
from acquisition.importers.report import inspect_foreign
from acquisition.importers.sigmf_export import export_sigmf
from acquisition.presets import instrument_preset
from acquisition.source import open_source
from acquisition.testing import CHECKS, REPEATABLE_CHECKS, Check

each_check = pytest.mark.parametrize("check", CHECKS + REPEATABLE_CHECKS, ids=lambda check: check.__name__)

SIDE_CAR: dict[str, Any] = {"dtype": "int16", "n_channels": 2, "sample_rate_hz": 5e6}


def _raw(folder: Path, samples: np.ndarray, before: bytes = b"", after: bytes = b"", **fields: Any) -> str:
    (folder / "a.bin").write_bytes(before + samples.tobytes() + after)
    (folder / "a.json").write_text(json.dumps({**SIDE_CAR, **fields}))
    return str(folder / "a.bin")


@each_check
def test_a_raw_file_is_a_source(tmp_path: Path, check: Check) -> None:
    path = _raw(tmp_path, ramp(small_sheet(), 0, 30_000).astype("<i2"), bits=12, instrument="sheet-ci")
    check(lambda: open_source(f"raw:{path}?block_samples=999"))


@pytest.mark.parametrize("dtype", ["int8", "int16", "uint8", "uint16"])
@pytest.mark.parametrize("as_flag", [False, True])
def test_raw_samples_become_signed_counts(tmp_path: Path, dtype: str, as_flag: bool) -> None:
    info = np.iinfo(dtype)
    stored = np.random.default_rng(1).integers(info.min, info.max, (4000, 2), dtype, endpoint=True)
    said = {"dtype": dtype.removeprefix("u"), "unsigned": dtype.startswith("u")} if as_flag else {"dtype": dtype}
    path = _raw(tmp_path, stored, before=b"head", after=b"\1", offset_bytes=4, first_sample=77, **said)
    assert guess_url(path).startswith("raw:")
    with open_source(f"raw:{path}?instrument=sheet-ci&block_samples=700") as source:
        assert "1 bytes of an incomplete sample left out" in source.description
        blocks = play(source)
    middle = (int(info.min) + int(info.max) + 1) // 2
    assert blocks[0].first_sample == 77
    assert samples_of(blocks).dtype == (np.int8 if info.bits == 8 else np.int16)
    assert np.array_equal(samples_of(blocks), stored.astype(np.int64) - middle)


def test_unsigned_samples_of_twelve_bits_are_centred_and_held_to_their_range(tmp_path: Path) -> None:
    stored = np.array([[0, 2048], [4095, 2047]], "<u2")
    with open_source(f"raw:{_raw(tmp_path, stored, dtype='uint16', bits=12)}?instrument=sheet-ci") as source:
        assert samples_of(play(source)).tolist() == [[-2048, 0], [2047, -1]]
    stored[0, 0] = 4096
    with (
        open_source(f"raw:{_raw(tmp_path, stored, dtype='uint16', bits=12)}?instrument=sheet-ci") as source,
        pytest.raises(TraceError, match="beyond 12 bits"),
    ):
        play(source)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"dtype": "float32"}, "is not valid: dtype"),
        ({"n_channels": 0}, "is not valid: n_channels"),
        ({"sample_rate_hz": -1}, "is not valid: sample_rate_hz"),
        ({"sample_rat": 1}, "is not valid: sample_rat"),
        ({"offset_bytes": 10_000}, "holds no samples"),
        ({"instrument": "sheet-unreal"}, "no instrument preset 'sheet-unreal'"),
    ],
)
def test_a_side_car_that_makes_no_sense_is_named(tmp_path: Path, fields: dict[str, Any], sentence: str) -> None:
    with pytest.raises((TraceError, ConfigError), match=sentence):
        open_foreign("raw", _raw(tmp_path, np.zeros((10, 2), "<i2"), **fields))


def test_a_raw_file_without_a_side_car_says_what_to_write(tmp_path: Path) -> None:
    (tmp_path / "a.bin").write_bytes(bytes(100))
    with pytest.raises(TraceError, match=r"write 'a\.json' with dtype, n_channels and sample_rate_hz"):
        open_source(f"raw:{tmp_path / 'a.bin'}")
    (tmp_path / "a.json").write_text("{")
    with pytest.raises(TraceError, match="is not valid"):
        open_source(f"raw:{tmp_path / 'a.bin'}")


def test_a_damaged_trace_is_not_taken_for_raw_samples(tmp_path: Path) -> None:
    (tmp_path / "trace.h5").write_bytes(bytes(100))
    (tmp_path / "trace.json").write_text(json.dumps(SIDE_CAR))
    assert guess_url(str(tmp_path / "trace.h5")).startswith("file:")


def test_the_instrument_is_named_by_the_user_and_keeps_the_rate_of_the_file(tmp_path: Path) -> None:
    path = _raw(tmp_path, np.zeros((100, 1), "<i1"), dtype="int8", n_channels=1, sample_rate_hz=2.5e9)
    with pytest.raises(ConfigError, match=r"name it with \?instrument="):
        open_source(f"raw:{path}")
    with pytest.raises(ConfigError, match="has 1 channels and the instrument 'sheet-ci' 2"):
        open_source(f"raw:{path}?instrument=sheet-ci")
    with pytest.raises(ConfigError, match=r"'none\.json' cannot be read"):
        open_source(f"raw:{path}?instrument=none.json")
    (tmp_path / "mine.json").write_text(instrument_preset("atom-real").to_json())
    with open_source(f"raw:{path}?instrument={tmp_path / 'mine.json'}") as source:
        assert source.instrument.sample_rate_hz == 2.5e9
        preset, optics = instrument_preset("atom-real").time_stretch, source.instrument.time_stretch
    assert optics.um_per_sample == pytest.approx(2 * preset.um_per_sample)
    assert optics.views[0].width_samples == pytest.approx(preset.views[0].width_samples / 2)


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    instrument = small_sheet()
    blocks = [
        ramp_block(instrument, 100, 20_000),
        ramp_block(instrument, 20_140, 9_000, lost_before=40),
        ramp_block(instrument, 29_150, 500, lost_before=UNKNOWN_LOSS),
        ramp_block(instrument, 0, 9_000, epoch=1),
    ]
    return write_trace(tmp_path / "trace.h5", blocks)


def test_a_trace_comes_back_from_sigmf_with_every_gap_and_epoch(trace: Path, tmp_path: Path) -> None:
    with open_source(f"file:{trace}?block_samples=777") as source:
        done = export_sigmf(source, tmp_path / "copy")
        expected = play(source)
        instrument = source.instrument
    meta = json.loads(done.meta.read_text())
    assert (done.samples, done.captures) == (38_500, 4)
    assert meta["global"]["core:datatype"] == "ri16_le"
    assert meta["global"]["core:sha512"] == hashlib.sha512(done.data.read_bytes()).hexdigest()
    assert [part["core:sample_start"] for part in meta["captures"]] == [0, 20_000, 29_000, 29_500]
    assert [part["core:global_index"] for part in meta["captures"]] == [100, 20_140, 29_150, 29_650]
    for name in (done.meta, done.data):
        assert guess_url(str(name)).startswith("sigmf:")
        with open_source(f"{guess_url(str(name))}?block_samples=5000") as source:
            assert source.instrument == instrument
            copy = play(source)
        assert np.array_equal(samples_of(copy), samples_of(expected))
        assert [(e - copy[0].epoch, t, n) for e, t, n in places(copy)] == [
            (e - expected[0].epoch, t, n) for e, t, n in places(expected)
        ]
    with open_source(f"file:{trace}") as source, pytest.raises(ConfigError, match="is there already"):
        export_sigmf(source, done.meta)


@each_check
def test_an_exported_recording_is_a_source(trace: Path, tmp_path: Path, check: Check) -> None:
    with open_source(f"file:{trace}") as source:
        done = export_sigmf(source, tmp_path / "copy")
    check(lambda: open_source(f"sigmf:{done.meta}?block_samples=1000"))


def test_the_events_of_the_real_droplets_are_annotated(tmp_path: Path) -> None:
    if not ATOM_RECORD.parents[1].is_dir():
        pytest.skip("the folder shared/data with the real record is not beside this checkout")
    with open_source(f"atom:{ATOM_RECORD}") as source:
        done = export_sigmf(source, tmp_path / "droplets")
        expected = samples_of(play(source))
    meta = json.loads(done.meta.read_text())
    assert done.events == len(meta["annotations"]) > 0
    for event in meta["annotations"]:
        assert 0 <= event["core:sample_start"] < event["core:sample_start"] + event["core:sample_count"] <= done.samples
    with open_source(f"sigmf:{done.data}") as source:
        assert np.array_equal(samples_of(play(source)), expected)


def _sigmf(folder: Path, samples: np.ndarray, captures: list[dict[str, Any]], **fields: Any) -> str:
    about = {"core:version": "1.2.0", "core:datatype": "ri8", "core:sample_rate": 5e6, "core:num_channels": 2}
    (folder / "b.sigmf-data").write_bytes(samples.tobytes())
    (folder / "b.sigmf-meta").write_text(
        json.dumps({"global": about | fields, "captures": captures, "annotations": []})
    )
    return str(folder / "b.sigmf-meta")


def test_captures_of_another_program_are_segments_with_gaps(tmp_path: Path) -> None:
    captures: list[dict[str, Any]] = [
        {"core:sample_start": 0, "core:global_index": 1000, "core:header_bytes": 6, "core:datetime": "2026-01-01"},
        {"core:sample_start": 40, "core:global_index": 1050},
        {"core:sample_start": 60},
        {"core:sample_start": 80, "core:global_index": 5},
    ]
    stored = np.random.default_rng(2).integers(0, 255, 6 + 200 + 2, np.uint8)
    path = _sigmf(tmp_path, stored, captures, **{"core:datatype": "ru8", "core:trailing_bytes": 2})
    with open_source(f"sigmf:{path}?instrument=sheet-ci") as source:
        blocks = play(source)
    assert [(b.first_sample, b.n_samples, b.lost_before, b.epoch) for b in blocks] == [
        (1000, 40, 0, 0),
        (1050, 20, 10, 0),
        (1070, 20, 0, 0),
        (5, 20, 0, 1),
    ]
    assert np.array_equal(samples_of(blocks), stored[6:-2].reshape(-1, 2).astype(np.int64) - 128)
    report = inspect_foreign(path)
    assert report is not None
    assert (report.segments, report.epochs, report.samples_lost) == (4, 2, 10)


@pytest.mark.parametrize(
    ("captures", "fields", "sentence"),
    [
        ([], {"core:datatype": "cf32_le"}, "samples of the type 'cf32_le'"),
        ([], {"core:dataset": "../b.sigmf-data"}, "names data in another folder"),
        ([], {"core:dataset": "c.raw"}, "There is no file"),
        ([], {"core:metadata_only": True}, "description without samples"),
        ([], {"core:sample_rate": 0}, "states a sample rate of 0 Hz"),
        ([], {"lightline:instrument": {"name": "x"}}, "'lightline:instrument' of .* cannot be used"),
        ([], {"lightline:origin": "dreamt"}, "'lightline:origin'"),
        ([{"core:sample_start": 9}, {"core:sample_start": 3}], {}, "do not follow each other"),
        ([{"core:sample_start": 999}], {}, "within its 10 samples"),
        ([{"core:sample_start": 0}, {"core:sample_start": 3, "core:header_bytes": 8}], {}, "headers between"),
        ([{"core:sample_start": 0, "core:global_index": -1}], {}, "no valid SigMF: captures.0.core:global_index"),
    ],
)
def test_sigmf_that_cannot_be_read_is_refused(
    tmp_path: Path, captures: list[dict[str, Any]], fields: dict[str, Any], sentence: str
) -> None:
    path = _sigmf(tmp_path, np.zeros(20, np.int8), captures, **fields)
    with pytest.raises(TraceError, match=sentence):
        open_foreign("sigmf", path)


def test_a_tdms_file_comes_back_as_it_was_written(tmp_path: Path) -> None:
    nptdms = pytest.importorskip("nptdms")
    path = tmp_path / "a.tdms"
    samples = np.random.default_rng(3).integers(-3000, 3000, (2, 5000)).astype(np.int16)
    with nptdms.TdmsWriter(path) as writer:
        for part in (samples[:, :2000], samples[:, 2000:]):
            columns = [
                nptdms.ChannelObject("pmt", f"ai{i}", part[i], properties={"wf_increment": 2e-7}) for i in range(2)
            ]
            writer.write_segment(columns)
    assert guess_url(str(path)).startswith("tdms:")
    with open_source(f"tdms:{path}?instrument=sheet-ci&block_samples=1300") as source:
        assert source.instrument.sample_rate_hz == 5e6
        assert np.array_equal(samples_of(play(source)), samples.T)
    (tmp_path / "half.tdms").write_bytes(path.read_bytes()[:-4000])
    with open_source(f"tdms:{tmp_path / 'half.tdms'}?instrument=sheet-ci") as source:
        assert "cut off while it was written" in source.description
        kept = samples_of(play(source))
    assert 2000 <= len(kept) < 5000
    assert np.array_equal(kept, samples.T[: len(kept)])
    with pytest.raises(ConfigError, match="has no group 'x'"):
        open_foreign("tdms", str(path), group="x")
    (tmp_path / "cut.tdms").write_bytes(path.read_bytes()[:50])
    with pytest.raises(TraceError, match=r"cut\.tdms"):
        open_foreign("tdms", str(tmp_path / "cut.tdms"))


def test_tdms_of_volts_or_without_a_rate_is_refused(tmp_path: Path) -> None:
    nptdms = pytest.importorskip("nptdms")
    for name, values, error, sentence in [
        ("volts", np.zeros(10), TraceError, "of the type float64"),
        ("counts", np.zeros(10, np.int16), ConfigError, "does not state its sample rate"),
    ]:
        with nptdms.TdmsWriter(tmp_path / name) as writer:
            writer.write_segment([nptdms.ChannelObject("pmt", "ai0", values)])
        with pytest.raises(error, match=sentence):
            open_foreign("tdms", str(tmp_path / name))
