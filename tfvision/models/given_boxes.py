"""Images of any size, and boxes that were given for them, as a detector of fixed size sees them."""

import tensorflow as tf

from tfvision import ops

GREY = 128  # Beyond a letterboxed image, as in training.


def seen(image, boxes, size, count):
    """The images letterboxed, and the first `count` boxes in their px.

    image   uint8 [b, h, w, 3], any size
    boxes   float32 [b, r, 4] (x1, y1, x2, y2), px of these images, any number; those without size
            are padding
    return  float32 [b, *size, 3], float32 [b, count, 4] with zeros behind, view as ops.letterbox
    """
    sheet, view = ops.letterbox(tf.cast(image, tf.float32), size, fill=GREY)
    boxes = tf.pad(boxes, [[0, 0], [0, count], [0, 0]])
    boxes = tf.slice(boxes, [0, 0, 0], [-1, count, 4])
    real = tf.expand_dims(ops.box_area(boxes) > 0, -1)
    moved = boxes * tf.tile(view[:2], [2]) + tf.tile(view[2:], [2])
    return sheet, tf.where(real, ops.clip_boxes(moved, size), 0.0), view


def restored(found, image, view):
    """What was found, as roi_heads.detections has it, in px of the images."""
    boxes = (found["boxes"] - tf.tile(view[2:], [2])) / tf.tile(view[:2], [2])
    there = tf.expand_dims(found["scores"] > 0, -1)
    boxes = tf.where(there, ops.clip_boxes(boxes, tf.shape(image)[1:3]), 0.0)
    return found | {"boxes": boxes}
