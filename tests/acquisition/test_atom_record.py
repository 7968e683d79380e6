"""The public ATOM record opens as what it is: real droplets, one 8-bit channel at 5 GS/s."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
from trace_samples import ATOM_RECORD, play, samples_of

from acquisition.errors import TraceError
from acquisition.instrument import TimeStretch
from acquisition.origin import Origin
from acquisition.presets import instrument_preset
from acquisition.source import open_source

ATTRIBUTES = {"pulse_interval": 275, "shear_factor": -0.5195, "horizontal_scaling_factor": 55.0}


def _record(path: Path, samples: np.ndarray, **attributes: object) -> str:
    with h5py.File(path, "w") as file:
        file["raw"] = samples
        file.attrs.update({**ATTRIBUTES, **attributes})
    return f"atom:{path}"


@pytest.fixture
def real_url() -> str:
    if not ATOM_RECORD.parents[1].is_dir():
        pytest.skip("the folder shared/data with the real record is not beside this checkout")
    return f"atom:{ATOM_RECORD}"


def test_the_real_record_is_the_preset_instrument_with_its_samples(real_url: str) -> None:
    with open_source(real_url) as source:
        assert source.instrument == instrument_preset("atom-real")
        assert source.origin is Origin.MEASURED
        assert source.total_samples == 275_000
        blocks = play(source)
        assert source.truth() is None
    with h5py.File(ATOM_RECORD, "r") as file:
        raw = file["raw"][:]
    samples = samples_of(blocks)
    assert samples.dtype == np.int8
    assert np.array_equal(samples[:, 0], np.minimum(raw, 127))
    clipped = sum(int(block.clipped[0]) for block in blocks if block.clipped is not None)
    assert clipped == np.count_nonzero(raw >= 127)
    assert clipped / len(raw) == pytest.approx(0.0024, abs=0.0001)


def test_a_record_of_another_laser_keeps_its_own_line_rate(tmp_path: Path) -> None:
    url = _record(tmp_path / "a.hdf5", np.zeros(5000, np.int16), pulse_interval=400, shear_factor=0.25)
    with open_source(url) as source:
        optics = source.instrument.optics
    assert isinstance(optics, TimeStretch)
    assert optics.line_rate_hz == pytest.approx(5e9 / 399.75)
    assert optics.um_per_sample == pytest.approx(55 * 0.3 / (5e9 / 399.75) * 1e6)


@pytest.mark.parametrize(
    ("attributes", "sentence"),
    [
        ({"pulse_interval": "often"}, "'pulse_interval' of .* must be a finite number"),
        ({"pulse_interval": 1e9}, "states 1e\\+09 samples per line"),
        ({"horizontal_scaling_factor": -1.0}, "which cannot be"),
    ],
)
def test_attributes_that_make_no_sense_are_named(tmp_path: Path, attributes: dict[str, object], sentence: str) -> None:
    with pytest.raises(TraceError, match=sentence):
        open_source(_record(tmp_path / "a.hdf5", np.zeros(5000, np.int16), **attributes))


@pytest.mark.parametrize("samples", [np.zeros((10, 2), np.int16), np.zeros(5000), np.zeros(0, np.int16)])
def test_samples_of_another_shape_or_type_are_refused(tmp_path: Path, samples: np.ndarray) -> None:
    with pytest.raises(TraceError, match="must be one row of integers"):
        open_source(_record(tmp_path / "a.hdf5", samples))


def test_samples_beyond_eight_bits_are_refused_not_folded(tmp_path: Path) -> None:
    samples = np.zeros(5000, np.int16)
    samples[4000] = 300
    with (
        open_source(_record(tmp_path / "a.hdf5", samples)) as source,
        pytest.raises(TraceError, match="from 0 to 300, beyond 8 bits"),
    ):
        play(source)


def test_other_files_are_refused_in_a_sentence(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = np.arange(3)
    (tmp_path / "text.h5").write_text("no samples")
    for name, sentence in [("other.h5", "has no dataset 'raw'"), ("text.h5", "not HDF5"), ("no.h5", "no file")]:
        with pytest.raises(TraceError, match=sentence):
            open_source(f"atom:{tmp_path / name}")
