"""ops.area_resize: every cell is the mean of what it covers."""

import cv2
import numpy as np
import pytest
import tensorflow as tf

from tfvision import ops


def image(b, h, w, c, seed=0):
    return np.random.default_rng(seed).random([b, h, w, c], np.float32)


def test_where_the_size_divides_it_is_the_mean_of_blocks():
    x = image(2, 12, 15, 3)
    blocks = x.reshape(2, 4, 3, 5, 3, 3).mean((2, 4))
    np.testing.assert_allclose(ops.area_resize(x, (4, 5)), blocks, atol=1e-6)


@pytest.mark.parametrize("size", [(7, 5), (1, 1), (10, 13), (9, 12)])
def test_where_it_does_not_opencv_agrees(size):
    x = image(1, 10, 13, 1)
    expected = cv2.resize(x[0, ..., 0], size[::-1], interpolation=cv2.INTER_AREA)
    np.testing.assert_allclose(ops.area_resize(x, size)[0, ..., 0], expected, atol=1e-6)


@pytest.mark.parametrize("h, w", [(3, 40), (28, 28), (105, 105), (1, 1)])
def test_the_mean_of_the_image_is_kept_also_when_it_grows(h, w):
    x = image(2, h, w, 2)
    found = ops.area_resize(x, (35, 35)).numpy()
    np.testing.assert_allclose(found.mean((1, 2)), x.mean((1, 2)), atol=1e-5)
    assert found.min() >= x.min() - 1e-6 and found.max() <= x.max() + 1e-6


def test_rows_are_rows_and_columns_columns():
    x = np.zeros([1, 4, 8, 1], np.float32)
    x[0, 0, 7] = 1
    found = ops.area_resize(x, (2, 2)).numpy()[0, ..., 0]
    np.testing.assert_allclose(found, [[0, 1 / 8], [0, 0]], atol=1e-7)


def test_sizes_may_be_unknown_while_tracing():
    spec = tf.TensorSpec([None, None, None, 1], tf.float32)
    function = tf.function(lambda x: ops.area_resize(x, (5, 6)), input_signature=[spec])
    for shape in ((1, 11, 7, 1), (3, 5, 6, 1)):
        x = image(*shape)
        np.testing.assert_allclose(function(x), ops.area_resize(x, (5, 6)), atol=1e-6)
