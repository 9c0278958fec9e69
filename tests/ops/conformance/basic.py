"""Images and distances."""

from functools import partial

import numpy as np

from tfvision import ops

RANDOM = np.random.default_rng(0)
IMAGE = RANDOM.random([2, 9, 7, 3], np.float32)

CASES = [
    {"op": "area_resize", "function": partial(ops.area_resize, size=(4, 5)),
     "inputs": [IMAGE], "dynamic": (0, 1, 2), "onnx": True},
    {"op": "split_tiles", "function": partial(ops.split_tiles, tile=8, stride=4, margin=2),
     "inputs": [IMAGE], "dynamic": (0, 1, 2), "onnx": True},
    {"op": "join_tiles",
     "function": partial(ops.join_tiles, batch=1, height=5, width=7, stride=4),
     "inputs": [RANDOM.random([4, 4, 4, 3], np.float32)], "onnx": True},
    {"op": "pairwise_distances", "function": ops.pairwise_distances,
     "inputs": [RANDOM.random([6, 5], np.float32), RANDOM.random([4, 5], np.float32)],
     "atol": 1e-3, "onnx": True},
]
MEAN, TRIANGLE = RANDOM.random([3, 4], np.float32), np.tril(RANDOM.random([3, 4, 4], np.float32))
CASES += [
    {"op": "reparametrise", "function": ops.reparametrise, "onnx": True,
     "inputs": [MEAN, scale, RANDOM.random([3, 4], np.float32)]}
    for scale in (MEAN + 1, TRIANGLE + np.eye(4, dtype=np.float32))
]
CASES += [
    {"op": "log_variance", "function": ops.log_variance, "onnx": True,
     "inputs": [MEAN, TRIANGLE + np.eye(4, dtype=np.float32)]},
]
KERNEL = RANDOM.normal(size=[3, 2, 3, 4]).astype(np.float32)
CASES += [
    {"op": "image_conv", "function": partial(ops.image_conv, kernel=KERNEL, padding=padding),
     "inputs": [IMAGE], "dynamic": dynamic, "onnx": True}
    for padding, dynamic in (("VALID", (0,)), ("SAME", (0, 1, 2)))
]
