"""PointNet: classes and parts of unordered point sets (Qi, Su, Mo and Guibas, CVPR 2017)."""

import keras
import numpy as np
import tensorflow as tf

from tfvision import ops
from tfvision.layers.alignment import TNet, orthogonality
from tfvision.layers.point_encoder import PointEncoder
from tfvision.layers.point_heads import ClassHead, PointHead
from tfvision.models.base import System

DROPOUT = 16  # Purpose of the noise; the pipeline's purposes are smaller.
GRID = 4096  # Points of a grid that are looked at at a time.


def classifier(
    classes, *, channels=3, width=1.0, input_transform=True, feature_transform=True,
    symmetric="max", momentum=0.9, **options,
):
    """The classification network: 3,473,969 trained weights, for 40 classes.

    classes    how many
    channels   numbers of a point: its coordinates
    width      of all layers, as a share of the paper's
    input_transform, feature_transform  whether points and features are aligned by T-Nets
    symmetric  "max" (eq. 20), "sum" (eq. 21) or "mean"
    options    of PointNet
    """
    norm = {"momentum": momentum}
    small, large = scaled((64, 128, 1024), width), scaled((512, 256), width)
    encoder = PointEncoder(
        scaled((64, 64), width), scaled((64, 128), width), small[-1], symmetric=symmetric, **norm,
        transform=(
            TNet(small, large, name="input_transform", **norm) if input_transform else None,
            TNet(small, large, name="feature_transform", **norm) if feature_transform else None,
        ),
    )
    head = ClassHead(large, classes, **norm)
    return PointNet(encoder, head, channels=channels, **options)


def part_segmenter(
    parts, *, channels=3, width=1.0, input_transform=True, feature_transform=True,
    symmetric="max", momentum=0.9, **options,
):
    """The network for parts of objects whose category is known (fig. 9, and the authors' code).

    parts   bool [categories, k]: which parts an object of each category can have
    """
    norm, small = {"momentum": momentum}, scaled((64, 128, 1024), width)
    encoder = PointEncoder(
        scaled((64, 128, 128), width), scaled((512,), width), scaled((2048,), width)[0],
        symmetric=symmetric, **norm,
        transform=(
            TNet(small, scaled((128, 128), width), name="input_transform", **norm)
            if input_transform else None,
            TNet(small, scaled((512, 256), width), name="feature_transform", **norm)
            if feature_transform else None,
        ),
    )
    parts = np.asarray(parts, bool)
    head = PointHead(scaled((256, 256, 128), width), parts.shape[1], **norm)
    return PointNet(encoder, head, channels=channels, parts=parts, steps="all", **options)


def semantic_segmenter(
    classes, *, channels=9, width=1.0, symmetric="max", momentum=0.9, **options
):
    """The network for scenes, points of 9 numbers, without T-Nets as in the authors' code."""
    norm = {"momentum": momentum}
    encoder = PointEncoder(
        scaled((64, 64), width), scaled((64, 128), width), scaled((1024,), width)[0],
        symmetric=symmetric, **norm,
    )
    squeeze, hidden = scaled((256, 128), width), scaled((512, 256), width)
    head = PointHead(hidden, classes, squeeze=squeeze, **norm)
    return PointNet(encoder, head, channels=channels, steps="last", **options)


def scaled(widths, width):
    """Widths of layers as a share of the paper's, at least 1."""
    return tuple(max(round(w * width), 1) for w in widths)


