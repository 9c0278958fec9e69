"""Gaussian blur, one axis after the other."""

import math

import numpy as np
import tensorflow as tf

from tfvision.ops.borders import inside


def gaussian_blur(image, sigma, *, truncate=4.0, padding="reflect"):
    """The image convolved with a Gaussian; equal to scipy.ndimage.gaussian_filter.

    The kernel ends at round(truncate * sigma) px from its centre and adds up to 1. In the words of
    others, "reflect" is OpenCV's BORDER_REFLECT_101 and SciPy's "mirror"; "symmetric" is OpenCV's
    BORDER_REFLECT and SciPy's "reflect"; "border" is "nearest". The kernel may be larger than the
    image.

    image     float [b, h, w, c], c known
    sigma     standard deviation, px, a Python number; 0 leaves the image as it is
    truncate  where the kernel ends, in standard deviations
    padding   what lies outside: "reflect", "symmetric", "border" or "zeros" as in ops.borders
    return    [b, h, w, c], dtype of image
    raises    ValueError for a negative sigma or truncate, or an unknown padding
    """
    if not (0 <= sigma < math.inf and 0 <= truncate < math.inf):
        raise ValueError(
            "Expected sigma and truncate of 0 or more, both finite. "
            f"Received: sigma={sigma}, truncate={truncate}"
        )
    image = tf.convert_to_tensor(image)
    radius = int(truncate * sigma + 0.5)
    weights = gaussian_window(2 * radius + 1, sigma) if radius else np.ones(1)
    return filtered(padded(image, radius, padding), weights)


def gaussian_window(size, sigma):
    """float64 numpy [size], samples of a Gaussian about their middle, with sum 1."""
    at = np.arange(size) - (size - 1) / 2
    weights = np.exp(-(at**2) / (2 * sigma**2))
    return weights / weights.sum()


def padded(image, margin, padding):
    """[b, h, w, c] -> [b, h + 2 margin, w + 2 margin, c]; padding as in ops.borders."""
    for axis in (1, 2) if margin else ():
        size = image.shape[axis] or tf.shape(image)[axis]
        outside = tf.concat([tf.range(-margin, 0), tf.range(margin) + size], 0)
        ends = tf.gather(image, inside(outside, size, padding), axis=axis)
        if padding == "zeros":
            ends = tf.zeros_like(ends)
        before, after = tf.split(ends, 2, axis)
        image = tf.concat([before, image, after], axis)
    return image


def filtered(image, weights):
    """`weights` (numpy [n]) slid along y, then along x: [b, h - n + 1, w - n + 1, c]."""
    n, c = len(weights), image.shape[3]
    b, h, w = (image.shape[i] or tf.shape(image)[i] for i in range(3))
    wide = image.dtype if image.dtype in (tf.float32, tf.float64) else tf.float32
    x = tf.cast(image, wide)
    for shape in ((n, 1, 1, 1), (1, n, 1, 1)):
        kernel = tf.constant(np.tile(weights.reshape(shape), [1, 1, c, 1]), wide)
        x = tf.nn.depthwise_conv2d(x, kernel, [1, 1, 1, 1], "VALID")
    x = tf.reshape(x, [b, h - n + 1, w - n + 1, c])  # The kernel forgets the size of no images.
    return tf.cast(x, image.dtype)
