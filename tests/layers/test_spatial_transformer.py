"""layers.SpatialTransformer: the identity at first, the right gradients, in every position."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfvision import layers, ops
from tfvision.layers.spatial_transformer import NUMBERS, grid, start

RANDOM = np.random.default_rng(0)
IMAGE = RANDOM.random([3, 9, 12, 2]).astype(np.float32)
FULL = [name for name in NUMBERS if name != "location"]  # With scale 1 it is one of these.


def localisation(shape=(9, 12, 2), units=5):
    keras.utils.set_random_seed(1)
    return keras.Sequential([
        keras.Input(shape), keras.layers.Flatten(), keras.layers.Dense(units, activation="tanh")
    ])


def transformer(shape=(9, 12, 2), **options):
    layer = layers.SpatialTransformer(localisation(shape), **options)
    layer.build((None, *shape))
    return layer


def moved(layer, deviation=0.1):
    """The layer with random weights behind the localisation network."""
    layer.head.kernel.assign(RANDOM.normal(0, deviation, layer.head.kernel.shape))
    return layer


@pytest.mark.parametrize("transform", NUMBERS)
@pytest.mark.parametrize("align", [True, False])
def test_an_untrained_transformer_hands_on_what_it_sees(transform, align):
    found = transformer(transform=transform, align_corners=align)(IMAGE)
    np.testing.assert_allclose(found, IMAGE, atol=1e-6)


@pytest.mark.parametrize("transform", NUMBERS)
@pytest.mark.parametrize("size", [(9, 12), (20, 7)])
def test_theta_acts_from_target_to_source_as_the_operations_do(transform, size):
    layer = moved(transformer(transform=transform, size=size))
    theta = layer.theta(IMAGE)
    points = grid(transform, theta[:, 0], size, source_size=(9, 12))
    assert np.abs(points - grid(transform, start(transform), size, source_size=(9, 12))).max() > 0.1
    np.testing.assert_allclose(layer(IMAGE), ops.grid_sample(IMAGE, points), atol=1e-5)
    np.testing.assert_allclose(layer.points(theta, (9, 12))[:, 0], points, atol=1e-5)


def test_the_numbers_are_the_lecture_s():
    affine = np.float32([[0.9, 0.2, 0.1, -0.3, 1.1, 0.4]])
    at = {"size": (5, 7), "align_corners": True, "source_size": (5, 7)}
    truth = ops.affine_grid(affine.reshape(1, 2, 3), **at)
    np.testing.assert_allclose(grid("affine", affine, **at), truth, atol=1e-5)
    wide = np.concatenate([affine, [[0, 0]]], 1).astype(np.float32)
    np.testing.assert_allclose(grid("projective", wide, **at), truth, atol=1e-5)
    x, y = np.meshgrid(np.linspace(-1, 1, 4), np.linspace(-1, 1, 4))
    there = np.einsum("ij,yxj->yxi", affine.reshape(2, 3), np.stack([x, y, np.ones_like(x)], -1))
    offsets = np.float32(there - np.stack([x, y], -1)).reshape(1, 32)
    np.testing.assert_allclose(grid("tps", offsets, **at), truth, atol=1e-4)
    part = np.float32([[0.5, 0.2, -0.1]])
    truth = ops.affine_grid(np.float32([[[0.5, 0, 0.2], [0, 0.5, -0.1]]]), **at)
    np.testing.assert_allclose(grid("attention", part, **at), truth, atol=1e-5)
    np.testing.assert_allclose(grid("location", part[:, 1:], scale=0.5, **at), truth, atol=1e-5)


@pytest.mark.parametrize("gradient, slope", [("central", 8.5), ("right", 13), ("paper", 7)])
def test_at_the_identity_the_derivative_is_the_one_that_is_asked_for(gradient, slope):
    """U = (3, 7, 20, 5) along x, at x = 1; one px are 2 / 3 of tx."""
    row = np.float32([3, 7, 20, 5]).reshape(1, 1, 4, 1)
    layer = transformer((1, 4, 1), gradient=gradient)
    with tf.GradientTape() as tape:
        value = layer(row)[0, 0, 1, 0]
    bias = tape.gradient(value, layer.head.bias.value).numpy()
    assert np.isfinite(bias).all()
    np.testing.assert_allclose(bias[2], slope * 1.5, rtol=1e-5)


@pytest.mark.parametrize("transform", NUMBERS)
def test_gradients_of_all_weights_are_finite_and_reach_the_localisation_network(transform):
    layer = moved(transformer(transform=transform))
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(layer(IMAGE) ** 2)
    for gradient in tape.gradient(loss, layer.trainable_weights):
        assert np.isfinite(gradient).all() and np.any(gradient != 0)


def test_the_gradient_to_the_image_is_there_unless_the_image_is_data():
    for wanted in (True, False):
        layer, image = transformer(image_gradient=wanted), tf.constant(IMAGE)
        with tf.GradientTape() as tape:
            tape.watch(image)
            loss = tf.reduce_sum(layer.sample(image, start("affine")[np.newaxis].repeat(3, 0)))
        found = tape.gradient(loss, image, unconnected_gradients="zero")
        np.testing.assert_allclose(found, np.full(IMAGE.shape, float(wanted)), atol=1e-6)


def test_an_image_moved_by_whole_pixels_and_theta_with_it_gives_the_same():
    image = np.zeros([1, 15, 15, 1], np.float32)
    image[0, 4:9, 3:8] = RANDOM.random([5, 5, 1])
    theta = np.float32([[[0.4, 0.1, -0.2, -0.1, 0.5, -0.1]]])
    layer = transformer((15, 15, 1), size=(8, 8))
    moves = theta + np.float32([0, 0, 3 / 7, 0, 0, 2 / 7])
    seen = layer.sample(np.roll(image, (2, 3), (1, 2)), moves)
    np.testing.assert_allclose(seen, layer.sample(image, theta), atol=1e-5)


@pytest.mark.parametrize("transform", NUMBERS)
def test_four_parallel_transformers_tile_the_image(transform):
    layer = transformer(
        (8, 8, 1), transform=transform, count=4, scale=0.5, size=(4, 4), align_corners=False
    )
    image = RANDOM.random([2, 8, 8, 1]).astype(np.float32)
    parts = layer(image).numpy()
    assert parts.shape == (2, 4, 4, 4, 1)
    rows = [np.concatenate([parts[:, i], parts[:, i + 1]], 2) for i in (0, 2)]
    np.testing.assert_allclose(np.concatenate(rows, 1), image, atol=1e-5)


@pytest.mark.parametrize("count, scale", [(1, 1), (2, 0.5), (3, 0.5), (9, 1 / 3), (6, 0.4)])
def test_parallel_transformers_start_inside_the_image_at_different_places(count, scale):
    s, x, y = start("attention", count, scale).T
    np.testing.assert_allclose(s, scale, rtol=1e-6)
    assert (np.abs(x) <= 1 - scale + 1e-6).all() and (np.abs(y) <= 1 - scale + 1e-6).all()
    assert len(np.unique(np.stack([x, y]).round(4), axis=1).T) == count


def test_what_is_looked_at_may_be_another_thing_than_what_is_handed_on():
    layer = layers.SpatialTransformer(localisation((4, 4, 1)), transform="tps")
    seen = RANDOM.random([3, 4, 4, 1]).astype(np.float32)
    np.testing.assert_allclose(layer(IMAGE, seen), IMAGE, atol=1e-6)
    moved(layer)
    assert np.abs(layer(IMAGE, seen).numpy() - layer(IMAGE, seen[::-1])).max() > 1e-3


def test_mixed_precision_keeps_places_in_float32():
    keras.config.set_dtype_policy("mixed_bfloat16")
    layer = transformer((301, 5, 1))
    image = np.arange(301, dtype=np.float32).reshape(1, 301, 1, 1).repeat(5, 2) % 2
    found = layer(image)  # In bfloat16 no place beyond 256 px would be exact.
    assert found.dtype == tf.bfloat16 and layer.theta(image).dtype == tf.float32
    np.testing.assert_array_equal(tf.cast(found, tf.float32), image)
    layer.head.bias.assign(np.float32([1, 0, 0, 0, 1.003, 0.001]))  # Not in bfloat16.
    truth = layer.sample(image, layer.theta(image))
    np.testing.assert_array_equal(tf.cast(layer(image) - truth, tf.float32), 0)
    assert float(tf.reduce_max(tf.abs(tf.cast(truth, tf.float32) - image))) > 0.05


@pytest.mark.parametrize("transform", ["affine", "tps"])
def test_in_the_middle_of_a_keras_network_it_is_trained_saved_and_loaded(tmp_path, transform):
    image = keras.Input([8, 8, 1])
    x = keras.layers.Conv2D(3, 3, padding="same")(image)
    x = layers.SpatialTransformer(localisation((8, 8, 3)), transform=transform, size=(6, 5))(x)
    assert x.shape == (None, 6, 5, 3)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(2, 3)(x))
    model = keras.Model(image, x)
    model.compile(optimizer="adam", loss="mse")
    images = RANDOM.random([8, 8, 8, 1]).astype(np.float32)
    before = [w.numpy() for w in model.trainable_weights]
    model.fit(images, np.ones([8, 2]), epochs=3, verbose=0)
    for old, new in zip(before, model.trainable_weights, strict=True):
        assert np.any(old != new.numpy()), new.path
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded(images), model(images), atol=1e-6)


def test_images_of_unknown_size_are_transformed_too():
    pooled = keras.Sequential([keras.Input([None, None, 2]), keras.layers.GlobalMaxPooling2D()])
    layer = layers.SpatialTransformer(pooled)
    for shape in ([2, 5, 8, 2], [1, 9, 4, 2]):
        image = RANDOM.random(shape).astype(np.float32)
        np.testing.assert_allclose(layer(image), image, atol=1e-6)


@pytest.mark.parametrize("options", [{"transform": "shear"}, {"count": 0}, {"scale": 0.0}])
def test_what_does_not_exist_is_refused(options):
    with pytest.raises(ValueError, match=f"{next(iter(options))}="):
        layers.SpatialTransformer(localisation(), **options)
