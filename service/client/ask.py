"""One request as a value: what is sent, and what is made of the answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import httpx

from service.client.errors import ClientError

T = TypeVar("T")

MOST_TRIES = 5
"""Of a request that is answered 429: too many of them for now."""
TIMEOUT_S = 60.0


@dataclass(frozen=True)
class Ask(Generic[T]):
    """A request.

    Attributes
    ----------
    method, path, params, body
        What is sent; parameters that are None are left out.
    take
        Makes the result of the answer.
    """

    method: str
    path: str
    take: Callable[[httpx.Response], T]
    params: Mapping[str, Any] = field(default_factory=dict)
    body: Any = None

    def request(self, client: httpx.Client | httpx.AsyncClient) -> httpx.Request:
        """Return it, ready to be sent."""
        params = {name: value for name, value in self.params.items() if value is not None}
        return client.build_request(self.method, self.path, params=params, json=self.body)


def wait_s(answer: httpx.Response, tried: int) -> float | None:
    """Return after how many seconds to ask again; None where the answer stands."""
    if answer.status_code != 429 or tried >= MOST_TRIES:
        return None
    later = answer.headers.get("retry-after", "1")
    return float(later) if later.isdigit() else 1.0


def check(answer: httpx.Response) -> httpx.Response:
    """Return an answer that is one.

    Raises
    ------
    ClientError
        If it is a problem; with its sentence.
    """
    if answer.is_success:
        return answer
    try:
        sentence = str(answer.json()["detail"])
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError):
        sentence = f"'{answer.url.host}' answered {answer.status_code}; it may not be a Lightline service."
    raise ClientError(sentence, answer.status_code)


def not_reached(error: httpx.HTTPError) -> ClientError:
    """Return what is said of a service that cannot be asked."""
    if isinstance(error, httpx.TimeoutException):
        return ClientError("The service did not answer in time; ask again, or give a longer 'timeout_s'.")
    return ClientError(f"The service was not reached ({error}); see that it runs, and where.")
