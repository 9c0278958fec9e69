"""Search among many vectors."""

from functools import partial

import numpy as np
import tensorflow as tf

from tfvision import ops

RANDOM = np.random.default_rng(0)
GALLERY = RANDOM.normal(size=[60, 9]).astype(np.float32)
QUERIES = np.concatenate([GALLERY[:2], RANDOM.normal(size=[3, 9]).astype(np.float32)])
NUMBERS = RANDOM.integers(-127, 128, [60, 9], np.int8)
SCALES = RANDOM.uniform(0.01, 0.02, 60).astype(np.float32)


def packed(queries, gallery, scales):
    return ops.nearest(queries, gallery, k=4, scales=scales)


def inside(queries, *, gallery, scales=None):
    """With a gallery that is part of the graph."""
    return ops.nearest(queries, tf.constant(gallery), k=4, scales=scales)


CASES = [
    {"op": "nearest", "function": partial(ops.nearest, k=4), "inputs": [QUERIES, GALLERY],
     "onnx": True},
    {"op": "nearest", "function": partial(ops.nearest, k=60), "inputs": [QUERIES, GALLERY],
     "dynamic": (), "onnx": True},
    {"op": "nearest", "function": packed, "inputs": [QUERIES, NUMBERS, SCALES], "onnx": True},
    {"op": "nearest", "function": partial(inside, gallery=GALLERY), "inputs": [QUERIES],
     "onnx": True},
    {"op": "nearest", "function": partial(inside, gallery=NUMBERS, scales=SCALES),
     "inputs": [QUERIES], "onnx": True},
]
