"""ops.reparametrise: samples whose covariance is Sigma, and not its square."""

import numpy as np
import pytest
import tensorflow as tf

from tfvision import ops

MEAN = np.array([[1.0, -2.0, 0.5]], np.float32)
FACTOR = np.array([[[2.0, 0, 0], [0.8, 0.5, 0], [-1.0, 0.3, 0.1]]], np.float32)
N = 400_000


def noise(d=3):
    return tf.reshape(ops.example_normal(tf.range(N, dtype=tf.int64), d, seed=0), [N, 1, d])


def test_the_sample_covariance_of_a_factor_is_sigma():
    z = ops.reparametrise(MEAN, tf.constant(FACTOR), noise())[:, 0].numpy()
    np.testing.assert_allclose(z.mean(0), MEAN[0], atol=0.01)
    sigma = FACTOR[0] @ FACTOR[0].T
    np.testing.assert_allclose(np.cov(z.T), sigma, atol=0.01 * sigma.max())
    assert np.abs(np.cov(z.T) - sigma @ sigma).max() > 1  # The lecture's mu + Sigma epsilon.


def test_the_sample_covariance_of_deviations_is_their_square():
    deviations = np.array([[2.0, 0.5, 0.1]], np.float32)
    z = ops.reparametrise(MEAN, tf.constant(deviations), noise())[:, 0].numpy()
    np.testing.assert_allclose(z.mean(0), MEAN[0], atol=0.01)
    np.testing.assert_allclose(np.cov(z.T), np.diag([4, 0.25, 0.01]), atol=0.02)


@pytest.mark.parametrize("matrices", [False, True])
def test_more_samples_are_the_same_samples_stacked(matrices):
    random = np.random.default_rng(1)
    mean = random.normal(size=[5, 3]).astype(np.float32)
    scale = random.uniform(0.5, 1, [5, 3, 3] if matrices else [5, 3]).astype(np.float32)
    epsilon = random.normal(size=[4, 5, 3]).astype(np.float32)
    whole = ops.reparametrise(mean, tf.constant(scale), epsilon)
    for s in range(4):
        one = ops.reparametrise(mean, tf.constant(scale), epsilon[s])
        np.testing.assert_allclose(whole[s], one, rtol=1e-6)
        for i in range(5):
            root = scale[i] if matrices else np.diag(scale[i])
            np.testing.assert_allclose(one[i], mean[i] + root @ epsilon[s, i], rtol=1e-5)


def test_log_variance_is_that_of_the_samples():
    deviations = tf.constant([[2.0, 0.5, 0.1]])
    expected = 2 * np.log([[2, 0.5, 0.1]])
    np.testing.assert_allclose(ops.log_variance(MEAN, deviations), expected, rtol=1e-6)
    expected = np.log([np.diag(FACTOR[0] @ FACTOR[0].T)])
    np.testing.assert_allclose(ops.log_variance(MEAN, tf.constant(FACTOR)), expected, rtol=1e-6)


@pytest.mark.parametrize("shape", [[3], [1, 3, 3, 3]])
def test_a_scale_that_is_neither_is_refused(shape):
    with pytest.raises(ValueError, match="Expected scale of the rank of mean"):
        ops.reparametrise(tf.constant(MEAN), tf.ones(shape), MEAN)


def test_gradients_reach_mean_and_scale():
    mean, scale, epsilon = (tf.constant([[v, v]]) for v in (1.0, 2.0, 3.0))
    with tf.GradientTape() as tape:
        tape.watch([mean, scale])
        z = ops.reparametrise(mean, scale, epsilon)
    by_mean, by_scale = tape.gradient(z, [mean, scale])
    np.testing.assert_array_equal(by_mean, [[1, 1]])
    np.testing.assert_array_equal(by_scale, [[3, 3]])
