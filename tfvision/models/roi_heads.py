"""What is learned about regions of interest: their class, their box and their mask.

Fast R-CNN (Girshick, 2015), as Faster and Mask R-CNN use it. Class 0 is the background.
"""

import keras
import tensorflow as tf

from tfvision import ops
from tfvision.losses import detection

WEIGHTS = (10.0, 10.0, 5.0, 5.0)  # Of the four numbers of a box: about unit variance.


def box_head(*, classes, channels, size=7, units=(256, 256), dropout=0.0, convolutions=(),
             unused=0):
    """Dense layers, then a score for each class and four numbers for each but the background.

    convolutions  channels of 3x3 convolutions before the dense layers
    unused   classes that the scores know and nobody asks for: they count as background
    inputs   float [n, size, size, channels]
    return   logits float32 [n, classes + 1], deltas float32 [n, classes, 4]
    """
    def dense(units, deviation, name):
        init = keras.initializers.RandomNormal(stddev=deviation)
        return keras.layers.Dense(units, kernel_initializer=init, dtype="float32", name=name)

    x = features = keras.Input([size, size, channels], name="features")
    for n in convolutions:
        x = keras.layers.Conv2D(
            n, 3, padding="same", activation="relu", kernel_initializer="he_normal"
        )(x)
    x = keras.layers.Flatten()(x)
    for n in units:
        x = keras.layers.Dense(n, activation="relu", kernel_initializer="he_normal")(x)
        x = keras.layers.Dropout(dropout)(x) if dropout else x
    deltas = dense(4 * classes, 0.001, "deltas")(x)
    deltas = keras.layers.Reshape([classes, 4], dtype="float32")(deltas)
    logits = dense(classes + 1 + unused, 0.01, "logits")(x)
    logits = joined(logits, classes) if unused else logits
    return keras.Model(features, [logits, deltas], name="box_head")


def joined(logits, classes):
    """Logits [n, 1 + classes] from [n, 1 + classes + unused]; the classes' softmax is the same."""
    nothing = keras.ops.concatenate([logits[:, :1], logits[:, classes + 1 :]], -1)
    nothing = keras.ops.logsumexp(nothing, -1, keepdims=True)
    return keras.ops.concatenate([nothing, logits[:, 1 : classes + 1]], -1)


def mask_head(*, classes, channels, size=14, width=64, depth=4):
    """Convolutions, one that doubles the map, and a mask for each class (He et al., 2017, fig. 4).

    inputs   float [n, size, size, channels]
    return   logits float32 [n, 2 * size, 2 * size, classes]
    """
    x = features = keras.Input([size, size, channels], name="features")
    for _ in range(depth):
        x = keras.layers.Conv2D(
            width, 3, padding="same", activation="relu", kernel_initializer="he_normal"
        )(x)
    x = keras.layers.Conv2DTranspose(
        width, 2, strides=2, activation="relu", kernel_initializer="he_normal"
    )(x)
    logits = keras.layers.Conv2D(classes, 1, dtype="float32", name="logits")(x)
    return keras.Model(features, logits, name="mask_head")


def over_rois(head, features, training=False):
    """A head on all regions' features [b, r, s, s, c]: its outputs, each [b, r, ...]."""
    outputs = head(tf.reshape(features, [-1, *features.shape[2:]]), training=training)
    return tf.nest.map_structure(
        lambda y: tf.reshape(y, [-1, features.shape[1], *y.shape[1:]]), outputs
    )


