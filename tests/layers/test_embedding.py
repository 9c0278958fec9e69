"""layers.embedding: unit length, and Koch's comparison of two embeddings."""

import numpy as np
import pytest
import tensorflow as tf

from tfvision.layers.embedding import UnitLength, WeightedL1


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e4])
def test_vectors_get_length_1_and_keep_their_direction(scale):
    x = np.random.default_rng(0).normal(size=[6, 5]).astype(np.float32)
    found = UnitLength()(x * np.float32(scale)).numpy()
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(found, x / np.linalg.norm(x, axis=1, keepdims=True), rtol=1e-4)


def test_the_zero_vector_stays_zero_with_a_finite_gradient():
    at = tf.zeros([2, 3])
    with tf.GradientTape() as tape:
        tape.watch(at)
        found = UnitLength()(at)
        total = tf.reduce_sum(found * [1.0, 2.0, 3.0])
    assert not np.any(found) and np.isfinite(tape.gradient(total, at)).all()


def test_the_logit_is_the_weighted_sum_of_absolute_differences():
    random = np.random.default_rng(1)
    a, b = (random.random([2, n, 4]).astype(np.float32) for n in (3, 5))
    layer = WeightedL1()
    layer.build(a.shape)
    alpha = random.normal(size=4).astype(np.float32)
    layer.alpha.assign(alpha)
    layer.bias.assign(0.5)
    expected = np.abs(a[:, :, None] - b[:, None]) @ alpha + 0.5
    np.testing.assert_allclose(layer(a, b), expected, atol=1e-6)
