"""People gate over HTTP: what they draw is counted, kept, and exchanged with other programs."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import numpy as np
import pytest
from served import World

POLYGON = {
    "kind": "polygon",
    "x": {"column": "area_um2"},
    "y": {"column": "speed_m_s", "scale": {"kind": "log"}},
    "vertices": [[0.0, -5.0], [1e4, -5.0], [1e4, 5.0], [0.0, 5.0]],
}


def base(world: World) -> str:
    return f"/api/v1/runs/{world.run.id}"


def put(world: World, name: str, **body: object) -> dict[str, object]:
    answer = world.client.put(f"{base(world)}/gates/{name}", json=body)
    assert answer.status_code == 200, answer.text
    document: dict[str, object] = answer.json()
    return document


def areas(world: World) -> np.ndarray:
    rows = world.client.get(world.cells, params={"fields": "area_um2", "limit": 1000}).json()["rows"]
    return np.array([row["area_um2"] for row in rows])


def test_a_gate_is_drawn_counted_changed_and_taken_away(world: World) -> None:
    middle = float(np.median(areas(world)))
    big = {"kind": "rectangle", "sides": [{"column": "area_um2", "low": middle}]}
    made = put(world, "big +/big (1)", region=big, note="by eye")
    above = int((areas(world) >= middle).sum())
    assert (made["version"], made["cells"]) == (1, above)
    put(world, "all of them", region=POLYGON)
    put(world, "big of all", parent="all of them", region=big)

    listed = world.client.get(f"{base(world)}/gates", params={"counts": True}).json()["gates"]
    cells = {gate["name"]: gate["cells"] for gate in listed}
    assert cells == {"big +/big (1)": above, "all of them": len(areas(world)), "big of all": above}
    page = world.client.get(world.cells, params={"where": "gate = 'big of all'", "limit": 1000}).json()
    assert page["total"] == above
    assert all(row["area_um2"] >= middle for row in page["rows"])

    shown = world.client.get(f"{base(world)}/gates/all of them")
    assert shown.headers["ETag"] == '"1"'
    body = {"region": POLYGON, "note": "mine"}
    path = f"{base(world)}/gates/all of them"
    assert world.client.put(path, json=body, headers={"If-Match": '"1"'}).headers["ETag"] == '"2"'
    assert world.client.put(path, json=body, headers={"If-Match": '"1"'}).status_code == 412
    assert world.client.put(path, json=body, headers={"If-None-Match": "*"}).status_code == 412
    assert len(world.client.get(path, headers={"If-None-Match": '"1"'}).json()["versions"]) == 2
    assert world.client.get(path, headers={"If-None-Match": '"2"'}).status_code == 304
    assert world.client.delete(path).status_code == 422
    for name in ("big of all", "all of them", "big +/big (1)"):
        assert world.client.delete(f"{base(world)}/gates/{name}").status_code == 204
    assert world.client.get(f"{base(world)}/gates").json() == {"gates": []}
    assert world.client.get(path).json()["versions"][-1]["gate"] is None


def test_a_reader_may_look_at_gates_and_not_draw(world: World) -> None:
    reader = {"Authorization": f"Bearer {world.tokens.reader}"}
    assert world.stranger.get(f"{base(world)}/gates", headers=reader).status_code == 200
    path = f"{base(world)}/gates/g"
    assert world.stranger.put(path, headers=reader, json={"region": POLYGON}).status_code == 403
    assert world.stranger.delete(path, headers=reader).status_code == 403
    assert world.stranger.put(path, json={"region": POLYGON}).status_code == 401


def test_gates_go_to_other_programs_and_come_back_the_same(world: World) -> None:
    ellipse = {
        "kind": "ellipse",
        "over": [{"column": "area_um2", "scale": {"kind": "asinh", "top": 500.0}}, {"column": "novelty"}],
        "centre": [0.5, 3.0],
        "covariance": [[1.0, 0.1], [0.1, 2.0]],
        "distance_squared": 3.0,
    }
    both = {"kind": "and", "of": [{"gate": "round thing"}, {"gate": "shape", "complement": True}]}
    put(world, "shape", region=POLYGON, note="< & >")
    put(world, "round thing", parent="shape", region=ellipse)
    put(world, "both", region=both)
    put(world, "by class", region={"kind": "filter", "where": "novelty > 0"})
    before = {g["name"]: g["gate"] for g in world.client.get(f"{base(world)}/gates").json()["gates"]}

    exported = world.client.get(f"{base(world)}/gates.xml")
    assert exported.headers["Lightline-Left-Out"] == "by class"
    assert {element.tag.rpartition("}")[2] for element in ET.fromstring(exported.content)} == {
        "transformation",
        "PolygonGate",
        "EllipsoidGate",
        "BooleanGate",
    }
    for name in ("both", "round thing", "shape", "by class"):
        world.client.delete(f"{base(world)}/gates/{name}")
    headers = {"Content-Type": "application/xml"}
    read = world.client.post(f"{base(world)}/gates.xml", content=exported.content, headers=headers)
    assert read.json() == {"names": ["shape", "round thing", "both"]}
    after = {g["name"]: g["gate"] for g in world.client.get(f"{base(world)}/gates").json()["gates"]}
    assert after == {name: gate for name, gate in before.items() if name != "by class"}
    for name in ("both", "round thing", "shape"):
        world.client.delete(f"{base(world)}/gates/{name}")


GATING = "http://www.isac-net.org/std/Gating-ML/v2.0/gating"
OPENED = f'<g:Gating-ML xmlns:g="{GATING}">'


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("not xml", "not XML"),
        ('<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "document type"),
        ("<a/>", "not Gating-ML"),
        (f"{OPENED}</g:Gating-ML>", "no gates"),
        (f'{OPENED}<g:QuadrantGate g:id="q"/></g:Gating-ML>', "QuadrantGate"),
        (f'{OPENED}<g:RectangleGate g:id="r"/></g:Gating-ML>', "makes no sense"),
        (f'{OPENED}<g:RectangleGate g:id="r" g:parent_id="s"/></g:Gating-ML>', "refers to 's'"),
    ],
)
def test_files_that_are_no_gates_are_refused_in_a_sentence(world: World, content: str, says: str) -> None:
    headers = {"Content-Type": "application/xml"}
    answer = world.client.post(f"{base(world)}/gates.xml", content=content, headers=headers)
    assert answer.status_code == 422
    assert says in answer.json()["detail"]
    assert world.client.get(f"{base(world)}/gates").json() == {"gates": []}


@pytest.mark.parametrize("region", [{"kind": "polygon"}, {"kind": "rectangle", "sides": [{"column": "a b"}]}, {}])
def test_a_gate_that_makes_no_sense_is_refused(world: World, region: dict[str, object]) -> None:
    answer = world.client.put(f"{base(world)}/gates/g", json={"region": region})
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert world.client.put(f"{base(world)}/gates/'%20or%201=1", json={"region": POLYGON}).status_code == 422
