"""Who trains for an hour wants to see where it goes, while it goes and afterwards."""

from __future__ import annotations

import io
import sys
from dataclasses import replace

import pytest
from toy_cells import QUICK, draw_set

from inference.bundle import Bundle
from inference.loss_curve import BOTH, HELD_OUT, TRAIN, in_words, loss_curve
from inference.report import describe
from inference.training.fit import fit_encoders

FALLING = [(4.0, 4.0), (2.0, 3.0), (1.0, 2.0), (0.5, 2.5)]


class Screen(io.StringIO):
    """A terminal that remembers what was written to it."""

    def isatty(self) -> bool:
        return True


def test_the_curve_falls_from_the_upper_left_and_names_its_ends() -> None:
    rows = loss_curve(FALLING, height=13)
    assert rows[0] == f"       4 ┤{BOTH}"
    assert rows[-1] == f"     0.5 ┤   {TRAIN}"
    columns = [row[10:].ljust(4) for row in rows]
    places = [next(i for i, row in enumerate(columns) if row[epoch] in (HELD_OUT, BOTH)) for epoch in range(4)]
    assert places[0] < places[1] < places[3] < places[2], "the held-out loss rises again at the end"


def test_a_long_training_fits_its_columns_and_ends_with_its_last_epoch() -> None:
    losses = [(1.0 + 1 / (epoch + 1), 2.0) for epoch in range(999)] + [(0.25, 2.0)]
    rows = loss_curve(losses, width=40)
    assert max(len(row) for row in rows) == 10 + 40
    assert rows[-1].endswith(TRAIN)


@pytest.mark.parametrize("losses", [[], [(1.0, 1.0)], [(0.0, -1.0), (0.5, 2.0)]])
def test_curves_of_nothing_of_one_epoch_and_of_losses_below_zero_are_drawn(losses: list[tuple[float, float]]) -> None:
    assert len(loss_curve(losses, height=5)) == (5 if losses else 0)


def test_words_name_the_best_epoch() -> None:
    assert in_words(FALLING).endswith("best 2 at epoch 3")


def test_a_training_on_a_screen_shows_its_curve_and_the_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = Screen()
    monkeypatch.setattr(sys, "stderr", screen)
    fitted = fit_encoders(draw_set(40, 1), draw_set(30, 2), replace(QUICK, epochs=2, progress=True))
    said = screen.getvalue()
    assert in_words(fitted.history) in said
    assert "at most" in said and "left" in said
    top, *_, bottom = loss_curve(fitted.history)
    assert said.rindex(top) < said.rindex(bottom) < said.rindex(in_words(fitted.history)), "the picture that stays"


def test_a_bundle_keeps_its_curve_also_over_an_interruption(toy_bundle: Bundle) -> None:
    losses = toy_bundle.contract.training.losses
    assert len(losses) == QUICK.epochs, "the fixture was stopped after two epochs and resumed"
    assert in_words(losses) in describe(toy_bundle.contract)