def sample(proposals, objects, noise, *, count=128, share=0.25, foreground=0.5, background=0.0):
    """The regions to learn from: at most `share` of them objects, the rest background, at random.

    proposals   float32 [b, n, 4]; those without size are padding
    objects     dict: "boxes" float32 [b, m, 4], "classes" int32 [b, m] with -1 for padding, and
                "ignore" bool [b, m], for example crowds: regions mostly inside do not count. The
                objects' own boxes become proposals, too
    noise       float32 [b, n + m], in [0, 1)
    foreground  IoU from which on a region shows an object
    background  IoU from which on to there it shows background; Fast R-CNN's is 0.1
    return      dict: "boxes" float32 [b, count, 4]; "label" int32 [b, count], 0 for background;
                "object" int32 [b, count], the best overlapping one; "counts" bool [b, count]
    """
    ignore = objects["ignore"]
    real = (objects["classes"] >= 0) & ~ignore
    own = tf.where(tf.expand_dims(real, 2), objects["boxes"], 0.0)
    boxes = tf.stop_gradient(tf.concat([proposals, own], 1))
    iou, best = ops.best_object(ops.overlaps(boxes, objects["boxes"], real))
    usable = (ops.box_area(boxes) > 0) & (ops.covered(boxes, objects["boxes"], ignore) < 0.5)
    shown = ops.random_subset(usable & (iou >= foreground), int(count * share), noise)
    empty = usable & (iou < foreground) & (iou >= background)
    order = tf.where(shown, 2.0, tf.where(empty, 1.0, -1.0)) - noise  # Objects come first.
    value, chosen = tf.math.top_k(order, count)
    label = tf.gather(objects["classes"], best, batch_dims=1) + 1
    label = tf.where(shown, label, 0)
    return {
        "boxes": tf.gather(boxes, chosen, batch_dims=1),
        "label": tf.gather(label, chosen, batch_dims=1),
        "object": tf.gather(best, chosen, batch_dims=1),
        "counts": value > -1,
    }


def loss(logits, deltas, rois, objects, *, coding="delta", distance="smooth_l1"):
    """-log p of the right class, and for objects the distance of the box (eq. 1): [b] and [b].

    Both are means over the regions that count, so that a batch with few objects is not moved more.

    logits    float32 [b, r, classes + 1]
    deltas    float32 [b, r, classes, 4]; of them those of the right class count
    rois      dict from `sample`
    coding    what the four numbers are: "delta" (Girshick et al., 2014) or the lecture's
              "corners", in sizes of the region
    distance  "smooth_l1", "l1", "l2" (the lecture's squared error) or "giou"
    """
    label, counts = rois["label"], tf.cast(rois["counts"], tf.float32)
    entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(label, logits)
    ours = tf.gather(deltas, tf.maximum(label - 1, 0), batch_dims=2)
    target = tf.gather(objects["boxes"], rois["object"], batch_dims=1)
    apart = box_distance(ours, target, rois["boxes"], coding, distance)
    shown = tf.cast(label >= 1, tf.float32) * counts  # [c >= 1]
    total = tf.maximum(tf.reduce_sum(counts, 1), 1)
    return (tf.reduce_sum(entropy * counts, 1) / total,
            tf.reduce_sum(tf.where(shown > 0, apart, 0.0), 1) / total)


def box_distance(numbers, target, rois, coding, distance):
    """How far predicted boxes are from their targets: [...], from [..., 4] each."""
    if distance == "giou":
        return detection.generalized_iou(target, decode(numbers, rois, coding))
    wanted = encode(target, rois, coding)
    if distance == "l2":
        return tf.reduce_sum((numbers - wanted) ** 2, -1)
    return detection.smooth_l1(wanted, numbers, beta=1.0 if distance == "smooth_l1" else 0.0)


def encode(boxes, rois, coding):
    """What the head should say of boxes [..., 4], for regions [..., 4]."""
    if coding == "delta":
        return ops.encode_boxes(boxes, rois, weights=WEIGHTS)
    return (boxes - rois) / _sides(rois) * WEIGHTS[0]


def decode(numbers, rois, coding):
    """Boxes [..., 4] from what the head says."""
    if coding == "delta":
        return ops.decode_boxes(numbers, rois, weights=WEIGHTS)
    return rois + numbers / WEIGHTS[0] * _sides(rois)


def _sides(rois):
    """Width, height, width, height of boxes, at least a thousandth of a pixel."""
    sides = tf.maximum(rois[..., 2:] - rois[..., :2], 1e-3)
    return tf.concat([sides, sides], -1)


