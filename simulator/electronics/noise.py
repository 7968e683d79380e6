"""Random numbers inside compiled loops, in bulk and by place: the number at a place never depends on what was drawn."""

from __future__ import annotations

import math

import numba
import numpy as np
import numpy.typing as npt
from numpy.polynomial import Chebyshev, Polynomial

Bits = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float32]

CHUNK = 4096
"""Normal numbers that `fill_normals` makes at a time, at most."""

_HALF = CHUNK // 2
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX1, _MIX2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_U0, _U1, _U11, _U27, _U30, _U31, _U33 = (np.uint64(n) for n in (0, 1, 11, 27, 30, 31, 33))
_LOW = np.uint64(0xFFFFFFFF)
_TO_UNIT = 2.0**-53


def _fit(function: npt.NDArray[np.float64], degree: int, end: float) -> tuple[np.float32, ...]:
    """Coefficients of the polynomial through values at the Chebyshev points of [0, end]."""
    points = _points(degree, end)
    series = Chebyshev.fit(points, function, degree, domain=[0.0, end])
    return tuple(series.convert(kind=Polynomial).coef.astype(np.float32))


def _points(degree: int, end: float) -> npt.NDArray[np.float64]:
    return 0.5 * end * (1.0 + np.cos(np.pi * (np.arange(degree + 1) + 0.5) / (degree + 1)))


# log2(1 + f) for f in [0, 1]; sin(2 pi x) / x and cos(2 pi x) for x^2 in [0, 1/4]; all to 1e-6.
_L0, _L1, _L2, _L3, _L4, _L5, _L6, _L7, _L8 = _fit(np.log2(1.0 + _points(8, 1.0)), 8, 1.0)
_TURN = 2.0 * np.pi * np.sqrt(_points(6, 0.25))
_S0, _S1, _S2, _S3, _S4, _S5, _S6 = _fit(2.0 * np.pi * np.sin(_TURN) / _TURN, 6, 0.25)
_C0, _C1, _C2, _C3, _C4, _C5, _C6 = _fit(np.cos(_TURN), 6, 0.25)
_ZERO, _MINUS_2_LN_2 = np.float32(0.0), np.float32(-2.0 * math.log(2.0))
_BY_2_23, _BY_2_31, _BY_2_32, _BY_2_33 = (np.float32(2.0**-n) for n in (23, 31, 32, 33))


@numba.njit(cache=True, nogil=True)
def _mixed(x: np.uint64) -> np.uint64:
    """Return the bits mixed, as splitmix64 does (Steele, Lea and Flood, OOPSLA 2014)."""
    x = (x ^ (x >> _U30)) * _MIX1
    x = (x ^ (x >> _U27)) * _MIX2
    return x ^ (x >> _U31)


def random_key(rng: np.random.Generator) -> Bits:
    """Return the key `(2,)` of a sequence: its start and its odd stride, as when a splitmix64 generator splits."""
    start, stride = rng.integers(0, 2**64, size=2, dtype=np.uint64)
    stride |= _U1
    if int(stride ^ (stride >> _U1)).bit_count() < 24:  # too regular a stride would show in the numbers
        stride ^= np.uint64(0xAAAAAAAAAAAAAAAA)
    return np.array([start, stride], dtype=np.uint64)


@numba.njit(cache=True, nogil=True)
def word(key: Bits, place: int) -> np.uint64:
    """Return the 64 random bits at a place of a sequence."""
    return _mixed(key[0] + np.uint64(place) * key[1])


@numba.njit(cache=True, nogil=True)
def fill_normals(key: Bits, chunk: int, radius: Floats, turn: Floats, out: Floats) -> None:
    """Fill `(CHUNK,)` with the normal numbers of a chunk of a sequence, mean 0 and variance 1.

    The method is that of Box and Muller (Ann. Math. Stat. 29, 1958), in loops without branches that compilers turn
    into vector instructions; the largest number it can make is 6.6. `radius` and `turn` are scratch, `(CHUNK / 2,)`.
    """
    start = key[0] + np.uint64(chunk) * np.uint64(_HALF) * key[1]
    for i in range(_HALF):
        bits = _mixed(start + np.uint64(i) * key[1])
        radius[i] = np.float32(np.int32(bits >> _U33)) * _BY_2_31 + _BY_2_33
        turn[i] = np.float32(np.int32(bits & _LOW)) * _BY_2_32
    patterns = radius.view(np.int32)
    for i in range(_HALF):
        pattern = patterns[i]
        exponent = np.float32((pattern >> 23) - 127)
        f = np.float32(pattern & 0x7FFFFF) * _BY_2_23
        log = _L0 + f * (_L1 + f * (_L2 + f * (_L3 + f * (_L4 + f * (_L5 + f * (_L6 + f * (_L7 + f * _L8)))))))
        r = np.sqrt(max((exponent + log) * _MINUS_2_LN_2, _ZERO))
        x = turn[i]
        w = x * x
        out[i] = r * (_C0 + w * (_C1 + w * (_C2 + w * (_C3 + w * (_C4 + w * (_C5 + w * _C6))))))
        out[_HALF + i] = r * x * (_S0 + w * (_S1 + w * (_S2 + w * (_S3 + w * (_S4 + w * (_S5 + w * _S6))))))


@numba.njit(cache=True, nogil=True)
def uniform(state: Bits) -> float:
    """Return one number in [0, 1) and move on the state `(1,)`, which may start at any `word`."""
    state[0] += _GOLDEN
    return float(_mixed(state[0]) >> _U11) * _TO_UNIT


@numba.njit(cache=True, nogil=True)
def normal(state: Bits) -> float:
    """Return one normal number and move on the state."""
    radius = math.sqrt(-2.0 * math.log1p(-uniform(state)))
    return radius * math.cos(2.0 * math.pi * uniform(state))


@numba.njit(cache=True, nogil=True)
def gamma(shape: float, state: Bits) -> float:
    """Return one gamma number of this shape and scale 1 (Marsaglia and Tsang, ACM Trans. Math. Softw. 26, 2000)."""
    boost = 1.0
    if shape < 1.0:
        boost = (1.0 - uniform(state)) ** (1.0 / shape)
        shape += 1.0
    d = shape - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    while True:
        x = normal(state)
        v = (1.0 + c * x) ** 3
        if v > 0.0 and math.log1p(-uniform(state)) < 0.5 * x * x + d - d * v + d * math.log(v):
            return boost * d * v
