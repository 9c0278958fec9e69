"""The two pixels around a position along one axis: linear weights, and their derivatives.

A tap is a pair (index int32 [b, n] inside the image, weight float [b, n]).
"""

import tensorflow as tf

from tfvision.ops.borders import inside


def taps(at, size, padding):
    """Both neighbours of each position: ((index, weight), (index, weight)), each [b, n]."""
    first, part = _split(at, size, padding)
    return _tap(first, 1 - part, size, padding), _tap(first + 1, part, size, padding)


def slopes(at, size, padding, gradient):
    """As taps, with the derivatives of the weights."""
    first, part = _split(at, size, padding)
    one, whole = tf.ones_like(part), part == 0
    left, right = -one, one
    if gradient == "central":
        first_left = first - tf.cast(whole, tf.int32)
        left, right = tf.where(whole, left / 2, left), tf.where(whole, right / 2, right)
        return _tap(first_left, left, size, padding), _tap(first + 1, right, size, padding)
    if gradient == "paper":
        left, right = tf.where(whole, one, left), tf.where(whole, tf.zeros_like(one), right)
    return _tap(first, left, size, padding), _tap(first + 1, right, size, padding)


def _tap(index, weight, size, padding):
    if padding == "zeros":
        weight = tf.where((index >= 0) & (index < size), weight, tf.zeros_like(weight))
    return inside(index, size, padding), weight


def _split(at, size, padding):
    """Whole and fractional part of positions, which end where nothing changes any more."""
    if padding in ("reflect", "symmetric"):
        low, high = (tf.constant(end, at.dtype) for end in (-(2.0**23), 2.0**23))
    else:
        low, high = tf.constant(-1.5, at.dtype), tf.cast(size, at.dtype) + 0.5
    at = tf.where(at > low, tf.minimum(at, high), low)
    first = tf.floor(at)
    return tf.cast(first, tf.int32), at - first


def in_order(one, other, padding):
    """Two taps on equal or neighbouring pixels as (low, its weight, weight of low + 1)."""
    (i, u), (j, v) = one, other
    none, equal = tf.zeros_like(u), tf.equal(i, j)
    if padding in ("zeros", "border"):  # i <= j: XLA makes far faster code of this form.
        return i, u + tf.where(equal, v, none), tf.where(equal, none, v)
    low = tf.minimum(i, j)
    first, second = tf.where(i > j, v, u), tf.where(i > j, u, v)
    return low, first + tf.where(equal, second, none), tf.where(equal, none, second)
