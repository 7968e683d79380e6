"""The compose file starts what it says: its commands, as processes of this computer, bring a run from end to end."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from service.api.metrics import prometheus_text
from service.settings import Settings
from service.status import ServiceState, ServiceStatus

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "a-token-for-tests"
_VARIABLE = re.compile(r"\$\{(\w+)(?::-([^}]*))?\}")


def variables() -> dict[str, str]:
    """What `--env-file deploy/all.env` says."""
    lines = (ROOT / "deploy" / "all.env").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def compose(given: dict[str, str]) -> dict[str, Any]:
    """The file as compose sees it with these variables."""
    text = (ROOT / "docker-compose.yml").read_text()
    return yaml.safe_load(_VARIABLE.sub(lambda found: given.get(found[1]) or found[2] or "", text))


def test_without_a_profile_there_is_one_service_and_with_all_of_them_everything() -> None:
    services = compose({})["services"]
    assert [name for name, one in services.items() if "profiles" not in one] == ["service"]
    asked = set(variables()["COMPOSE_PROFILES"].split(","))
    assert {profile for one in services.values() for profile in one.get("profiles", [])} == asked
    for name, one in services.items():
        assert re.search(r":v?\d+\.\d+[\w.-]*$", one["image"]), f"the image of {name} is not pinned"
        assert all(port.startswith("127.0.0.1:") for port in one.get("ports", [])), f"{name} is open to the network"
        for mount in one.get("volumes", []):
            place = mount.split(":")[0]
            assert place in compose({})["volumes"] or (ROOT / place).exists(), f"{place} of {name} is not there"


def reader_of_compose_files() -> list[str] | None:
    """Docker's own where it is installed, otherwise Podman's."""
    docker, podman = shutil.which("docker"), shutil.which("podman")
    if docker and subprocess.run([docker, "compose", "version"], capture_output=True).returncode == 0:
        return [docker, "compose"]
    return [sys.executable, "-m", "podman_compose"] if podman else None


def test_who_starts_containers_understands_the_file() -> None:
    reader = reader_of_compose_files()
    if reader is None:
        pytest.skip("neither docker compose nor podman is installed; see .ci/run")
    words = [*reader, "--env-file", "deploy/all.env", "config"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    read = yaml.safe_load(done.stdout)["services"]
    assert set(read) == set(compose({})["services"])
    given = variables()
    assert given["SOURCE"] in read["service"]["command"] and read["service"]["environment"]["LIGHTLINE_SINK"]


def test_settings_in_the_file_are_settings() -> None:
    for given in ({}, variables()):
        environment = compose(given)["services"]["service"]["environment"]
        settings = Settings.load({name: text for name, text in environment.items() if name.startswith("LIGHTLINE_")})
        assert settings.sink == given.get("SINK") and settings.allow_host == ("service",)


def test_prometheus_asks_the_service_and_grafana_shows_figures_that_there_are() -> None:
    scraped = yaml.safe_load((ROOT / "deploy" / "prometheus.yml").read_text())["scrape_configs"][0]
    assert scraped["static_configs"] == [{"targets": ["service:8000"]}]
    secret = compose({})["services"]["prometheus"]["secrets"][0]
    assert scraped["authorization"]["credentials_file"] == f"/run/secrets/{secret}"
    text = prometheus_text(ServiceStatus(state=ServiceState.IDLE))
    known = {line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")}
    dashboard = json.loads((ROOT / "deploy" / "grafana" / "dashboards" / "lightline.json").read_text())
    source = yaml.safe_load((ROOT / "deploy/grafana/provisioning/datasources/prometheus.yml").read_text())
    shown = [target for panel in dashboard["panels"] for target in panel["targets"]]
    assert {target["datasource"]["uid"] for target in shown} == {source["datasources"][0]["uid"]}
    for target in shown:
        for name in re.findall(r"lightline_\w+", target["expr"]):
            assert name.removesuffix("_bucket") in known, f"nothing is called {name}"
    places = [tuple(panel["gridPos"][key] for key in "xywh") for panel in dashboard["panels"]]
    tiles = [(x + i, y + j) for x, y, w, h in places for i in range(w) for j in range(h)]
    assert len(set(tiles)) == len(tiles) and max(x for x, _ in tiles) == 23, "panels lie over each other"


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[str]:
    """Instrument, service and both workers, with the commands of the file; the address of the service."""
    ports = {"7001": free_port(), "5555": free_port(), "8000": free_port()}
    places = {"instrument:": "127.0.0.1:", "0.0.0.0": "127.0.0.1"} | {
        f":{old}": f":{new}" for old, new in ports.items()
    }
    services = compose(variables())["services"]
    own = {"service": ["--port", str(ports["8000"]), "--data", str(tmp_path / "data")]}
    with ExitStack() as stack:
        started = []
        for name in ("instrument", "service", "worker-1", "worker-2"):
            words = services[name]["command"]
            for old, new in places.items():
                words = [word.replace(old, new) for word in words]
            command = [sys.executable, "-c", "from service.cli import main; main()", *words, *own.get(name, [])]
            process = subprocess.Popen(command, cwd=tmp_path, env=environment(), stderr=subprocess.DEVNULL)
            stack.callback(process.wait, 60)
            stack.callback(process.send_signal, signal.SIGTERM)
            started.append(process)
            if name == "instrument":
                listening(ports["7001"])
        yield f"http://127.0.0.1:{ports['8000']}"


def environment() -> dict[str, str]:
    import os

    return {**os.environ, "LIGHTLINE_TOKEN": TOKEN, "PYTHONPATH": str(ROOT)}


def listening(port: int) -> None:
    until = time.monotonic() + 120
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1.0).close()
            return
        except OSError:
            assert time.monotonic() < until, "the instrument does not listen"
            time.sleep(0.1)


@pytest.mark.skipif(sys.platform == "win32", reason="the file is for POSIX")
def test_its_commands_bring_a_run_from_the_instrument_over_two_workers_into_the_folder(processes: str) -> None:
    with httpx.Client(base_url=processes, headers={"Authorization": f"Bearer {TOKEN}"}, timeout=30) as client:
        until = time.monotonic() + 240
        status: dict[str, Any] = {}
        while status.get("ledger", {}).get("stored", 0) < 20 or not all(w["answered"] for w in status["workers"]):
            assert time.monotonic() < until, status
            time.sleep(0.2)
            try:
                status = client.get("/api/v1/status").json()
            except httpx.TransportError:
                continue
        assert len(status["workers"]) == 2
        client.post(f"/api/v1/runs/{status['run_id']}/stop")
        while (run := client.get(f"/api/v1/runs/{status['run_id']}").json())["state"] != "done":
            assert time.monotonic() < until, run
            time.sleep(0.2)
        assert client.get(f"/api/v1/runs/{run['id']}/cells").json()["total"] == run["ledger"]["stored"] >= 20
        assert f"lightline_stored_events_total {run['ledger']['stored']}" in client.get("/metrics").text
