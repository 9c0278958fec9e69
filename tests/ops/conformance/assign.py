"""Which object a box stands for; images on a canvas."""

from functools import partial

import numpy as np

from tfvision import ops

RANDOM = np.random.default_rng(0)
CORNER = RANDOM.uniform(0, 60, [2, 40, 2])
BOXES = np.concatenate([CORNER, CORNER + RANDOM.uniform(2, 40, [2, 40, 2])], -1).astype(np.float32)
OBJECTS = BOXES[:, :6] + 3
REAL = np.array([[True] * 4 + [False] * 2, [False] * 6])
IOU = RANDOM.random([2, 40, 6], np.float32).round(1)  # Ties among them.
NUMBERS = RANDOM.random([2, 40], np.float32)
INDICES = np.int32([[3, -1, 0, 39], [-1, -1, 5, 5]])


def case(op, *inputs, function=None, dynamic=(0, 1)):
    return {"op": op, "function": function or getattr(ops, op), "inputs": list(inputs),
            "dynamic": dynamic, "onnx": True}


def subset(candidates, numbers):
    return ops.random_subset(candidates > 0.5, 7, numbers)


CASES = [
    case("overlaps", BOXES, OBJECTS, REAL), case("covered", BOXES, OBJECTS, REAL),
    case("best_object", IOU), case("is_best_box", IOU),
    case("random_subset", NUMBERS, NUMBERS[::-1].copy(), function=subset),
    case("letterbox", RANDOM.random([2, 20, 33, 3], np.float32), dynamic=(0, 1, 2),
         function=partial(ops.letterbox, size=(16, 24), fill=0.5)),
    case("letterbox", RANDOM.random([1, 7, 5, 1], np.float32), dynamic=(0, 1, 2),
         function=partial(ops.letterbox, size=(16, 24))),
    case("take", BOXES, INDICES), case("take", NUMBERS, INDICES),
    case("take", np.zeros([2, 0, 4], np.float32), INDICES * 0 - 1,
         function=ops.take),
]
