"""Boxes, anchors, non-maximum suppression."""

from functools import partial

import numpy as np
import tensorflow as tf

from tfvision import ops

RANDOM = np.random.default_rng(0)
CORNER = RANDOM.uniform(0, 60, [2, 90, 2])
BOXES = np.concatenate([CORNER, CORNER + RANDOM.uniform(2, 40, [2, 90, 2])], -1).astype(np.float32)
ODD = np.float32([[[5, 5, 5, 5], [9, 9, 2, 2], [np.nan, 0, 9, 9], [0, 0, np.inf, 9], [0, 0, 9, 9]]])
MIXED = np.concatenate([BOXES[:, 5:], np.tile(ODD, [2, 1, 1])], 1)
SCORES = RANDOM.random([2, 90], np.float32).round(1)  # Ties among them.
SCORES[1, ::7] = np.nan
CLASSES = RANDOM.integers(0, 3, [2, 90]).astype(np.int32)
DELTAS = RANDOM.normal(0, 2, [2, 90, 4]).astype(np.float32)
DELTAS[0, :2, 2:] = [[99, -99], [np.nan, 0]]
NOTHING = np.zeros([2, 0, 4], np.float32)
SIZES = np.float32([[40, 50], [30, 70]])


def classwise(boxes, scores, classes):
    return ops.nms(boxes, scores, k=12, classes=classes, score_threshold=0.05)


def grid(features):
    return ops.anchor_grid(tf.shape(features)[1:3], stride=8, sizes=(16, 24), base=16)


def case(op, *inputs, function=None, dynamic=(0, 1)):
    return {"op": op, "function": function or getattr(ops, op), "inputs": list(inputs),
            "dynamic": dynamic, "onnx": True}


CASES = [
    case("box_area", BOXES), case("box_area", ODD),
    case("box_iou", BOXES, BOXES[:, :7]), case("box_iou", ODD, ODD),
    case("box_iou", NOTHING, BOXES),
    case("generalized_iou", BOXES, BOXES[:, ::-1]), case("generalized_iou", ODD, ODD[:, ::-1]),
    case("encode_boxes", BOXES, BOXES[:, ::-1]), case("encode_boxes", ODD, BOXES[:1, :5]),
    case("decode_boxes", DELTAS, BOXES),
    case("clip_boxes", BOXES, SIZES, dynamic=(0,)), case("clip_boxes", ODD, SIZES[:1]),
    case("flip_boxes", BOXES, function=partial(ops.flip_boxes, width=100)),
    case("centres_from_boxes", BOXES), case("boxes_from_centres", BOXES),
    case("pyramid_level", 30 * BOXES), case("pyramid_level", ODD),
    case("anchor_grid", np.zeros([1, 5, 7, 3], np.float32), function=grid, dynamic=(0, 1, 2)),
    case("nms", MIXED, SCORES, function=partial(ops.nms, k=30, iou_threshold=0.3)),
    case("nms", MIXED, SCORES, CLASSES, function=classwise),
    case("nms", NOTHING, NOTHING[..., 0], function=partial(ops.nms, k=2)),
    case("nms", MIXED, SCORES, function=partial(ops.nms, k=30, impl="matrix")),
]
