"""A worker of the service's own as a process: `python -m inference.worker_process tcp://127.0.0.1:PORT`."""

from __future__ import annotations

import argparse
import signal
import sys
from pathlib import Path

from acquisition.errors import LightlineError
from inference.keys import WorkerKeys
from inference.worker import Worker, engine_maker


def main() -> int:
    """Join a dispatcher and answer until it says stop."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("address")
    parser.add_argument("--name", default="")
    parser.add_argument("--provider", default="auto")
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--patience-s", type=float, default=None)
    parser.add_argument("--service-keys", type=Path, default=None)
    options = parser.parse_args()
    try:
        worker = Worker(
            options.address,
            engine_maker(options.provider, options.threads),
            name=options.name,
            patience_s=options.patience_s,
            keys=None if options.service_keys is None else WorkerKeys.own(options.service_keys),
        )
        signal.signal(signal.SIGTERM, lambda *_: worker.stop())
        # Ctrl-C reaches the whole terminal; the service finishes its run first and then says stop.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        worker.run()
    except LightlineError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
