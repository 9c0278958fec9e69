"""losses.reconstruction: by hand, and where the minimum is."""

import numpy as np
import tensorflow as tf

from tfvision.losses import reconstruction


def test_squared_error_is_that_of_the_lecture():
    x = np.array([[[0.0, 1.0], [0.5, 0.5]], [[1.0, 1.0], [0.0, 0.0]]], np.float32)
    found = reconstruction.squared_error(tf.constant(x), tf.constant(x[::-1].copy()))
    np.testing.assert_allclose(found, [1.5, 1.5])
    np.testing.assert_array_equal(reconstruction.squared_error(tf.constant(x), x), [0, 0])


def test_cross_entropy_is_the_formula_and_finite_for_certain_errors():
    random = np.random.default_rng(0)
    x, p = random.random([3, 4, 5, 1]), random.uniform(0.01, 0.99, [3, 4, 5, 1])
    logits = tf.constant(np.log(p / (1 - p)), tf.float32)
    expected = -(x * np.log(p) + (1 - x) * np.log(1 - p)).sum((1, 2, 3))
    found = reconstruction.cross_entropy(tf.constant(x, tf.float32), logits)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    far = reconstruction.cross_entropy(tf.constant([[1.0, 0.0]]), tf.constant([[-200.0, 200.0]]))
    np.testing.assert_allclose(far, [400.0])


def test_cross_entropy_is_least_where_the_reconstruction_is_the_image():
    x = tf.constant(np.random.default_rng(1).uniform(0.1, 0.9, [2, 6]), tf.float32)
    logits = tf.math.log(x / (1 - x))
    with tf.GradientTape() as tape:
        tape.watch(logits)
        least = reconstruction.cross_entropy(x, logits)
    np.testing.assert_allclose(tape.gradient(least, logits), np.zeros([2, 6]), atol=1e-6)
    for step in (-0.3, 0.3):
        assert np.all(reconstruction.cross_entropy(x, logits + step) > least)
