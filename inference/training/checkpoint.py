"""A training that was interrupted, on disk, without pickled objects."""

from __future__ import annotations

import json
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from inference.errors import TrainingError

FILE_NAME = "checkpoint.npz"

Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Checkpoint:
    """Where a training stands after a whole epoch.

    Attributes
    ----------
    fingerprint
        What the weights depend on; a checkpoint is only for the training it was made by.
    history
        `(train loss, validation loss)` of each epoch done.
    current, best, optimiser
        Weights now, weights at the lowest validation loss, and the state of Adam.
    """

    fingerprint: str
    history: tuple[tuple[float, float], ...]
    current: Arrays
    best: Arrays
    optimiser: Arrays


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Replace the folder's checkpoint, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{FILE_NAME}.part"
    arrays: Arrays = {
        "fingerprint": np.array(checkpoint.fingerprint),
        "history": np.array(checkpoint.history, dtype=np.float64).reshape(-1, 2),
    }
    for part in ("current", "best", "optimiser"):
        arrays |= {f"{part}/{name}": array for name, array in getattr(checkpoint, part).items()}
    with draft.open("wb") as out:
        np.savez(out, allow_pickle=False, **arrays)
    draft.replace(folder / FILE_NAME)


def load_checkpoint(folder: Path, fingerprint: str) -> Checkpoint | None:
    """Read the folder's checkpoint; None where there is none.

    Raises
    ------
    TrainingError
        If it is damaged, or belongs to another training.
    """
    file = folder / FILE_NAME
    if not file.exists():
        return None
    try:
        # Opened here: NumPy forgets to close a file that it cannot make sense of.
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as held:
            arrays: Arrays = dict(held)
        found = str(arrays.pop("fingerprint"))
        history = arrays.pop("history")
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        raise TrainingError(f"The checkpoint '{file}' is damaged; delete it to begin again.") from None
    if found != fingerprint:
        raise TrainingError(
            f"The folder '{folder}' holds the checkpoint of a training with other cells or options; "
            "choose another folder, or delete the checkpoint to begin again."
        )
    return Checkpoint(
        fingerprint=found,
        history=tuple((float(a), float(b)) for a, b in history),
        current=_part(arrays, "current"),
        best=_part(arrays, "best"),
        optimiser=_part(arrays, "optimiser"),
    )


def model_arrays(model: torch.nn.Module) -> Arrays:
    """Copy a model's weights and statistics."""
    return {name: value.detach().cpu().numpy().copy() for name, value in model.state_dict().items()}


def restore_model(model: torch.nn.Module, arrays: Arrays) -> None:
    """Put copied weights and statistics back."""
    model.load_state_dict({name: torch.from_numpy(np.array(array)) for name, array in arrays.items()})


def optimiser_arrays(optimiser: torch.optim.Optimizer) -> Arrays:
    """Copy the state of an optimiser: its groups as JSON, its moments as arrays."""
    state = optimiser.state_dict()
    arrays: Arrays = {"groups": np.array(json.dumps(state["param_groups"]))}
    for index, moments in state["state"].items():
        for name, value in moments.items():
            arrays[f"{index}/{name}"] = value.detach().cpu().numpy().copy()
    return arrays


def restore_optimiser(optimiser: torch.optim.Optimizer, arrays: Arrays) -> None:
    """Put a copied state back."""
    state: dict[int, dict[str, torch.Tensor]] = {}
    for key, array in arrays.items():
        if key != "groups":
            index, _, name = key.partition("/")
            state.setdefault(int(index), {})[name] = torch.from_numpy(np.array(array))
    optimiser.load_state_dict({"state": state, "param_groups": json.loads(str(arrays["groups"]))})


def _part(arrays: Arrays, part: str) -> Arrays:
    prefix = f"{part}/"
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
