"""metrics.densities: closed forms against enumeration and full covariances."""

import itertools

import numpy as np
import pytest

from tfvision.metrics import densities


def data(n=300, d=5):
    random = np.random.default_rng(4)
    return random.normal(size=[n, d]) @ random.normal(size=[d, d]) + random.normal(size=d)


def normal(x, mean, covariance):
    """-log N(x; mean, covariance) by a solve."""
    far = np.sum((x - mean) * np.linalg.solve(covariance, (x - mean).T).T, 1)
    return 0.5 * (far + np.linalg.slogdet(2 * np.pi * covariance)[1])


def test_probabilities_of_all_binary_images_add_up_to_one():
    train = np.random.default_rng(5).integers(0, 2, [7, 2, 2, 1])
    train[:, 0, 0] = 0  # A pixel that is never ink may still be.
    every = np.array(list(itertools.product([0, 1], repeat=4))).reshape([-1, 2, 2, 1])
    nats = densities.independent_bernoulli(train, every)
    assert np.all(np.isfinite(nats))
    np.testing.assert_allclose(np.exp(-nats).sum(), 1)


def test_no_other_probabilities_of_ink_fit_the_data_better():
    x = np.random.default_rng(6).integers(0, 2, [1000, 3])
    best = densities.independent_bernoulli(x, x).mean()
    for shift in (-0.05, 0.05):
        ink = x.mean(0) + shift
        other = -np.mean(x @ np.log(ink) + (1 - x) @ np.log(1 - ink))
        assert other > best


@pytest.mark.parametrize("size", [0, 1, 3, 4])
def test_probabilistic_pca_is_the_gaussian_of_its_maximum_likelihood(size):
    x, new = data(), data(20)
    values, vectors = np.linalg.eigh(np.cov(x.T, bias=True))
    rest = values[: 5 - size].mean()
    w = vectors[:, 5 - size :] * np.sqrt(values[5 - size :] - rest)
    covariance = w @ w.T + rest * np.eye(5)
    expected = normal(new, x.mean(0), covariance)
    np.testing.assert_allclose(densities.probabilistic_pca(x, new, size), expected)


def test_without_a_code_it_is_independent_pixels_and_with_all_a_full_gaussian():
    x, new = data(), data(20).reshape([20, 5, 1, 1])
    alone = densities.independent_gaussian(x, new)
    np.testing.assert_allclose(densities.probabilistic_pca(x, new, 0), alone)
    full = normal(new.reshape([20, 5]), x.mean(0), np.cov(x.T, bias=True))
    np.testing.assert_allclose(densities.probabilistic_pca(x, new, 4), full)


def test_more_codes_fit_the_training_data_better():
    x = data()
    nats = [densities.probabilistic_pca(x, x, size).mean() for size in range(5)]
    assert np.all(np.diff(nats) < 0)
