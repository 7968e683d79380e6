"""A reprocessing as a process of its own, for a service: `python -m service.reprocess.process RUN_FOLDER`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from service.reprocess.making import reprocess
from service.reprocess.plan import Wanted
from service.tasks.child import tell, work


def arguments(run: Path, wanted: Wanted) -> list[str]:
    """Return the arguments that say what is wanted."""
    options = {"--bundle": wanted.bundle, "--name": wanted.name, "--provider": wanted.provider}
    said = [text for option, value in options.items() if value is not None for text in (option, value)]
    return [str(run), *said, *(["--missing"] if wanted.missing else [])]


def main() -> int:
    """Make a result set, and tell how far it is."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("--bundle")
    parser.add_argument("--name")
    parser.add_argument("--missing", action="store_true")
    parser.add_argument("--provider", default="auto")
    options = parser.parse_args()
    wanted = Wanted(options.bundle, options.name, options.missing, options.provider)
    return work(lambda: reprocess(options.run, wanted, progress=tell))


if __name__ == "__main__":
    sys.exit(main())
