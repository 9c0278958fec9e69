"""Which of sorted boxes are kept: the loops of ops.nms.

A box is kept where it overlaps none that was kept before. Whether it is depends on better ones
alone; so repeating `keep = no better one that is kept overlaps` for all at once ends, whatever it
begins with, at the same answer as the loop over single boxes.
"""

import functools
import math

import tensorflow as tf

from tfvision.ops.boxes import intersection_and_union

TILE = 64  # Boxes that are decided, and kept boxes that are read, at once: fastest of 32..256.
LOWEST = -math.inf


def tiles_of(n):
    """How many tiles hold n boxes."""
    return (n + TILE - 1) // TILE


def tile_by_tile(k, threshold, boxes, order, scores, *classes):
    """Tile after tile, until k boxes are kept.

    A tile is compared with the boxes that were kept before, then with itself.

    boxes, order, scores, classes  float [b, n, 4], int32 [b, n], float [b, n], int32 [b, n]:
             best first, a whole number of tiles; what has the score -inf is never kept
    return   int32 [b, k]
    """
    usable = _usable(boxes, scores)
    b = tf.shape(scores)[0]
    columns = tf.transpose(boxes, [0, 2, 1])
    tiles, last = _tile_count(scores), TILE * tiles_of(k)

    def decide(i, count, selected, kept):
        ok, tile, own = _tile(usable, i), _tile(columns, i, 2), [_tile(c, i) for c in classes]
        ok &= ~_suppressed(kept, count, tile, threshold, own)
        over = _overlapping(_tile(boxes, i), tile, threshold, *own, *own)
        keep = _settled(over & _better(TILE), ok)
        slots = _slots(keep, count, k, last)
        selected = tf.tensor_scatter_nd_update(selected, slots, _tile(order, i))
        kept = [tf.tensor_scatter_nd_update(old, slots, _tile(new, i))
                for old, new in zip(kept, (boxes, *classes), strict=True)]
        count = tf.minimum(count + tf.reduce_sum(tf.cast(keep, tf.int32), 1), k)
        return i + 1, count, selected, kept

    empty = tf.fill([b, last + 1], -1)
    kept = [tf.zeros([b, last + 1, 4], boxes.dtype), *(empty for _ in classes)]
    begin = 0, tf.zeros([b], tf.int32), empty, kept
    more = functools.partial(_unfinished, tiles, k)
    return tf.while_loop(more, decide, begin)[2][:, :k]


def all_pairs(k, threshold, boxes, order, scores, *classes):
    """All pairs at once; arguments as of tile_by_tile, of any number of boxes."""
    columns = tf.transpose(boxes, [0, 2, 1])
    over = _overlapping(boxes, columns, threshold, *classes, *classes)
    keep = _settled(over & _better(tf.shape(scores)[1]), _usable(boxes, scores))
    b = tf.shape(scores)[0]
    slots = _slots(keep, tf.zeros([b], tf.int32), k, k)
    return tf.tensor_scatter_nd_update(tf.fill([b, k + 1], -1), slots, order)[:, :k]


def _usable(boxes, scores):
    return (scores > LOWEST) & tf.reduce_all(tf.abs(boxes) < math.inf, -1)


def _overlapping(rows, columns, threshold, *classes):
    """Which pairs suppress each other: bool [b, r, c].

    rows     boxes [b, r, 4]; columns [b, 4, c]: so XLA's loops run along c in vectors
    classes  none, or those of the rows [b, r] and of the columns [b, c]
    """
    rows = [tf.expand_dims(v, 2) for v in tf.unstack(rows, axis=2)]
    columns = [tf.expand_dims(v, 1) for v in tf.unstack(columns, axis=1)]
    intersection, union = intersection_and_union(rows, columns)
    over = intersection / union > threshold  # 0 / 0 is NaN, which is not.
    if classes:
        over &= tf.expand_dims(classes[0], 2) == tf.expand_dims(classes[1], 1)
    return over


def _settled(over, usable):
    """The fixed point: bool [b, c] of those that no better kept one overlaps.

    over    bool [b, c, c], of better boxes (rows) over worse ones (columns)
    usable  bool [b, c]
    """

    def again(keep, _):
        suppressed = tf.reduce_any(over & tf.expand_dims(keep, 2), 1)
        new = usable & ~suppressed
        return new, tf.reduce_any(new != keep)

    return tf.while_loop(lambda _, changed: changed, again, (usable, tf.constant(True)))[0]


def _better(n):
    """bool [n, n]: whether the row stands before the column."""
    return tf.expand_dims(tf.range(n), 1) < tf.expand_dims(tf.range(n), 0)


def _slots(keep, count, k, last):
    """Where the kept go in buffers [b, last + 1]: indices [b, n, 2]; the others go to the last."""
    place = tf.cumsum(tf.cast(keep, tf.int32), 1) - 1 + tf.expand_dims(count, 1)
    place = tf.where(keep & (place < k), place, last)
    image = tf.expand_dims(tf.range(tf.shape(keep)[0]), 1) + tf.zeros_like(place)
    return tf.stack([image, place], -1)


def _tile_count(scores):
    """How many tiles of an image have candidates: int32 [b]."""
    return tiles_of(tf.reduce_sum(tf.cast(scores > LOWEST, tf.int32), 1))


def _unfinished(tiles, k, i, count, *_):
    return tf.reduce_any((i < tiles) & (count < k))


def _suppressed(kept, count, tile, threshold, classes):
    """Whether the boxes of a tile overlap one that was kept: bool [b, TILE]."""
    chunks = tiles_of(tf.reduce_max(count))

    def compare(i, found):
        rows, *theirs = (_tile(x, i) for x in kept)
        over = _overlapping(rows, tile, threshold, *theirs, *classes)
        return i + 1, found | tf.reduce_any(over, 1)

    none = tf.zeros_like(tile[:, 0], tf.bool)
    return tf.while_loop(lambda i, _: i < chunks, compare, (0, none))[1]


def _tile(x, i, axis=1):
    """The i-th TILE entries of x along an axis; i is known to the running graph alone."""
    at, sizes = [0] * len(x.shape), [n or tf.shape(x)[a] for a, n in enumerate(x.shape)]
    at[axis], sizes[axis] = i * TILE, TILE
    return tf.slice(x, tf.stack(at), tf.stack(sizes))
