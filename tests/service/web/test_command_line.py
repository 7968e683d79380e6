"""The command line as people use it: a process, its exit code, and one sentence where something is wrong."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from tiny_bundle import tiny_bundle

from acquisition.origin import Origin
from service.api.server import listen
from service.cli import COMMANDS, main
from service.run import Run

COMMAND = [sys.executable, "-W", "error", "-c", "from service.cli import main; main(prog_name='lightline')"]


def lightline(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *map(str, arguments)], capture_output=True, text=True, cwd=cwd, timeout=280, check=False
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a model, a short recording and a file that is neither."""
    folder = tmp_path_factory.mktemp("place")
    tiny_bundle().save(folder / "tiny.bundle")
    (folder / "broken.bundle").write_bytes(b"not a zip")
    (folder / "text.h5").write_text("not HDF5")
    made = lightline("simulate", "sheet-ci", "--cells", 4, "--rate", 8, "--out", "made.h5", cwd=folder)
    assert made.returncode == 0, made.stderr
    return folder


BAD_INPUT = [
    (["inspect", "nowhere.h5"], "nowhere.h5"),
    (["inspect", "text.h5"], "text.h5"),
    (["replay", "nowhere.h5"], "nowhere.h5"),
    (["replay", "made.h5", "--speed", "backwards"], "backwards"),
    (["run", "sim:no-such-preset", "--exit", "--port", "0", "--bundle", "tiny.bundle"], "no-such-preset"),
    (["run", "nowhere.h5", "--exit", "--port", "0"], "nowhere.h5"),
    (["run", "bogus:thing", "--exit", "--port", "0"], "bogus"),
    (["run", "--cells", "0"], "--cells"),
    (["run", "--record", "--file-size", "big"], "4GiB"),
    (["run", "--record", "--file-size", "100kB"], "1MiB"),
    (["run", "--port", "70000"], "--port"),
    (["run", "--gate", "smallest=3"], "smallest_area_um2"),
    (["run", "--gate", "farthest_um=-3"], "farthest_um"),
    (["run", "--gate", "largest_ghost_share=much"], "largest_ghost_share"),
    (["run", "--exit", "--port", "0", "--bundle", "broken.bundle"], "broken.bundle"),
    (["run", "--exit", "--port", "0", "--bundle", "nowhere.bundle"], "nowhere.bundle"),
    (["run", "made.h5", "--exit", "--port", "0", "--bundle", "tiny.bundle", "--channel", "phase"], "side_scatter"),
    (["run", "--host", "192.0.2.1"], "192.0.2.1"),
    (["serve", "--data", "text.h5/below"], "text.h5"),
    (["simulate", "sheet-ci", "--out", "new.h5"], "--cells"),
    (["simulate", "no-such-preset", "--out", "new.h5", "--cells", "3"], "no-such-preset"),
    (["simulate", "sheet-ci", "--out", "made.h5", "--cells", "3"], "--force"),
    (["simulate", "sheet-ci", "--out", "no/folder.h5", "--cells", "3"], "folder"),
    (["bundle", "show", "nowhere.bundle"], "nowhere.bundle"),
    (["worker", "--connect", "tcp://203.0.113.1:5555"], "203.0.113.1"),
    (["train", "dcae2d", "--data", "nowhere.npz", "--out", "new.bundle"], "nowhere.npz"),
    (["train", "dcae2d", "--data", "made.h5", "--out", "no/new.bundle"], "no"),
    (["train", "nothing", "--data", "made.h5", "--out", "new.bundle"], "nothing"),
    (["frobnicate"], "frobnicate"),
]


