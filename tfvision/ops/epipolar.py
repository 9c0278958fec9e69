"""Two views of one scene: the matrix that weighted matches agree on, and how far points miss it.

Points are (x, y), in px for a fundamental matrix, divided by the focal length for an essential one.
For matrix E and a match, (x2, y2, 1) E (x1, y1, 1)' = 0.
"""

import tensorflow as tf

from tfvision.ops.null_vector import null_vector

KINDS = ("symmetric", "sampson")
FLOOR = 1e-15  # Of a squared distance's denominator, for a matrix of norm 1.


def weighted_eight_point(points1, points2, weights):
    """The essential or fundamental matrix by least squares, each match with its weight.

    The eight-point algorithm with Hartley's (1997) normalisation, itself weighted; w_i stands once
    beside the squared residual, as in Yi et al. (2018), section 3.2. The rank is not forced to 2.
    A match of weight 0, or one that is not finite, has no influence. Where fewer than 8 matches
    remain, or they lie in a special position (all on a plane, say), the result is one of the
    matrices that fit equally well, and gradients are bounded: see ops.null_vector.

    points1  float [b, n, 2], (x, y) in the first image
    points2  float [b, n, 2], (x, y) in the second image
    weights  float [b, n]; negative ones count as 0; a common factor does not matter
    return   [b, 3, 3] of unit norm, its entry of greatest magnitude positive; float64 where the
             points are, else float32
    """
    points1, points2, weights = _wide(points1, points2, weights)
    points1, points2, weights = _usable(points1, points2, weights)
    points1, scale1, centre1 = _normalised(points1, weights)
    points2, scale2, centre2 = _normalised(points2, weights)
    (x1, y1), (x2, y2) = (tf.unstack(points, axis=-1) for points in (points1, points2))
    rows = tf.stack([x2 * x1, x2 * y1, x2, y2 * x1, y2 * y1, y2, x1, y1, tf.ones_like(x1)], 1)
    matrix = tf.reshape(null_vector(rows, weights), [-1, 3, 3])
    matrix = _without(matrix, scale1, centre1)
    matrix = _transposed(_without(_transposed(matrix), scale2, centre2))
    return _of_positive_sign(_of_norm_1(matrix))


def epipolar_distance(points1, points2, matrix, *, kind="symmetric"):
    """Squared distances of matches to what a matrix E says of them.

    With r = x2' E x1 and the lines E x1 = (a, b, .), E' x2 = (c, d, .), the distance is
    r^2 / (a^2 + b^2) + r^2 / (c^2 + d^2) for "symmetric", that of each point to its line,
    and r^2 / (a^2 + b^2 + c^2 + d^2) for "sampson", the first-order error of reprojection.
    Denominators are 1e-15 |E|^2 at least: distances and gradients stay finite at an epipole, where
    there is no line, and for E = 0 the distance is 0.

    points1  float [b, n, 2], (x, y) in the first image
    points2  float [b, n, 2], (x, y) in the second image
    matrix   float [b, 3, 3], of any scale
    kind     "symmetric" or "sampson"
    return   [b, n], squared units of the points; float64 where the points are, else float32
    raises   ValueError for another kind
    """
    if kind not in KINDS:
        raise ValueError(f"Expected one of {KINDS}. Received: kind={kind!r}")
    points1, points2, matrix = _wide(points1, points2, matrix)
    matrix = _of_norm_1(matrix)
    lines2, lines1 = _lines(matrix, points1), _lines(_transposed(matrix), points2)
    residual = tf.reduce_sum(lines2[..., :2] * points2, -1) + lines2[..., 2]
    square1, square2 = (tf.reduce_sum(line[..., :2] ** 2, -1) for line in (lines1, lines2))
    if kind == "sampson":
        return residual**2 / tf.maximum(square1 + square2, FLOOR)
    return residual**2 * (1 / tf.maximum(square1, FLOOR) + 1 / tf.maximum(square2, FLOOR))


def _wide(first, *others):
    """Tensors as float64 where the first one is, else as float32."""
    first = tf.convert_to_tensor(first)
    kind = tf.float64 if first.dtype == tf.float64 else tf.float32
    return [tf.cast(x, kind) for x in (first, *others)]


def _usable(points1, points2, weights):
    """Weights that sum up to 1, and (0, 0) for points that have none."""
    finite = tf.abs(tf.concat([points1, points2, tf.expand_dims(weights, -1)], -1)) < float("inf")
    usable = tf.reduce_all(finite, -1) & (weights > 0)
    weights = tf.where(usable, weights, 0)
    weights = tf.math.divide_no_nan(weights, tf.reduce_sum(weights, -1, keepdims=True))
    usable = tf.expand_dims(usable, -1)
    return tf.where(usable, points1, 0), tf.where(usable, points2, 0), weights


def _normalised(points, weights):
    """Points about their mean, at sqrt(2) on average; the scale [b, 1, 1], the mean [b, 1, 2]."""
    weights = tf.expand_dims(weights, -1)
    centre = tf.reduce_sum(weights * points, 1, keepdims=True)
    points -= centre
    square = tf.reduce_sum(points * points, -1, keepdims=True)
    apart = square > 0
    lengths = tf.where(apart, tf.sqrt(tf.where(apart, square, 1)), 0)
    mean = tf.reduce_sum(weights * lengths, 1, keepdims=True)
    spread = mean > 0
    scale = tf.where(spread, 2**0.5 / tf.where(spread, mean, 1), 1)
    return points * scale, scale, centre


def _without(matrix, scale, centre):
    """E T for the T that normalised the points."""
    first = matrix[:, :, :2] * scale
    moved = tf.reduce_sum(first * centre, -1, keepdims=True)
    return tf.concat([first, matrix[:, :, 2:] - moved], -1)


def _of_norm_1(matrix):
    """A fixed scale: 0 stays 0."""
    size = tf.reduce_sum(matrix * matrix, [1, 2], keepdims=True)
    some = size > 0
    return tf.where(some, matrix * tf.math.rsqrt(tf.where(some, size, 1)), 0)


def _of_positive_sign(matrix):
    """A fixed sign: the entry of greatest magnitude is positive."""
    high, low = (f(matrix, [1, 2], keepdims=True) for f in (tf.reduce_max, tf.reduce_min))
    return matrix * tf.where(high + low < 0, -tf.ones_like(high), tf.ones_like(high))


def _lines(matrix, points):
    """E (x, y, 1) of each point: [b, n, 3]. No matmul: TensorFloat-32 costs 3 digits."""
    turned = tf.expand_dims(points, -2) * tf.expand_dims(matrix[:, :, :2], 1)
    return tf.reduce_sum(turned, -1) + tf.expand_dims(matrix[:, :, 2], 1)


def _transposed(matrix):
    return tf.transpose(matrix, [0, 2, 1])
