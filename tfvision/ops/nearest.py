"""The nearest rows of a gallery, found by comparing with all of them."""

import tensorflow as tf

SPARE = 16  # Candidates beyond k that are compared anew: a product of matrices rounds.
ROWS = 8192  # Of an int8 gallery that are widened at a time, so that they stay in the cache.


def nearest(queries, gallery, *, k, scales=None, squares=None):
    """The k rows of a gallery at the smallest Euclidean distance from each query.

    A matrix product finds candidates, their distances are then taken from differences, in float32;
    of equal distances the lower index comes first. What SPARE rows lie nearer than the rounding of
    the product may be missed: subtract what all vectors share, and on GPUs leave TF32 off.

    queries   float32 [b, d]
    gallery   float32 [n, d], or int8 with `scales`: row i is gallery[i] * scales[i]; n may be
              unknown, and is at least k
    k         1 or more
    scales    float32 [n] of an int8 gallery, else None
    squares   float32 [n], the squared lengths of the rows, where they are known already
    return    indices int32 [b, k], the nearest first, and distances float32 [b, k]
    raises    ValueError for a k below 1 or over n, and for an int8 gallery without scales
    """
    queries, gallery = tf.cast(queries, tf.float32), tf.convert_to_tensor(gallery)
    _check(gallery, k, scales)
    n = gallery.shape[0]
    whole = scales is None or n is None or n <= ROWS
    parts = [slice(None)] if whole else [slice(i, i + ROWS) for i in range(0, n, ROWS)]
    found = [
        _candidates(queries, *(x if x is None else x[part] for x in (gallery, scales, squares)), k)
        for part in parts
    ]
    starts = [part.start or 0 for part in parts]
    index = tf.concat([i + at for at, (i, _) in zip(starts, found, strict=True)], -1)
    best = tf.math.top_k(-tf.concat([square for _, square in found], -1), k)
    return tf.gather(index, best.indices, batch_dims=1), _root(-best.values)


def _candidates(queries, gallery, scales, squares, k):
    """The likeliest rows, lower index first, and their squared distances: both [b, k + SPARE]."""
    n = gallery.shape[0] or tf.shape(gallery)[0]
    count = min(k + SPARE, n) if isinstance(n, int) else tf.minimum(k + SPARE, n)
    wide = tf.cast(gallery, tf.float32)
    product = tf.matmul(queries, wide, transpose_b=True)
    product = product if scales is None else product * scales
    if squares is None:
        squares = tf.reduce_sum(wide * wide, -1)
        squares = squares if scales is None else squares * scales * scales
    found = tf.math.top_k(product - squares / 2, count).indices
    found = -tf.math.top_k(-found, count).values  # In their own order, which decides ties.
    rows = tf.cast(tf.gather(gallery, found), tf.float32)
    rows = rows if scales is None else rows * tf.expand_dims(tf.gather(scales, found), -1)
    gaps = tf.expand_dims(queries, 1) - rows
    return found, tf.reduce_sum(gaps * gaps, -1)


def _check(gallery, k, scales):
    n = gallery.shape[0]
    if k < 1 or (n is not None and k > n):
        raise ValueError(f"Expected 1 <= k <= the rows of the gallery, {n}. Received: k={k}")
    if (gallery.dtype == tf.int8) != (scales is not None):
        raise ValueError(
            "Expected scales for a gallery of int8, and for no other. "
            f"Received: {gallery.dtype.name}, scales={'None' if scales is None else 'given'}"
        )


def _root(x):
    """The square root, whose gradient is 0 at 0."""
    positive = x > 0
    return tf.where(positive, tf.sqrt(tf.where(positive, x, tf.ones_like(x))), tf.zeros_like(x))
