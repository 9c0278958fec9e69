"""Boxes (x1, y1, x2, y2), px, continuous edges: the first pixel is (0, 0, 1, 1).

Half precision and integers are computed in float32. A box is empty where x2 <= x1 or y2 <= y1.

Runtimes differ in the minimum of NaN, and tf2onnx makes products of a `tf.where` (0 * NaN is NaN)
unless it compares a tensor with itself or holds a constant NaN: hence _sound and _marked.
"""

import math

import tensorflow as tf

MOST = math.log(1000 / 16)  # A decoded box is at most 62.5 times as long as its anchor.
LEAST_SIDE = 1e-6
LEAST_AREA = 1e-18  # Below it the gradient of a quotient of areas may overflow float32,
LARGEST = 1e15  # and beyond it an area.


def box_area(boxes):
    """Width times height: float [...], from float [..., 4].

    0 for boxes that are empty, have a NaN or reach farther than 1e15.
    """
    return _area(_edges(_sound(wide(boxes)[0])))


def box_iou(a, b):
    """Intersection over union of every box of a with every box of b.

    0 where either of the two is empty, has a NaN or reaches farther than 1e15. The gradient is
    finite everywhere.

    a       float [..., n, 4]
    b       float [..., m, 4]
    return  [..., n, m], 0..1; float64 where one of them is, else float32
    """
    a, b = wide(a, b)
    a = [tf.expand_dims(edge, -1) for edge in _edges(_sound(a))]
    b = [tf.expand_dims(edge, -2) for edge in _edges(_sound(b))]
    real = (_area(a) > LEAST_AREA) & (_area(b) > LEAST_AREA)
    return _quotient(*intersection_and_union(a, b), real)


def generalized_iou(a, b):
    """GIoU of pairs of boxes: IoU - (C - U) / C, for the area C of the smallest box around both.

    Rezatofighi et al. (2019), algorithm 1. An empty box has no area, but its edges count for C,
    through which alone the gradient reaches it. Two boxes without extent have 0. A NaN gives NaN:
    in a loss it must show. The gradient is finite at all boxes that reach less far than 1e15.

    a, b    float [..., 4]; shapes may broadcast
    return  [...], -1..1; float64 where one of them is, else float32
    """
    a, b = (_edges(boxes) for boxes in wide(a, b))
    intersection, union = intersection_and_union(a, b)
    around = _area(_joined(a, b, tf.minimum, tf.maximum))
    iou = _quotient(intersection, union, union > LEAST_AREA)
    result = iou - _quotient(around - union, around, around > LEAST_AREA)
    return _marked(result, sum(a) + sum(b))


def intersection_and_union(a, b):
    """Areas of both, for boxes as sequences of four tensors x1, y1, x2, y2 that broadcast."""
    intersection = _area(_joined(a, b, tf.maximum, tf.minimum))
    return intersection, _area(a) + _area(b) - intersection


def encode_boxes(boxes, anchors, *, weights=(1.0, 1.0, 1.0, 1.0)):
    """What a detector regresses: (dx / w, dy / h, log w' / w, log h' / h), times the weights.

    Girshick et al. (2014), eqs. 6-9: distances of the centres in sizes of the anchor, and
    logarithms of the quotients of the sides. Sides shorter than 1e-6 count as 1e-6, so that all
    values are finite at finite boxes. A NaN makes all four NaN.

    boxes    float [..., 4], what is to be decoded again
    anchors  float [..., 4]
    weights  of the four; Fast R-CNN's heads divide by (.1, .1, .2, .2): (10, 10, 5, 5)
    return   [..., 4]; float64 where one of them is, else float32
    """
    boxes, anchors = wide(boxes, anchors)
    centre, size = _centre_and_size(boxes)
    from_centre, from_size = _centre_and_size(anchors)
    size, from_size = tf.maximum(size, LEAST_SIDE), tf.maximum(from_size, LEAST_SIDE)
    move = (centre - from_centre) / from_size
    deltas = tf.concat([move, tf.math.log(size / from_size)], -1)
    deltas *= tf.constant(weights, deltas.dtype)
    return _marked(deltas, tf.reduce_sum(boxes + anchors, -1, keepdims=True))


