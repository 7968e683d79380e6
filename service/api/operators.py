"""Who has the controls: taken, kept, given back."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from service.api.auth import Needs
from service.api.context import ControlOf
from service.api.problems import PROBLEMS
from service.status import OperatorStatus
from service.tokens import Scope

router = APIRouter(
    prefix="/api/v1/operator", tags=["control"], dependencies=[Depends(Needs(Scope.CONTROL))], responses=PROBLEMS
)


class OperatorBody(BaseModel):
    """Who takes the controls."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{1,64}$")]
    """What the others are shown."""
    minutes: Annotated[float, Field(gt=0, le=24 * 60)] = 15.0
    """How long they are held after the last thing that was done with them."""


def controls(request: Request, control: ControlOf) -> None:
    """Let a request through that may control, unless somebody else has the controls (423); it holds them on.

    A dependency for every route that changes what the instrument does, beside `Needs(Scope.CONTROL)`.
    """
    control.operator.use(request.state.who)


@router.put("")
def take_controls(
    body: OperatorBody,
    request: Request,
    control: ControlOf,
    take: Annotated[bool, Query(description="Take them also from somebody who has them")] = False,
) -> OperatorStatus | None:
    """Take the controls for this token: others are refused (423) until they are given back, or not used for a while."""
    before = control.operator.take(request.state.who, body.name, body.minutes, from_others=take)
    if before is not None:
        request.state.note = f"{body.name} took the controls from {before.name} (token '{before.token}')"
    return control.operator.status()


@router.delete("", status_code=204)
def give_controls_back(request: Request, control: ControlOf) -> Response:
    """Give the controls back."""
    control.operator.give_back(request.state.who)
    return Response(status_code=204)
