"""Where settings come from: a TOML file, the environment, the command line; and what is in none of the lists."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from acquisition.errors import ConfigError

ENVIRONMENT_PREFIX = "LIGHTLINE_"
CONFIG_VARIABLE = f"{ENVIRONMENT_PREFIX}CONFIG"
DEFAULT_FILE = "lightline.toml"
_PATHS = (Path, Path | None, tuple[Path, ...])
_OTHER_VARIABLES = frozenset({CONFIG_VARIABLE, f"{ENVIRONMENT_PREFIX}TOKEN"})
"""Variables that are no settings: a secret is in no list."""


class SetBy(StrEnum):
    """What gave a setting its value; each overrules those before it."""

    DEFAULT = "default"
    FILE = "file"
    ENVIRONMENT = "environment"
    OPTION = "option"


@dataclass(frozen=True)
class Given:
    """A value that was given, by what, and the place in words."""

    value: Any
    set_by: SetBy
    place: str


def given_settings(
    known: Mapping[str, Any],
    environment: Mapping[str, str] | None,
    config: Path | None,
    options: Mapping[str, object],
) -> dict[str, Given]:
    """Return what was given for each of the known settings, by name; see `Settings.load`.

    `known` has the type of each: paths in a file are seen from the folder of the file.
    """
    variables = os.environ if environment is None else environment
    given: dict[str, Given] = {}
    file = _chosen_file(variables, config)
    if file is not None:
        for name, value in _read(file).items():
            _require_known(name, known, f"in the file '{file}'")
            value = _beside(file, value) if known[name] in _PATHS else value
            given[name] = Given(value, SetBy.FILE, f"in the file '{file}'")
    for variable, text in variables.items():
        if variable.startswith(ENVIRONMENT_PREFIX) and variable not in _OTHER_VARIABLES:
            name = variable.removeprefix(ENVIRONMENT_PREFIX).lower()
            _require_known(name, known, f"variable {variable}")
            given[name] = Given(text, SetBy.ENVIRONMENT, f"variable {variable}")
    for name, option in options.items():
        if option is not None:
            given[name] = Given(option, SetBy.OPTION, f"option --{name.replace('_', '-')}")
    return given


def _chosen_file(variables: Mapping[str, str], config: Path | None) -> Path | None:
    if config is not None:
        return config
    if named := variables.get(CONFIG_VARIABLE):
        return Path(named)
    usual = Path(DEFAULT_FILE)
    return usual if usual.is_file() else None


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"The settings '{file}' cannot be read ({error.strerror}); check --config.") from None
    except ValueError as error:
        raise ConfigError(f"The settings '{file}' are not TOML ({error}); write lines such as port = 8010.") from None


def _require_known(name: str, known: Collection[str], place: str) -> None:
    if name in known:
        return
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0]
    raise ConfigError(
        f"There is no setting '{name}' ({place}); the nearest is '{near}', and 'lightline config' has all."
    )


def _beside(file: Path, value: Any) -> Any:
    """Return paths as seen from the folder of a file; what is none is said by who checks types."""
    if isinstance(value, list):
        return [_beside(file, one) for one in value]
    return file.parent / value if isinstance(value, str) else value
