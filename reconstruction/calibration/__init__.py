"""From beads to a calibrated instrument: `BeadCalibration` takes events, and gives instrument and report.

`empty_scan` measures on the empty beam, `passage` on single beads; `sweep`, `mask` and `noise` put the beads together.
"""
