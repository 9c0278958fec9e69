"""Sets of points in space."""

import tensorflow as tf


def farthest_point_sampling(points, count):
    """Indices of points that cover a set: each is the farthest from those before it.

    The first is point 0, so the result is the same in every run (Eldar et al., 1997, and
    PointNet++, Qi et al., 2017, start anywhere). Of equally far points the lower index is taken.
    Where count exceeds the number of different points, 0 follows. Points that are not finite come
    never, but for point 0, after which only 0 follows. No gradient.

    points   float [b, n, d], n >= 1
    count    how many, a Python integer
    return   int32 [b, count]
    raises   ValueError for count < 1
    """
    if count < 1:
        raise ValueError(f"Expected count >= 1. Received: count={count}")
    points = tf.stop_gradient(_wide(points))
    number = tf.range(tf.shape(points)[1])
    places = tf.reshape(tf.range(count), [1, -1])

    def choose(i, chosen, nearest, last):
        newest = tf.gather(points, last, batch_dims=1)  # [b, d]
        square = tf.reduce_sum((points - tf.expand_dims(newest, 1)) ** 2, -1)
        square = tf.where(square < float("inf"), square, 0)
        nearest = tf.minimum(nearest, square)  # [b, n], to the chosen ones
        far = nearest == tf.reduce_max(nearest, -1, keepdims=True)
        last = tf.reduce_min(tf.where(far, number, tf.size(number)), -1)
        return i + 1, tf.where(places == i, tf.expand_dims(last, -1), chosen), nearest, last

    last = tf.zeros_like(points[:, 0, 0], tf.int32)
    nearest = tf.zeros_like(points[..., 0]) + points.dtype.max
    chosen = tf.expand_dims(last, -1) + tf.zeros_like(places)
    start = (1, chosen, nearest, last)
    return tf.while_loop(lambda i, *_: i < count, choose, start)[1]


def _wide(x):
    x = tf.convert_to_tensor(x)
    return x if x.dtype == tf.float64 else tf.cast(x, tf.float32)
