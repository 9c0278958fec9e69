"""RoIAlign (He et al., Mask R-CNN, 2017, section 3): features at exact places inside boxes."""

import functools
from typing import NamedTuple

import tensorflow as tf

from tfvision.ops.box_samples import align_edges, axis_samples, image_offsets, sound_boxes
from tfvision.ops.compiling import compiled, portable
from tfvision.ops.gradients import with_gradient


class _Plan(NamedTuple):
    """What is known before any tensor is."""

    size: tuple  # (rows, columns) of bins
    strides: tuple  # px per pixel of each level, increasing
    samples: int
    aligned: bool
    second: float  # Side of the smallest square box, px, of a level whose stride is 1.


def roi_align(
    features, boxes, *, size, stride, sampling_ratio=2, aligned=True, canonical_size=224,
    canonical_level=4, impl="auto",
):
    """The mean of bilinear reads in each bin of each box, without rounding anywhere.

    Each bin is read at sampling_ratio x sampling_ratio points. A point up to one pixel outside
    the map reads its edge, one farther out reads 0 (as in Detectron2, torchvision, ONNX). With
    several levels, a box of w x h px belongs to level
    floor(canonical_level + log2(sqrt(w h) / canonical_size)), kept within the list (Lin et al.,
    Feature Pyramid Networks, 2017, eq. 1); a stride of 2^k px is level k.

    A box of no size reads its one point in every bin; one with x2 < x1 or y2 < y1 is read
    backwards. One with a coordinate that is NaN or not within +-1e7 px reads 0. No boxes give an
    empty result. The gradient goes to the features alone: as in Fast and Mask R-CNN, boxes are
    constants.

    features         float [b, h, w, c], or a list of levels of b and c in common, finest first
    boxes            [b, r, 4] (x1, y1, x2, y2), px of the image
    size             bins along each side: a number, or (rows, columns)
    stride           px of the image per pixel of the map; increasing, with a list of levels
    sampling_ratio   points along each side of a bin, at least 1
    aligned          True: the centre of the first pixel is at 0.5 px (Detectron2; ONNX
                     "half_pixel"). False: at 0, and a box has at least 1 pixel of the map
                     (Detectron; ONNX "output_half_pixel")
    canonical_size   side in px of a square box that belongs to canonical_level
    canonical_level  level of such a box
    impl             "gather": runs everywhere, and is the fastest one inside ops.compiled.
                     "crop": TensorFlow's crop_and_resize, the fastest one that is not compiled;
                     float32 within, and a point less than 1e-5 px from the end of the outer
                     pixel may count as outside. "auto": "crop", but "gather" where ops.portable()
                     or for float64
    return           [b, r, rows, columns, c], dtype of features
    raises           ValueError for sizes, strides, ratios or an impl that make no sense
    """
    levels = list(features) if isinstance(features, list | tuple) else [features]
    levels = [tf.convert_to_tensor(level) for level in levels]
    strides = tuple(stride) if isinstance(stride, list | tuple) else (stride,)
    rows, columns = size if isinstance(size, list | tuple) else (size, size)
    second = canonical_size / 2**canonical_level
    plan = _Plan((rows, columns), strides, sampling_ratio, aligned, second)
    _check(levels, plan)
    forward = _gather if _chosen(impl, levels[0].dtype) == "gather" else _crop
    return _with_exact_gradient(forward, levels, tf.stop_gradient(sound_boxes(boxes)), plan)


def _check(levels, plan):
    if any(level.shape.rank != 4 for level in levels):
        raise ValueError(
            "Expected features [b, h, w, c] or a list of them. "
            f"Received: features={[level.shape for level in levels]}"
        )
    rising = all(a < b for a, b in zip((0, *plan.strides), plan.strides, strict=False))
    if len(plan.strides) != len(levels) or not rising:
        raise ValueError(
            "Expected one positive stride for each level, increasing. "
            f"Received: stride={plan.strides} for {len(levels)} levels"
        )
    if min(*plan.size, plan.samples) < 1:
        raise ValueError(
            "Expected at least one bin and one sample along each side. "
            f"Received: size={plan.size}, sampling_ratio={plan.samples}"
        )


