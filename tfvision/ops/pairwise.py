"""Distances between all rows of two matrices."""

import tensorflow as tf


def pairwise_distances(x, y=None, *, squared=False):
    """Euclidean distance of every row of x to every row of y.

    The gradient is finite everywhere; between equal rows it is 0.

    x        float [..., n, d]
    y        float [..., m, d]; None: x itself, then the diagonal is exactly 0
    squared  leave the root out
    return   [..., n, m], 0 or more; float64 where x is, else float32
    """
    own = y is None
    x = _wide(x)
    y = x if own else tf.cast(y, x.dtype)
    middle = tf.stop_gradient(tf.reduce_mean(y, -2, keepdims=True))  # An offset costs precision.
    x, y = x - middle, y - middle
    product = tf.matmul(x, y, transpose_b=True)
    x_lengths, y_lengths = (tf.reduce_sum(rows * rows, -1) for rows in (x, y))
    lengths = tf.expand_dims(x_lengths, -1) + tf.expand_dims(y_lengths, -2)
    distances = tf.maximum(lengths - 2 * product, 0)
    if own:
        distances *= 1 - tf.eye(tf.shape(x)[-2], dtype=x.dtype)
    return distances if squared else _root(distances)


def _wide(x):
    x = tf.convert_to_tensor(x)
    return x if x.dtype == tf.float64 else tf.cast(x, tf.float32)


def _root(x):
    """The square root, whose gradient is 0 at 0."""
    positive = x > 0
    return tf.where(positive, tf.sqrt(tf.where(positive, x, tf.ones_like(x))), tf.zeros_like(x))