@pytest.mark.parametrize(("arguments", "named"), BAD_INPUT, ids=[" ".join(a) for a, _ in BAD_INPUT])
def test_bad_input_is_one_sentence_that_names_it_and_exit_code_2(
    place: Path,
    arguments: list[str],
    named: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(place)
    with pytest.raises(SystemExit) as ended:
        main(arguments, prog_name="lightline")
    printed = capsys.readouterr()
    assert ended.value.code == 2, printed.err
    last = printed.err.strip().splitlines()[-1]
    assert last.startswith("lightline: ") and named in last
    assert not printed.out and not (place / "new.h5").exists()


def test_a_process_ends_with_that_exit_code_and_no_traceback(place: Path) -> None:
    done = lightline("inspect", "nowhere.h5", cwd=place)
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


def test_a_port_in_use_is_said_before_anything_is_started(place: Path) -> None:
    with listen("127.0.0.1", 0) as taken:
        done = lightline("run", "--port", taken.getsockname()[1], cwd=place)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1 and "--port" in done.stderr


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"], prog_name="lightline")
    assert ended.value.code == 0
    assert len(capsys.readouterr().out) > 200


def test_without_a_command_the_help_says_where_to_start(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([], prog_name="lightline")
    assert "lightline run            a simulated cytometer" in capsys.readouterr().out


def test_a_recording_is_cut_into_files_of_the_size_that_was_asked_for(place: Path) -> None:
    options = ["--exit", "--json", "--port", 0, "--data", "cut", "--bundle", "tiny.bundle"]
    done = lightline("run", "made.h5", "--record", "--file-size", "2MiB", *options, cwd=place)
    assert done.returncode == 0, done.stderr
    run = Run.model_validate_json(done.stdout)
    traces = sorted((place / "cut" / "runs" / run.id).glob("trace*.h5"))
    assert len(traces) > 2 and max(trace.stat().st_size for trace in traces) <= 2 << 20
    assert run.ledger.recorded == run.ledger.samples > 0
    again = json.loads(lightline("inspect", "--json", traces[0], cwd=place).stdout)
    assert again["samples"] == run.ledger.samples


def test_a_threshold_of_the_gate_is_kept_with_the_run_and_decides(place: Path) -> None:
    options = ["--exit", "--json", "--port", 0, "--data", "gated", "--bundle", "tiny.bundle"]
    done = lightline("run", "made.h5", "--gate", "smallest_area_um2=1000", *options, cwd=place)
    assert done.returncode == 0, done.stderr
    run = Run.model_validate_json(done.stdout)
    assert run.request.images.gate.smallest_area_um2 == 1000.0
    assert run.ledger.rejected["empty"] > 0 and run.ledger.stored == 0


def test_a_run_prints_one_document_on_stdout_whose_ledger_balances(place: Path) -> None:
    done = lightline(
        "run", "made.h5", "--exit", "--json", "--port", 0, "--data", "kept", "--bundle", "tiny.bundle", cwd=place
    )
    assert done.returncode == 0, done.stderr
    run = Run.model_validate_json(done.stdout)
    assert run.state == "done" and run.origin is Origin.SIMULATED
    assert run.ledger.detected > 0 and run.ledger.in_flight == 0
    assert run.truth is not None and run.truth["cells"] == 4
    assert (
        json.loads((place / "kept" / "runs" / run.id / "run.json").read_text())["ledger"]
        == json.loads(done.stdout)["ledger"]
    )


def test_inspect_says_in_words_and_in_json_what_is_in_a_recording(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words, document = (
        _printed(capsys, "inspect", place / "made.h5"),
        _printed(capsys, "inspect", place / "made.h5", "--json"),
    )
    assert "sheet-ci" in words and "simulated" in words
    report = json.loads(document)
    assert report["true_cells"] == 4 and report["origin"] == "simulated"


def test_bundle_show_tells_what_a_model_takes_and_answers(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shown = _printed(capsys, "bundle", "show", place / "tiny.bundle")
    assert "transmission 80 x 80 at 0.25 µm" in shown and "dark, pale, lopsided" in shown


def _printed(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments], prog_name="lightline")
    assert ended.value.code == 0
    return capsys.readouterr().out


def _started(place: Path, *arguments: str) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen(
        [*COMMAND, *arguments], cwd=place, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    line = process.stderr.readline()
    return process, line.split()[-1]


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_ends_a_live_run_with_everything_sealed(place: Path, number: signal.Signals, code: int) -> None:
    process, url = _started(
        place,
        "run",
        "sim:sheet-ci?rate=8",
        "--port",
        "0",
        "--data",
        f"live-{code}",
        "--bundle",
        "tiny.bundle",
        "--json",
    )
    address, token = url.split("/?token=")
    with httpx.Client(base_url=address, headers={"Authorization": f"Bearer {token}"}, timeout=30) as client:
        deadline = time.monotonic() + 60
        while client.get("/api/v1/status").json()["ledger"]["stored"] < 2:
            assert time.monotonic() < deadline
            time.sleep(0.2)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == code, err
    run = Run.model_validate_json(out)
    assert run.finish_reason == "stopped" and run.ledger.in_flight == 0 and run.ledger.stored >= 2
    kept = Run.model_validate_json((place / f"live-{code}" / "runs" / run.id / "run.json").read_text())
    assert kept.ledger == run.ledger and kept.state == "done"


def test_serve_starts_a_run_over_http_from_a_folder_it_was_given_and_no_other(place: Path) -> None:
    (place / "given").mkdir(exist_ok=True)
    (place / "given" / "made.h5").write_bytes((place / "made.h5").read_bytes())
    (place / "given" / "tiny.bundle").write_bytes((place / "tiny.bundle").read_bytes())
    process, url = _started(place, "serve", "--port", "0", "--data", "served", "--allow-source", "given")
    address, token = url.split("/?token=")
    with httpx.Client(base_url=address, headers={"Authorization": f"Bearer {token}"}, timeout=60) as client:
        bundle = str(place / "given" / "tiny.bundle")
        outside = client.post("/api/v1/runs", json={"source": str(place / "made.h5"), "bundle": bundle})
        assert outside.status_code == 422 and "--allow-source" in outside.json()["detail"]
        begun = client.post("/api/v1/runs", json={"source": str(place / "given" / "made.h5"), "bundle": bundle})
        assert begun.status_code == 201, begun.text
        deadline = time.monotonic() + 60
        while client.get(begun.headers["location"]).json()["state"] not in ("done", "failed"):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert client.get(begun.headers["location"]).json()["state"] == "done"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)
    assert process.returncode == 0
