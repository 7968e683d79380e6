"""Spectrum Instrumentation digitizers through the vendor's `spcm` package: the entry point `spcm`."""

from acquisition.spectrum.opening import open_spectrum
from acquisition.spectrum.options import Clock, SpectrumOptions, Trigger
from acquisition.spectrum.source import SpectrumSource

__all__ = ["Clock", "SpectrumOptions", "SpectrumSource", "Trigger", "open_spectrum"]
