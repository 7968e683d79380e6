"""A gate that rejects must say why, and a changed threshold must change what the run says of itself."""

import math

import numpy as np
import pytest

from acquisition.event import EventFlag
from reconstruction.gate import GateSettings
from reconstruction.images import Rejection
from reconstruction.settings import ImageSettings
from reconstruction.transform import transform_for

GOOD = {"area_um2": 50.0, "missing_share": 0.02, "off_centre_um": 1.0, "sharpness_per_um": 0.8}


@pytest.mark.parametrize("changed, gate, reason", [
    ({}, GateSettings(), Rejection.NONE),
    ({"area_um2": 1.0}, GateSettings(), Rejection.EMPTY),
    ({"missing_share": 0.3}, GateSettings(), Rejection.NONE),
    ({"missing_share": 0.3}, GateSettings(largest_missing_share=0.2), Rejection.INCOMPLETE),
    ({"off_centre_um": 4.0}, GateSettings(), Rejection.NONE),
    ({"off_centre_um": 4.0}, GateSettings(farthest_um=3.0), Rejection.OFF_CENTRE),
    ({"off_centre_um": math.nan}, GateSettings(farthest_um=3.0), Rejection.OFF_CENTRE),
    ({"ghost_share": 0.3}, GateSettings(), Rejection.NONE),
    ({"ghost_share": 0.3}, GateSettings(largest_ghost_share=0.1), Rejection.GHOST),
    ({"sharpness_per_um": 0.1}, GateSettings(least_sharpness_per_um=0.3), Rejection.BLURRED),
])  # fmt: skip
def test_each_threshold_names_its_reason(changed, gate, reason):
    assert gate.judge(EventFlag.NONE, GOOD | changed, False) is reason


def test_detection_comes_first_then_speed_then_the_image():
    gate = GateSettings()
    assert gate.judge(EventFlag.OVERLAP, GOOD, True, math.inf) is Rejection.OVERLAP
    assert gate.judge(EventFlag.NONE, GOOD, True, math.inf) is Rejection.SPEED
    assert gate.judge(EventFlag.NONE, GOOD, True) is Rejection.OFF_FIELD


@pytest.mark.parametrize("stream", ["sheet", "stretch"])
def test_the_gate_is_part_of_the_pipeline_id_and_of_what_is_rejected(stream, request):
    stream = request.getfixturevalue(stream)
    strict = ImageSettings(gate=GateSettings(smallest_area_um2=1e4))
    usual, changed = transform_for(stream.instrument), transform_for(stream.instrument, strict)
    assert usual.parameters != changed.parameters
    events = [event for event in stream.events() if not event.flags]
    assert set(changed.images(events).rejection) <= {Rejection.EMPTY, Rejection.SPEED}


def test_cells_are_found_where_they_are_along_the_pinholes(sheet):
    """Simulated: x is known to the optics only by which pinhole saw how much light."""
    events = [event for event in sheet.events() if not event.flags]
    features = transform_for(sheet.instrument).images(events).features
    ticks, x_um, z_um = (np.asarray(sheet.truth[name], dtype=float) for name in ("tick", "x_um", "z_um"))
    true = [int(np.argmin(abs(ticks - event.trigger_tick))) for event in events]
    assert np.median(abs(features["x_um"] - x_um[true])) < 0.3
    distance = np.hypot(x_um[true], z_um[true])
    assert np.median(abs(features["off_centre_um"] - distance)) < 0.3
    assert np.all(features["lost_planes"] == 0)
