"""How a service is set up: one frozen model, the only list of settings; file, environment and options fill it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import (
    BaseModel,
    ByteSize,
    ConfigDict,
    Field,
    PrivateAttr,
    ValidationError,
    field_validator,
    model_validator,
)

from acquisition.errors import ConfigError
from service.logs import LogForm
from service.settings_sources import ENVIRONMENT_PREFIX, SetBy, given_settings
from service.sink.address import checked_address

__all__ = ["ENVIRONMENT_PREFIX", "Settings"]

Provider = Literal["auto", "cpu", "cuda"]


class Settings(BaseModel):
    """What a service needs to know before it starts.

    Every field can be set in a file (`lightline.toml`, or `--config FILE`), as the variable `LIGHTLINE_<FIELD>`, and as
    an option of the command line; what comes later in this list wins. `lightline config` shows them all.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    data: Path = Path("lightline-data")
    """Folder that runs are stored in; made if it is missing."""
    host: str = Field(default="127.0.0.1", min_length=1, max_length=255)
    """Address to listen on; the default is reached from this computer only."""
    port: int = Field(default=8000, ge=0, le=65535)
    """Port of the page and the API; 0 takes any free one."""
    workers: int = Field(default=1, ge=0, le=64)
    """Inference workers inside the service; 0 where workers come from elsewhere."""
    transport: str = Field(default="inproc://", max_length=256)
    """Where inference workers meet the service: `inproc://`, `tcp://127.0.0.1:PORT` for processes, or with `keys` any
    `tcp://ADDRESS:PORT`."""
    keys: Path | None = None
    """Folder of keys, made by `lightline keys`: messages to workers are encrypted, and only known workers join."""
    provider: Provider = "auto"
    """Hardware for inference: `auto` takes a graphics card where one works, and says what it took."""
    real_time: bool = True
    """Let the stages of a live run come before every other program on the processors, where the system allows it."""
    allow_source: tuple[Path, ...] = ()
    """Folder beside `data` whose recordings may be opened over HTTP; may be given several times."""
    allow_host: tuple[str, ...] = ()
    """Name beside the loopback ones by which a browser may call this service; may be given several times."""
    requests_per_s: float = Field(default=1000.0, ge=0, le=1e6)
    """Requests a second that one address may make for long; 0 means no limit."""
    sink: str | None = Field(default=None, max_length=1024)
    """Where the rows of all runs are copied to: a PostgreSQL server, `postgresql://USER@HOST/DATABASE`, whose password
    comes from `PGPASSWORD` or `~/.pgpass`, or a folder of Parquet files, `s3://BUCKET/PATH` or `file:///PATH`."""
    tls_certificate: Path | None = None
    """File with the service's certificate chain (PEM); with it, the page and the API are served over TLS only."""
    tls_key: Path | None = None
    """File with the certificate's private key (PEM)."""
    log: LogForm = LogForm.TEXT
    """What log lines on stderr are: `text` for people, `json` for programs."""
    log_file: Path | None = None
    """File for the log as JSON lines; at 16 MiB it becomes `FILE.1`, and four of those are kept."""

    disk_warn: ByteSize = ByteSize(10 << 30)
    """Warn where less than this is free on the disk of `data`, such as 10GiB."""
    disk_warn_minutes: float = Field(default=30.0, ge=0, le=1e6)
    """Warn as well where the disk is full in so many minutes at the present rate."""
    disk_refuse: ByteSize = ByteSize(1 << 30)
    """Begin no run where less than this is free, such as 1GiB."""
    retention_days: float | None = Field(default=None, gt=0, le=1e6)
    """Remove runs that ended longer ago, before a run begins; pinned and labelled ones stay, and those that
    the sink does not have completely."""
    retention_bytes: ByteSize | None = None
    """Remove the oldest runs, before a run begins, until the rest takes no more than this, such as 2TB; the same
    ones stay."""

    _set_by: Mapping[str, SetBy] = PrivateAttr(default_factory=dict)

    @field_validator("allow_source", mode="before")
    @classmethod
    def _folders(cls, value: object) -> object:
        return tuple(part for part in value.split(os.pathsep) if part) if isinstance(value, str) else value

    @field_validator("allow_host", mode="before")
    @classmethod
    def _names(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @field_validator("sink")
    @classmethod
    def _sink_address(cls, value: str | None) -> str | None:
        # A variable of the environment that is there and empty is how compose files say that there is none.
        return checked_address(value) if value else None

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("a certificate needs its key, and a key its certificate")
        return self

    @classmethod
    def load(
        cls, environment: Mapping[str, str] | None = None, config: Path | None = None, **overrides: object
    ) -> Self:
        """Read the file, let the environment overrule it, and every override that is not None overrule both.

        Parameters
        ----------
        environment
            Variables to read; None means those of this process.
        config
            File to read; None means the one that `LIGHTLINE_CONFIG` names, or `lightline.toml` where there is one.
        overrides
            Fields as the command line gave them.

        Raises
        ------
        ConfigError
            If there is no such setting, or its value does not make sense; the sentence names the place.
        """
        known = {name: field.annotation for name, field in cls.model_fields.items()}
        given = given_settings(known, environment, config, overrides)
        try:
            settings = cls.model_validate({name: one.value for name, one in given.items()})
        except ValidationError as error:
            first = error.errors()[0]
            field = str(first["loc"][0]) if first["loc"] else "settings"
            where = f" ({given[field].place})" if field in given else ""
            raise ConfigError(f"The setting '{field}'{where} is not valid: {first['msg']}.") from None
        settings._set_by = {name: one.set_by for name, one in given.items()}
        return settings

    def set_by(self, name: str) -> SetBy:
        """Return what gave a setting its value."""
        return self._set_by.get(name, SetBy.DEFAULT)

    def plain(self) -> dict[str, Any]:
        """Return every setting as a value of JSON."""
        return self.model_dump(mode="json")
