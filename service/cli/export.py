"""`lightline export`: the results of a run in the format of another program."""

from __future__ import annotations

from pathlib import Path

import click

from reconstruction.light_sheet.deconvolution import MOST_ITERATIONS
from reconstruction.methods import Method
from service.cli.progress import progress_bar
from service.export.destination import check_destination, file_name, write_whole
from service.export.formats import Format, exporter_for
from service.export.selection import Pictures, Selection, read_setup
from service.result_set import LIVE
from service.store.restoration import Restoration
from service.store.run_folder import RunFolder


@click.command("export")
@click.argument("run", type=click.Path(path_type=Path))
@click.option(
    "--format",
    "kind",
    required=True,
    type=click.Choice([kind.value for kind in Format]),
    help="Tables: fcs, parquet, csv, anndata. Tables with images: rtdc. Images and volumes: ome-tiff, hdf5. Raw "
    "samples: sigmf.",
)
@click.option(
    "--where", metavar="FILTER", help="Cells to take, e.g. 'diameter_um > 9 and cluster == 1' (default: all)."
)
@click.option("--rejected", is_flag=True, help="Take the events that could not be judged, instead of cells.")
@click.option("--cells", type=click.IntRange(min=1), help="Take the first so many of them.")
@click.option("--event", "events", type=click.IntRange(min=1), multiple=True, help="Take these events instead, by id.")
@click.option(
    "--out", "-o", type=click.Path(path_type=Path), help="File to write (default: named after the run, in this folder)."
)
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
    type=click.IntRange(8, 1024),
    metavar="PIXELS",
    help="hdf5: cut every cell out of its flat images, resize it to a square of so many pixels (paper C: 128), and "
    "divide it by its mean; the scale is written beside it.",
)
@click.option(
    "--setup",
    multiple=True,
    metavar="KEY=VALUE",
    help="rtdc: what the run does not know of the microscope, e.g. 'channel width=20'; may be given several times.",
)
@click.option("--results", "set_name", default=LIVE, help="Result set to take answers from (default: the run's own).")
@click.option("--force", is_flag=True, help="Replace the file if it is there.")
def export_command(
    run: Path,
    kind: str,
    where: str | None,
    rejected: bool,
    cells: int | None,
    events: tuple[int, ...],
    out: Path | None,
    channels: tuple[str, ...],
    restore: str,
    iterations: int | None,
    prepare: int | None,
    setup: tuple[str, ...],
    set_name: str,
    force: bool,
) -> None:
    """Write what the run in the folder RUN holds to one file in the format of another program.

    Every event that is asked for is in the file, and the file says which run it is of and whether its cells were
    measured or simulated. An export that is interrupted leaves no file.
    """
    exporter = exporter_for(Format(kind))
    pictures = Pictures(channels, Restoration.asked(Method(restore), iterations), prepare)
    folder = RunFolder.open(run)
    try:
        wanted = Selection(folder, where, rejected, cells, events, pictures, read_setup(setup), set_name)
        path = out or Path(file_name(wanted, exporter))
        check_destination(path, force=force)
        exporter.check(wanted)
        with progress_bar("exporting", exporter.unit) as progress:
            write_whole(exporter, wanted, path, progress)
    finally:
        folder.close()
    click.echo(f"Wrote {path}, {path.stat().st_size} bytes.", err=True)
