"""layers.norms: a batch norm that is only faster; a layer norm that bears two derivatives."""

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


def test_a_frozen_layer_keeps_its_running_averages_as_that_of_keras_does():
    x = np.random.default_rng(1).normal(3, 2, [4, 5, 6, 3]).astype(np.float32)
    found = []
    for layer in pair(x.shape):
        layer.trainable = False
        before = layer.moving_mean.numpy()
        found.append(layer(x, training=True))
        np.testing.assert_array_equal(layer.moving_mean.numpy(), before)
    np.testing.assert_allclose(*found, rtol=1e-5, atol=1e-5)


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


def test_layer_norm_is_keras_s_over_the_whole_image():
    images = np.random.default_rng(1).normal(3, 2, [2, 4, 5, 3]).astype(np.float32)
    theirs = keras.layers.LayerNormalization(axis=[1, 2, 3], epsilon=1e-5)
    np.testing.assert_allclose(layers.LayerNormalization()(images), theirs(images), atol=1e-5)


def test_layer_norm_s_gain_and_offset_belong_to_channels():
    ours = layers.LayerNormalization(epsilon=0.0)
    ours.build([None, 4, 5, 2])
    ours.set_weights([np.array([3.0, 0.0]), np.array([1.0, -7.0])])
    images = np.random.default_rng(2).normal(size=[1, 4, 5, 2]).astype(np.float32)
    out = ours(images).numpy()
    np.testing.assert_array_equal(out[..., 1], -7.0)
    expected = (images[..., 0] - images.mean()) / images.std() * 3 + 1
    np.testing.assert_allclose(out[..., 0], expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("layer", [layers.LayerNormalization, layers.InstanceNormalization])
def test_the_second_derivative_is_that_of_finite_differences(layer):
    """Of a squared slope, by a weight in front of the norm: the case of a gradient penalty."""
    norm = layer(dtype="float64")
    random = np.random.default_rng(3)
    images, weights = (tf.constant(random.normal(size=[1, 3, 4, 2])) for _ in range(2))
    factor = tf.Variable(random.normal(size=[2]))

    def squared_slope():
        with tf.GradientTape() as tape:
            tape.watch(images)
            score = tf.reduce_sum(norm(tf.tanh(images * factor)) * weights)
        return tf.reduce_sum(tape.gradient(score, images) ** 2)

    with tf.GradientTape() as tape:
        value = squared_slope()
    gradient, start, step = tape.gradient(value, factor).numpy(), factor.numpy(), 1e-5
    for i, unit in enumerate(np.eye(2) * step):
        sides = []
        for sign in (1, -1):
            factor.assign(start + sign * unit)
            sides.append(float(squared_slope()))
        np.testing.assert_allclose(gradient[i], (sides[0] - sides[1]) / (2 * step), rtol=1e-6)


def test_instance_norm_is_keras_s_group_norm_with_a_group_per_channel():
    images = np.random.default_rng(1).normal(3, 2, [2, 4, 5, 3]).astype(np.float32)
    theirs = keras.layers.GroupNormalization(groups=-1, epsilon=1e-5)
    ours = layers.InstanceNormalization()
    np.testing.assert_allclose(ours(images), theirs(images), atol=1e-5)
    np.testing.assert_array_equal(ours(images, training=True), ours(images))


def test_instance_norm_leaves_nothing_of_contrast_and_brightness():
    images = np.random.default_rng(2).normal(size=[2, 6, 5, 3])
    scale = np.array([0.5, 3.0, 100.0]) * np.array([[[[1.0]]], [[[7.0]]]])
    norm = layers.InstanceNormalization(epsilon=0.0, dtype="float64")
    np.testing.assert_allclose(norm(scale * images - 20), norm(images), atol=1e-9)


def test_a_channel_of_one_value_becomes_its_offset():
    norm = layers.InstanceNormalization()
    norm.build([None, 4, 4, 2])
    norm.set_weights([np.array([3.0, 2.0]), np.array([1.0, -7.0])])
    for shape in ([1, 4, 4, 2], [1, 1, 1, 2], [2, 4, 2]):
        found = norm(np.full(shape, 5, np.float32))
        np.testing.assert_array_equal(found, np.broadcast_to([1.0, -7.0], shape))


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16", "float16"])
def test_instance_norm_in_half_precision_has_float32_statistics(policy):
    checks = np.where(np.indices([4, 4]).sum(0) % 2, 600.0, -600.0)[np.newaxis, ..., np.newaxis]
    norm = layers.InstanceNormalization(dtype=policy)
    y = norm(tf.cast(checks, norm.compute_dtype))  # The squares overflow float16.
    assert y.dtype == norm.compute_dtype
    np.testing.assert_allclose(tf.cast(y, tf.float32), np.sign(checks), rtol=1e-2)


def test_instance_norm_without_weights_is_saved_and_loaded_by_keras(tmp_path):
    own = layers.InstanceNormalization(epsilon=1e-3, center=False, scale=False)
    model = keras.Sequential([keras.Input([4, 4, 2]), own])
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras").layers[0]
    assert loaded.weights == [] and loaded.get_config() == own.get_config()
