"""A bundle in words, for a terminal."""

from __future__ import annotations

from inference.contract import Contract
from inference.loss_curve import Losses, in_words, loss_curve


def format_metrics(metrics: dict[str, dict[str, float]]) -> str:
    """Lay metrics out as a table, one line for the model and for each control."""
    first = 2 + max(map(len, ["metric", *metrics]))
    second = 2 + max((len(who) for values in metrics.values() for who in values), default=0)
    lines = [f"{'metric':<{first}}{'':<{second}}{'value':>12}"]
    for name, values in metrics.items():
        for i, (who, value) in enumerate(values.items()):
            lines.append(f"{name if i == 0 else '':<{first}}{who:<{second}}{value:>12.4g}")
    return "\n".join(lines)


def _learning(losses: Losses) -> list[str]:
    return [f"loss by epoch, {in_words(losses)}", *loss_curve(losses)] if losses else []


def describe(contract: Contract) -> str:
    """Say what a bundle takes, answers and was learnt from, and how well it does beside its controls."""
    training = contract.training
    inputs = ", ".join(spec.in_words for spec in contract.inputs)
    word = training.origin.adjective
    also = (
        " (which also stopped the training and set the thresholds)"
        if training.test_sources == training.validation_sources
        else ""
    )
    return "\n".join(
        [
            f"{contract.name}: {contract.model} for {contract.instrument_kind}, {inputs}",
            f"clusters: {', '.join(contract.clusters)}",
            f"classes: {', '.join(contract.classes) or 'none'}",
            f"learnt from {training.cells} {word}cells of {', '.join(training.sources)}",
            f"measured on {word}cells of {', '.join(training.test_sources)}, held out by {training.held_out_by}{also}:",
            format_metrics(contract.metrics),
            *_learning(training.losses),
            f"made by: {contract.command}",
            f"digest: {contract.digest}",
        ]
    )
