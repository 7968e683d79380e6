import re
from pathlib import Path

import numpy as np
import pytest

PAGE = Path(__file__).parents[2] / "docs" / "tutorial.md"


def test_the_tutorial_runs_as_it_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    steps = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert len(steps) == 4
    found: dict[str, object] = {}
    for step in steps:
        exec(compile(step, str(PAGE), "exec"), found)
    assert "12 events" in capsys.readouterr().out
    assert found["volumes"].shape == (12, 80, 80, 80)
    assert np.isfinite(found["answers"].embedding).all()
    assert (tmp_path / "why.png").read_bytes().startswith(b"\x89PNG")
