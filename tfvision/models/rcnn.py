"""R-CNN: every proposal is warped to one size and looked at by itself.

Girshick, Donahue, Darrell and Malik, CVPR 2014. A network is trained to tell the classes of warped
regions; then linear support vector machines and a ridge regression of the boxes, which rcnn_fitting
finds, read its features. They are dense layers of the model.
"""

import keras
import tensorflow as tf

from tfvision import ops
from tfvision.models import backbones, given_boxes, roi_heads
from tfvision.models.base import System

WHOLE, CONTEXT = 227, 16  # px of the paper's warped region, and of what is around the box in it.


def network(*, side, widths=(16, 32, 64, 96), depth=1, units=128):
    """What looks at a warped region: convolutions, and a dense layer on their last map.

    inputs  float [n, side, side, 3], RGB 0..255
    return  map [n, p], flat, and features [n, units]
    """
    body = backbones.small(widths=widths, depth=depth)
    crops = keras.Input([side, side, 3], name="crops")
    flat = keras.layers.Flatten()(body(crops)[-1])
    dense = keras.layers.Dense(units, activation="relu", kernel_initializer="he_normal",
                               dtype="float32")
    return keras.Model(crops, [flat, dense(flat)], name="network")


def with_context(boxes):
    """Boxes [..., 4] so much larger that, once warped, 16 of 227 px on each side are around it."""
    centre = (boxes[..., :2] + boxes[..., 2:]) / 2
    half = (boxes[..., 2:] - boxes[..., :2]) / 2 * (WHOLE / (WHOLE - 2 * CONTEXT))
    return tf.concat([centre - half, centre + half], -1)


def warp(image, boxes, side):
    """Each box, with context, stretched to a square: bilinear, the pixels' grey beyond the image.

    image   float [b, h, w, 3], 0..255
    boxes   float32 [b, r, 4], px
    return  float [b, r, side, side, 3]
    """
    grey = tf.cast(given_boxes.GREY, image.dtype)
    bins = {"size": side, "stride": 1, "sampling_ratio": 1}
    return ops.roi_align(image - grey, with_context(boxes), **bins) + grey


