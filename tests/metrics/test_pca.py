"""metrics.pca: against the singular value decomposition."""

import numpy as np
import pytest

from tfvision.metrics import pca


def data(n, d=6):
    random = np.random.default_rng(0)
    return random.normal(size=[n, d]) @ random.normal(size=[d, d]) + 3


@pytest.mark.parametrize("n", [4, 6, 50])
def test_they_are_the_leading_singular_vectors(n):
    x = data(n)
    mean, directions = pca.components(x, 3)
    _, _, expected = np.linalg.svd(x - x.mean(0))
    np.testing.assert_allclose(mean, x.mean(0))
    np.testing.assert_allclose(np.abs(directions @ expected[:3].T), np.eye(3), atol=1e-8)


@pytest.mark.parametrize("n, most", [(4, 3), (1, 0), (50, 6)])
def test_there_are_no_more_than_the_data_has(n, most):
    x = data(n).reshape([n, 2, 3])
    mean, directions = pca.components(x, 10)
    assert directions.shape == (most, 6)
    np.testing.assert_allclose(pca.project(x, mean, directions), x, atol=1e-8)


def test_no_other_plane_is_nearer_to_the_data():
    x = data(40)
    mean, directions = pca.components(x, 2)
    best = np.sum((pca.project(x, mean, directions) - x) ** 2)
    random = np.random.default_rng(1)
    for _ in range(20):
        other = np.linalg.qr(random.normal(size=[6, 2]))[0].T
        assert np.sum((pca.project(x, mean, other) - x) ** 2) > best


def test_a_projection_stays_where_it_is():
    x = data(40)
    plane = pca.components(x, 2)
    once = pca.project(x, *plane)
    np.testing.assert_allclose(pca.project(once, *plane), once)
