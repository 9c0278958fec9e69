"""ops.ssim: TensorFlow's for the Gaussian window, a slow loop for the other, and flat images."""

from functools import partial

import numpy as np
import pytest
import tensorflow as tf

from tfvision import ops


def pair(*shape, seed=0, kind=np.float32):
    random = np.random.default_rng(seed)
    a = random.random(shape)
    return a.astype(kind), np.clip(a + random.normal(0, 0.2, shape), 0, 1).astype(kind)


def slow(a, b, size):
    """Window by window, with the variances as they are defined."""
    h, w, c = a.shape
    found = np.empty([h - size + 1, w - size + 1, c])
    for y, x, k in np.ndindex(*found.shape):
        p, q = (i[y : y + size, x : x + size, k].astype(np.float64) for i in (a, b))
        m, n = p.mean(), q.mean()
        cov = ((p - m) * (q - n)).mean()
        found[y, x, k] = (2 * m * n + 1e-4) * (2 * cov + 9e-4) / (
            (m * m + n * n + 1e-4) * (p.var() + q.var() + 9e-4))
    return found


@pytest.mark.parametrize("compiled", [False, True])
def test_the_mean_over_a_gaussian_window_is_tensorflows(compiled):
    a, b = pair(200, 16, 14, 3)
    b[100:] = pair(100, 16, 14, 3, seed=1)[0]
    compute = tf.function(partial(ops.ssim, window="gaussian"), jit_compile=compiled)
    expected = tf.image.ssim(a, b, max_val=1.0)
    np.testing.assert_allclose(tf.reduce_mean(compute(a, b), [1, 2, 3]), expected, atol=1e-5)


def test_the_range_may_be_0_to_255():
    a, b = pair(4, 16, 16, 1)
    found = ops.ssim(255 * a, 255 * b, window="gaussian", peak=255.0)
    np.testing.assert_allclose(found, ops.ssim(a, b, window="gaussian"), atol=1e-4)
    expected = tf.image.ssim(255 * a, 255 * b, max_val=255.0)
    np.testing.assert_allclose(tf.reduce_mean(found, [1, 2, 3]), expected, atol=1e-5)


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_an_average_window_equals_the_slow_loop(size):
    a, b = pair(3, 7, 8, 2, kind=np.float64)
    found = ops.ssim(a, b, size=size)
    for i in range(3):
        np.testing.assert_allclose(found[i], slow(a[i], b[i], size), atol=1e-10)


@pytest.mark.parametrize("window, margin", [("average", 1), ("gaussian", 5)])
def test_same_keeps_the_size_by_mirrored_borders(window, margin):
    a, b = pair(2, 9, 12, 3)
    mirrored = [np.pad(i, [(0, 0), (margin,) * 2, (margin,) * 2, (0, 0)], mode="reflect")
                for i in (a, b)]
    found = ops.ssim(a, b, window=window, padding="same")
    assert found.shape == a.shape
    np.testing.assert_allclose(found, ops.ssim(*mirrored, window=window), atol=1e-6)


@pytest.mark.parametrize("window", ["average", "gaussian"])
def test_an_image_is_exactly_like_itself_and_the_order_does_not_matter(window):
    a, b = pair(2, 12, 12, 3)
    assert (ops.ssim(a, a, window=window).numpy() == 1).all()
    found = ops.ssim(a, b, window=window).numpy()
    np.testing.assert_array_equal(found, ops.ssim(b, a, window=window))
    assert -1 <= found.min() < found.max() <= 1


def test_flat_images_are_compared_by_their_brightness():
    a, b = np.full([1, 5, 5, 1], 0.2), np.full([1, 5, 5, 1], 0.6)
    np.testing.assert_allclose(ops.ssim(a, b), (0.24 + 1e-4) / (0.4 + 1e-4), rtol=1e-9)
    zeros = np.zeros_like(a)
    np.testing.assert_array_equal(ops.ssim(zeros, zeros), np.ones([1, 3, 3, 1]))


def test_one_pixel_is_enough_with_mirrored_borders():
    a, b = np.float64([[[[0.2]]]]), np.float64([[[[0.6]]]])
    for window in ("average", "gaussian"):
        found = ops.ssim(a, b, window=window, padding="same")
        np.testing.assert_allclose(found, [[[[(0.24 + 1e-4) / (0.4 + 1e-4)]]]], rtol=1e-9)


@pytest.mark.parametrize("window", ["average", "gaussian"])
def test_gradients_equal_differences_also_between_equal_and_flat_images(window):
    a, b = pair(1, 3, 4, 1, kind=np.float64)
    flat = np.full_like(a, 0.5)
    for x, y in ((a, b), (a, a), (flat, flat)):
        theory, numeric = tf.test.compute_gradient(
            partial(ops.ssim, window=window, padding="same"), [x, y], 1e-6
        )
        for one, other in zip(theory, numeric, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-4)


def test_half_precision_is_compared_in_float32():
    a, b = pair(1, 8, 8, 1)
    a, b = tf.cast(a, tf.bfloat16), tf.cast(b, tf.bfloat16)
    found = ops.ssim(a, b)
    assert found.dtype == tf.float32
    exact = ops.ssim(tf.cast(a, tf.float64), tf.cast(b, tf.float64))
    np.testing.assert_allclose(found, exact, atol=1e-3)


def test_nan_reaches_only_the_windows_that_hold_it():
    a, b = pair(1, 7, 7, 1)
    a[0, 0, 0] = np.nan
    found = ops.ssim(a, b)[0, ..., 0].numpy()
    assert np.isnan(found[0, 0]) and np.isfinite(found).sum() == 24


def test_no_images_have_no_similarity():
    for window in ("average", "gaussian"):
        empty = np.zeros([0, 12, 12, 3], np.float32)
        assert ops.ssim(empty, empty, window=window, padding="same").shape == (0, 12, 12, 3)


@pytest.mark.parametrize("change, told", [
    ({"window": "box"}, "window='box'"), ({"padding": "full"}, "padding='full'"),
    ({"size": 4, "padding": "same"}, "size=4"), ({"size": 0}, "size=0"), ({"size": 9}, "a=.1, 8"),
])
def test_what_is_wrong_is_told_by_name(change, told):
    with pytest.raises(ValueError, match=told):
        ops.ssim(*pair(1, 8, 8, 1), **change)
    with pytest.raises(ValueError, match="uint8"):
        ops.ssim(np.zeros([1, 8, 8, 1], np.uint8), np.zeros([1, 8, 8, 1], np.float32))
