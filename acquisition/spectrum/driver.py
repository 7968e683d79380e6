"""The vendor's package and its driver, brought in only where a card is opened."""

from __future__ import annotations

import ctypes
from typing import Any

from acquisition.errors import ConfigError

_ORIGIN_BIT = 0x80000000
"""Set in the error numbers of cards behind a network."""


def load_package() -> Any:
    """Return the vendor's `spcm` module.

    Raises
    ------
    ConfigError
        If the package or the driver below it is not installed.
    """
    try:
        import spcm
    except ImportError as error:
        raise ConfigError(
            f"Spectrum cards need the package '{error.name}'; install lightline with the extra 'spectrum'."
        ) from None
    except Exception as error:
        # The package raises a bare Exception where its driver library is missing or too old.
        raise ConfigError(
            f"The package 'spcm' found no driver it can use ({one_line(error)}); install the driver of the card."
        ) from None
    return spcm


def one_line(text: object) -> str:
    """Return a text as one line without its last full stop."""
    return " ".join(str(text).split()).rstrip(".")


class Registers:
    """The registers of an open card, with the driver's error numbers, which the package's own exceptions lack.

    Parameters
    ----------
    package
        The `spcm` module.
    handle
        The driver's handle of the card.
    """

    def __init__(self, package: Any, handle: Any) -> None:
        self._package = package
        self._handle = handle
        self.error_text = ""
        """What the driver said about its last error."""

    def write(self, register: int, value: int) -> int:
        """Write a register; return the driver's error number, 0 for none."""
        return self._checked(self._package.spcm_dwSetParam_i64(self._handle, register, value))

    def read(self, register: int) -> tuple[int, int]:
        """Read a register; return the driver's error number, 0 for none, and the value."""
        value = ctypes.c_int64(0)
        code = self._checked(self._package.spcm_dwGetParam_i64(self._handle, register, ctypes.byref(value)))
        return code, value.value

    def forget_buffer(self) -> int:
        """Tell the driver that its data buffer is no longer there; return the driver's error number."""
        return self._checked(self._package.spcm_dwInvalidateBuf(self._handle, self._package.SPCM_BUF_DATA))

    def _checked(self, code: int) -> int:
        code &= ~_ORIGIN_BIT
        if code not in (self._package.ERR_OK, self._package.ERR_TIMEOUT):
            # Asking also unlocks the driver, which answers every further call with the same error until then.
            self.error_text = one_line(self._package.SpcmError(self._handle).text) or f"error {code:#06x}"
        return code
