"""`.rtdc`, dclab's HDF5: events with their images, masks, features and classes.

Source: https://dclab.readthedocs.io, "RT-DC file format" and "Features"; read back by dclab in the tests.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from reconstruction.features.image import find_object
from reconstruction.transform import transform_for
from service.export.columns import FlatColumns, list_matrix, numbers
from service.export.exporter import Exporter, Option, Progress
from service.export.growing_h5 import extend
from service.export.rtdc_about import attributes, log_lines
from service.export.selection import Selection

GREY_OF_EMPTY_BEAM = 100
"""So that a step of grey is a step of the texture features, and light up to 2.55 times the empty beam fits."""

SHAPES = (
    *("area_um", "area_um_raw", "area_ratio", "deform", "deform_raw", "per_ratio", "per_um_raw", "aspect"),
    *("inert_ratio_cvx", "inert_ratio_raw", "inert_ratio_prnc", "eccentr_prnc", "tilt", "circ"),
)
BRIGHTNESS = ("bright_avg", "bright_sd", "bright_perc_10", "bright_perc_90")
_HARALICK = ("asm", "con", "cor", "var", "idm", "sva", "sen", "ent", "den", "f12", "f13")
TEXTURES = tuple(f"tex_{kind}_{of}" for kind in _HARALICK for of in ("avg", "ptp"))
DCLAB_NAMES = {name: name for name in (*SHAPES, *BRIGHTNESS, *TEXTURES)} | {
    "size_flow_um": "size_x",
    "size_across_um": "size_y",
}
"""By our name, dclab's, where the definition is the same (docs/features.md)."""

TABLE = "lightline"


class RtdcExporter(Exporter):
    """Features under dclab's names where dclab means the same, everything as a table beside them."""

    suffix = ".rtdc"
    media_type = "application/x-hdf5"
    unit = "cells"
    options = frozenset({Option.SETUP})

    def check(self, wanted: Selection) -> None:
        """Check what was told of the microscope as well."""
        super().check(wanted)
        attributes(wanted, 0)

    def write(self, wanted: Selection, path: Path, progress: Progress) -> None:
        """Write the events, a part of the run at a time."""
        rows, count = wanted.rows, wanted.count()
        flat, codes = FlatColumns.of(wanted), score_codes(wanted.classes)
        with h5py.File(path, "x") as file:
            for key, value in attributes(wanted, count).items():
                file.attrs[key] = value
            events = file.create_group("events")
            done = 0
            for _, table in rows.tables():
                _add_features(events, table, done, wanted.run.instrument.sample_rate_hz)
                _add_scores(events, table, codes)
                extend(file.require_group("tables"), TABLE, _records(flat.flatten(table)))
                done = _add_images(events, wanted, table.column("event_id").to_pylist(), done, count, progress)
            file[f"tables/{TABLE}"].attrs["classes"] = json.dumps(codes)
            lines = np.array([line.encode() for line in log_lines(wanted)])
            file.create_group("logs").create_dataset("lightline-run", data=lines)


def score_codes(classes: Sequence[str]) -> dict[str, str]:
    """Return three letters for every class, as dclab's `ml_score_xxx` wants them, all different."""
    codes: dict[str, str] = {}
    for number, name in enumerate(classes):
        code = (re.sub("[^a-z0-9]", "", name.lower()) + "xxx")[:3]
        codes[name] = code if code not in codes.values() else f"{code[:1]}{number:02d}"[:3]
    return codes


def _add_features(events: Any, table: Any, done: int, ticks_per_s: float) -> None:
    ticks = numbers(table.column("trigger_tick"))
    extend(events, "index", np.arange(done + 1, done + table.num_rows + 1, dtype=np.uint32))
    # dclab's time is its frame over the frame rate, which is ours of samples.
    extend(events, "frame", np.rint(ticks).astype(np.uint64))
    extend(events, "time", ticks / ticks_per_s)
    for ours, theirs in DCLAB_NAMES.items():
        if ours in table.column_names:
            scale = GREY_OF_EMPTY_BEAM if ours in BRIGHTNESS else 1.0
            extend(events, theirs, numbers(table.column(ours)) * scale)


def _add_scores(events: Any, table: Any, codes: dict[str, str]) -> None:
    if "class_probabilities" not in table.column_names or not codes:
        return
    scores = np.clip(list_matrix(table.column("class_probabilities")), 0.0, 1.0).astype(np.float64)
    for code, column in zip(codes.values(), scores.T, strict=True):
        extend(events, f"ml_score_{code}", column)
    # dclab counts classes in the order of their three letters.
    order = np.argsort(list(codes.values()))
    extend(events, "ml_class", np.argmax(scores[:, order], axis=1).astype(np.uint32))


def _add_images(events: Any, wanted: Selection, ids: Sequence[int], done: int, count: int, progress: Progress) -> int:
    """Append the images of these events a few at a time; return how many are done in all."""
    instrument = wanted.run.instrument
    channel = transform_for(instrument).flat_channels[0]
    # dclab's images have the flow along their rows; ours have it so only on the light sheet.
    turned = instrument.kind == "time_stretch"
    for first in range(0, len(ids), 40):
        images = np.stack([wanted.results.image(event_id, channel) for event_id in ids[first : first + 40]])
        masks = np.stack([find_object(image).inside for image in images])
        if turned:
            images, masks = images.swapaxes(1, 2), masks.swapaxes(1, 2)
        grey = np.clip(np.rint(np.nan_to_num(images) * GREY_OF_EMPTY_BEAM), 0, 255).astype(np.uint8)
        dataset = _picture(events, "image", grey)
        dataset.attrs["grey of empty beam"] = GREY_OF_EMPTY_BEAM
        dataset.attrs["channel"] = channel
        _picture(events, "mask", masks.astype(np.uint8) * np.uint8(255))
        done += len(images)
        progress(done, count)
    return done


def _picture(events: Any, name: str, stack: npt.NDArray[np.uint8]) -> Any:
    dataset = extend(events, name, stack)
    for key, value in (("CLASS", "IMAGE"), ("IMAGE_VERSION", "1.2"), ("IMAGE_SUBCLASS", "IMAGE_GRAYSCALE")):
        dataset.attrs[key] = np.bytes_(value)
    return dataset


def _records(table: Any) -> npt.NDArray[np.void]:
    """Return rows as numbers by name; texts, which dclab's tables do not have, as fixed bytes."""
    columns: dict[str, npt.NDArray[Any]] = {}
    for field in table.schema:
        column = table.column(field.name)
        if pa.types.is_string(field.type):
            columns[field.name] = np.array([(text or "").encode() for text in column.to_pylist()], "S64")
        elif field.name == "event_id":
            columns[field.name] = numbers(column, np.uint64)
        elif pa.types.is_boolean(field.type):
            columns[field.name] = numbers(column.cast(pa.uint8()))
        else:
            columns[field.name] = numbers(column)
    records = np.empty(table.num_rows, [(name, values.dtype) for name, values in columns.items()])
    for name, values in columns.items():
        records[name] = values
    return records
