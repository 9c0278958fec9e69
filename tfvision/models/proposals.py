"""Region proposals: the network of Faster R-CNN that says where objects may be (Ren et al., 2015).

Anchors stand at every place of every level of a feature pyramid. The network gives each a score and
four numbers, by which it is moved to the object.
"""

import keras
import tensorflow as tf

from tfvision import ops
from tfvision.losses import detection


def network(channels, anchors, *, width=None, depth=1):
    """The head that slides over each level: 3x3 convolutions, then scores and four numbers each.

    inputs   float [b, h, w, channels]
    anchors  anchors at each place
    width    channels between; None: as the inputs
    depth    3x3 convolutions
    return   logits float32 [b, h * w * anchors], deltas float32 [b, h * w * anchors, 4]
    """
    def convolution(filters, size, **options):
        return keras.layers.Conv2D(
            filters, size, padding="same",
            kernel_initializer=keras.initializers.RandomNormal(stddev=0.01), **options,
        )

    x = features = keras.Input([None, None, channels], name="features")
    for _ in range(depth):
        x = convolution(width or channels, 3, activation="relu")(x)
    logits = convolution(anchors, 1, dtype="float32", name="logits")(x)
    deltas = convolution(4 * anchors, 1, dtype="float32", name="deltas")(x)
    rows = [keras.layers.Reshape([-1, n], dtype="float32")(y)
            for y, n in ((logits, 1), (deltas, 4))]
    return keras.Model(features, [rows[0][..., 0], rows[1]], name="proposals")


def anchors_of(levels, *, strides, sizes, ratios, whole=False):
    """The anchors of each level: list of float32 [n, 4], px; one size for each level.

    whole  as torchvision's: with edges in whole px, around the corners of the cells, whose strides
           are whole px, too: where a level has ceil(25 / 2) rows, they are a bit denser
    """
    if whole:
        image = strides[0] * tf.shape(levels[0])[1:3]
        return [
            ops.anchor_grid(tf.shape(level)[1:3], stride=image // tf.shape(level)[1:3],
                            sizes=[size], ratios=ratios, offset=0, whole=True)
            for level, size in zip(levels, sizes, strict=True)
        ]
    if len(levels) == 1:
        return [ops.anchor_grid(_size(levels[0]), stride=strides[0], sizes=sizes, ratios=ratios)]
    return [
        ops.anchor_grid(_size(level), stride=stride, sizes=[size], ratios=ratios)
        for level, stride, size in zip(levels, strides, sizes, strict=True)
    ]


def _size(level):
    """(rows, columns) of a map, as ints where they are known: so is then the number of anchors."""
    known = level.shape[1:3]
    return known.as_list() if known.is_fully_defined() else tf.shape(level)[1:3]


def paper_rule(iou, noise, *, count=128, positive=0.7, negative=0.3):
    """Which anchors learn what (section 3.1.2): an object where the IoU is over 0.7 or no anchor's
    is higher, none below 0.3; `count` of them at random, half of them objects if there are as many.

    iou      float32 [b, n, m], -1 for padding
    noise    float32 [b, n] in [0, 1)
    return   bool [b, n] of objects, bool [b, n] of background
    """
    most, _ = ops.best_object(iou)
    objects = ops.random_subset((most >= positive) | ops.is_best_box(iou), count // 2, noise)
    rest = count - tf.reduce_sum(tf.cast(objects, tf.int32), 1)
    nothing = (most < negative) & ~ops.is_best_box(iou)
    return objects, ops.random_subset(nothing, rest, noise)


def lecture_rule(iou, noise):
    """An anchor is an object where it overlaps one at all; all anchors count (lecture)."""
    objects = ops.best_object(iou)[0] > 0
    return objects, ~objects


def loss(logits, deltas, anchors, objects, rule, noise, *, beta=1 / 9):
    """The two terms of eq. 1, each a mean over the anchors that count: float32 [b] and [b].

    logits   float32 [b, n]
    deltas   float32 [b, n, 4]
    anchors  float32 [n, 4]
    objects  dict: "boxes" float32 [b, m, 4], "classes" int32 [b, m], -1 for padding, and "ignore"
             bool [b, m], for example crowds: anchors mostly inside them are no background
    rule     paper_rule or lecture_rule
    """
    boxes = objects["boxes"]
    real = (objects["classes"] >= 0) & ~objects["ignore"]
    all_anchors = tf.tile(tf.expand_dims(anchors, 0), [tf.shape(boxes)[0], 1, 1])
    iou = ops.overlaps(all_anchors, boxes, real)
    positive, negative = rule(iou, noise)
    negative &= ops.covered(all_anchors, boxes, objects["ignore"]) < 0.5
    target = ops.encode_boxes(
        tf.gather(boxes, ops.best_object(iou)[1], batch_dims=1), all_anchors
    )
    entropy = tf.nn.sigmoid_cross_entropy_with_logits(tf.cast(positive, tf.float32), logits)
    count = tf.reduce_sum(tf.cast(positive | negative, tf.float32), 1)
    apart = detection.smooth_l1(target, deltas, beta=beta)
    return (mean_where(positive | negative, entropy, count), mean_where(positive, apart, count))


def mean_where(chosen, values, count):
    """The sum of what is chosen [b, n] divided by count [b], 0 where nothing counts: [b]."""
    total = tf.reduce_sum(tf.where(chosen, values, tf.zeros_like(values)), 1)
    return total / tf.maximum(count, 1)


def propose(logits, deltas, anchors, size, *, before, after, iou_threshold=0.7, least=1.0):
    """The best boxes of all levels, of which none overlaps another of its level by much.

    logits   list of float32 [b, n], one per level; deltas [b, n, 4] and anchors [n, 4] alike
    size     (height, width) of the image, px: boxes are cut there
    before   the best of each level that are looked at
    after    boxes that are given out
    least    px: boxes with a shorter side are dropped
    return   boxes float32 [b, after, 4], scores float32 [b, after]; without gradient, zeros where
             there are fewer
    """
    kept = [_best_of_level(*level, size, before) for level in
            zip(logits, deltas, anchors, strict=True)]
    boxes, scores = (tf.concat(parts, 1) for parts in zip(*kept, strict=True))
    number = [tf.fill(tf.shape(part[1]), i) for i, part in enumerate(kept)]
    sides = boxes[..., 2:] - boxes[..., :2]
    scores = tf.where(tf.reduce_min(sides, -1) >= least, scores, -1.0)
    chosen = ops.nms(boxes, scores, k=after, iou_threshold=iou_threshold, score_threshold=-0.5,
                     classes=tf.concat(number, 1))
    return ops.take(boxes, chosen), ops.take(scores, chosen)


def _best_of_level(logits, deltas, anchors, size, count):
    """Boxes [b, k, 4] and scores 0..1 [b, k] of the level's best anchors."""
    n = tf.shape(logits)[1] if logits.shape[1] is None else logits.shape[1]
    k = min(count, n) if isinstance(n, int) else tf.minimum(count, n)
    scores, chosen = tf.math.top_k(tf.stop_gradient(logits), k)
    around = tf.gather(anchors, chosen)
    boxes = ops.decode_boxes(ops.take(tf.stop_gradient(deltas), chosen), around)
    return ops.clip_boxes(boxes, size), tf.sigmoid(scores)
