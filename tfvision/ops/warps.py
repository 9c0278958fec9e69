"""Whole images moved: by a field, by a few points, by an angle, by a disparity."""

import numpy as np
import tensorflow as tf

from tfvision.ops.grid_sample import grid_sample
from tfvision.ops.splines import spline_interpolate


def dense_image_warp(image, flow, *, padding="border", gradient="right"):
    """Each pixel p read at p - flow(p): things move by the flow, where that is constant.

    It is TensorFlow Addons' dense_image_warp with (x, y) for its (y, x), of images of any size.

    image    float [b, h, w, c]
    flow     float [b, h, w, 2], (x, y) px
    padding  what lies outside, and the gradient at whole numbers: see grid_sample
    return   float [b, h, w, c], dtype of image
    """
    flow = tf.convert_to_tensor(flow)
    work = tf.float64 if flow.dtype == tf.float64 else tf.float32
    places = _places(tf.shape(image)[1], tf.shape(image)[2], work)
    return grid_sample(image, places - tf.cast(flow, work), padding=padding, gradient=gradient)


def sparse_image_warp(
    image, source_points, destination_points, *, order=2, regularization=0.0, boundary_points=0,
    padding="border",
):
    """The image bent so that each source point comes to its destination, smoothly between them.

    The flow, destination - source, is known at the destinations and is a polyharmonic spline
    elsewhere. It is TensorFlow Addons' sparse_image_warp with (x, y) for its (y, x).

    image               float [b, h, w, c]
    source_points       float [b, n, 2], (x, y) px
    destination_points  float [b, n, 2], (x, y) px
    order, regularization  see spline_interpolate
    boundary_points     k > 0: the four corners and k - 1 points between them on each side stay
                        where they are; needs h and w when it is traced
    return              image [b, h, w, c], dtype of image, and flow [b, h, w, 2], (x, y) px,
                        float64 where the points are, else float32
    raises              ValueError where boundary_points is negative or the size is unknown
    """
    destination = tf.convert_to_tensor(destination_points)
    flow = destination - tf.cast(source_points, destination.dtype)
    if boundary_points:
        still = _boundary(image.shape[1], image.shape[2], boundary_points)
        still = tf.cast(still, destination.dtype) + tf.zeros_like(destination[:, :1])
        destination = tf.concat([destination, still], 1)
        flow = tf.concat([flow, tf.zeros_like(still)], 1)
    b, h, w = (image.shape[i] or tf.shape(image)[i] for i in range(3))
    work = tf.float64 if destination.dtype == tf.float64 else tf.float32
    places = tf.reshape(_places(h, w, work), [1, -1, 2]) + tf.zeros([b, 1, 1], work)
    dense = spline_interpolate(
        destination, flow, places, order=order, regularization=regularization
    )
    dense = tf.reshape(dense, [b, h, w, 2])
    return dense_image_warp(image, dense, padding=padding), dense


def rotate(image, angle, *, interpolation="nearest", padding="zeros"):
    """The image turned about its centre, clockwise on screen; its size is kept.

    It is TensorFlow Addons' rotate by the negative angle, which is counter-clockwise there.

    image          [b, h, w, c]; float, or any number type with "nearest"
    angle          float [b] or scalar, rad
    interpolation  "nearest" or "bilinear"
    padding        what lies outside, see grid_sample
    return         [b, h, w, c], dtype of image
    raises         ValueError where interpolation is another
    """
    if interpolation not in ("nearest", "bilinear"):
        raise ValueError(
            "Expected interpolation 'nearest' or 'bilinear'. "
            f"Received: interpolation={interpolation!r}"
        )
    image, angle = tf.convert_to_tensor(image), tf.cast(angle, tf.float32)
    h, w = (image.shape[i] or tf.shape(image)[i] for i in (1, 2))
    middle = tf.stack([tf.cast(w - 1, tf.float32), tf.cast(h - 1, tf.float32)]) / 2
    x, y = tf.unstack(_places(h, w, tf.float32) - middle, axis=-1)
    cos, sin = (tf.reshape(f(angle), [-1, 1, 1]) for f in (tf.cos, tf.sin))
    points = tf.stack([cos * x + sin * y, cos * y - sin * x], -1) + middle
    points += tf.zeros([tf.shape(image)[0], 1, 1, 1])
    if interpolation == "bilinear":
        return grid_sample(image, points, padding=padding)
    nearest = tf.sign(points) * tf.floor(tf.abs(points) + 0.5)
    whole = image if image.dtype.is_floating else tf.cast(image, tf.float32)
    return tf.cast(grid_sample(whole, nearest, padding=padding), image.dtype)


def disparity_warp(image, disparity, *, padding="zeros", gradient="right"):
    """Each pixel read at (x - disparity, y): the left view made from the right one.

    The right view comes from the left one by its own disparity, negated. "zeros" is what monodepth
    calls border, a frame of zeros one pixel wide (Godard et al., 2017).

    image      float [b, h, w, c], of a rectified pair
    disparity  float [b, h, w], px, of the view to be made
    return     float [b, h, w, c], dtype of image
    """
    flow = tf.stack([disparity, tf.zeros_like(disparity)], -1)
    return dense_image_warp(image, flow, padding=padding, gradient=gradient)


def _places(h, w, dtype):
    """[h, w, 2], (x, y) px of every pixel."""
    x, y = tf.cast(tf.range(w), dtype), tf.cast(tf.range(h), dtype)
    return tf.stack(tf.meshgrid(x, y), -1)


def _boundary(h, w, count):
    """float64 [1, 4 count, 2]: the corners and count - 1 points between them on each side."""
    if count < 0 or h is None or w is None:
        raise ValueError(
            "Expected boundary_points of at least 0, and an image of known size for them. "
            f"Received: boundary_points={count}, height={h}, width={w}"
        )
    x, y = np.meshgrid(np.linspace(0, w - 1, count + 1), np.linspace(0, h - 1, count + 1))
    edge = (x == 0) | (x == w - 1) | (y == 0) | (y == h - 1)
    return np.stack([x[edge], y[edge]], -1)[np.newaxis]
