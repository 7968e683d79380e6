"""How each kind of model is trained where nobody says otherwise: what was measured best, see `docs/learning.md`."""

from __future__ import annotations

from dataclasses import replace

from inference.training.architecture import PAPER_C_LATENT, Network
from inference.training.options import Learning, TrainingOptions

_RECONSTRUCTION = TrainingOptions()
_CONTRAST = TrainingOptions(
    learning=Learning.CONTRAST,
    latent=64,
    axes=16,
    epochs=30,
    batch=256,
    learning_rate=2e-3,
    weight_decay=1e-4,
    anneal=True,
    projected=64,
    augment=False,
)
_CONTRAST_OF_VOLUMES = TrainingOptions(learning=Learning.CONTRAST, axes=4, epochs=20)
"""Of `docs/learning-transfer.md`, the only one that was measured on volumes."""
_LABELS = TrainingOptions(
    learning=Learning.LABELS,
    latent=32,
    axes=16,
    epochs=16,
    batch=128,
    learning_rate=3e-3,
    weight_decay=1e-2,
    anneal=True,
    augment=False,
)
_VARIATION = TrainingOptions(
    learning=Learning.VARIATION,
    latent=10,
    widths=(16, 24, 32),
    axes=6,
    epochs=30,
    learning_rate=2e-3,
    anneal=True,
    augment=False,
)
_PAPER_C_RATE = 1e-4
_KNOWN = replace(_LABELS, latent=64, batch=64, learning_rate=1e-3)
_PAPER_B_LATENT = 128


def recipe(
    learning: Learning,
    network: Network = Network.STRIDED,
    *,
    volumes: bool = False,
    dense: bool = False,
    epochs: int | None = None,
    latent: int | None = None,
) -> TrainingOptions:
    """Return the options that suit a kind of model.

    Parameters
    ----------
    learning
        What the encoder learns from.
    network
        How it is built; those of paper C learn at its rate, and have latents of its size.
    dense
        Whether the layers of paper B stand before the latent, which has its size then.
    volumes
        Whether it sees volumes, alone or beside flat images.
    epochs, latent
        Most passes over the cells, and size of each channel's latent; None leaves them as they are.

    Raises
    ------
    TrainingError
        If a number is out of range.
    """
    chosen = {
        Learning.RECONSTRUCTION: _RECONSTRUCTION,
        Learning.CONTRAST: _CONTRAST_OF_VOLUMES if volumes else _CONTRAST,
        Learning.LABELS: _LABELS,
        Learning.VARIATION: _VARIATION,
        Learning.FACTORS: replace(_VARIATION, learning=Learning.FACTORS),
    }[learning]
    if network.is_of_paper_c:
        chosen = replace(chosen, network=network, latent=PAPER_C_LATENT, learning_rate=_PAPER_C_RATE)
    if network.is_known:
        chosen = replace(_KNOWN if learning is Learning.LABELS else chosen, network=network)
    if dense:
        chosen = replace(chosen, dense=True, latent=_PAPER_B_LATENT)
    chosen = replace(chosen, epochs=epochs or chosen.epochs, latent=latent or chosen.latent)
    # A rate that falls to 0 has to be let fall; the weights of the best epoch are kept all the same.
    return replace(chosen, patience=chosen.epochs) if chosen.anneal else chosen
