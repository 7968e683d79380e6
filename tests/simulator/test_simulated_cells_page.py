"""The page about simulated cells says what the simulator does."""

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from simulator.cells.catalogue import KINDS, MIXTURES, POPULATIONS
from simulator.cells.membranes import SHELL_UM2_PER_UM2
from simulator.cells.sample import parse_sample
from simulator.cells.staining import NON_RESPONDERS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "simulated-cells.md").read_text(encoding="utf-8")


def test_its_table_is_the_catalogue():
    rows = {row.split("`")[1]: row for row in PAGE.splitlines() if row.startswith("| `")}
    assert list(rows) == list(POPULATIONS)
    for name, population in POPULATIONS.items():
        cells = [cell.strip() for cell in rows[name].strip("|").split("|")]
        nucleus = population.nucleus
        assert cells[1] == f"{population.diameter_um:g} ({population.diameter_cv:.0%})"
        assert cells[2] == (f"{nucleus.shape.value}, {nucleus.ratio:g}" if nucleus.ratio else "none")
        assert [float(cells[3]), float(cells[4])] == pytest.approx([population.cytoplasm_index, nucleus.index_step])
        granules = population.granules
        assert cells[5] == f"{granules.count:g}; {granules.radius_um:g}; {granules.index:g}"
    assert all(f"`{kind}`" in PAGE for kind in KINDS)


def test_its_samples_are_what_it_says_and_can_be_drawn():
    block = PAGE.split("```")[1]
    written = [line.split("  ")[0].strip() for line in block.strip().splitlines()]
    meant = {
        "wbc": MIXTURES["wbc"],
        "wbc:0.97,skno1:0.03": {**{kind: 0.97 * share for kind, share in MIXTURES["wbc"].items()}, "skno1": 0.03},
        "hek-gr:dex=0.5": {"hek-gr-untreated": 0.5, "hek-gr-dex": 0.5},
        "hek-gr:0.2:dex=1,hek293t:0.8": {"hek-gr-dex": 0.2, "hek293t": 0.8},
    }
    assert written == list(meant)
    for text, shares in meant.items():
        sample, rng = parse_sample(text), np.random.Generator(np.random.PCG64(5))
        assert sample.shares == pytest.approx(dict(shares))
        drawn = Counter(sample.draw(rng).kind for _ in range(60))
        assert set(drawn) <= set(shares)
        commonest = max(shares, key=lambda kind: shares[kind])
        assert abs(drawn[commonest] / 60 - shares[commonest]) < 0.25


def test_its_numbers_are_the_code_s():
    for mixture, shares in MIXTURES.items():
        sentence = PAGE.split(f"`{mixture}` is")[1].split(";")[0]
        percents = [int(percent) for percent in re.findall(r"(\d+) %", sentence)]
        assert sorted(percents) == sorted(round(100 * share) for share in shares.values())
    assert f"{SHELL_UM2_PER_UM2:.0e}".replace("e-0", "e-") + " µm² per µm²" in PAGE
    assert f"{1 - NON_RESPONDERS:.0%}".replace("%", " %") + " respond" in PAGE
