"""losses.importance: weights against tfp, bounds against their definition, gradients by hand."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfvision import ops
from tfvision.losses import elbo, importance

both = pytest.mark.parametrize("full", [False, True])


def gaussians(full, b=6, d=4):
    """Means [b, d] and square roots of covariances."""
    random = np.random.default_rng(2)
    mean = random.normal(0, 1, [b, d]).astype(np.float32)
    deviation = np.exp(random.uniform(-2, 0.5, [b, d])).astype(np.float32)
    if not full:
        return tf.constant(mean), tf.constant(deviation)
    below = np.tril(random.normal(size=[b, d, d]), -1) * deviation[..., None]
    return tf.constant(mean), tf.constant((below + np.eye(d) * deviation[..., None]).astype("f"))


def epsilon(n, b=6, d=4):
    noise = ops.example_normal(tf.range(n, dtype=tf.int64), b * d, seed=0)
    return tf.reshape(noise, [n, b, d])


def weights(k=7, b=5, seed=0):
    return tf.constant(np.random.default_rng(seed).normal(-90, 4, [k, b]).astype(np.float32))


@both
def test_the_density_is_tfp_s_for_any_number_of_codes(full):
    mean, scale = gaussians(full)
    kind = tfd.MultivariateNormalTriL if full else tfd.MultivariateNormalDiag
    for z in (epsilon(3), epsilon(3)[0], tf.reshape(epsilon(6), [2, 3, 6, 4])):
        found = importance.gaussian_log_density(z, mean, scale)
        np.testing.assert_allclose(found, kind(mean, scale).log_prob(z), rtol=1e-4, atol=1e-4)


@both
def test_the_divergence_from_samples_is_the_closed_form(full):
    n = 50_000
    mean, scale = gaussians(full)
    z = ops.reparametrise(mean, scale, epsilon(n))
    found = -importance.log_weight(tf.zeros([n, 6]), z, mean, scale)
    error = np.std(found, 0) / n**0.5
    far = np.abs(np.mean(found, 0, np.float64) - elbo.gaussian_kl(mean, scale))
    np.testing.assert_array_less(far, 5 * error)


def test_the_weight_of_the_divergence_scales_all_but_the_likelihood():
    (mean, scale), z = gaussians(False), epsilon(3)
    kl = -importance.log_weight(tf.zeros([3, 6]), z, mean, scale)
    found = importance.log_weight(tf.fill([3, 6], -7.0), z, mean, scale, 0.25)
    np.testing.assert_allclose(found, -7 - 0.25 * kl, rtol=1e-5)


def test_a_bound_is_the_logarithm_of_the_mean_weight():
    found = importance.negative_bound(weights())
    expected = -np.log(np.mean(np.exp(weights().numpy().astype(np.float64)), 0))
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    np.testing.assert_allclose(importance.negative_bound(weights()[:1]), -weights()[0], rtol=1e-6)


def test_far_away_weights_stay_finite():
    for value in (-1e5, 1e5):
        extreme = tf.constant([[value], [value - 1e4]], tf.float32)
        np.testing.assert_allclose(
            importance.negative_bound(extreme), [np.log(2) - value], rtol=1e-6
        )


def test_a_gate_lets_values_pass_and_scales_slopes():
    z, factor = tf.Variable([[1.0, 2.0], [3.0, 4.0]]), tf.constant([[0.5], [-2.0]])
    for compiled in (False, True):
        def slopes():
            with tf.GradientTape() as tape:
                passed, answer = importance.gate(z)
                loss = tf.reduce_sum(passed**2)
                answer(factor)
            return passed, tape.gradient(loss, z)

        passed, found = tf.function(slopes)() if compiled else slopes()
        np.testing.assert_array_equal(passed, z)
        np.testing.assert_allclose(found, 2 * z * factor)


@pytest.mark.parametrize("kl_weight", [1.0, 0.3])
def test_the_doubly_reparametrised_slope_is_the_paper_s(kl_weight):
    """Eq. 8: a share of each weight for the decoder, its square for what reaches z."""
    z, theta = tf.Variable(epsilon(7, 5, 1)[..., 0]), tf.Variable(0.7)
    with tf.GradientTape(persistent=True) as tape:
        passed, answer = importance.gate(z[..., tf.newaxis])
        log_weight = theta * tf.sin(passed[..., 0])
        loss = importance.doubly_reparametrised(log_weight, answer, kl_weight)
    np.testing.assert_allclose(loss, importance.negative_bound(log_weight), rtol=1e-6)
    share = tf.nn.softmax(log_weight, 0)
    factor = share * (1 - kl_weight + kl_weight * share)
    by_z, by_theta = tape.gradient(loss, [z, theta])
    np.testing.assert_allclose(by_z, -factor * theta * tf.cos(z), rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(by_theta, -tf.reduce_sum(share * tf.sin(z)), rtol=1e-4)