def _chosen(impl, dtype):
    if impl not in ("auto", "gather", "crop"):
        raise ValueError(f"Expected impl 'auto', 'gather' or 'crop'. Received: impl={impl!r}")
    if impl == "crop" and portable():
        raise ValueError("Expected impl 'auto' or 'gather' under XLA. Received: impl='crop'")
    if impl == "auto":
        return "gather" if portable() or dtype == tf.float64 else "crop"
    return impl


def _with_exact_gradient(forward, levels, boxes, plan):
    """The forward pass of either form with the one gradient.

    TensorFlow's own gradient of crop_and_resize loses updates on a CPU: it adds without locks.
    """

    @with_gradient
    def bins(*levels):
        def gradient(change):
            return _gradient_of(plan)(change, boxes, *levels)

        shape = tf.shape(boxes)
        b, r = (boxes.shape[i] if boxes.shape[i] is not None else shape[i] for i in (0, 1))
        flat = forward(levels, boxes, plan)  # [b * r, ...]
        return tf.reshape(flat, [b, r, *plan.size, _channels(levels)]), gradient

    return bins(*levels)


def _channels(levels):
    return levels[0].shape[3] or tf.shape(levels[0])[3]


@functools.cache
def _gradient_of(plan):
    return compiled(functools.partial(_scatter, plan=plan))


def _gather(levels, boxes, plan):
    """[b * r * rows * columns, c]: one gather for each pixel that a bin reads, summed.

    XLA fuses all into one loop; larger gathers would be written to memory first.
    """
    flat = tf.concat([tf.reshape(level, [-1, _channels(levels)]) for level in levels], 0)
    kind = tf.float64 if flat.dtype == tf.float64 else tf.float32
    total = 0.0
    for index, weight in _reads(levels, boxes, plan):
        value = tf.cast(tf.gather(flat, tf.reshape(index, [-1])), kind)
        total += value * tf.cast(tf.reshape(weight, [-1, 1]), kind)
    return tf.cast(total, flat.dtype)


def _reads(levels, boxes, plan):
    """The (2 samples)² pixels that each bin reads.

    yields   index int32, weight float, both [b, r, rows, columns]; indices into the pixels of all
             images of all levels, one after the other
    """
    level = _level_of(boxes, plan)
    sizes = [(tf.shape(x)[0], tf.shape(x)[1], tf.shape(x)[2]) for x in levels]
    width = tf.gather(tf.stack([w for _, _, w in sizes]), level)  # [b, r]
    height = tf.gather(tf.stack([h for _, h, _ in sizes]), level)
    ends = tf.cumsum(tf.stack([b * h * w for b, h, w in sizes]), exclusive=True)
    first = tf.gather(ends, level) + image_offsets(boxes, height * width)
    stride = tf.gather(tf.constant(plan.strides, boxes.dtype), level)
    start, extent = align_edges(boxes, tf.expand_dims(stride, -1), plan.aligned)
    length = [tf.expand_dims(tf.cast(n, boxes.dtype), -1) for n in (width, height)]
    xs, ys = (
        axis_samples(start[..., i], extent[..., i], length[i], bins=plan.size[1 - i],
                     samples=plan.samples)
        for i in (0, 1)
    )
    for y, y_weight in ys:
        row = tf.expand_dims(first, -1) + y * tf.expand_dims(width, -1)
        for x, x_weight in xs:
            index = tf.expand_dims(row, 3) + tf.expand_dims(x, 2)
            yield index, tf.expand_dims(y_weight, 3) * tf.expand_dims(x_weight, 2)


def _level_of(boxes, plan):
    """int32 [b, r]: the number of the level in the list, by areas, so that 2^k px is exact."""
    sides = tf.maximum(boxes[..., 2:] - boxes[..., :2], 0)
    area = sides[..., 0] * sides[..., 1]
    level = tf.zeros_like(area, tf.int32)
    for stride in plan.strides[1:]:
        level += tf.cast(area >= (plan.second * stride) ** 2, tf.int32)
    return level


