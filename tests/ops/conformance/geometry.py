"""Two views, cameras, matches and point sets."""

from functools import partial

import numpy as np

from tfvision import ops

RANDOM = np.random.default_rng(0)


def single(*shape, low=-1.0, high=1.0):
    return RANDOM.uniform(low, high, shape).astype(np.float32)


def two_views(b, n, noise=0.01):
    """Matches of random scenes seen by two cameras, calibrated."""
    world = single(b, n, 3) + np.float32([0, 0, 4])
    turn, shift = np.float32([[0.8, 0, 0.6], [0, 1, 0], [-0.6, 0, 0.8]]), np.float32([2, 0.5, 1])
    seen = (world - np.float32([0, 0, 4])) @ turn.T + shift + np.float32([0, 0, 4])
    points = [x[..., :2] / x[..., 2:] + noise * single(b, n, 2) for x in (world, seen)]
    return [x.astype(np.float32) for x in points]


WEIGHTS = single(3, 30) * (single(3, 30) > -0.5)  # Negative and zero ones, too.
CASES = [
    {"op": "weighted_eight_point", "function": ops.weighted_eight_point,
     "inputs": [*two_views(3, 30), WEIGHTS], "dynamic": (0, 1), "atol": 1e-4, "onnx": True},
]
CASES += [
    {"op": "epipolar_distance", "function": partial(ops.epipolar_distance, kind=kind),
     "inputs": [*two_views(2, 9), single(2, 3, 3)], "onnx": True}
    for kind in ("symmetric", "sampson")
]
INTRINSICS = np.float32([[[500, 3, 320], [0, 480, 240], [0, 0, 1]]] * 2)
POSES = np.float32([np.eye(3, 4)] * 2) + 0.1 * single(2, 3, 4)
CASES += [
    {"op": "project", "function": ops.project, "atol": 1e-3, "onnx": True,
     "inputs": [single(2, 5, 3) + np.float32([0, 0, 4]), INTRINSICS, POSES]},
    {"op": "project", "function": ops.project, "onnx": True,
     "inputs": [np.zeros([2, 1, 3], np.float32), INTRINSICS, np.float32([np.eye(3, 4)] * 2)]},
    {"op": "back_project", "function": ops.back_project, "onnx": True,
     "inputs": [single(2, 6, 7, low=1, high=5), INTRINSICS]},
    {"op": "rotation_from_axis_angle", "function": ops.rotation_from_axis_angle, "onnx": True,
     "inputs": [np.concatenate([single(4, 3, high=3), np.zeros([2, 3], np.float32)])]},
    {"op": "rotation_from_quaternion", "function": ops.rotation_from_quaternion, "onnx": True,
     "inputs": [np.concatenate([single(4, 4), np.zeros([2, 4], np.float32)])]},
    {"op": "rotation_from_6d", "function": ops.rotation_from_6d, "onnx": True,
     "inputs": [np.concatenate([single(4, 6), np.zeros([2, 6], np.float32)])]},
]
PAIR = [single(2, 12, 8), single(2, 15, 8)]
CASES += [
    {"op": "match", "function": partial(ops.match, **options), "inputs": PAIR,
     "dynamic": (0, 1), "onnx": True}
    for options in ({}, {"ratio": 0.9, "mutual": True, "max_distance": 1.5})
]
CASES += [
    {"op": "farthest_point_sampling", "function": partial(ops.farthest_point_sampling, count=5),
     "inputs": [points], "dynamic": (0, 1), "onnx": True}
    for points in (single(3, 20, 3), np.ones([2, 4, 3], np.float32), single(2, 1, 3))
]
CASES += [
    {"op": "in_unit_sphere", "function": ops.in_unit_sphere, "inputs": [points],
     "dynamic": (0, 1), "onnx": True}
    for points in (single(3, 20, 3), single(2, 9, 2, low=5, high=6), np.ones([2, 4, 3], np.float32))
]
CASES += [
    {"op": "along_axes", "function": ops.along_axes, "atol": 1e-4, "onnx": True,
     "inputs": [np.exp(single(3, 40, 3)) * np.float32([1, 3, 2])], "dynamic": (0, 1)},
]
