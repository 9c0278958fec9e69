"""Small affine and elastic changes of a whole batch, from numbers that belong to its examples."""

import numpy as np
import tensorflow as tf

from tfvision import ops
from tfvision.data.augment import cubic_matrix

NUMBERS = 7 + 7 + 32  # Uniform ones that an example takes: changes, whether, elastic.


def small_affine(
    image, numbers, *, size, turn=0.17, shear=0.3, scale=0.2, shift=2.0, share=1.0, elastic=0.0,
    quarters=None,
):
    """Each image changed a little and averaged to another size; 0 outside.

    With `share` = 0 and no quarters it is ops.area_resize, where the size divides the image's.

    image     float [b, h, w, c]
    numbers   float [b, NUMBERS], uniform in 0..1 (ops.example_uniform)
    size      side of the result, px
    turn      largest rotation, rad
    shear     largest shear, px per px
    scale     largest change of each axis' scale: 0.2 is 0.8..1.2
    shift     largest shift, px of the image
    share     how likely each of these changes is
    elastic   standard deviation of displacements at a 4 x 4 grid, px of the image
    quarters  int [b], quarter turns, clockwise on screen, or None
    return    float [b, size, size, c]
    """
    h, w = image.shape[1:3]
    wanted = tf.where(numbers[:, 7:14] < share, 2 * numbers[:, :7] - 1, 0.0)
    angle, slant, across, down, x, y, _ = tf.unstack(wanted, axis=1)
    angle *= turn
    if quarters is not None:
        angle -= tf.cast(quarters, tf.float32) * (np.pi / 2)
    matrix = _matrix(angle, shear * slant, 1 + scale * across, 1 + scale * down)
    place = tf.stack(tf.meshgrid(_centres(w, size), _centres(h, size)), -1)  # [size, size, 2]
    if elastic:
        place += _elastic(numbers[:, 14:], size) * elastic
        points = tf.einsum("byxi,bji->byxj", place, matrix)
    else:
        points = tf.einsum("yxi,bji->byxj", place, matrix)
    middle = tf.constant([(w - 1) / 2, (h - 1) / 2], tf.float32)
    points += middle + tf.reshape(tf.stack([x, y], 1) * shift, [-1, 1, 1, 2])
    window = max(round(h / size), 1)
    image = tf.nn.avg_pool2d(image, window, 1, "SAME") if window > 1 else image
    return ops.grid_sample(image, points - (0.0 if window % 2 else 0.5))


def _matrix(angle, slant, across, down):
    """Target to source, [b, 2, 2]."""
    cos, sin = tf.cos(angle), tf.sin(angle)
    row_x = tf.stack([cos * across, (cos * slant - sin) * down], 1)
    row_y = tf.stack([sin * across, (sin * slant + cos) * down], 1)
    return tf.stack([row_x, row_y], 1)


def _centres(length, size):
    """Where the centres of `size` cells lie in `length` pixels, from the middle, px."""
    return tf.constant((np.arange(size) + 0.5) * (length / size) - length / 2, tf.float32)


def _elastic(numbers, size):
    """Displacements of standard deviation 1, [b, size, size, 2], from uniform numbers [b, 32]."""
    coarse = tf.reshape((numbers - 0.5) * np.sqrt(12), [-1, 4, 4, 2])
    rows = tf.constant(cubic_matrix(4, size))
    return tf.einsum("yi,xj,bijc->byxc", rows, rows, coarse)
