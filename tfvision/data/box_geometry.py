"""Images with boxes and masks: scaled, moved, mirrored, cut.

They take and return an example, in px of its image:

    image    [h, w, 3], 0..255, uint8 or float32
    boxes    float32 [m, 4] (x1, y1, x2, y2); zeros in empty slots
    classes  int32 [m]; -1 in empty slots
    ignore   bool [m]
    masks    uint8 [m, s, s], which fill their boxes (only where masks are asked for)

Where there are masks, a box that is cut or covered is drawn in until it is tight around what is
left of its mask, as exactly as the mask's cells tell.
"""

import tensorflow as tf

from tfvision import ops

GREY = 128.0  # Beyond the image, as where a picture is letterboxed for a model.


def fitted(shape, size):
    """The size of an image that fits in another one, and its first pixel: float [2], (y, x)."""
    ratio = tf.reduce_min(size / shape)
    inner = tf.clip_by_value(tf.round(shape * ratio), 1, size)
    return inner, tf.floor((size - inner) / 2)


def placed(example, scale, corner, size):
    """The image, scaled by (y, x) and moved to a corner (y, x) px of a grey one; boxes not cut.

    return   image float32 [*size, 3], averaged where it becomes smaller
    """
    image, scale, corner = example["image"], tf.cast(scale, tf.float32), tf.cast(corner, tf.float32)
    shape = tf.cast(tf.shape(image)[:2], tf.float32)
    moved = tf.raw_ops.ScaleAndTranslate(
        images=tf.expand_dims(image, 0), size=list(size), scale=scale, translation=corner,
        kernel_type="triangle", antialias=True,
    )[0]
    inside = [
        (tf.range(side, dtype=tf.float32) + 0.5 >= corner[i])
        & (tf.range(side, dtype=tf.float32) + 0.5 <= corner[i] + scale[i] * shape[i])
        for i, side in enumerate(size)
    ]
    inside = tf.expand_dims(inside[0], 1) & tf.expand_dims(inside[1], 0)
    moved = tf.where(tf.expand_dims(inside, -1), tf.clip_by_value(moved, 0, 255), GREY)
    boxes = example["boxes"] * tf.tile(scale[::-1], [2]) + tf.tile(corner[::-1], [2])
    return example | {"image": moved, "boxes": where(example["classes"] >= 0, boxes)}


def flipped(example):
    """The example mirrored left to right."""
    width = tf.shape(example["image"])[1]
    boxes = ops.flip_boxes(example["boxes"], width)
    example = example | {
        "image": tf.reverse(example["image"], [1]), "boxes": where(example["classes"] >= 0, boxes)
    }
    masks = {"masks": tf.reverse(example["masks"], [2])} if "masks" in example else {}
    return example | masks


def cut(example, *, smallest=2.0, visible=0.0, window=None):
    """Boxes (and masks) cut at the border of the image, or of a window (x1, y1, x2, y2) in it.

    What has a side shorter than `smallest` px then, less than the share `visible` of its area, or
    nothing of its mask, is gone: class -1.
    """
    shape = tf.cast(tf.shape(example["image"]), tf.float32)
    edges = tf.stack([0.0, 0.0, shape[1], shape[0]]) if window is None else window
    before = example["boxes"]
    boxes = tf.clip_by_value(before, tf.tile(edges[:2], [2]), tf.tile(edges[2:], [2]))
    here = example["classes"] >= 0
    left = ops.box_area(boxes) / tf.maximum(ops.box_area(before), 1e-9)
    if "masks" in example:
        changed = tf.reduce_max(tf.abs(boxes - before), 1) > 0.01
        example, drawn = drawn_in(example, boxes, changed)
        boxes, here = example["boxes"], here & drawn
    sides = tf.reduce_min(boxes[:, 2:] - boxes[:, :2], 1)
    here &= (sides >= max(smallest, 1e-3)) & (left >= visible)
    return kept(example | {"boxes": boxes}, here)


