"""Images of any size on a canvas of a fixed one."""

import tensorflow as tf


def letterbox(image, size, *, fill=0.0):
    """The image as large as fits, in the middle of a canvas: averaged over areas where it becomes
    smaller, interpolated where it becomes larger.

    Products with two matrices that are made in the graph, so that every runtime does the same. An
    image that has the size already, and whose shape is known, is given back.

    image    float [b, h, w, c]; h and w may be unknown
    size     (rows, columns) of the canvas, Python ints
    fill     value beyond the image
    return   canvas [b, rows, columns, c]; view float32 [4], (scale x, scale y, x, y): the point p
             of the image, px, is at p * scale + (x, y)
    """
    if tuple(image.shape[1:3]) == tuple(size):
        return image, tf.constant([1.0, 1, 0, 0])
    h, w = (tf.cast(tf.shape(image)[i], tf.float32) for i in (1, 2))
    ratio = tf.minimum(size[0] / h, size[1] / w)
    inner = [tf.clip_by_value(tf.round(side * ratio), 1, limit)
             for side, limit in ((h, size[0]), (w, size[1]))]
    corner = [tf.floor((limit - side) / 2) for side, limit in zip(inner, size, strict=True)]
    down = _weights(h, inner[0], corner[0], size[0])
    across = _weights(w, inner[1], corner[1], size[1])
    canvas = _product(across, _product(down, image - fill)) + fill
    canvas = tf.reshape(canvas, [tf.shape(image)[0], *size, image.shape[3]])
    return canvas, tf.stack([inner[1] / w, inner[0] / h, corner[1], corner[0]])


def _product(matrix, image):
    """The matrix [n, h] along the rows of [b, h, w, c], which then become columns: [b, w, n, c]."""
    b, h, w, c = tf.unstack(tf.shape(image))
    flat = tf.matmul(tf.cast(matrix, image.dtype), tf.reshape(image, [b, h, w * c]))
    n = matrix.shape[0]
    return tf.transpose(tf.reshape(flat, [b, n, w, c]), [0, 2, 1, 3])


def _weights(length, inner, corner, cells):
    """float32 [cells, length]: the share of each pixel of an axis in each cell of the canvas."""
    step = length / inner
    place = tf.expand_dims(tf.range(cells, dtype=tf.float32) - corner, 1)
    pixel = tf.expand_dims(tf.range(length, dtype=tf.float32), 0)
    first = place * step
    covered = tf.minimum(first + step, pixel + 1) - tf.maximum(first, pixel)
    area = tf.maximum(covered, 0) / step
    at = tf.clip_by_value((place + 0.5) * step - 0.5, 0, length - 1)
    linear = tf.maximum(1 - tf.abs(at - pixel), 0)
    inside = tf.cast((place >= 0) & (place < inner), tf.float32)
    return tf.where(step > 1, area, linear) * inside
