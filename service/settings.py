"""How a service is set up: one frozen model, filled from the environment and overruled by the command line."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from acquisition.errors import ConfigError
from service.logs import LogForm

ENVIRONMENT_PREFIX = "LIGHTLINE_"

Provider = Literal["auto", "cpu", "cuda"]


class Settings(BaseModel):
    """What a service needs to know before it starts; every field can be set as `LIGHTLINE_<FIELD>`."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    data: Path = Path("lightline-data")
    """Folder that runs are stored in; made if it is missing."""
    host: str = Field(default="127.0.0.1", min_length=1, max_length=255)
    """Address to listen on; the default is reached from this computer only."""
    port: int = Field(default=8000, ge=0, le=65535)
    """Port to listen on; 0 takes any free one."""
    workers: int = Field(default=1, ge=0, le=64)
    """Inference workers inside the service; 0 where workers come from elsewhere."""
    transport: str = Field(default="inproc://", max_length=256)
    """Where inference workers meet the service: `inproc://`, or `tcp://127.0.0.1:PORT` for workers of their own."""
    provider: Provider = "auto"
    """Hardware for inference: `auto` takes a graphics card where one works, and says what it took."""
    allow_source: tuple[Path, ...] = ()
    """Folders beside `data` whose recordings may be opened over HTTP."""
    allow_host: tuple[str, ...] = ()
    """Names beside the loopback ones by which a browser may call this service."""
    requests_per_s: float = Field(default=1000.0, ge=0, le=1e6)
    """Requests a second that one address may make for long; 0 means no limit."""
    tls_certificate: Path | None = None
    """File with the service's certificate chain (PEM); with it, the page and the API are served over TLS only."""
    tls_key: Path | None = None
    """File with the certificate's private key (PEM)."""

    log: LogForm = LogForm.TEXT
    """What log lines on stderr are: `text` for people, `json` for programs."""
    log_file: Path | None = None
    """File for the log as JSON lines; at 16 MiB it becomes `FILE.1`, and four of those are kept."""

    @field_validator("allow_source", mode="before")
    @classmethod
    def _folders(cls, value: object) -> object:
        return tuple(part for part in value.split(os.pathsep) if part) if isinstance(value, str) else value

    @field_validator("allow_host", mode="before")
    @classmethod
    def _names(cls, value: object) -> object:
        return tuple(part.strip() for part in value.split(",") if part.strip()) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _tls_is_whole(self) -> Self:
        if (self.tls_certificate is None) != (self.tls_key is None):
            raise ValueError("a certificate needs its key, and a key its certificate")
        return self

    @classmethod
    def load(cls, environment: Mapping[str, str] | None = None, **overrides: object) -> Self:
        """Read the environment, then let every override that is not None win.

        Parameters
        ----------
        environment
            Variables to read; None means those of this process.
        overrides
            Fields as the command line gave them.

        Raises
        ------
        ConfigError
            If a value does not make sense; the sentence names the field.
        """
        variables = os.environ if environment is None else environment
        values: dict[str, object] = {
            name: variables[ENVIRONMENT_PREFIX + name.upper()]
            for name in cls.model_fields
            if ENVIRONMENT_PREFIX + name.upper() in variables
        }
        values.update({name: value for name, value in overrides.items() if value is not None})
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            field = str(first["loc"][0]) if first["loc"] else "settings"
            raise ConfigError(
                f"The setting '{field}' (option --{field.replace('_', '-')} or variable "
                f"{ENVIRONMENT_PREFIX}{field.upper()}) is not valid: {first['msg']}."
            ) from None
