"""Masks of objects: from the network's squares into the image, and from the image into squares."""

import tensorflow as tf

from tfvision.ops.box_samples import align_edges, axis_samples, image_offsets, sound_boxes


def paste_masks(masks, boxes, *, size, threshold=0.5):
    """Masks of boxes as masks of the whole image, read bilinearly at the centres of its pixels.

    As in Detectron2: the mask's pixels fill the box, and what lies outside the mask is 0 (so at
    the edge of its box a mask of ones is 0.5). A box without width or height, or with a
    coordinate that is NaN or not within +-1e7 px, gives an empty mask; NaN in a mask counts as 0.

    masks      float [b, k, m, n], probabilities 0..1
    boxes      [b, k, 4] (x1, y1, x2, y2), px
    size       (rows, columns) of the image; numbers or scalar tensors
    threshold  from which on a pixel belongs to the object; None: leave the probabilities
    return     uint8 [b, k, rows, columns], 0 or 1; without a threshold float32 0..1
    """
    masks = tf.cast(masks, tf.float32)
    masks = tf.where(tf.math.is_nan(masks), tf.zeros_like(masks), masks)
    boxes = tf.cast(sound_boxes(boxes), tf.float32)
    shape = tf.shape(masks)
    rows = _hats(boxes[..., 1], boxes[..., 3], size[0], shape[2])
    columns = _hats(boxes[..., 0], boxes[..., 2], size[1], shape[3])
    pasted = tf.matmul(tf.matmul(rows, masks), columns, transpose_b=True)
    return pasted if threshold is None else tf.cast(pasted >= threshold, tf.uint8)


def _hats(start, end, pixels, cells):
    """Weight of each mask pixel in each image pixel along one axis: [b, k, pixels, cells]."""
    start, extent = tf.expand_dims(start, 2), tf.expand_dims(end - start, 2)
    centres = tf.cast(tf.range(pixels), tf.float32) + 0.5
    at = (centres - start) * (tf.cast(cells, tf.float32) / tf.maximum(extent, 1e-6)) - 0.5
    distance = tf.abs(tf.expand_dims(at, 3) - tf.cast(tf.range(cells), tf.float32))
    return tf.maximum(1 - distance, 0) * tf.expand_dims(tf.cast(extent > 0, tf.float32), 3)


def crop_masks(masks, boxes, indices, *, size, sampling_ratio=2, threshold=0.5):
    """The part of one mask inside each box, as a square: the target of a mask head.

    Reads like roi_align with stride 1 and aligned=True. A box of no size reads its one point.
    There is no gradient.

    masks           [b, n, h, w], 0 or 1, integer or float; n at least 1
    boxes           [b, r, 4] (x1, y1, x2, y2), px of the masks; one with a coordinate that is NaN
                    or not within +-1e7 px reads 0
    indices         int32 [b, r]: each box's mask, 0..n-1; others give a crop of zeros
    size            rows and columns of a crop
    sampling_ratio  reads along each side of a crop's pixel
    threshold       from which mean on a pixel is 1; None: leave the means
    return          uint8 [b, r, size, size]; without a threshold float32 0..1
    """
    masks, boxes = tf.convert_to_tensor(masks), tf.cast(sound_boxes(boxes), tf.float32)
    shape = tf.shape(masks)
    n, h, w = shape[1], shape[2], shape[3]
    given = (indices >= 0) & (indices < n)
    first = image_offsets(boxes, n) + tf.where(given, indices, tf.zeros_like(indices))
    start, extent = align_edges(boxes, 1, True)
    xs, ys = (
        axis_samples(start[..., i], extent[..., i], length, bins=size, samples=sampling_ratio)
        for i, length in ((0, w), (1, h))
    )
    flat, total = tf.reshape(masks, [-1]), 0.0
    for y, y_weight in ys:
        row = tf.expand_dims((tf.expand_dims(first, -1) * h + y) * w, 3)
        for x, x_weight in xs:
            value = tf.cast(tf.gather(flat, row + tf.expand_dims(x, 2)), tf.float32)
            total += value * tf.expand_dims(y_weight, 3) * tf.expand_dims(x_weight, 2)
    given = tf.expand_dims(tf.expand_dims(given, 2), 3)
    if threshold is None:
        return tf.where(given, total, tf.zeros_like(total))
    return tf.cast((total >= threshold) & given, tf.uint8)
