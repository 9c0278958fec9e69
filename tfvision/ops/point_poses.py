"""Sets of points moved, turned and scaled to where a network expects them."""

import tensorflow as tf

from tfvision.ops.null_vector import eigen, triangle

LEAST = 1e-12  # Size of a set that is one point, so that nothing is divided by 0.


def in_unit_sphere(points):
    """Points moved and scaled so that they just fit into the unit sphere.

    The middle of their bounding box goes to 0, so that points that stand there twice, or in the
    inside, change nothing.

    points   float [b, n, d]
    return   float [b, n, d]; 0 where all points are one
    """
    low, high = tf.reduce_min(points, 1, keepdims=True), tf.reduce_max(points, 1, keepdims=True)
    centred = points - (low + high) / 2
    square = tf.reduce_max(tf.reduce_sum(centred**2, -1, keepdims=True), 1, keepdims=True)
    return centred / tf.sqrt(tf.maximum(square, LEAST))


def along_axes(points):
    """Points around their mean, turned so that they vary most along x and least along z.

    However a set is turned, the result is the same. Each of x and y points to where the sum of the
    cubes is positive, and z follows by the right hand: a mirrored set stays a mirrored one. Where
    two variances are equal, or cubes add up to 0, rounding decides. No gradient.

    points   float [b, n, 3]; those that stand there twice count twice
    return   float [b, n, 3]
    raises   ValueError for another number of coordinates
    """
    if points.shape[-1] != 3:
        raise ValueError(f"Expected points [b, n, 3]. Received: points {points.shape}")
    points = tf.stop_gradient(points)
    centred = points - tf.reduce_mean(points, 1, keepdims=True)
    values, vectors = eigen(triangle(tf.transpose(centred, [0, 2, 1])))
    order = tf.math.top_k(values, 3).indices
    axes = tf.gather(vectors, order, batch_dims=1)  # [b, 3, 3], a row each
    cubes = tf.reduce_sum(_products(centred, axes[:, :2]) ** 3, 1)  # [b, 2]
    axes = tf.where(tf.expand_dims(cubes < 0, -1), -axes[:, :2], axes[:, :2])
    x, y = axes[:, :1], axes[:, 1:]
    z = _rolled(x, 1) * _rolled(y, 2) - _rolled(x, 2) * _rolled(y, 1)  # TFLite has no cross.
    return _products(centred, tf.concat([x, y, z], 1))


def _rolled(vectors, by):
    """The coordinates of vectors [..., 3] in the order by, by + 1, by + 2."""
    return tf.gather(vectors, [(by + i) % 3 for i in range(3)], axis=-1)


def _products(points, axes):
    """float [b, n, k]: how far points [b, n, 3] lie along axes [b, k, 3]."""
    return tf.reduce_sum(tf.expand_dims(points, 2) * tf.expand_dims(axes, 1), -1)
