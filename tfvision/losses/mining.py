"""Which pairs of a batch a loss looks at. Masks of pairs, to be multiplied with its values."""

import tensorflow as tf


def equal_pairs(labels):
    """Whether two examples are of one class: bool [..., n, n], from int [..., n]."""
    return tf.equal(tf.expand_dims(labels, -1), tf.expand_dims(labels, -2))


def all_pairs(same):
    """All pairs of two examples: bool [..., n, n] without the diagonal."""
    return tf.broadcast_to(~tf.eye(tf.shape(same)[-1], dtype=tf.bool), tf.shape(same))


def hard_pairs(distance, same, *, count=1):
    """Each example's farthest equals and its nearest others: bool [..., n, n].

    Row i holds the pairs of example i. Pairs at the same distance as the last one that is taken
    are taken, too; an example with fewer equals or others than `count` keeps all it has.

    distance  float [..., n, n]
    same      bool [..., n, n], of equal_pairs
    count     how many of each
    """
    positive, negative = same & all_pairs(same), ~same
    return _largest(distance, positive, count) | _largest(-distance, negative, count)


def _largest(values, mask, count):
    """The `count` largest values of each row among those in the mask."""
    lowest = tf.constant(values.dtype.min, values.dtype)
    among = tf.where(mask, values, lowest)
    count = min(count, values.shape[-1] or count)
    last = tf.math.top_k(among, count).values[..., -1:]
    return mask & (values >= last)


def active_triplets(distance, same, *, margin=0.0):
    """Share of the triplets whose other is no farther than the equal and the margin.

    Of all triplets of an example a, an equal p and another n those with
    D(a, n) <= D(a, p) + margin; 0 where there is no triplet. By sorting: there are n^3 of them.

    distance  float [n, n]
    same      bool [n, n], of equal_pairs
    margin    in units of the distance
    """
    positive, negative = same & all_pairs(same), ~same
    others = tf.sort(tf.where(negative, distance, distance.dtype.max), -1)
    near = tf.searchsorted(others, distance + margin, side="right")
    positive = tf.cast(positive, distance.dtype)
    active = tf.reduce_sum(tf.cast(near, distance.dtype) * positive)
    count = tf.reduce_sum(tf.cast(negative, distance.dtype), -1, keepdims=True) * positive
    return active / tf.maximum(tf.reduce_sum(count), 1)


def mean_of(values, mask):
    """The mean of the values in a mask; 0 where it is empty."""
    mask = tf.cast(mask, values.dtype)
    return tf.reduce_sum(values * mask) / tf.maximum(tf.reduce_sum(mask), 1)
