"""`lightline serve`: the page and the API over runs that are there already."""

from __future__ import annotations

from typing import Any

import click

from service.cli.options import service_options
from service.cli.session import STOPPING, serving
from service.cli.setting_options import settings_from


@click.command()
@service_options
def serve(open_page: bool, **settings: Any) -> None:
    """Show the runs in a data folder, and start new ones from the page.

    Nothing is acquired until someone presses Start, or a program asks for a run over HTTP.
    """
    with serving(settings_from(settings), open_page=open_page) as session:
        while not session.stop.wait(60.0):
            continue
        click.echo(STOPPING, err=True)
        code = session.stop.exit_code
    session.leave(code)
