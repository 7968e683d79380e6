"""One simulation or recording in process, in a file and over the network: the same samples and the same truth."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from acquisition.errors import ConfigError, EndOfStream, SourceTimeout
from acquisition.source import Source, open_source, split_url
from service.api.sources import checked_request
from service.cli import main
from service.run import FinishReason, RunRequest
from service.runs.control import RunControl

WORDS = ("--cells", "4", "--seed", "8", "--rate", "80")
QUERY = "cells=4&seed=8&rate=80"


def everything(source: Source) -> tuple[list[tuple[int, int, int]], np.ndarray, dict[str, np.ndarray]]:
    """Places, samples and truth of one start."""
    with source:
        source.start()
        blocks = []
        while True:
            try:
                block = source.read(5.0)
            except SourceTimeout:
                continue
            except EndOfStream:
                break
            blocks.append(block)
        truth = source.truth()
        assert truth is not None
        places = [(block.epoch, block.first_sample, block.lost_before) for block in blocks]
        return places, np.concatenate([block.data for block in blocks]), dict(truth)


def assert_same(one: Source, other: Source, *, places: bool = True) -> None:
    (places_1, samples_1, truth_1), (places_2, samples_2, truth_2) = everything(one), everything(other)
    assert np.array_equal(samples_1, samples_2) and samples_1.dtype == samples_2.dtype
    assert places_1 == places_2 or not places
    assert truth_1.keys() == truth_2.keys() and len(truth_1["cell"]) > 0
    for name, column in truth_1.items():
        both = (column, truth_2[name])
        assert np.array_equal(*both, equal_nan=column.dtype.kind == "f"), name


def lightline(*words: str) -> str:
    done = CliRunner().invoke(main, ["simulate", *words], standalone_mode=False, catch_exceptions=False)
    assert done.return_value in (None, 0), done.output
    return done.output


@contextmanager
def served(*words: str) -> Iterator[str]:
    """`lightline simulate --serve` as a program of its own, ended by Ctrl-C."""
    command = [str(Path(sys.executable).with_name("lightline")), "simulate", *words, "--serve", "tcp://127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=10)
        assert process.returncode == 130 and "Traceback" not in errors, errors


@pytest.mark.parametrize("preset", ["sheet-ci", "stretch-ci"])
def test_a_simulation_is_the_same_all_three_ways(preset: str, tmp_path: Path) -> None:
    out = tmp_path / "cells.h5"
    assert str(out) in lightline(preset, *WORDS, "--out", str(out))
    assert_same(open_source(f"sim:{preset}?{QUERY}"), open_source(str(out)), places=False)
    with served(preset, *WORDS, "--speed", "max") as url:
        assert_same(open_source(f"sim:{preset}?{QUERY}"), open_source(url))


def test_a_recording_with_faults_is_the_same_all_three_ways(tmp_path: Path) -> None:
    recording, faulty = tmp_path / "cells.h5", tmp_path / "faulty.h5"
    lightline("sheet-ci", *WORDS, "--out", str(recording))
    how = ("--fault", "drop:rate=0.05", "--fault", "lose:every=60ms", "--seed", "3", "--block-samples", "10000")
    said = lightline("--replay", str(recording), *how, "--out", str(faulty))
    assert "faults: drop" in said
    url = f"replay:{recording}?fault=drop:rate=0.05,lose:every=60ms&seed=3&block_samples=10000"
    assert_same(open_source(url), open_source(str(faulty)), places=False)
    with served("--replay", str(recording), *how, "--speed", "max") as address:
        assert_same(open_source(url), open_source(address))
        assert_same(open_source(url), open_source(address))


def test_faults_do_not_depend_on_the_pace(tmp_path: Path) -> None:
    recording = tmp_path / "cells.h5"
    lightline("sheet-ci", *WORDS, "--out", str(recording))
    for url in (f"sim:sheet-ci?{QUERY}&fault=drop:rate=0.3,short:rate=0.3", f"replay:{recording}?fault=drop:rate=0.3"):
        assert_same(open_source(url, speed=3), open_source(url))


def test_a_run_takes_a_network_instrument_like_any_other(tmp_path: Path, bundle_file: Path) -> None:
    with served("sheet-ci", *WORDS, "--speed", "max") as url, RunControl(tmp_path) as control:
        started = control.start(RunRequest(source=url, bundle=str(bundle_file)))
        run = control.wait(started.id, 60)
    with RunControl(tmp_path / "in-process") as control:
        started = control.start(RunRequest(source=f"sim:sheet-ci?{QUERY}", bundle=str(bundle_file)))
        same = control.wait(started.id, 60)
    assert run.finish_reason is FinishReason.SOURCE_ENDED and run.error is None and run.ledger.stored > 0
    assert (run.ledger, run.truth, run.origin) == (same.ledger, same.truth, same.origin)


def test_over_http_faults_may_be_asked_for_but_no_other_computer(tmp_path: Path) -> None:
    faulty = "sim:sheet-ci?fault=drop:rate=1e-4,late:every=2s:by=0.3s"
    checked = checked_request(RunRequest(source=faulty), [tmp_path]).source
    assert split_url(checked) == split_url(faulty)
    for source in ("tcp://127.0.0.1:5555", "sim:sheet-ci?phantoms=/etc", f"replay:{tmp_path}/../cells.h5"):
        with pytest.raises(ConfigError, match=r"over HTTP|Over HTTP"):
            checked_request(RunRequest(source=source), [tmp_path])


def test_a_stream_that_overruns_leaves_a_file_with_what_came_before(tmp_path: Path) -> None:
    out = tmp_path / "cut.h5"
    said = lightline("sheet-ci", *WORDS, "--fault", "overrun:at=20ms", "--block-samples", "10000", "--out", str(out))
    assert "ended early: The digitizer overran" in said
    with open_source(str(out)) as source:
        assert source.total_samples == 100_000


def test_a_preview_is_a_picture(tmp_path: Path) -> None:
    out = tmp_path / "cell.png"
    assert "neutrophil" in lightline("sheet-ci", "--sample", "neutrophil", "--preview", str(out))
    assert out.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    "words",
    [
        ("sheet-ci", "--out", "x.h5"),
        ("sheet-ci", "--cells", "1"),
        ("sheet-ci", "--cells", "1", "--out", "x.h5", "--serve", "tcp://127.0.0.1:0"),
        ("sheet-ci", "--cells", "-1", "--out", "x.h5"),
        ("sheet-ci", "--cells", "1", "--rate", "-3", "--out", "x.h5"),
        ("sheet-ci", "--cells", "1", "--sample", "unicorn", "--out", "x.h5"),
        ("sheet-ci", "--cells", "1", "--sample", "lymphocyte:0.5,monocyte:0.1", "--out", "x.h5"),
        ("sheet-ci", "--cells", "1", "--fault", "drop", "--out", "x.h5"),
        ("sheet-ci", "--cells", "1", "--set", "flow.nothing=1", "--out", "x.h5"),
        ("sheet-ci", "--cells", "1", "--set", "nothing", "--out", "x.h5"),
        ("sheet-ci", "--cells", "1", "--speed", "-1", "--out", "x.h5"),
        ("no-preset", "--cells", "1", "--out", "x.h5"),
        ("--replay", "no-file.h5", "--out", "x.h5"),
        ("sheet-ci", "--replay", "no-file.h5", "--out", "x.h5"),
        ("sheet-ci", "--serve", "127.0.0.1"),
        ("sheet-ci", "--cells", "1", "--preview", "x.png"),
        ("--replay", "no-file.h5", "--preview", "x.png"),
        ("sheet-ci", "--sample", "unicorn", "--preview", "x.png"),
        ("sheet-ci", "--preview", "x.nothing"),
    ],
)
def test_nonsense_is_refused_in_one_sentence_before_anything_is_written(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["simulate", *words])
    assert done.exit_code == 2 and done.output.startswith("lightline: ") and done.output.count("\n") == 1, done.output
    assert not list(tmp_path.iterdir())
