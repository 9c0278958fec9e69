"""ops.farthest_point_sampling against a loop, and on sets with ties, repeats and bad points."""

import numpy as np
import pytest
import tensorflow as tf

from tfvision import ops


def slow(points, count):
    chosen = [0]
    while len(chosen) < count:
        apart = np.array([min(((p - points[c]) ** 2).sum() for c in chosen) for p in points])
        chosen.append(int(np.argmax(apart)))
    return chosen


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_each_point_is_the_farthest_from_those_before_it(kind):
    points = np.random.default_rng(0).normal(size=[200, 12, 3]).astype(kind)
    found = ops.farthest_point_sampling(points, 6)
    assert found.dtype == tf.int32
    np.testing.assert_array_equal(found, [slow(p, 6) for p in points])


def test_on_a_line_the_ends_come_first_and_then_the_middle():
    points = np.linspace(0, 8, 9).reshape(1, 9, 1)
    np.testing.assert_array_equal(ops.farthest_point_sampling(points, 4), [[0, 8, 4, 2]])


def test_of_equally_far_points_the_lower_index_is_taken():
    square = np.array([[[0.0, 0], [0, 1], [1, 0], [1, 1], [1, 1]]])
    np.testing.assert_array_equal(ops.farthest_point_sampling(square, 4), [[0, 3, 1, 2]])


def test_when_all_different_points_are_taken_0_follows():
    points = np.array([[[0.0], [5], [5], [0]], [[1.0], [1], [1], [1]]])
    found = ops.farthest_point_sampling(points, 6)
    np.testing.assert_array_equal(found, [[0, 1, 0, 0, 0, 0], [0] * 6])
    np.testing.assert_array_equal(ops.farthest_point_sampling(points[:, :1], 3), [[0] * 3] * 2)
    assert ops.farthest_point_sampling(np.zeros([0, 5, 3]), 2).shape == (0, 2)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_points_that_are_not_finite_are_left_out(bad):
    points = np.arange(8.0).reshape(1, 8, 1)
    points[0, [3, 7]] = bad
    np.testing.assert_array_equal(ops.farthest_point_sampling(points, 3), [[0, 6, 2]])
    np.testing.assert_array_equal(ops.farthest_point_sampling(points[:, 3:], 3), [[0, 0, 0]])


def test_one_point_is_the_first_and_none_is_refused():
    assert ops.farthest_point_sampling(np.ones([1, 4, 3]), 1).numpy().tolist() == [[0]]
    with pytest.raises(ValueError, match="count=0"):
        ops.farthest_point_sampling(np.ones([1, 4, 3]), 0)
