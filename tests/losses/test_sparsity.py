"""losses.sparsity: the divergence of two coins, and sums."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow_probability import distributions as tfd

from tfvision.losses import sparsity


def test_the_divergence_is_that_of_two_coins():
    code = np.random.default_rng(0).uniform(0.02, 0.98, [50, 7]).astype(np.float32)
    expected = tfd.kl_divergence(tfd.Bernoulli(probs=0.05), tfd.Bernoulli(probs=code.mean(0)))
    np.testing.assert_allclose(sparsity.kl_sparsity(tf.constant(code)), expected, rtol=1e-4)


def test_it_is_zero_at_the_target_alone():
    for mean in (0.01, 0.05, 0.2, 0.9):
        code = tf.fill([8, 3], mean)
        found = sparsity.kl_sparsity(code, target=0.2).numpy()
        assert np.all(np.abs(found) < 1e-6) if mean == 0.2 else np.all(found > 0.01)


def test_only_the_mean_over_the_batch_matters():
    spread = tf.constant([[0.0], [0.0], [0.0], [0.8]])
    even = tf.fill([4, 1], 0.2)
    np.testing.assert_allclose(sparsity.kl_sparsity(spread), sparsity.kl_sparsity(even), rtol=1e-5)


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_units_that_never_or_always_fire_keep_a_finite_slope_that_changes_it(value):
    code = tf.fill([6, 2], value)
    with tf.GradientTape() as tape:
        tape.watch(code)
        total = tf.reduce_sum(sparsity.kl_sparsity(code))
    slope = tape.gradient(total, code).numpy()
    assert np.isfinite(total) and np.all(np.isfinite(slope))
    assert np.all(slope > 0 if value else slope < 0)


@pytest.mark.parametrize("target", [0, 1, -0.1, float("nan")])
def test_a_target_that_is_no_probability_is_refused(target):
    with pytest.raises(ValueError, match="Expected 0 < target < 1"):
        sparsity.kl_sparsity(tf.ones([2, 2]), target=target)


def test_l1_adds_absolute_values_up():
    code = tf.constant([[1.0, -2.0, 0.5], [0.0, 0.0, 0.0]])
    np.testing.assert_allclose(sparsity.l1_sparsity(code), [3.5, 0])
