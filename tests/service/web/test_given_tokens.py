"""A lab gives tokens to people and programs: each does what it says until it ends, and what it changed is recorded."""

from __future__ import annotations

import json
import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner
from served import World, service_on
from stored_run import make_run

from acquisition.errors import ConfigError
from service.api.app import create_app
from service.api.auth import Tokens
from service.api.rate import RateLimit
from service.api.server import ApiServer, TlsFiles, listen, page_url
from service.cli import main
from service.runs.control import RunControl
from service.settings import Settings
from service.tokens import TOKENS_JSON, Scope, TokenFile

TLS = Path(__file__).parent / "tls"
FILES = TlsFiles(TLS / "certificate.pem", TLS / "key.pem")
GATE = {"region": {"kind": "filter", "where": "area_um2 > 1"}}


def token(data: Path, *args: str) -> str:
    done = CliRunner().invoke(main, ["token", *args, "--data", str(data)])
    assert done.exit_code == 0, done.output
    return done.stdout.strip()


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def test_a_token_does_what_its_scopes_say_until_it_is_taken_back(world: World) -> None:
    ada = token(world.data, "create", "ada", "--scope", "read", "--scope", "annotate")
    robot = token(world.data, "create", "robot", "--scope", "control", "--forever")
    gate = f"/api/v1/runs/{world.run.id}/gates/of ada"
    assert world.stranger.get("/api/v1/runs", headers=bearer(ada)).status_code == 200
    assert world.stranger.put(gate, headers=bearer(ada), json=GATE).status_code == 200
    assert world.stranger.post("/api/v1/runs", headers=bearer(ada), json={}).status_code == 403
    assert world.stranger.get("/api/v1/runs", headers=bearer(robot)).status_code == 403
    assert world.stranger.post(f"/api/v1/runs/{world.run.id}/stop", headers=bearer(robot)).status_code != 403
    assert [line.split()[0] for line in token(world.data, "list").splitlines()] == ["ada", "robot"]

    with httpx.Client(base_url=world.url) as browser:
        assert browser.post("/api/v1/session", headers=bearer(ada)).status_code == 204
        assert browser.get("/api/v1/status").status_code == 200
        assert browser.delete(gate).status_code == 403
        token(world.data, "revoke", "ada")
        assert browser.get("/api/v1/status").status_code == 401
    assert world.stranger.get("/api/v1/runs", headers=bearer(ada)).status_code == 401

    lines = [json.loads(line) for line in (world.data / "audit.log").read_text().splitlines()]
    drawn = [line for line in lines if line["path"] == gate]
    assert [(line["who"], line["method"], line["status"]) for line in drawn] == [
        ("ada", "PUT", 200),
        ("ada", "DELETE", 403),
    ]
    assert all(ada not in json.dumps(line) for line in lines)
    assert world.client.delete(gate).status_code == 204
    token(world.data, "revoke", "robot")


def test_tokens_are_kept_as_hashes_and_end(tmp_path: Path) -> None:
    file = TokenFile(tmp_path)
    secret = file.create("ada", frozenset({Scope.READ}), days=1.0)
    kept = tmp_path / TOKENS_JSON
    assert secret not in kept.read_text()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    tokens = Tokens.make(kept=TokenFile(tmp_path))
    granted = tokens.grant(secret)
    assert granted is not None and (granted.name, granted.scopes) == ("ada", {Scope.READ})
    cookie, _ = tokens.new_session(secret)
    assert tokens.session(cookie) is not None

    document = json.loads(kept.read_text())
    document["tokens"][0]["expires_at"] = (datetime.now(UTC) + timedelta(seconds=60)).isoformat()
    kept.write_text(json.dumps(document))
    assert tokens.new_session(secret)[1] <= 60
    document["tokens"][0]["expires_at"] = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    kept.with_name("new").write_text(json.dumps(document))
    kept.with_name("new").replace(kept)
    assert tokens.grant(secret) is None
    assert tokens.session(cookie) is None

    with pytest.raises(ConfigError, match="already"):
        file.create("ada", frozenset({Scope.READ}), None)
    with pytest.raises(ConfigError, match="is no name"):
        file.create("../ada", frozenset({Scope.READ}), None)
    with pytest.raises(ConfigError, match="no token 'eve'"):
        file.revoke("eve")
    kept.write_text("{}x")
    with pytest.raises(ConfigError, match="damaged"):
        TokenFile(tmp_path).tokens()


def test_an_address_that_asks_too_often_waits_and_others_do_not() -> None:
    now = [0.0]
    limit = RateLimit(per_s=10.0, burst=3.0, now=lambda: now[0])
    assert [limit.wait_s("a") for _ in range(4)] == [0.0, 0.0, 0.0, pytest.approx(0.1)]
    assert limit.wait_s("b") == 0.0
    now[0] = 0.1
    assert limit.wait_s("a") == 0.0
    assert limit.wait_s("a") > 0.0
    assert RateLimit(0, 0).wait_s("a") == 0.0


def test_a_flood_is_told_when_to_come_again(tmp_path: Path) -> None:
    tokens = Tokens.make("owner-secret")
    app_settings = Settings(data=tmp_path, requests_per_s=2.0)
    with (
        RunControl(tmp_path, workers=1) as control,
        ApiServer(create_app(control, app_settings, tokens), listen("127.0.0.1", 0)) as server,
        httpx.Client(base_url=f"http://127.0.0.1:{server.port}") as client,
    ):
        answers = [client.get("/healthz") for _ in range(12)]
    refused = [answer for answer in answers if answer.status_code == 429]
    assert 4 <= len(refused) < 12
    assert int(refused[0].headers["Retry-After"]) >= 1
    assert refused[0].headers["content-type"] == "application/problem+json"


def test_over_tls_only_who_trusts_the_certificate_comes_in(tmp_path: Path) -> None:
    tokens = Tokens.make("owner-secret")
    trusting = ssl.create_default_context(cafile=str(FILES.certificate))
    with (
        RunControl(tmp_path, workers=1) as control,
        ApiServer(
            create_app(control, Settings(data=tmp_path), tokens), listen("127.0.0.1", 0), FILES.check()
        ) as server,
    ):
        url = page_url("127.0.0.1", server.port, "owner-secret", secure=True)
        assert url.startswith("https://")
        with httpx.Client(verify=trusting) as client:
            assert client.get(url).status_code == 200
            opened = client.post(f"https://127.0.0.1:{server.port}/api/v1/session", headers=bearer("owner-secret"))
            assert "secure" in opened.headers["set-cookie"].lower()
        with pytest.raises(httpx.ConnectError):
            httpx.get(url)
        with pytest.raises(httpx.HTTPError):
            httpx.get(url.replace("https", "http"))


def test_files_that_are_no_certificate_are_refused_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "a.pem").write_text("nothing")
    with pytest.raises(ConfigError, match="go together"):
        TlsFiles(tmp_path / "a.pem", FILES.key).check()
    with pytest.raises(ConfigError, match="needs its key"):
        Settings.load({}, tls_certificate=FILES.certificate)


def test_a_disk_that_takes_no_record_does_not_stop_the_service(tmp_path: Path) -> None:
    data = tmp_path / "data"
    run = make_run(data)
    (data / "audit.log").mkdir()
    with service_on(data, run) as world:
        assert world.client.post(f"/api/v1/runs/{run.id}/stop").status_code == 409
