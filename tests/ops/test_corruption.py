"""ops.corruption: what is lost, how much of it, and what stays."""

import numpy as np
import pytest
import tensorflow as tf

from tfvision import ops

INDEX = tf.range(100, dtype=tf.int64)


def images(seed=0):
    return np.random.default_rng(seed).uniform(0.2, 0.8, [100, 40, 5]).astype(np.float32)


def uniform():
    return tf.reshape(ops.example_uniform(INDEX, 200, seed=0), [100, 40, 5])


def within(found, expected, n=100 * 40 * 5):
    """Whether a share of n trials is what it should be, by five standard errors."""
    return abs(found - expected) < 5 * np.sqrt(expected * (1 - expected) / n)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_masking_loses_its_share_and_nothing_else(share):
    x = images()
    y = ops.mask_out(x, uniform(), share).numpy()
    lost = y == 0
    assert within(lost.mean(), share)
    np.testing.assert_array_equal(y[~lost], x[~lost])


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_salt_is_as_frequent_as_pepper(share):
    x = images()
    y = ops.salt_and_pepper(x, uniform(), share).numpy()
    salt, pepper = y == 1, y == 0
    assert within(salt.mean(), share / 2) and within(pepper.mean(), share / 2)
    np.testing.assert_array_equal(y[~(salt | pepper)], x[~(salt | pepper)])


@pytest.mark.parametrize("op", [ops.mask_out, ops.salt_and_pepper])
def test_a_share_of_0_loses_nothing_and_of_1_everything(op):
    x = images()
    np.testing.assert_array_equal(op(x, uniform(), 0.0), x)
    assert set(np.unique(op(x, uniform(), 1.0))) <= {0.0, 1.0}


def test_more_is_lost_of_the_same_numbers_first():
    few, many = (ops.mask_out(images(), uniform(), share).numpy() == 0 for share in (0.2, 0.6))
    assert np.all(many[few])


def test_gaussian_noise_has_its_deviation_and_is_independent_of_the_image():
    x = images()
    normal = tf.reshape(ops.example_normal(INDEX, 200, seed=0), x.shape)
    noise = (ops.add_gaussian(x, normal, 0.3) - x).numpy().ravel()
    assert abs(noise.mean()) < 5 * 0.3 / noise.size**0.5
    assert noise.std() == pytest.approx(0.3, rel=5 / np.sqrt(2 * noise.size))
    assert abs(np.corrcoef(noise, x.ravel())[0, 1]) < 5 / noise.size**0.5
