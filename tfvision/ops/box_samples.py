"""Where the bins of boxes read a map: what RoIAlign, RoIPool and mask crops have in common."""

import tensorflow as tf

FARTHEST = 1e7  # px; beyond it single precision could not tell neighbouring pixels apart.


def sound_boxes(boxes):
    """Boxes in float64 if they are, else float32; one that no map can hold is put outside all.

    boxes    [..., 4] (x1, y1, x2, y2), px
    return   [..., 4]; four times -FARTHEST where a coordinate is NaN or not within +-FARTHEST
    """
    boxes = tf.convert_to_tensor(boxes)
    boxes = boxes if boxes.dtype == tf.float64 else tf.cast(boxes, tf.float32)
    outside = tf.constant(-FARTHEST, boxes.dtype)
    # First the NaN by itself: tf2onnx makes other choices products, and NaN * 0 is NaN.
    finite = tf.where(tf.math.is_nan(boxes), outside, boxes)
    finite = tf.clip_by_value(finite, -FARTHEST, FARTHEST)
    return tf.where(tf.reduce_all(tf.abs(finite) < FARTHEST, -1, keepdims=True), finite, outside)


def align_edges(boxes, stride, aligned):
    """First corner and extent of boxes in pixels of a map, whose first pixel's centre is (0, 0).

    boxes    float [..., 4]
    stride   px of the boxes per pixel of the map; a number or float [..., 1]
    aligned  False: half a pixel is not subtracted, and an extent is at least 1 (Detectron)
    return   start [..., 2], extent [..., 2], both (x, y)
    """
    start, end = boxes[..., :2] / stride, boxes[..., 2:] / stride
    if aligned:
        return start - 0.5, end - start
    return start, tf.maximum(end - start, 1)


def axis_samples(start, extent, length, *, bins, samples):
    """What the bins of boxes read along one axis, each at `samples` points evenly spread.

    A point up to one pixel outside the map reads the edge, one farther out reads 0.

    start    float [...]; pixels of the map
    extent   float [...]
    length   float [...] or a number: pixels along the axis
    return   list of 2 * samples pairs (pixel int32 [..., bins], weight float [..., bins]);
             the weights of a bin that lies inside add up to 1
    """
    bin = tf.expand_dims(extent / bins, -1)
    first = tf.expand_dims(start, -1) + tf.range(bins, dtype=start.dtype) * bin
    last = tf.cast(length, start.dtype) - 1
    pairs = []
    for i in range(samples):
        at = first + (i + 0.5) * bin / samples
        inside = tf.cast((at >= -1) & (at <= last + 1), at.dtype) / samples
        at = tf.maximum(tf.minimum(at, last), 0)
        low = tf.floor(at)
        high = tf.minimum(low + 1, last)
        pairs.append((tf.cast(low, tf.int32), (1 - (at - low)) * inside))
        pairs.append((tf.cast(high, tf.int32), (at - low) * inside))
    return pairs


def image_offsets(boxes, pixels):
    """Row of the first pixel of each box's image in maps that lie flat one after the other.

    boxes    [b, r, 4]
    pixels   pixels of one map, int32 scalar or [b, r]
    return   int32 [b, r]
    """
    shape = tf.shape(boxes)
    numbers = tf.expand_dims(tf.range(shape[0]), 1) * tf.ones([1, shape[1]], tf.int32)
    return numbers * pixels
