"""Attacks on a linear classifier with kinks, all of whose gradients can be exported."""

from functools import partial

import numpy as np
import tensorflow as tf

from tfvision import ops

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=[5, 4]).astype(np.float32)
W, V = RANDOM.normal(size=[4, 8]).astype(np.float32), RANDOM.normal(size=[8, 3]).astype(np.float32)


class Network:
    """Two layers, with the way back written out."""

    def __call__(self, x):
        return self.linearise(x)[0]

    def linearise(self, x):
        hidden = tf.matmul(x, W)
        mask = tf.cast(hidden > 0, tf.float32)
        return tf.matmul(hidden * mask, V), lambda change: tf.matmul(
            tf.matmul(change, V, transpose_b=True) * mask, W, transpose_b=True
        )


CASES = [
    {"op": "deepfool", "function": partial(ops.deepfool, Network(), norm=norm), "inputs": [X],
     "onnx": norm == "l2"}
    for norm in ("l2", "linf")
]
CASES += [
    {"op": "fgsm", "function": partial(ops.fgsm, Network(), epsilon=0.1), "inputs": [X],
     "onnx": True},
    {"op": "pgd", "inputs": [X], "onnx": True,
     "function": partial(ops.pgd, Network(), epsilon=0.1, step=0.05, steps=3, clip=(-1.0, 1.0))},
]


def found_and_shortened(x):
    network = Network()
    return ops.shorten(network, x, ops.deepfool(network, x, overshoot=0.05), steps=4)


CASES += [{"op": "shorten", "function": found_and_shortened, "inputs": [X], "onnx": True}]
