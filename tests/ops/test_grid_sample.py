"""ops.grid_sample against a slow reference, and at the places where samplers go wrong."""

import itertools
from functools import partial

import numpy as np
import pytest
import tensorflow as tf

from tfvision import ops

IMAGE = np.arange(2 * 3 * 4 * 2, dtype=np.float32).reshape(2, 3, 4, 2)


def outside(i, n, padding):
    """The position that stands for i, by walking; None = zero."""
    if padding == "zeros":
        return i if 0 <= i < n else None
    if padding == "border":
        return min(max(i, 0), n - 1)
    row = list(range(n))
    mirrored = row + (row[-2:0:-1] if padding == "reflect" else row[::-1])
    return mirrored[i % len(mirrored)]


def slow(image, points, padding):
    out = np.zeros([*points.shape[:-1], image.shape[-1]])
    h, w = image.shape[1:3]
    for at in np.ndindex(*points.shape[:-1]):
        x, y = points[at]
        for i, j in itertools.product(range(2), range(2)):
            xi, yi = int(np.floor(x)) + i, int(np.floor(y)) + j
            weight = (1 - abs(x - xi)) * (1 - abs(y - yi))
            column, row = outside(xi, w, padding), outside(yi, h, padding)
            if column is not None and row is not None:
                out[at] += weight * image[at[0], row, column]
    return out


@pytest.mark.parametrize("padding", ["zeros", "border", "reflect", "symmetric"])
@pytest.mark.parametrize("compiled", [False, True])
def test_equals_the_slow_reference_inside_and_far_outside(padding, compiled):
    points = np.random.default_rng(0).uniform(-9, 12, [2, 5, 6, 2]).astype(np.float32)
    sample = tf.function(partial(ops.grid_sample, padding=padding), jit_compile=compiled)
    np.testing.assert_allclose(sample(IMAGE, points), slow(IMAGE, points, padding), atol=2e-4)


def test_the_identity_grid_returns_the_image():
    x, y = np.meshgrid(np.arange(4.0), np.arange(3.0))
    points = np.broadcast_to(np.stack([x, y], -1), [2, 3, 4, 2]).astype(np.float32)
    np.testing.assert_array_equal(ops.grid_sample(IMAGE, points), IMAGE)


@pytest.mark.parametrize("padding", ["border", "reflect", "symmetric"])
def test_an_image_of_one_pixel_is_the_same_everywhere(padding):
    points = np.random.default_rng(0).uniform(-5, 5, [1, 7, 2]).astype(np.float32)
    image = np.full([1, 1, 1, 1], 3.0, np.float32)
    np.testing.assert_allclose(ops.grid_sample(image, points, padding=padding), 3.0, rtol=1e-6)


def test_no_points_give_no_values():
    assert ops.grid_sample(IMAGE, np.zeros([2, 0, 2], np.float32)).shape == (2, 0, 2)


def test_gradients_to_image_and_points_equal_finite_differences():
    image = tf.constant(np.random.default_rng(1).normal(size=[1, 4, 4, 2]))
    points = tf.constant([[[0.3, 1.6], [2.2, 2.7], [3.4, 0.5]]], tf.float64)

    def total(image, points):
        return ops.grid_sample(image, points, padding="border")

    theory, numeric = tf.test.compute_gradient(total, [image, points], delta=1e-6)
    for a, b in zip(theory, numeric, strict=True):
        np.testing.assert_allclose(a, b, atol=1e-7)


def test_an_unknown_padding_is_refused_by_name():
    with pytest.raises(ValueError, match="padding='mirror'"):
        ops.grid_sample(IMAGE, np.zeros([2, 1, 2], np.float32), padding="mirror")
