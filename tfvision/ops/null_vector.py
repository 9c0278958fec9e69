"""The unit vector that weighted rows have the smallest products with: least squares without svd.

TensorFlow Lite has no eigen-solver, and the eigenvalues of X'X lose half of a float's digits. Here
X is reduced to triangular R by Gram-Schmidt, and R's columns are turned until they are orthogonal
(one-sided Jacobi; Hestenes, 1958), with sums and products alone.
"""

import tensorflow as tf

GAP = 1e-6  # Of the greatest eigenvalue: closer ones are taken as equal by the gradient.
SWEEPS = 12  # At most; 7 to 9 where there is one minimiser, the last of them without a turn.


@tf.custom_gradient
def null_vector(rows, weights):
    """The unit v that minimises sum_i weights_i (rows_i . v)^2.

    Its sign is arbitrary, and so is its direction in the space of all minimisers where that has
    more than one dimension. The gradient is that of the implicit function, (A - l I)^+ with
    A = X' W X, in which a gap g between two eigenvalues under f = GAP times the greatest counts as
    f^2 / g: it is bounded, and nothing flows between equal eigenvalues.

    rows     float [b, k, n], one row of X in each column; k is odd
    weights  float [b, n], 0 or more
    return   float [b, k]
    raises   ValueError for an even k, or one that is unknown
    """
    k = rows.shape[1]
    if k is None or k % 2 == 0:
        raise ValueError(f"Expected rows [b, k, n] with k odd. Received: rows {rows.shape}")
    values, vectors = eigen(triangle(rows * tf.expand_dims(tf.sqrt(weights), 1)))
    least = tf.argmin(values, -1, output_type=tf.int32)
    v = tf.gather(vectors, least, batch_dims=1)  # [b, k]

    def gradient(upstream):
        gaps = values - tf.reduce_min(values, -1, keepdims=True)
        floor = GAP * tf.reduce_max(values, -1, keepdims=True)
        factors = tf.math.divide_no_nan(gaps, tf.maximum(gaps, floor) ** 2)
        along = tf.reduce_sum(vectors * tf.expand_dims(upstream, 1), -1)  # [b, k]
        p = tf.reduce_sum(vectors * tf.expand_dims(factors * along, -1), 1)  # (A - l I)^+ upstream
        row_p, row_v = (
            tf.reduce_sum(rows * tf.expand_dims(x, -1), 1, keepdims=True) for x in (p, v)
        )  # [b, 1, n]
        both = tf.expand_dims(p, -1) * row_v + tf.expand_dims(v, -1) * row_p
        return -tf.expand_dims(weights, 1) * both, -tf.squeeze(row_p * row_v, 1)

    return v, gradient


def triangle(rows):
    """R of X = QR by modified Gram-Schmidt, as its columns: [b, k, n] -> [b, k, k].

    R is that of a matrix within rounding of X, also where X has fewer than k independent columns.
    """
    k, found = rows.shape[1], []
    for done in range(k):
        first, rest = rows[:, :1], rows[:, 1:]
        products = tf.reduce_sum(rows * first, -1)  # No matmul: TensorFloat-32 costs 3 digits.
        square = products[:, :1]
        found.append(tf.pad(products * _inverse_root(square), [[0, 0], [done, 0]]))
        share = tf.math.divide_no_nan(products[:, 1:], square)
        rows = rest - tf.expand_dims(share, -1) * first
    return tf.stack(found, -1)


def _inverse_root(square):
    """1 / sqrt, and 0 at 0."""
    positive = square > 0
    return tf.where(positive, tf.math.rsqrt(tf.where(positive, square, 1)), 0)


def eigen(columns):
    """Eigenvalues [b, k] of R'R and their unit vectors [b, k, k], a row each, of R's columns."""
    k = columns.shape[1]
    start = tf.concat([columns, tf.zeros_like(columns) + tf.eye(k, dtype=columns.dtype)], -1)

    def turn(i, state, quiet):
        state, turned = _turn_pairs(state)
        return i + 1, state, tf.where(turned, 0, quiet + 1)

    _, state, _ = tf.while_loop(  # Until each pair has met once without being turned.
        lambda i, _, quiet: (i < SWEEPS * k) & (quiet < k), turn, (0, start, 0)
    )
    return tf.reduce_sum(state[..., :k] ** 2, -1), state[..., k:]


def _turn_pairs(state):
    """Makes (k - 1) / 2 pairs of columns orthogonal, then moves the columns on.

    Columns stand in a circle, cut into two arcs that face each other and one that sits out; in
    k moves by one place each pair meets once.

    state    [b, k, 2 k]: columns of R, each followed by its row of V'
    return   the state after it, and whether any pair was not orthogonal yet
    """
    k = state.shape[1]
    half = k // 2
    left, right, idle = state[:, :half], state[:, half : 2 * half], state[:, 2 * half :]
    a, b, product = (
        tf.reduce_sum(x[..., :k] * y[..., :k], -1)
        for x, y in ((left, left), (right, right), (left, right))
    )
    bound = 10 * (2.0**-52 if state.dtype == tf.float64 else 2.0**-23)
    turns = tf.abs(product) > bound * tf.sqrt(a) * tf.sqrt(b)
    ratio = (b - a) / tf.where(turns, 2 * product, 1)
    sign = tf.where(ratio < 0, -tf.ones_like(ratio), tf.ones_like(ratio))
    tangent = tf.where(turns, sign / (tf.abs(ratio) + tf.sqrt(1 + ratio * ratio)), 0)
    cosine = tf.expand_dims(tf.math.rsqrt(1 + tangent * tangent), -1)
    sine = cosine * tf.expand_dims(tangent, -1)
    left, right = cosine * left - sine * right, sine * left + cosine * right
    order = [*range(1, half), 2 * half, 0, *range(half, 2 * half - 1), 2 * half - 1]
    return tf.gather(tf.concat([left, right, idle], 1), order, axis=1), tf.reduce_any(turns)


