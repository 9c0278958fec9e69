"""Non-maximum suppression: exactly the greedy algorithm, in forms for CPUs, GPUs and exports."""

import functools
import numbers

import tensorflow as tf

from tfvision.ops.boxes import wide
from tfvision.ops.compiling import compiled, nested_loops, portable, under_xla
from tfvision.ops.suppression import LOWEST, TILE, all_pairs, tile_by_tile, tiles_of


def nms(boxes, scores, *, k, iou_threshold=0.5, score_threshold=LOWEST, classes=None, impl="auto"):
    """The k best boxes of which no two overlap by more than a threshold, best first.

    Exactly the greedy algorithm. Equal scores: the lower index first. Never selected are boxes
    whose score is NaN or not over score_threshold, and boxes with a coordinate that is not
    finite. Empty boxes (x2 <= x1 or y2 <= y1) overlap nothing. There is no gradient.

    boxes    float [b, n, 4], (x1, y1, x2, y2); n may be 0, b and n unknown
    scores   float [b, n]
    k        most boxes to select per image, a Python int
    iou_threshold    0..1, of the intersection over union as ops.box_iou has it
    score_threshold  only higher scores count
    classes  int [b, n]: only boxes of the same class suppress each other; None: all do
    impl     "auto"; "tiles": any runtime, in memory that is linear in n; "hybrid": the same with
             TensorFlow's top_k before a compiled core, for CPUs (compiles once for each k and
             number of images, and for n rounded up to a power of two); "matrix": all pairs at
             once in memory n * n, for GPUs. "auto" exports tiles; else it takes matrix where
             there is a GPU, tiles under XLA and hybrid otherwise; exports for int8 take matrix
    return   int32 [b, k], indices into n, -1 where fewer survive
    raises   ValueError where the shapes, k, iou_threshold or impl are none of these
    """
    boxes, scores = _constant(boxes), _constant(scores)
    _check(boxes, scores, k, iou_threshold, impl)
    scores = _ranked(scores, score_threshold)
    classes = [] if classes is None else [tf.cast(classes, tf.int32)]
    form = FORMS[_best() if impl == "auto" else impl]
    threshold = tf.cast(iou_threshold, boxes.dtype)
    selected = form(int(k), threshold, boxes, scores, *classes)
    return tf.ensure_shape(selected, [boxes.shape[0], k])


def _check(boxes, scores, k, iou_threshold, impl):
    if not (boxes.shape.is_compatible_with([None, None, 4])
            and scores.shape.is_compatible_with(boxes.shape[:2])):
        raise ValueError("Expected boxes [b, n, 4] and scores [b, n]. "
                         f"Received: boxes={boxes.shape}, scores={scores.shape}")
    if not isinstance(k, numbers.Integral) or k < 1:
        raise ValueError(f"Expected k as a positive int. Received: k={k!r}")
    if not tf.is_tensor(iou_threshold) and not 0 <= iou_threshold <= 1:
        raise ValueError(f"Expected iou_threshold in 0..1. Received: {iou_threshold=}")
    if impl not in ("auto", *FORMS):
        raise ValueError(f"Expected impl in {('auto', *FORMS)}. Received: {impl=}")


def _constant(x):
    return tf.stop_gradient(wide(x)[0])


def _ranked(scores, score_threshold):
    """Scores with -inf for what must not be selected, and no -0, which XLA sorts behind 0."""
    scores = tf.where(scores > score_threshold, scores, tf.constant(LOWEST, scores.dtype))
    return tf.where(scores == 0, tf.zeros([], scores.dtype), scores)


@functools.cache
def _gpu():
    return bool(tf.config.list_physical_devices("GPU"))


def _best():
    if portable() and not under_xla():
        return "tiles" if nested_loops() else "matrix"
    return "matrix" if _gpu() else "tiles" if under_xla() else "hybrid"


def _tiles(k, threshold, boxes, scores, *classes):
    boxes, scores, *classes = _padded(_tiled(_length(scores)), boxes, scores, *classes)
    return tile_by_tile(k, threshold, *_sorted(_length(scores), boxes, scores, *classes))


def _hybrid(k, threshold, boxes, scores, *classes):
    """The best 2 k first; where these yield less than k boxes, all."""
    n, some = scores.shape[1], _tiled(max(2 * k, 256))
    some = some if n is None else min(some, _power_of_two(n))
    core = _compiled(tile_by_tile, k)
    boxes, scores, *classes = _padded(some, boxes, scores, *classes)
    candidates = _sorted(some, boxes, scores, *classes)
    selected = core(threshold, *candidates)
    if n is not None and n <= some:
        return selected
    enough = (selected[:, -1] >= 0) | (candidates[2][:, -1] == LOWEST)

    def all_of_them():
        everything = _padded(_power_of_two(_length(scores)), boxes, scores, *classes)
        return core(threshold, *_sorted(_length(everything[1]), *everything))

    return tf.cond(tf.reduce_all(enough), lambda: selected, all_of_them)


def _matrix(k, threshold, boxes, scores, *classes):
    boxes, scores, *classes = _padded(tf.maximum(_length(scores), 1), boxes, scores, *classes)
    candidates = _sorted(_length(scores), boxes, scores, *classes)
    return _compiled(all_pairs, k)(threshold, *candidates)


FORMS = {"tiles": _tiles, "hybrid": _hybrid, "matrix": _matrix}


@functools.cache
def _compiled(function, k):
    return compiled(functools.partial(function, k))


def _length(scores):
    return scores.shape[1] or tf.shape(scores)[1]


def _tiled(n):
    """n rounded up to whole tiles, one at least; for ints and for tensors."""
    tiles = tiles_of(n)
    return TILE * (max(tiles, 1) if isinstance(n, int) else tf.maximum(tiles, 1))


def _power_of_two(n):
    """The next one that is a whole number of tiles."""
    if isinstance(n, int):
        return max(TILE, 1 << max(n - 1, 0).bit_length())
    sizes = tf.constant([1 << i for i in range(TILE.bit_length() - 1, 31)])
    return tf.reduce_min(tf.where(sizes >= n, sizes, sizes[-1]))


def _padded(size, boxes, scores, *classes):
    """At least `size` boxes: those that are added are never selected."""
    n = scores.shape[1]
    if n is not None and isinstance(size, int) and n >= size:
        return boxes, scores, *classes
    more = [[0, 0], [0, tf.maximum(size - tf.shape(scores)[1], 0)]]
    lowest = tf.constant(LOWEST, scores.dtype)
    scores = tf.pad(scores, more, constant_values=lowest)
    return tf.pad(boxes, [*more, [0, 0]]), scores, *(tf.pad(c, more) for c in classes)


def _sorted(count, boxes, scores, *classes):
    """The best `count` boxes, best first: boxes, their indices, scores and classes."""
    scores, order = tf.math.top_k(scores, count)
    boxes, *classes = (tf.gather(x, order, batch_dims=1) for x in (boxes, *classes))
    return boxes, order, scores, *classes
