"""`lightline config`: every setting, its value, and where it comes from."""

from __future__ import annotations

import json
from typing import Any

import click

from service.cli.options import service_settings
from service.cli.setting_options import settings_from
from service.settings import Settings


@click.command()
@service_settings
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document instead of TOML.")
def config(as_json: bool, **options: Any) -> None:
    """Show every setting of the service, with its value and what set it.

    What is printed is a file of settings: save it as lightline.toml, and change it. An option overrules the environment
    (LIGHTLINE_PORT), the environment the file, and the file the default.
    """
    settings = settings_from(options)
    click.echo(json.dumps(_document(settings), indent=1) if as_json else _toml(settings))


def _document(settings: Settings) -> dict[str, Any]:
    return {name: {"value": value, "set_by": settings.set_by(name)} for name, value in settings.plain().items()}


def _toml(settings: Settings) -> str:
    lines = []
    for name, value in settings.plain().items():
        about = type(settings).model_fields[name].description or ""
        lines.append(f"# {' '.join(about.split())}")
        # A basic string of TOML escapes as JSON does.
        given = f"# {name} =" if value is None else f"{name} = {json.dumps(value, ensure_ascii=False)}"
        lines += [f"{given}  # {settings.set_by(name)}", ""]
    return "\n".join(lines).rstrip()
