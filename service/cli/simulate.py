"""`lightline simulate`: a simulated or replayed instrument, into a file or onto the network.

The only module of the command line that knows the simulator.
"""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import click

from acquisition.errors import ConfigError
from acquisition.network_address import parse_address
from acquisition.replay_options import parse_speed
from acquisition.source import Source
from service.cli.group import INTERRUPTED
from service.cli.options import stack
from service.cli.write_trace import make_room, write_trace
from simulator.faults.faulty_source import FaultySource
from simulator.options import open_simulation, scenario
from simulator.replayed import open_replay
from simulator.server import SourceServer

_ways_out = stack(
    click.option("--out", "-o", type=click.Path(dir_okay=False, path_type=Path), help="Trace file to write."),
    click.option("--force", is_flag=True, help="Replace the file if it is there."),
    click.option("--preview", type=click.Path(dir_okay=False, path_type=Path), help="Picture of one cell to draw."),
    click.option("--serve", metavar="URL", help="Be a network instrument, e.g. at tcp://127.0.0.1:5555 (0: any port)."),
)

_what_flows = stack(
    click.option("--sample", help="What flows: a population, or shares such as lymphocyte:0.5,monocyte:0.5."),
    click.option("--phantoms", metavar="PATH", help="Real cell images that flow in place of simulated cells."),
    click.option("--pixel-um", type=float, help="Pixel of the phantoms, in µm."),
    click.option("--cells", type=int, help="End after this many cells have passed."),
    click.option("--seconds", type=float, help="End after this much time."),
    click.option("--rate", type=float, help="Cells per second (default: the preset's)."),
    click.option("--level", help="How side scatter is made: L0 (default), L1 or L2."),
    click.option("--loop", metavar="SECONDS", help="Make so much and play it round and round; 'none' makes all anew."),
    click.option("--threads", metavar="N|all", help="Threads that make the samples (default: 1)."),
    click.option(
        "--set",
        "settings",
        multiple=True,
        metavar="NAME=VALUE",
        help="Any other setting of the simulated instrument, such as flow.debris_per_cell=5; may be repeated.",
    ),
)

_how_it_comes = stack(
    click.option("--seed", type=int, default=1, show_default=True, help="Same seed, same samples and faults."),
    click.option(
        "--fault",
        "faults",
        multiple=True,
        metavar="TEXT",
        help="Faults of the driver, such as drop:rate=1e-4 or late:every=2s:by=0.3s; may be repeated.",
    ),
    click.option("--speed", metavar="X|max", help="Pace against real time (default: max into a file, 1 when served)."),
    click.option("--block-samples", type=int, help="Samples in a block; faults happen with blocks."),
)


@click.command()
@click.argument("preset", required=False)
@click.option("--replay", metavar="TRACE", help="Play this recording as the instrument, in place of PRESET.")
@_ways_out
@_what_flows
@_how_it_comes
def simulate(
    preset: str | None,
    replay: str | None,
    out: Path | None,
    preview: Path | None,
    serve: str | None,
    force: bool,
    **options: Any,
) -> None:
    """Be an instrument: simulate PRESET, or play a recording, into a file or onto the network.

    PRESET is sheet-ci, sheet-real, stretch-ci, atom-real or atom-4g. The same seed gives the same samples in a file,
    over the network, and as sim:PRESET in 'lightline run'. Beside the samples goes the truth: which cell passed when.

    \b
    Examples:
      lightline simulate sheet-ci --cells 500 --out cells.h5
      lightline simulate sheet-ci --serve tcp://127.0.0.1:5555     then: lightline run tcp://127.0.0.1:5555
      lightline simulate sheet-ci --sample neutrophil --preview cell.png
      lightline simulate --replay cells.h5 --fault drop:rate=1e-3 --out faulty.h5
    """  # noqa: D301 - click wants the backspace character itself
    if sum(way is not None for way in (out, preview, serve)) != 1:
        raise ConfigError(
            "Say where the samples go: into a file with --out, onto the network with --serve, or into a picture of one "
            "cell with --preview."
        )
    if preview is not None:
        _preview(preset, replay, preview, options, force=force)
        return
    address = None if serve is None else parse_address(serve, any_port=True)
    speed = parse_speed(options.pop("speed") or ("max" if serve is None else "1"))
    cells, seconds = options["cells"], options["seconds"]
    if replay is None and out is not None and cells is None and seconds is None:
        raise ConfigError("A simulation has no end of its own; say how much with --cells or --seconds.")
    source = _open(preset, replay, speed, options)
    with source:
        if out is not None:
            make_room(out, force=force)
            wanted = cells if seconds is None else None
            click.echo(f"{write_trace(source, out, wanted)}{_injected(source)}", err=True)
        if address is not None:
            _serve(source, SourceServer(source, address, live=speed is not None, log=_log))


