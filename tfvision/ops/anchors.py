"""Anchors: the boxes from which a detector regresses, and the pyramid level of a box."""

import math

import numpy as np
import tensorflow as tf

from tfvision.ops.boxes import box_area, wide


def anchor_grid(
    size, *, stride, sizes, ratios=(0.5, 1.0, 2.0), offset=0.5, base=None, whole=False
):
    """The anchors of a feature map: at every cell one for each size and ratio.

    Ren et al. (2015), section 3.1.1; one level of Lin et al. (2017), section 4.1, has one size.
    An anchor of size s and ratio r has the area s * s, and r = height / width.

    size    (rows, columns) of the feature map: ints, or a tensor such as tf.shape(features)[1:3]
    stride  px of the image per cell; or an int32 tensor [2], down and across
    sizes   px, square roots of areas
    offset  of the centre of the first anchor, in cells: 0.5 is the centre of the cell
    base    px: shapes of this size are rounded to whole px, then enlarged to the others, as Ren et
            al. did with 16; None leaves them exact
    whole   the edges around a centre are rounded to whole px, halves to even (torchvision)
    return  float32 [rows * columns * len(sizes) * len(ratios), 4], px: row after row; at a cell
            size after size, each in all ratios
    raises  ValueError where a size, a ratio or the stride is not positive
    """
    _check(stride=[1 if tf.is_tensor(stride) else stride], sizes=sizes, ratios=ratios)
    shapes = _shapes(sizes, ratios, base)
    shapes = tf.constant(np.round(shapes) if whole else shapes, tf.float32)
    rows, columns = tf.unstack(tf.cast(size, tf.int32)) if tf.is_tensor(size) else size
    down, across = (
        tf.unstack(tf.cast(stride, tf.float32)) if tf.is_tensor(stride) else (stride, stride)
    )
    y, x = ((tf.cast(tf.range(n), tf.float32) + offset) * step
            for n, step in ((rows, down), (columns, across)))
    along = tf.ones([rows, columns], tf.float32)
    x, y = along * tf.expand_dims(x, 0), along * tf.expand_dims(y, 1)
    centres = tf.reshape(tf.stack([x, y, x, y], -1), [-1, 1, 4])
    return tf.reshape(centres + shapes, [-1, 4])


def pyramid_level(boxes, *, lowest=2, highest=5, level=4, size=224.0):
    """The level of a feature pyramid that a box is taken from: k = floor(4 + log2(sqrt(wh) / 224)).

    Lin et al. (2017), eq. 1. Areas are compared, not logarithms, so that all runtimes agree at
    the limits between two levels. Empty boxes and NaN have the lowest level.

    boxes    float [..., 4], px
    lowest, highest  levels that exist: others are moved to the next of these
    level    of a box of `size` px
    return   int32 [...], lowest..highest
    """
    area = box_area(wide(boxes)[0])
    limits = [(size * 2.0 ** (k - level)) ** 2 for k in range(lowest + 1, highest + 1)]
    return lowest + sum((tf.cast(area >= limit, tf.int32) for limit in limits),
                        tf.zeros_like(area, tf.int32))


def _shapes(sizes, ratios, base):
    """Boxes around (0, 0) of all sizes and ratios, [a, 4]."""
    boxes = []
    for size in sizes:
        for ratio in ratios:
            width, height = _sides(size, ratio, base)
            boxes.append([-width / 2, -height / 2, width / 2, height / 2])
    return np.array(boxes)


def _sides(size, ratio, base):
    if base is None:
        width = size / math.sqrt(ratio)
        return width, width * ratio
    width = round(base / math.sqrt(ratio))
    return width * size / base, round(width * ratio) * size / base


def _check(**numbers):
    for name, values in numbers.items():
        if not len(values) or min(values) <= 0:
            raise ValueError(f"Expected positive numbers. Received: {name}={values}")
