"""ops.pairwise_distances: exact, precise under an offset, with gradients that stay finite."""

import numpy as np
import pytest
import tensorflow as tf

from tfvision import ops


def rows(n, d, seed=0, kind=np.float64):
    return np.random.default_rng(seed).normal(size=[n, d]).astype(kind)


def slow(x, y):
    return np.array([[np.sqrt(((a - b) ** 2).sum()) for b in y] for a in x])


@pytest.mark.parametrize("kind, within", [(np.float64, 1e-12), (np.float32, 1e-5)])
def test_it_is_the_root_of_the_summed_squares(kind, within):
    x, y = rows(5, 7, 0, kind), rows(3, 7, 1, kind)
    found = ops.pairwise_distances(x, y)
    assert found.dtype == kind
    np.testing.assert_allclose(found, slow(x, y), atol=within)
    np.testing.assert_allclose(
        ops.pairwise_distances(x, y, squared=True), slow(x, y) ** 2, atol=10 * within
    )


def test_groups_are_compared_each_by_itself():
    x = rows(12, 4).reshape(3, 4, 4)
    found = ops.pairwise_distances(x).numpy()
    for group, matrix in zip(x, found, strict=True):
        np.testing.assert_allclose(matrix, slow(group, group), atol=1e-7)


def test_the_own_distance_is_exactly_0_and_the_matrix_symmetric():
    found = ops.pairwise_distances(rows(40, 64, kind=np.float32) * 1e3).numpy()
    assert (np.diag(found) == 0).all()
    np.testing.assert_allclose(found, found.T, rtol=1e-5)


def test_a_common_offset_costs_no_precision():
    x = rows(6, 5, kind=np.float32)
    far = ops.pairwise_distances(x + np.float32(1000))
    np.testing.assert_allclose(far, slow(x, x), atol=2e-3)


@pytest.mark.parametrize("squared", [False, True])
def test_the_gradient_is_that_of_differences(squared):
    x, y = rows(3, 2), rows(4, 2, 1)
    weights = rows(3, 4, 2)

    def value(x):
        return float((ops.pairwise_distances(x, y, squared=squared).numpy() * weights).sum())

    at = tf.constant(x)
    with tf.GradientTape() as tape:
        tape.watch(at)
        total = tf.reduce_sum(ops.pairwise_distances(at, y, squared=squared) * weights)
    gradient = tape.gradient(total, at).numpy()
    for place in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[place] = 1e-6
        expected = (value(x + step) - value(x - step)) / 2e-6
        np.testing.assert_allclose(gradient[place], expected, atol=1e-6)


@pytest.mark.parametrize("x", [np.zeros([4, 3]), np.ones([4, 3]), np.eye(4)[[0, 0, 1, 1]]])
@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float32", "float64"])
def test_the_gradient_is_finite_between_equal_rows(x, kind):
    at = tf.cast(x, kind)
    with tf.GradientTape() as tape:
        tape.watch(at)
        total = tf.reduce_sum(ops.pairwise_distances(at))
    assert np.isfinite(tf.cast(tape.gradient(total, at), tf.float32)).all()


def test_half_precision_is_compared_in_float32():
    found = ops.pairwise_distances(tf.constant([[0.0, 300.0], [300.0, 0.0]], tf.float16))
    assert found.dtype == tf.float32  # 300 squared is beyond float16.
    np.testing.assert_allclose(found[0, 1], 300 * np.sqrt(2), rtol=1e-6)


def test_it_compiles_and_takes_any_number_of_rows():
    spec = tf.TensorSpec([None, 3], tf.float32)
    function = tf.function(ops.pairwise_distances, input_signature=[spec, spec], jit_compile=True)
    for n, m in ((1, 4), (5, 2)):
        x, y = rows(n, 3, kind=np.float32), rows(m, 3, 1, np.float32)
        np.testing.assert_allclose(function(x, y), slow(x, y), atol=1e-5)
    assert ops.pairwise_distances(np.zeros([0, 3], np.float32)).shape == (0, 0)
