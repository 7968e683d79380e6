"""Random numbers of the electronics: were they not what they say, every noise of the simulator would be wrong."""

import math

import numba
import numpy as np
import pytest

from simulator.electronics.noise import CHUNK, fill_normals, gamma, normal, random_key, uniform, word
from simulator.electronics.photons import STRONG, multiplied, poisson


@numba.njit
def _normals(key, chunks):
    radius, turn = np.empty(CHUNK // 2, np.float32), np.empty(CHUNK // 2, np.float32)
    out = np.empty(chunks * CHUNK, np.float32)
    for chunk in range(chunks):
        fill_normals(key, chunk, radius, turn, out[chunk * CHUNK : (chunk + 1) * CHUNK])
    return out


@numba.njit
def _poissons(mean, key, n):
    return np.array([poisson(mean, word(key, i)) for i in range(n)])


@numba.njit
def _scalars(key, n, shape):
    state = key[:1].copy()
    out = np.empty((3, n))
    for i in range(n):
        out[0, i], out[1, i], out[2, i] = uniform(state), normal(state), gamma(shape, state)
    return out


@numba.njit
def _charges(number, excess, key, n):
    state = key[:1].copy()
    return np.array([multiplied(number, excess, normal(state), state) for _ in range(n)])


def key_of(seed):
    return random_key(np.random.default_rng(seed))


def test_bulk_normal_numbers_have_the_moments_and_tails_of_a_normal_distribution():
    z = _normals(key_of(1), 500).astype(np.float64)
    n = z.size
    assert abs(z.mean()) < 4 / math.sqrt(n)
    assert abs(z.var() - 1) < 4 * math.sqrt(2 / n)
    assert abs((z**3).mean()) < 4 * math.sqrt(15 / n)
    assert abs((z**4).mean() - 3) < 4 * math.sqrt(96 / n)
    for edge in (0.1, 0.5, 1.0, 2.0, 3.0, 4.0):
        outside = math.erfc(edge / math.sqrt(2))
        assert abs((np.abs(z) > edge).mean() - outside) < 4.5 * math.sqrt(outside * (1 - outside) / n), edge
        above = outside / 2
        assert abs((z > edge).mean() - above) < 4.5 * math.sqrt(above / n), edge
    assert np.abs(z).max() < 6.7


def test_bulk_normal_numbers_do_not_know_their_neighbours():
    z = _normals(key_of(2), 250).astype(np.float64)
    for lag in (1, 2, 3, 4, 8, CHUNK // 2, CHUNK - 1, CHUNK):
        for power in (1, 2):
            x = z**power - (z**power).mean()
            correlation = (x[lag:] * x[:-lag]).mean() / x.var()
            assert abs(correlation) < 4.5 / math.sqrt(x.size), (lag, power)
    spectrum = np.abs(np.fft.rfft(z.reshape(-1, 1000), axis=1)[:, 1:-1]) ** 2
    flat = spectrum.mean(axis=0) / spectrum.mean()
    assert np.abs(flat - 1).max() < 5 / math.sqrt(spectrum.shape[0])


def test_a_chunk_is_the_same_whatever_was_drawn_before():
    key = key_of(3)
    np.testing.assert_array_equal(_normals(key, 4)[2 * CHUNK :], _normals(key, 9)[2 * CHUNK : 4 * CHUNK])
    assert not np.array_equal(_normals(key, 1), _normals(key_of(4), 1))
    assert abs(np.corrcoef(_normals(key, 100), _normals(key_of(4), 100))[0, 1]) < 0.008


@pytest.mark.parametrize("mean", [0.01, 0.7, 3.03, 11.9])
def test_weak_light_gives_the_poisson_distribution_itself(mean):
    n = 300_000
    assert mean < STRONG
    numbers = _poissons(mean, key_of(5), n)
    for k in range(int(mean + 5 * math.sqrt(mean)) + 2):
        expected = math.exp(k * math.log(mean) - mean - math.lgamma(k + 1))
        assert abs((numbers == k).mean() - expected) < 4.5 * math.sqrt(expected / n) + 1e-7, k


def test_single_numbers_are_uniform_normal_and_gamma():
    for shape in (0.4, 1.7, 6.0):
        u, z, g = _scalars(key_of(6), 200_000, shape)
        assert u.mean() == pytest.approx(0.5, abs=0.003)
        assert u.var() == pytest.approx(1 / 12, rel=0.01)
        assert z.mean() == pytest.approx(0, abs=0.01)
        assert z.var() == pytest.approx(1, rel=0.015)
        assert g.mean() == pytest.approx(shape, rel=4 / math.sqrt(shape * g.size))
        assert g.var() == pytest.approx(shape, rel=0.04)


@pytest.mark.parametrize(("number", "excess"), [(1, 1.2), (1, 1.5), (1, 2.5), (2, 4.0), (7, 1.2), (40, 1.1)])
def test_the_gain_of_every_number_of_photoelectrons_has_its_mean_and_variance(number, excess):
    n = 1_000_000
    charge = _charges(number, excess, key_of(7), n)
    variance = (excess - 1) * number
    assert charge.mean() == pytest.approx(number, abs=0.0005 * number + 4 * math.sqrt(variance / n))
    assert charge.var() == pytest.approx(variance, rel=0.003 + 4 * math.sqrt((2 + 6 * (excess - 1) / number) / n))
    assert charge.min() >= 0
