"""The making of a UMAP as a process of its own, for a service: `python -m service.maps.process RUN_FOLDER RESULTS`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from service.maps.umap_making import make_umap
from service.store.run_folder import RunFolder
from service.tasks.child import tell, work


def main() -> int:
    """Map the cells of a result set, and tell how far it is."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("results")
    options = parser.parse_args()
    return work(lambda: _make(options.run, options.results))


def _make(run: Path, results: str) -> None:
    folder = RunFolder.open(run)
    try:
        make_umap(folder.results(results), tell)
    finally:
        folder.close()


if __name__ == "__main__":
    sys.exit(main())
