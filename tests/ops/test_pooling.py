"""ops.max_pool_with_switches and unpool: where each maximum was, and back there."""

import numpy as np
import pytest
import tensorflow as tf

from tfvision import ops


def random(*shape, seed=0, kind=np.float32):
    return np.random.default_rng(seed).normal(size=shape).astype(kind)


def slow(x):
    """Pooled values and switches, window by window."""
    b, h, w, c = x.shape
    pooled = np.zeros([b, -(-h // 2), -(-w // 2), c], x.dtype)
    switches = np.zeros(pooled.shape, np.uint8)
    for n, i, j, k in np.ndindex(*pooled.shape):
        window = x[n, 2 * i : 2 * i + 2, 2 * j : 2 * j + 2, k]
        row, column = np.unravel_index(window.argmax(), window.shape)
        pooled[n, i, j, k], switches[n, i, j, k] = window[row, column], 2 * row + column
    return pooled, switches


@pytest.mark.parametrize("shape", [(2, 6, 8, 3), (2, 5, 7, 3), (1, 45, 60, 1), (1, 1, 1, 2)])
@pytest.mark.parametrize("levels", [None, 3])
def test_pooling_finds_the_first_maximum_of_each_window(shape, levels):
    x = random(*shape) if levels is None else np.round(random(*shape))  # Rounded: many ties.
    pooled, switches = ops.max_pool_with_switches(x)
    assert switches.dtype == tf.uint8
    for found, truth in zip((pooled, switches), slow(x), strict=True):
        np.testing.assert_array_equal(found, truth)


@pytest.mark.parametrize("shape", [(2, 6, 8, 3), (2, 5, 7, 3), (1, 45, 60, 1)])
def test_unpooling_puts_maxima_in_their_places_and_zeros_elsewhere(shape):
    x = random(*shape)
    pooled, switches = ops.max_pool_with_switches(x)
    back = ops.unpool(pooled, switches, size=shape[1:3]).numpy()
    assert back.shape == shape
    maxima = np.repeat(np.repeat(pooled, 2, 1), 2, 2)[:, : shape[1], : shape[2]]
    np.testing.assert_array_equal(back, np.where(x == maxima, x, 0))


def test_caffe_segnets_odd_sizes():
    pooled, switches = ops.max_pool_with_switches(random(1, 45, 60, 2))
    assert pooled.shape == (1, 23, 30, 2)
    assert ops.unpool(pooled, switches).shape == (1, 46, 60, 2)
    assert ops.unpool(pooled, switches, size=(45, 60)).shape == (1, 45, 60, 2)


@pytest.mark.parametrize("value", [0.0, -np.inf, np.inf])
def test_equal_pixels_give_the_first_one_and_one_gradient(value):
    x = tf.constant(np.full([1, 3, 3, 1], value))
    with tf.GradientTape() as tape:
        tape.watch(x)
        pooled, switches = ops.max_pool_with_switches(x)
        total = tf.reduce_sum(pooled)
    np.testing.assert_array_equal(switches, np.zeros([1, 2, 2, 1]))
    corners = np.zeros([1, 3, 3, 1])
    corners[:, ::2, ::2] = 1
    np.testing.assert_array_equal(tape.gradient(total, x), corners)


def test_gradients_go_to_the_maximum_and_come_from_its_place():
    x, change = random(2, 5, 6, 3, kind=np.float64), random(2, 5, 6, 3, seed=1, kind=np.float64)
    at = tf.constant(x)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(at)
        pooled, switches = ops.max_pool_with_switches(at)
        tape.watch(pooled)
        total = tf.reduce_sum(ops.unpool(pooled, switches, size=(5, 6)) * change)
    chosen = ops.unpool(tf.ones_like(pooled), switches, size=(5, 6)).numpy()
    np.testing.assert_array_equal(tape.gradient(total, at), chosen * change)
    picked = np.add.reduceat(np.add.reduceat(chosen * change, [0, 2, 4], 1), [0, 2, 4], 2)
    np.testing.assert_allclose(tape.gradient(total, pooled), picked, atol=1e-12)


def test_a_window_with_nan_gives_nan_at_its_first_pixel():
    x = np.zeros([1, 3, 2, 1], np.float32)
    x[0, 1, 0], x[0, 2, 0] = np.nan, np.nan
    pooled, switches = ops.max_pool_with_switches(x)
    np.testing.assert_array_equal(pooled[0, :, 0, 0], [np.nan, np.nan])
    np.testing.assert_array_equal(switches[0, :, 0, 0], [0, 0])


def test_the_gradient_of_the_gradient_keeps_its_places():
    x, direction = tf.constant(random(1, 3, 4, 2, kind=np.float64)), random(1, 2, 2, 2)
    change = tf.constant(direction, tf.float64)
    with tf.GradientTape() as outer:
        outer.watch(change)
        with tf.GradientTape() as inner:
            inner.watch(x)
            pooled, switches = ops.max_pool_with_switches(x)
        back = inner.gradient(pooled, x, change)
    twice = outer.gradient(back, change, x)
    np.testing.assert_array_equal(twice, pooled)
    np.testing.assert_array_equal(back, ops.unpool(change, switches, size=(3, 4)))


def test_tensorflow_addons_unpooling_is_the_same_where_windows_do_not_overlap():
    ramp = np.arange(1, 17, dtype=np.float32).reshape(1, 4, 4, 1)
    x = np.concatenate([ramp, -ramp, random(1, 4, 4, 1)], 3)
    pooled, index = tf.nn.max_pool_with_argmax(x, 2, 2, "VALID")
    index, (w, c) = index.numpy(), x.shape[2:]
    switches = (index // (w * c)) % 2 * 2 + (index // c) % w % 2
    np.testing.assert_array_equal(switches, ops.max_pool_with_switches(x)[1])
    scattered = np.zeros(x.size, np.float32)
    scattered[index.reshape(-1)] = pooled.numpy().reshape(-1)
    found = ops.unpool(pooled, switches).numpy()
    np.testing.assert_array_equal(found, scattered.reshape(x.shape))
    np.testing.assert_array_equal(found[0, 1::2, 1::2, 0], [[6, 8], [14, 16]])


@pytest.mark.parametrize("kind", ["float16", "bfloat16", "float64"])
def test_the_type_is_kept(kind):
    x = tf.cast(random(1, 5, 4, 2), kind)
    pooled, switches = ops.max_pool_with_switches(x)
    assert pooled.dtype == kind
    assert ops.unpool(pooled, switches).dtype == kind
