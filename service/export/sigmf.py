"""The raw samples of a run as a SigMF archive: its recording, or the windows of events."""

from __future__ import annotations

import json
import tarfile
import tempfile
from pathlib import Path

import numpy as np
import numpy.typing as npt

from acquisition.block import Block
from acquisition.importers.sigmf_export import export_sigmf
from acquisition.importers.sigmf_layout import DATA_SUFFIX, META_SUFFIX
from acquisition.importers.sigmf_writer import SigmfWriter
from acquisition.trace_source import open_trace
from service.errors import UnknownCell
from service.export.exporter import Exporter, Progress
from service.export.selection import Selection
from service.store.run_files import TRACE


class SigmfExporter(Exporter):
    """One archive of a `.sigmf-meta` and a `.sigmf-data` file, with the events as annotations.

    The whole recording where the run has one and nothing else is asked for; the windows of the events otherwise, each a
    capture at its place on the sample clock. Room for the samples is needed twice while the archive is made.
    """

    suffix = ".sigmf"
    media_type = "application/x-tar"
    unit = "samples"

    def write(self, wanted: Selection, path: Path, progress: Progress) -> None:
        """Write the two files beside the archive, and then into it."""
        trace = wanted.folder.path / TRACE
        whole = not (wanted.where or wanted.events or wanted.most or wanted.rejected)
        name = wanted.run.id
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".sigmf-") as place:
            base = Path(place) / name
            if whole and trace.is_file():
                with open_trace(str(trace)) as source:
                    export_sigmf(source, base, progress)
            else:
                _write_windows(wanted, base, progress)
            with tarfile.open(path, "x", format=tarfile.PAX_FORMAT) as archive:
                for suffix in (META_SUFFIX, DATA_SUFFIX):
                    archive.add(f"{base}{suffix}", arcname=f"{name}/{name}{suffix}")


def _write_windows(wanted: Selection, base: Path, progress: Progress) -> None:
    wanted.count()
    run, places = wanted.run, _places(wanted)
    samples = int(places["n_samples"].sum())
    done = 0
    with Path(f"{base}{DATA_SUFFIX}").open("xb") as stream:
        writer = SigmfWriter(run.instrument, run.origin, f"windows of {run.source}, run {run.id}", stream)
        for event_id in places["event_id"].tolist():
            event = wanted.folder.event(event_id)
            writer.add(Block(event.window, event.window_tick, event.epoch))
            writer.note([event])
            done += len(event.window)
            progress(done, samples)
    Path(f"{base}{META_SUFFIX}").write_text(json.dumps(writer.meta(), indent=1), encoding="utf-8")


def _places(wanted: Selection) -> npt.NDArray[np.void]:
    """Return where the windows of the events are, in the order of the sample clock, which samples have to be in.

    Raises
    ------
    UnknownCell
        If the window of an event is not stored.
    """
    ids = np.fromiter(wanted.ids(), np.uint64)
    places = wanted.folder.event_places()
    kept = places[np.isin(places["event_id"], ids)]
    missing = np.setdiff1d(ids, kept["event_id"])
    if missing.size:
        raise UnknownCell(f"The run {wanted.run.id} has no window of event {missing[0]}.")
    return np.asarray(kept[np.lexsort((kept["window_tick"], kept["epoch"]))])
