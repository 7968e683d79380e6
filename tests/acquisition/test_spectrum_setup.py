"""A Spectrum card is set up as its instrument says, or refused in one sentence that says what to change."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from inspect import signature
from pathlib import Path

import pytest
from spectrum_card import DEVICE, Card, compiled_driver, instrument_of, loaded_driver, opened

from acquisition.errors import ConfigError, DeviceLost, SourceError
from acquisition.instrument import Instrument
from acquisition.presets import instrument_preset
from acquisition.source import open_source
from acquisition.spectrum import open_spectrum
from acquisition.spectrum.driver import load_package


@pytest.fixture
def card(tmp_path_factory: pytest.TempPathFactory) -> Card:
    return Card(loaded_driver(tmp_path_factory.getbasetemp()))


def register(name: str) -> int:
    """Value of a register of the card; opening the stand-in a second time changes nothing."""
    package = load_package()
    value = package.int64(0)
    handle = package.spcm_hOpen(package.create_string_buffer(DEVICE.encode()))
    package.spcm_dwGetParam_i64(handle, getattr(package, name), package.byref(value))
    return int(value.value)


def test_registers_say_what_the_instrument_and_the_options_say(card: Card) -> None:
    options = "range_mv=500,2000&inputs=1,3&coupling=ac&termination=50&clock=reference&reference_hz=10000000"
    with opened(16, f"{options}&trigger=external&trigger_mv=-250") as source:
        assert register("SPC_CHENABLE") == 0b1010
        assert register("SPC_SAMPLERATE") == 5_000_000
        assert (register("SPC_AMP1"), register("SPC_AMP3")) == (500, 2000)
        assert (register("SPC_ACDC1"), register("SPC_50OHM3")) == (1, 1)
        assert register("SPC_CLOCKMODE") == 0x20 and register("SPC_REFERENCECLOCK") == 10_000_000
        assert register("SPC_TRIG_ORMASK") == 2 and register("SPC_TRIG_EXT0_LEVEL0") == -250
        assert register("SPC_CARDMODE") == 0x10 and register("SPC_LOOPS") == 0
        volts = [channel.volts_per_count for channel in source.instrument.channels]
    assert volts == pytest.approx([0.5 / 32767, 2.0 / 32767])


def test_volts_fit_samples_that_the_card_shortens(card: Card) -> None:
    card.bits, card.conversions = 16, 0x200
    with opened(8, "range_mv=1000") as source:
        assert source.instrument.channels[0].volts_per_count == pytest.approx(1.0 / 127.996, rel=1e-4)


def test_an_instrument_file_or_preset_names_the_instrument(card: Card, tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text(instrument_of(16).to_json())
    with open_source(f"spcm:{DEVICE}?instrument={file}") as source:
        assert source.instrument.name == "sheet-ci"
    with open_source(f"spcm:{DEVICE}?instrument=sheet-real") as source:
        assert len(source.instrument.channels) == 4


def test_time_stretch_at_five_gigasamples_fits(card: Card) -> None:
    card.bits, card.inputs, card.most_hz = 8, 4, 5_000_000_000
    for preset in ("atom-real", "atom-4g"):
        with open_source(f"spcm:{DEVICE}?instrument={preset}&buffer=64M&notify=8M") as source:
            source.start()
            assert source.read().n_samples == 8 << 20


THREE = instrument_preset("sheet-real").model_copy(update={"channels": instrument_preset("sheet-real").channels[:3]})


@pytest.mark.parametrize(
    ("settings", "query", "instrument", "sentence"),
    [
        ({"bits": 14}, "", instrument_of(16), "gives 14 bits.*set digitizer.bits to 14"),
        ({"bits": 12}, "", instrument_of(8), "gives 12 bits"),
        ({}, "", instrument_of(16, sample_rate_hz=500e6), "samples at 0.001 to 125 MHz"),
        ({"rate_step_hz": 3_000_000}, "", instrument_of(16), "sample_rate_hz to 3000000"),
        ({"inputs": 1}, "", instrument_of(16), "inputs 0 to 0, but input 1"),
        ({}, "", THREE, "1, 2, 4, 8 or 16 channels"),
        ({"clock_modes": 1}, "clock=external", instrument_of(16), "no clock mode 'external'"),
        ({}, "range_mv=20000", instrument_of(16), "refuses this set-up.*0x0101"),
        ({}, "range_mv=1,2,3", instrument_of(16), "3 ranges for 2 channels"),
        ({}, "inputs=3", instrument_of(16), "names 1 inputs for the 2 channels"),
        ({}, "inputs=1,0", instrument_of(16), "must ascend"),
        ({}, "notify=5000", instrument_of(16), "power of two"),
        ({}, "notify=many", instrument_of(16), "notify=many must be a whole number"),
        ({}, "notify=64K&buffer=100K", instrument_of(16), "multiple of notify"),
        ({}, "clock=sundial", instrument_of(16), "clock=sundial must be one of internal, reference, external"),
        ({}, "speed=2", instrument_of(16), "pace"),
        ({}, "colour=red", instrument_of(16), "no option 'colour'"),
        ({}, "instrument=nothing", None, "no instrument preset 'nothing'"),
        ({}, "instrument=nothing.json", None, "cannot be read"),
        ({}, "", None, "Say which instrument"),
    ],
)
def test_what_cannot_be_is_refused_in_one_sentence(
    card: Card, settings: dict[str, int], query: str, instrument: Instrument | None, sentence: str
) -> None:
    for name, value in settings.items():
        setattr(card, name, value)
    with pytest.raises(ConfigError, match=sentence) as refusal:
        open_source(f"spcm:{DEVICE}?{query}", instrument=instrument)
    assert "\n" not in str(refusal.value)
    assert card.opens_seen == card.closes_seen


def test_a_clock_that_is_not_there_is_said_at_the_start_and_can_be_mended(card: Card) -> None:
    card.clock_unlocked = 1
    with opened(16, "clock=external") as source:
        with pytest.raises(ConfigError, match="check its clock"):
            source.start()
        with pytest.raises(SourceError):
            source.read(0.0)
        card.clock_unlocked = 0
        source.start()
        assert source.read().epoch == 0


def test_a_card_that_vanished_before_the_start_is_lost(card: Card) -> None:
    with opened() as source:
        card.gone_now = 1
        with pytest.raises(DeviceLost, match="open it again"):
            source.start()
        with pytest.raises(DeviceLost):
            source.start()


def test_a_card_that_is_not_there(card: Card) -> None:
    card.present = 0
    with pytest.raises(DeviceLost, match="no Spectrum card that answers at /dev/spcm0"):
        opened()


OPEN = "from acquisition.source import open_source; open_source('spcm:/dev/spcm0?instrument=sheet-real')"


def run_apart(code: str, folder: Path) -> subprocess.CompletedProcess[str]:
    root = Path(__file__).parents[2]
    environment = {**os.environ, "LD_LIBRARY_PATH": str(folder), "PYTHONPATH": str(root)}
    environment.pop("SPCM_NO_DLL", None)
    return subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60)


def test_without_a_driver_a_sentence_says_what_to_install(tmp_path: Path) -> None:
    if find_spec("spcm_core") is None:
        pytest.skip("the extra 'spectrum' is not installed")
    ended = run_apart(OPEN, tmp_path)
    if ended.returncode == 0 or "DeviceLost" in ended.stderr:
        pytest.skip("the vendor's driver is installed here")
    assert "ConfigError: The package 'spcm' found no driver it can use" in ended.stderr


def test_without_the_package_a_sentence_names_the_extra(tmp_path: Path) -> None:
    hidden = "import sys; sys.modules['spcm'] = None; " + OPEN
    assert "the extra 'spectrum'" in run_apart(hidden, tmp_path).stderr


def test_the_package_is_loaded_only_for_a_card(tmp_path: Path) -> None:
    code = "import sys, acquisition.spectrum; print('spcm' in sys.modules)"
    assert run_apart(code, tmp_path).stdout.strip() == "False"


def test_the_driver_is_found_on_the_library_path(card: Card, tmp_path: Path) -> None:
    compiled_driver(tmp_path)
    code = (
        "import ctypes; ctypes.CDLL('libspcm_linux.so').standin_reset()\n"
        + OPEN.replace("open_source('", "source = open_source('")
        + "\nsource.start(); print(source.read().data[:3, 0].tolist()); source.close()"
    )
    assert run_apart(code, tmp_path).stdout.strip() == "[-32768, -32767, -32766]"


def test_the_page_does_what_it_says(card: Card, capsys: pytest.CaptureFixture[str]) -> None:
    page = (Path(__file__).parents[2] / "docs" / "digitizers.md").read_text(encoding="utf-8")
    code = page.partition("```python\n")[2].partition("```")[0]
    exec(compile(code, "docs/digitizers.md", "exec"), {})
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "sheet-real on Spectrum M2p.5943-x4 sn 01234 at /dev/spcm0"
    assert lines[1] == "0 (131072, 4) int16 0.0"
    options = signature(open_spectrum).parameters.keys() - {"path", "speed", "reference_hz", "trigger_mv"}
    table = page.partition("| option |")[2].partition("\n\n")[0]
    assert options <= set(re.findall(r"`(\w+)`", table))
