"""metrics.linear_filter: against the Wiener filter and against other maps."""

import numpy as np

from tfvision.metrics import linear_filter


def data(n, noise, seed=0):
    random = np.random.default_rng(seed)
    mix = np.random.default_rng(9).normal(size=[4, 4])
    clean = random.normal(size=[n, 4]) @ mix + 2
    return clean + noise * random.normal(size=[n, 4]), clean, mix.T @ mix


def test_of_additive_noise_it_is_the_wiener_filter():
    seen, clean, covariance = data(200_000, 0.7)
    weights, offset = linear_filter.linear_filter(seen, clean)
    wiener = np.linalg.solve(covariance + 0.49 * np.eye(4), covariance)
    np.testing.assert_allclose(weights, wiener, atol=0.02)
    np.testing.assert_allclose(linear_filter.apply(np.full([1, 4], 2.0), weights, offset)[0], 2,
                               atol=0.02)


def test_no_other_map_is_better_on_its_own_data():
    seen, clean, _ = data(50, 0.7)
    weights, offset = linear_filter.linear_filter(seen, clean)
    best = np.sum((linear_filter.apply(seen, weights, offset) - clean) ** 2)
    random = np.random.default_rng(1)
    for _ in range(20):
        changed = weights + 0.05 * random.normal(size=[4, 4])
        shifted = offset + 0.05 * random.normal(size=4)
        assert np.sum((linear_filter.apply(seen, changed, shifted) - clean) ** 2) > best


def test_pixels_that_never_change_are_no_obstacle():
    seen, clean, _ = data(100, 0.0)
    seen[:, 1], clean = 0, clean.reshape([100, 2, 2])
    weights, offset = linear_filter.linear_filter(seen.reshape([100, 2, 2]), clean)
    found = linear_filter.apply(seen.reshape([100, 2, 2]), weights, offset)
    assert found.shape == (100, 2, 2) and np.all(np.isfinite(found))
    np.testing.assert_allclose(found.reshape([100, 4])[:, [0, 2, 3]],
                               clean.reshape([100, 4])[:, [0, 2, 3]], atol=1e-6)
