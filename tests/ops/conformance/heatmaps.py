"""Heat maps, peaks, part affinity fields, structural similarity, Gram matrices, blur.

Inputs with NaN are not run by ONNX Runtime: its Where lets NaN of the other branch through.
"""

from functools import partial

import numpy as np

from tfvision import ops

RANDOM = np.random.default_rng(0)
NAN, INF = np.float32("nan"), np.float32("inf")
MAPS = RANDOM.normal(size=[2, 9, 7, 3]).astype(np.float32)
PLATEAUS = RANDOM.integers(0, 3, [2, 8, 9, 3]).astype(np.float32)
PIXELS = RANDOM.random([2, 1, 1, 3], np.float32)
HOSTILE = np.stack([np.full([4, 5], v, np.float32) for v in (-INF, 0, 1e30)], -1)[None]
SPECKLED = np.where(RANDOM.random([2, 6, 6, 2]) < 0.3, NAN, MAPS[:, :6, :6, :2])
IMAGES = [RANDOM.random([2, 13, 12, 3], np.float32) for _ in range(2)]


def points(*shape):
    return RANDOM.uniform(-1, 8, shape).astype(np.float32)


PEOPLE, OTHERS = points(2, 3, 4, 2), points(2, 3, 4, 2)
LOST = np.where(RANDOM.random([2, 3, 4, 1]) < 0.3, NAN, PEOPLE)
SEEN = RANDOM.integers(0, 3, [2, 3, 4]).astype(np.int32)
FIELD = RANDOM.normal(size=[2, 6, 7, 2, 2]).astype(np.float32)
BEGINS, ENDS = points(2, 2, 4, 2), points(2, 2, 5, 2)
BEGINS[:, :, 1], ENDS[:, :, 2], BEGINS[:, :, 3] = -1, -1, ENDS[:, :, 3]
LOST_ENDS = np.where(ENDS < 1, NAN, ENDS)

CASES = [
    {"op": "soft_argmax", "function": partial(ops.soft_argmax, beta=beta), "inputs": [scores],
     "dynamic": (0, 1, 2), "atol": 2e-5, "onnx": True}
    for scores, beta in ((MAPS, 1.0), (MAPS[..., :1], 5.0), (PIXELS, 1.0))
]
CASES += [{"op": "soft_argmax", "function": ops.soft_argmax, "inputs": [HOSTILE]}]
CASES += [
    {"op": "local_maxima", "function": partial(ops.local_maxima, radius=radius, threshold=0.2),
     "inputs": [scores], "dynamic": (0, 1, 2), "onnx": True}
    for scores, radius in ((MAPS, 1), (PLATEAUS, 3), (PIXELS, 2), (MAPS, 0))
]
CASES += [{"op": "local_maxima", "function": ops.local_maxima, "inputs": [SPECKLED]}]
CASES += [
    {"op": "heatmap_peaks",
     "function": partial(ops.heatmap_peaks, count=5, radius=1, threshold=0.1, refine=refine),
     "inputs": [scores], "dynamic": (0, 1, 2), "onnx": True}
    for scores, refine in (
        (MAPS, None), (MAPS, "quarter"), (MAPS, "parabola"), (MAPS, "gaussian"),
        (MAPS, "centroid"), (PIXELS, "parabola"), (PIXELS, "centroid"),
    )
]
CASES += [
    {"op": "heatmap_peaks", "function": partial(ops.heatmap_peaks, count=50), "inputs": [PLATEAUS],
     "dynamic": dynamic, "onnx": True}
    for dynamic in ((0,), (0, 1, 2))
]
CASES += [
    {"op": "render_heatmaps",
     "function": partial(ops.render_heatmaps, size=(6, 7), sigma=1.5, half=half), "inputs": [at],
     "dynamic": (0, 1), "onnx": at is not LOST}
    for at, half in ((PEOPLE, True), (PEOPLE[:, 0], False), (LOST, True))
]
CASES += [
    {"op": "render_heatmaps", "onnx": True,
     "function": lambda at, seen: ops.render_heatmaps(
         at, size=(6, 7), sigma=1.5, visible=seen, background=True),
     "inputs": [PEOPLE, SEEN], "dynamic": (0, 1)}
]
CASES += [
    {"op": "render_pafs", "function": partial(ops.render_pafs, size=(6, 7), width=1.2),
     "inputs": [begin, OTHERS], "dynamic": (0, 1), "onnx": begin is not LOST}
    for begin in (PEOPLE, LOST, OTHERS)
]
CASES += [
    {"op": name, "function": partial(getattr(ops, name), samples=samples),
     "inputs": [FIELD, BEGINS, ends], "dynamic": (0, 2), "onnx": ends is ENDS}
    for name, samples, ends in (
        ("paf_scores", 10, ENDS), ("paf_scores", 5, LOST_ENDS), ("paf_samples", 1, ENDS),
    )
]
CASES += [
    {"op": "ssim", "function": partial(ops.ssim, window=window, padding=padding), "inputs": IMAGES,
     "dynamic": (0, 1, 2), "onnx": True}
    for window in ("average", "gaussian")
    for padding in ("valid", "same")
]
CASES += [
    {"op": "ssim", "function": partial(ops.ssim, padding="same"), "inputs": [PIXELS, PIXELS / 2],
     "atol": 2e-4},
    {"op": "gram", "function": ops.gram, "inputs": [MAPS], "dynamic": (0, 1, 2), "onnx": True},
    {"op": "gram", "function": ops.gram, "inputs": [PIXELS]},
]
CASES += [
    {"op": "gaussian_blur", "function": partial(ops.gaussian_blur, sigma=1.3, padding=padding),
     "inputs": [image], "dynamic": (0, 1, 2), "onnx": True}
    for image, padding in (
        (IMAGES[0], "reflect"), (IMAGES[0], "symmetric"), (IMAGES[0], "border"),
        (IMAGES[0], "zeros"), (PIXELS, "reflect"), (PIXELS, "zeros"),
    )
]
