"""Batches of an ObjectSet with boxes that were proposed for its images, flipped with them.

Both functions make the dicts of object_batches.py, without masks, and add

    proposals   float32 [b, count, 4], (x1, y1, x2, y2) px of the batch's image; zeros behind

Images are letterboxed, and only mirrored (as in R-CNN and Fast R-CNN) and recoloured: that needs no
new proposals.
"""

import threading

import numpy as np
import tensorflow as tf

from tfvision import ops
from tfvision.data.box_augment import recoloured
from tfvision.data.box_geometry import flipped, where
from tfvision.data.object_batches import in_order
from tfvision.data.stream import stream
from tfvision.data.views import canvas_of, shown

NAMES = ("image", "boxes", "classes", "ignore", "proposals")


def proposal_batches(
    objects, proposals, *, size, count, batch_size, seed, start_step=0, flip=0.5, colour=0.0,
    memory=1024, worker=None, workers=None,
):
    """Endless batches, a function of the step as those of object_batches.

    objects     an ObjectSet
    proposals   a list of float32 [n, 4], px of each record's image, the likely ones first
    size        of the batch's images, px: a side, or (rows, columns)
    count       proposals of each image: the first ones
    flip        share of images that are mirrored left to right, 0..1
    colour      largest relative change of brightness, contrast and saturation, 0..1
    memory      MB of letterboxed images that are kept; changes no result
    return      tf.data.Dataset of dicts, with "index" as data.stream has it
    """
    fetch = Fetch(objects, proposals, canvas_of(size), count, memory)

    @tf.autograph.experimental.do_not_convert  # Nothing to convert, and it takes seconds.
    def example(row, seed):
        turn, paint = tf.unstack(tf.random.split(seed))
        one = fetch(row["row"])
        chosen = tf.random.stateless_uniform([], turn) < flip
        one = tf.cond(chosen, lambda: mirrored(one), lambda: dict(one))
        image = tf.round(recoloured(one["image"], paint, colour, colour, colour))
        return one | {"image": tf.cast(image, tf.uint8)}

    rows = {"row": np.arange(len(objects))}
    return stream(rows, batch_size=batch_size, seed=seed, start_step=start_step, augment=example,
                  worker=worker, workers=workers)


def in_order_with(objects, proposals, *, size, count, batch_size):
    """Every image once, as object_batches.in_order, with its proposals: dicts of arrays."""
    size = canvas_of(size)
    for batch in in_order(objects, size=size, batch_size=batch_size):
        boxes = [proposals[row] if row >= 0 else [] for row in batch["row"]]
        rows = zip(boxes, batch["view"], strict=True)
        yield batch | {"proposals": np.stack([in_view(b, view, size, count) for b, view in rows])}


def in_view(boxes, view, size, count):
    """The first boxes [n, 4] of an image, px, on its canvas: float32 [count, 4], zeros behind."""
    boxes = np.reshape(np.asarray(boxes, np.float32), [-1, 4])[:count]
    moved = boxes * np.tile(view[:2], 2) + np.tile(view[2:], 2)
    moved = np.clip(moved, 0, np.float32([*size[::-1]] * 2))
    return np.pad(moved, [(0, count - len(moved)), (0, 0)])


def mirrored(example):
    """The example and its proposals, mirrored left to right."""
    boxes = ops.flip_boxes(example["proposals"], tf.shape(example["image"])[1])
    real = ops.box_area(example["proposals"]) > 0
    return flipped(example) | {"proposals": where(real, boxes)}


class Fetch:
    """(row int64 scalar) -> the letterboxed example of that record, in a graph."""

    def __init__(self, objects, proposals, size, count, memory):
        if len(objects) != len(proposals):
            raise ValueError("Expected proposals for every image. "
                             f"Received: {len(proposals)} for {len(objects)} images")
        self.objects, self.proposals, self.size, self.count = objects, proposals, size, count
        self.slots = max(objects.most, 1)
        self._room, self._kept, self._lock = memory * 1e6, {}, threading.Lock()

    def __call__(self, row):
        kinds = [tf.uint8, tf.float32, tf.int32, tf.bool, tf.float32]
        m = self.slots
        shapes = [[*self.size, 3], [m, 4], [m], [m], [self.count, 4]]
        values = tf.numpy_function(self._arrays, [row], kinds)
        for value, shape in zip(values, shapes, strict=True):
            value.set_shape(shape)
        return dict(zip(NAMES, values, strict=True))

    def _arrays(self, row):
        """The record's arrays, kept while there is room."""
        row = int(row)
        if row not in self._kept:
            one = shown(self.objects[row], self.size, self.slots)
            one["proposals"] = in_view(self.proposals[row], one["view"], self.size, self.count)
            arrays = [one[name] for name in NAMES]
            with self._lock:
                need = sum(array.nbytes for array in arrays)
                if row in self._kept or need > self._room:
                    return arrays
                self._room -= need
                self._kept[row] = arrays
        return self._kept[row]
