"""Cells in one npz file: flat images of several channels, flat images of one, or volumes."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from acquisition.errors import ConfigError
from acquisition.real_images.raw import RawCell, Voxel

MOST_BYTES = 4 << 30
"""Of all arrays of the file together."""

JURKAT_CHANNELS = ("Ch3", "Ch4", "Ch6")
JURKAT_PIXEL_UM = 0.5
"""Pixel of the Jurkat cells of Blasi et al. (2016), Amnis ImageStream at 40x (an assumption: the file does not say)."""
_FACT = "fact_"
_LONGEST_NAME = 32
_KNOWN_CHANNELS: dict[tuple[str, ...], list[str | None]] = {
    JURKAT_CHANNELS: ["transmission", "fluorescence", "side_scatter"]
}
_WORDS = {
    "transmission": re.compile(r"bright|transm|^bf", re.IGNORECASE),
    "side_scatter": re.compile(r"dark|scatter|ssc|^df", re.IGNORECASE),
    "fluorescence": re.compile(r"fluor|stain|dapi|gfp|dna|^pi$|^fl", re.IGNORECASE),
}


class ArrayFile:
    """An npz with the images `x`, and maybe what is known of them.

    That is `y` (label of every cell), `classes` (their names), `channels`, `split`, `run`, `pixel_um`, and `fact_NAME`,
    a word for each cell.
    `x` is `(n, channels, y, x)` where there are `channels`, otherwise `(n, y, x)`, transmission, or `(n, z, y, x)`,
    volumes. Any number of channels keep their names, in lower case; the first brightfield, darkfield and fluorescence
    (`dapi`, ...) are also known as transmission, side_scatter and fluorescence. Where there are no labels, cells are
    called like the file; where there is no `pixel_um`, the Jurkat cells' pixel is taken for channels that are theirs.
    See `acquisition.real_images.raw.RawCells`.

    Raises
    ------
    ConfigError
        If the file is not such an npz.
    """

    def __init__(self, path: Path) -> None:
        self.name = path.stem
        held = _read_arrays(path)
        if "x" not in held:
            raise ConfigError(f"The file '{path.name}' has no array 'x' with the images; see the kinds of phantoms.")
        self._x = held["x"]
        channels = tuple(str(name) for name in held["channels"]) if "channels" in held else None
        if self._x.dtype.kind not in "buif" or self._x.ndim not in (3, 4) or self._x.size == 0:
            raise ConfigError(f"The array 'x' of '{path.name}' must be (n, y, x) or (n, channels or z, y, x) numbers.")
        self._roles: dict[str, int] = {}
        self._names: tuple[str, ...] | None = None
        self._bright: frozenset[str] = frozenset()
        if channels is not None:
            self._name_channels(channels)
        n = len(self._x)
        self.labels: Sequence[str] = self._checked_labels(held, n)
        self.splits: Sequence[str] = self._words(held, "split", n)
        self.runs: Sequence[str] = self._words(held, "run", n)
        told = [name for name in held if name.startswith(_FACT)]
        self.facts: Mapping[str, Sequence[str]] = {
            name.removeprefix(_FACT): self._words(held, name, n) for name in told
        }
        self.voxel_um: Voxel | None = _voxel_um(held, channels, path.name)

    def read(self, index: int) -> RawCell:
        """Return one cell."""
        images = np.asarray(self._x[index], dtype=np.float32)
        if not np.isfinite(images).all():
            raise ConfigError(f"Cell {index} of '{self.name}' has values that are not finite; leave it out.")
        if self._names is None:
            return RawCell(volume=images) if images.ndim == 3 else RawCell(transmission=images)
        named = {name: image for name, image in zip(self._names, images, strict=True) if name not in self._roles}
        known = {role: images[place] for role, place in self._roles.items()}
        return RawCell(
            transmission=known.get("transmission"),
            side_scatter=known.get("side_scatter"),
            fluorescence=known.get("fluorescence"),
            named=named,
            bright=self._bright,
        )

    def _name_channels(self, channels: tuple[str, ...]) -> None:
        """Find out what each channel is; the first of a kind counts."""
        if self._x.ndim != 4 or len(channels) != self._x.shape[1]:
            raise ConfigError(f"The arrays 'x' and 'channels' of '{self.name}' do not fit: {self._x.shape}.")
        names = tuple(_plain_name(channel) for channel in channels)
        if len(set(names)) != len(names):
            raise ConfigError(
                f"Channels of '{self.name}' have one name, {', '.join(names)}; name each by letters of its own."
            )
        told = [next((r for r, word in _WORDS.items() if word.search(channel)), None) for channel in channels]
        roles = _KNOWN_CHANNELS.get(channels, told)
        self._names = names
        self._roles = {role: place for place, role in reversed(list(enumerate(roles))) if role is not None}
        self._bright = frozenset(n for n, role in zip(names, roles, strict=True) if role == "transmission")

    def _words(self, held: dict[str, npt.NDArray[np.generic]], name: str, n: int) -> list[str]:
        """Return the word for every cell of an array that may be missing."""
        words = [str(word) for word in held[name].ravel()] if name in held else []
        if len(words) not in (0, n):
            raise ConfigError(f"The array '{name}' of '{self.name}.npz' must have one word for each cell.")
        return words

    def _checked_labels(self, held: dict[str, npt.NDArray[np.generic]], n: int) -> list[str]:
        if "y" not in held:
            return [self.name] * n
        y = held["y"]
        if y.shape != (n,):
            raise ConfigError(f"The array 'y' of '{self.name}' must have one label for each of {n} cells.")
        if "classes" not in held:
            return [str(label) for label in y]
        names = [str(name) for name in held["classes"]]
        if y.dtype.kind not in "iu" or int(y.min()) < 0 or int(y.max()) >= len(names):
            raise ConfigError(f"The labels 'y' of '{self.name}' must count its {len(names)} classes from 0.")
        return [names[int(label)] for label in y]


def _plain_name(channel: str) -> str:
    """Return a channel's name as models call it: lower case, digits and underscores, a letter first."""
    name = re.sub(r"[^a-z0-9]+", "_", channel.lower()).strip("_")
    return (name if name[:1].isalpha() else f"ch_{name}")[:_LONGEST_NAME]