def mask_targets(masks, rois, objects, size):
    """What lies of its object's mask inside each region: float32 [b, r, size, size], 0 or 1.

    masks    uint8 [b, m, s, s], each fills its object's box
    """
    cells = masks.shape[2]
    own = tf.gather(objects["boxes"], rois["object"], batch_dims=1)
    first = tf.concat([own[..., :2]] * 2, -1)
    inside = (rois["boxes"] - first) / _sides(own) * cells + 1
    around = tf.pad(masks, [[0, 0], [0, 0], [1, 1], [1, 1]])
    return tf.cast(ops.crop_masks(around, inside, rois["object"], size=size), tf.float32)


def mask_loss(logits, rois, truth, *, distance="cross_entropy"):
    """Mean over the regions of objects of their class's mask against the truth: [b].

    He et al., section 3.

    logits    float32 [b, r, s, s, classes]; other classes than the right one have no gradient
    truth     float32 [b, r, s, s] from mask_targets
    distance  "cross_entropy", or the lecture's "l2" of the probability
    """
    ours = tf.gather(tf.transpose(logits, [0, 1, 4, 2, 3]), tf.maximum(rois["label"] - 1, 0),
                     batch_dims=2)
    if distance == "l2":
        apart = (tf.sigmoid(ours) - truth) ** 2
    else:
        apart = tf.nn.sigmoid_cross_entropy_with_logits(truth, ours)
    shown = tf.cast((rois["label"] >= 1) & rois["counts"], tf.float32)
    per_region = tf.reduce_mean(apart, [2, 3]) * shown
    return tf.reduce_sum(per_region, 1) / tf.maximum(tf.reduce_sum(shown, 1), 1)


def detections(logits, deltas, rois, size, *, coding="delta", count=100, threshold=0.05,
               iou_threshold=0.5, before=400, least=0.0):
    """The final boxes of an image: each class by itself, without those that overlap a better one.

    logits     float32 [b, r, classes + 1], deltas float32 [b, r, classes, 4]
    rois       float32 [b, r, 4]; those without size give nothing
    size       (height, width) of the image, px
    count      most boxes of an image
    threshold  least probability
    before     most candidates, of all classes together, that are compared
    least      px: boxes with a shorter side are dropped
    return     dict: "boxes" float32 [b, count, 4], "scores" float32 [b, count], "class_ids" int32
               [b, count] from 0 on, best first, zeros behind the last; "count" int32 [b]
    """
    scores = tf.nn.softmax(logits)[..., 1:]
    boxes = decode(deltas, tf.expand_dims(rois, 2), coding)
    return best_boxes(scores, boxes, rois, size, count=count, threshold=threshold,
                      iou_threshold=iou_threshold, before=before, least=least)


def best_boxes(scores, boxes, rois, size, *, count, threshold, iou_threshold, before=400,
               least=0.0):
    """As `detections`, from a score float32 [b, r, classes] above 0 and a box float32 [b, r,
    classes, 4] that each region has for each class."""
    classes = scores.shape[2]
    n = rois.shape[1] * classes
    scores = tf.where(tf.expand_dims(ops.box_area(rois) > 0, 2), scores, 0.0)
    boxes = ops.clip_boxes(tf.reshape(boxes, [-1, n, 4]), size)
    scores = tf.reshape(scores, [-1, n])
    if least:
        sides = tf.reduce_min(boxes[..., 2:] - boxes[..., :2], -1)
        scores = tf.where(sides >= least, scores, 0.0)
    scores, best = tf.math.top_k(scores, min(before, n))
    boxes = tf.gather(boxes, best, batch_dims=1)
    label = best % classes
    chosen = ops.nms(boxes, scores, k=count, iou_threshold=iou_threshold,
                     score_threshold=threshold, classes=label)
    return {
        "boxes": ops.take(boxes, chosen),
        "scores": ops.take(scores, chosen),
        "class_ids": ops.take(label, chosen),
        "count": tf.reduce_sum(tf.cast(chosen >= 0, tf.int32), 1),
    }
