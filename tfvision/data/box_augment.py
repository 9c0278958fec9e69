"""Random changes of images with boxes and masks, stateless: the same seed makes the same change.

`change` is the whole recipe, as object_batches takes it; its steps are in box_geometry.py and
box_mixing.py. Boxes and masks follow the image; what is cut too small is gone.
"""

import numpy as np
import tensorflow as tf

from tfvision.data.box_geometry import cut, fitted, flipped, packed, placed
from tfvision.data.box_mixing import paste, tiled

LUMA = np.float32([0.299, 0.587, 0.114])


def change(
    fetch, row, seed, *, size, slots, flip=0.5, scale=(1.0, 1.0), stretch=0.0, brightness=0.0,
    contrast=0.0, saturation=0.0, hue=0.0, mosaic=0.0, copy_paste=0.0, smallest=2.0, visible=0.1,
):
    """Flip, scale jitter, crop, mosaic, copy-paste and other colours of the image of a row.

    fetch       (row) -> example, with fetch.count rows
    row         int64 scalar
    seed        int32 [2]
    size        (rows, columns) of the result, px
    slots       m of the result; where more boxes remain, the largest stay
    flip        share of images that are mirrored left to right, 0..1
    scale       smallest and largest size relative to the letterboxed image; above 1 is a random
                crop, below 1 a random place on grey. Large-scale jitter: (0.1, 2.0)
    stretch     largest logarithm of the change of aspect
    brightness, contrast, saturation   largest relative change, 0..1
    hue         largest turn, of a full one, 0..0.5
    mosaic      share of images that are four rows' images around a random point, 0..1
    copy_paste  share of images that get half of the objects of another one; needs masks
    smallest    px; a box with a shorter side is dropped
    visible     share of a box (of a mask, under copy_paste) that must be left, else it is dropped
    return      example with image uint8 [rows, columns, 3] and m = slots
    """
    seeds = tf.unstack(tf.random.split(seed, 7))
    chance = tf.random.stateless_uniform([2], seeds[0])
    least = {"smallest": smallest, "visible": visible}

    def one(row, seed):
        turn, place = tf.unstack(tf.random.split(seed))
        example = jittered(mirrored(fetch(row), turn, flip), place, size, scale, stretch)
        return packed(cut(example, **least), slots)

    def four():
        rows = tf.concat([[row], other_rows(fetch, seeds[2], 3)], 0)
        turns = tf.unstack(tf.random.split(seeds[3], 4))
        parts = [mirrored(fetch(rows[i]), turn, flip) for i, turn in enumerate(turns)]
        return packed(tiled(parts, seeds[1], size, **least), slots)

    def pasted():
        giver = one(other_rows(fetch, seeds[4], 1)[0], seeds[5])
        return packed(paste(example, giver, seeds[6], **least), slots)

    example = maybe(chance[0] < mosaic, four, lambda: one(row, seeds[1]), mosaic)
    example = maybe(chance[1] < copy_paste, pasted, lambda: example, copy_paste)
    strengths = brightness, contrast, saturation, hue
    image = recoloured(example["image"], seeds[2], *strengths)
    return example | {"image": tf.cast(tf.round(image), tf.uint8)}


def maybe(chosen, changed, same, share):
    """changed() where `chosen`, else same(); without a choice where `share` is 0."""
    return tf.cond(chosen, changed, same) if share else same()


def letterbox(fetch, row, seed, *, size, slots):
    """The image of a row as large as fits, in the middle of grey; takes what `change` takes."""
    example = fetch(row)
    shape = tf.cast(tf.shape(example["image"])[:2], tf.float32)
    inner, corner = fitted(shape, tf.constant(size, tf.float32))
    example = packed(cut(placed(example, inner / shape, corner, size), smallest=0.0), slots)
    return example | {"image": tf.cast(tf.round(example["image"]), tf.uint8)}


def jittered(example, seed, size, scale, stretch=0.0):
    """The image at a random size, aspect and place on (or beyond) a canvas; boxes not cut."""
    u = tf.random.stateless_uniform([4], seed)
    shape, canvas = tf.cast(tf.shape(example["image"])[:2], tf.float32), tf.constant(
        size, tf.float32
    )
    wide = tf.exp(stretch * (2 * u[1] - 1) / 2)
    ratio = tf.reduce_min(canvas / shape) * (scale[0] + (scale[1] - scale[0]) * u[0])
    ratios = ratio * tf.stack([1 / wide, wide])
    corner = (canvas - shape * ratios) * u[2:]
    return placed(example, ratios, corner, size)


def mirrored(example, seed, share):
    """The example, mirrored with a chance of `share`."""
    chosen = tf.random.stateless_uniform([], seed) < share
    return tf.cond(chosen, lambda: flipped(example), lambda: dict(example))


def recoloured(image, seed, brightness=0.0, contrast=0.0, saturation=0.0, hue=0.0):
    """float32 [h, w, 3], 0..255, with other colours: one matrix, so that grey stays grey.

    Saturation blends with the pixel's luma, hue turns around the grey axis, contrast blends with
    the mean luma of the image, brightness scales.
    """
    u = 2 * tf.random.stateless_uniform([4], seed) - 1
    image = tf.cast(image, tf.float32)
    if not any((brightness, contrast, saturation, hue)):
        return image
    bright, harsh, vivid = (1 + limit * u[i] for i, limit in
                            enumerate((brightness, contrast, saturation)))
    angle = 2 * np.pi * hue * u[3]
    cross = tf.constant([[0, 1, -1], [-1, 0, 1], [1, -1, 0]], tf.float32) / np.sqrt(3)
    turn = tf.cos(angle) * tf.eye(3) + (1 - tf.cos(angle)) / 3 + tf.sin(angle) * cross
    fade = vivid * tf.eye(3) + (1 - vivid) * tf.constant(np.outer(LUMA, np.ones(3)), tf.float32)
    mean = tf.reduce_sum(tf.reduce_mean(image, [0, 1]) * LUMA)
    changed = tf.tensordot(image, harsh * turn @ fade, 1) + (1 - harsh) * mean
    return tf.clip_by_value(bright * changed, 0, 255)


def other_rows(fetch, seed, count):
    """Random rows, int64 [count]."""
    return tf.random.stateless_uniform([count], seed, 0, fetch.count, tf.int64)
