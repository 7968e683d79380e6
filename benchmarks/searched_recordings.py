"""Recordings to be searched, simulated, and whether a run has the events of one bit for bit."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from acquisition.detection import detector_for
from acquisition.event import Event
from acquisition.source import blocks, open_source
from acquisition.trace_files import TraceFiles
from service.store.run_folder import RunFolder

RECORDINGS = {
    "light sheet": "sim:sheet-ci?loop=12&seconds=96&rate=60",
    "time stretch": "sim:stretch-ci?loop=3&seconds=24&rate=400",
}
SEEDS = (71, 72)
"""Recordings of each kind."""
BACKGROUND = ("level", "noise", "core_offsets")


def prepared(folder: Path, kind: str) -> list[Path]:
    """Return the recordings of a kind, made where they are not there."""
    paths = []
    for seed in SEEDS:
        path = folder / f"{kind.replace(' ', '-')}-{seed}" / "trace-0001.h5"
        if not path.exists():
            path.parent.mkdir(parents=True)
            record(f"{RECORDINGS[kind]}&seed={seed}", path)
        paths.append(path)
    return paths


def record(url: str, path: Path) -> None:
    """Write what a source gives to a trace file."""
    with open_source(url) as source:
        files = TraceFiles(path, source.instrument, origin=source.origin)
        for block in blocks(source):
            files.append(block)
        files.close()


def events_of(path: Path) -> Iterator[Event]:
    """Return what one detector finds in the single stream of a recording."""
    with open_source(str(path)) as source:
        detector = detector_for(source.instrument)
        for block in blocks(source):
            yield from detector.push(block)
        yield from detector.flush()


def same_events(recording: Path, run: Path) -> int:
    """Return how many events a run has of a recording; raises `ValueError` if one differs from the single stream's."""
    count = 0
    with closing(RunFolder.open(run)) as folder:
        for event in events_of(recording):
            stored, count = folder.event(event.event_id), count + 1
            plain = replace(event, window=stored.window, background=stored.background)
            arrays = [(getattr(event.background, name), getattr(stored.background, name)) for name in BACKGROUND]
            if plain != stored or any(a.tobytes() != b.tobytes() for a, b in [(event.window, stored.window), *arrays]):
                raise ValueError(f"The event {event.event_id} of '{run}' is not the one of the single stream.")
        if count != len(folder.event_places()):
            raise ValueError(f"The run '{run}' has {len(folder.event_places())} events, the single stream {count}.")
    return count
