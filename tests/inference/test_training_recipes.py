"""Whoever names only a kind of model gets the recipe that was measured best, and is told its numbers."""

from __future__ import annotations

import re

import pytest
from click.testing import CliRunner

from inference.errors import TrainingError
from inference.training.options import Learning
from inference.training.recipes import recipe
from service.cli.model_kinds import KINDS, ModelKind
from service.cli.train import train


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_rate_that_falls_to_nothing_is_let_fall(kind: ModelKind) -> None:
    for epochs in (None, 7):
        chosen = recipe(Learning(kind.learning), volumes=kind.volumes, epochs=epochs)
        assert chosen.learning == kind.learning and chosen.epochs == (epochs or chosen.epochs)
        assert not chosen.anneal or chosen.patience == chosen.epochs
        assert chosen.learning is Learning.RECONSTRUCTION or chosen.axes


def test_the_help_says_what_is_taken_where_nothing_is_said() -> None:
    said = re.sub(r"\s+", " ", CliRunner().invoke(train, ["--help"], terminal_width=200).output)
    for field in ("epochs", "latent"):
        numbers = [
            getattr(recipe(learning, volumes=volumes), field)
            for learning, volumes in (
                (Learning.RECONSTRUCTION, False),
                (Learning.CONTRAST, False),
                (Learning.CONTRAST, True),
                (Learning.LABELS, False),
                (Learning.VARIATION, False),
                (Learning.FACTORS, False),
            )
        ]
        dcae, flat, solid, labels, plain, factors = numbers
        told = f"dcae {dcae}, contrastive {flat}, of volumes {solid}, classifier {labels}, vae and factors {factors}"
        assert plain == factors and f"(default: {told})" in said


def test_a_number_out_of_range_is_refused() -> None:
    with pytest.raises(TrainingError, match="latent"):
        recipe(Learning.CONTRAST, latent=1)
