"""metrics.point_robustness: the faults are as large as they are said to be."""

import numpy as np
import pytest
import tensorflow as tf

from tfvision.metrics import point_robustness as faults

POINTS = np.random.default_rng(0).uniform(-0.5, 0.5, [3, 80, 2]).astype(np.float32)


def conditions():
    def farthest(points, count):
        return np.tile(np.arange(count)[::-1], [len(points), 1])

    return dict(faults.conditions(POINTS, farthest))


@pytest.mark.parametrize("share", faults.MISSING[1:])
def test_missing_points_are_missing_and_the_others_are_untouched(share):
    found, count = conditions(), round(80 * (1 - share))
    np.testing.assert_array_equal(found[f"missing_random_{share:g}"], POINTS[:, :count])
    left = POINTS[:, np.arange(60)[::-1][:count]]
    np.testing.assert_array_equal(found[f"missing_furthest_{share:g}"], left)


def test_outliers_replace_a_share_and_lie_in_the_unit_sphere():
    for share in faults.OUTLIERS[1:]:
        found = conditions()[f"outliers_{share:g}"]
        assert found.shape == POINTS.shape
        changed = np.any(found != POINTS, -1)
        np.testing.assert_array_equal(changed.sum(1), round(share * 80))
        assert np.linalg.norm(found, axis=-1).max() <= 1


def test_jitter_has_the_deviation_that_is_named():
    for sigma in faults.JITTER[1:]:
        moved = conditions()[f"jitter_{sigma:g}"] - POINTS
        assert moved.std() == pytest.approx(sigma, rel=0.1)


def test_accuracies_are_those_of_the_answers():
    """The class is the side on which most points lie."""
    points = np.abs(POINTS) * np.array([1, -1, 1])[:, None, None]
    found = faults.accuracies(
        points, np.array([1, 0, 0]), lambda x: tf.reduce_mean(x, 1) * [-1.0, 1.0], part=2
    )
    assert found["accuracy_intact"] == pytest.approx(2 / 3)
    assert len(found) == 1 + 2 * 4 + 5 + 4 and all(0 <= v <= 1 for v in found.values())


def test_series_are_curves_that_start_at_the_whole_set():
    metrics = {"accuracy": 0.9, "accuracy_jitter_0.1": 0.2, "accuracy_jitter_0.05": 0.5,
               "accuracy_intact": 0.8}
    assert faults.series(metrics) == {"jitter": [(0.0, 0.8), (0.05, 0.5), (0.1, 0.2)]}
    assert faults.series({}) == {}