def decode_boxes(deltas, anchors, *, weights=(1.0, 1.0, 1.0, 1.0)):
    """The inverse of encode_boxes; sides grow to at most 1000 / 16 of the anchor's.

    The limit keeps exp from overflowing; the gradient is 0 beyond. A NaN makes all four NaN, and
    ops.nms never selects such a box.

    deltas   float [..., 4]
    anchors  float [..., 4]
    return   boxes [..., 4]; float64 where one of them is, else float32
    """
    deltas, anchors = wide(deltas, anchors)
    deltas = deltas / tf.constant(weights, deltas.dtype)
    from_centre, from_size = _centre_and_size(anchors)
    move, growth = tf.split(deltas, 2, -1)
    centre = from_centre + move * from_size
    half = tf.exp(tf.minimum(growth, MOST)) * from_size / 2
    boxes = tf.concat([centre - half, centre + half], -1)
    return _marked(boxes, tf.reduce_sum(deltas + anchors, -1, keepdims=True))


def clip_boxes(boxes, size):
    """Boxes [..., n, 4] cut at the edges of their image: 0 <= x <= width, 0 <= y <= height.

    What lies outside becomes empty, at the edge. A NaN stays one.

    size    (height, width), px: two numbers, or [..., 2] for images of several sizes
    """
    boxes = wide(boxes)[0]
    height, width = tf.unstack(tf.cast(size, boxes.dtype), 2, axis=-1)
    edge = tf.expand_dims(tf.stack([width, height, width, height], -1), -2)
    return _marked(tf.maximum(tf.minimum(boxes, edge), 0), boxes)


def flip_boxes(boxes, width):
    """Boxes [..., 4] of the image that is mirrored left to right; its width, px, broadcasts."""
    x1, y1, x2, y2 = _edges(wide(boxes)[0])
    width = tf.cast(width, x1.dtype)
    return tf.stack([width - x2, y1, width - x1, y2], -1)


def centres_from_boxes(boxes):
    """(centre x, centre y, width, height), px: float [..., 4] from boxes [..., 4]."""
    return tf.concat(_centre_and_size(wide(boxes)[0]), -1)


def boxes_from_centres(centres):
    """Boxes [..., 4] from float [..., 4], (centre x, centre y, width, height), px."""
    centre, size = tf.split(wide(centres)[0], 2, -1)
    return tf.concat([centre - size / 2, centre + size / 2], -1)


def wide(*tensors):
    """All as float64 where one of them is, else as float32."""
    tensors = [tf.convert_to_tensor(tensor) for tensor in tensors]
    double = any(tensor.dtype == tf.float64 for tensor in tensors)
    return [tf.cast(tensor, tf.float64 if double else tf.float32) for tensor in tensors]


def _edges(boxes):
    """x1, y1, x2, y2, each [...]; by slices, for TFLite cannot unstack what is empty."""
    return [boxes[..., i] for i in range(4)]


def _sound(boxes):
    """Boxes [..., 4]; (0, 0, 0, 0) for those with a NaN or too far away."""
    near = tf.reduce_all(tf.abs(boxes) < LARGEST, -1, keepdims=True)
    boxes = tf.where(near, boxes, tf.constant(math.nan, boxes.dtype))
    return tf.where(boxes != boxes, tf.zeros([], boxes.dtype), boxes)


def _marked(result, source):
    """`result`, but NaN where the source is."""
    return tf.where(source == source, result, tf.constant(math.nan, result.dtype))


def _joined(a, b, low, high):
    return low(a[0], b[0]), low(a[1], b[1]), high(a[2], b[2]), high(a[3], b[3])


def _area(box):
    return tf.nn.relu(box[2] - box[0]) * tf.nn.relu(box[3] - box[1])


def _quotient(part, whole, defined):
    """part / whole, and 0 with gradient 0 where it is not defined."""
    safe = tf.where(defined, whole, tf.ones([], whole.dtype))
    return tf.where(defined, part / safe, tf.zeros([], part.dtype))


def _centre_and_size(boxes):
    low, high = tf.split(boxes, 2, -1)
    return (low + high) / 2, high - low
