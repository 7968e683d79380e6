"""Recordings: the trace file, written and read (`docs/trace-format.md`)."""

from acquisition.trace_layout import CLOCK_MARK_DTYPE, GAP_DTYPE, TRACE_FORMAT, Segment
from acquisition.trace_reader import TraceReader
from acquisition.trace_sequence import TraceSequence
from acquisition.trace_summary import TraceSummary
from acquisition.trace_writer import TraceWriter

__all__ = [
    "CLOCK_MARK_DTYPE",
    "GAP_DTYPE",
    "TRACE_FORMAT",
    "Segment",
    "TraceReader",
    "TraceSequence",
    "TraceSummary",
    "TraceWriter",
]
