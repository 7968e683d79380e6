"""`lightline export-images`: images and volumes of a run's cells into one HDF5 file, restored if asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import click
import numpy as np

from acquisition.errors import ConfigError, LightlineError
from acquisition.instrument import Instrument
from reconstruction.deconvolution import MOST_ITERATIONS
from reconstruction.methods import Method
from reconstruction.transform import transform_for
from service.cli.progress import progress_bar
from service.cli.stored_cells import first_ids
from service.cli.write_trace import make_room
from service.errors import UnknownCell
from service.hdf5 import Column, GrowingFile
from service.image_store import FORMAT
from service.restoration import Restoration
from service.run_folder import RunFolder

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
    force: bool,
) -> None:
    """Write images and volumes of the cells of the run in FOLDER to one HDF5 file.

    Volumes are made again from the raw windows, 2 MB each. The file holds event_id and images/CHANNEL, as
    images-0000.h5 of the run folder does, and says in its attribute 'restored' what was done to the images.
    """
    if events and (where or cells):
        raise ConfigError("Give either --event, or --where and --cells.")
    asked = Restoration.asked(Method(restore), iterations)
    run = RunFolder.open(folder)
    try:
        names = _chosen(run.run().instrument, channels, asked)
        ids = list(events) or first_ids(run, _ALL if cells is None else cells, where)
        if not ids:
            raise UnknownCell(f"The run '{folder}' has no such cells; ask for others with --where.")
        make_room(out, force=force)
        _write(run, out, ids, names, asked)
    finally:
        run.close()
    click.echo(f"Wrote {', '.join(names)} of {len(ids)} cells to {out}; restored: {asked}.", err=True)


def _chosen(instrument: Instrument, channels: Sequence[str], asked: Restoration) -> tuple[str, ...]:
    """Return the channels to write."""
    transform = transform_for(instrument)
    unknown = [name for name in channels if name not in transform.channels]
    if unknown:
        raise ConfigError(f"The run has no images of '{unknown[0]}'; use one of {', '.join(transform.channels)}.")
    names = tuple(dict.fromkeys(channels)) or transform.channels
    asked.check(instrument, names)
    return names


def _write(run: RunFolder, out: Path, ids: Sequence[int], names: Sequence[str], asked: Restoration) -> None:
    """Write these images of these events; a file that could not be finished is taken away."""
    # The first cell says how large images are.
    file = _created(out, run, {name: run.image(ids[0], name).shape for name in names}, asked)
    try:
        with closing(file), progress_bar("exporting", "cells") as progress:
            for done, event_id in enumerate(ids, start=1):
                images = {name: asked.image(run, event_id, name) for name in names}
                file.claim(sum(image.nbytes for image in images.values()))
                for name, image in images.items():
                    file.extend(f"images/{name}", image[np.newaxis])
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
    columns = {f"images/{name}": Column(np.float32, 1, shape) for name, shape in shapes.items()}
    return GrowingFile(out, attributes, {"event_id": Column(np.uint64, 1024), **columns})
