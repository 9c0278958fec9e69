"""Lengths and directions of examples, whatever their shape: Euclidean ones and largest values."""

import tensorflow as tf

NORMS = ("l2", "linf")


def check_norm(norm):
    if norm not in NORMS:
        raise ValueError(f"Expected norm in {NORMS}. Received: norm={norm!r}")


def length(x, norm):
    """The norm of each example: float [b, ...] -> [b]."""
    rows = flat(x)
    largest = tf.reduce_max(tf.abs(rows), 1)
    if norm == "linf":
        return largest
    return largest * tf.sqrt(tf.reduce_sum(tf.square(safe_ratio(rows, largest)), 1))


def dual_length(x, norm):
    """The norm of gradients that belongs to a norm of steps: of the largest value, the sum."""
    return tf.reduce_sum(tf.abs(flat(x)), 1) if norm == "linf" else length(x, norm)


def steepest(gradient, norm):
    """The step of length 1 that gains most along a gradient [b, ...]; 0 where that is 0."""
    if norm == "linf":
        return tf.sign(gradient)
    return safe_ratio(gradient, length(gradient, norm))


def project(x, norm, radius):
    """The nearest points within a distance `radius` of 0: float [b, ...]."""
    if norm == "linf":
        return tf.clip_by_value(x, -radius, radius)
    far = length(x, norm)
    return x * like(tf.where(far > radius, radius / tf.maximum(far, radius), tf.ones_like(far)), x)


def safe_ratio(x, size):
    """x [b, ...] over size [b], 0 where size is 0; safe where 1 / size would be infinite."""
    empty = tf.equal(size, 0)
    divisor = tf.where(empty, tf.ones([], x.dtype), size)
    return tf.where(like(empty, x), tf.zeros([], x.dtype), x / like(divisor, x))


def like(values, x):
    """values [b] in as many dimensions as x [b, ...] has: [b, 1, ...]."""
    return tf.reshape(values, [-1] + [1] * (x.shape.rank - 1))


def flat(x):
    """[b, ...] -> [b, n]."""
    sides = x.shape[1:]
    if sides.is_fully_defined():
        return tf.reshape(x, [-1, sides.num_elements()])
    return tf.reshape(x, [tf.shape(x)[0], -1])
