"""A run must never be answered by a model that was made for other images."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from acquisition.instrument import ImageGrid, Instrument
from acquisition.presets import instrument_preset
from inference import shipped
from inference.bundle import Bundle
from inference.errors import BundleError
from inference.shipped import check_fits, resolve_bundle, shipped_bundle, shipped_bundles

SHEET = instrument_preset("sheet-ci")
STRETCH = instrument_preset("stretch-ci")


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, toy_bundle: Bundle) -> Path:
    """A folder of shipped bundles with one for the light sheet."""
    monkeypatch.setattr(shipped, "SHIPPED", tmp_path / "bundles")
    toy_bundle.save(tmp_path / "bundles" / "sheet-wbc.bundle")
    return tmp_path


def test_a_bundle_fits_the_instrument_it_was_made_for(toy_bundle: Bundle) -> None:
    check_fits(toy_bundle.contract, SHEET)


def test_the_default_is_chosen_by_the_kind_of_instrument(shelf: Path, toy_bundle: Bundle) -> None:
    assert shipped_bundles() == ["sheet-wbc"]
    assert shipped_bundle(SHEET).name == "sheet-wbc.bundle"
    assert resolve_bundle(None, SHEET).digest == toy_bundle.digest


def test_of_several_for_one_kind_the_default_looks_at_images_that_the_instrument_gives(
    shelf: Path, edited: Callable[..., Bundle], toy_bundle: Bundle
) -> None:
    saliency = toy_bundle.contract.saliency[0].model_dump()
    for name, channel in (("stretch-wbc", "line"), ("atom-wbc", "brightfield")):
        inputs = [{"channel": channel, "shape": (80, 80), "pixel_um": 0.25}]
        edited(inputs=inputs, saliency=[{**saliency, "channel": channel}]).save(shelf / "bundles" / f"{name}.bundle")
    assert shipped_bundle(STRETCH).stem == shipped_bundle(instrument_preset("atom-real")).stem == "stretch-wbc"
    assert shipped_bundle(instrument_preset("atom-4g")).stem == "atom-wbc"


@pytest.mark.parametrize("name", ["sheet-wbc", "sheet-wbc.bundle"])
def test_a_shipped_bundle_is_found_by_name(shelf: Path, toy_bundle: Bundle, name: str) -> None:
    assert resolve_bundle(name, SHEET).digest == toy_bundle.digest


def test_a_file_is_found_by_its_path(shelf: Path, toy_bundle: Bundle) -> None:
    file = toy_bundle.save(shelf / "own.bundle")
    assert resolve_bundle(str(file), SHEET).digest == toy_bundle.digest


def test_where_none_is_shipped_the_sentence_says_what_to_do(shelf: Path) -> None:
    with pytest.raises(BundleError, match=r"No bundle comes with Lightline for a time_stretch.*lightline train"):
        resolve_bundle(None, STRETCH)


@pytest.mark.parametrize("name", ["none", "../sheet-wbc", "/none/none.bundle", "sheet-wbc.bundle.bundle", ""])
def test_an_unknown_name_is_refused(shelf: Path, name: str) -> None:
    with pytest.raises(BundleError, match="There is no bundle"):
        resolve_bundle(name, SHEET)


def with_grid(**grid: float) -> Instrument:
    return SHEET.model_copy(update={"grid": ImageGrid(**grid)})


@pytest.mark.parametrize(
    ("instrument", "said"),
    [
        (STRETCH, "needs images of 'transmission'"),
        (with_grid(size_px=64), "images are 80 x 80 pixels, the instrument's 64 x 64"),
        (with_grid(pixel_um=0.5), "pixels are 0.25 µm, the instrument's 0.5 µm"),
    ],
)
def test_a_bundle_that_does_not_fit_is_refused_in_one_sentence(
    toy_bundle: Bundle, instrument: Instrument, said: str
) -> None:
    with pytest.raises(BundleError, match=said) as error:
        check_fits(toy_bundle.contract, instrument)
    assert str(error.value).count(".") <= 3
    assert "does not fit the instrument" in str(error.value)


def test_a_flat_model_is_not_given_volumes(edited: Callable[..., Bundle], toy_bundle: Bundle) -> None:
    saliency = {**toy_bundle.contract.saliency[0].model_dump(), "channel": "side_scatter"}
    inputs = [{"channel": "side_scatter", "shape": (80, 80), "pixel_um": 0.25}]
    with pytest.raises(BundleError, match="the instrument's 80 x 80 x 80"):
        check_fits(edited(inputs=inputs, saliency=[saliency]).contract, SHEET)
