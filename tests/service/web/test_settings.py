"""A setting has one value, the nearest to who starts the service, and everybody can see where it came from."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from click.testing import CliRunner
from served import World

from acquisition.errors import ConfigError
from service.cli import main
from service.settings import Settings
from service.settings_sources import SetBy


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "lab.toml"
    path.write_text('port = 8001\nworkers = 3\nhost = "10.0.0.1"\ndata = "cells"\nallow_source = ["a", "/b"]\n')
    return path


def test_options_overrule_the_environment_the_environment_the_file_and_the_file_the_default(file: Path) -> None:
    settings = Settings.load({"LIGHTLINE_PORT": "8002", "LIGHTLINE_WORKERS": "4"}, file, workers=5, provider=None)
    found = {name: (getattr(settings, name), settings.set_by(name)) for name in ("provider", "host", "port", "workers")}
    assert found == {
        "provider": ("auto", SetBy.DEFAULT),
        "host": ("10.0.0.1", SetBy.FILE),
        "port": (8002, SetBy.ENVIRONMENT),
        "workers": (5, SetBy.OPTION),
    }


def test_paths_in_a_file_are_seen_from_its_folder(file: Path) -> None:
    settings = Settings.load({}, file)
    assert settings.data == file.parent / "cells"
    assert settings.allow_source == (file.parent / "a", Path("/b"))
    assert Settings.load({"LIGHTLINE_DATA": "cells"}, file).data == Path("cells")


def test_the_file_is_the_one_named_or_the_one_that_lies_there(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(file.parent)
    assert Settings.load({}).port == 8000
    assert Settings.load({"LIGHTLINE_CONFIG": "lab.toml"}).port == 8001
    Path("lightline.toml").write_text("port = 8003")
    assert Settings.load({}).port == 8003 and Settings.load({}, file).port == 8001


@pytest.mark.parametrize(
    ("text", "environment", "sentence"),
    [
        ("prot = 1", {}, r"no setting 'prot' \(in the file .*nearest is 'port'"),
        ("[service]\nport = 1", {}, "no setting 'service'"),
        ("port = 'many'", {}, r"'port' \(in the file '.*lab.toml'\) is not valid"),
        ("data = 3", {}, "'data' .* is not valid"),
        ("port 8010", {}, "not TOML"),
        ("", {"LIGHTLINE_WORKER": "2"}, r"variable LIGHTLINE_WORKER\); the nearest is 'workers'"),
        ("", {"LIGHTLINE_LOG": "yaml"}, r"'log' \(variable LIGHTLINE_LOG\) is not valid"),
    ],
)
def test_what_is_no_setting_is_one_sentence_that_says_where(
    file: Path, text: str, environment: dict[str, str], sentence: str
) -> None:
    file.write_text(text)
    with pytest.raises(ConfigError, match=sentence) as caught:
        Settings.load(environment, file)
    assert "\n" not in str(caught.value).strip()


def test_a_file_that_is_not_there_is_said() -> None:
    with pytest.raises(ConfigError, match="--config"):
        Settings.load({}, Path("nowhere.toml"))


def test_what_config_prints_is_a_file_that_gives_the_same_settings(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIGHTLINE_TOKEN", "very-secret")
    monkeypatch.setenv("LIGHTLINE_LOG", "json")
    shown = CliRunner().invoke(main, ["config", "--config", str(file), "--allow-host", 'a"b', "--port", "0"])
    assert shown.exit_code == 0 and "very-secret" not in shown.output
    again = file.with_name("again.toml")
    again.write_text(shown.output)
    expected = Settings.load({"LIGHTLINE_LOG": "json"}, file, allow_host=['a"b'], port=0)
    assert Settings.load({}, again).plain() == expected.plain()
    for line in ("port = 0  # option", 'log = "json"  # environment', "workers = 3  # file", "# tls_key =  # default"):
        assert line in shown.output
    assert tomllib.loads(shown.output)["host"] == "10.0.0.1"
    document = json.loads(CliRunner().invoke(main, ["config", "--json", "--workers", "2"]).output)
    assert document["workers"] == {"value": 2, "set_by": "option"} and set(document) == set(Settings.model_fields)


def test_a_setting_that_is_yes_or_no_is_a_pair_of_options(file: Path) -> None:
    file.write_text("real_time = false")

    def shown(*words: str) -> object:
        said = CliRunner().invoke(main, ["config", "--json", "--config", str(file), *words])
        return json.loads(said.output)["real_time"]

    assert shown() == {"value": False, "set_by": "file"}
    assert shown("--real-time") == {"value": True, "set_by": "option"}
    assert shown("--no-real-time") == {"value": False, "set_by": "option"}


def test_every_setting_is_an_option_with_its_own_words() -> None:
    text = " ".join(CliRunner().invoke(main, ["serve", "--help"]).output.split())
    for name, field in Settings.model_fields.items():
        assert f"--{name.replace('_', '-')} " in text and field.description
    assert "Port of the page and the API; 0 takes any free one (default: 8000)." in text


def test_a_running_service_shows_its_settings_and_no_secret(world: World) -> None:
    answer = world.client.get("/api/v1/settings")
    found = {one["name"]: one for one in answer.json()}
    assert set(found) == set(Settings.model_fields)
    assert found["port"] == {"name": "port", "value": 8000, "set_by": "default"}
    assert found["data"]["value"] == str(world.data) and found["real_time"]["value"] is True
    assert world.tokens.owner not in answer.text
    assert world.stranger.get("/api/v1/settings").status_code == 401
