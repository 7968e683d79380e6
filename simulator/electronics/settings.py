"""Light levels and electronics of a channel, laser and converter (specification C)."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from simulator.setup_part import SetupPart


class Laser(SetupPart):
    """How the light that reaches every channel changes by itself."""

    rin_db_per_hz: float | None = Field(default=None, ge=-180, le=-80)
    """White relative intensity noise up to half the sample rate; None means none."""
    drift_per_h: float = Field(default=0.0, ge=0, le=0.5)
    """Amplitude of the slow drift, relative, of periods about an hour; a run starts at nominal light."""
    ripple: tuple[tuple[Annotated[float, Field(gt=0)], Annotated[float, Field(ge=0, le=1)]], ...] = ()
    """Lines in its spectrum: frequency, Hz, and relative amplitude, such as mains hum, mode beating or the ripple of a
    fibre amplifier (1 kHz to 1 MHz)."""
    pulse_noise: float = Field(default=0.0, ge=0, le=0.5)
    """Relative spread of the energy of pulses (time stretch)."""


class Detector(SetupPart):
    """One channel from light to voltage, everything in counts of the converter."""

    photoelectrons: float = Field(gt=0)
    """Per sample: of the empty beam (transmission, lines), per um^2 of collected cross-section (side scatter), or per
    unit of brightness (fluorescence)."""
    stray: float = Field(default=0.0, ge=0)
    """Photoelectrons per sample of light that no cell sent."""
    counts_per_photoelectron: float = Field(gt=0)
    """Gain of detector, amplifier and converter together."""
    excess_noise: float = Field(default=1.0, ge=1, le=4)
    """F: the variance of the charge is F times that of Poisson statistics."""
    dark_counts_per_s: float = Field(default=0.0, ge=0)
    """Electrons that no light released."""
    after_pulsing: float = Field(default=0.0, ge=0, le=0.1)
    """Probability that a photoelectron is followed by another one 0.2 to 5 us later."""
    pulse_s: float = Field(default=0.0, ge=0)
    """Width at half height of the answer to one photoelectron; left out where it is shorter than a sample."""
    saturation_counts: float | None = Field(default=None, gt=0)
    """Level I_sat of the soft saturation I / (1 + I / I_sat); None means linear."""
    droop_counts: float | None = Field(default=None, gt=0)
    """Mean level at which the gain has fallen to one half, as 1 / (1 + mean / droop); None means that it stays."""
    droop_s: float = Field(default=0.01, gt=0)
    """Memory of that mean."""
    bandwidth_hz: float | None = Field(default=None, gt=0)
    """-3 dB bandwidth of the amplifier; None, or above 0.45 of the sample rate, means wide."""
    amplifier_poles: Literal[1, 2] = 1
    """Poles that make the bandwidth."""
    noise_counts: float = Field(default=0.0, ge=0)
    """Standard deviation of the amplifier's white noise, within the sampled band."""
    flicker_corner_hz: float = Field(default=0.0, ge=0)
    """Below this frequency the noise rises as 1/f, as strong there as the white noise; 0 means white."""
    clamp_counts: float | None = Field(default=None, gt=0)
    """Rail of the amplifier, which takes `recovery_s` to leave it; None means none."""
    recovery_s: float = Field(default=0.0, ge=0)
    """Time constant of the way back from the rail."""
    ac_coupling_hz: float = Field(default=0.0, ge=0)
    """Corner of the high-pass; 0 means coupled to direct current."""
    undershoot: float = Field(default=0.0, ge=0, le=0.5)
    """Depth of the swing below the baseline that follows a pulse, relative to its height (an inverted echo)."""
    undershoot_s: float = Field(default=0.0, ge=0)
    """How long after the pulse's peak the undershoot is deepest."""
    baseline_drift_counts: float = Field(default=0.0, ge=0)
    """Standard deviation of the slow wander of the baseline (1 to 60 s)."""
    hum_counts: float = Field(default=0.0, ge=0)
    """Amplitude of mains hum, 50 Hz and its third harmonic."""

    @model_validator(mode="after")
    def _timed(self) -> Self:
        if self.undershoot and not self.undershoot_s:
            raise ValueError("an undershoot needs the time at which it is deepest, undershoot_s")
        return self


class Converter(SetupPart):
    """What the analogue-to-digital converter adds; its resolution and cores stand in the instrument."""

    enob: float | None = Field(default=None, gt=1, le=16)
    """Effective number of bits; noise is added until it fits. None, or as many as there are, means ideal."""
    core_offsets_counts: tuple[float, ...] = (0.0,)
    """Offset of each interleaved core; one entry, or one per core."""
    core_gains: tuple[Annotated[float, Field(gt=0)], ...] = (1.0,)
    """Relative gain of each core."""
    core_skews_s: tuple[float, ...] = (0.0,)
    """How late each core samples; less than a sample."""
    inl_counts: float = Field(default=0.0, ge=0)
    """Height of the bow of the transfer curve (integral non-linearity)."""
    jitter_s: float = Field(default=0.0, ge=0)
    """Standard deviation of the aperture."""
