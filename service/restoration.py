"""A stored cell's volumes, restored for someone who asks; what a model is given is never restored."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from acquisition.instrument import Instrument
from reconstruction.deconvolution import DEFAULT_ITERATIONS, MOST_ITERATIONS, Method, restore, volume_blur
from service.errors import QueryError
from service.run_folder import RunFolder


@dataclass(frozen=True)
class Restoration:
    """What somebody asks to be done to volumes.

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

    def image(self, folder: RunFolder, event_id: int, channel: str) -> npt.NDArray[np.float32]:
        """Return an image of a stored event: flat ones `(y, x)` as they are, volumes `(z, y, x)` restored.

        Raises
        ------
        UnknownCell
            If the run has no such event or channel.
        ReconstructionError
            If the voxels are too coarse for the method.
        """
        image = np.asarray(folder.image(event_id, channel), dtype=np.float32)
        if image.ndim != 3 or self.method is Method.NONE:
            return image
        instrument = folder.run().instrument
        blur = volume_blur(instrument, _wavelength_nm(instrument, channel))
        return restore(image, blur, instrument.grid.pixel_um, self.method, self.iterations)


def _wavelength_nm(instrument: Instrument, channel: str) -> float | None:
    """Of the light that a channel collects; None for the laser's own."""
    return next((one.wavelength_nm for one in instrument.channels if one.name == channel), None)
