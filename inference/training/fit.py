"""Training of encoders: early stop on a held-out run, checkpoints, the same result after an interrupt."""

from __future__ import annotations

import hashlib
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from inference.errors import TrainingError
from inference.training.augment import augment
from inference.training.batches import in_order, pooled
from inference.training.checkpoint import (
    Arrays,
    Checkpoint,
    load_checkpoint,
    model_arrays,
    optimiser_arrays,
    restore_model,
    restore_optimiser,
    save_checkpoint,
)
from inference.training.data import TrainingSet
from inference.training.lessons import Lessons
from inference.training.live_curve import LiveCurve, live_curve
from inference.training.models import Autoencoders, Encoders
from inference.training.new_model import new_model
from inference.training.normalisation import settle
from inference.training.options import Learning, TrainingOptions
from inference.training.pairs import known_factors

Floats = npt.NDArray[np.float32]


@dataclass
class _State:
    """What changes from epoch to epoch, and what it depends on."""

    fingerprint: str
    history: list[tuple[float, float]] = field(default_factory=list)
    best: Arrays = field(default_factory=dict)

    @property
    def since_best(self) -> int:
        losses = [validation for _, validation in self.history]
        return len(losses) - 1 - int(np.argmin(losses)) if losses else 0


@dataclass(frozen=True)
class Fitted:
    """Trained encoders, with the weights of their best epoch.

    Attributes
    ----------
    model
        In evaluation mode, on the CPU.
    history
        `(train loss, validation loss)` of each epoch.
    """

    model: Encoders
    history: tuple[tuple[float, float], ...]


def fit_encoders(train: TrainingSet, validation: TrainingSet, options: TrainingOptions) -> Fitted:
    """Train by Adam until the loss on the validation run stops falling.

    Every epoch draws its randomness from the seed and its own number, so that a training which was interrupted and
    resumed gives the same weights as one that was not.

    Raises
    ------
    TrainingError
        If the images cannot be learnt from, or the folder holds another training's checkpoint.
    KeyboardInterrupt
        If the user stops it; the last whole epoch is in the folder.
    """
    if options.learning is Learning.FACTORS:
        train = train.where(known_factors(train))
    if options.learning is Learning.LABELS:
        train, validation = (cells.where(cells.is_labelled) for cells in (train, validation))
        if not len(validation) or len(np.unique(train.label)) < 2:
            raise TrainingError("To learn classes, cells of two or more must be labelled, also in the held-out run.")
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = new_model(train, options).to(device)
    _lay_out(model, torch.channels_last)
    if options.frozen:
        model.freeze()
    optimiser = torch.optim.AdamW(model.parameters(), lr=options.learning_rate, weight_decay=options.weight_decay)
    state = _resumed(model, optimiser, options, _fingerprint(train, validation, options))
    try:
        _run_epochs(model, optimiser, train, validation, options, state)
    except KeyboardInterrupt:
        _say_how_to_resume(state, options)
        raise
    restore_model(model, state.best)
    model = model.cpu().eval()
    _lay_out(model, torch.contiguous_format)
    return Fitted(model, tuple(state.history))


def encode(model: Encoders, cells: TrainingSet) -> Floats:
    """Return the latents `(n, d)` of cells."""
    return encode_by(model.latent, model, cells)


def encode_by(look: Callable[[dict[str, Tensor]], Tensor], model: Encoders, cells: TrainingSet) -> Floats:
    """Return what a function makes of the preprocessed images of cells, `(n, ...)`."""
    with torch.inference_mode():
        parts = [look(model.preprocess(pooled(model, cells, rows))).cpu() for rows in in_order(len(cells))]
    return np.asarray(torch.cat(parts).numpy(), dtype=np.float32)


def evaluation_loss(model: Encoders, cells: TrainingSet) -> float:
    """Return the mean loss of cells, in preprocessed units."""
    model.eval()
    total = 0.0
    with torch.inference_mode():
        for rows in in_order(len(cells)):
            prepared = model.preprocess(pooled(model, cells, rows))
            total += float(model.loss(prepared, _labels(model, cells, rows), None)) * len(rows)
    return total / len(cells)


def evaluation_errors(model: Autoencoders, cells: TrainingSet) -> dict[str, float]:
    """Return the mean squared error per pixel of every channel, in preprocessed units."""
    model.eval()
    totals = dict.fromkeys(cells.channels, 0.0)
    with torch.inference_mode():
        for rows in in_order(len(cells)):
            for name, error in model.errors(model.preprocess(pooled(model, cells, rows))).items():
                totals[name] += float(error) * len(rows)
    return {name: total / len(cells) for name, total in totals.items()}


