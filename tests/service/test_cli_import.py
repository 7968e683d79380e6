"""Recordings of other programs are looked at, imported and exported from the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from acquisition.presets import instrument_preset
from acquisition.trace import TraceReader
from service.cli import main

REAL_DATA = Path(__file__).resolve().parents[3] / "shared" / "data"

REAL_FILES = {
    "sbench6/export.bin": ("sheet-real", 16384, 4),
    "sbench6/export_binheader.txt": ("sheet-real", 16384, 4),
    "lecroy_trc/pulse.trc": ("atom-real", 502, 1),
    "lecroy_trc/pulse_sequence.trc": ("atom-real", 20 * 502, 1),
    "lecroy_trc/issue_1.trc": ("stretch-ci", 100_002, 1),
    "wavedump/SiPM/coincidence/wave0.dat": ("sheet-ci", 41 * 6006, 2),
    "wavedump/SiPM/2006272158/wave0.dat": ("stretch-ci", 293 * 406, 1),
    "wavedump/HPGe/WaveDump/wave0.dat": ("stretch-ci", 8 * 10_000, 1),
    "atom_trace/oil_emulsion.hdf5": (None, 275_000, 1),
}


def _lightline(*args: object) -> Result:
    return CliRunner().invoke(main, [str(arg) for arg in args])


def _real(name: str) -> Path:
    if not REAL_DATA.is_dir():
        pytest.skip("the folder shared/data with the real records is not beside this checkout")
    return REAL_DATA / name


@pytest.mark.parametrize("name", REAL_FILES)
def test_every_real_file_is_inspected_and_imported(name: str, tmp_path: Path) -> None:
    path, (preset, samples, channels) = _real(name), REAL_FILES[name]
    looked = _lightline("inspect", path, "--json")
    assert looked.exit_code == 0, looked.output
    report = json.loads(looked.stdout)
    assert (report["samples"], len(report["channels"])) == (samples, channels)
    assert ("events" in report) == (preset is None)
    instrument = [] if preset is None else ["--instrument", preset]
    done = _lightline("import", path, "--out", tmp_path / "trace.h5", *instrument)
    assert done.exit_code == 0, done.output
    assert f"Wrote {samples} samples" in done.stderr
    again = _lightline("inspect", tmp_path / "trace.h5", "--json")
    copied = json.loads(again.stdout)
    assert copied["samples"] == samples
    assert copied["sample_rate_hz"] == report["sample_rate_hz"]
    for ours, theirs in zip(copied["channels"], report["channels"], strict=True):
        for figure in ("lowest_counts", "highest_counts", "mean_counts"):
            assert ours[figure] == pytest.approx(theirs[figure])


def test_what_cannot_be_imported_is_one_sentence(tmp_path: Path) -> None:
    out = tmp_path / "trace.h5"
    for name, sentence in [
        ("lecroy_trc/header.trc", "is a header without samples"),
        ("sbench6/export_dig.bin", "holds digital channels only"),
        ("sbench6/export.bin", "does not say which instrument recorded it"),
    ]:
        done = _lightline("import", _real(name), "--out", out)
        assert done.exit_code == 2
        assert sentence in done.stderr
        assert done.stderr.count("\n") == 1
        assert not out.exists()


def test_a_recording_goes_to_sigmf_and_back(tmp_path: Path) -> None:
    samples = np.random.default_rng(5).integers(-2048, 2047, (60_000, 2)).astype("<i2")
    samples.tofile(tmp_path / "a.bin")
    (tmp_path / "a.json").write_text(
        json.dumps({"dtype": "int16", "n_channels": 2, "sample_rate_hz": 5e6, "bits": 12, "instrument": "sheet-ci"})
    )
    assert _lightline("import", tmp_path / "a.bin", "--out", tmp_path / "a.h5").exit_code == 0
    done = _lightline("export-sigmf", tmp_path / "a.h5", "--out", tmp_path / "b.sigmf-meta")
    assert done.exit_code == 0, done.output
    assert "60000 samples in 1 captures" in done.stderr
    assert _lightline("import", tmp_path / "b.sigmf-meta", "--out", tmp_path / "b.h5").exit_code == 0
    with TraceReader(tmp_path / "b.h5") as trace:
        assert trace.instrument == instrument_preset("sheet-ci")
        assert np.array_equal(trace.read(0, 60_000), samples)
    assert "is there already" in _lightline("import", tmp_path / "a.bin", "--out", tmp_path / "b.h5").stderr
    itself = _lightline("import", tmp_path / "b.h5", "--out", tmp_path / "b.h5", "--force")
    assert "is the recording itself" in itself.stderr
    assert (tmp_path / "b.h5").exists()
    assert "has no end" in _lightline("import", "sim:sheet-ci", "--out", tmp_path / "c.h5").stderr


def test_a_foreign_file_is_shown_as_a_table() -> None:
    shown = _lightline("inspect", _real("sbench6/export.bin"))
    assert "500 MHz" in shown.stdout
    assert "AI-Ch3" in shown.stdout
    known = _lightline("inspect", _real("sbench6/export.bin"), "--instrument", "sheet-real")
    assert "sheet-real" in known.stdout
