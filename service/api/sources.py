"""What may be opened on behalf of someone at the other end of a connection."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote, urlencode

from acquisition.errors import ConfigError
from acquisition.offers import source_kinds
from acquisition.source import split_url
from inference.shipped import shipped_bundles
from service.run import RunRequest

_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.,:=+\-]{0,127}")
"""A preset, a bundle's name or an option: nothing that could climb or name a folder."""


def _inside(path: str, folders: Sequence[Path], what: str) -> Path:
    try:
        resolved = Path(path).resolve()
    except (OSError, ValueError, RuntimeError):
        raise ConfigError(f"The path of the {what} is not valid; check it.") from None
    if not any(resolved.is_relative_to(folder.resolve()) for folder in folders):
        raise ConfigError(
            f"Over HTTP a {what} may be opened only from the data folder or one given with --allow-source; "
            "move the file there, or start the service with that option."
        )
    return resolved


def named_sources(scheme: str) -> list[str]:
    """Return the URLs of what a scheme has by name; empty where it opens files, devices or addresses."""
    return [offer.url for kind in source_kinds() if kind.scheme == scheme for offer in kind.offers]


def _checked_source(url: str, folders: Sequence[Path]) -> str:
    scheme, path, query = split_url(url)
    if scheme == "tcp":
        raise ConfigError(
            "A network instrument cannot be named over HTTP; start its run with 'lightline run tcp://...'."
        )
    phantoms = query.pop("phantoms", None)
    if not all(_PLAIN.fullmatch(text) for text in (*query, *query.values())):
        raise ConfigError("An option of the source holds a character that is not allowed over HTTP; take it out.")
    if phantoms is not None:
        query["phantoms"] = str(_inside(phantoms, folders, "folder of real images"))
    options = f"?{urlencode(query)}" if query else ""
    names = named_sources(scheme)
    if names:
        if not _PLAIN.fullmatch(path):
            raise ConfigError(f"'{path[:80]}' is not the name of a source; use for example {names[0]}.")
        return f"{scheme}:{path}{options}"
    return f"{scheme}:{quote(str(_inside(path, folders, 'recording')))}{options}"


def checked_request(request: RunRequest, folders: Sequence[Path]) -> RunRequest:
    """Return the request with every path in it resolved and found inside the allowed folders.

    Parameters
    ----------
    request
        As it came over HTTP.
    folders
        Folders whose files may be opened.

    Raises
    ------
    ConfigError
        If the request names anything else.
    """
    checked = {"source": _checked_source(request.source, folders), "bundle": checked_bundle(request.bundle, folders)}
    return request.model_copy(update=checked)


def checked_bundle(bundle: str | None, folders: Sequence[Path]) -> str | None:
    """Return a shipped bundle's name, or the path of a file inside the allowed folders; raises `ConfigError`."""
    if bundle is None or bundle in shipped_bundles():
        return bundle
    return str(_inside(bundle, folders, "bundle"))
