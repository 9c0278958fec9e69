"""ops.match against OpenCV's brute-force matcher, and with ties, few and bad descriptors."""

import cv2
import numpy as np
import pytest
import tensorflow as tf

from tfvision import ops


def descriptors(b, n, m, d=16, seed=0, noise=0.3):
    """Two sets in which half of the first has a noisy twin in the second."""
    random = np.random.default_rng(seed)
    first, second = (random.normal(size=[b, k, d]) for k in (n, m))
    half = min(n, m) // 2
    second[:, :half] = first[:, :half] + random.normal(0, noise, [b, half, d])
    order = random.permutation(m)
    return first.astype(np.float32), second[:, order].astype(np.float32)


def opencv(first, second, *, ratio=None, mutual=False):
    """Indices of one pair of images."""
    found = np.full(len(first), -1)
    matcher = cv2.BFMatcher(cv2.NORM_L2, crossCheck=mutual)
    if ratio is None:
        for m in matcher.match(first, second):
            found[m.queryIdx] = m.trainIdx
    else:
        for best, other in matcher.knnMatch(first, second, k=2):
            if best.distance < ratio * other.distance:
                found[best.queryIdx] = best.trainIdx
    return found


@pytest.mark.parametrize("options", [{}, {"mutual": True}, {"ratio": 0.8}])
def test_indices_are_those_of_opencv(options):
    first, second = descriptors(200, 20, 30)
    indices, distances = ops.match(first, second, **options)
    assert indices.dtype == tf.int32
    theirs = [opencv(a, b, **options) for a, b in zip(first, second, strict=True)]
    np.testing.assert_array_equal(indices, theirs)
    exact = np.linalg.norm(first[:, :, None] - second[:, None], axis=-1).min(-1)
    np.testing.assert_allclose(distances, exact, rtol=1e-5)
    assert not options or (0 < np.mean(np.array(theirs) < 0) < 1)


def test_both_tests_keep_what_each_keeps():
    first, second = descriptors(20, 20, 30)
    both = ops.match(first, second, ratio=0.9, mutual=True)[0].numpy()
    ratio = ops.match(first, second, ratio=0.9)[0].numpy()
    mutual = ops.match(first, second, mutual=True)[0].numpy()
    np.testing.assert_array_equal(both, np.where((ratio >= 0) & (mutual >= 0), ratio, -1))


def test_a_greatest_distance_is_included():
    first, second = np.zeros([1, 3, 2], np.float32), np.array([[[3.0, 4], [30, 40]]], np.float32)
    first[0, 1], first[0, 2] = [3, 4.5], [30, 46]
    indices, distances = ops.match(first, second, max_distance=5)
    np.testing.assert_array_equal(indices, [[0, 0, -1]])
    np.testing.assert_allclose(distances, [[5, 0.5, 6]])


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_of_equal_distances_the_lower_index_wins_both_ways(kind):
    """SIFT's whole numbers up to 255 are compared without rounding."""
    random = np.random.default_rng(0)
    rows = random.integers(0, 256, [1, 6, 128]).astype(kind)
    first, second = rows[:, [0, 1, 1, 2]], rows[:, [3, 1, 0, 1, 0]]
    indices, distances = ops.match(first, second)
    np.testing.assert_array_equal(indices[0, :3], [2, 1, 1])
    np.testing.assert_array_equal(distances[0, :3], 0)
    np.testing.assert_array_equal(ops.match(first, second, mutual=True)[0][0, :3], [2, 1, -1])
    np.testing.assert_array_equal(ops.match(first, second, ratio=0.8)[0][0, :3], [-1, -1, -1])


def test_whole_numbers_are_matched_as_by_opencv_ties_included():
    random = np.random.default_rng(1)
    first, second = (random.integers(0, 3, [200, n, 4]).astype(np.float32) for n in (12, 15))
    theirs = [opencv(a, b) for a, b in zip(first, second, strict=True)]
    np.testing.assert_array_equal(ops.match(first, second)[0], theirs)


@pytest.mark.parametrize("options", [{}, {"mutual": True}, {"ratio": 0.8}, {"max_distance": 9}])
@pytest.mark.parametrize("n, m", [(0, 4), (4, 0), (0, 0), (1, 1)])
def test_few_descriptors_match_as_far_as_there_are_some(options, n, m):
    first, second = np.ones([2, n, 3], np.float32), np.zeros([2, m, 3], np.float32)
    indices, distances = ops.match(first, second, **options)
    assert indices.shape == distances.shape == (2, n)
    np.testing.assert_array_equal(indices, 0 if m else -1)
    np.testing.assert_allclose(distances, 3**0.5 if m else np.inf)


@pytest.mark.parametrize("options", [{}, {"mutual": True}, {"ratio": 0.9}])
def test_a_descriptor_with_nan_matches_none(options):
    first, second = np.eye(3, dtype=np.float32)[None], np.eye(3, dtype=np.float32)[None]
    first[0, 0, 0] = second[0, 1, 2] = np.nan
    indices, _ = ops.match(first, second, **options)
    assert indices[0, 0] == -1 and indices[0, 2] == 2
    assert indices[0, 1] != 1
    indices, distances = ops.match(first * np.nan, second)
    np.testing.assert_array_equal(indices, -1)
    np.testing.assert_array_equal(distances, np.inf)


def test_distances_have_a_gradient_finite_where_they_are_0():
    first, second = (tf.constant(x.astype(np.float64)) for x in descriptors(1, 4, 5))
    second = tf.concat([second, first[:, :1]], 1)
    with tf.GradientTape() as tape:
        tape.watch(first)
        indices, distances = ops.match(first, second)
    gradient = tape.gradient(distances, first).numpy()[0]
    np.testing.assert_array_equal(gradient[0], 0)
    apart = first[0, 1] - second[0, indices[0, 1]]
    np.testing.assert_allclose(gradient[1], apart / np.linalg.norm(apart))


def test_a_ratio_that_keeps_nothing_is_refused():
    with pytest.raises(ValueError, match="ratio=0"):
        ops.match(np.zeros([1, 2, 3]), np.zeros([1, 2, 3]), ratio=0)
