"""Open a collection of images of real cells."""

from __future__ import annotations

from pathlib import Path

from acquisition.errors import ConfigError
from acquisition.real_images.arrays import ArrayFile
from acquisition.real_images.image_files import ImageFiles
from acquisition.real_images.labelled_volume import LabelledVolume, label_file
from acquisition.real_images.raw import RawCells
from acquisition.real_images.stores import FolderStore, ZipStore


def open_real_images(path: Path) -> RawCells:
    """Open a folder or zip of images, an npz, or a stack with its labels.

    Parameters
    ----------
    path
        A folder or zip of images (png, jpg, tif) with a folder for each class, or with `labels.csv`; an npz with `x`,
        `y`, `classes`, `channels`; or a stack `NAME.tif` beside `NAME_label.tif`, or the folder of both.

    Raises
    ------
    ConfigError
        If the path is missing or of no kind that is read, or there are no images.
    """
    suffix = path.suffix.lower()
    if path.is_dir():
        return _open_folder(path)
    if not path.is_file():
        raise ConfigError(f"There is no file or folder '{path}' with real images; check the name.")
    if suffix == ".zip":
        return ImageFiles(ZipStore(path))
    if suffix == ".npz":
        return ArrayFile(path)
    labels = label_file(path) if suffix in {".tif", ".tiff"} else None
    if labels is not None:
        return LabelledVolume(path, labels)
    raise ConfigError(
        f"'{path.name}' is no collection of real images; give a folder, a .zip, an .npz, or a .tif with its _label.tif."
    )


def _open_folder(path: Path) -> RawCells:
    for stack in sorted([*path.glob("*.tif"), *path.glob("*.tiff")]):
        labels = label_file(stack)
        if labels is not None:
            return LabelledVolume(stack, labels)
    return ImageFiles(FolderStore(path))
