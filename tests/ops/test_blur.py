"""ops.gaussian_blur equals SciPy's and OpenCV's, at every border and for images of one pixel."""

import cv2
import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage

from tfvision import ops

SCIPY = {"reflect": "mirror", "symmetric": "reflect", "border": "nearest", "zeros": "constant"}
OPENCV = {"reflect": cv2.BORDER_REFLECT_101, "symmetric": cv2.BORDER_REFLECT,
          "border": cv2.BORDER_REPLICATE, "zeros": cv2.BORDER_CONSTANT}


def image(*shape, seed=0, kind=np.float32):
    return np.random.default_rng(seed).normal(size=shape).astype(kind)


def scipy_blur(x, sigma, padding, truncate=4.0):
    return ndimage.gaussian_filter(
        x, sigma, mode=SCIPY[padding], truncate=truncate, axes=(1, 2)
    )


@pytest.mark.parametrize("padding", SCIPY)
def test_200_planes_equal_scipy_also_where_the_kernel_is_larger(padding):
    for sigma, truncate in ((0.7, 4.0), (1.6, 3.0), (5.0, 4.0)):
        x = image(17, 9, 13, 4)
        found = ops.gaussian_blur(x, sigma, truncate=truncate, padding=padding)
        np.testing.assert_allclose(found, scipy_blur(x, sigma, padding, truncate), atol=1e-5)


@pytest.mark.parametrize("padding", OPENCV)
def test_it_equals_opencv(padding):
    x = image(1, 20, 31, 3)
    expected = cv2.GaussianBlur(x[0], (13, 13), 1.5, borderType=OPENCV[padding])
    found = ops.gaussian_blur(x, 1.5, padding=padding)
    np.testing.assert_allclose(found[0], expected, atol=1e-5)


@pytest.mark.parametrize("padding", ["reflect", "symmetric", "border"])
@pytest.mark.parametrize("size", [(1, 1), (1, 7), (8, 2)])
def test_a_constant_image_stays_as_it_is_whatever_its_size(padding, size):
    x = np.full([1, *size, 2], 3.0)
    np.testing.assert_allclose(ops.gaussian_blur(x, 2.0, padding=padding), x, rtol=1e-12)


def test_a_sigma_of_0_changes_nothing():
    x = image(2, 4, 5, 3)
    np.testing.assert_array_equal(ops.gaussian_blur(x, 0), x)
    np.testing.assert_array_equal(ops.gaussian_blur(x, 1.0, truncate=0), x)


def test_a_dot_becomes_a_gaussian_with_that_variance():
    x = np.zeros([1, 41, 41, 1])
    x[0, 20, 20] = 1
    found = ops.gaussian_blur(x, 3.0, truncate=6.0).numpy()[0, ..., 0]
    at = np.arange(41) - 20
    np.testing.assert_allclose([found.sum(), (found.sum(0) * at**2).sum()], [1, 9], rtol=1e-3)
    np.testing.assert_allclose(found, found.T, atol=1e-15)


def test_the_gradient_equals_differences():
    for padding in SCIPY:
        theory, numeric = tf.test.compute_gradient(
            lambda x, padding=padding: ops.gaussian_blur(x, 1.1, padding=padding),
            [tf.constant(image(1, 3, 4, 2, kind=np.float64))], 1e-6,
        )
        np.testing.assert_allclose(theory[0], numeric[0], atol=1e-8)


def test_the_type_stays_and_half_precision_is_summed_in_float32():
    x = image(1, 30, 30, 1)
    for kind in (tf.bfloat16, tf.float16, tf.float64):
        cast = tf.cast(x, kind)
        found = ops.gaussian_blur(cast, 2.0)
        assert found.dtype == kind
        exact = tf.cast(ops.gaussian_blur(tf.cast(cast, tf.float64), 2.0), kind)
        np.testing.assert_allclose(
            tf.cast(found, tf.float64), tf.cast(exact, tf.float64), atol=2e-3
        )


def test_no_images_give_none():
    for kind in (np.float32, np.float64):
        assert ops.gaussian_blur(np.zeros([0, 5, 6, 3], kind), 1.0).shape == (0, 5, 6, 3)


def test_nan_spreads_no_farther_than_the_kernel():
    x = image(1, 1, 30, 1)
    x[0, 0, 3] = np.nan
    found = ops.gaussian_blur(x, 1.0).numpy()[0, 0, :, 0]
    assert np.isnan(found[:8]).all() and np.isfinite(found[8:]).all()


@pytest.mark.parametrize("wrong, told", [
    ({"sigma": -1.0}, "sigma=-1"), ({"sigma": float("nan")}, "sigma=nan"),
    ({"sigma": 1.0, "truncate": -1}, "truncate=-1"),
    ({"sigma": 1.0, "padding": "wrap"}, "padding='wrap'"),
])
def test_what_is_wrong_is_told_by_name(wrong, told):
    with pytest.raises(ValueError, match=told):
        ops.gaussian_blur(image(1, 3, 3, 1), **wrong)