@keras.saving.register_keras_serializable("tfvision")
class PointNet(System):
    """Learns classes of point sets, or parts of their points.

    encoder   layers.PointEncoder
    head      ClassHead, or PointHead
    channels  numbers of a point
    steps     of a PointHead, which features of each point it sees: "all" steps' or the "last"'s
    parts     bool [categories, k]: which parts each category has; None where sets have no category
    keep      share of the channels that dropout keeps, before the last layer
    penalty   weight of ||I - A Aᵀ||², of the feature T-Net, the mean of the batch's matrices
    points    of a set, in exported files of fixed size; elsewhere any number
    align     sets are turned to their principal axes first, see ops.along_axes
    seed      of the noise
    """

    def __init__(
        self, encoder, head, *, channels=3, steps="last", parts=None, keep=0.7, penalty=1e-3,
        points=1024, align=False, seed=0, **options,
    ):
        super().__init__(**options)
        if not 0 < keep <= 1 or steps not in ("all", "last"):
            raise ValueError(
                f"Expected 0 < keep <= 1 and steps 'all' or 'last'. Received: {keep=}, {steps=}"
            )
        if align and channels != 3:
            raise ValueError(f"Expected align of points of 3 coordinates. Received: {channels=}")
        self.encoder, self.head, self.channels, self.steps = encoder, head, channels, steps
        self.parts = None if parts is None else np.asarray(parts, bool)
        self.keep, self.penalty, self.points, self.seed = keep, penalty, points, seed
        self.align = align
        self.pointwise = isinstance(head, PointHead)
        self._build()
        self.make_means("loss", "accuracy", "penalty")
        self.built = True

    def _build(self):
        """Creates all weights: from the sizes of what the encoder gives."""
        if not self.encoder.built:
            self.encoder.build((None, None, self.channels))
        steps = [*self.encoder.before, *self.encoder.after, self.encoder.pool.dense]
        top, local = steps[-1].units, sum(s.units for s in self._seen(steps))
        whole = top + (0 if self.parts is None else len(self.parts))
        if not self.head.built:
            shapes = [(None, None, local), (None, whole)] if self.pointwise else (None, top)
            self.head.build(shapes)

    def _seen(self, steps):
        return steps if self.steps == "all" else steps[-1:]

    def get_config(self):
        names = ("encoder", "head", "channels", "steps", "keep", "penalty", "points",
                 "align", "seed")
        parts = None if self.parts is None else self.parts.tolist()
        return {name: getattr(self, name) for name in names} | {"parts": parts}

    def call(self, points, training=False, category=None):
        """Logits float32 of points [b, n, d] as they are: [b, k], of a PointHead [b, n, k]."""
        return self.answer(points, category, training=training)[0]

    def answer(self, points, category=None, keep=None, training=False):
        """Logits, and the matrix of the feature T-Net, float32 [b, d, d] or None.

        points    float [b, n, d]
        category  int [b], where there are categories
        keep      factors of dropout, see the heads
        """
        local, whole, matrices = self.encoder(
            points, training=training, pointwise=self.pointwise
        )
        if not self.pointwise:
            return self.head(whole, keep=keep, training=training), matrices[1]
        if self.parts is not None:
            one = tf.one_hot(category, len(self.parts), dtype=whole.dtype)
            whole = tf.concat([whole, one], -1)
        local = tf.concat(self._seen(local), -1)
        return self.head((local, whole), keep=keep, training=training), matrices[1]

    def train_step(self, batch):
        """One step on the cross-entropy of classes or parts, and the T-Net's penalty.

        batch   points float [b, n, d]; label int [b], of a PointHead the sets' category if they
                have one; part int [b, n]; index int64 [b], as data.stream counts
        """
        truth = batch["part"] if self.pointwise else batch["label"]
        keep = self.dropout(batch["index"], batch["points"].shape[1])
        with tf.GradientTape() as tape:
            logits, matrix = self.answer(batch["points"], batch.get("label"), keep, training=True)
            loss = tf.reduce_mean(
                tf.nn.sparse_softmax_cross_entropy_with_logits(labels=truth, logits=logits)
            )
            penalty = 0.0 if matrix is None else tf.reduce_mean(orthogonality(matrix))
            total = loss + self.penalty * penalty
        self.descend(tape, total, self.optimizer, self.trainable_weights)
        return self.track(loss=loss, accuracy=accuracy(logits, truth), penalty=penalty)

    def dropout(self, index, n):
        """Factors of dropout: float32 [b, c], of a PointHead [b, n, c]; they belong to examples."""
        if self.keep == 1:
            return None
        size = self.head.width * (n if self.pointwise else 1)
        noise = ops.example_uniform(index, size, seed=self.seed, purpose=DROPOUT)
        keep = tf.cast(noise < self.keep, tf.float32) / self.keep
        return tf.reshape(keep, [-1, n, self.head.width]) if self.pointwise else keep

    @tf.function(reduce_retracing=True)
    def logits(self, points, category=None):
        """As `call` in inference, compiled: of points as they are."""
        return self(points, training=False, category=category)

    @tf.function(reduce_retracing=True)
    def posed(self, points):
        """Sets as the network knows them: in the unit sphere and, with `align`, along their axes.

        points   float [b, n, d]
        return   float [b, n, d]
        """
        return ops.in_unit_sphere(ops.along_axes(points) if self.align else points)

    @tf.function(reduce_retracing=True)
    def classify(self, points):
        """What sets of any scale, at any place, show.

        points   float [b, n, d]
        return   probabilities float32 [b, k]; critical int32 [b, c], the point that gives each
                 feature of the set, -1 for features that none has (or g is not the maximum)
        """
        points = self.posed(points)
        local, _ = self.encoder.local(points)
        features = self.encoder.pool.dense(local[-1])
        whole = self.encoder.joined(features)
        critical = tf.where(whole > 0, tf.argmax(features, 1, output_type=tf.int32), -1)
        if self.encoder.symmetric != "max":
            critical = -tf.ones_like(critical)
        return tf.nn.softmax(self.head(whole)), critical

    @tf.function(reduce_retracing=True)
    def segment(self, points, category=None):
        """The part of each point; of objects with a category, only parts that it has.

        points    float [b, n, d]; of objects, of any scale and at any place
        category  int32 [b]
        return    labels int32 [b, n], probabilities float32 [b, n, k]
        """
        points = points if self.parts is None else self.posed(points)
        logits = self(points, training=False, category=category)
        if self.parts is not None:
            far = tf.gather(tf.constant(np.where(self.parts, 0, -1e9), tf.float32), category)
            logits += tf.expand_dims(far, 1)
        return tf.argmax(logits, -1, output_type=tf.int32), tf.nn.softmax(logits)

    @tf.function(reduce_retracing=True)
    def critical(self, points):
        """Which points give a maximum, of the set or in a T-Net: bool [b, n].

        The critical set (section 4.3): without the others, nothing changes. Of points with
        equal features, the first. Points [b, n, d] are taken as they are.
        """
        n, found = tf.shape(points)[1], tf.zeros(tf.shape(points)[:2], bool)
        for features in self.encoder.maxima(points):
            index = tf.argmax(features, 1, output_type=tf.int32)  # [b, c]
            index = tf.where(tf.reduce_max(features, 1) > 0, index, -1)
            found |= tf.reduce_any(tf.one_hot(index, n, True, False, dtype=bool), 1)
        return found

    def below(self, points, places):
        """Which places could be points as well, with no maximum changed: bool [b, m].

        Those of a grid are the upper-bound set (section 4.3).

        points   float [b, n, d], as they are
        places   float [m, d]
        """
        parts = [self._below(points, places[i : i + GRID]) for i in range(0, len(places), GRID)]
        return np.concatenate([part.numpy() for part in parts], 1)

    @tf.function(reduce_retracing=True)
    def _below(self, points, places):
        _, matrices = self.encoder.local(points)
        places = tf.broadcast_to(places, tf.concat([tf.shape(points)[:1], tf.shape(places)], 0))
        pairs = zip(
            self.encoder.maxima(points), self.encoder.maxima(places, matrices), strict=True
        )
        return tf.reduce_all([
            tf.reduce_all(new <= tf.reduce_max(old, 1, keepdims=True), 2) for old, new in pairs
        ], 0)


def accuracy(logits, truth):
    """Share of right answers."""
    best = tf.argmax(logits, -1, output_type=tf.int32)
    return tf.reduce_mean(tf.cast(best == tf.cast(truth, tf.int32), tf.float32))
