"""What can go wrong while a service is asked."""

from __future__ import annotations

from acquisition.errors import LightlineError


class ClientError(LightlineError, RuntimeError):
    """The service did not do what was asked; the sentence is the service's own, with the remedy.

    Attributes
    ----------
    status
        HTTP status of the answer; 0 where the service was not reached, or did not answer in time.
    """

    def __init__(self, sentence: str, status: int = 0) -> None:
        super().__init__(sentence)
        self.status = status
