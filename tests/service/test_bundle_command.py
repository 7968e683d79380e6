"""What a command says of a model must hold for who acts on its exit code."""

from __future__ import annotations

import json
from pathlib import Path

import onnxruntime as ort
import pytest
from click.testing import CliRunner

from inference.bundle import Bundle
from inference.shipped import SHIPPED
from service.cli import main

NAME = "sheet-wbc"


def test_a_sound_model_is_verified_line_by_line() -> None:
    said = CliRunner().invoke(main, ["bundle", "verify", NAME])
    assert said.exit_code == 0
    lines = said.output.splitlines()
    assert len(lines) == 7
    assert all(line.startswith("ok ") for line in lines)


def test_a_damaged_model_ends_with_1_and_its_sentence(tmp_path: Path) -> None:
    data = bytearray((SHIPPED / f"{NAME}.bundle").read_bytes())
    data[len(data) // 2] ^= 1
    file = tmp_path / "damaged.bundle"
    file.write_bytes(data)
    said = CliRunner().invoke(main, ["bundle", "verify", str(file)])
    assert said.exit_code == 1
    assert said.output.startswith("WRONG file")
    assert len(said.output.splitlines()) == 1


@pytest.mark.parametrize("graph", ["live", "explain"])
def test_an_exported_graph_opens_elsewhere(tmp_path: Path, graph: str) -> None:
    out = tmp_path / "graph.onnx"
    said = CliRunner().invoke(main, ["bundle", "export", NAME, "--graph", graph, "--out", str(out)])
    assert said.exit_code == 0
    session = ort.InferenceSession(out.read_bytes(), providers=["CPUExecutionProvider"])
    assert session.get_inputs()[0].name == "transmission"


def test_an_exported_contract_is_the_bundles_own(tmp_path: Path) -> None:
    out = tmp_path / "contract.json"
    said = CliRunner().invoke(main, ["bundle", "export", NAME, "--contract", "--out", str(out)])
    assert said.exit_code == 0
    assert json.loads(out.read_text())["digest"] == Bundle.load(SHIPPED / f"{NAME}.bundle").digest


@pytest.mark.parametrize("asked", [[], ["--graph", "live", "--contract"]])
def test_one_thing_is_exported_at_a_time(tmp_path: Path, asked: list[str]) -> None:
    said = CliRunner().invoke(main, ["bundle", "export", NAME, *asked, "--out", str(tmp_path / "x")])
    assert said.exit_code != 0
    assert "--graph live" in said.output
    assert not (tmp_path / "x").exists()


def test_a_file_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    out = str(tmp_path / "no" / "x.onnx")
    said = CliRunner().invoke(main, ["bundle", "export", NAME, "--graph", "live", "--out", out])
    assert said.exit_code != 0
    assert "cannot be written" in said.output
