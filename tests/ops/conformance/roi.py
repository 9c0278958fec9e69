"""Boxes on maps, masks, pooling with switches."""

from functools import partial

import numpy as np

from tfvision import ops

RANDOM = np.random.default_rng(0)
MAP = RANDOM.random([2, 9, 7, 3], np.float32)
TINY = RANDOM.random([2, 1, 1, 3], np.float32)


def boxes(count, side):
    """[2, count, 4]: all sizes, some partly or wholly outside a map of `side` px."""
    corner = RANDOM.uniform(-0.3 * side, side, [2, count, 2])
    extent = np.exp(RANDOM.uniform(0, np.log(side), [2, count, 2]))
    return np.concatenate([corner, corner + extent], -1).astype(np.float32)


HARD = np.array(
    [[[3, 3, 3, 3], [9, 8, 2, 1], [np.nan, 0, 4, 4], [0, -np.inf, 4, 4], [1e30, 0, 2e30, 4],
      [-90, -90, -80, -80], [-5, -5, 70, 70]]] * 2, np.float32,
)
ALL = np.concatenate([boxes(9, 36), HARD], 1)
NONE = np.zeros([2, 0, 4], np.float32)
align = partial(ops.roi_align, size=(3, 2), stride=4)
pool = partial(ops.roi_pool, size=(3, 2), stride=4)
SWITCHES = RANDOM.integers(0, 4, [2, 5, 4, 3]).astype(np.uint8)


def pyramid(fine, coarse, boxes):
    return ops.roi_align([fine, coarse], boxes, size=2, stride=(4, 8), canonical_size=64)


CASES = [
    {"op": "roi_align", "function": align, "inputs": [MAP, ALL], "dynamic": (0, 1, 2)},
    {"op": "roi_align", "function": align, "inputs": [MAP, NONE], "dynamic": (0, 1, 2)},
    {"op": "roi_align", "function": align, "inputs": [TINY, HARD], "onnx": True},
    {"op": "roi_align", "function": pyramid, "inputs": [MAP, MAP[:, :4, :4], ALL], "onnx": True},
    {"op": "roi_pool", "function": pool, "inputs": [MAP, ALL], "dynamic": (0, 1, 2)},
    {"op": "roi_pool", "function": pool, "inputs": [MAP, NONE], "dynamic": (0, 1, 2)},
    {"op": "roi_pool", "function": pool, "inputs": [TINY, HARD], "onnx": True},
    {"op": "max_pool_with_switches", "function": ops.max_pool_with_switches, "inputs": [MAP],
     "dynamic": (0, 1, 2), "onnx": True},
    {"op": "max_pool_with_switches", "function": ops.max_pool_with_switches, "inputs": [TINY]},
    {"op": "unpool", "function": partial(ops.unpool, size=(9, 7)), "onnx": True,
     "inputs": [MAP[:, :5, :4], SWITCHES], "dynamic": (0, 1, 2)},
]
SQUARES = RANDOM.random([2, 14, 6, 5], np.float32)
INDICES = np.array([[0, 1, 1, -1, 7, 0, 1], [1, 0, -3, 2, 1, 1, 0]], np.int32)
PICTURES = (RANDOM.random([2, 2, 36, 28]) < 0.5).astype(np.uint8)
CASES += [
    {"op": "paste_masks", "function": partial(ops.paste_masks, size=(12, 17), threshold=threshold),
     "inputs": [masks, chosen], "dynamic": (0, 1), "onnx": threshold is None}
    for masks, chosen, threshold in (
        (SQUARES, np.concatenate([boxes(7, 15), HARD], 1), None), (SQUARES[:, :0], NONE, 0.5),
    )
]
CASES += [
    {"op": "crop_masks", "function": partial(ops.crop_masks, size=4, threshold=threshold),
     "inputs": [PICTURES, chosen, INDICES], "onnx": threshold is None}
    for chosen, threshold in ((HARD, None), (boxes(7, 30), 0.5))
]
