"""A simulated stream depends on its seed alone: not on blocks, threads, or how often it is played."""

import math
from itertools import islice

import numpy as np
import pytest

from acquisition.errors import ConfigError, EndOfStream, SourceTimeout
from acquisition.source import blocks, open_source
from simulator.arrivals import passings
from simulator.cells.sample import parse_sample
from simulator.presets import setup_preset
from simulator.rendering import FRAME_SAMPLES, flow_span_um
from simulator.source import Scenario, Simulation


def read_all(url: str) -> tuple[np.ndarray, dict]:
    with open_source(url) as source:
        parts = [block.data.copy() for block in blocks(source)]
        return np.concatenate(parts), dict(source.truth())


def same_truth(one: dict, other: dict) -> None:
    assert one.keys() == other.keys()
    for name, column in one.items():
        np.testing.assert_array_equal(column, other[name], err_msg=name)


@pytest.mark.parametrize("preset", ["sheet-ci", "stretch-ci"])
def test_any_number_of_threads_gives_the_same_bytes(preset):
    url = f"sim:{preset}?seconds=0.06&rate=200&seed=4&flow.debris_per_cell=2&flow.doublets=0.3"
    samples, truth = read_all(url)
    threaded, same = read_all(url + "&threads=3&block_samples=3001")
    np.testing.assert_array_equal(samples, threaded)
    same_truth(truth, same)
    assert not np.array_equal(samples, read_all(url.replace("seed=4", "seed=5"))[0])


def test_debris_and_bubbles_come_beside_the_cells_and_do_not_change_them():
    setup = setup_preset("sheet-ci")
    clean = list(islice(passings(setup, parse_sample("wbc"), 3), 200))
    dirty = list(islice(passings(setup.changed({"flow.debris_per_cell": 5}), parse_sample("wbc"), 3), 1200))
    cells = [passing for passing in dirty if passing.is_cell]
    assert [c.tick for c in cells[:150]] == [c.tick for c in clean[:150]]
    assert [c.speed_m_s for c in cells[:150]] == [c.speed_m_s for c in clean[:150]]
    assert (len(dirty) - len(cells)) / len(cells) == pytest.approx(5.0, rel=0.2)
    assert [passing.index for passing in dirty] == list(range(1, 1201))


def test_doublets_come_as_often_as_asked():
    setup = setup_preset("sheet-ci").changed({"flow.doublets": 0.25})
    kinds = [p.arrival().specimen.kind for p in islice(passings(setup, parse_sample("lymphocyte"), 3), 160)]
    assert kinds.count("doublet") == pytest.approx(40, abs=3.5 * math.sqrt(160 * 0.25 * 0.75))


def test_speeds_spread_and_drift_as_asked():
    changes = {"flow.speed_cv": 0.03, "flow.speed_drift": 0.1, "flow.speed_drift_s": 10.0, "flow.cells_per_s": 100}
    setup = setup_preset("sheet-ci").changed(changes)
    found = list(islice(passings(setup, parse_sample("wbc"), 3), 4000))
    time_s = np.array([p.tick for p in found]) / setup.instrument.sample_rate_hz
    relative = np.array([p.speed_m_s for p in found]) / setup.instrument.flow_speed_m_s
    drift = 0.1 * np.sin(2 * np.pi * time_s / 10.0)
    assert np.std(relative - 1 - drift) == pytest.approx(0.03, rel=0.05)
    assert np.corrcoef(relative, drift)[0, 1] > 0.9


@pytest.mark.parametrize("rate", [50.0, 200.0])
def test_the_share_of_cells_alone_in_their_window_is_that_of_poisson_arrivals(rate):
    """Specification A.8: exp(-2 lambda W)."""
    setup = setup_preset("sheet-ci").changed({"flow.cells_per_s": rate})
    window_s = 2.1e-3
    ticks = np.array([p.tick for p in islice(passings(setup, parse_sample("wbc"), 9), 20_000)])
    gaps_s = np.diff(ticks) / setup.instrument.sample_rate_hz
    alone = np.mean((gaps_s[:-1] > window_s) & (gaps_s[1:] > window_s))
    expected = math.exp(-2 * rate * window_s)
    # Neighbours share a gap, so the mean of the flags varies up to twice as much as that of independent ones.
    assert alone == pytest.approx(expected, abs=3 * 2 * math.sqrt(expected * (1 - expected) / gaps_s.size))


def test_truth_says_what_was_drawn_and_only_what_has_passed():
    samples, truth = read_all("sim:sheet-ci?seconds=0.5&seed=3&sample=hek-gr:dex=0.5&flow.debris_per_cell=1")
    assert truth["tick"].max() < samples.shape[0]
    cells = truth["is_cell"]
    assert set(truth["kind"][cells]) <= {b"hek-gr-dex", b"hek-gr-untreated"}
    assert set(truth["kind"][~cells]) == {b"debris"}
    assert np.isfinite(truth["translocation"][cells]).all()


LOOP = "sim:stretch-ci?loop=0.02&rate=300&seed=4&clock.jitter_s=1e-9&laser.ripple.0=10"


