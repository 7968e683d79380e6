"""`lightline token`: who may use the service, besides its owner."""

from __future__ import annotations

from typing import Any

import click

from service.cli.options import data_options
from service.cli.setting_options import settings_from
from service.tokens import Scope, TokenFile


@click.group()
def token() -> None:
    """Give tokens to people and programs, and take them back.

    A token allows what its scopes say: 'read' to look, 'annotate' to draw gates, label cells and pin runs, 'control' to
    start and stop runs. A running service knows at once of every token that is given or taken back.
    """


@token.command()
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice([scope.value for scope in Scope]),
    multiple=True,
    default=[Scope.READ.value],
    show_default=True,
    help="What it allows; may be given several times.",
)
@click.option("--days", type=click.FloatRange(0, 36_500, min_open=True), default=90.0, show_default=True)
@click.option("--forever", is_flag=True, help="It does not expire.")
@data_options
def create(name: str, scopes: tuple[str, ...], days: float, forever: bool, **where: Any) -> None:
    """Make a token for NAME and print it; it cannot be shown again."""
    granted = frozenset(Scope(scope) for scope in scopes)
    secret = _file(where).create(name, granted, None if forever else days)
    click.echo(
        f"Token of '{name}' ({', '.join(sorted(granted))}); it is kept as a hash only, so note it now:", err=True
    )
    click.echo(secret)


@token.command("list")
@data_options
def list_tokens(**where: Any) -> None:
    """List the tokens there are."""
    for kept in _file(where).tokens():
        end = "never" if kept.expires_at is None else f"{kept.expires_at:%Y-%m-%d %H:%M} UTC"
        state = "" if kept.holds() else "  (expired)"
        click.echo(f"{kept.name:<24}{','.join(sorted(kept.scopes)):<24}until {end}{state}")


@token.command()
@click.argument("name")
@data_options
def revoke(name: str, **where: Any) -> None:
    """Take the token of NAME back."""
    _file(where).revoke(name)
    click.echo(f"The token of '{name}' opens nothing any more.", err=True)


def _file(where: dict[str, Any]) -> TokenFile:
    return TokenFile(settings_from(where).data)
