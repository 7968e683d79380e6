"""A run and its gates, taken to another program, hold the same cells there."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
from exporting import export
from served import World

with warnings.catch_warnings():
    # It brings drawing libraries whose warnings are not ours.
    warnings.simplefilter("ignore")
    import flowkit


@pytest.mark.filterwarnings("ignore")
def test_flowkit_counts_the_same_cells_in_every_gate(world: World, tmp_path: Path) -> None:
    base = f"/api/v1/runs/{world.run.id}"
    rows = world.client.get(world.cells, params={"limit": 1000}).json()["rows"]
    area, novelty = (np.array([row[name] for row in rows]) for name in ("area_um2", "novelty"))
    a, b, c = (float(np.quantile(area, q)) for q in (0.2, 0.5, 0.9))
    top = float(np.log10(novelty.max())) + 0.1
    log = {"column": "novelty", "scale": {"kind": "log"}}
    asinh = {"column": "area_um2", "scale": {"kind": "asinh", "top": 500.0, "decades": 4.0, "negative_decades": 0.5}}
    drawn = {
        "middle": {"kind": "rectangle", "sides": [{"column": "area_um2", "low": a, "high": c}]},
        "outline": {
            "kind": "polygon",
            "x": {"column": "area_um2"},
            "y": log,
            "vertices": [[a, -3.0], [c, -3.0], [b, top]],
        },
        "round": {
            "kind": "ellipse",
            "over": [asinh, log],
            "centre": [float(np.mean(area)) / 700, float(np.log10(np.median(novelty)))],
            "covariance": [[0.2, 0.01], [0.01, 0.3]],
            "distance_squared": 1.2,
        },
        "neither": {
            "kind": "and",
            "of": [{"gate": "middle", "complement": True}, {"gate": "outline", "complement": True}],
        },
        "inner part": {"kind": "or", "of": [{"gate": "outline"}, {"gate": "round"}]},
    }
    parents = {"outline": "middle", "inner part": "middle"}
    for name, region in drawn.items():
        body = {"region": region, "parent": parents.get(name)}
        assert world.client.put(f"{base}/gates/{name}", json=body).status_code == 200
    listed = world.client.get(f"{base}/gates", params={"counts": True}).json()["gates"]
    ours = {gate["name"].replace(" ", "_"): gate["cells"] for gate in listed}
    assert len(set(ours.values()) - {0, len(rows)}) >= 3

    (tmp_path / "gates.xml").write_bytes(world.client.get(f"{base}/gates.xml").content)
    assert export(world, "fcs", tmp_path / "cells.fcs") == 0
    strategy = flowkit.parse_gating_xml(str(tmp_path / "gates.xml"))
    report = strategy.gate_sample(flowkit.Sample(str(tmp_path / "cells.fcs"))).report
    assert dict(zip(report["gate_name"], report["count"], strict=True)) == ours
    for name in reversed(drawn):
        world.client.delete(f"{base}/gates/{name}")
