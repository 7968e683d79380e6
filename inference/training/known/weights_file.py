"""Weights of a known network in a file: a state dict of torch, or safetensors. Nothing in the file is ever run."""

from __future__ import annotations

import json
import math
import pickle
import zipfile
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from inference.errors import TrainingError

Weights = dict[str, Tensor]

_SAFETENSORS = ".safetensors"
_MOST_HEADER = 16 << 20
_DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "U8": "|u1", "BOOL": "|b1"}


def read_weights(path: Path) -> Weights:
    """Read tensors by name.

    Raises
    ------
    TrainingError
        If the file is missing, damaged, or holds anything but tensors.
    """
    if not path.is_file():
        raise TrainingError(f"There is no file '{path}' with weights; check the name.")
    try:
        held = _read_safetensors(path) if path.suffix == _SAFETENSORS else _read_state_dict(path)
    except (OSError, ValueError, KeyError, TypeError, EOFError, RuntimeError, pickle.UnpicklingError,
            zipfile.BadZipFile):  # fmt: skip
        raise _no_weights(path) from None
    if not held or not all(isinstance(name, str) and isinstance(value, Tensor) for name, value in held.items()):
        raise _no_weights(path)
    return held


def write_weights(path: Path, weights: Weights) -> None:
    """Write a state dict of torch, or safetensors where the name ends so; float32.

    Raises
    ------
    TrainingError
        If the file cannot be written.
    """
    plain = {name: value.detach().cpu().contiguous() for name, value in weights.items()}
    try:
        if path.suffix == _SAFETENSORS:
            _write_safetensors(path, plain)
        else:
            torch.save(plain, path)
    except (OSError, RuntimeError) as error:
        raise TrainingError(f"The weights cannot be written to '{path}': {error}.") from None


def _read_state_dict(path: Path) -> Weights:
    held: Weights = torch.load(path, map_location="cpu", weights_only=True)
    return held


def _read_safetensors(path: Path) -> Weights:
    """Read the format's header, a JSON of what lies where, and the arrays behind it."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        if not 0 < size <= _MOST_HEADER:
            raise ValueError("no header")
        header = json.loads(file.read(size))
        body = file.read()
    found: Weights = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        dtype, shape = np.dtype(_DTYPES[entry["dtype"]]), tuple(int(edge) for edge in entry["shape"])
        start, end = (int(place) for place in entry["data_offsets"])
        if not 0 <= start <= end <= len(body) or end - start != math.prod(shape) * dtype.itemsize:
            raise ValueError("an array does not lie where the header says")
        found[name] = torch.from_numpy(np.frombuffer(body[start:end], dtype).reshape(shape).copy())
    return found


def _write_safetensors(path: Path, weights: Weights) -> None:
    names = {np.dtype(code): name for name, code in _DTYPES.items()}
    header, parts, at = {}, [], 0
    for name, value in weights.items():
        part = value.numpy().tobytes()
        header[name] = {
            "dtype": names[value.numpy().dtype], "shape": list(value.shape), "data_offsets": [at, at + len(part)]
        }  # fmt: skip
        parts.append(part)
        at += len(part)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(b"".join([len(text).to_bytes(8, "little"), text, *parts]))


def _no_weights(path: Path) -> TrainingError:
    return TrainingError(
        f"The file '{path}' is neither a state dict of tensors alone nor safetensors; save one by torch.save."
    )
