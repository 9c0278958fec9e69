"""Which object each anchor or proposal stands for, and random subsets of them to learn from."""

import tensorflow as tf

from tfvision.ops.boxes import box_area, box_iou, intersection_and_union, wide


def overlaps(boxes, objects, real):
    """IoU of boxes with objects, -1 for objects that are padding.

    boxes    float [b, n, 4]
    objects  float [b, m, 4], m at least 1
    real     bool [b, m], False for padding
    return   float32 [b, n, m]
    """
    return tf.where(tf.expand_dims(real, 1), box_iou(boxes, objects), -1.0)


def best_object(iou):
    """The object that each box overlaps most, the first of several: (IoU [b, n], int32 [b, n])."""
    return tf.reduce_max(iou, 2), tf.argmax(iou, 2, output_type=tf.int32)


def is_best_box(iou):
    """Whether no other box overlaps some object more, and it overlaps it at all: bool [b, n]."""
    most = tf.reduce_max(iou, 1, keepdims=True)
    return tf.reduce_any((iou >= most) & (iou > 0), 2)


def covered(boxes, regions, real):
    """The largest share of each box that lies in one of the regions, such as crowds.

    boxes    float [b, n, 4]
    regions  float [b, m, 4], m at least 1
    real     bool [b, m]
    return   float32 [b, n], 0..1
    """
    boxes, regions = wide(boxes, regions)
    a = [tf.expand_dims(boxes[..., i], 2) for i in range(4)]
    b = [tf.expand_dims(regions[..., i], 1) for i in range(4)]
    inside, _ = intersection_and_union(a, b)
    share = inside / tf.maximum(tf.expand_dims(box_area(boxes), 2), 1e-6)
    return tf.reduce_max(tf.where(tf.expand_dims(real, 1), share, 0.0), 2)


def random_subset(candidates, count, numbers):
    """At most `count` of the candidates of each row, those with the smallest random numbers.

    candidates  bool [b, n]
    count       a Python int, or int32 [b]; the first wants no more than n
    numbers     float32 [b, n], in [0, 1): which ones
    return      bool [b, n]
    """
    order = tf.where(candidates, numbers, 2.0)
    rank = tf.argsort(tf.argsort(order, stable=True))
    count = tf.reshape(tf.cast(count, tf.int32), [-1, 1])
    return candidates & (rank < count)


def take(rows, indices):
    """Rows [b, n, ...] by indices int32 [b, k], zeros where an index is negative: [b, k, ...]."""
    further = len(rows.shape) - 2
    rows = tf.pad(rows, [[0, 0], [0, 1], *[[0, 0]] * further])  # n may be 0.
    chosen = indices >= 0
    found = tf.gather(rows, tf.maximum(indices, 0), batch_dims=1)
    for _ in range(further):
        chosen = tf.expand_dims(chosen, -1)
    return tf.where(chosen, found, tf.zeros([], rows.dtype))
