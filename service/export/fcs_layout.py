"""The bytes of an FCS 3.1 file around its data: HEADER and TEXT.

Source: Spidlen et al., Data File Standard for Flow Cytometry, version FCS 3.1, Cytometry A 77A:97 (2010).
"""

from __future__ import annotations

from collections.abc import Mapping

LARGEST_OFFSET = 99_999_999
"""That fits the eight digits of the HEADER; segments that end beyond it are found by TEXT alone."""
NO_CHECKSUM = b"00000000"
"""Stands at the end of a file whose checksum was not computed, as the standard says."""

_HEADER_BYTES = 58
# Cannot stand in any value: control characters are taken out of them.
_DELIMITER = "\x0c"


def fcs_beginning(keywords: Mapping[str, str], data_bytes: int) -> bytes:
    """Return everything that stands before the data.

    Parameters
    ----------
    keywords
        Of the TEXT segment, without those that say where segments are; empty values, which the standard does not allow,
        are left out.
    data_bytes
        Length of the data that will follow.
    """
    begin = 0
    while True:
        text = _text({**_places(begin, data_bytes), **keywords})
        # The text says where it ends, in as many digits as that takes.
        if _HEADER_BYTES + len(text) == begin:
            return _header(len(text), begin, data_bytes) + text
        begin = _HEADER_BYTES + len(text)


def _places(begin: int, data_bytes: int) -> dict[str, str]:
    last = begin + max(data_bytes - 1, 0)
    return {
        "$BEGINDATA": str(begin),
        "$ENDDATA": str(last),
        "$BEGINANALYSIS": "0",
        "$ENDANALYSIS": "0",
        "$BEGINSTEXT": "0",
        "$ENDSTEXT": "0",
        "$NEXTDATA": "0",
    }


def _text(keywords: Mapping[str, str]) -> bytes:
    parts = [part for key, value in keywords.items() if (clean := _clean(value)) for part in (key, clean)]
    return (_DELIMITER + _DELIMITER.join(parts) + _DELIMITER).encode()


def _clean(value: str) -> str:
    return "".join(" " if ord(letter) < 32 else letter for letter in value).strip()


def _header(text_bytes: int, begin: int, data_bytes: int) -> bytes:
    last = begin + max(data_bytes - 1, 0)
    data = (begin, last) if last <= LARGEST_OFFSET else (0, 0)
    offsets = (_HEADER_BYTES, _HEADER_BYTES + text_bytes - 1, *data, 0, 0)
    return b"FCS3.1    " + "".join(f"{offset:>8}" for offset in offsets).encode()
