"""Nothing that comes over HTTP, or from the environment, reaches the file system unchecked."""

from __future__ import annotations

from pathlib import Path

import pytest

from acquisition.errors import ConfigError
from acquisition.source import split_url
from service.api.sources import checked_request
from service.run import RunRequest
from service.settings import Settings


def checked(source: str, folder: Path, bundle: str | None = None) -> RunRequest:
    return checked_request(RunRequest(source=source, bundle=bundle), [folder])


@pytest.mark.parametrize(
    "source", ["sim:sheet-ci", "sim:sheet-ci?seed=3&sample=lymphocyte:0.5,monocyte:0.5&rate=1.5e2"]
)
def test_simulations_pass_as_they_are_meant(source: str, tmp_path: Path) -> None:
    assert split_url(checked(source, tmp_path).source) == split_url(source)


def test_a_recording_in_an_allowed_folder_passes_with_its_real_path(tmp_path: Path) -> None:
    (tmp_path / "a b").mkdir()
    file = tmp_path / "a b" / "rec%41 1.h5"
    file.touch()
    for source in (str(file), f"atom:{tmp_path}/a b/../a b/rec%2541 1.h5?speed=2"):
        assert split_url(checked(source, tmp_path).source)[1] == str(file)


@pytest.mark.parametrize(
    "source",
    [
        "/etc/passwd",
        "atom:/etc/passwd",
        "file:%2Fetc%2Fpasswd",
        "{folder}/../outside.h5",
        "{folder}/link.h5",
        "{folder}beside/x.h5",
        "recording.h5",
        "~/x.h5",
        "sim:../../etc",
        "sim:sheet-ci?sample=/etc/passwd",
        "sim:sheet-ci?instrument=..%2Fx",
        "{folder}/nul\0byte.h5",
    ],
)
def test_every_way_out_of_the_allowed_folders_is_refused(source: str, tmp_path: Path) -> None:
    folder = tmp_path / "allowed"
    folder.mkdir()
    (folder / "link.h5").symlink_to("/etc/passwd")
    with pytest.raises(ConfigError):
        checked(source.format(folder=folder), folder)


def test_a_bundle_is_a_shipped_name_or_a_file_in_an_allowed_folder(tmp_path: Path) -> None:
    inside = tmp_path / "mine.bundle"
    assert checked("sim:sheet-ci", tmp_path, str(inside)).bundle == str(inside)
    for outside in ("/etc/passwd", "../x.bundle", "local.bundle"):
        with pytest.raises(ConfigError, match="--allow-source"):
            checked("sim:sheet-ci", tmp_path, outside)


def test_settings_come_from_the_environment_and_the_command_line_wins() -> None:
    environment = {"LIGHTLINE_PORT": "8010", "LIGHTLINE_WORKERS": "2", "LIGHTLINE_ALLOW_HOST": "lab, scope"}
    settings = Settings.load(environment, port=8020, workers=None)
    assert (settings.port, settings.workers, settings.allow_host) == (8020, 2, ("lab", "scope"))
    assert Settings.load({}) == Settings()


@pytest.mark.parametrize(
    "environment", [{"LIGHTLINE_PORT": "many"}, {"LIGHTLINE_PROVIDER": "abacus"}, {"LIGHTLINE_WORKERS": "-1"}]
)
def test_a_wrong_setting_is_named_with_its_variable(environment: dict[str, str]) -> None:
    with pytest.raises(ConfigError, match=next(iter(environment))):
        Settings.load(environment)
