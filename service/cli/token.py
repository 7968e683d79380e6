"""`lightline token`: who may use the service, besides its owner."""

from __future__ import annotations

from pathlib import Path

import click

from service.cli.options import data_option
from service.settings import Settings
from service.tokens import Scope, TokenFile


@click.group()
def token() -> None:
    """Give tokens to people and programs, and take them back.

    A token allows what its scopes say: 'read' to look, 'annotate' to draw gates and label cells, 'control' to start and
    stop runs. A running service knows at once of every token that is given or taken back.
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
@data_option
def create(name: str, scopes: tuple[str, ...], days: float, forever: bool, data: Path | None) -> None:
    """Make a token for NAME and print it; it cannot be shown again."""
    granted = frozenset(Scope(scope) for scope in scopes)
    secret = _file(data).create(name, granted, None if forever else days)
    click.echo(
        f"Token of '{name}' ({', '.join(sorted(granted))}); it is kept as a hash only, so note it now:", err=True
    )
    click.echo(secret)


@token.command("list")
@data_option
def list_tokens(data: Path | None) -> None:
    """List the tokens there are."""
    for kept in _file(data).tokens():
        end = "never" if kept.expires_at is None else f"{kept.expires_at:%Y-%m-%d %H:%M} UTC"
        state = "" if kept.holds() else "  (expired)"
        click.echo(f"{kept.name:<24}{','.join(sorted(kept.scopes)):<24}until {end}{state}")


@token.command()
@click.argument("name")
@data_option
def revoke(name: str, data: Path | None) -> None:
    """Take the token of NAME back."""
    _file(data).revoke(name)
    click.echo(f"The token of '{name}' opens nothing any more.", err=True)


def _file(data: Path | None) -> TokenFile:
    return TokenFile(Settings.load(None, data=data).data)