@keras.saving.register_keras_serializable("tfvision")
class RCNN(System):
    """Says of given boxes what they show, and moves them.

    network     keras.Model from `network`
    classes     how many
    size        (rows, columns) that images are letterboxed to
    judge       what scores are: "svm", the sigmoid of the machines' scores, or "softmax", the
                network's probabilities
    regress     whether boxes are moved
    seed        of the regions that are drawn to learn from, `regions` of each image
    proposed    boxes that are looked at in an image, the first ones
    count       most objects of an image; threshold, overlap, before: as in roi_heads.detections
    """

    def __init__(self, network, *, classes, size, judge="svm", regress=True, seed=0, regions=32,
                 proposed=300, count=100, threshold=0.05, overlap=0.3, before=1000, **options):
        super().__init__(**options)
        self.network, self.classes, self.size = network, classes, tuple(size)
        self.judge, self.regress = judge, regress
        self.seed, self.regions, self.proposed = seed, regions, proposed
        self.count, self.threshold = count, threshold
        self.overlap, self.before = overlap, before
        flat, features = (shape[1] for shape in network.output_shape)
        self.softmax = dense(classes + 1, features, "softmax", trainable=True)
        self.machines = dense(classes, features, "machines", trainable=False)
        self.regressor = dense(4 * classes, flat, "regressor", trainable=False)
        self.fitted = self.add_weight(
            name="fitted", shape=[], dtype="int64", initializer="zeros", trainable=False
        )  # Steps of the network after which machines and regression were found; 0: not yet.
        self.make_means("loss", "accuracy")
        self.built = True

    def get_config(self):
        names = ("network", "classes", "size", "judge", "regress", "seed", "regions", "proposed",
                 "count", "threshold", "overlap", "before")
        return {name: getattr(self, name) for name in names}

    def call(self, image, boxes, judge=None, training=False):
        """Objects in images RGB 0..255, float [b, h, w, 3]: dict as roi_heads.detections.

        boxes  float32 [b, proposed, 4], px of these images; those without size are padding
        judge  None: the model's own
        """
        flat, features = self.described(image, boxes, training)
        moved = tf.repeat(tf.expand_dims(boxes, 2), self.classes, 2)
        if self.regress:
            shape = [-1, boxes.shape[1], self.classes, 4]
            moved = ops.decode_boxes(tf.reshape(self.regressor(flat), shape), moved)
        return roi_heads.best_boxes(
            self.scores(features, judge or self.judge), moved, boxes, tf.shape(image)[1:3],
            count=self.count, threshold=self.threshold, iou_threshold=self.overlap,
            before=self.before,
        )

    def described(self, image, boxes, training=False):
        """What the network makes of each box: [b, r, p] and [b, r, d]."""
        crops = warp(image, boxes, self.network.input_shape[1])
        return roi_heads.over_rois(self.network, crops, training)

    def scores(self, features, judge):
        """0..1 of each class: [b, r, classes]. A machine's margin, score 1, is at 0.73."""
        if judge == "svm":
            return tf.sigmoid(self.machines(features))
        return tf.nn.softmax(self.softmax(features))[..., 1:]

    def train_step(self, batch):
        """One step of fine-tuning: which class each region shows, or none (section 2.3)."""
        with tf.GradientTape() as tape:
            entropy, right = self.told(batch, training=True)
            loss = tf.reduce_mean(entropy)
        self.descend(tape, loss, self.optimizer, self.trainable_weights)
        return self.track(loss=loss, accuracy=right)

    def test_step(self, batch):
        entropy, right = self.told(batch, training=False)
        return self.track(loss=entropy, accuracy=right)

    def told(self, batch, training):
        """Cross-entropy and share of right answers of a batch of data.proposal_batches: [b]."""
        drawn = batch["proposals"].shape[1] + batch["boxes"].shape[1]
        noise = ops.example_uniform(batch["index"], drawn, seed=self.seed, purpose=1)
        rois = roi_heads.sample(batch["proposals"], batch, noise, count=self.regions)
        image = tf.cast(batch["image"], tf.float32)
        logits = self.softmax(self.described(image, rois["boxes"], training)[1])
        counts = tf.cast(rois["counts"], tf.float32)
        entropy = tf.nn.sparse_softmax_cross_entropy_with_logits(rois["label"], logits)
        right = tf.cast(tf.argmax(logits, -1, tf.int32) == rois["label"], tf.float32)
        total = tf.maximum(tf.reduce_sum(counts, 1), 1)
        return tuple(tf.reduce_sum(part * counts, 1) / total for part in (entropy, right))

    def is_fitted(self):
        """Whether machines and regression belong to the network as it is now."""
        return 0 < int(self.fitted.numpy()) == int(self.optimizer.iterations.numpy())

    @tf.function(reduce_retracing=True)
    def look(self, image, boxes, judge=None):
        """`call` on letterboxed images, uint8 [b, rows, columns, 3], as a graph."""
        return self(tf.cast(image, tf.float32), boxes, judge=judge)

    @tf.function(reduce_retracing=True)
    def detect(self, image, proposals):
        """Objects in images of any size: uint8 [b, h, w, 3], float32 [b, r, 4] px -> dict.

        "boxes" float32 [b, count, 4] in px of these images, "scores", "class_ids" and "count" as in
        roi_heads.detections. Of more than `proposed` boxes the first ones are looked at.
        """
        sheet, boxes, view = given_boxes.seen(image, proposals, self.size, self.proposed)
        return given_boxes.restored(self(sheet, boxes), image, view)


def dense(units, inputs, name, *, trainable):
    """A dense layer with its weights, small random ones where it is trained, else zeros."""
    start = keras.initializers.RandomNormal(stddev=0.01) if trainable else "zeros"
    layer = keras.layers.Dense(units, kernel_initializer=start, dtype="float32", name=name,
                               trainable=trainable)
    layer.build([None, inputs])
    return layer
