"""One image of several: mosaic and copy-paste, on examples as box_geometry.py has them."""

import tensorflow as tf

from tfvision import ops
from tfvision.data.box_geometry import cut, drawn_in, kept, placed, read_cells


def tiled(parts, seed, size, *, smallest=2.0, visible=0.0):
    """Mosaic: four examples around a random point, each scaled to fill its quarter and cut there.

    The point lies in the middle half of the canvas. Slots are those of all four.
    """
    u = tf.random.stateless_uniform([14], seed)
    canvas = tf.constant(size, tf.float32)
    centre = tf.round(canvas * (0.25 + 0.5 * u[:2]))  # (y, x)
    done, image = [], tf.zeros([*size, 3])
    for i, part in enumerate(parts):
        low = tf.stack([centre[j] * (i >> j & 1) for j in (0, 1)])
        high = tf.stack([canvas[j] if i >> j & 1 else centre[j] for j in (0, 1)])
        shape = tf.cast(tf.shape(part["image"])[:2], tf.float32)
        ratio = tf.reduce_max((high - low) / shape) * (1 + 0.5 * u[2 + 3 * i])
        corner = low - (shape * ratio - (high - low)) * u[3 + 3 * i : 5 + 3 * i]
        part = placed(part, tf.stack([ratio, ratio]), corner, size)
        window = tf.concat([low[::-1], high[::-1]], 0)
        done.append(cut(part, smallest=smallest, visible=visible, window=window))
        image = tf.where(_inside(window, size), part["image"], image)
    joined = {name: tf.concat([one[name] for one in done], 0) for name in done[0]
              if name != "image"}
    return joined | {"image": image}


def paste(example, giver, seed, *, smallest=2.0, visible=0.1):
    """Copy-paste: half of another example's objects over this one, which hide what lies below.

    Ghiasi et al. (2021). Both images have one size. Slots are those of both.
    """
    _check_masks(example)
    size = tf.shape(example["image"])[:2]
    share = tf.random.stateless_uniform(tf.shape(giver["classes"]), seed)
    chosen = (giver["classes"] >= 0) & ~giver["ignore"] & (share < 0.5)
    giver = kept(giver, chosen)
    cover = _union(giver, chosen, size)
    image = tf.where(tf.expand_dims(cover > 0, -1), giver["image"], example["image"])
    below = covered(example, cover, smallest=smallest, visible=visible)
    joined = {name: tf.concat([below[name], giver[name]], 0) for name in below if name != "image"}
    return joined | {"image": image}


def covered(example, cover, *, smallest=2.0, visible=0.1):
    """The example's objects without what lies under `cover`, uint8 [h, w]; tight boxes."""
    masks, boxes = example["masks"], example["boxes"]
    side = masks.shape[1]
    under = read_cells(cover[tf.newaxis], boxes, side)
    left = masks * (1 - under)
    whole = tf.reduce_sum(tf.cast(masks, tf.float32), [1, 2])
    share = tf.reduce_sum(tf.cast(left, tf.float32), [1, 2]) / tf.maximum(whole, 1.0)
    touched = (share < 1) & (whole > 0)
    example, drawn = drawn_in(example | {"masks": left}, boxes, touched)
    sides = tf.reduce_min(example["boxes"][:, 2:] - example["boxes"][:, :2], 1)
    good = drawn & (share >= visible) & (sides >= smallest)
    return kept(example, (example["classes"] >= 0) & (good | ~touched))


def _union(example, chosen, size):
    """The pixels of the chosen objects: uint8 [h, w]; one mask at a time, to save memory."""
    masks = tf.boolean_mask(example["masks"], chosen)
    boxes = tf.boolean_mask(example["boxes"], chosen)

    def add(total, one):
        mask, box = (part[tf.newaxis, tf.newaxis] for part in one)
        drawn = ops.paste_masks(mask, box, size=(size[0], size[1]))[0, 0]
        return tf.maximum(total, drawn)

    return tf.foldl(add, (masks, boxes), tf.zeros(size, tf.uint8))


def _inside(window, size):
    """bool [h, w, 1]: pixels in a window (x1, y1, x2, y2) of whole px."""
    y, x = (tf.range(side, dtype=tf.float32) for side in size)
    rows, columns = (y >= window[1]) & (y < window[3]), (x >= window[0]) & (x < window[2])
    return (tf.expand_dims(rows, 1) & tf.expand_dims(columns, 0))[..., tf.newaxis]


def _check_masks(example):
    if "masks" not in example:
        raise ValueError("Expected masks for copy-paste: give mask_side. Received: none")
