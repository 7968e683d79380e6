"""Options of the command line for every setting of a service, made from the one list of settings."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, get_args, get_origin

import click
from pydantic import ByteSize
from pydantic.fields import FieldInfo

from service.settings import Settings

Command = Callable[..., Any]


def setting_option(name: str) -> Callable[[Command], Command]:
    """Return the option of a setting; without it, the environment, the file or the default holds."""
    field = Settings.model_fields[name]
    kind, several = _kind(field.annotation)
    flag = f"--{name.replace('_', '-')}"
    if kind is bool:
        return click.option(f"{flag}/--no-{flag[2:]}", name, default=None, help=_help(field))
    metavar = "SIZE" if kind is ByteSize else None
    return click.option(flag, name, type=_click_type(kind), multiple=several, metavar=metavar, help=_help(field))


def config_option() -> Callable[[Command], Command]:
    """Return the option that names a file of settings."""
    return click.option(
        "--config",
        type=click.Path(dir_okay=False, path_type=Path),
        help="File with settings, TOML (default: lightline.toml where there is one, or LIGHTLINE_CONFIG).",
    )


def settings_from(values: dict[str, Any]) -> Settings:
    """Return the settings: options that were given, then the environment, then the file, then defaults."""
    # An option that was not given must not overrule the others.
    file = values.pop("config", None)
    given = {name: value or None if isinstance(value, tuple) else value for name, value in values.items()}
    return Settings.load(None, file, **given)


def _kind(annotation: Any) -> tuple[Any, bool]:
    """Return the type of one value, and whether there may be several."""
    if get_origin(annotation) is tuple:
        return get_args(annotation)[0], True
    if get_origin(annotation) is UnionType:
        (annotation,) = (one for one in get_args(annotation) if one is not NoneType)
    return annotation, False


def _click_type(kind: Any) -> Any:
    if kind is Path:
        return click.Path(path_type=Path)
    if get_origin(kind) is Literal:
        return click.Choice(get_args(kind))
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return click.Choice([one.value for one in kind])
    return kind if kind in (int, float) else str


def _help(field: FieldInfo) -> str:
    text = (field.description or "").replace("`", "").removesuffix(".")
    default = field.default.human_readable() if isinstance(field.default, ByteSize) else field.default
    if default is True:
        default = "yes"
    return f"{text}." if default in (None, ()) else f"{text} (default: {default})."
