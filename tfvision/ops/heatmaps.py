"""Heat maps: drawn around points, and read as one point by soft-argmax."""

import tensorflow as tf

from tfvision.ops.compiling import portable, under_xla


def soft_argmax(scores, *, beta=1.0):
    """The mean position under softmax(beta * scores), one point per map.

    LIFT (Yi et al. 2016), eq. 5: sum_p exp(beta S(p)) p / sum_p exp(beta S(p)). Large scores do not
    overflow. Where all scores are equal it is the centre, ((w - 1) / 2, (h - 1) / 2) px. A score of
    -inf has no weight. A map with NaN or +inf, or with -inf alone, has no mean: it gives the
    centre, and its gradient is 0.

    scores   float [b, h, w, k]
    beta     how sharp: a positive number, or a scalar tensor; towards infinity it is the argmax
    return   [b, k, 2], (x, y) px, centre of the first pixel = (0, 0); float64 where scores are,
             else float32
    raises   ValueError unless scores have 4 axes and beta is positive
    """
    scores = _wide(scores)
    if len(scores.shape) != 4:
        raise ValueError(f"Expected scores [b, h, w, k]. Received: scores={scores.shape}")
    if not tf.is_tensor(beta) and not beta > 0:
        raise ValueError(f"Expected a positive beta. Received: beta={beta}")
    b, h, w, k = (scores.shape[i] or tf.shape(scores)[i] for i in range(4))
    scores = tf.reshape(tf.transpose(scores, [0, 3, 1, 2]), [b * k, h, w])
    if tf.is_tensor(beta) or beta != 1:
        scores *= tf.cast(beta, scores.dtype)
    middle = tf.cast(tf.stack([w - 1, h - 1]), scores.dtype) / 2
    if portable() and not under_xla():  # A custom gradient cannot be saved.
        mean, _ = _mean_position(scores)
    else:
        mean = _differentiable_mean_position(scores)
    return tf.reshape(mean, [b, k, 2]) + middle


def _mean_position(scores):
    """[m, h, w] -> [m, 2], (x, y) px from the centre of the map, and what its gradient needs."""
    h, w = (scores.shape[i] or tf.shape(scores)[i] for i in (1, 2))
    p = tf.reshape(tf.nn.softmax(tf.reshape(scores, [-1, h * w])), [-1, h, w])
    x, y = _from_middle(w, p.dtype), _from_middle(h, p.dtype)
    mean_x = tf.reduce_sum(tf.reduce_sum(p, 1) * x, 1, keepdims=True)
    mean_y = tf.reduce_sum(tf.reduce_sum(p, 2) * y, 1, keepdims=True)
    mean = tf.concat([mean_x, mean_y], 1)
    known = mean == mean  # NaN is not.
    return tf.where(known, mean, tf.zeros_like(mean)), (p, x, y, known)


@tf.custom_gradient
def _differentiable_mean_position(scores):
    """With p the softmax and m the mean, dm/dS(q) = p(q) (q - m).

    That takes two passes over the map; differentiating step by step takes five.
    """
    mean, (p, x, y, known) = _mean_position(scores)

    def gradient(upstream):
        upstream = tf.where(known, upstream, tf.zeros_like(upstream))
        along_x = upstream[:, :1] * (x - mean[:, :1])
        along_y = upstream[:, 1:] * (y - mean[:, 1:])
        factor = tf.expand_dims(along_x, 1) + tf.expand_dims(along_y, 2)
        return tf.math.multiply_no_nan(p, factor)

    return mean, gradient


def render_heatmaps(points, *, size, sigma, visible=None, half=True, background=False):
    """A Gaussian around every point: what a network for key points shall predict.

    With several people, a pixel takes the largest of their values (the mean would blur close
    neighbours, Cao et al. 2017, section 2.2). Points may lie outside. Where no point is visible,
    a map is 0. The gradient reaches the points.

    points      float [b, k, 2], or [b, p, k, 2] for p people: (x, y) px of the map; those that are
                not finite are not drawn
    size        (h, w) of the maps, px
    sigma       px; a number, or one for each key point, [k]
    visible     bool, or numbers of which those above 0 are drawn: [b, k] or [b, p, k]; None: all
    half        True: exp(-d^2 / 2 sigma^2); False: exp(-d^2 / sigma^2), as OpenPose trains (eq. 6)
    background  add a last map, 1 - the largest of the others
    return      [b, h, w, k], or k + 1 with background, 0..1; dtype of points
    raises      ValueError unless points have 3 or 4 axes, the last of length 2
    """
    points = tf.convert_to_tensor(points)
    if len(points.shape) not in (3, 4) or points.shape[-1] != 2:
        raise ValueError(
            f"Expected points [b, k, 2] or [b, p, k, 2]. Received: points={points.shape}"
        )
    people = len(points.shape) == 4
    drawn = tf.reduce_all(tf.math.is_finite(points), -1)
    if visible is not None:
        visible = tf.convert_to_tensor(visible)
        drawn &= visible if visible.dtype == tf.bool else visible > 0
    if not people:
        points, drawn = tf.expand_dims(points, 1), tf.expand_dims(drawn, 1)
    points = tf.where(tf.expand_dims(drawn, -1), points, tf.zeros_like(points))
    scale = tf.cast(sigma, points.dtype) ** 2 * (2 if half else 1)
    rows = _bell(points[..., 1], size[0], scale) * tf.cast(tf.expand_dims(drawn, 2), points.dtype)
    maps = _largest_product(rows, _bell(points[..., 0], size[1], scale))
    if background:
        maps = tf.concat([maps, 1 - tf.reduce_max(maps, -1, keepdims=True)], -1)
    return maps


def _bell(centres, length, scale):
    """[b, p, k] -> [b, p, length, k]: a Gaussian is the product of two of these."""
    at = tf.reshape(tf.cast(tf.range(length), centres.dtype), [-1, 1])
    return tf.exp(-((at - tf.expand_dims(centres, 2)) ** 2) / scale)


def _largest_product(rows, columns):
    """max over p of rows [b, p, h, k] times columns [b, p, w, k] -> [b, h, w, k]."""
    b, p, h, k = (rows.shape[i] or tf.shape(rows)[i] for i in range(4))
    w = columns.shape[2] or tf.shape(columns)[2]
    product = tf.reshape(rows, [b * p, h, 1, k]) * tf.reshape(columns, [b * p, 1, w, k])
    product = tf.reshape(product, [b, p, h * w * k])
    if rows.shape[1] == 1:
        return tf.reshape(product, [b, h, w, k])
    nobody = tf.zeros([b, 1, h * w * k], product.dtype)
    return tf.reshape(tf.reduce_max(tf.concat([nobody, product], 1), 1), [b, h, w, k])


def _from_middle(length, dtype):
    """0, 1, ... length - 1, less their mean."""
    return tf.cast(tf.range(length), dtype) - tf.cast(length - 1, dtype) / 2


def _wide(scores):
    scores = tf.convert_to_tensor(scores)
    return scores if scores.dtype == tf.float64 else tf.cast(scores, tf.float32)
