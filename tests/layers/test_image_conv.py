"""layers.ImageConv2D: Keras's Conv2D, with the same weights, names and gradients."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfvision.layers import ImageConv2D

IMAGE = np.random.default_rng(0).normal(size=[3, 12, 11, 1]).astype(np.float32)


def both(**options):
    """A layer and Keras's own with its weights."""
    ours, plain = ImageConv2D(5, 3, **options), keras.layers.Conv2D(5, 3, **options)
    for layer in (ours, plain):
        layer.build(IMAGE.shape)
    plain.set_weights(ours.get_weights())
    return ours, plain


@pytest.mark.parametrize("options", [
    {}, {"padding": "same", "activation": "relu"}, {"strides": 2}, {"dilation_rate": 2},
    {"use_bias": False},
])
def test_values_and_gradients_are_those_of_keras(options):
    image, found = tf.constant(IMAGE), []
    for layer in both(**options):
        with tf.GradientTape() as tape:
            tape.watch(image)
            y = layer(image)
            loss = tf.reduce_sum(tf.sin(y))
        found.append([y, *tape.gradient(loss, [image, *layer.trainable_weights])])
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_it_runs_eagerly_and_compiled_with_mixed_precision():
    layer = ImageConv2D(4, 3, dtype="mixed_bfloat16")
    eager = layer(IMAGE)
    assert eager.dtype == tf.bfloat16
    np.testing.assert_array_equal(eager, tf.function(layer)(tf.constant(IMAGE)))
    with tf.GradientTape() as tape:
        image = tf.Variable(IMAGE)
        loss = tf.reduce_sum(tf.cast(layer(image), tf.float32) ** 2)
    exact = keras.layers.Conv2D(4, 3)
    exact.build(IMAGE.shape)
    exact.set_weights(layer.get_weights())
    with tf.GradientTape() as wide:
        there = tf.Variable(IMAGE)
        sharp = tf.reduce_sum(exact(there) ** 2)
    one, other = tape.gradient(loss, image), wide.gradient(sharp, there)
    np.testing.assert_allclose(one, other, atol=0.03 * np.abs(other).max())


def test_it_is_saved_and_loaded(tmp_path):
    model = keras.Sequential([keras.Input([12, 11, 1]), ImageConv2D(2, 3)])
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert isinstance(again.layers[0], ImageConv2D)
    np.testing.assert_array_equal(again(IMAGE), model(IMAGE))
