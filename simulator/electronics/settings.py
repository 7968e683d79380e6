"""Light levels and electronics of a channel, laser and converter (specification C)."""

from __future__ import annotations

from pydantic import Field

from simulator.setup_part import SetupPart


class Laser(SetupPart):
    """How the light that reaches every channel changes by itself."""

    rin_db_per_hz: float | None = Field(default=None, ge=-180, le=-80)
    """White relative intensity noise up to half the sample rate; None means none."""
    drift_per_h: float = Field(default=0.0, ge=0, le=0.5)
    """Amplitude of the slow drift, relative, per hour."""
    ripple: tuple[tuple[float, float], ...] = ()
    """Lines in its spectrum: frequency, Hz, and relative amplitude, such as mains hum or amplifier ripple."""
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
    """Width at half height of the answer to one photoelectron; matters where it is not short against a sample."""
    saturation_counts: float | None = Field(default=None, gt=0)
    """Level I_sat of the soft saturation I / (1 + I / I_sat); None means linear."""
    bandwidth_hz: float | None = Field(default=None, gt=0)
    """One-pole bandwidth of the amplifier; None means wide against the sample rate."""
    noise_counts: float = Field(default=0.0, ge=0)
    """Standard deviation of the amplifier's white noise, within the sampled band."""
    flicker_corner_hz: float = Field(default=0.0, ge=0)
    """Below this frequency the noise rises as 1/f; 0 means white."""
    clamp_counts: float | None = Field(default=None, gt=0)
    """Rail of the amplifier, which takes `recovery_s` to leave it; None means none."""
    recovery_s: float = Field(default=0.0, ge=0)
    """Time constant of the way back from the rail."""
    ac_coupling_hz: float = Field(default=0.0, ge=0)
    """Corner of the high-pass; 0 means coupled to direct current."""
    undershoot: float = Field(default=0.0, ge=0, le=0.5)
    """Depth of the swing below the baseline that follows a pulse, relative to its height."""
    undershoot_s: float = Field(default=0.0, ge=0)
    """How long after a pulse's start the undershoot is deepest."""
    baseline_drift_counts: float = Field(default=0.0, ge=0)
    """Standard deviation of the slow wander of the baseline (1 to 60 s)."""
    hum_counts: float = Field(default=0.0, ge=0)
    """Amplitude of mains hum, 50 Hz and its third harmonic."""


class Converter(SetupPart):
    """What the analogue-to-digital converter adds; its resolution and cores stand in the instrument."""

    enob: float | None = Field(default=None, gt=1, le=16)
    """Effective number of bits; noise is added until it fits. None means ideal."""
    core_offsets_counts: tuple[float, ...] = (0.0,)
    """Offset of each interleaved core; one entry, or one per core."""
    core_gains: tuple[float, ...] = (1.0,)
    """Relative gain of each core."""
    core_skews_s: tuple[float, ...] = (0.0,)
    """How late each core samples."""
    inl_counts: float = Field(default=0.0, ge=0)
    """Height of the bow of the transfer curve (integral non-linearity)."""
    jitter_s: float = Field(default=0.0, ge=0)
    """Standard deviation of the aperture."""
