"""The bundles that come with Lightline, and how a run chooses one."""

from __future__ import annotations

import re
from pathlib import Path

from acquisition.instrument import Instrument
from inference.bundle import SUFFIX, Bundle
from inference.contract import Contract
from inference.errors import BundleError
from reconstruction.transform import transform_for

SHIPPED = Path(__file__).parent / "bundles"
_DEFAULTS = {"light_sheet": ("sheet-wbc",), "time_stretch": ("stretch-wbc", "atom-wbc")}
"""By kind of instrument, the first one first that looks at images which the instrument gives."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def shipped_bundles() -> list[str]:
    """Names of the bundles that come with Lightline."""
    return sorted(file.stem for file in SHIPPED.glob(f"*{SUFFIX}"))


def shipped_bundle(instrument: Instrument) -> Path:
    """Return the file of the bundle that comes with Lightline for this instrument, or at least for its kind.

    Raises
    ------
    BundleError
        If none does.
    """
    return _default(instrument)[0]


def bundle_file(name: str) -> Path:
    """Return the file of a bundle that comes with Lightline, or of the user's own."""
    return SHIPPED / f"{name}{SUFFIX}" if name in shipped_bundles() else Path(name)


def _default(instrument: Instrument) -> tuple[Path, Bundle]:
    """Return the file of the instrument's default, and what was read from it."""
    files = [SHIPPED / f"{name}{SUFFIX}" for name in _DEFAULTS.get(instrument.kind, ())]
    files = [file for file in files if file.is_file()]
    if not files:
        raise BundleError(
            f"No bundle comes with Lightline for a {instrument.kind} instrument; "
            "make one with 'lightline train' and name its file."
        )
    channels = set(transform_for(instrument).channels)
    read = []
    for file in files:
        read.append((file, Bundle.load(file)))
        if {spec.channel for spec in read[-1][1].contract.inputs} <= channels:
            return read[-1]
    return read[0]


def resolve_bundle(name_or_path: str | None, instrument: Instrument) -> Bundle:
    """Return the bundle for a run: the default of the instrument, a shipped one by name, or a file.

    Raises
    ------
    BundleError
        If there is no such bundle, it is not sound, or it does not fit the instrument.
    """
    if name_or_path is None:
        _, bundle = _default(instrument)
    else:
        bundle = Bundle.load(_named(name_or_path) or Path(name_or_path))
    check_fits(bundle.contract, instrument)
    return bundle


def _named(name: str) -> Path | None:
    """File of a shipped bundle, if the text is a plain name of one."""
    if not _NAME.fullmatch(name):
        return None
    file = SHIPPED / f"{name.removesuffix(SUFFIX)}{SUFFIX}"
    return file if file.is_file() else None


def check_fits(contract: Contract, instrument: Instrument) -> None:
    """Check that the instrument's images are the ones that the model was made for.

    Raises
    ------
    BundleError
        If a channel is missing, or its shape or pixel size differs; one sentence.
    """
    who = f"The bundle '{contract.name}' does not fit the instrument '{instrument.name}'"
    transform = transform_for(instrument)
    size, pixel_um = instrument.grid.size_px, instrument.grid.pixel_um
    for spec in contract.inputs:
        if spec.channel not in transform.channels:
            raise BundleError(
                f"{who}: it needs images of '{spec.channel}', but there are {', '.join(transform.channels)}."
            )
        shape = (size,) * (2 if spec.channel in transform.flat_channels else 3)
        if spec.shape != shape:
            raise BundleError(
                f"{who}: its '{spec.channel}' images are {_by(spec.shape)} pixels, the instrument's {_by(shape)}."
            )
        if spec.pixel_um is None or abs(spec.pixel_um - pixel_um) > 1e-3 * pixel_um:
            own = "of unknown size" if spec.pixel_um is None else f"{spec.pixel_um:g} µm"
            raise BundleError(f"{who}: its '{spec.channel}' pixels are {own}, the instrument's {pixel_um:g} µm.")


def _by(shape: tuple[int, ...]) -> str:
    return " x ".join(str(size) for size in shape)
