"""ops.nearest against a search by loops, ties and all."""

import numpy as np
import pytest
import tensorflow as tf

from tfvision import ops
from tfvision.ops.nearest import ROWS


def slow(queries, gallery, k):
    """Indices [b, k] by (distance, index), from differences."""
    squares = ((queries[:, None] - gallery[None]) ** 2).sum(-1, dtype=np.float32)
    order = np.argsort(squares, 1, kind="stable")[:, :k]
    return order, np.sqrt(np.take_along_axis(squares, order, 1))


def vectors(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("n, d, k", [(1, 3, 1), (7, 1, 7), (50, 16, 5), (3000, 32, 10)])
def test_it_finds_what_a_search_by_differences_finds(n, d, k):
    for seed in range(10):
        queries, gallery = vectors([seed, 1], 6, d), vectors([seed, 2], n, d)
        index, distance = ops.nearest(queries, gallery, k=k)
        order, apart = slow(queries, gallery, k)
        assert index.dtype == tf.int32 and distance.dtype == tf.float32
        np.testing.assert_array_equal(index, order)
        np.testing.assert_allclose(distance, apart, rtol=1e-5)


def test_of_equal_distances_the_lower_index_comes_first():
    gallery = np.float32([[9, 9], [1, 0], [0, 1], [-1, 0], [1, 0], [0, 0], [0, -1]])
    index, distance = ops.nearest(np.zeros([1, 2], np.float32), gallery, k=6)
    np.testing.assert_array_equal(index, [[5, 1, 2, 3, 4, 6]])
    np.testing.assert_array_equal(distance, [[0, 1, 1, 1, 1, 1]])


def test_doubles_of_rows_come_in_their_order():
    gallery = np.repeat(vectors(0, 40, 24), 8, 0)
    queries = gallery[::40] + np.float32(0.01)
    index, _ = ops.nearest(queries, gallery, k=12)
    np.testing.assert_array_equal(index, slow(queries, gallery, 12)[0])


def test_a_row_is_at_distance_0_from_itself_and_its_gradient_is_finite():
    gallery = vectors(1, 200, 64)
    queries = tf.constant(gallery[::50])
    with tf.GradientTape() as tape:
        tape.watch(queries)
        index, distance = ops.nearest(queries, gallery, k=2)
        total = tf.reduce_sum(distance)
    np.testing.assert_array_equal(index[:, 0], np.arange(0, 200, 50))
    np.testing.assert_array_equal(distance[:, 0], np.zeros(4))
    gradient = tape.gradient(total, queries).numpy()
    np.testing.assert_allclose(np.linalg.norm(gradient, axis=1), 1, rtol=1e-4)


@pytest.mark.parametrize("n", [30, 2 * ROWS + 5])
def test_int8_rows_are_what_they_are_scaled_to(n):
    random = np.random.default_rng(2)
    numbers = random.integers(-127, 128, [n, 8], np.int8)
    scales = random.uniform(0.005, 0.02, n).astype(np.float32)
    wide = numbers * scales[:, None]
    queries = vectors(3, 4, 8)
    index, distance = ops.nearest(queries, numbers, k=6, scales=scales)
    order, apart = slow(queries, wide, 6)
    np.testing.assert_array_equal(index, order)
    np.testing.assert_allclose(distance, apart, rtol=1e-5)


def test_known_squares_change_nothing():
    queries, gallery = vectors(4, 5, 8), vectors(5, 90, 8)
    plain = ops.nearest(queries, gallery, k=7)
    known = ops.nearest(queries, gallery, k=7, squares=np.square(gallery).sum(1))
    for one, other in zip(plain, known, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("options, gallery", [
    ({"k": 0}, np.zeros([3, 2], np.float32)), ({"k": 4}, np.zeros([3, 2], np.float32)),
    ({"k": 1}, np.zeros([3, 2], np.int8)),
    ({"k": 1, "scales": np.ones(3, np.float32)}, np.zeros([3, 2], np.float32)),
])
def test_what_cannot_be_searched_is_refused(options, gallery):
    with pytest.raises(ValueError, match="Expected .* Received: "):
        ops.nearest(np.zeros([1, 2], np.float32), gallery, **options)
