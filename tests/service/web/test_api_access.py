"""Whoever has no token sees nothing, a reader changes nothing, and no page elsewhere can use the service."""

from __future__ import annotations

import stat

import httpx
import pytest
from served import World

from service.api.auth import SESSION_SECONDS, Tokens
from service.api.guard import BODY_LIMIT_BYTES, host_name
from service.api.server import listen, page_url
from service.errors import AddressInUse, StorageError
from service.tokens import Scope

GUARDED = ["/api/v1/status", "/api/v1/runs", "/api/v1/bundle", "/metrics", "/api/v1/openapi.json"]


@pytest.mark.parametrize("path", GUARDED)
def test_without_a_token_there_is_a_401_that_says_where_the_token_is(world: World, path: str) -> None:
    answer = world.stranger.get(path)
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"
    assert "file 'token'" in answer.json()["detail"]
    assert world.stranger.get(path, headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert world.stranger.get(path, params={"token": "ünknown"}).status_code == 401


@pytest.mark.parametrize("path", ["/", "/healthz", "/readyz", "/static/main.js"])
def test_the_page_and_the_probes_need_no_token(world: World, path: str) -> None:
    assert world.stranger.get(path).status_code == 200


def test_a_reader_may_look_but_not_start_or_stop(world: World) -> None:
    reader = {"Authorization": f"Bearer {world.tokens.reader}"}
    assert world.stranger.get("/api/v1/status", headers=reader).status_code == 200
    answer = world.stranger.post("/api/v1/runs", headers=reader, json={"source": "sim:sheet-ci"})
    assert answer.status_code == 403
    assert "control" in answer.json()["detail"]
    assert world.stranger.post(f"/api/v1/runs/{world.run.id}/stop", headers=reader).status_code == 403


def test_the_session_cookie_reads_pictures_and_does_nothing_else(world: World) -> None:
    with httpx.Client(base_url=world.url) as browser:
        opened = browser.post("/api/v1/session", params={"token": "owner-secret"})
        assert opened.status_code == 204
        cookie = opened.headers["set-cookie"].lower()
        assert "httponly" in cookie and "samesite=strict" in cookie and "owner-secret" not in cookie
        assert browser.get("/api/v1/status").status_code == 200
        assert browser.post("/api/v1/runs", json={}).status_code == 403


@pytest.mark.parametrize("cookie", ["", "9999999999.", "9999999999.00", "x.y", "1.é", "a.b.c", "9999999999.a.b"])
def test_a_made_up_or_expired_cookie_opens_nothing(cookie: str) -> None:
    tokens = Tokens.make()
    assert tokens.session(cookie) is None
    value, seconds = tokens.new_session(tokens.owner)
    granted = tokens.session(value)
    assert granted is not None and granted.scopes == {Scope.READ}
    assert seconds == SESSION_SECONDS
    assert Tokens.make().session(value) is None
    old = value.replace(value.partition(".")[0], "1")
    assert tokens.session(old) is None
    expired = f"1.{value.split('.')[1]}"
    assert tokens.session(f"{expired}.{tokens._sign(expired)}") is None


def test_tokens_are_kept_where_only_their_owner_reads_them(tmp_path) -> None:
    tokens = Tokens.make()
    tokens.keep(tmp_path / "data")
    file = tmp_path / "data" / "token"
    assert file.read_text().strip() == tokens.owner
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    owner, reader = (tokens.grant((tmp_path / "data" / name).read_text().strip()) for name in ("token", "token-read"))
    assert owner is not None and owner.scopes == set(Scope)
    assert reader is not None and reader.scopes == {Scope.READ}
    assert tokens.grant("another") is None
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="--data"):
        tokens.keep(tmp_path / "file" / "below")


def test_another_host_name_is_refused_so_that_no_rebound_name_reaches_the_service(world: World) -> None:
    answer = world.client.get("/healthz", headers={"Host": "evil.example:8000"})
    assert answer.status_code == 421
    assert "--allow-host" in answer.json()["detail"]
    assert world.client.get("/healthz", headers={"Host": "localhost:1"}).status_code == 200
    assert host_name("[::1]:8000") == "::1"


@pytest.mark.parametrize("path", ["/", "/healthz", "/api/v1/status", "/static/main.js"])
def test_every_answer_carries_the_headers_that_keep_other_pages_out(world: World, path: str) -> None:
    headers = world.stranger.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert "access-control-allow-origin" not in headers


def test_a_large_body_is_refused_with_and_without_its_length(world: World) -> None:
    body = b"x" * (BODY_LIMIT_BYTES + 1)
    assert world.client.post("/api/v1/runs", content=body).status_code == 413

    def pieces():
        for _ in range(5):
            yield body[: BODY_LIMIT_BYTES // 4]

    assert world.client.post("/api/v1/runs", content=pieces()).status_code == 413


def test_a_port_in_use_is_one_sentence_with_the_way_out() -> None:
    with listen("127.0.0.1", 0) as taken, pytest.raises(AddressInUse, match=r"--port"):
        listen("127.0.0.1", taken.getsockname()[1])


def test_the_printed_address_can_be_clicked_whatever_is_listened_on() -> None:
    assert page_url("0.0.0.0", 8000, "t") == "http://127.0.0.1:8000/?token=t"
    assert page_url("::1", 8000, "t") == "http://[::1]:8000/?token=t"
