"""Matches between two sets of descriptors."""

import tensorflow as tf

INFINITE = float("inf")  # A constant: tf2onnx multiplies any other value of tf.where by 0 or 1.


def match(descriptors1, descriptors2, *, ratio=None, mutual=False, max_distance=None):
    """For each descriptor of the first image the nearest one of the second, where it is credible.

    Of equal distances the lower index wins. A descriptor with a NaN matches none. Where the second
    set has one descriptor only, every ratio is passed; where it has none, nothing matches. The
    nearest is found by a matrix product, distances are then taken from differences: only between
    neighbours whose distances agree within the precision of tf.matmul may another one be named.

    descriptors1  float or integer [b, n, d]
    descriptors2  [b, m, d]
    ratio         keep where the distance is under `ratio` times that to the second nearest (Lowe,
                  2004; 0.8 there); None: keep all
    mutual        keep where the first is the nearest of the second, too (OpenCV's crossCheck)
    max_distance  keep where the distance is not greater; None: keep all
    return        indices int32 [b, n], -1 = none; distances [b, n] to the nearest, kept or not,
                  inf where there is none; float64 where the first set is, else float32
    raises        ValueError for a ratio <= 0
    """
    if ratio is not None and not ratio > 0:
        raise ValueError(f"Expected a ratio > 0. Received: ratio={ratio}")
    first, second = _wide(descriptors1, descriptors2)
    squares = _ranks(first, second)
    index = _least(squares, -1)  # [b, n]
    distances = _distance(first, second, index)
    keep = distances < INFINITE
    if ratio is not None:
        column = tf.range(tf.shape(second)[1])
        others = tf.where(tf.expand_dims(index, -1) == column, INFINITE, squares)
        keep &= distances < ratio * _distance(first, second, _least(others, -1))
    if mutual:
        back = _picked(_least(squares, -2), index, 0)
        keep &= back == tf.range(tf.shape(first)[1])
    if max_distance is not None:
        keep &= distances <= max_distance
    return tf.where(keep, index, -1), distances


def _wide(first, second):
    """Both as float64 where the first is, else as float32."""
    first = tf.convert_to_tensor(first)
    kind = tf.float64 if first.dtype == tf.float64 else tf.float32
    return tf.cast(first, kind), tf.cast(second, kind)


def _ranks(first, second):
    """Squared distances [b, n, m], whole numbers without error; inf for NaN."""
    lengths1, lengths2 = (tf.reduce_sum(x * x, -1) for x in (first, second))
    product = tf.matmul(first, second, transpose_b=True)
    squares = tf.expand_dims(lengths1, -1) + tf.expand_dims(lengths2, -2) - 2 * product
    return tf.where(squares < INFINITE, tf.stop_gradient(squares), INFINITE)


def _least(x, axis):
    """Where the least finite value along an axis is first found; -1 where there is none."""
    x = tf.linalg.matrix_transpose(x) if axis == -2 else x
    count = tf.shape(x)[-1]
    found = (x == tf.reduce_min(x, -1, keepdims=True)) & (x < INFINITE)
    place = tf.reduce_min(tf.where(found, tf.range(count), count), -1)
    return tf.where(place < count, place, -1)


def _picked(rows, index, missing):
    """rows[index], the rows [b, m, ...] after one of the value `missing`: index -1 takes that."""
    edges = [[0, 0], [1, 0]] + [[0, 0]] * (rows.shape.rank - 2)
    return tf.gather(tf.pad(rows, edges, constant_values=missing), index + 1, batch_dims=1)


def _distance(first, second, index):
    """From each row to the one of that index; inf for -1."""
    square = tf.reduce_sum((first - _picked(second, index, 0)) ** 2, -1)
    apart = square > 0
    root = tf.where(apart, tf.sqrt(tf.where(apart, square, 1)), 0)
    return tf.where(index < 0, INFINITE, root)
