"""Peaks of heat maps: which pixels are local maxima, and where their summits lie between pixels."""

import functools

import tensorflow as tf

from tfvision.ops.compiling import compiled, portable

REFINEMENTS = (None, "quarter", "parabola", "gaussian", "centroid")
IMPLEMENTATIONS = ("auto", "portable", "compiled")


def heatmap_peaks(scores, *, count, radius=1, threshold=float("-inf"), refine=None, impl="auto"):
    """The highest local maxima of each map, highest first; equal ones row after row.

    A peak is a pixel as local_maxima defines it. Free slots have the point (-1, -1) and the value
    0. The gradient reaches the scores through the values and, where refined, through the points.

    scores     float [b, h, w, k]
    count      slots per map
    radius     no two peaks of a map are closer than this or equally far, px along x and along y
    threshold  peaks are above it; a number, or a tensor that broadcasts to scores
    refine     where in its pixel a peak lies:
               None        in the centre
               "quarter"   0.25 px towards the higher neighbour, along x and along y
               "parabola"  at the summit of the parabola through the neighbours and the pixel
               "gaussian"  the same for the logarithm, exact for a Gaussian; scores must be positive
               "centroid"  at the mean of the 7 x 7 pixels around it, weighted by their positive
                           scores (OpenPose)
               Along an axis where a neighbour is missing or not finite, it stays in the centre.
    impl       "compiled": local maxima by XLA, on a CPU 4 times as fast, compiled once per shape;
               "portable": plain; "auto": compiled where the sizes are known and not portable()
    return     points [b, k, count, 2], (x, y) px, centre of the first pixel = (0, 0), and
               values [b, k, count]; float64 where scores are, else float32
    raises     ValueError for a count below 1, a negative radius, an unknown refine or impl
    """
    scores = _checked(scores, count, refine, impl)
    b, h, w, k = (scores.shape[i] or tf.shape(scores)[i] for i in range(4))
    lowest = scores.dtype.min
    maps = _maxima(scores, radius, threshold, impl)
    maps = tf.reshape(tf.transpose(maps, [0, 3, 1, 2]), [b, k, h * w])
    if not isinstance(h, int) or not isinstance(w, int) or h * w < count:
        few = tf.maximum(count - h * w, 0)
        maps = tf.pad(maps, [[0, 0], [0, 0], [0, few]], constant_values=lowest)
    values, at = tf.math.top_k(maps, count)
    found = values > lowest
    at = tf.where(found, at, tf.zeros_like(at))
    x, y = at % tf.maximum(w, 1), at // tf.maximum(w, 1)
    points = tf.cast(tf.stack([x, y], -1), scores.dtype)
    if refine is not None:
        points += _offsets(scores, x, y, refine)
    found_points = tf.expand_dims(found, -1)
    return (
        tf.where(found_points, points, -tf.ones_like(points)),
        tf.where(found, values, tf.zeros_like(values)),
    )


def local_maxima(scores, *, radius=1, threshold=float("-inf")):
    """The peaks of maps: their own scores at peaks, elsewhere the lowest finite number.

    A peak is above that and above the threshold, and the highest of the pixels around it, 2 radius
    + 1 along x and y, as far as they lie on the map. Of equal pixels within each other's reach, the
    first one in rows is the peak; so a flat map has exactly one, pixel (0, 0). NaN is never a peak
    and hides none.

    scores   float [b, h, w, k]
    return   [b, h, w, k], dtype of scores
    raises   ValueError for a negative radius
    """
    if radius < 0:
        raise ValueError(f"Expected a radius of 0 px or more. Received: radius={radius}")
    scores = tf.convert_to_tensor(scores)
    lowest = tf.constant(scores.dtype.min, scores.dtype)  # TFLite has no constant -inf.
    scores = tf.where(scores > tf.cast(threshold, scores.dtype), scores, lowest)
    if radius == 0:
        return scores
    edge = [radius, radius]
    padded = tf.pad(scores, [[0, 0], edge, edge, [0, 0]], constant_values=lowest)
    sides = _windows(padded, radius, 2)
    left, right = sides[:, :, : -radius - 1], sides[:, :, radius + 1 :]
    rows = tf.maximum(padded[:, :, radius:-radius], tf.maximum(left, right))
    sides = _windows(rows, radius, 1)
    above, below = sides[:, : -radius - 1], sides[:, radius + 1 :]
    before = tf.maximum(above, left[:, radius:-radius])
    after = tf.maximum(below, right[:, radius:-radius])
    return tf.where((scores > before) & (scores >= after), scores, lowest)


