"""`make bench`: every benchmark, as a table of rates and ratios."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator

from benchmarks import answers, chain, detection, images, lines, network, recording, simulation
from benchmarks.timing import Row


def all_rows() -> Iterator[Row]:
    """Run every benchmark in turn."""
    for group in (simulation, detection, images, lines, chain, answers, recording, network):
        yield from group.rows()


def main() -> None:
    """Print the rows as they come."""
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    for row in all_rows():
        print(row, flush=True)


if __name__ == "__main__":
    main()
