"""`make bench`: every benchmark, as a table of rates and ratios."""

from __future__ import annotations

import os
import platform

from benchmarks import answers, detection, images, recording


def main() -> None:
    """Run every benchmark in turn and print its rows as they come."""
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}")
    for group in (detection, images, answers, recording):
        for row in group.rows():
            print(row, flush=True)


if __name__ == "__main__":
    main()
