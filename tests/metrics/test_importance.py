"""metrics.importance: bounds that climb to a log likelihood that is known."""

import numpy as np
import pytest

from tfvision.metrics import importance


def gaussian_weights(n, b=50, wide=1.2, seed=0):
    """Weights of z ~ N(0, wide^2) for an integral over N(z; 0, 1), whose logarithm is 0."""
    z = np.random.default_rng(seed).normal(0, wide, [n, b])
    return -0.5 * z**2 + 0.5 * z**2 / wide**2 + np.log(wide)


def test_many_weights_find_the_integral():
    found = importance.bounds(gaussian_weights(5000), (5000,))[5000]
    assert np.abs(found).max() < 0.05 and abs(found.mean()) < 0.005


def test_bounds_never_fall_from_a_k_to_its_multiple():
    for seed in range(20):
        log_weight = np.random.default_rng(seed).standard_t(1, [120, 8]) * 30
        found = importance.bounds(log_weight, (1, 2, 4, 12, 24, 120))
        for lower, higher in zip(list(found.values())[:-1], list(found.values())[1:], strict=True):
            assert np.all(lower <= higher + 1e-9)


def test_a_bound_is_the_mean_of_its_groups():
    log_weight = np.random.default_rng(1).normal(-80, 5, [6, 3])
    found = importance.bounds(log_weight, (1, 2, 6))
    np.testing.assert_allclose(found[1], log_weight.mean(0))
    np.testing.assert_allclose(found[6], np.log(np.exp(log_weight).mean(0)))
    pairs = [np.log(np.exp(log_weight[i : i + 2]).mean(0)) for i in (0, 2, 4)]
    np.testing.assert_allclose(found[2], np.mean(pairs, 0))


def test_weights_beyond_the_range_of_floats_do_not_matter():
    log_weight = gaussian_weights(100)
    for shift in (-5000, 5000):
        found = importance.bounds(log_weight + shift, (100,))[100] - shift
        np.testing.assert_allclose(found, importance.bounds(log_weight, (100,))[100], atol=1e-9)


def test_a_group_that_leaves_weights_over_is_refused():
    for k in (0, 4):
        with pytest.raises(ValueError, match=f"divide 6. Received: k={k}"):
            importance.bounds(np.zeros([6, 2]), (k,))


def test_effective_samples_are_all_where_weights_are_equal_and_one_where_one_counts():
    equal, one = np.full([40, 3], -900.0), np.full([40, 3], -900.0)
    one[7] = 900
    np.testing.assert_allclose(importance.effective_samples(equal), 40)
    np.testing.assert_allclose(importance.effective_samples(one), 1)


def test_images_are_estimated_part_by_part(capsys):
    log_weight = gaussian_weights(1000, b=13)
    asked = []

    def weigh(rows):
        asked.append((rows.start, rows.stop))
        return log_weight[:, rows]

    found, enough = importance.estimate(weigh, 13, 1000, ks=(1, 5, 300, 1000), every=0)
    assert asked == [(0, 5), (5, 10), (10, 13)] and list(found) == [1, 5, 1000]
    for k, expected in importance.bounds(log_weight, (1, 5, 1000)).items():
        np.testing.assert_allclose(found[k], expected)
    np.testing.assert_allclose(enough, importance.effective_samples(log_weight))
    assert "weighted  67%" in capsys.readouterr().out
