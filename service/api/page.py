"""The page, and the library of its charts, which is served from where its package is installed."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse
from fastapi.staticfiles import StaticFiles
from starlette.responses import Response
from starlette.types import Scope

from service.errors import StorageError

PAGE = Path(__file__).parent.parent / "dashboard"
_AGAIN = {"Cache-Control": "no-cache"}
"""Browsers may keep a file, and ask each time whether it is still the same."""


class _Files(StaticFiles):
    async def get_response(self, path: str, scope: Scope) -> Response:
        response = await super().get_response(path, scope)
        response.headers.update(_AGAIN)
        return response


def chart_library() -> Path:
    """Return where Plotly's script is, without importing Plotly.

    Raises
    ------
    StorageError
        If the package is not installed.
    """
    found = find_spec("plotly")
    if found is None or found.origin is None:
        raise StorageError("The charts of the page need the package plotly; install Lightline with all it depends on.")
    return Path(found.origin).parent / "package_data" / "plotly.min.js"


def add_page(app: FastAPI) -> None:
    """Serve the page at `/` and its parts below `/static`; none of it needs a token or says anything of a run."""

    @app.get("/", include_in_schema=False)
    def page() -> FileResponse:
        return FileResponse(PAGE / "index.html", headers=_AGAIN)

    library = chart_library()

    @app.get("/static/lib/plotly.min.js", include_in_schema=False)
    def charts() -> FileResponse:
        return FileResponse(library, headers=_AGAIN)

    app.mount("/static", _Files(directory=PAGE), name="static")
