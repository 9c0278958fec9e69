"""losses.elbo: the divergence in closed form against samples and against tfp."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfvision import ops
from tfvision.losses import elbo


def gaussians(full, b=6, d=4):
    """Means [b, d] and square roots of covariances, some narrow, some wide."""
    random = np.random.default_rng(2)
    mean = random.normal(0, 2, [b, d]).astype(np.float32)
    deviation = np.exp(random.uniform(-2, 1, [b, d])).astype(np.float32)
    if not full:
        return tf.constant(mean), tf.constant(deviation)
    below = np.tril(random.normal(size=[b, d, d]), -1) * deviation[..., None]
    diagonal = np.eye(d) * deviation[..., None]
    return tf.constant(mean), tf.constant((below + diagonal).astype(np.float32))


def distribution(mean, scale):
    if scale.shape.rank == 2:
        return tfd.MultivariateNormalDiag(mean, scale)
    return tfd.MultivariateNormalTriL(mean, scale)


def prior(d=4):
    return tfd.MultivariateNormalDiag(tf.zeros(d), tf.ones(d))


both = pytest.mark.parametrize("full", [False, True])


@both
def test_it_is_tfp_s_divergence(full):
    mean, scale = gaussians(full)
    dense = tfd.MultivariateNormalTriL(mean, scale if full else tf.linalg.diag(scale))
    reference = tfd.kl_divergence(dense, tfd.MultivariateNormalTriL(tf.zeros(4), tf.eye(4)))
    np.testing.assert_allclose(elbo.gaussian_kl(mean, scale), reference, rtol=1e-5)


@both
def test_samples_agree_with_it(full):
    n = 100_000
    mean, scale = gaussians(full)
    noise = ops.example_normal(tf.range(n, dtype=tf.int64), 24, seed=0)
    z = ops.reparametrise(mean, scale, tf.reshape(noise, [n, 6, 4]))
    ratio = distribution(mean, scale).log_prob(z) - prior().log_prob(z)
    error = np.std(ratio, 0) / n**0.5
    np.testing.assert_array_less(
        np.abs(np.mean(ratio, 0) - elbo.gaussian_kl(mean, scale)), 5 * error
    )


def test_it_is_zero_at_the_prior_alone_and_its_slope_too():
    for scale in (tf.ones([1, 3]), tf.eye(3)[tf.newaxis]):
        mean = tf.zeros([1, 3])
        with tf.GradientTape() as tape:
            tape.watch([mean, scale])
            kl = elbo.gaussian_kl(mean, scale)
        by_mean, by_scale = tape.gradient(kl, [mean, scale])
        np.testing.assert_array_equal(kl, [0])
        np.testing.assert_array_equal(by_mean, mean * 0)
        np.testing.assert_array_equal(tf.linalg.band_part(by_scale, -1, 0), scale * 0)
    for full in (False, True):
        assert np.all(elbo.gaussian_kl(*gaussians(full)) > 0)


def test_a_diagonal_factor_is_a_diagonal_gaussian():
    mean, deviation = gaussians(False)
    units = elbo.gaussian_kl_per_unit(mean, deviation)
    full = elbo.gaussian_kl(mean, tf.linalg.diag(deviation))
    np.testing.assert_allclose(full, elbo.gaussian_kl(mean, deviation), rtol=1e-5)
    np.testing.assert_allclose(full, np.sum(units, 1), rtol=1e-5)
    assert np.all(units.numpy() > 0)


def test_a_turn_of_the_latent_space_leaves_it():
    mean, factor = gaussians(True)
    turn = np.linalg.qr(np.random.default_rng(3).normal(size=[4, 4]))[0].astype(np.float32)
    covariance = turn @ (factor @ tf.linalg.matrix_transpose(factor)) @ turn.T
    turned = elbo.gaussian_kl(mean @ turn.T, tf.linalg.cholesky(covariance))
    np.testing.assert_allclose(turned, elbo.gaussian_kl(mean, factor), rtol=1e-4)


@both
def test_narrow_and_wide_gaussians_stay_finite(full):
    scale = tf.constant([[1e-12] * 3, [1e6] * 3])
    scale = tf.linalg.diag(scale) if full else scale
    kl = elbo.gaussian_kl(tf.zeros([2, 3]), scale).numpy()
    np.testing.assert_allclose(kl[0], 3 * (-0.5 + 12 * np.log(10)), rtol=1e-5)
    assert np.isfinite(kl[1])


def test_the_bound_is_the_divergence_minus_the_log_likelihood():
    log_likelihood, kl = tf.constant([[-3.0, -5.0]]), tf.constant([2.0, 1.0])
    np.testing.assert_array_equal(elbo.negative_elbo(log_likelihood, kl), [[5, 6]])
    np.testing.assert_array_equal(elbo.negative_elbo(log_likelihood, kl, 0.5), [[4, 5.5]])
