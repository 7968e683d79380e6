"""A stored cell's images, restored for someone who asks; what a model is given is never restored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from acquisition.instrument import Instrument
from reconstruction.light_sheet.deconvolution import DEFAULT_ITERATIONS, MOST_ITERATIONS, restore, volume_blur
from reconstruction.methods import Method, line_view, methods_of, offer
from reconstruction.transform import transform_for
from service.errors import QueryError
from service.store.results import Results


@dataclass(frozen=True)
class Restoration:
    """What somebody asks to be done to images.

    Attributes
    ----------
    method
        `NONE` leaves them as they were measured.
    iterations
        Of Richardson and Lucy; other methods have none.
    """

    method: Method = Method.NONE
    iterations: int = DEFAULT_ITERATIONS

    @classmethod
    def asked(cls, method: Method, iterations: int | None) -> Self:
        """Return what is asked for; None stands for the usual number of iterations.

        Raises
        ------
        QueryError
            If there are too many iterations, or the method has none.
        """
        if iterations is not None and method is not Method.RICHARDSON_LUCY:
            raise QueryError(f"Only '{Method.RICHARDSON_LUCY}' has iterations, not '{method}'; leave 'iterations' out.")
        if iterations is not None and not 1 <= iterations <= MOST_ITERATIONS:
            raise QueryError(f"There can be 1 to {MOST_ITERATIONS} iterations, not {iterations}.")
        return cls(method, DEFAULT_ITERATIONS if iterations is None else iterations)

    def __str__(self) -> str:
        if self.method is Method.RICHARDSON_LUCY:
            return f"{self.method}; iterations={self.iterations}"
        return str(self.method)

    def check(self, instrument: Instrument, channels: Sequence[str]) -> None:
        """Check that what is asked for can be done to one of these channels.

        Raises
        ------
        QueryError
            If it cannot; the sentence says what can be done to which images of the instrument.
        """
        if self.method is Method.NONE or any(self.method in methods_of(instrument, channel) for channel in channels):
            return
        known = transform_for(instrument).channels
        raise QueryError(f"'{self.method}' is not for {', '.join(channels)}: {offer(instrument, known)}.")

    def image(self, results: Results, event_id: int, channel: str) -> npt.NDArray[np.float32]:
        """Return an image of a stored event, `(y, x)` or `(z, y, x)`: restored where the method is for its channel.

        Raises
        ------
        UnknownCell
            If the run has no such event or channel.
        ReconstructionError
            If the voxels are too coarse for the method.
        """
        instrument = results.run.instrument
        if self.method not in methods_of(instrument, channel):
            return np.asarray(results.image(event_id, channel), dtype=np.float32)
        if (view := line_view(instrument, channel)) is not None:
            # Imported here: it compiles kernels, and only this method needs them.
            from reconstruction.time_stretch.masked_warp import masked_warp

            return masked_warp(results.event(event_id), instrument, view)
        image = np.asarray(results.image(event_id, channel), dtype=np.float32)
        blur = volume_blur(instrument, _wavelength_nm(instrument, channel))
        return restore(image, blur, instrument.grid.pixel_um, self.method, self.iterations)


def _wavelength_nm(instrument: Instrument, channel: str) -> float | None:
    """Of the light that a channel collects; None for the laser's own."""
    return next((one.wavelength_nm for one in instrument.channels if one.name == channel), None)
