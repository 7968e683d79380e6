"""What can be asked of a service, as requests that either client sends."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx

from service.client.ask import Ask

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from service.api.cell_documents import Answers, CellDocument
    from service.api.documents import GateDocument, KindsOfRun
    from service.run import Run
    from service.status import ServiceStatus

    Array = npt.NDArray[np.generic]

_API = "/api/v1"


def run_id(run: Run | str) -> str:
    """Return the id of a run, as a part of an address."""
    return quote(run if isinstance(run, str) else run.id, safe="")


def path_of(run: Run | str, rest: str = "") -> str:
    """Return the path of something of a run."""
    return f"{_API}/runs/{run_id(run)}{rest}"


def export_wishes(format: str, wishes: dict[str, Any]) -> dict[str, Any]:
    """Return the query of an export; None is no wish."""
    return {"format": format, **{name: value for name, value in wishes.items() if value is not None}}


def _run(answer: httpx.Response) -> Run:
    from service.run import Run

    return Run.model_validate_json(answer.content)


def _runs(answer: httpx.Response) -> list[Run]:
    from service.run import Run

    return [Run.model_validate(one) for one in answer.json()["runs"]]


def _status(answer: httpx.Response) -> ServiceStatus:
    from service.status import ServiceStatus

    return ServiceStatus.model_validate_json(answer.content)


def _cell(answer: httpx.Response) -> CellDocument:
    from service.api.cell_documents import CellDocument

    return CellDocument.model_validate_json(answer.content)


def _answers(answer: httpx.Response) -> Answers:
    from service.api.cell_documents import Answers

    return Answers.model_validate_json(answer.content)


def _gate(answer: httpx.Response) -> GateDocument:
    from service.api.documents import GateDocument

    return GateDocument.model_validate_json(answer.content)


def _gates(answer: httpx.Response) -> list[GateDocument]:
    from service.api.documents import GateDocument

    return [GateDocument.model_validate(one) for one in answer.json()["gates"]]


def _array(answer: httpx.Response) -> Array:
    import numpy as np

    array: Array = np.load(io.BytesIO(answer.content), allow_pickle=False)
    return array


def _counts(answer: httpx.Response) -> dict[str, int]:
    return {str(name): int(count) for name, count in answer.json()["counts"].items()}


def _kinds(answer: httpx.Response) -> dict[str, str]:
    return {str(name): str(kind) for name, kind in answer.json()["columns"].items()}


def _kinds_of_runs(answer: httpx.Response) -> list[KindsOfRun]:
    from service.api.documents import Kinds

    return Kinds.model_validate_json(answer.content).runs


def _nothing(answer: httpx.Response) -> None:
    del answer


def status() -> Ask[ServiceStatus]:
    """Ask what the service is doing."""
    return Ask("GET", f"{_API}/status", _status)


def runs(limit: int) -> Ask[list[Run]]:
    """Ask for runs, the newest first."""
    return Ask("GET", f"{_API}/runs", _runs, {"limit": limit})


def run(which: Run | str) -> Ask[Run]:
    """Ask for a run as it stands."""
    return Ask("GET", path_of(which), _run)


def start(source: str, wishes: dict[str, Any]) -> Ask[Run]:
    """Ask for a new run."""
    return Ask("POST", f"{_API}/runs", _run, body={"source": source, **wishes})


def begin(which: Run | str) -> Ask[Run]:
    """Ask to let a run go that was held."""
    return Ask("POST", path_of(which, "/start"), _run)


def stop(which: Run | str) -> Ask[Run]:
    """Ask to end a run."""
    return Ask("POST", path_of(which, "/stop"), _run)


def columns(which: Run | str) -> Ask[dict[str, str]]:
    """Ask what filters may name."""
    return Ask("GET", path_of(which, "/columns"), _kinds)


def kinds(by: str, wishes: dict[str, Any]) -> Ask[list[KindsOfRun]]:
    """Ask for the cells of many runs by kind; None is no wish."""
    asked = {"by": by, **{name: wish for name, wish in wishes.items() if wish is not None}}
    return Ask("GET", f"{_API}/kinds", _kinds_of_runs, asked)


def cell(which: Run | str, event_id: int) -> Ask[CellDocument]:
    """Ask for one cell."""
    return Ask("GET", path_of(which, f"/cells/{event_id}"), _cell)


def answers(which: Run | str, event_id: int) -> Ask[Answers]:
    """Ask for everything that the model said of a cell."""
    return Ask("GET", path_of(which, f"/cells/{event_id}/answers"), _answers)


def image(which: Run | str, event_id: int, channel: str, how: dict[str, Any]) -> Ask[Array]:
    """Ask for an image."""
    place = path_of(which, f"/cells/{event_id}/channels/{quote(channel, safe='')}")
    return Ask("GET", place, _array, {"format": "npy", **how})


def window(which: Run | str, event_id: int) -> Ask[Array]:
    """Ask for raw samples."""
    return Ask("GET", path_of(which, f"/cells/{event_id}/window.npy"), _array)


def saliency(which: Run | str, event_id: int, how: dict[str, Any]) -> Ask[Array]:
    """Ask for the evidence in an image."""
    return Ask("GET", path_of(which, f"/cells/{event_id}/saliency.npy"), _array, how)


def gates(which: Run | str, counts: bool) -> Ask[list[GateDocument]]:
    """Ask for the gates of a run."""
    return Ask("GET", path_of(which, "/gates"), _gates, {"counts": str(counts).lower()})


def put_gate(which: Run | str, name: str, region: dict[str, Any], parent: str | None, note: str) -> Ask[GateDocument]:
    """Ask to draw a gate."""
    place = path_of(which, f"/gates/{quote(name, safe='')}")
    return Ask("PUT", place, _gate, body={"region": region, "parent": parent, "note": note})


def remove_gate(which: Run | str, name: str) -> Ask[None]:
    """Ask to take a gate away."""
    return Ask("DELETE", path_of(which, f"/gates/{quote(name, safe='')}"), _nothing)


def labels(which: Run | str) -> Ask[dict[str, int]]:
    """Ask how many cells have each label."""
    return Ask("GET", path_of(which, "/labels"), _counts)


def label(which: Run | str, name: str | None, events: Sequence[int] | None, where: str | None) -> Ask[dict[str, int]]:
    """Ask to give cells a label."""
    body = {"label": name, "events": None if events is None else [int(k) for k in events], "where": where}
    return Ask("POST", path_of(which, "/labels"), _counts, body=body)