def _preview(preset: str | None, replay: str | None, out: Path, options: dict[str, Any], *, force: bool) -> None:
    if preset is None or replay is not None:
        raise ConfigError("A preview shows a cell of a simulation; name a preset such as sheet-ci.")
    unused = [
        name for name in ("faults", "speed", "block_samples", "cells", "seconds", "threads", "loop") if options[name]
    ]
    if unused:
        raise ConfigError(f"A preview shows one cell, so the option --{_word(unused[0])} says nothing; leave it out.")
    given = {
        name: options[name] for name in ("sample", "phantoms", "pixel_um", "rate", "level") if options[name] is not None
    }
    drawn = scenario(preset, seed=options["seed"], **given, **_settings(options["settings"]))
    # Imported here: few simulations are drawn.
    from simulator.preview import draw_preview

    make_room(out, force=force)
    arrival = draw_preview(drawn, out)
    click.echo(f"Drew a cell of the kind {arrival.specimen.kind} to {out}.", err=True)


def _word(name: str) -> str:
    return {"faults": "fault", "settings": "set"}.get(name, name.replace("_", "-"))


def _open(preset: str | None, replay: str | None, speed: float | None, options: dict[str, Any]) -> Source:
    """Open the simulation or the recording; options that were not given are left to it."""
    common: dict[str, Any] = {
        "fault": ",".join(options.pop("faults")),
        "seed": options.pop("seed"),
        "speed": speed,
        "block_samples": options.pop("block_samples"),
    }
    settings = _settings(options.pop("settings"))
    given = {name: value for name, value in options.items() if value is not None}
    if (preset is None) == (replay is None):
        raise ConfigError("Say what is simulated: either a preset such as sheet-ci, or a recording with --replay.")
    if preset is not None:
        return open_simulation(preset, **common, **given, **settings)
    if given or settings:
        raise ConfigError(
            f"The option --{_word(next(iter(given), 'settings'))} is for simulations; leave it out with --replay."
        )
    return open_replay(str(replay), **common)


def _settings(texts: tuple[str, ...]) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not separator or "." not in name:
            raise ConfigError(f"'--set {text}' is not understood; write NAME=VALUE, such as flow.debris_per_cell=5.")
        settings[name] = value
    return settings


def _serve(source: Source, server: SourceServer) -> None:
    """Serve until Ctrl-C or SIGTERM; the address goes to stdout, where a program that asked for any port finds it."""
    came: list[int] = []

    def stop(number: int, _frame: object) -> None:
        came.append(number)
        server.stop()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        click.echo(str(server.address))
        _log(f"Serving {source.description}; end with Ctrl-C.")
        if not server.address.is_local:
            _log("Other computers can reach this address, and what is served is not encrypted.")
        server.run()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    _log(f"Served {server.clients} clients{_injected(source)}")
    if signal.SIGINT in came:
        click.get_current_context().exit(INTERRUPTED)


def _injected(source: Source) -> str:
    if not isinstance(source, FaultySource):
        return "."
    return f"; faults: {', '.join(f'{name} {count}' for name, count in source.counts.items())}."


def _log(line: str) -> None:
    click.echo(line, err=True)