def test_a_loop_repeats_without_a_seam_and_says_so():
    setup = setup_preset("stretch-ci").changed({"flow.cells_per_s": 300.0, "loop_s": 0.02})
    turn = 2_000_000
    with Simulation(Scenario(setup, parse_sample("wbc"), 4)) as source:
        assert "looping 0.02 s" in source.description
        found, ticks = [], 0
        for block in blocks(source):
            assert block.first_sample == ticks
            ticks = block.end_sample
            found.append(block.data)
            if ticks > 2.5 * turn:
                break
        truth = source.truth()
    samples = np.concatenate(found)
    np.testing.assert_array_equal(samples[:turn], samples[turn : 2 * turn])
    per_turn = np.bincount(truth["turn"])
    assert per_turn[0] == per_turn[1] > 0
    np.testing.assert_allclose(truth["tick"][truth["turn"] == 1] - truth["tick"][truth["turn"] == 0], turn)
    assert truth["cell"].tolist() == list(range(1, len(truth["cell"]) + 1))
    # The seam lies within a line like any other: no step in the energy of the lines about it.
    period = turn / round(turn / (100e6 / 290e3 / (1 + 12e-6)))
    lines = np.add.reduceat(samples[: 2 * turn, 0].astype(float), (np.arange(0, 2 * turn - 400, period)).astype(int))
    middle = round(turn / period)
    about = lines[middle - 3 : middle + 3]
    assert np.abs(about - np.median(lines)).max() < 6 * np.std(lines)


def test_a_loop_has_the_same_bytes_on_any_number_of_threads():
    url = "sim:sheet-ci?loop=0.05&rate=100&seed=4&seconds=0.08"
    samples, truth = read_all(url)
    threaded, same = read_all(url + "&threads=2&block_samples=999")
    np.testing.assert_array_equal(samples, threaded)
    same_truth(truth, same)


def test_a_loop_ends_after_as_many_cells_as_were_asked_for():
    samples, truth = read_all("sim:sheet-ci?loop=0.1&rate=60&seed=4&cells=9")
    cells = int(truth["is_cell"].sum())
    assert cells >= 9
    assert truth["tick"][truth["is_cell"]][8] < samples.shape[0]


def test_clipped_samples_of_a_loop_are_counted_block_by_block():
    setup = setup_preset("stretch-ci").changed({"loop_s": 0.02, "detectors.0.counts_per_photoelectron": 150 / 2e5})
    with Simulation(Scenario(setup, parse_sample("wbc"), 4), block_samples=700_001) as source:
        for block in islice(blocks(source), 6):
            digitizer = source.instrument.digitizer
            expected = np.count_nonzero((block.data <= digitizer.lowest) | (block.data >= digitizer.highest))
            assert block.clipped.tolist() == [expected] != [0]


def test_the_making_of_a_loop_can_be_stopped():
    with open_source("sim:sheet-ci?loop=20&seed=4") as source:
        source.start()
        with pytest.raises(SourceTimeout, match="still being made"):
            source.read(0.05)
        source.stop()
        with pytest.raises(EndOfStream):
            source.read(0.05)


@pytest.mark.parametrize(
    ("loop", "sentence"),
    [("0.001", "shorter than a cell's passage"), ("900", "does not fit into memory"), ("x", "loop must be")],
)
def test_impossible_loops_are_refused(loop, sentence):
    with pytest.raises(ConfigError, match=sentence):
        open_source(f"sim:sheet-ci?loop={loop}")


def test_nothing_reaches_further_than_frames_are_prepared_for():
    setup = setup_preset("sheet-ci")
    first_um, last_um = flow_span_um(setup)
    assert first_um < setup.instrument.light_sheet.mask.y_um[0] - 40
    assert last_um > setup.instrument.light_sheet.mask.y_um[-1] + 40
    assert FRAME_SAMPLES == 65_536


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ("flow.debris=3", "no setting 'flow.debris'"),
        ("flow.debris_per_cell=-1", "flow.debris_per_cell is not valid"),
        ("flow.speed_cv=fast", "flow.speed_cv is not valid"),
        ("detectors.7.stray=1", "no setting 'detectors.7.stray'"),
        ("level=L7", "no image level 'L7'; use one of L0, L1, L2"),
        ("threads=0", "threads must be a whole number"),
        ("colour=red", "no option 'colour'"),
        ("pixel_um=0.5", "belongs to phantoms"),
    ],
)
def test_every_setting_can_be_changed_by_name_and_is_checked(option, sentence):
    with pytest.raises(ConfigError, match=sentence) as error:
        open_source(f"sim:sheet-ci?{option}")
    assert str(error.value).endswith(".")
    assert "\n" not in str(error.value)


def test_a_bubble_darkens_the_beam_and_drives_the_side_channels_to_their_end():
    url = "sim:sheet-ci?seconds=0.4&seed=5&rate=0.01&flow.bubbles_per_s=10"
    samples, truth = read_all(url)
    assert set(truth["kind"]) == {b"bubble"}
    assert not truth["is_cell"].any()
    instrument = setup_preset("sheet-ci").instrument
    side = samples[:, 1]
    assert np.count_nonzero(side == instrument.digitizer.highest) > 100
    # The dead time of the scan is dark anyway; where the bubble passes the slit, far more is.
    dark = samples[:, 0] < 0.3 * np.median(samples[:, 0])
    tick = int(truth["tick"][0])
    assert dark[tick - 500 : tick + 500].mean() > 3 * dark.mean()
