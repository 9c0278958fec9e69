"""Fast R-CNN: the image is seen once, and every proposal reads its part of the map.

Girshick, ICCV 2015.
"""

import keras
import tensorflow as tf

from tfvision import ops
from tfvision.models import given_boxes, roi_heads
from tfvision.models.base import System


def one_map(backbone):
    """A backbone that gives its last map only: float [b, h / s, w / s, c]."""
    return keras.Model(backbone.input, backbone.outputs[-1], name="one_map")


@keras.saving.register_keras_serializable("tfvision")
class FastRCNN(System):
    """Says of given boxes what they show, and moves them.

    backbone    keras.Model, RGB 0..255 float [b, h, w, 3] -> one map [b, h / stride, w / stride, c]
    head        keras.Model from roi_heads.box_head
    size        (rows, columns) that images are letterboxed to, multiples of the stride
    stride      px of the image per pixel of the map
    pooling     how regions are read: "max" (RoI pooling, section 2.1) or "align" (RoIAlign)
    coding, distance  of boxes, as in roi_heads.loss
    box_weight  of the boxes' loss (lambda in eq. 1)
    background  least overlap of what is learned as background; the paper's is 0.1
    seed        of the regions that are drawn to learn from, `regions` of each image
    proposed    boxes that are looked at in an image, the first ones
    count       most objects of an image; threshold, overlap, before: as in roi_heads.detections
    """

    def __init__(self, backbone, head, *, size, stride, pooling="max", coding="delta",
                 distance="smooth_l1", box_weight=1.0, background=0.0, seed=0, regions=64,
                 proposed=300, count=100, threshold=0.05, overlap=0.3, before=1000, **options):
        super().__init__(**options)
        self.backbone, self.head = backbone, head
        self.size, self.stride, self.pooling = tuple(size), stride, pooling
        self.coding, self.distance = coding, distance
        self.box_weight, self.background = box_weight, background
        self.seed, self.regions, self.proposed = seed, regions, proposed
        self.count, self.threshold = count, threshold
        self.overlap, self.before = overlap, before
        self.make_means("loss", "classes", "boxes")
        self.built = True

    def get_config(self):
        names = ("backbone", "head", "size", "stride", "pooling", "coding", "distance",
                 "box_weight", "background", "seed", "regions", "proposed", "count", "threshold",
                 "overlap", "before")
        return {name: getattr(self, name) for name in names}

    def call(self, image, boxes, training=False):
        """Objects in images RGB 0..255, float [b, h, w, 3]: dict as roi_heads.detections.

        boxes  float32 [b, proposed, 4], px of these images; those without size are padding
        """
        return roi_heads.detections(
            *self.said(image, boxes, training), boxes, tf.shape(image)[1:3], coding=self.coding,
            count=self.count, threshold=self.threshold, iou_threshold=self.overlap,
            before=self.before,
        )

    def said(self, image, boxes, training):
        """Scores and four numbers for each box: [b, r, classes + 1] and [b, r, classes, 4]."""
        features = self.backbone(image, training=training)
        bins = {"size": self.head.input_shape[1], "stride": self.stride}
        read = ops.roi_pool if self.pooling == "max" else ops.roi_align
        return roi_heads.over_rois(self.head, read(features, boxes, **bins), training)

    def train_step(self, batch):
        """One step on both losses together (section 2.3)."""
        with tf.GradientTape() as tape:
            parts = self.losses_of(batch, training=True)
            loss = self.total(parts)
        self.descend(tape, loss, self.optimizer, self.trainable_weights)
        return self.track(loss=loss, **parts)

    def test_step(self, batch):
        parts = self.losses_of(batch, training=False)
        return self.track(loss=self.total(parts), **parts)

    def total(self, parts):
        return tf.reduce_mean(parts["classes"] + self.box_weight * parts["boxes"])

    def losses_of(self, batch, training):
        """The loss terms of a batch of data.proposal_batches: dict of float32 [b]."""
        drawn = batch["proposals"].shape[1] + batch["boxes"].shape[1]
        noise = ops.example_uniform(batch["index"], drawn, seed=self.seed, purpose=1)
        rois = roi_heads.sample(batch["proposals"], batch, noise, count=self.regions,
                                background=self.background)
        said = self.said(tf.cast(batch["image"], tf.float32), rois["boxes"], training)
        classes, boxes = roi_heads.loss(*said, rois, batch, coding=self.coding,
                                        distance=self.distance)
        return {"classes": classes, "boxes": boxes}

    @tf.function(reduce_retracing=True)
    def look(self, image, boxes):
        """`call` on letterboxed images, uint8 [b, rows, columns, 3], as a graph."""
        return self(tf.cast(image, tf.float32), boxes)

    @tf.function(reduce_retracing=True)
    def detect(self, image, proposals):
        """Objects in images of any size: uint8 [b, h, w, 3], float32 [b, r, 4] px -> dict.

        "boxes" float32 [b, count, 4] in px of these images, "scores", "class_ids" and "count" as in
        roi_heads.detections. Of more than `proposed` boxes the first ones are looked at.
        """
        sheet, boxes, view = given_boxes.seen(image, proposals, self.size, self.proposed)
        return given_boxes.restored(self(sheet, boxes), image, view)
