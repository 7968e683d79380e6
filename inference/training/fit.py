"""Training of the autoencoder: early stop on a held-out run, checkpoints, the same result after an interrupt."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from tqdm import tqdm

from inference.errors import TrainingError
from inference.training.augment import augment
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
from inference.training.models import Architecture, Autoencoder, reconstruction_loss
from inference.training.options import TrainingOptions

Floats = npt.NDArray[np.float32]
_EVALUATION_BATCH = 256


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
    """A trained autoencoder, with the weights of its best epoch.

    Attributes
    ----------
    model
        In evaluation mode, on the CPU.
    history
        `(train loss, validation loss)` of each epoch.
    """

    model: Autoencoder
    history: tuple[tuple[float, float], ...]


def fit_autoencoder(train: TrainingSet, validation: TrainingSet, options: TrainingOptions) -> Fitted:
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
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = _new_model(train, options).to(device)
    optimiser = torch.optim.Adam(model.parameters(), lr=options.learning_rate)
    state = _resumed(model, optimiser, options, _fingerprint(train, validation, options))
    try:
        _run_epochs(model, optimiser, train, validation, options, state)
    except KeyboardInterrupt:
        _say_how_to_resume(state, options)
        raise
    restore_model(model, state.best)
    return Fitted(model.cpu().eval(), tuple(state.history))


def encode(model: Autoencoder, images: Floats) -> Floats:
    """Return the latents `(n, d)` of `(n, 1, y, x)` images as they come."""
    device = model.scale.device
    with torch.inference_mode():
        parts = [
            model.encoder(model.preprocess(torch.from_numpy(images[at : at + _EVALUATION_BATCH]).to(device)))[1].cpu()
            for at in range(0, len(images), _EVALUATION_BATCH)
        ]
    return np.asarray(torch.cat(parts).numpy(), dtype=np.float32)


def evaluation_loss(model: Autoencoder, images: Floats) -> float:
    """Mean squared error per pixel, in preprocessed units, of `(n, 1, y, x)` images as they come."""
    model.eval()
    device = model.scale.device
    total = 0.0
    with torch.inference_mode():
        for at in range(0, len(images), _EVALUATION_BATCH):
            batch = torch.from_numpy(images[at : at + _EVALUATION_BATCH]).to(device)
            total += float(reconstruction_loss(model, model.preprocess(batch))) * len(batch)
    return total / len(images)


def _new_model(train: TrainingSet, options: TrainingOptions) -> Autoencoder:
    contrast = float(np.sqrt(np.mean((train.images.astype(np.float64) - options.background) ** 2)))
    if not contrast > 0:
        raise TrainingError("The training images are all empty background; there is nothing to learn.")
    architecture = Architecture(
        shape=(train.images.shape[2], train.images.shape[3]), widths=options.widths, latent=options.latent
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(options.seed)
        return Autoencoder(architecture, background=options.background, scale=1.0 / contrast)


def _fingerprint(train: TrainingSet, validation: TrainingSet, options: TrainingOptions) -> str:
    digest = hashlib.sha256(options.weights_text().encode())
    for cells in (train, validation):
        digest.update(str(cells.images.shape).encode())
        digest.update(np.ascontiguousarray(cells.images).data)
    return digest.hexdigest()


def _resumed(
    model: Autoencoder, optimiser: torch.optim.Optimizer, options: TrainingOptions, fingerprint: str
) -> _State:
    held = load_checkpoint(options.folder, fingerprint) if options.folder else None
    if held is None:
        return _State(fingerprint)
    restore_model(model, held.current)
    restore_optimiser(optimiser, held.optimiser)
    return _State(fingerprint, history=list(held.history), best=held.best)


def _run_epochs(
    model: Autoencoder,
    optimiser: torch.optim.Optimizer,
    train: TrainingSet,
    validation: TrainingSet,
    options: TrainingOptions,
    state: _State,
) -> None:
    """Run the epochs that are left, with a checkpoint after each."""
    batches = -(-len(train) // options.batch)
    with tqdm(
        total=options.epochs * batches,
        initial=len(state.history) * batches,
        desc="autoencoder",
        unit="batch",
        disable=not options.progress,
    ) as bar:
        while len(state.history) < options.epochs and state.since_best < options.patience:
            loss = _run_epoch(model, optimiser, train, options, len(state.history), bar)
            held_out_loss = evaluation_loss(model, validation.images)
            if not np.isfinite(held_out_loss):
                raise TrainingError("The training diverged; choose a smaller learning rate.")
            state.history.append((loss, held_out_loss))
            if state.since_best == 0:
                state.best = model_arrays(model)
            bar.set_postfix(train=f"{loss:.4f}", held_out=f"{held_out_loss:.4f}")
            if options.folder:
                arrays = model_arrays(model), state.best, optimiser_arrays(optimiser)
                save_checkpoint(options.folder, Checkpoint(state.fingerprint, tuple(state.history), *arrays))


def _run_epoch(
    model: Autoencoder,
    optimiser: torch.optim.Optimizer,
    train: TrainingSet,
    options: TrainingOptions,
    number: int,
    bar: tqdm,
) -> float:
    """Go once through the training cells; return the mean loss."""
    generator = torch.Generator().manual_seed(options.seed * 1_000_003 + number)
    order = torch.randperm(len(train), generator=generator).numpy()
    device = model.scale.device
    model.train()
    total = torch.zeros((), device=device)
    for at in range(0, len(order), options.batch):
        rows = order[at : at + options.batch]
        if len(rows) > 1:  # Batch normalisation has no spread to learn from a single cell.
            prepared = model.preprocess(torch.from_numpy(train.images[rows]).to(device))
            total += _step(model, optimiser, prepared, options, generator) * len(rows)
        bar.update(1)
    return float(total) / len(order)


def _step(
    model: Autoencoder,
    optimiser: torch.optim.Optimizer,
    prepared: Tensor,
    options: TrainingOptions,
    generator: torch.Generator,
) -> Tensor:
    if options.augment:
        prepared = augment(prepared, options.shift_px, generator)
    optimiser.zero_grad(set_to_none=True)
    loss = reconstruction_loss(model, prepared)
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
