"""Faster and Mask R-CNN: a network proposes regions, another says what they show.

Ren et al., NeurIPS 2015; with a feature pyramid, Lin et al., CVPR 2017; with masks, He et al.,
ICCV 2017.
"""

import keras
import tensorflow as tf

from tfvision import ops
from tfvision.models import proposals, roi_heads
from tfvision.models.base import System

GREY = 128  # Beyond a letterboxed image, as in training.


@keras.saving.register_keras_serializable("tfvision")
class FasterRCNN(System):
    """Finds objects: boxes, classes and, with a mask head, their pixels.

    backbone  keras.Model, RGB 0..255 float [b, h, w, 3] -> list of maps, finest first
    rpn       keras.Model from proposals.network
    head      keras.Model from roi_heads.box_head
    masks     None, or keras.Model from roi_heads.mask_head
    size      (rows, columns) that images are letterboxed to, multiples of the last stride
    strides   px of the image per pixel of each map
    sizes     px of the anchors of each map; of a single map all of them
    ratios    height / width of the anchors
    rule      which anchors learn: "paper", or the lecture's: all, as objects where they overlap one
    coding, distance  of boxes, as in roi_heads.loss; mask_distance as in roi_heads.mask_loss
    seed      of the anchors and regions that are drawn to learn from
    regions   drawn of each image; proposed: while training, and afterwards
    count     most objects of an image; threshold, overlap, before: as in roi_heads.detections
    pooled    levels that regions are read from, the finest; None: all
    aligned   as in ops.roi_align
    whole     anchors as torchvision's, see proposals.anchors_of
    candidates  boxes of each level that compete, per proposed box
    least     px, sides of the smallest proposal and of the smallest object
    """

    def __init__(self, backbone, rpn, head, masks=None, *, size, strides, sizes,
                 ratios=(0.5, 1.0, 2.0), rule="paper", coding="delta", distance="smooth_l1",
                 mask_distance="cross_entropy", seed=0, regions=64, proposed=(200, 100), count=100,
                 threshold=0.05, overlap=0.5, before=400, pooled=None, aligned=True, whole=False,
                 candidates=2, least=(1.0, 0.0), **options):
        super().__init__(**options)
        self.backbone, self.rpn, self.head, self.masks = backbone, rpn, head, masks
        self.size, self.ratios = tuple(size), tuple(ratios)
        self.strides, self.sizes = tuple(strides), tuple(sizes)
        self.rule, self.coding, self.distance = rule, coding, distance
        self.mask_distance, self.seed, self.regions = mask_distance, seed, regions
        self.proposed, self.count = tuple(proposed), count
        self.threshold, self.overlap, self.before = threshold, overlap, before
        self.pooled, self.aligned, self.whole = pooled, aligned, whole
        self.candidates, self.least = candidates, tuple(least)
        self.make_means("loss", "objectness", "anchor_boxes", "classes", "boxes",
                        *(["masks"] if masks else []))
        self.built = True

    def get_config(self):
        names = ("backbone", "rpn", "head", "masks", "size", "strides", "sizes", "ratios",
                 "rule", "coding", "distance", "mask_distance", "seed", "regions", "proposed",
                 "count", "threshold", "overlap", "before", "pooled", "aligned", "whole",
                 "candidates", "least")
        return {name: getattr(self, name) for name in names}

    def call(self, image, training=False):
        """Objects in images RGB 0..255, float [b, h, w, 3]: dict as roi_heads.detections.

        Sides are multiples of the last stride. With a mask head also "mask_crops"
        float32 [b, count, s, s], probabilities inside each box.
        """
        levels = tf.nest.flatten(self.backbone(image, training=training))
        anchors = self.anchors(levels)
        boxes, _ = self.propose(*self.scored(levels), anchors, tf.shape(image)[1:3],
                                self.proposed[1])
        features = self.features(levels, boxes, self.head)
        found = roi_heads.detections(
            *roi_heads.over_rois(self.head, features), boxes, tf.shape(image)[1:3],
            coding=self.coding, count=self.count, threshold=self.threshold,
            iou_threshold=self.overlap, before=self.before, least=self.least[1],
        )
        return found if self.masks is None else found | {"mask_crops": self.mask(levels, found)}

    def train_step(self, batch):
        """One step on the losses of both stages together (Ren et al., section 3.2)."""
        with tf.GradientTape() as tape:
            parts = self.losses_of(batch, training=True)
            loss = tf.add_n([tf.reduce_mean(part) for part in parts.values()])
        self.descend(tape, loss, self.optimizer, self.trainable_weights)
        return self.track(loss=loss, **parts)

    def test_step(self, batch):
        parts = self.losses_of(batch, training=False)
        loss = tf.add_n([tf.reduce_mean(part) for part in parts.values()])
        return self.track(loss=loss, **parts)

    def losses_of(self, batch, training):
        """The loss terms of a batch of data.object_batches: dict of float32 [b]."""
        image = tf.cast(batch["image"], tf.float32)
        image = tf.ensure_shape(image, [None, *self.size, 3])  # Workers' batches forget it.
        levels = tf.nest.flatten(self.backbone(image, training=training))
        anchors = self.anchors(levels)
        logits, deltas = self.scored(levels)
        flat = tf.concat(anchors, 0)
        parts = dict(zip(("objectness", "anchor_boxes"), proposals.loss(
            tf.concat(logits, 1), tf.concat(deltas, 1), flat, batch, self.anchor_rule(),
            self.noise(batch, flat.shape[0], 1),
        ), strict=True))
        boxes, _ = self.propose(logits, deltas, anchors, tf.shape(image)[1:3],
                                self.proposed[0])
        drawn = boxes.shape[1] + batch["boxes"].shape[1]
        rois = roi_heads.sample(boxes, batch, self.noise(batch, drawn, 2), count=self.regions)
        outputs = roi_heads.over_rois(
            self.head, self.features(levels, rois["boxes"], self.head), training)
        parts |= dict(zip(("classes", "boxes"), roi_heads.loss(
            *outputs, rois, batch, coding=self.coding, distance=self.distance), strict=True))
        if self.masks is not None:
            parts["masks"] = self.mask_loss(levels, rois, batch, training)
        return parts

    def anchors(self, levels):
        """The anchors of each level: list of float32 [n, 4]."""
        return proposals.anchors_of(
            levels, strides=self.strides, sizes=self.sizes, ratios=self.ratios, whole=self.whole
        )

    def scored(self, levels):
        """Scores and four numbers of all anchors: two lists, an entry per level."""
        return tuple(zip(*(self.rpn(level) for level in levels), strict=True))

    def propose(self, logits, deltas, anchors, size, count):
        """The boxes [b, count, 4] that the first stage finds, and their scores [b, count]."""
        return proposals.propose(
            logits, deltas, anchors, size, before=self.candidates * count, after=count,
            least=self.least[0],
        )

    def anchor_rule(self):
        return proposals.lecture_rule if self.rule == "lecture" else proposals.paper_rule

    def noise(self, batch, count, purpose):
        """Uniform numbers float32 [b, count] that belong to the batch's examples."""
        return ops.example_uniform(batch["index"], count, seed=self.seed, purpose=purpose)

    def features(self, levels, boxes, head):
        """What a head sees of regions [b, r, 4]: float [b, r, s, s, c]."""
        return ops.roi_align(
            levels[: self.pooled], boxes, size=head.input_shape[1],
            stride=self.strides[: self.pooled], aligned=self.aligned,
        )

    def mask_loss(self, levels, rois, batch, training):
        """Of the regions of objects, which come first."""
        most = max(1, self.regions // 4)
        rois = {name: values[:, :most] for name, values in rois.items()}
        logits = roi_heads.over_rois(
            self.masks, self.features(levels, rois["boxes"], self.masks), training)
        truth = roi_heads.mask_targets(batch["masks"], rois, batch, logits.shape[2])
        return roi_heads.mask_loss(logits, rois, truth, distance=self.mask_distance)

    @tf.function(reduce_retracing=True, autograph=False)
    def look(self, image):
        """`call` on letterboxed images, uint8 [b, rows, columns, 3], as a graph."""
        return self(tf.cast(image, tf.float32))

    @tf.function(reduce_retracing=True, autograph=False)
    def detect(self, image):
        """Objects in images of any size: uint8 [b, h, w, 3] -> dict.

        "boxes" float32 [b, count, 4] in px of these images, "scores", "class_ids" and "count" as in
        roi_heads.detections; with a mask head also "masks" uint8 [b, count, h, w].
        """
        size = tf.shape(image)[1:3]
        sheet, view = ops.letterbox(tf.cast(image, tf.float32), self.size, fill=GREY)
        found = self(sheet)
        boxes = (found["boxes"] - tf.tile(view[2:], [2])) / tf.tile(view[:2], [2])
        there = tf.expand_dims(found["scores"] > 0, -1)
        found["boxes"] = tf.where(there, ops.clip_boxes(boxes, size), 0.0)
        if self.masks is not None:
            found["masks"] = ops.paste_masks(
                found.pop("mask_crops"), found["boxes"], size=tf.unstack(size)
            )
        return found

    def mask(self, levels, found):
        """Probabilities float32 [b, count, s, s] of each object's own class, inside its box."""
        logits = roi_heads.over_rois(self.masks, self.features(levels, found["boxes"], self.masks))
        own = tf.gather(tf.transpose(logits, [0, 1, 4, 2, 3]), found["class_ids"], batch_dims=2)
        return tf.sigmoid(own)
