"""layers.DiagonalGaussian and FullGaussian: features as Gaussians."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfvision import layers

both = pytest.mark.parametrize("kind", [layers.DiagonalGaussian, layers.FullGaussian])


@both
@pytest.mark.parametrize("size", [1, 2, 7])
def test_features_of_zero_are_the_prior(kind, size):
    layer = kind(size)
    mean, scale = layer(tf.zeros([3, layer.features]))
    np.testing.assert_array_equal(mean, np.zeros([3, size]))
    one = np.eye(size) if kind is layers.FullGaussian else np.ones(size)
    np.testing.assert_array_equal(scale, np.stack([one] * 3))


def test_deviations_are_roots_of_variances():
    features = tf.constant([[1.0, 2.0, np.log(4.0), np.log(0.25)]], tf.float32)
    mean, scale = layers.DiagonalGaussian(2)(features)
    np.testing.assert_array_equal(mean, [[1, 2]])
    np.testing.assert_allclose(scale, [[2, 0.5]], rtol=1e-6)


def test_a_factor_has_its_numbers_where_they_belong():
    features = tf.constant([[7, 8, 9, np.log(1), np.log(2), np.log(3), 4, 5, 6]], tf.float32)
    mean, factor = layers.FullGaussian(3)(features)
    np.testing.assert_array_equal(mean, [[7, 8, 9]])
    np.testing.assert_allclose(factor, [[[1, 0, 0], [4, 2, 0], [5, 6, 3]]], rtol=1e-6)


@both
def test_every_feature_matters_to_one_number(kind):
    layer = kind(4)
    numbers = np.random.default_rng(0).normal(size=[1, layer.features])
    features = tf.Variable(numbers, dtype="float32")
    with tf.GradientTape() as tape:
        mean, scale = layer(features)
        together = tf.concat([tf.reshape(mean, [-1]), tf.reshape(scale, [-1])], 0)
    slopes = tape.jacobian(together, features)[:, 0].numpy()
    np.testing.assert_array_equal(np.count_nonzero(slopes, axis=0), np.ones(layer.features))
    assert np.count_nonzero(slopes, axis=1).max() == 1


@both
def test_a_layer_is_rebuilt_from_its_config(kind):
    layer = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(kind(5)))
    assert isinstance(layer, kind) and (layer.size, layer.features) == (5, kind(5).features)


@both
def test_gaussians_stay_float32_in_mixed_precision(kind):
    keras.config.set_dtype_policy("mixed_bfloat16")
    layer = kind(2)
    mean, scale = layer(tf.zeros([1, layer.features], tf.bfloat16))
    assert mean.dtype == scale.dtype == tf.float32
