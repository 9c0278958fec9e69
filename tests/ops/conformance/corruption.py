"""Corruptions; their noise is an input."""

from functools import partial

import numpy as np

from tfvision import ops

RANDOM = np.random.default_rng(1)
X, UNIFORM = RANDOM.random([2, 2, 5, 4, 3], np.float32)
NORMAL = RANDOM.standard_normal([2, 5, 4, 3], np.float32)

CASES = [
    {"op": "mask_out", "function": partial(ops.mask_out, share=0.4), "inputs": [X, UNIFORM],
     "dynamic": (0, 1, 2), "onnx": True},
    {"op": "salt_and_pepper", "function": partial(ops.salt_and_pepper, share=0.4),
     "inputs": [X, UNIFORM], "dynamic": (0, 1, 2), "onnx": True},
    {"op": "add_gaussian", "function": partial(ops.add_gaussian, sigma=0.4),
     "inputs": [X, NORMAL], "dynamic": (0, 1, 2), "onnx": True},
]
