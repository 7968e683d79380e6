"""A recording can be looked at before it is trusted: samples, background, clock and events on one picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from acquisition.block import Block
from acquisition.errors import ConfigError
from acquisition.inspection import inspect_trace
from acquisition.origin import Origin
from acquisition.presets import instrument_preset
from acquisition.sketch import HEAD_PERIODS, LOOKS, MOST_EVENTS, Sketch
from acquisition.source import blocks, open_source
from acquisition.trace import TraceWriter
from service.cli import main
from service.report.folded_head import fold_head, phases
from service.report.inspection_drawing import draw_inspection


def record(url: str, path: Path, gap: tuple[int, int] | None = None) -> Path:
    """Write a simulation to a trace, without the samples of `gap`."""
    with open_source(url) as source:
        samples = np.concatenate([block.data for block in blocks(source)])
        with TraceWriter(path, source.instrument, origin=source.origin) as writer:
            if gap is None:
                writer.append(Block(samples, 0))
            else:
                writer.append(Block(samples[: gap[0]], 0))
                writer.append(Block(samples[gap[1] :], gap[1], lost_before=gap[1] - gap[0]))
    return path


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    url = "sim:stretch-ci?cells=40&seed=6&rate=400&clock.drift_ppm_per_s=20&flow.debris_per_cell=0"
    return record(url, tmp_path_factory.mktemp("lines") / "lines.h5", gap=(4_000_000, 4_050_000))


@pytest.fixture(scope="module")
def sketched(lines: Path) -> Sketch:
    sketch = Sketch()
    inspect_trace(str(lines), sketch=sketch)
    return sketch


def inspect(*words: object) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["inspect", *map(str, words)], "lightline")
    return int(ended.value.code or 0)


def test_a_sketch_changes_nothing_and_stays_small(lines: Path, sketched: Sketch) -> None:
    assert inspect_trace(str(lines), sketch=Sketch()) == inspect_trace(str(lines))
    assert len(sketched.events) == MOST_EVENTS
    assert 50 < len(sketched.looks) <= LOOKS + 10
    assert sketched.gaps == [4_000_000]
    assert sketched.head.size == pytest.approx(HEAD_PERIODS * 344.83, rel=1e-4)


def test_the_looks_show_how_the_clock_drifts(sketched: Sketch) -> None:
    seconds = np.array([look.done for look in sketched.looks]) / 100e6
    period = np.array([look.clock.period_ticks for look in sketched.looks])
    # The line rate rises by 20 ppm in a second, so that lines get shorter.
    assert np.polyfit(seconds, period / period[0] * 1e6, 1)[0] == pytest.approx(-20, abs=1.5)


def test_the_real_record_lies_still_once_folded_at_its_own_clock(atom_record: Path) -> None:
    sketch = Sketch()
    inspect_trace(str(atom_record), sketch=sketch)
    folded = fold_head(sketch)
    assert folded is not None
    number, late = phases(folded)
    # The droplet's lines are left out; the others stay within a twentieth of a sample over the whole record.
    assert number.size >= 15 and number.max() > 900
    assert np.abs(late).max() < 0.06


@pytest.mark.parametrize("preset", ["sheet-ci", "lines"])
def test_the_command_draws_a_picture_of_any_recording(lines: Path, tmp_path: Path, preset: str) -> None:
    trace = lines if preset == "lines" else record("sim:sheet-ci?cells=4&seed=2&rate=60", tmp_path / "sheet.h5")
    assert inspect(trace, "--draw", tmp_path / "a.png") == 0
    with Image.open(tmp_path / "a.png") as picture:
        assert picture.width >= 1200 and picture.height >= 900
        # More than axes: black samples on the left, events below.
        shown = np.asarray(picture.convert("L"), dtype=float)
    assert shown[: shown.shape[0] // 3].std() > 40
    assert shown[-shown.shape[0] // 5 :].std() > 15


def test_a_recording_with_nothing_in_it_has_a_picture_too(tmp_path: Path) -> None:
    with TraceWriter(tmp_path / "a.h5", instrument_preset("sheet-ci"), origin=Origin.SIMULATED) as writer:
        writer.append(Block(np.zeros((300, 2), np.int16), 0))
    sketch = Sketch()
    inspect_trace(str(tmp_path / "a.h5"), sketch=sketch)
    draw_inspection(sketch, tmp_path / "a.png", "nothing")
    assert (tmp_path / "a.png").stat().st_size > 10_000


def test_what_cannot_be_drawn_is_said_in_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], sketched: Sketch
) -> None:
    with pytest.raises(ConfigError, match=r"a.doc' cannot be written"):
        draw_inspection(sketched, tmp_path / "a.doc", "lines")
    with pytest.raises(ConfigError, match="inspect a recording first"):
        draw_inspection(Sketch(), tmp_path / "a.png", "nothing")
    (tmp_path / "a.bin").write_bytes(np.zeros(4096, np.int16).tobytes())
    (tmp_path / "a.json").write_text('{"dtype": "int16", "n_channels": 1, "sample_rate_hz": 1e6}')
    assert inspect(f"raw:{tmp_path / 'a.bin'}", "--draw", tmp_path / "b.png") == 2
    assert "--instrument" in capsys.readouterr().err
    assert not (tmp_path / "b.png").exists()
