"""A foreign file and the instrument that it came from, as a recording."""

from __future__ import annotations

from acquisition.block import Samples
from acquisition.importers.foreign import ForeignFile
from acquisition.instrument import Instrument
from acquisition.origin import Origin
from acquisition.source import Truth
from acquisition.trace_layout import Segment


class ImportedRecording:
    """A `Recording` (see `acquisition.replay`) of a foreign file.

    Parameters
    ----------
    foreign
        Closed together with this recording.
    instrument
        With the channels, rate and resolution of the file, as `instrument_for` gives it.
    """

    def __init__(self, foreign: ForeignFile, instrument: Instrument) -> None:
        self._foreign = foreign
        self._contents = foreign.contents
        self._instrument = instrument

    @property
    def instrument(self) -> Instrument:
        """The instrument that the samples come from."""
        return self._instrument

    @property
    def origin(self) -> Origin:
        """Measured, unless the file says otherwise."""
        return self._contents.origin

    @property
    def description(self) -> str:
        """One line for people."""
        return self._contents.description

    @property
    def n_samples(self) -> int:
        """Stored samples per channel."""
        return self._contents.n_samples

    @property
    def truth(self) -> Truth | None:
        """None: foreign files tell nothing of the cells."""
        return None

    def segments(self) -> tuple[Segment, ...]:
        """Return the stored samples between gaps, in order."""
        return self._contents.segments

    def read(self, start_row: int, n_samples: int) -> Samples:
        """Return `(n, n_channels)` samples from a row on.

        Raises
        ------
        TraceError
            If the file is damaged there.
        """
        return self._foreign.read(start_row, n_samples)

    def close(self) -> None:
        """Close the file; may be called twice."""
        self._foreign.close()
