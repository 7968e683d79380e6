"""`python -m acquisition.testing URL`: hold a source of your own to the contract, one line a check."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping, Sequence

from acquisition.errors import LightlineError
from acquisition.source import open_source
from acquisition.testing.checks import CHECKS, REPEATABLE_CHECKS
from acquisition.testing.drivers import IDLE_CHECKS, OVERRUN_CHECKS, RAMP_CHECKS, WRAP_CHECKS
from acquisition.testing.leaks import check_nothing_leaks
from acquisition.testing.tools import Check, MakeSource

_GROUPS: Mapping[str, tuple[str, tuple[Check, ...]]] = {
    "ramp": ("the signal is the counter of acquisition.testing.ramp", RAMP_CHECKS),
    "idle": ("it pauses for half a second or more, and goes on", IDLE_CHECKS),
    "overrun": ("it overruns in mid-stream", OVERRUN_CHECKS),
    "wrap": ("its 40-bit time stamp wraps once within 200,000 samples", WRAP_CHECKS),
}
_WIDTH = 32
_FAILED, _NOT_OPENED = 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the checks that suit a source; return 0 if it passes all, 1 if not, 2 if it cannot be opened."""
    asked = _parser().parse_args(arguments)
    try:
        checks = _checks_for(asked.url, [name for name in _GROUPS if getattr(asked, name)], asked.starts)
    except LightlineError as error:
        print(f"{asked.url}: {error}", file=sys.stderr)
        return _NOT_OPENED
    failed = sum([not _passes(check, lambda: open_source(asked.url)) for check in checks])
    print(f"{asked.url} keeps the contract." if not failed else f"{asked.url} fails {failed} of the checks.")
    return _FAILED if failed else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m acquisition.testing",
        description="Hold a source to the contract of acquisition.source.Source, one line a check. It is opened anew "
        "for every check; one that is finite and waits is also played twice and compared.",
    )
    parser.add_argument("url", help="as for open_source, such as spcm:/dev/spcm0?instrument=sheet-real")
    for name, (meaning, _) in _GROUPS.items():
        parser.add_argument(f"--{name}", action="store_true", help=f"say that {meaning}, and check that too")
    parser.add_argument("--starts", type=int, default=0, metavar="N", help="look for leaks over N starts as well")
    return parser


def _checks_for(url: str, groups: Iterable[str], starts: int) -> list[Check]:
    with open_source(url) as source:
        repeatable = source.waits and source.total_samples is not None
    chosen = [*CHECKS, *(REPEATABLE_CHECKS if repeatable else ())]
    chosen += [check for name in groups for check in _GROUPS[name][1]]
    return [*chosen, _many_starts(starts)] if starts else chosen


def _many_starts(starts: int) -> Check:
    def check_many_starts(make: MakeSource) -> None:
        """Check that so many starts and stops leave no memory behind."""
        check_nothing_leaks(make, starts)

    return check_many_starts


def _passes(check: Check, make: MakeSource) -> bool:
    name = check.__name__.removeprefix("check_").replace("_", " ")
    try:
        check(make)
    except Exception as fault:
        # A check says what is wrong as an AssertionError; whatever else a driver raises is a fault as well.
        kind = "" if isinstance(fault, AssertionError) else f"{type(fault).__name__}: "
        print(f"FAILED  {name:<{_WIDTH}}  {kind}{' '.join(str(fault).split())}", flush=True)
        return False
    print(f"passed  {name:<{_WIDTH}}  {(check.__doc__ or '').splitlines()[0].removeprefix('Check that ')}", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
