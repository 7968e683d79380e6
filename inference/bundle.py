"""A model as one file: a zip of two ONNX graphs and their contract."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
import zipfile
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from inference.contract import FORMAT, Contract, contract_digest, read_contract
from inference.errors import BundleError
from inference.sound_graph import check_graph_file

SUFFIX = ".bundle"
LIMITS = {"contract.json": 1 << 20, "live.onnx": 2 << 30, "explain.onnx": 2 << 30}
"""Members of a bundle, exactly these, and the most bytes of each (a graph file cannot be larger than 2 GiB)."""

_MOST_EXPANSION = 100
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Bundle:
    """A checked model: nothing in it has been run, and its digests are right.

    Attributes
    ----------
    contract
        What the model promises.
    live, explain
        The ONNX graphs as bytes.
    document
        `contract.json` as it was read, so that the same bundle is written again to the same bytes.
    """

    contract: Contract
    live: bytes = field(repr=False)
    explain: bytes = field(repr=False)
    document: bytes = field(repr=False)

    @property
    def digest(self) -> str:
        """Identity of the model, 64 hexadecimal digits."""
        return self.contract.digest

    @classmethod
    def build(cls, fields: dict[str, Any], live: bytes, explain: bytes) -> Self:
        """Make a bundle from the fields of its contract (without `sha256` and `digest`) and its graphs.

        Raises
        ------
        BundleError
            If the fields are not a valid contract.
        """
        sums = {"live.onnx": hashlib.sha256(live).hexdigest(), "explain.onnx": hashlib.sha256(explain).hexdigest()}
        draft = read_contract({"format": FORMAT, **fields, "sha256": sums, "digest": "0" * 64})
        document = draft.model_dump(mode="json")
        document["digest"] = contract_digest(document, live, explain)
        text = json.dumps(document, indent=1, ensure_ascii=False).encode()
        return cls(contract=read_contract(document), live=live, explain=explain, document=text)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read and check a bundle file.

        Raises
        ------
        BundleError
            If the file is missing or not a sound bundle; see `from_bytes`.
        """
        try:
            file = Path(path).expanduser()
            # A device or a pipe would never end.
            if not file.is_file():
                raise FileNotFoundError
            if file.stat().st_size > sum(LIMITS.values()):
                raise BundleError(f"The file '{path}' is too large to be a bundle.")
            data = file.read_bytes()
        except (FileNotFoundError, RuntimeError):
            raise BundleError(
                f"There is no bundle '{path}'; check the name, or make one with 'lightline train'."
            ) from None
        except OSError as error:
            raise BundleError(f"The bundle '{path}' cannot be read: {error.strerror}.") from None
        return cls.from_bytes(data, origin=str(path))

    @classmethod
    def from_bytes(cls, data: bytes, origin: str = "received") -> Self:
        """Check a bundle given as bytes; `origin` names it in errors.

        Raises
        ------
        BundleError
            If it is not a zip, does not hold exactly the three members, a member is too large or damaged, the
            contract is not valid, a digest is wrong, or a graph is not sound; see `check_graph_file`.
        """
        members = _read_members(data, origin)
        try:
            document = json.loads(members["contract.json"])
        except (ValueError, RecursionError):
            raise BundleError(f"The bundle '{origin}' is damaged: contract.json is not JSON; get it again.") from None
        contract = read_contract(document)
        for name in ("live.onnx", "explain.onnx"):
            if hashlib.sha256(members[name]).hexdigest() != contract.sha256[name]:
                raise BundleError(
                    f"The bundle '{origin}' is damaged: {name} has not the digest that the contract says."
                )
            check_graph_file(members[name], contract.opset, f"The graph {name} of the bundle '{origin}'")
        live, explain = members["live.onnx"], members["explain.onnx"]
        if contract_digest(document, live, explain) != contract.digest:
            raise BundleError(f"The bundle '{origin}' is damaged: its contract was changed after it was made.")
        return cls(contract=contract, live=live, explain=explain, document=members["contract.json"])

    def to_bytes(self) -> bytes:
        """Return the file's bytes, the same every time."""
        buffer = io.BytesIO()
        members = {"contract.json": self.document, "live.onnx": self.live, "explain.onnx": self.explain}
        with zipfile.ZipFile(buffer, "w") as archive:
            for name, content in members.items():
                entry = zipfile.ZipInfo(name, date_time=_EPOCH)
                entry.compress_type = zipfile.ZIP_DEFLATED if name == "contract.json" else zipfile.ZIP_STORED
                archive.writestr(entry, content)
        return buffer.getvalue()

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the bundle file, whole or not at all.

        Raises
        ------
        BundleError
            If the file cannot be written.
        """
        file = Path(path).expanduser()
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            handle, draft = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
            try:
                with os.fdopen(handle, "wb") as out:
                    out.write(self.to_bytes())
                Path(draft).chmod(0o644)
                Path(draft).replace(file)
            except BaseException:
                Path(draft).unlink(missing_ok=True)
                raise
        except OSError as error:
            raise BundleError(f"The bundle '{path}' cannot be written: {error.strerror}.") from None
        return file


def _read_members(data: bytes, origin: str) -> dict[str, bytes]:
    """Return the members of a bundle, each within its limit."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            _check_names(archive.infolist(), origin)
            if sum(entry.file_size for entry in archive.infolist()) > _MOST_EXPANSION * len(data):
                raise BundleError(f"The bundle '{origin}' is refused: it unpacks to far more than its own size.")
            return {name: _read_member(archive, name, limit, origin) for name, limit in LIMITS.items()}
    except (
        zipfile.BadZipFile,
        zipfile.LargeZipFile,
        NotImplementedError,
        EOFError,
        OSError,
        ValueError,
        zlib.error,
    ) as error:
        if isinstance(error, BundleError):
            raise
        raise BundleError(f"The file '{origin}' is not a bundle (a zip file), or is damaged; get it again.") from None


def _check_names(entries: list[zipfile.ZipInfo], origin: str) -> None:
    names = [entry.orig_filename for entry in entries]
    for name in names:
        if ".." in name or name.startswith(("/", "\\")) or "\\" in name or ":" in name:
            raise BundleError(
                f"The bundle '{origin}' is refused: it holds '{name[:80]}', a path that leaves the bundle."
            )
    if sorted(names) != sorted(LIMITS):
        held = ", ".join(names)[:200] or "nothing"
        raise BundleError(f"The bundle '{origin}' must hold exactly {', '.join(LIMITS)}, but holds {held}.")
    if any(entry.flag_bits & 1 for entry in entries):
        raise BundleError(f"The bundle '{origin}' is encrypted; save it again without a password.")


def _read_member(archive: zipfile.ZipFile, name: str, limit: int, origin: str) -> bytes:
    """Read one member, never more than its limit whatever its header says."""
    with archive.open(name) as stream:
        content = stream.read(limit + 1)
    if len(content) > limit:
        raise BundleError(f"The bundle '{origin}' is refused: {name} is larger than {limit} bytes.")
    return content