def _scatter(change, boxes, *levels, plan):
    """The transpose of _gather: `change` [b, r, rows, columns, c] at the pixels that were read."""
    kind = tf.float64 if change.dtype == tf.float64 else tf.float32
    index, weight = (
        tf.stack([tf.reshape(part, [-1]) for part in parts], 1)
        for parts in zip(*_reads(levels, boxes, plan), strict=True)
    )
    counts = [tf.reduce_prod(tf.shape(level)[:3]) for level in levels]
    change = tf.cast(tf.reshape(change, [-1, _channels(levels)]), kind)
    flat = _add_rows(change, index, tf.cast(weight, kind), tf.add_n(counts))
    return [
        tf.cast(tf.reshape(part, tf.shape(level)), level.dtype)
        for part, level in zip(tf.split(flat, counts), levels, strict=True)
    ]


def _add_rows(rows, index, weight, count):
    """[count, c]: the sum of weight[i, k] * rows[i] at index[i, k].

    A piece at a time: the products of 784 rows stay in the cache, those of all are 16 times as
    much as the result of roi_align (2.2 times faster, measured with 512 boxes of 7 x 7 x 256).
    """
    n, c, k = tf.shape(rows)[0], tf.shape(rows)[1], index.shape[1]
    piece = tf.minimum(n, 784)

    def add(i, total):
        begin = tf.minimum(i * piece, n - piece)  # The last piece overlaps the one before.
        fresh = tf.expand_dims(begin + tf.range(piece) >= i * piece, 1)
        part = tf.slice(weight, [begin, 0], [piece, k]) * tf.cast(fresh, weight.dtype)
        update = tf.expand_dims(tf.slice(rows, [begin, 0], [piece, c]), 1) * tf.expand_dims(part, 2)
        at = tf.slice(index, [begin, 0], [piece, k])
        return i + 1, tf.tensor_scatter_nd_add(total, tf.expand_dims(at, 2), update)

    pieces = (n + piece - 1) // tf.maximum(piece, 1)
    return tf.while_loop(lambda i, _: i < pieces, add, (0, tf.zeros([count, c], rows.dtype)))[1]


def _crop(levels, boxes, plan):
    """[b * r * rows * columns, c] by crop_and_resize, level by level."""
    images = tf.reshape(image_offsets(boxes, 1), [-1])
    level = tf.reshape(_level_of(boxes, plan), [-1])
    boxes = tf.cast(tf.reshape(boxes, [-1, 4]), tf.float32)
    if len(levels) == 1:
        return _crop_level(levels[0], boxes, images, plan.strides[0], plan)
    parts = [tf.cast(tf.where(level == i)[:, 0], tf.int32) for i in range(len(levels))]
    crops = [
        _crop_level(one, tf.gather(boxes, part), tf.gather(images, part), stride, plan)
        for one, part, stride in zip(levels, parts, plan.strides, strict=True)
    ]
    return tf.dynamic_stitch(parts, crops)


def _crop_level(features, boxes, images, stride, plan):
    """[n, rows, columns, c], dtype of features.

    crop_and_resize reads 0 outside the map; on a map whose edges are repeated once that is
    RoIAlign's rule. Its first and last points are the corners of its box.
    """
    kind, features = features.dtype, tf.cast(features, tf.float32)
    padded = tf.concat([features[:, :1], features, features[:, -1:]], 1)
    padded = tf.concat([padded[:, :, :1], padded, padded[:, :, -1:]], 2)
    rows, columns = (bins * plan.samples for bins in plan.size)
    start, extent = align_edges(boxes, stride, plan.aligned)
    half_step = extent / (2 * tf.constant([columns, rows], tf.float32))
    last = tf.cast(tf.reverse(tf.shape(padded)[1:3], [0]) - 1, tf.float32)
    first, end = (start + 1 + half_step) / last, (start + 1 + extent - half_step) / last
    corners = tf.concat([tf.reverse(first, [1]), tf.reverse(end, [1])], 1)
    points = tf.image.crop_and_resize(padded, corners, images, [rows, columns])
    return tf.cast(tf.nn.avg_pool2d(points, plan.samples, plan.samples, "VALID"), kind)
