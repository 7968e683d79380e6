"""What keeps cells that were learnt from apart from cells that measure a model."""

from __future__ import annotations

from enum import StrEnum


class HeldOutBy(StrEnum):
    """What whole parts of the cells are held out by, the best first."""

    RUN = "run"
    """Run of an instrument, or what a collection of images says that each comes from: run, source, donor, slide."""
    SPLIT = "split"
    """Parts that the collection itself names. Where it names only two, the end of the larger one, of each class in the
    file's order, stops the training."""
    FILE = "file"
    """Every collection is one part."""
    BLOCK = "block"
    """Blocks of each class in the file's order: a stand-in for runs where nothing is known of them."""
