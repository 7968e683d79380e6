"""The command line, one small module for each command; a command is imported when it is called."""

from __future__ import annotations

from importlib.metadata import version

import click

from service.cli.group import LazyGroup

COMMANDS = {
    "run": "service.cli.run:run",
    "replay": "service.cli.run:replay",
    "serve": "service.cli.serve:serve",
    "simulate": "service.cli.simulate:simulate",
    "inspect": "service.cli.inspect:inspect_command",
    "pulses": "service.cli.pulses:pulses",
    "calibrate": "service.cli.calibrate:calibrate",
    "import": "service.cli.convert:import_command",
    "export": "service.cli.export:export_command",
    "reprocess": "service.cli.reprocess:reprocess_command",
    "export-sigmf": "service.cli.convert:export_sigmf_command",
    "train": "service.cli.train:train",
    "evaluate": "service.cli.evaluate:evaluate",
    "worker": "service.cli.worker:worker",
    "tune": "service.cli.tune:tune_command",
    "keys": "service.cli.keys:keys",
    "bundle": "service.cli.bundle:bundle",
    "runs": "service.cli.runs:runs",
    "config": "service.cli.config:config",
    "token": "service.cli.token:token",
}


@click.group(cls=LazyGroup, commands_at=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("lightline"), prog_name="lightline")
def main() -> None:
    """Image every cell that flows past, sort it out while it flows, and see why.

    \b
    Start with:
      lightline run            a simulated cytometer, live in your browser
      lightline inspect FILE   what is in a recording
      lightline replay FILE    a recording, as if the instrument were running
    """  # noqa: D301 - click wants the backspace character itself
