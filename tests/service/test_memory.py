"""The threads of a service share their memory: what one gives back, another can take."""

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


@pytest.mark.skipif(sys.platform != "linux", reason="only glibc has such pools")
def test_threads_share_two_pools(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MALLOC_ARENA_MAX", raising=False)
    said = subprocess.run([sys.executable, "-c", POOLS_OF_SIX_THREADS], capture_output=True, text=True, check=True)
    assert 1 <= said.stdout.count("<heap nr=") <= 2
