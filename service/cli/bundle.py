"""`lightline bundle`: what is in a model file."""

from __future__ import annotations

from pathlib import Path

import click

from inference.bundle import Bundle
from inference.contract import Contract
from inference.shipped import SHIPPED, shipped_bundles


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
    contract = Bundle.load(SHIPPED / f"{file}.bundle" if file in shipped_bundles() else Path(file)).contract
    click.echo(contract.model_dump_json(indent=1) if as_json else _table(contract))


def _table(contract: Contract) -> str:
    inputs = ", ".join(
        f"{spec.channel} {' x '.join(map(str, spec.shape))} at {spec.pixel_um:g} µm" for spec in contract.inputs
    )
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
        ("novel above", f"{contract.novelty.threshold:g} ({contract.novelty.method})"),
        ("trained on", f"{training.cells} {training.origin.adjective}cells"),
        ("sources", ", ".join(training.sources)),
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


def _sets(contract: Contract) -> str:
    conformal = contract.conformal
    if conformal is None:
        return "none"
    least = zip(contract.classes, conformal.least_probability, strict=True)
    return f"hold {1 - conformal.alpha:.3g} of each class: " + ", ".join(f"{name} from {p:.3g} on" for name, p in least)