def packed(example, slots):
    """The example with so many slots: its objects first, in their order, or the largest of them."""
    here, area = example["classes"] >= 0, ops.box_area(example["boxes"])
    order = tf.argsort(tf.where(here, area, -1.0), direction="DESCENDING", stable=True)[:slots]
    order = tf.sort(order)
    order = tf.gather(order, tf.argsort(tf.cast(~tf.gather(here, order), tf.int32), stable=True))
    missing = slots - tf.shape(order)[0]

    def pack(values, empty=0):
        rest = [[0, missing], *([[0, 0]] * (len(values.shape) - 1))]
        empty = tf.cast(empty, values.dtype)
        values = tf.pad(tf.gather(values, order), rest, constant_values=empty)
        return tf.ensure_shape(values, [slots, *values.shape[1:]])

    names = [name for name in ("boxes", "ignore", "masks") if name in example]
    found = {name: pack(example[name]) for name in names}
    return example | found | {"classes": pack(example["classes"], -1)}


def drawn_in(example, boxes, where):
    """The example's masks inside other boxes, drawn in to what is left of them at `where`.

    boxes    float32 [m, 4], inside the example's own
    where    bool [m]; elsewhere boxes are taken as they are
    return   example, and bool [m]: whether anything is left of the mask (or there was none)
    """
    masks = example["masks"]
    parts = _recropped(masks, example["boxes"], boxes)
    rows, columns = tf.reduce_any(parts > 0, 2), tf.reduce_any(parts > 0, 1)
    low = tf.stack([_first(columns), _first(rows)], 1)
    high = 1 - tf.stack([_first(columns[:, ::-1]), _first(rows[:, ::-1])], 1)
    start, extent = boxes[:, :2], boxes[:, 2:] - boxes[:, :2]
    tight = tf.concat([start + extent * low, start + extent * high], 1)
    unmasked = ~tf.reduce_any(masks > 0, [1, 2])
    some = tf.reduce_any(rows, 1)
    tight = tf.where(tf.expand_dims(where & some, 1), tight, boxes)
    result = {"boxes": tight, "masks": _recropped(masks, example["boxes"], tight)}
    return example | result, some | unmasked | ~where


def kept(example, here):
    """The example with empty slots where `here` is False."""
    found = {name: where(here, example[name]) for name in ("boxes", "ignore", "masks")
             if name in example}
    classes = tf.where(here, example["classes"], -1)
    return example | found | {"classes": classes}


def where(here, values):
    """The values [m, ...] where `here`, else zeros."""
    here = tf.reshape(here, [-1, *([1] * (len(values.shape) - 1))])
    return tf.where(here, values, tf.zeros_like(values))


def _first(flags):
    """Where the first True is, as a share of the length: float32 [m] from bool [m, s]."""
    return tf.cast(tf.argmax(tf.cast(flags, tf.int32), 1), tf.float32) / flags.shape[1]


def read_cells(maps, parts, side):
    """Maps at the centres of the cells that fill parts of them, the nearest pixel's values.

    maps     [m, h, w], or [1, h, w]: the same for all
    parts    float [m, 4], (x1, y1, x2, y2) px of the maps; outside, the edge is read
    return   [m, side, side]
    """
    at = (tf.range(side, dtype=tf.float32) + 0.5) / side
    shape = tf.shape(maps)
    x1, y1, x2, y2 = (parts[:, i, tf.newaxis] for i in range(4))
    rows = tf.clip_by_value(tf.cast(tf.floor(y1 + at * (y2 - y1)), tf.int32), 0, shape[1] - 1)
    columns = tf.clip_by_value(tf.cast(tf.floor(x1 + at * (x2 - x1)), tf.int32), 0, shape[2] - 1)
    shared = maps.shape[0] == 1
    lines = tf.gather(maps[0], rows) if shared else tf.gather(maps, rows, batch_dims=1)
    return tf.gather(lines, columns, axis=2, batch_dims=1)


def _recropped(masks, boxes, parts):
    """The masks inside parts of their boxes: uint8 [m, s, s]."""
    side = masks.shape[1]
    sides = tf.tile(tf.maximum(boxes[:, 2:] - boxes[:, :2], 1e-6), [1, 2])
    return read_cells(masks, (parts - tf.tile(boxes[:, :2], [1, 2])) / sides * side, side)
