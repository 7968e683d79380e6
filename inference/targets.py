"""What an explanation can be asked for beside a number: the numbers below zero."""

from __future__ import annotations

ARGMAX = -1
"""As an explanation's target: the most likely one."""
ARGMAX_CLUSTER = -2
"""As the explain graph's target: the most likely cluster by the mixture itself."""
