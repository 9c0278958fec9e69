"""RoI max pooling (Girshick, Fast R-CNN, 2015, section 2.1): the maximum of each bin of a box."""

import functools

import tensorflow as tf

from tfvision.ops.box_samples import image_offsets, sound_boxes
from tfvision.ops.compiling import compiled
from tfvision.ops.gradients import with_gradient


def roi_pool(features, boxes, *, size, stride):
    """The maximum over the pixels of each bin, with boxes and bins rounded to whole pixels.

    The rounding is that of torchvision's roi_pool and of ONNX's MaxRoiPool: a box covers the
    pixels round(x1 / stride) to round(x2 / stride), both included, halves rounded away from zero,
    at least one; of n pixels, bin i of p covers floor(i n / p) to ceil((i + 1) n / p) - 1, so that
    neighbours may share one. The two peers compute this in floating point, where for some n (57
    with p = 7) the last bin reaches one pixel too far; here it does not.

    A bin with no pixel inside the map is 0, as are all bins of a box with a coordinate that is
    NaN or not within +-1e7 px. A bin that reads a NaN is NaN. The gradient goes to the features
    alone, to the first maximum of a bin, row by row.

    features  float [b, h, w, c]; at most 2048 wide where w is unknown when traced
    boxes     [b, r, 4] (x1, y1, x2, y2), px of the image
    size      bins along each side: a number, or (rows, columns)
    stride    px of the image per pixel of the map
    return    [b, r, rows, columns, c], dtype of features
    raises    ValueError for a size or stride that is not positive
    """
    features = tf.convert_to_tensor(features)
    rows, columns = size if isinstance(size, list | tuple) else (size, size)
    if min(rows, columns, stride) <= 0:
        raise ValueError(
            "Expected at least one bin along each side, and a positive stride. "
            f"Received: size={size}, stride={stride}"
        )
    boxes = tf.stop_gradient(sound_boxes(boxes) / stride)

    @with_gradient
    def pool(features):
        def gradient(change):
            return _gradient_of(rows, columns)(change, features, boxes)

        return _maxima([features], boxes, rows, columns)[0], gradient

    return pool(features)


@functools.cache
def _gradient_of(rows, columns):
    return compiled(functools.partial(_to_first_maxima, rows=rows, columns=columns))


def _to_first_maxima(change, features, boxes, *, rows, columns):
    """The gradient: each number of `change` added where its bin has its first maximum."""
    count = tf.size(features)
    places = tf.reshape(tf.range(count), tf.shape(features))
    where = tf.reshape(_maxima([features, places], boxes, rows, columns)[1], [-1])
    kind = tf.float64 if change.dtype == tf.float64 else tf.float32
    flat = tf.math.unsorted_segment_sum(tf.cast(tf.reshape(change, [-1]), kind), where, count)
    return tf.cast(tf.reshape(flat, tf.shape(features)), features.dtype)


def _maxima(maps, boxes, rows, columns):
    """Maxima of the bins and, if asked for, what a second map holds at each first one.

    Along x, a bin is two windows of 2^k pixels, whose maxima are known for all x; along y, the
    rows of the bins are read one after the other.

    maps     list of features [b, h, w, c] and, where wanted, int32 [b, h, w, c]
    return   list of as many [b, r, rows, columns, c]; 0 and -1 where a bin has no pixel
    """
    shape = tf.shape(maps[0])
    b, h, w = shape[0], shape[1], shape[2]
    top, bottom = _bins(boxes[..., 1], boxes[..., 3], h, rows)  # [b, r, rows]
    left, right = _bins(boxes[..., 0], boxes[..., 2], w, columns)
    power, width = _largest_power(right - left, _power_count(maps[0]))
    tables = _windows(maps)
    first = tf.expand_dims(image_offsets(boxes, h * w), 2) + power * (b * h * w)
    starts = [first + tf.minimum(x, w - 1) for x in (left, tf.maximum(right - width, left))]

    def read(i):
        y = tf.expand_dims(tf.maximum(tf.minimum(top + i, bottom - 1), 0) * w, 3)
        at = [y + tf.expand_dims(x, 2) for x in starts]
        return _larger(*([tf.gather(table, x) for table in tables] for x in at))

    tallest = tf.reduce_max(tf.concat([[0], tf.reshape(bottom - top, [-1])], 0))
    best = tf.while_loop(
        lambda i, *_: i < tallest, lambda i, *best: (i + 1, *_larger(best, read(i))), (1, *read(0))
    )[1:]
    some = tf.expand_dims(bottom > top, 3) & tf.expand_dims(right > left, 2)
    return [
        tf.where(tf.expand_dims(some, 4), x, tf.constant(none, x.dtype))
        for x, none in zip(best, (0, -1), strict=False)
    ]


def _larger(a, b):
    """Of two lists [value] or [value, place], the larger value with its place; a where equal."""
    if len(a) == 1:
        return [tf.maximum(a[0], b[0])]
    take = (b[0] > a[0]) | tf.math.is_nan(b[0])
    return [tf.where(take, y, x) for x, y in zip(a, b, strict=True)]


def _power_count(features):
    """How many powers of 2 a window's width may be: two windows reach across the map."""
    return features.shape[2].bit_length() if features.shape[2] else 11


def _largest_power(span, count):
    """k and 2^k, the largest within `span`: int32 of its shape; 0 and 1 for a span below 2."""
    reached = [tf.cast(span >= 2**k, tf.int32) for k in range(1, count)]
    power, width = tf.zeros_like(span), tf.ones_like(span)
    for k, more in enumerate(reached):
        power, width = power + more, width + more * 2**k
    return power, width


def _windows(maps):
    """Maxima of the 1, 2, 4, … pixels from each one to the right: lists [k * b * h * w, c]."""
    w, c = tf.shape(maps[0])[2], maps[0].shape[3] or tf.shape(maps[0])[3]
    tables = [maps]
    for k in range(1, _power_count(maps[0])):
        right = tf.minimum(tf.range(w) + 2 ** (k - 1), w - 1)
        tables.append(_larger(tables[-1], [tf.gather(x, right, axis=2) for x in tables[-1]]))
    return [
        tf.concat([tf.reshape(x, [-1, c]) for x in kind], 0) for kind in zip(*tables, strict=True)
    ]


def _bins(start, end, length, bins):
    """First pixel and the one behind the last of each bin, within the map: int32 [b, r, bins]."""
    start, end = (tf.expand_dims(_rounded(x), -1) for x in (start, end))
    extent = tf.maximum(end - start + 1, 1)
    i = tf.range(bins)
    low, high = start + i * extent // bins, start + ((i + 1) * extent + bins - 1) // bins
    return tf.clip_by_value(low, 0, length), tf.clip_by_value(high, 0, length)


def _rounded(x):
    """The nearest whole number, halves away from zero: int32."""
    size = tf.abs(x)
    down = tf.floor(size)
    up = tf.cast(size - down >= 0.5, tf.int32)  # floor(x + 0.5) would round 0.49999997 up.
    whole = tf.cast(down, tf.int32) + up
    return tf.where(x < 0, -whole, whole)
