"""A calibration as pictures: what was measured, beside what it was measured from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from reconstruction.calibration.collect import Calibrated
from reconstruction.calibration.report import CalibrationReport

_BLUE, _GREY, _RED = "#2b6cb0", "#9aa5b1", "#c53030"


def draw_report(found: Calibrated, report: CalibrationReport, path: Path) -> None:
    """Write a page of four pictures as PNG: empty scans, pinholes, pace of the sheet, and beads over the scan."""
    figure = Figure(figsize=(12, 8.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, 2)
    kind = "" if report.origin == "measured" else f"{report.origin} "
    figure.suptitle(f"Calibration of {found.instrument.name} with {report.beads} {kind}beads of {report.bead_um:g} µm")
    _empty_scans(axes[0, 0], found)
    _pinholes(axes[0, 1], found)
    _pace(axes[1, 0], found)
    _places(axes[1, 1], found)
    figure.savefig(path, dpi=110, format="png")


def _empty_scans(axes: Axes, found: Calibrated) -> None:
    period_us = 1e6 / found.instrument.light_sheet.scan.rate_hz
    for scan in found.empty_scans:
        counts = np.array(scan.counts)
        time_us = (np.arange(counts.size) + 0.5) * period_us / counts.size
        axes.plot(time_us, counts / max(float(counts.max()), 1e-9), lw=1.3, label=scan.channel)
    delays = [v for v in found.values if v.field.endswith("delay_s") and v.value is not None and v.error is not None]
    text = "\n".join(
        f"{found.instrument.channels[int(v.field.split('.')[1])].name}: "
        f"{(v.value or 0) * 1e9:.0f} ± {(v.error or 0) * 1e9:.1f} ns late{'' if v.written else ' (not written)'}"
        for v in delays
    )
    axes.text(0.03, 0.04, text, transform=axes.transAxes, va="bottom", fontsize=9)
    axes.set(title="Empty scan", xlabel="time in the scan, µs", ylabel="light, relative", ylim=(-0.12, 1.35))
    axes.legend(loc="upper left", ncols=3, fontsize=8)


def _pinholes(axes: Axes, found: Calibrated) -> None:
    offset, error = found.mask.offset_um, found.mask.error_um
    index = np.arange(offset.size)
    known = np.isfinite(offset)
    axes.axhline(0.0, color=_GREY, lw=1)
    pinholes = known & (index < offset.size - 1)
    axes.errorbar(index[pinholes], offset[pinholes], error[pinholes], fmt="o", color=_BLUE, capsize=2, ms=4)
    if known[-1]:
        axes.errorbar(index[-1:], offset[-1:], error[-1:], fmt="s", color=_RED, capsize=2, ms=5)
        axes.annotate("slit", (index[-1], offset[-1]), (6, 6), textcoords="offset points", color=_RED, fontsize=9)
        axes.set_xlim(-1, index[-1] + 2)
    for i in index[~known]:
        axes.axvspan(i - 0.5, i + 0.5, color=_GREY, alpha=0.25, lw=0)
    axes.set(
        title=f"Offsets along the flow; single passages scatter by {found.mask.residual_um:.2f} µm",
        xlabel="pinhole (grey: too few beads passed)",
        ylabel="offset from the file, µm",
    )


def _pace(axes: Axes, found: Calibrated) -> None:
    fit = found.sweep
    axes.plot(fit.place[~fit.used], fit.pace[~fit.used], "x", color=_RED, ms=4, label="left out")
    axes.plot(fit.place[fit.used], fit.pace[fit.used], ".", color=_GREY, ms=4, label="beads")
    w = np.linspace(-0.5, 0.5, 101)
    axes.plot(w, 1 + 2 * fit.a2 * w + 3 * fit.a3 * w**2, color=_BLUE, lw=2, label="fit")
    used = fit.pace[fit.used]
    axes.set(
        title=f"Speed of the sheet: a2 = {fit.a2:.4f} ± {fit.a2_error:.4f}, a3 = {fit.a3:.3f}"
        + (f" ± {fit.a3_error:.3f}" if fit.a3_told else " as before"),
        xlabel="place in the scan, u - 1/2",
        ylabel="relative to the middle",
        ylim=(float(used.min()) - 0.05, float(used.max()) + 0.05),
    )
    axes.legend(loc="best", fontsize=8)


def _places(axes: Axes, found: Calibrated) -> None:
    x = [bead.x_um for bead in found.beads]
    place = [bead.place for bead in found.beads]
    axes.plot(x, place, ".", color=_BLUE, ms=4)
    axes.axhspan(-0.5, 0.5, color=_GREY, alpha=0.12, lw=0)
    axes.set(
        title="Where beads passed: they should fill pinholes and scan",
        xlabel="x by the pinholes, µm",
        ylabel="place in the scan, u - 1/2",
        ylim=(-0.55, 0.55),
    )
