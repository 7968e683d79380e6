"""What the routes need from the application: its control, its settings and its folders."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, cast

from fastapi import Depends, Query, Request
from fastapi.concurrency import run_in_threadpool

from service.result_set import LIVE
from service.runs.control import RunControl
from service.settings import Settings
from service.store.results import Results
from service.store.run_folder import RunFolder


async def _control(request: Request) -> RunControl:
    return cast(RunControl, request.app.state.control)


async def _settings(request: Request) -> Settings:
    return cast(Settings, request.app.state.settings)


ControlOf = Annotated[RunControl, Depends(_control)]
SettingsOf = Annotated[Settings, Depends(_settings)]


def source_folders(settings: Settings) -> tuple[Path, ...]:
    """Folders whose recordings may be opened over HTTP."""
    return (settings.data, *settings.allow_source)


async def _folder(run_id: str, control: ControlOf) -> RunFolder:
    found = control.open_folder(run_id)
    return await run_in_threadpool(control.folder, run_id) if found is None else found


FolderOf = Annotated[RunFolder, Depends(_folder)]


async def _results(
    folder: FolderOf,
    results: Annotated[
        str, Query(max_length=64, description="A result set of the run; `live` is what it has itself")
    ] = LIVE,
) -> Results:
    return folder.results() if results == LIVE else await run_in_threadpool(folder.results, results)


ResultsOf = Annotated[Results, Depends(_results)]
