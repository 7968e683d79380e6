"""The threads of a service share their memory, and a worker keeps its own: what is given back can be taken again."""

import subprocess
import sys

import pytest

POOLS_OF_SIX_THREADS = """
import ctypes, threading
from service.memory import share_pools
share_pools()
ready = threading.Barrier(7)
def work():
    kept = [bytearray(50_000) for _ in range(100)]
    ready.wait(); ready.wait(); kept.clear()
for _ in range(6):
    threading.Thread(target=work).start()
ready.wait()
libc = ctypes.CDLL(None)
libc.fdopen.restype = ctypes.c_void_p
libc.malloc_info(0, ctypes.c_void_p(libc.fdopen(1, b"w")))
libc.fflush(None)
ready.wait()
"""

PAGES_OF_PIECES = """
import resource
from service.memory import keep_freed
keep_freed()
for _ in range(300):
    piece = b"x" * 1_000_000
    del piece
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc has such pools")
def test_threads_share_two_pools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MALLOC_ARENA_MAX", raising=False)
    said = subprocess.run([sys.executable, "-c", POOLS_OF_SIX_THREADS], capture_output=True, text=True, check=True)
    assert 1 <= said.stdout.count("<heap nr=") <= 2


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc has such thresholds")
def test_a_worker_takes_the_same_memory_for_every_piece_though_dask_says_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MALLOC_TRIM_THRESHOLD_", "65536")
    said = subprocess.run([sys.executable, "-c", PAGES_OF_PIECES], capture_output=True, text=True, check=True)
    # Each piece is 245 pages, which would all be new.
    assert int(said.stdout) < 300 * 245 / 4
