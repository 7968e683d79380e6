"""A click group whose every failure is one sentence on stderr and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import click

from acquisition.errors import LightlineError

BAD_INPUT = 2
INTERRUPTED = 130


class LightlineGroup(click.Group):
    """Turns what a user can cause into one sentence and exit code 2, and an interrupt into 130.

    Faults of our own keep their traceback: they are reports to be sent, not mistakes to be mended.
    """

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run a command and end the process with its exit code."""
        try:
            code = super().main(args, prog_name, complete_var, False, **extra)
        except LightlineError as error:
            click.echo(f"lightline: {_one_line(str(error))}", err=True)
            code = BAD_INPUT
        except click.exceptions.NoArgsIsHelpError as error:
            click.echo(error.ctx.get_help() if error.ctx else "")
            code = BAD_INPUT
        except click.ClickException as error:
            click.echo(f"lightline: {_one_line(error.format_message())}{_where_to_look(error)}", err=True)
            code = BAD_INPUT
        except (KeyboardInterrupt, click.Abort):
            click.echo("lightline: Interrupted.", err=True)
            code = INTERRUPTED
        except BrokenPipeError:
            # The reader of a pipe went away, as `head` does.
            sys.stderr.close()
            code = 1
        if not standalone_mode:
            return code
        sys.exit(code if isinstance(code, int) else 0)


class LazyGroup(LightlineGroup):
    """Imports a command only when it is called: help and small commands answer at once."""

    def __init__(self, *args: Any, commands_at: Mapping[str, str], **rest: Any) -> None:
        super().__init__(*args, **rest)
        self._commands_at = commands_at

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's own signature
        """Names of the commands, in the order that a newcomer needs them."""
        return list(self._commands_at)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 - as above
        """Import a command."""
        if cmd_name not in self._commands_at:
            return None
        module, _, name = self._commands_at[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _where_to_look(error: click.ClickException) -> str:
    if isinstance(error, click.UsageError) and error.ctx is not None:
        return f" See '{error.ctx.command_path} --help'."
    return ""