def _lay_out(model: Encoders, order: torch.memory_format) -> None:
    """Order the weights of flat images, which are convolved half as fast again with a pixel's channels side by side."""
    for weight in model.parameters():
        if weight.dim() == 4:
            weight.data = weight.data.contiguous(memory_format=order)


def _labels(model: Encoders, cells: TrainingSet, rows: npt.NDArray[np.intp]) -> Tensor:
    return torch.from_numpy(cells.label[rows].astype(np.int64)).to(model.device)


def _fingerprint(train: TrainingSet, validation: TrainingSet, options: TrainingOptions) -> str:
    digest = hashlib.sha256(options.weights_text().encode())
    for cells in (train, validation):
        for name, stack in cells.images.items():
            digest.update(f"{name} {stack.shape} {stack.dtype}".encode())
            for rows in in_order(len(stack)):
                digest.update(np.ascontiguousarray(stack[rows]).data)
    return digest.hexdigest()


def _resumed(model: Encoders, optimiser: torch.optim.Optimizer, options: TrainingOptions, fingerprint: str) -> _State:
    held = load_checkpoint(options.folder, fingerprint) if options.folder else None
    if held is None:
        return _State(fingerprint)
    restore_model(model, held.current)
    restore_optimiser(optimiser, held.optimiser)
    return _State(fingerprint, history=list(held.history), best=held.best)


def _run_epochs(
    model: Encoders,
    optimiser: torch.optim.Optimizer,
    train: TrainingSet,
    validation: TrainingSet,
    options: TrainingOptions,
    state: _State,
) -> None:
    """Run the epochs that are left, with a checkpoint after each."""
    batches = -(-len(train) // options.batch)
    lessons = Lessons(train, options)
    if not state.history:
        lessons.begin(model)
    with live_curve(options.epochs * batches, len(state.history) * batches, shown=options.progress) as curve:
        curve.show(state.history)
        while len(state.history) < options.epochs and state.since_best < options.patience:
            loss = _run_epoch(model, optimiser, train, lessons, options, len(state.history), curve)
            if options.learning is Learning.LABELS:
                settle(model, train)
            held_out_loss = evaluation_loss(model, validation)
            if not np.isfinite(held_out_loss):
                raise TrainingError("The training diverged; choose a smaller learning rate.")
            state.history.append((loss, held_out_loss))
            if state.since_best == 0:
                state.best = model_arrays(model)
            curve.show(state.history)
            if options.folder:
                arrays = model_arrays(model), state.best, optimiser_arrays(optimiser)
                save_checkpoint(options.folder, Checkpoint(state.fingerprint, tuple(state.history), *arrays))


def _run_epoch(
    model: Encoders,
    optimiser: torch.optim.Optimizer,
    train: TrainingSet,
    lessons: Lessons,
    options: TrainingOptions,
    number: int,
    curve: LiveCurve,
) -> float:
    """Go once through the training cells; return the mean loss."""
    order, told = lessons.of_epoch(number)
    # Each encoder has its own, so that it is trained as it would be alone.
    generators = {name: torch.Generator().manual_seed(options.seed * 1_000_003 + number) for name in model.encoders}
    if options.anneal:
        for group in optimiser.param_groups:
            group["lr"] = options.learning_rate * 0.5 * (1.0 + math.cos(math.pi * number / options.epochs))
    model.train()
    total = torch.zeros((), device=model.device)
    for batch, at in enumerate(range(0, len(order), options.batch)):
        rows = order[at : at + options.batch]
        if len(rows) > 1:  # Batch normalisation has no spread to learn from a single cell.
            prepared = model.preprocess(pooled(model, train, rows))
            label = told[at : at + options.batch].to(model.device)
            total += _step(model, optimiser, prepared, label, options, generators) * len(rows)
        lessons.after_batch(model, number, batch)
        curve.batch_done()
    return float(total) / len(order)


def _step(
    model: Encoders,
    optimiser: torch.optim.Optimizer,
    prepared: dict[str, Tensor],
    label: Tensor,
    options: TrainingOptions,
    generators: dict[str, torch.Generator],
) -> Tensor:
    if options.augment:
        prepared = {name: augment(image, options.shift_px, generators[name]) for name, image in prepared.items()}
    optimiser.zero_grad(set_to_none=True)
    with torch.autocast("cuda", torch.bfloat16, enabled=model.device.type == "cuda"):
        loss = model.loss(prepared, label, generators)
    torch.autograd.backward(loss)
    optimiser.step()
    return loss.detach()


def _say_how_to_resume(state: _State, options: TrainingOptions) -> None:
    done = len(state.history)
    if options.folder and done:
        advice = f"run the same command again to go on from '{options.folder}'"
    else:
        advice = "nothing is kept, because no epoch was finished in a checkpoint folder"
    print(f"\nStopped after {done} of at most {options.epochs} epochs; {advice}.", file=sys.stderr)
