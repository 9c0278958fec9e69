"""Reads at any points, the grids that say where, splines, and warps of whole images."""

from functools import partial

import numpy as np

from tfvision import ops

RANDOM = np.random.default_rng(0)
IMAGE = RANDOM.random([2, 9, 7, 3], np.float32)
PIXEL = RANDOM.random([2, 1, 1, 5], np.float32)
BAD = np.float32([[np.nan, np.inf], [-np.inf, np.nan], [1e30, -1e30], [2, 3]])
CONTROLS = RANDOM.uniform(0, 6, [2, 6, 2]).astype(np.float32)
MOVED = CONTROLS + RANDOM.normal(0, 1, [2, 6, 2]).astype(np.float32)
LINE = np.float32([[[0, 0], [1, 1], [2, 2], [1, 1]]] * 2)
MATRICES = (np.eye(3) + RANDOM.uniform(-0.2, 0.2, [2, 3, 3])).astype(np.float32)


def points(*shape):
    return RANDOM.uniform(-3, 9, shape).astype(np.float32)


CASES = [
    {"op": "grid_sample", "function": partial(ops.grid_sample, padding=padding),
     "inputs": [image, at], "dynamic": (0, 1, 2), "onnx": True}
    for padding, image, at in (
        ("zeros", IMAGE, points(2, 5, 4, 2)), ("border", IMAGE, points(2, 5, 4, 2)),
        ("reflect", IMAGE, points(2, 5, 4, 2)), ("symmetric", IMAGE, points(2, 5, 4, 2)),
        ("reflect", PIXEL, points(2, 2, 3, 2)),
    )
]
CASES += [
    {"op": "grid_sample", "function": partial(ops.grid_sample, padding=padding),
     "inputs": [IMAGE, np.stack([BAD, BAD])]}
    for padding in ("zeros", "border")
]
CASES += [
    {"op": "points_from_normalised", "onnx": True,
     "function": lambda grid, align=align: ops.points_from_normalised(
         grid, (5, 4), align_corners=align),
     "inputs": [RANDOM.uniform(-1, 1, [2, 3, 4, 2]).astype(np.float32)], "dynamic": (0, 1, 2)}
    for align in (True, False)
]
CASES += [
    {"op": name, "inputs": [given], "atol": 1e-4, "onnx": True,
     "function": partial(
         getattr(ops, name), size=(6, 5), source_size=(9, 7), align_corners=align)}
    for name, given, align in (
        ("affine_grid", MATRICES[:, :2], True), ("projective_grid", MATRICES, False),
        ("thin_plate_spline_grid", RANDOM.normal(0, 0.2, [2, 4, 4, 2]).astype(np.float32), True),
    )
]
CASES += [
    {"op": "spline_interpolate", "atol": 1e-3, "onnx": True,
     "function": partial(ops.spline_interpolate, order=order, regularization=weight),
     "inputs": [train, train + 1, RANDOM.uniform(0, 6, [2, 7, 2]).astype(np.float32)],
     "dynamic": (0, 1)}
    for order, weight, train in (
        (1, 0.0, CONTROLS), (3, 0.1, CONTROLS), (2, 0.0, LINE), (2, 0.0, LINE[:, :1]),
    )
]
FLOW = RANDOM.normal(0, 3, [2, 9, 7, 2]).astype(np.float32)
CASES += [
    {"op": "dense_image_warp", "function": ops.dense_image_warp, "inputs": [IMAGE, FLOW],
     "dynamic": (0, 1, 2), "onnx": True},
    {"op": "sparse_image_warp", "function": ops.sparse_image_warp, "atol": 1e-3,
     "inputs": [IMAGE, CONTROLS, MOVED]},
    {"op": "sparse_image_warp", "function": partial(ops.sparse_image_warp, boundary_points=2),
     "inputs": [IMAGE, CONTROLS, MOVED], "atol": 1e-3},
    {"op": "rotate", "function": partial(ops.rotate, interpolation="bilinear"), "onnx": True,
     "inputs": [IMAGE, np.float32([0.3, -2])]},
    {"op": "rotate", "function": ops.rotate, "inputs": [IMAGE, np.float32([0.3, -2])],
     "onnx": True},
    {"op": "disparity_warp", "function": ops.disparity_warp, "inputs": [IMAGE, FLOW[..., 0]],
     "dynamic": (0, 1, 2), "onnx": True},
]
