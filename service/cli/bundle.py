"""`lightline bundle`: what is in a model file."""

from __future__ import annotations

from pathlib import Path

import click

from acquisition.errors import ConfigError
from inference.bundle import Bundle
from inference.contract import Contract
from inference.shipped import bundle_file, shipped_bundles
from inference.verification import verify


@click.group()
def bundle() -> None:
    """Look into the files that hold trained models."""


@bundle.command("list")
def list_bundles() -> None:
    """List the models that come with Lightline."""
    for name in shipped_bundles():
        click.echo(name)


@bundle.command()
@click.argument("file")
@click.option("--json", "as_json", is_flag=True, help="Print the whole contract as JSON.")
def show(file: str, as_json: bool) -> None:
    """Say what the model in FILE takes and answers, and how well it does.

    FILE is a bundle file, or the name of a model that comes with Lightline.
    """
    contract = Bundle.load(bundle_file(file)).contract
    click.echo(contract.model_dump_json(indent=1) if as_json else _table(contract))


@bundle.command("verify")
@click.argument("file")
def verify_bundle(file: str) -> None:
    """Check everything about the model in FILE, and end with 1 if anything is wrong.

    FILE is a bundle file, or the name of a model that comes with Lightline.
    """
    sound = True
    for check in verify(bundle_file(file)):
        click.echo(f"{'ok' if check.passed else 'WRONG':<6}{check.what:<14}{check.found}")
        sound = check.passed
    if not sound:
        raise SystemExit(1)


@bundle.command()
@click.argument("file")
@click.option("--graph", type=click.Choice(["live", "explain"]), help="Write this ONNX graph.")
@click.option("--contract", "wants_contract", is_flag=True, help="Write the contract, as JSON.")
@click.option("--out", required=True, metavar="FILE", help="The file to write.")
def export(file: str, graph: str | None, wants_contract: bool, out: str) -> None:
    """Write a part of the model in FILE into a file of its own, for other programs.

    FILE is a bundle file, or the name of a model that comes with Lightline.
    """
    if wants_contract == (graph is not None):
        raise click.UsageError("Say what to write: --graph live, --graph explain or --contract.")
    whole = Bundle.load(bundle_file(file))
    part = {"live": whole.live, "explain": whole.explain}.get(graph or "", whole.document)
    try:
        Path(out).expanduser().write_bytes(part)
    except OSError as error:
        raise ConfigError(f"The file '{out}' cannot be written: {error.strerror}; name another.") from None
    click.echo(f"{out}: {len(part)} bytes")


def _table(contract: Contract) -> str:
    inputs = ", ".join(spec.in_words for spec in contract.inputs)
    training = contract.training
    rows = [
        ("name", contract.name),
        ("model", contract.model),
        ("instrument", contract.instrument_kind),
        ("takes", inputs),
        ("embedding", f"{contract.embedding_size} numbers"),
        ("clusters", ", ".join(contract.clusters) + _mixture(contract)),
        ("classes", ", ".join(contract.classes) or "none: trained without labels"),
        ("sets of classes", _sets(contract)),
        ("factors", _factors(contract)),
        ("concepts", _concepts(contract)),
        ("novel above", f"{contract.novelty.threshold:g} ({contract.novelty.method})"),
        ("trained on", f"{training.cells} {training.origin.adjective}cells"),
        ("sources", ", ".join(training.sources)),
        ("held out by", training.held_out_by),
        ("made by", contract.command),
        ("digest", contract.digest),
    ]
    for metric, values in contract.metrics.items():
        rows.append((metric, ", ".join(f"{name} {value:.4g}" for name, value in values.items())))
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {text}" for name, text in rows)


def _mixture(contract: Contract) -> str:
    mixture = contract.mixture
    return "" if mixture is None else f" ({mixture.covariance} covariance, condition {mixture.condition:.1e})"


def _factors(contract: Contract) -> str:
    told = [f"{one.name} (rank correlation {one.rank_correlation:.2f})" for one in contract.factors]
    return ", ".join(told) or "none"


def _concepts(contract: Contract) -> str:
    told = [one.name + (f" (AUROC {one.auroc:.2f})" if one.auroc is not None else "") for one in contract.concepts]
    return ", ".join(told) or "none"


def _sets(contract: Contract) -> str:
    conformal = contract.conformal
    if conformal is None:
        return "none"
    least = zip(contract.classes, conformal.least_probability, strict=True)
    return f"hold {1 - conformal.alpha:.3g} of each class: " + ", ".join(f"{name} from {p:.3g} on" for name, p in least)
