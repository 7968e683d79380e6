"""Recordings in the allowed folders are offered, and nothing else that lies there or elsewhere."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest

from acquisition.block import Block
from acquisition.errors import ConfigError
from acquisition.offers import Offer, offering, source_kinds
from acquisition.origin import Origin
from acquisition.presets import instrument_preset
from acquisition.source import open_source
from acquisition.trace_files import LEAST_FILE_BYTES, TraceFiles
from service.api.sources import checked_request
from service.recordings import Recordings
from service.run import RunRequest

INSTRUMENT = instrument_preset("sheet-ci")


def record(path: Path, samples: int = 1000, file_bytes: int = 1 << 40) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    files = TraceFiles(path, INSTRUMENT, origin=Origin.SIMULATED, description="blood", file_bytes=file_bytes)
    files.append(Block(np.zeros((samples, 2), np.int16), first_sample=0))
    files.close()


def test_recordings_are_found_once_and_can_be_opened(tmp_path: Path) -> None:
    record(tmp_path / "a b.h5")
    record(tmp_path / "deep" / "cut.h5", samples=LEAST_FILE_BYTES, file_bytes=LEAST_FILE_BYTES)
    assert (tmp_path / "deep" / "cut-0002.h5").is_file()
    record(tmp_path / "runs" / "1" / "trace-0001.h5")
    with h5py.File(tmp_path / "runs" / "1" / "images-0000.h5", "w") as images:
        images.attrs["format"] = "lightline-images/1"
    (tmp_path / "runs" / "1" / "run.json").write_text("{}")
    (tmp_path / "notes.txt").write_text("not a recording")
    (tmp_path / "broken.h5").write_bytes(b"\x89HDF\r\n\x1a\n")
    (tmp_path / "link.h5").symlink_to("/etc/passwd")
    found = Recordings([tmp_path, tmp_path / "deep"]).find()
    places = {one.description for one in found}
    assert len(found) == 3 and "a b.h5: blood" in places and "runs/1/trace-0001.h5: blood" in places
    for one in found:
        request = checked_request(RunRequest(source=one.url), [tmp_path])
        with open_source(request.source) as source:
            assert source.instrument == INSTRUMENT


def test_a_recording_that_changed_is_looked_at_again(tmp_path: Path) -> None:
    recordings = Recordings([tmp_path])
    assert recordings.find() == []
    (tmp_path / "samples.bin").write_bytes(bytes(64))
    assert recordings.find() == []
    (tmp_path / "wave0.dat").write_bytes(bytes(64))
    assert [one.url.partition(":")[0] for one in recordings.find()] == ["wavedump"]
    (tmp_path / "wave0.dat").unlink()
    assert recordings.find() == []


def test_what_a_package_has_by_name_is_offered_and_may_be_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kinds = {kind.scheme: kind for kind in source_kinds()}
    assert {offer.url for offer in kinds["sim"].offers} >= {"sim:sheet-ci", "sim:stretch-ci"}
    assert kinds["tcp"].offers == () and all(kind.description for kind in kinds.values())

    @offering(lambda: [Offer("rig:left", "The left one")])
    def open_rig(path: str) -> None:
        """Open a rig."""

    class Point:
        def __init__(self, name: str) -> None:
            self.name = name

        def load(self) -> object:
            if self.name == "gone":
                raise ImportError("no module named gone")
            return open_rig

    monkeypatch.setattr("acquisition.offers.entry_points", lambda group: [Point("rig"), Point("gone")])
    source_kinds.cache_clear()
    try:
        gone, rig = source_kinds()
        assert (rig.description, [offer.url for offer in rig.offers]) == ("Open a rig.", ["rig:left"])
        assert "gone" in gone.description and gone.offers == ()
        asked = RunRequest(source="rig:left?speed=2")
        assert checked_request(asked, [tmp_path]).source == "rig:left?speed=2"
        with pytest.raises(ConfigError, match="rig:left"):
            checked_request(RunRequest(source="rig:../../etc"), [tmp_path])
    finally:
        source_kinds.cache_clear()