def _read_arrays(path: Path) -> dict[str, npt.NDArray[np.generic]]:
    try:
        with zipfile.ZipFile(path) as archive:
            size = sum(info.file_size for info in archive.infolist())
        if size > MOST_BYTES:
            raise ConfigError(
                f"The arrays of '{path.name}' take {size >> 20} MiB; at most {MOST_BYTES >> 20} are read."
            )
        # Opened here: NumPy forgets to close a file that it cannot make sense of.
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as held:
            wanted = ("x", "y", "classes", "channels", "split", "run", "pixel_um")
            return {name: held[name] for name in held.files if name in wanted or name.startswith(_FACT)}
    except (zipfile.BadZipFile, OSError, ValueError, EOFError, KeyError, TypeError):
        raise ConfigError(f"The file '{path.name}' is no npz, holds objects, or is damaged; get it again.") from None


def _voxel_um(held: dict[str, npt.NDArray[np.generic]], channels: tuple[str, ...] | None, name: str) -> Voxel | None:
    if "pixel_um" in held:
        stated = np.atleast_1d(np.asarray(held["pixel_um"], dtype=np.float64)).ravel()
        if stated.size not in (1, 3) or not (np.isfinite(stated) & (stated > 0)).all():
            raise ConfigError(f"The array 'pixel_um' of '{name}' must be one number above 0, or three: z, y, x.")
        z, y, x = np.broadcast_to(stated, 3).tolist()
        return z, y, x
    return (JURKAT_PIXEL_UM,) * 3 if channels == JURKAT_CHANNELS else None
