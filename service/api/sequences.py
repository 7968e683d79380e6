"""Several runs one after the other: begun, listed and cancelled."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Response
from pydantic import BaseModel, ConfigDict

from service.api.auth import Needs
from service.api.context import ControlOf, SettingsOf, source_folders
from service.api.operators import controls
from service.api.problems import PROBLEMS
from service.api.sources import checked_request
from service.sequence import SequenceRequest, SequenceStatus
from service.tokens import Scope

_PATH = "/api/v1/sequences"

reading = APIRouter(prefix=_PATH, tags=["runs"], dependencies=[Depends(Needs(Scope.READ))], responses=PROBLEMS)
control_router = APIRouter(
    prefix=_PATH,
    tags=["control"],
    dependencies=[Depends(Needs(Scope.CONTROL)), Depends(controls)],
    responses=PROBLEMS,
)


class SequenceList(BaseModel):
    """The last sequences since the service was started, the newest first."""

    model_config = ConfigDict(frozen=True)

    sequences: list[SequenceStatus]


@reading.get("")
def list_sequences(control: ControlOf) -> SequenceList:
    """List the sequences since the service was started, at most 50."""
    return SequenceList(sequences=control.sequences.all())


@reading.get("/{sequence_id}")
def show_sequence(sequence_id: str, control: ControlOf) -> SequenceStatus:
    """Return how far a sequence is."""
    return control.sequences.status(sequence_id)


@control_router.post("", status_code=201)
def begin_sequence(
    body: SequenceRequest, control: ControlOf, settings: SettingsOf, response: Response
) -> SequenceStatus:
    """Arm and start the first run; each other one begins when the one before it is over."""
    folders = source_folders(settings)
    runs = tuple(checked_request(run, folders) for run in body.runs)
    status = control.sequences.begin(body.model_copy(update={"runs": runs}))
    response.headers["Location"] = f"{_PATH}/{status.id}"
    return status


@control_router.delete("/{sequence_id}")
def cancel_sequence(sequence_id: str, control: ControlOf) -> SequenceStatus:
    """Begin no other run of a sequence; the one in progress goes on, and is stopped for itself."""
    return control.sequences.cancel(sequence_id)
