"""`lightline export-images`: images and volumes of a run's cells into one HDF5 file, restored if asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import click
import numpy as np
import numpy.typing as npt

from acquisition.errors import ConfigError, LightlineError
from acquisition.instrument import Instrument
from reconstruction.features.image import find_object
from reconstruction.images import RELATIVE
from reconstruction.light_sheet.deconvolution import MOST_ITERATIONS
from reconstruction.methods import Method
from reconstruction.preparation import prepare
from reconstruction.transform import transform_for
from service.cli.progress import progress_bar
from service.cli.stored_cells import first_ids
from service.cli.write_trace import make_room
from service.errors import UnknownCell
from service.store.hdf5 import Column, GrowingFile
from service.store.image_store import FORMAT
from service.store.restoration import Restoration
from service.store.run_folder import RunFolder

_ALL = 2**31


@click.command("export-images")
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--out", "-o", required=True, type=click.Path(dir_okay=False, path_type=Path), help="HDF5 file to write.")
@click.option(
    "--where", metavar="FILTER", help="Cells to take, e.g. 'diameter_um > 9 and cluster == 1' (default: all)."
)
@click.option("--cells", type=click.IntRange(min=1), help="Take the first so many of them.")
@click.option("--event", "events", type=click.IntRange(min=1), multiple=True, help="Take these events instead, by id.")
@click.option("--channel", "channels", multiple=True, help="Images to take; may be given several times (default: all).")
@click.option(
    "--restore",
    type=click.Choice([method.value for method in Method]),
    default=Method.NONE.value,
    help="Take noise (smooth) or blur (wiener, richardson_lucy) out of volumes; make lines offline into the image of "
    "least variation that explains every sample (masked_warp) (default: none).",
)
@click.option(
    "--iterations", type=click.IntRange(1, MOST_ITERATIONS), help="Of richardson_lucy; more are sharper and noisier."
)
@click.option(
    "--prepare",
    "size",
    type=click.IntRange(8, 1024),
    metavar="PIXELS",
    help="Cut every cell out of its flat images, resize it to a square of so many pixels (paper C: 128), and divide it "
    "by its mean; the scale is written beside it.",
)
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
def export_images_command(
    folder: Path,
    out: Path,
    where: str | None,
    cells: int | None,
    events: tuple[int, ...],
    channels: tuple[str, ...],
    restore: str,
    iterations: int | None,
    size: int | None,
    force: bool,
) -> None:
    """Write images and volumes of the cells of the run in FOLDER to one HDF5 file.

    Volumes are made again from the raw windows, 2 MB each. The file holds event_id and images/CHANNEL, as
    images-0000.h5 of the run folder does, and says in its attribute 'restored' what was done to the images. Prepared
    cells have um_per_px beside them, height and width of a pixel, and mean/CHANNEL, what was divided by.
    """
    if events and (where or cells):
        raise ConfigError("Give either --event, or --where and --cells.")
    asked = Restoration.asked(Method(restore), iterations)
    run = RunFolder.open(folder)
    try:
        names = _chosen(run.run().instrument, channels, asked, flat_only=size is not None)
        ids = list(events) or first_ids(run, _ALL if cells is None else cells, where)
        if not ids:
            raise UnknownCell(f"The run '{folder}' has no such cells; ask for others with --where.")
        make_room(out, force=force)
        _write(run, out, ids, names, asked, size)
    finally:
        run.close()
    click.echo(f"Wrote {', '.join(names)} of {len(ids)} cells to {out}; restored: {asked}.", err=True)


def _chosen(instrument: Instrument, channels: Sequence[str], asked: Restoration, *, flat_only: bool) -> tuple[str, ...]:
    """Return the channels to write; with `flat_only`, images relative to the empty beam alone."""
    transform = transform_for(instrument)
    unknown = [name for name in channels if name not in transform.channels]
    if unknown:
        raise ConfigError(f"The run has no images of '{unknown[0]}'; use one of {', '.join(transform.channels)}.")
    relative = tuple(name for name in transform.channels if transform.units[name] is RELATIVE)
    refused = [name for name in channels if flat_only and name not in relative]
    if refused:
        known = ", ".join(relative)
        raise ConfigError(f"Images of '{refused[0]}' cannot be prepared; use one of {known}, or leave --prepare out.")
    names = tuple(dict.fromkeys(channels)) or (relative if flat_only else transform.channels)
    asked.check(instrument, names)
    return names


def _of_cell(
    run: RunFolder, event_id: int, names: Sequence[str], asked: Restoration, size: int | None
) -> dict[str, npt.NDArray[np.float32]]:
    """Return what is written of a cell, by column."""
    images = {name: asked.image(run, event_id, name) for name in names}
    if size is None:
        return {f"images/{name}": image for name, image in images.items()}
    mask = find_object(images[names[0]])
    columns = {}
    for name, image in images.items():
        ready = prepare(image[np.newaxis], run.run().instrument.grid.pixel_um, [mask], size)
        columns[f"images/{name}"], columns[f"mean/{name}"] = ready.images[0], ready.mean[0]
        columns["um_per_px"] = ready.um_per_px[0]
    return columns


def _write(
    run: RunFolder, out: Path, ids: Sequence[int], names: Sequence[str], asked: Restoration, size: int | None
) -> None:
    """Write these images of these events; a file that could not be finished is taken away."""
    # The first cell says how large images are.
    first = _of_cell(run, ids[0], names, asked, size)
    file = _created(out, run, {name: column.shape for name, column in first.items()}, asked)
    try:
        with closing(file), progress_bar("exporting", "cells") as progress:
            for done, event_id in enumerate(ids, start=1):
                columns = _of_cell(run, event_id, names, asked, size)
                file.claim(sum(column.nbytes for column in columns.values()))
                for name, column in columns.items():
                    file.extend(name, column[np.newaxis])
                file.extend("event_id", np.array([event_id], np.uint64))
                progress(done, len(ids))
    except LightlineError:
        out.unlink(missing_ok=True)
        raise


def _created(out: Path, run: RunFolder, shapes: Mapping[str, tuple[int, ...]], asked: Restoration) -> GrowingFile:
    about = run.run()
    attributes: dict[str, str | float] = {
        "format": FORMAT,
        "instrument": about.instrument.to_json(),
        "pixel_um": about.instrument.grid.pixel_um,
        "run": about.id,
        "origin": about.origin.value,
        "restored": str(asked),
    }
    columns = {name: Column(np.float32, 1 if shape[1:] else 1024, shape) for name, shape in shapes.items()}
    return GrowingFile(out, attributes, {"event_id": Column(np.uint64, 1024), **columns})
