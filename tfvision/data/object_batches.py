"""Dense batches of an ObjectSet: for training as a function of the step, for evaluation in order.

Both make dicts of

    image    uint8 [b, rows, columns, 3] RGB
    boxes    float32 [b, m, 4], (x1, y1, x2, y2) px of this image, inside it; zeros where empty
    classes  int32 [b, m]; -1 in empty slots, which stand behind the others
    ignore   bool [b, m]: crowd or difficult; neither object nor background
    masks    uint8 [b, m, s, s], 0 or 1: each fills its box (only with mask_side=s)

and object_batches adds "index" int64 [b], as data.stream; in_order adds "row", "view" and "size".
A mask of s = 56 cells takes 3 KB whatever the image's size is. The target of a mask head for a
region that is matched to object j, [b, r], is what lies of j's mask inside of it:

    own = tf.gather(boxes, j, batch_dims=1)                                # [b, r, 4]
    sides = tf.maximum(own[..., 2:] - own[..., :2], 1e-6)
    cells = (regions - tf.tile(own[..., :2], [1, 1, 2])) / tf.tile(sides, [1, 1, 2]) * s + 1
    targets = ops.crop_masks(tf.pad(masks, [[0, 0], [0, 0], [1, 1], [1, 1]]), cells, j, size=28)
"""

import threading

import numpy as np
import tensorflow as tf

from tfvision.data import box_augment
from tfvision.data.stream import stream
from tfvision.data.views import canvas_of, shown, slotted


def object_batches(
    objects, *, size, batch_size, seed, start_step=0, slots=None, mask_side=None, change=None,
    memory=1024, worker=None, workers=None,
):
    """Endless batches: every epoch in a new order, each image with its own random change.

    Batch s is the same whether the data set starts at step s or earlier, and the batches of all
    workers, put one behind the other, are the batch of a single one (data.stream).

    objects     an ObjectSet
    size        of the batch's images, px: a side, or (rows, columns)
    batch_size  images per step, of all workers together
    slots       m; default: as many as the fullest image needs
    mask_side   s, cells along the side of a mask; None: no masks
    change      (fetch, row, seed, size=, slots=) -> example, such as box_augment.change with its
                options bound by functools.partial; default: the letterboxed image
    memory      MB of decoded images that are kept; changes no result
    worker, workers   as data.stream has them
    return      tf.data.Dataset of dicts, see above
    raises      ValueError for numbers that make no sense
    """
    size = canvas_of(size)
    fetch = Fetch(objects, mask_side, memory)
    slots = fetch.slots if slots is None else slots
    if slots < objects.most:
        raise ValueError(f"Expected slots >= {objects.most}, what one image needs. "
                         f"Received: {slots=}")
    change = change or box_augment.letterbox

    @tf.autograph.experimental.do_not_convert  # Nothing to convert, and it takes seconds.
    def example(row, seed):
        return change(fetch, row["row"], seed, size=size, slots=slots)

    rows = {"row": np.arange(len(objects))}
    return stream(rows, batch_size=batch_size, seed=seed, start_step=start_step, augment=example,
                  worker=worker, workers=workers)


def in_order(objects, *, size, batch_size, mask_side=None, slots=None):
    """Every image once, letterboxed, in batches of one size; dicts of arrays, see above. Also

        row     int64 [b], the place in `objects`; -1 for what only fills up the last batch
        size    int32 [b, 2], (h, w) px of the image as it is
        view    float32 [b, 4], (scale x, scale y, x, y): a point p of the image is at
                p * scale + (x, y) in the batch's; metrics.detection.found takes boxes back

    raises  DataError, naming the file, where an image cannot be decoded
    """
    size, slots = canvas_of(size), slots or max(objects.most, 1)
    for first in range(0, len(objects), batch_size):
        parts = [shown(one, size, slots, mask_side) for one in objects[first : first + batch_size]]
        rows = np.full([batch_size], -1)
        rows[: len(parts)] = np.arange(first, first + len(parts))
        parts += parts[-1:] * (batch_size - len(parts))
        batch = {name: np.stack([part[name] for part in parts]) for name in parts[0]}
        yield batch | {"row": rows}


class Fetch:
    """(row int64 scalar) -> example of that record, in a graph, as box_geometry.py has examples.

    count    rows
    slots    m, at least 1
    """

    def __init__(self, objects, mask_side=None, memory=1024):
        self.objects, self.mask_side = objects, mask_side
        self.count, self.slots = len(objects), max(objects.most, 1)
        self._room, self._kept, self._lock = memory * 1e6, {}, threading.Lock()
        if mask_side and not objects.masked:
            raise ValueError(f"Expected a data set with masks. Received: {mask_side=}, no masks")

    def __call__(self, row):
        kinds = [tf.uint8, tf.float32, tf.int32, tf.bool]
        shapes = [[None, None, 3], [self.slots, 4], [self.slots], [self.slots]]
        names = ["image", "boxes", "classes", "ignore"]
        if self.mask_side:
            kinds, names = [*kinds, tf.uint8], [*names, "masks"]
            shapes.append([self.slots, self.mask_side, self.mask_side])
        values = tf.numpy_function(self._arrays, [row], kinds)
        found = dict(zip(names, values, strict=True))
        for value, shape in zip(values, shapes, strict=True):
            value.set_shape(shape)
        return found

    def _arrays(self, row):
        """The record's arrays; those read from files are kept while there is room."""
        row = int(row)
        if row not in self._kept:
            record = self.objects[row]
            parts = slotted(record, self.slots, self.mask_side)
            arrays = [record.pixels(), *parts.values()]
            with self._lock:
                need = arrays[0].nbytes if not isinstance(record.image, np.ndarray) else 0
                if need > self._room:
                    return arrays
                self._room -= need if row not in self._kept else 0
                self._kept[row] = arrays
        return self._kept[row]
