"""layers.FusedBatchNormalization is keras.layers.BatchNormalization, only faster."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfvision import layers


def pair(shape, **options):
    ours, keras_own = layers.FusedBatchNormalization(**options), None
    keras_own = keras.layers.BatchNormalization(**options)
    for layer in (ours, keras_own):
        layer.build(shape)
    random = np.random.default_rng(0)
    weights = [random.uniform(0.5, 2, w.shape).astype(np.float32) for w in ours.get_weights()]
    ours.set_weights(weights)
    keras_own.set_weights(weights)
    return ours, keras_own


@pytest.mark.parametrize("options", [{}, {"center": False, "scale": False}, {"momentum": 0.5}])
def test_outputs_gradients_and_running_averages_equal_those_of_keras(options):
    x = tf.constant(np.random.default_rng(1).normal(3, 2, [4, 5, 6, 3]).astype(np.float32))
    found = []
    for layer in pair(x.shape, **options):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, training=True)
            loss = tf.reduce_sum(y * tf.cos(y))
        gradients = tape.gradient(loss, [x, *layer.trainable_weights])
        averages = [layer.moving_mean.numpy(), layer.moving_variance.numpy()]
        found.append([y, *gradients, *averages, layer(x, training=False)])
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-4)


def test_bfloat16_keeps_float32_statistics():
    layer = layers.FusedBatchNormalization(dtype="mixed_bfloat16")
    y = layer(tf.random.stateless_normal([2, 8, 8, 4], [0, 1]), training=True)
    assert y.dtype == tf.bfloat16 and layer.moving_variance.dtype == "float32"
    assert np.all(np.isfinite(tf.cast(y, tf.float32)))


def test_it_is_saved_and_loaded_by_keras(tmp_path):
    model = keras.Sequential([keras.Input([4, 4, 2]), layers.FusedBatchNormalization()])
    model.layers[0].set_weights([np.full(2, v, np.float32) for v in (1, 2, 3, 4)])
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert isinstance(loaded.layers[0], layers.FusedBatchNormalization)
    x = np.ones([1, 4, 4, 2], np.float32)
    np.testing.assert_array_equal(loaded(x), model(x))
