"""`lightline runs`: which there are, which to keep for good, and which may go."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from acquisition.errors import ConfigError
from service.audit import AuditLog
from service.cli.options import data_options
from service.cli.setting_options import setting_option, settings_from
from service.clock import utc
from service.errors import RunStateError
from service.identity import checked_run_id
from service.runs.control import RUNS
from service.runs.data_lock import DataLock
from service.settings import Settings
from service.store.catalogue import Catalogue
from service.store.retention import PINNED, Kept, Removal, Retention, kept_runs, removals, remove, waiting


@click.group()
def runs() -> None:
    """List runs, keep them for good, or remove old ones."""


@runs.command("list")
@data_options
def list_runs(**where: Any) -> None:
    """List the runs there are, the oldest first, with what they take and what protects them."""
    settings = settings_from(where)
    for one in _kept(settings, Retention()):
        state = f"{one.run.state.value} {one.protected}".strip()
        click.echo(f"{one.run.id}  {one.n_bytes / 1e6:>10.1f} MB  {state:<16}  {one.run.source}")


@runs.command()
@data_options
@setting_option("retention_days")
@setting_option("retention_bytes")
@click.option("--labelled", is_flag=True, help="Also remove runs in which people labelled cells.")
@setting_option("sink")
@click.option("--uncopied", is_flag=True, help="Also remove runs that the sink does not have completely.")
@click.option("--dry-run", is_flag=True, help="Only say what would go.")
def prune(labelled: bool, uncopied: bool, dry_run: bool, **where: Any) -> None:
    """Remove runs that are older, or take more room, than the settings allow.

    Runs that are pinned, in use by another program, or in progress never go. Where the settings name a sink, runs wait
    until it has all of their rows. Every removal is a line of audit.log.
    """
    settings = settings_from(where)
    sink = None if uncopied else settings.sink
    retention = Retention(settings.retention_days, settings.retention_bytes, labelled, sink)
    if not retention.asks:
        raise ConfigError("Nothing says how long to keep runs; give --retention-days or --retention-bytes.")
    lock = DataLock(settings.data)
    if not dry_run and not lock.acquire():
        raise RunStateError(
            f"A Lightline service is using the data folder '{settings.data}'; stop it first, or let it remove runs "
            "itself, with the setting retention_days."
        )
    try:
        kept, now = _kept(settings, retention), utc()
        root, audit, going = settings.data / RUNS, AuditLog(settings.data), list[Removal]()
        for one in removals(kept, retention, now):
            if dry_run or remove(root, one, audit, "command line"):
                going.append(one)
                click.echo(f"{one.run_id}  {one.n_bytes / 1e6:>10.1f} MB  {one.why}")
        for one in waiting(kept, retention, now):
            click.echo(f"{one.run_id}  {one.n_bytes / 1e6:>10.1f} MB  stays until the sink has all of it: {one.why}")
    finally:
        lock.release()
    word = "would be removed" if dry_run else "removed"
    click.echo(f"{len(going)} runs {word}, {sum(one.n_bytes for one in going) / 1e6:.1f} MB.", err=True)


@runs.command()
@click.argument("run_id")
@data_options
def pin(run_id: str, **where: Any) -> None:
    """Keep RUN_ID for good."""
    (_folder(run_id, settings_from(where)) / PINNED).touch()


@runs.command()
@click.argument("run_id")
@data_options
def unpin(run_id: str, **where: Any) -> None:
    """Let RUN_ID go when its time has come."""
    (_folder(run_id, settings_from(where)) / PINNED).unlink(missing_ok=True)


def _kept(settings: Settings, retention: Retention) -> list[Kept]:
    root = settings.data / RUNS
    return kept_runs(root, Catalogue(root).runs(), retention)


def _folder(run_id: str, settings: Settings) -> Path:
    path = settings.data / RUNS / checked_run_id(run_id)
    if not path.is_dir():
        raise ConfigError(
            f"There is no run '{run_id}' in '{settings.data}'; 'lightline runs list' shows those there are."
        )
    return path