def _windows(x, length, axis):
    """Maxima over every `length` neighbours along axis 1 or 2, by doubling: log2(length) steps."""
    done = 1
    while done < length:
        step = min(done, length - done)
        if axis == 1:
            x = tf.maximum(x[:, :-step], x[:, step:])
        else:
            x = tf.maximum(x[:, :, :-step], x[:, :, step:])
        done += step
    return x


def _checked(scores, count, refine, impl):
    if count < 1:
        raise ValueError(f"Expected a count of 1 or more. Received: count={count}")
    if refine not in REFINEMENTS:
        raise ValueError(f"Expected refine in {REFINEMENTS}. Received: refine={refine!r}")
    if impl not in IMPLEMENTATIONS:
        raise ValueError(f"Expected impl in {IMPLEMENTATIONS}. Received: impl={impl!r}")
    scores = tf.convert_to_tensor(scores)
    if len(scores.shape) != 4:
        raise ValueError(f"Expected scores [b, h, w, k]. Received: scores={scores.shape}")
    return scores if scores.dtype == tf.float64 else tf.cast(scores, tf.float32)


def _maxima(scores, radius, threshold, impl):
    if impl == "auto":
        known = None not in scores.shape
        impl = "compiled" if known and not portable() else "portable"
    if impl == "portable":
        return local_maxima(scores, radius=radius, threshold=threshold)
    return _compiled_maxima(radius)(scores, tf.cast(threshold, scores.dtype))


@functools.cache
def _compiled_maxima(radius):
    return compiled(lambda scores, threshold: local_maxima(
        scores, radius=radius, threshold=threshold
    ))


def _offsets(scores, x, y, refine):
    """[b, k, count, 2]: from the centre of each pixel to the summit in it, px."""
    if refine == "centroid":
        return _centroid(scores, x, y)
    steps = ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1))
    values, seen = (tf.unstack(part, axis=-1) for part in _around(scores, x, y, steps))
    along_x = _summit(values[0], values[1], values[2], seen[1] & seen[2], refine)
    along_y = _summit(values[0], values[3], values[4], seen[3] & seen[4], refine)
    return tf.stack([along_x, along_y], -1)


def _summit(middle, low, high, seen, refine):
    """Where between -0.5 and 0.5 px the highest value lies, given those at 0, -1 and 1."""
    if refine == "quarter":
        step = tf.sign(high - low) / 4
        return tf.where(seen, step, tf.zeros_like(step))
    if refine == "gaussian":
        seen &= (low > 0) & (high > 0)
        low, middle, high = (
            tf.math.log(tf.where(seen, value, tf.ones_like(value)))
            for value in (low, middle, high)
        )
    bend = 2 * middle - low - high
    seen &= (bend > 0) & tf.math.is_finite(bend)
    bend = tf.where(seen, bend, tf.ones_like(bend))
    slope = tf.where(seen, high - low, tf.zeros_like(bend))
    return slope / (2 * bend)


def _centroid(scores, x, y, reach=3):
    around = range(-reach, reach + 1)
    steps = [(dx, dy) for dy in around for dx in around]
    values, seen = _around(scores, x, y, steps)
    values = tf.where(seen & (values > 0), values, tf.zeros_like(values))
    moments = tf.matmul(values, tf.constant([(1, *step) for step in steps], values.dtype))
    total = moments[..., :1]
    return moments[..., 1:] / tf.where(total > 0, total, tf.ones_like(total))


def _around(scores, x, y, steps):
    """Scores at pixels (x, y) + steps, [b, k, count, n], and where they are there and finite."""
    b, h, w, k = (scores.shape[i] or tf.shape(scores)[i] for i in range(4))
    dx, dy = (tf.constant(part, x.dtype) for part in zip(*steps, strict=True))
    x, y = tf.expand_dims(x, -1) + dx, tf.expand_dims(y, -1) + dy
    inside = (x >= 0) & (x < w) & (y >= 0) & (y < h)
    pixel = tf.clip_by_value(y, 0, h - 1) * w + tf.clip_by_value(x, 0, w - 1)
    at = tf.reshape(pixel * k + tf.reshape(tf.range(k), [1, k, 1, 1]), [b, -1])
    values = tf.gather(tf.reshape(scores, [b, h * w * k]), at, batch_dims=1)
    values = tf.reshape(values, tf.shape(x))
    return values, inside & tf.math.is_finite(values)
