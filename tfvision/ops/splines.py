"""Polyharmonic splines: smooth functions through values at scattered points."""

import numpy as np
import tensorflow as tf

from tfvision.ops.linear import solve

FLAT = 8  # A coordinate has variance of its own above this many roundings of all it has.


def spline_interpolate(train_points, train_values, query_points, *, order, regularization=0.0):
    """f(q) = sum of w_i phi(|q - p_i|) + v (1, q), with f(p_i) = the values, at query points.

    phi(r) = r^order where order is odd, and r^order log r where it is even; in a plane, 2 is the
    thin plate spline. Every order reproduces linear functions. With a regularization m > 0 the
    values are f(p_i) + m w_i, and f is smoother.

    Equal to interpolate_spline of TensorFlow Addons, and defined where that fails: of points that
    coincide, the first one's value holds (m = 0); where points lie on a line or are fewer than
    d + 1, f has no slope in a direction that they leave open. The system, of n + d + 1 rows, is
    solved in coordinates from -1 to 1, so pixels may be given as they are.

    train_points    float [b, n, d], n at least 1
    train_values    float [b, n, k]
    query_points    float [b, m, d]
    order           a Python int, at least 1
    regularization  a Python float, at least 0, in units of phi
    return          float [b, m, k]; float64 where train_points are, else float32
    raises          ValueError where order or regularization is out of range
    """
    if not isinstance(order, int) or order < 1:
        raise ValueError(f"Expected an int order, at least 1. Received: order={order!r}")
    if not regularization >= 0:
        raise ValueError(
            f"Expected regularization >= 0. Received: regularization={regularization!r}"
        )
    train, query, unit = _centred(train_points, query_points)
    values = tf.cast(train_values, train.dtype)
    straight, query_straight = _straight(train, query)
    kernel = _kernel(train, train, order, unit)
    if regularization:
        kernel += regularization / unit**order * _identity(kernel)
    else:
        kernel, straight, values = _without_repeats(train, kernel, straight, values)
    weights = solve(_system(kernel, straight), _with_zeros(values, straight))
    return tf.matmul(tf.concat([_kernel(query, train, order, unit), query_straight], 2), weights)


def _centred(train, query):
    """Both in coordinates from -1 to 1, in which the function is the same, and their unit."""
    train = tf.convert_to_tensor(train)
    train = train if train.dtype == tf.float64 else tf.cast(train, tf.float32)
    query = tf.cast(query, train.dtype)
    middle = tf.stop_gradient(tf.reduce_mean(train, 1, keepdims=True))
    unit = tf.stop_gradient(tf.reduce_max(tf.abs(train - middle), [1, 2], keepdims=True))
    unit = tf.where(unit > 0, unit, tf.ones_like(unit))
    return (train - middle) / unit, (query - middle) / unit, unit


def _kernel(a, b, order, unit):
    """phi of the distances of all rows, [b, m, n], over unit^order; its gradient at 0 is 0."""
    pairs = zip(tf.unstack(a, axis=2), tf.unstack(b, axis=2), strict=True)
    squares = tf.add_n([(tf.expand_dims(p, 2) - tf.expand_dims(q, 1)) ** 2 for p, q in pairs])
    positive = squares > 0
    safe = tf.where(positive, squares, tf.ones_like(squares))
    factor = tf.sqrt(safe) if order % 2 else tf.math.log(safe) / 2
    if order > 2 and order % 2 == 0:  # With 2 the unit adds r^2, which is linear in the end.
        factor += tf.math.log(unit)
    for _ in range(order // 2):
        factor *= safe
    return tf.where(positive, factor, tf.zeros_like(squares))


def _straight(train, query):
    """Columns 1 and coordinates of both; zero where the points tell nothing of a coordinate.

    A coordinate counts where some variance is left by those before it (Gram and Schmidt).
    """
    least = FLAT * np.finfo(train.dtype.as_numpy_dtype).eps
    kept, bases = [tf.ones_like(train[:, :1, 0])], []
    for column in tf.unstack(tf.stop_gradient(train), axis=2):
        rest = column - tf.reduce_mean(column, 1, keepdims=True)
        for basis in bases:
            rest -= basis * tf.reduce_sum(basis * rest, 1, keepdims=True)
        square = tf.reduce_sum(rest**2, 1, keepdims=True)
        known = square > least * tf.reduce_sum(column**2, 1, keepdims=True)
        scale = tf.where(known, tf.math.rsqrt(tf.where(known, square, tf.ones_like(square))), 0)
        bases.append(rest * scale)
        kept.append(tf.cast(known, train.dtype))
    kept = tf.expand_dims(tf.concat(kept, 1), 1)  # [b, 1, d + 1]
    return tuple(tf.concat([tf.ones_like(x[:, :, :1]), x], 2) * kept for x in (train, query))


def _without_repeats(train, kernel, straight, values):
    """The equations of points that came before become w = 0."""
    columns = tf.unstack(train, axis=2)
    pairs = [tf.equal(tf.expand_dims(x, 2), tf.expand_dims(x, 1)) for x in columns]
    equal = tf.cast(tf.reduce_all(tf.stack(pairs), 0), train.dtype)
    row = tf.range(tf.shape(train)[1])
    before = tf.cast(tf.expand_dims(row, 1) > tf.expand_dims(row, 0), train.dtype)
    repeated = tf.reduce_max(equal * before, 2, keepdims=True)  # [b, n, 1]
    new = 1 - repeated
    kernel = kernel * new * tf.linalg.matrix_transpose(new) + repeated * _identity(kernel)
    return kernel, straight * new, values * new


def _system(kernel, straight):
    """[[phi, S], [S^T, Z]], where Z makes the coefficient of an empty column of S zero."""
    empty = 1 - tf.reduce_max(tf.cast(straight != 0, kernel.dtype), 1, keepdims=True)
    across = tf.linalg.matrix_transpose(straight)
    corner = _identity(tf.matmul(across, straight)) * empty
    return tf.concat([tf.concat([kernel, straight], 2), tf.concat([across, corner], 2)], 1)


def _with_zeros(values, straight):
    b, _, k = tf.unstack(tf.shape(values))
    return tf.concat([values, tf.zeros([b, straight.shape[2], k], values.dtype)], 1)


def _identity(like):
    return tf.eye(tf.shape(like)[1], dtype=like.dtype)
