"""What the routes need from the application: its control, its settings and its folders."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, cast

from fastapi import Depends, Query, Request

from service.result_set import LIVE
from service.runs.control import RunControl
from service.settings import Settings
from service.store.results import Results
from service.store.run_folder import RunFolder


def _control(request: Request) -> RunControl:
    return cast(RunControl, request.app.state.control)


def _settings(request: Request) -> Settings:
    return cast(Settings, request.app.state.settings)


ControlOf = Annotated[RunControl, Depends(_control)]
SettingsOf = Annotated[Settings, Depends(_settings)]


def source_folders(settings: Settings) -> tuple[Path, ...]:
    """Folders whose recordings may be opened over HTTP."""
    return (settings.data, *settings.allow_source)


def _folder(run_id: str, control: ControlOf) -> RunFolder:
    return control.folder(run_id)


FolderOf = Annotated[RunFolder, Depends(_folder)]


def _results(
    folder: FolderOf,
    results: Annotated[
        str, Query(max_length=64, description="A result set of the run; `live` is what it has itself")
    ] = LIVE,
) -> Results:
    return folder.results(results)


ResultsOf = Annotated[Results, Depends(_results)]
