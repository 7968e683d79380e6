"""A service asked from Python, here or from another computer: `Client`; `AsyncClient` where there is an event loop.

Nothing of the service itself is needed for it, only httpx (`pip install 'lightline[client]'`). Documents are the models
that the service answers with; they are imported when the first of them arrives.

- `asks`: what can be asked, as values; both clients send them
- `sync`, `asynchronous`: the two clients; `following` is what they share of watching a run
- `tables`: pages of cells as Arrow, pandas or polars; `place`: which service, and with which token
- `errors`: the one exception
"""

from importlib.util import find_spec

from acquisition.errors import ConfigError

if find_spec("httpx") is None:
    raise ConfigError("The client needs the package httpx; run: pip install 'lightline[client]'.")

from service.client.asynchronous import AsyncClient
from service.client.errors import ClientError
from service.client.sync import Client

__all__ = ["AsyncClient", "Client", "ClientError"]
